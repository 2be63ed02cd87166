/* Merkle trees in an array. */
#include "grid/lafs/merkle.h"

#include <stdio.h>

uint64_t
mf_merkle_width(uint64_t leaves)
{
	uint64_t width = 1;

	while (width < leaves)
		width *= 2;
	return width;
}

uint64_t
mf_merkle_nodes(uint64_t leaves)
{
	return 2 * mf_merkle_width(leaves) - 1;
}

unsigned
mf_merkle_depth(uint64_t leaves)
{
	unsigned depth = 0;

	for (uint64_t width = 1; width < leaves; width *= 2)
		depth++;
	return depth;
}

void
mf_merkle_fill(mf_node *tree, uint64_t leaves)
{
	uint64_t width = mf_merkle_width(leaves);

	for (uint64_t j = leaves; j < width; j++) {
		char index[24];
		int n = snprintf(index, sizeof(index), "%llu", (unsigned long long)j);
		mf_tag_hash(MF_TAG_EMPTY_LEAF, index, (size_t)n, tree[width - 1 + j]);
	}
	for (uint64_t i = width - 1; i-- > 0;)
		mf_node_hash(tree[2 * i + 1], tree[2 * i + 2], tree[i]);
}

bool
mf_merkle_whole(const mf_node *tree, uint64_t leaves)
{
	uint64_t width = mf_merkle_width(leaves);
	mf_node parent;

	for (uint64_t i = width - 1; i-- > 0;) {
		mf_node_hash(tree[2 * i + 1], tree[2 * i + 2], parent);
		if (memcmp(parent, tree[i], sizeof(parent)) != 0)
			return false;
	}
	return true;
}

unsigned
mf_merkle_chain(uint64_t leaves, uint64_t leaf, enum mf_chain_leaf with_leaf, uint32_t *out)
{
	uint64_t first = mf_merkle_width(leaves) - 1, i = first + leaf;
	unsigned n = 0;

	if (with_leaf == MF_CHAIN_WITH_LEAF && i == 0)
		out[n++] = 0;
	for (; i != 0; i = (i - 1) / 2) {
		uint64_t sibling = i % 2 == 1 ? i + 1 : i - 1;
		if (with_leaf == MF_CHAIN_WITH_LEAF && n == 0) {
			out[n++] = (uint32_t)(i > sibling ? i : sibling);
			out[n++] = (uint32_t)(i > sibling ? sibling : i);
		} else {
			out[n++] = (uint32_t)sibling;
		}
	}
	/* Found from the deepest level up, so descending: turn round. */
	for (unsigned a = 0, b = n; a + 1 < b; a++) {
		uint32_t t = out[a];
		out[a] = out[--b];
		out[b] = t;
	}
	return n;
}

static const mf_chain_node *
find(const mf_chain_node *chain, size_t n, uint64_t index)
{
	for (size_t i = 0; i < n; i++)
		if (chain[i].index == index)
			return &chain[i];
	return NULL;
}

bool
mf_merkle_climb(uint64_t leaves, uint64_t leaf, const mf_node hash, const mf_chain_node *chain, size_t n, mf_node root)
{
	uint64_t width = mf_merkle_width(leaves), i = width - 1 + leaf;
	const mf_chain_node *c;
	mf_node at;

	if (leaf >= width)
		return false;
	memcpy(at, hash, sizeof(at));
	for (;;) {
		c = find(chain, n, i);
		if (c != NULL && memcmp(c->hash, at, sizeof(at)) != 0)
			return false;
		if (i == 0)
			break;
		c = find(chain, n, i % 2 == 1 ? i + 1 : i - 1);
		if (c == NULL)
			return false;
		if (i % 2 == 1)
			mf_node_hash(at, c->hash, at);
		else
			mf_node_hash(c->hash, at, at);
		i = (i - 1) / 2;
	}
	memcpy(root, at, sizeof(at));
	return true;
}
