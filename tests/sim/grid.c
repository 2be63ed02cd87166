/* struct mf_grid_ops on the objects in store.c, with faults. */
#include "store.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/base32.h"

enum { LIT_MAX = 55, CHUNK = 16384 };
#define TIMEOUT_NS 60000000000ll

static struct sim_env *
env_of(struct mf_grid *g)
{
	return (struct sim_env *)((char *)g - offsetof(struct sim_env, grid));
}

/* Before an operation: is it to fail?  *lose: do it, but say that it failed. */
static mf_code
enter(struct mf_grid *g, enum sim_op op, const char *cap, bool *lose, const mf_cancel *cancel, mf_err *err)
{
	static const mf_code ways[] = {MF_ENET, MF_EIO, MF_EFULL};
	struct sim_env *e = env_of(g);
	struct sim_world *w = e->host->world;
	const sim_trouble *t = &e->host->trouble;
	uint64_t *hits = e->host->hits;
	bool reads = op == SIM_GET || op == SIM_LIST_GRID;
	char hint[40] = "";

	if (cap != NULL)
		mf_cap_hint(mf_strz(cap), hint);
	if (mf_canceled(cancel))
		return mf_fail(err, MF_ECANCELED, 0, "canceled");
	int code = sim_gate(e, op, hint);
	if (code == SIM_TIMEOUT && e->running != NULL)
		e->running->ready_ns += TIMEOUT_NS;
	if (code == SIM_TIMEOUT)
		return mf_fail(err, MF_ENET, 0, "no answer within a minute");
	*lose = code == SIM_LOST_ANSWER;
	if (code != 0 && !*lose)
		return mf_fail(err, (mf_code)code, 0, "simulated failure of the grid");
	if (mf_canceled(cancel))
		return mf_fail(err, MF_ECANCELED, 0, "canceled");
	if (t->slow_ms != 0 && e->running != NULL) {
		e->running->ready_ns += (int64_t)sim_pick(w, t->slow_ms) * 1000000;
		hits[SIM_HIT_SLOW]++;
	}
	hits[SIM_HIT_CUT_OFF] += t->cut_off;
	if (t->cut_off)
		return mf_fail(err, MF_ENET, 0, "the grid cannot be reached");
	if (sim_lot(w, t->fail)) {
		hits[SIM_HIT_FAILED]++;
		return mf_fail(err, ways[sim_pick(w, reads ? 2 : 3)], 0, "the grid failed");
	}
	*lose |= !reads && sim_lot(w, t->lose_answer);
	return MF_OK;
}

static mf_code
leave(struct mf_grid *g, bool lose, mf_code rc, mf_err *err)
{
	if (rc != MF_OK || !lose)
		return rc;
	env_of(g)->host->hits[SIM_HIT_LOST_ANSWER]++;
	sim_trace(env_of(g)->host->world, "%s answer lost", env_of(g)->host->name);
	return mf_fail(err, MF_ENET, 0, "no answer");
}

/* ---- immutable objects ---- */

static void
sha(uint8_t out[32], const char *tag, const void *a, size_t an, const void *b, size_t bn)
{
	crypto_hash_sha256_state s;

	(void)crypto_hash_sha256_init(&s);
	(void)crypto_hash_sha256_update(&s, (const uint8_t *)tag, strlen(tag));
	(void)crypto_hash_sha256_update(&s, a, an);
	if (bn > 0)
		(void)crypto_hash_sha256_update(&s, b, bn);
	(void)crypto_hash_sha256_final(&s, out);
}

/* Key from the bytes of the first pass, hash from those of the second. */
static void
make_cap(const struct sim_env *e, enum mf_cap_kind kind, mf_str first, mf_str second, const mf_link *links, size_t n,
	char out[MF_CAP_MAX])
{
	mf_cap cap = {.kind = kind, .k = 1, .n = 1, .size = second.n};
	uint8_t key[32];

	sha(key, "simulated key:", e->host->convergence, sizeof(e->host->convergence), first.p, first.n);
	memcpy(cap.key, key, sizeof(cap.key));
	if (links != NULL && e->host->world->on_name != NULL)
		e->host->world->on_name(e->host->world->on_name_arg, links, n, cap.key);
	sha(cap.hash, "simulated hash:", cap.key, sizeof(cap.key), second.p, second.n);
	mf_cap_print(&cap, out);
}

static mf_code
read_all(const mf_source *src, mf_buf *out, const mf_cancel *cancel, mf_err *err)
{
	if (src->mem != NULL) {
		mf_buf_add(out, src->mem, src->size);
		return MF_OK;
	}
	mf_buf_reserve(out, src->size + 1);
	while (out->n < src->size) {
		size_t n = src->size - out->n < CHUNK ? (size_t)(src->size - out->n) : CHUNK;
		if (mf_canceled(cancel))
			return mf_fail(err, MF_ECANCELED, 0, "canceled");
		mf_code rc = src->read(src->arg, out->n, out->p + out->n, n, err);
		if (rc != MF_OK)
			return rc;
		out->n += n;
	}
	return MF_OK;
}

static void
keep_file(struct sim_world *w, const char *cap, mf_str content)
{
	struct sim_object *o = sim_store_add(w, cap, SIM_FILE);

	if (o != NULL)
		mf_buf_adds(&o->data, content);
}

static mf_code
op_put(struct mf_grid *g, const mf_source *src, mf_filecap *out, const mf_cancel *cancel, mf_err *err)
{
	struct sim_env *e = env_of(g);
	mf_buf first = {0}, second = {0};
	bool lose = false;
	mf_code rc = enter(g, SIM_PUT, NULL, &lose, cancel, err);

	if (rc == MF_OK)
		rc = read_all(src, &first, cancel, err);
	if (rc == MF_OK && src->size <= LIT_MAX) {
		memset(out, 0, sizeof(*out));
		int n = snprintf(out->text, sizeof(out->text), "URI:LIT:");
		mf_b32(out->text + n, first.p, first.n);
	} else if (rc == MF_OK) {
		rc = read_all(src, &second, cancel, err);
		if (rc == MF_OK && e->dead)
			rc = mf_fail(err, MF_ENET, 0, "the process is dead");
		if (rc == MF_OK) {
			make_cap(e, MF_CAP_CHK, mf_buf_str(&first), mf_buf_str(&second), NULL, 0, out->text);
			keep_file(e->host->world, out->text, mf_buf_str(&second));
		}
	}
	mf_buf_free(&first);
	mf_buf_free(&second);
	return leave(g, lose, rc, err);
}

static mf_code
op_get(struct mf_grid *g, const mf_filecap *cap, uint64_t off, uint64_t len, mf_sink *sink, void *arg,
	const mf_cancel *cancel, mf_err *err)
{
	mf_buf room = {0};
	mf_str all = {NULL, 0};
	bool lose;
	mf_code rc = enter(g, SIM_GET, cap->text, &lose, cancel, err);

	if (rc == MF_OK) {
		rc = sim_store_content(env_of(g)->host->world, cap->text, &room, &all);
		if (rc != MF_OK)
			(void)mf_fail(err, rc, 0, "no such object on the grid");
	}
	uint64_t end = off > all.n ? off : all.n - off < len ? all.n : off + len;
	while (rc == MF_OK && off < end) {
		size_t n = end - off < CHUNK ? (size_t)(end - off) : CHUNK;
		rc = mf_canceled(cancel) ? mf_fail(err, MF_ECANCELED, 0, "canceled") : sink(arg, all.p + off, n, err);
		off += n;
	}
	mf_buf_free(&room);
	return rc;
}

static mf_code
op_same(struct mf_grid *g, const mf_filecap *cap, const mf_source *src, bool *same, const mf_cancel *cancel,
	mf_err *err)
{
	mf_buf room = {0}, bytes = {0};
	mf_str all = {NULL, 0};
	bool lose;
	mf_code rc = enter(g, SIM_GET, cap->text, &lose, cancel, err);

	if (rc == MF_OK)
		rc = sim_store_content(env_of(g)->host->world, cap->text, &room, &all);
	if (rc == MF_OK)
		rc = read_all(src, &bytes, cancel, err);
	*same = rc == MF_OK && mf_str_eq(all, mf_buf_str(&bytes));
	mf_buf_free(&room);
	mf_buf_free(&bytes);
	return rc;
}

static mf_code
op_put_dir(struct mf_grid *g, const mf_link *links, size_t n, mf_immdir *out, const mf_cancel *cancel, mf_err *err)
{
	struct sim_env *e = env_of(g);
	struct sim_children l = {0};
	mf_buf packed = {0};
	bool lose = false;
	mf_code rc = enter(g, SIM_PUT_DIR, NULL, &lose, cancel, err);

	if (rc == MF_OK)
		rc = sim_children_of(links, n, &l, err);
	if (rc != MF_OK)
		return rc;
	memset(out, 0, sizeof(*out));
	(void)snprintf(out->text, sizeof(out->text), "URI:DIR2-LIT:");
	sim_children_pack(&l, &packed);
	if (n > 0)
		make_cap(e, MF_CAP_DIR2_CHK, mf_buf_str(&packed), mf_buf_str(&packed), links, n, out->text);
	mf_buf_free(&packed);
	struct sim_object *o = n == 0 ? NULL : sim_store_add(e->host->world, out->text, SIM_IMMDIR);
	if (o != NULL)
		o->now = l;
	else
		sim_children_free(&l);
	return leave(g, lose, MF_OK, err);
}

/* ---- mutable directories ---- */

static mf_code
op_mkdir(struct mf_grid *g, mf_dirwrite *out, const mf_cancel *cancel, mf_err *err)
{
	struct sim_env *e = env_of(g);
	mf_cap cap = {.kind = MF_CAP_DIR2};
	mf_dirread ro;
	bool lose = false;
	mf_code rc = enter(g, SIM_MKDIR_GRID, NULL, &lose, cancel, err);

	if (rc != MF_OK)
		return rc;
	sim_rng_fill(&e->rng, cap.key, sizeof(cap.key));
	sim_rng_fill(&e->rng, cap.hash, sizeof(cap.hash));
	mf_cap_print(&cap, out->text);
	mf_dirwrite_read(out, &ro);
	struct sim_object *o = sim_store_add(e->host->world, ro.text, SIM_DIR);
	return leave(g, lose, sim_store_update(e->host->world, o, NULL, 0, err), err);
}

static mf_code
read_dir(struct mf_grid *g, const char *cap, bool with_rw, const mf_dirver *known, bool *unchanged, mf_listing *out,
	const mf_cancel *cancel, mf_err *err)
{
	struct sim_world *w = env_of(g)->host->world;
	const sim_trouble *t = &env_of(g)->host->trouble;
	bool lose;
	mf_code rc = enter(g, SIM_LIST_GRID, cap, &lose, cancel, err);

	*out = (mf_listing){0};
	*unchanged = false;
	if (rc != MF_OK || strcmp(cap, "URI:DIR2-LIT:") == 0)
		return rc;
	const struct sim_object *o = sim_store_find(w, cap);
	if (o == NULL || o->kind == SIM_FILE)
		return mf_fail(err, MF_ENOTFOUND, 0, "no such directory on the grid");
	bool old = o->version_before.seqnum != 0 && (t->rolled_back || sim_lot(w, t->stale));
	env_of(g)->host->hits[SIM_HIT_STALE] += old;
	if (old)
		sim_trace(w, "%s reads a stale version", env_of(g)->host->name);
	out->version = old ? o->version_before : o->version;
	if (known != NULL && o->kind == SIM_DIR && memcmp(known, &out->version, sizeof(*known)) == 0) {
		*unchanged = true;
		return MF_OK;
	}
	return sim_children_list(old ? &o->before : &o->now, with_rw, out);
}

static mf_code
op_list(struct mf_grid *g, const mf_dirread *cap, const mf_dirver *known, bool *unchanged, mf_listing *out,
	const mf_cancel *cancel, mf_err *err)
{
	bool dummy;

	return read_dir(g, cap->text, false, known, unchanged == NULL ? &dummy : unchanged, out, cancel, err);
}

static mf_code
op_list_rw(struct mf_grid *g, const mf_dirwrite *cap, mf_listing *out, const mf_cancel *cancel, mf_err *err)
{
	mf_dirread ro;
	bool dummy;

	mf_dirwrite_read(cap, &ro);
	return read_dir(g, ro.text, true, NULL, &dummy, out, cancel, err);
}

static mf_code
op_update(struct mf_grid *g, const mf_dirwrite *cap, const mf_link *links, size_t n, mf_dirver *version,
	const mf_cancel *cancel, mf_err *err)
{
	struct sim_world *w = env_of(g)->host->world;
	const sim_trouble *t = &env_of(g)->host->trouble;
	mf_dirread ro;
	bool lose = false;

	mf_dirwrite_read(cap, &ro);
	mf_code rc = enter(g, SIM_UPDATE, ro.text, &lose, cancel, err);
	if (rc != MF_OK)
		return rc;
	struct sim_object *o = sim_store_find(w, ro.text);
	if (o == NULL || o->kind != SIM_DIR)
		return mf_fail(err, MF_ENOTFOUND, 0, "no such directory on the grid");
	if (version != NULL && version->seqnum != 0 && memcmp(version, &o->version, sizeof(*version)) != 0)
		return mf_fail(err, MF_ECHANGED, 0, "the directory is at another version");
	for (size_t i = 0; i < n; i++)
		if (t->refuse != NULL && mf_str_eq(links[i].name, mf_strz(t->refuse)))
			return mf_fail(err, MF_EINVAL, 0, "the grid refuses this name");
	rc = sim_store_update(w, o, links, n, err);
	for (size_t i = 0; i < n && rc == MF_OK; i++)
		sim_trace(w, "%s links %.*s", env_of(g)->host->name, (int)links[i].name.n, links[i].name.p);
	if (rc == MF_OK && version != NULL && !lose)
		*version = o->version;
	return leave(g, lose, rc, err);
}

static mf_code
op_renew(struct mf_grid *g, const mf_str *caps, size_t n, const mf_cancel *cancel, mf_err *err)
{
	bool lose;

	(void)caps;
	(void)n;
	return enter(g, SIM_GET, NULL, &lose, cancel, err);
}

static mf_code
op_status(struct mf_grid *g, mf_grid_status *out, const mf_cancel *cancel, mf_err *err)
{
	const struct sim_env *e = env_of(g);

	*out = (mf_grid_status){.connected = e->host->trouble.cut_off ? 0 : 1, .wanted = 1};
	out->happy = out->connected == 1;
	(void)cancel;
	return e->dead ? mf_fail(err, MF_ENET, 0, "the process is dead") : MF_OK;
}

static mf_code
op_nudge_path(struct mf_grid *g, const mf_dirread *cap, char *out, size_t size, mf_err *err)
{
	mf_cap parsed;
	uint8_t si[16];
	char text[MF_B32_LEN(sizeof(si)) + 1];

	if (env_of(g)->host->world->no_nudges || mf_cap_parse(mf_strz(cap->text), &parsed, NULL) != MF_OK ||
		!mf_cap_is_mutable(parsed.kind) || !mf_cap_storage_index(&parsed, si))
		return mf_fail(err, MF_ENOTFOUND, 0, "nothing to watch");
	mf_b32(text, si, sizeof(si));
	if ((size_t)snprintf(out, size, SIM_NUDGE_DIR "%s", text) >= size)
		return mf_fail(err, MF_EINVAL, 0, "no room for the path");
	return MF_OK;
}

static void
op_close(struct mf_grid *g)
{
	(void)g; /* it lives as long as its process */
}

const struct mf_grid_ops sim_grid_ops = {
	.put = op_put,
	.get = op_get,
	.same = op_same,
	.put_dir = op_put_dir,
	.mkdir = op_mkdir,
	.list = op_list,
	.list_rw = op_list_rw,
	.update = op_update,
	.renew = op_renew,
	.status = op_status,
	.nudge_path = op_nudge_path,
	.close = op_close,
};
