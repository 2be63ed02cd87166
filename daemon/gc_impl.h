/** @file
 * What daemon/gc*.c share.
 *
 * A *node* is a snapshot; a *mark* is a storage index that stays.  Nodes are told apart by their whole capability:
 * somebody may link one with our storage index and a wrong hash, and the right one must be walked all the same. */
#ifndef MF_DAEMON_GC_IMPL_H
#define MF_DAEMON_GC_IMPL_H

#include "daemon/gc.h"

typedef struct gc_node {
	char *cap; /* URI:DIR2-CHK: */
	uint8_t si[MF_GC_SI];
	uint8_t content[MF_GC_SI];
	bool has_content;
	bool root;            /* a directory shows it, or a folder's own database names it */
	bool covered;         /* an ancestor of another root */
	bool walked, indexed; /* read from the grid; some index knows it, and so its whole ancestry */
	int64_t mtime_s;      /* as its document says */
	uint32_t *parent;
	size_t parents;
} gc_node;

typedef struct gc_marks {
	uint8_t (*slot)[MF_GC_SI]; /* open addressing; all zero: free */
	size_t n, cap;
	uint8_t hash_key[16];
} gc_marks;

struct gc_run {
	const mf_gc_conf *conf;
	struct mf_grid *grid;
	struct mf_gc *gc;
	gc_node *node;
	size_t n, room;
	uint32_t *table; /* node number + 1; open addressing by capability */
	size_t slots;
	uint8_t hash_key[16];
	uint32_t *todo; /* nodes to be walked */
	size_t n_todo, room_todo;
	gc_marks plain; /* reached otherwise than as a version's content */
	gc_marks kept;  /* all that stays: made by gc_decide() */
	char **told;    /* damage that was reported */
	size_t n_told;
	uint64_t read;
};

/* gc_graph.c */
enum gc_why { GC_INDEX, GC_ROOT }; /* named by an index only, or a root */
/** A capability of any kind that is reached: a snapshot becomes a node to be walked, anything else a mark. */
void gc_reach(struct gc_run *r, mf_str cap, enum gc_why why);
/** An index says what the content of a snapshot that it knows is. */
void gc_content(struct gc_run *r, mf_str snapshot, mf_str content);
/** Walk all snapshots that are reached. */
void gc_walk(struct gc_run *r);
/** Which storage indexes stay, by the nodes and the policy. */
void gc_decide(struct gc_run *r);
bool gc_stays(const struct gc_run *r, const uint8_t si[MF_GC_SI]);
void gc_free(struct gc_run *r);
/** Something cannot be read: reported once. */
void gc_damage(struct gc_run *r, const char *what, const mf_err *err);

/* gc_roots.c */
/** One configuration's folders: directories on the grid, databases.  @p dir absolute. */
mf_code gc_roots_of(struct gc_run *r, const char *dir, mf_err *err);
/** The lease secret of the configuration in @p dir. */
mf_code gc_secret_of(const char *dir, uint8_t out[32], mf_err *err);

#endif
