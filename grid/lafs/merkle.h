/** @file
 * Tahoe's Merkle trees (lafs.md 2.6): complete binary trees in an array, root first.
 *
 * P = smallest power of two >= leaves (1 for none); 2P-1 nodes; leaf j is node P-1+j; children of
 * node i are 2i+1 and 2i+2.  Leaves beyond the last are T("Merkle tree empty leaf", decimal index).
 * Pure; [any] thread. */
#ifndef MF_GRID_LAFS_MERKLE_H
#define MF_GRID_LAFS_MERKLE_H

#include "grid/lafs/hash.h"

enum {
	MF_MERKLE_DEPTH_MAX = 32, /**< levels below the root at most: leaves < 2^32 */
};

typedef uint8_t mf_node[MF_HASH_SIZE];

/** One node of a chain, as in a share: where it belongs and what it is. */
typedef struct mf_chain_node {
	uint32_t index;
	mf_node hash;
} mf_chain_node;

/** P for @p leaves (at most 2^32). */
uint64_t mf_merkle_width(uint64_t leaves);
/** 2P-1. */
uint64_t mf_merkle_nodes(uint64_t leaves);
/** log2(P). */
unsigned mf_merkle_depth(uint64_t leaves);

/** Fill a tree of mf_merkle_nodes(leaves) nodes whose first @p leaves leaves stand in their places. */
void mf_merkle_fill(mf_node *tree, uint64_t leaves);

/** True if every inner node is the hash of its children. */
bool mf_merkle_whole(const mf_node *tree, uint64_t leaves);

/** The uncle chain of leaf @p leaf in ascending order: which nodes prove it.  Without the root.
 *  @p with_leaf adds the leaf itself (node 0 if it is the only one).
 *  @param out room for MF_MERKLE_DEPTH_MAX + 1.
 *  @return how many. */
enum mf_chain_leaf { MF_CHAIN_WITHOUT_LEAF, MF_CHAIN_WITH_LEAF };
unsigned mf_merkle_chain(uint64_t leaves, uint64_t leaf, enum mf_chain_leaf with_leaf, uint32_t *out);

/** Climb from leaf @p leaf with hash @p hash to the root by the nodes of @p chain (any order, extra ones
 *  ignored unless they contradict: a node on the path must equal what was computed).
 *  @return false when a sibling is missing, a node contradicts or @p leaf is no leaf; then *root is undefined. */
bool mf_merkle_climb(
	uint64_t leaves, uint64_t leaf, const mf_node hash, const mf_chain_node *chain, size_t n, mf_node root);

#endif
