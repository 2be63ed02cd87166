/** @file
 * What others publish: participants and their directories, snapshots on their way into the index, whose keys count
 * (poll.c, peers.c, fetch.c, trust*.c). */
#ifndef MF_SYNC_REMOTE_REMOTE_H
#define MF_SYNC_REMOTE_REMOTE_H

#include "grid/grid.h"
#include "sync/remote/entryset.h"
#include "sync/state/state.h"

struct mf_folder;

/** A key that somebody would have instead of the one known. */
struct mf_changed {
	struct mf_changed *next;
	char *participant, *author;
	char *shown_by; /* whose directory; "": the Collective */
	uint8_t key[32];
	size_t files;
	int64_t since_ns;
	bool still;
};

/** A participant of the Collective as last read; name "" is ourselves. */
struct mf_peer {
	struct mf_peer *next;
	char *name;
	mf_dirread dir;
	bool listed;       /* in the Collective as last read */
	bool literal;      /* an immutable directory: read once, nothing changes there */
	bool read_once;    /* since start */
	bool again;        /* something in it could not be fetched: read it again although it did not change */
	bool nudged;       /* its changes wake us */
	mf_dirver version; /* that its entries were compared with; zero: none since start */
	mf_dirver seen;    /* the newest ever: an older one, or another of that number, is not believed */
	bool unread;       /* something in it could not be read, and may yet be */
	bool has_edge;     /* the Collective names its key */
	uint8_t edge[32];
	mf_entryset entries; /* taken into account */
};

/* poll.c, peers.c, fetch.c */
void mf_poll_start(struct mf_folder *f);
/** What an earlier run knew of people and of the Collective, so that no old copy is believed on the first day. */
void mf_poll_load(struct mf_folder *f);
/** The next poll comes when the interval and the last activity say so. */
void mf_poll_schedule(struct mf_folder *f);
/** [in a turn] */
void mf_poll_take_in(struct mf_folder *f);
/** The listings are taken in and everything new in them was fetched or failed. */
void mf_poll_ended(struct mf_folder *f);
/** Its listings were taken in. */
bool mf_poll_is_in(const struct mf_folder *f);
/** At close, no task is running any more: free a poll whose finds had not all arrived. */
void mf_poll_drop(struct mf_folder *f);
struct mf_peer *mf_peer_find(struct mf_folder *f, const char *name);
struct mf_peer *mf_peer_need(struct mf_folder *f, const char *name, const mf_dirread *dir);
void mf_peer_free(struct mf_peer *p);
void mf_peers_free(struct mf_folder *f);
/** An entry was taken into account: it is no news any more. */
void mf_peer_took(struct mf_folder *f, const char *name, mf_str entry, mf_str cap);
/** Everything in its directory is news again. */
void mf_peer_forget(struct mf_peer *p);
/** Compare a directory just read with what was taken into account; new entries go to mf_fetch_head(). */
void mf_peer_listed(struct mf_folder *f, struct mf_peer *peer, const mf_listing *l);
/** Those that an earlier run knew, so that they are read even while the Collective cannot be. */
void mf_peers_load(struct mf_folder *f);
/** It is no participant any more: its heads go. */
void mf_peer_gone(struct mf_folder *f, struct mf_peer *peer);
/** @p participant's directory shows @p cap under @p entry: make the snapshot known, then note the head. */
void mf_fetch_head(struct mf_folder *f, const char *participant, mf_str entry, mf_str cap);
/* trust.c, trust/settle.c, trust/people.c; in a turn but for the last two */

/** May a head count?  If not it is held back until its key is known. */
mf_code mf_trust_admit(struct mf_folder *f, const char *participant, mf_str entry, const mf_snap_row *row,
	bool *admitted, mf_err *err);
/** The directory was listed (NULL: is gone): what is held of it and no longer there is forgotten. */
void mf_trust_listed(struct mf_folder *f, const char *participant, const mf_listing *l);
/** Metadata of the participant's entry in the Collective. */
void mf_trust_edge(struct mf_folder *f, struct mf_peer *peer, mf_str metadata);
/** Everybody was looked at: give keys to people, let go what is known now, report the rest. */
void mf_trust_settle(struct mf_folder *f);
/** At the start: keys of what was accepted before keys were kept. */
mf_code mf_trust_load(struct mf_folder *f, mf_err *err);
/** Which keys have changed, as far as is known now; reported, or cleared.  Not only in turns. */
void mf_trust_review(struct mf_folder *f);
bool mf_trust_knows(struct mf_folder *f, const uint8_t key[32]);
bool mf_trust_has_key(struct mf_folder *f, const char *participant);
mf_code mf_trust_learn(struct mf_folder *f, const char *participant, const uint8_t key[32], const char *author,
	enum mf_key_how how, mf_err *err);
void mf_trust_release(struct mf_folder *f);
void mf_changed_free(struct mf_changed *c);
void mf_trust_free(struct mf_folder *f);
/** In a turn: note heads whose snapshots are complete. */
void mf_fetch_turn(struct mf_folder *f);
/** [in a turn] A snapshot that the databases name is not in the index (lost, or a power cut took its last
 *  transactions): get it from the grid, then plan @p relpath again.  If there is none on the grid either, it
 *  was never published: what was pending of the path is forgotten, and made again from the disk. */
void mf_fetch_missing(struct mf_folder *f, const char *relpath, const char *cap);
bool mf_fetch_idle(const struct mf_folder *f);
/** Is there an entry to be looked up, and not too much under way to begin with it? */
bool mf_fetch_has_room(const struct mf_folder *f);
void mf_fetch_free(struct mf_folder *f);

#endif
