/** @file
 * The objects of the simulated grid, by capability text.  Faults are none of its business. */
#ifndef MF_TESTS_SIM_STORE_H
#define MF_TESTS_SIM_STORE_H

#include "sim_int.h"

struct sim_child {
	char *name, *ro, *rw, *metadata;
};
struct sim_children {
	struct sim_child *c; /* sorted by name */
	size_t n;
};

enum sim_object_kind { SIM_FILE, SIM_IMMDIR, SIM_DIR };

struct sim_object {
	char cap[MF_CAP_MAX]; /* mutable directories: the read capability */
	enum sim_object_kind kind;
	mf_buf data;
	struct sim_children now, before;   /* before: a mutable directory's previous version */
	mf_dirver version, version_before; /* seqnum 0: there is none */
};

struct sim_object *sim_store_find(const struct sim_world *w, const char *cap);
/** NULL if there is one already. */
struct sim_object *sim_store_add(struct sim_world *w, const char *cap, enum sim_object_kind kind);

/** Children from links, whatever their `how`; names become NFC. */
mf_code sim_children_of(const mf_link *links, size_t n, struct sim_children *out, mf_err *err);
void sim_children_free(struct sim_children *l);
/** The bytes a real grid would store, about: size and identity of an immutable directory. */
void sim_children_pack(const struct sim_children *l, mf_buf *out);
mf_code sim_children_list(const struct sim_children *l, bool with_rw, mf_listing *out);
/** Writes a new version.  MF_EEXIST as in struct mf_grid_ops. */
mf_code sim_store_update(struct sim_world *w, struct sim_object *dir, const mf_link *links, size_t n, mf_err *err);
/** Content of a file, also of a literal; *out is borrowed from the store or from @p room. */
mf_code sim_store_content(const struct sim_world *w, const char *cap, mf_buf *room, mf_str *out);

#endif
