/** @file
 * Whose signatures count: the rules of docs/identity.md.  Pure; the engine's side is in trust.c. */
#ifndef MF_SYNC_TRUST_TRUST_H
#define MF_SYNC_TRUST_TRUST_H

#include "sync/state/state.h"

/** What is known when a participant's directory shows a snapshot. */
typedef struct mf_trust_facts {
	bool known;    /**< its key is pinned, or was accepted before in another way, or is ours */
	bool is_self;  /**< it is our own directory */
	bool met;      /**< the directory was read through once before */
	bool has_key;  /**< the participant has a pinned key */
	bool own_name; /**< the snapshot's author is called as the participant is */
} mf_trust_facts;

enum mf_verdict {
	MF_TRUST_TAKE,  /**< nothing to be noted */
	MF_TRUST_LEARN, /**< take it; the key is known from now on, whosever it is */
	MF_TRUST_PIN,   /**< take it; the key is this participant's */
	MF_TRUST_HOLD,  /**< not before everybody's directory was looked at, or the user has said so */
};
enum mf_verdict mf_trust_judge(const mf_trust_facts *facts);

/** A key that is nobody's, as shown by a participant who has none. */
typedef struct mf_sighting {
	size_t who; /**< index of the participant */
	uint8_t key[32];
	const char *author; /**< lent */
} mf_sighting;

enum { MF_TRUST_NONE = -1 };
/** Give keys to those who have none, as far as it is clear whose each is.
 *  @param name   the participants without a key
 *  @param whose  set for each of them: index of a sighting of its key, or MF_TRUST_NONE. */
void mf_trust_assign(const char *const *name, size_t n_name, const mf_sighting *seen, size_t n_seen, long *whose);

/** Metadata of a participant's entry in the Collective that names its key. */
void mf_edge_of_key(const uint8_t key[32], mf_buf *out);
/** The key that such metadata names; false: none that is well-formed. */
bool mf_edge_key(mf_str metadata, uint8_t key[32]);

#endif
