/** @file
 * The entries of one directory that were taken into account: name and capability of each, as two keyed hashes, in
 * about 21 bytes an entry.  Pure; [loop] only. */
#ifndef MF_SYNC_REMOTE_ENTRYSET_H
#define MF_SYNC_REMOTE_ENTRYSET_H

#include "base/buf.h"

struct mf_entry {
	uint64_t name; /* 0: the slot is empty */
	uint64_t cap;
};

/** Zero-initialised: empty. */
typedef struct mf_entryset {
	struct mf_entry *slot; /* open addressing by name; at most three quarters are taken */
	size_t n, room;
} mf_entryset;

/** Hashes of an entry under a key that nobody outside knows. */
struct mf_entry mf_entry_of(const uint8_t key[16], mf_str name, mf_str cap);
/** The entry of this name, whatever its capability; NULL: none. */
const struct mf_entry *mf_entryset_find(const mf_entryset *s, struct mf_entry e);
/** In place of the one of the same name, if there is one. */
void mf_entryset_put(mf_entryset *s, struct mf_entry e);
/** Make room for @p n entries in an empty set. */
void mf_entryset_size(mf_entryset *s, size_t n);
void mf_entryset_free(mf_entryset *s);

#endif
