/* A participant that behaves as the Python program does. */
#include "python.h"

#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <sodium.h>

#include "sync/doc/snapshot.h"

struct python_row {
	char *path;
	mf_immdir base; /* the snapshot it is at; "": none */
	bool there;     /* st is what the file was like */
	mf_stat st;
	bool stuck;
};

static struct python_row *
find(const struct python *py, const char *path)
{
	for (size_t i = 0; i < py->n_row; i++)
		if (strcmp(py->row[i].path, path) == 0)
			return &py->row[i];
	return NULL;
}

static struct python_row *
row_of(struct python *py, const char *path)
{
	struct python_row *r = find(py, path);

	if (r != NULL)
		return r;
	py->row = mf_realloc_array(py->row, py->n_row + 1, sizeof(*py->row));
	r = &py->row[py->n_row++];
	*r = (struct python_row){.path = mf_strdup(mf_strz(path))};
	return r;
}

static bool
look(struct python *py, const char *path, mf_stat *st)
{
	return sim_stat(py->m.h, cast_path(path), st) && st->kind == MF_KIND_FILE;
}

/* Size and both times, as it keeps them: a touch is a change. */
static bool
as_left(struct python *py, const struct python_row *r)
{
	mf_stat st;
	bool there = look(py, r->path, &st);

	return there == r->there &&
		(!there || (st.size == r->st.size && st.mtime_ns == r->st.mtime_ns && st.ctime_ns == r->st.ctime_ns));
}

static void
note(struct python *py, struct python_row *r, const mf_immdir *base)
{
	r->base = *base;
	r->there = look(py, r->path, &r->st);
}

/* ---- to the grid ---- */

static void
mangle(const char *path, mf_buf *out)
{
	for (; *path != '\0'; path++) {
		if (*path == '/')
			mf_buf_addz(out, "@_");
		else if (*path == '@')
			mf_buf_addz(out, "@@");
		else
			mf_buf_addc(out, *path);
	}
}

/* One write of its directory for one file. */
static void
link_it(struct python *py, const char *path, const mf_immdir *cap)
{
	struct mf_grid *g = sim_grid_of(py->m.h);
	mf_buf name = {0};

	mangle(path, &name);
	mf_link link = {.name = mf_buf_str(&name), .cap = mf_strz(cap->text)};
	cr_assert(g->ops->update(g, &py->dir, &link, 1, NULL, NULL, NULL) == MF_OK);
	mf_buf_free(&name);
}

static mf_filecap
put(struct python *py, mf_str bytes)
{
	struct mf_grid *g = sim_grid_of(py->m.h);
	mf_source src = mf_source_mem(bytes.p, bytes.n);
	mf_filecap cap;

	cr_assert(g->ops->put(g, &src, &cap, NULL, NULL) == MF_OK);
	return cap;
}

/* What is at its path now; without the keys that are ours alone, mf_snapshot_document() writes what Python writes. */
static void
publish(struct python *py, struct python_row *r)
{
	struct mf_grid *g = sim_grid_of(py->m.h);
	mf_buf bytes = {0}, doc = {0}, store = {0};
	struct mf_env *env = sim_env_of(py->m.h);
	int64_t now_s = env->ops->now_ns(env) / 1000000000;
	mf_snapshot s = {.relpath = r->path, .author = (char *)(uintptr_t)py->m.name, .has_mtime = true};
	mf_link links[2];
	mf_immdir cap;
	mf_stat st;

	memcpy(s.author_key, py->key, sizeof(s.author_key));
	s.deletion = !look(py, r->path, &st);
	s.mtime_s = s.deletion ? now_s : st.mtime_ns / 1000000000;
	s.parents = &r->base;
	s.n_parents = r->base.text[0] != '\0';
	if (!s.deletion) {
		(void)sim_read(py->m.h, cast_path(r->path), &bytes);
		s.content = put(py, mf_buf_str(&bytes));
	}
	mf_snapshot_document(&s, &doc);
	s.metadata_cap = put(py, mf_buf_str(&doc));
	mf_snapshot_links(&s, py->seed, now_s, links, &store);
	cr_assert(g->ops->put_dir(g, links, 2, &cap, NULL, NULL) == MF_OK);
	link_it(py, r->path, &cap);
	note(py, r, &cap);
	py->published++;
	mf_buf_free(&bytes);
	mf_buf_free(&doc);
	mf_buf_free(&store);
}

static void
each_file(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	struct python *py = arg;

	(void)st;
	(void)content;
	if (strstr(relpath, ".conflict-") == NULL)
		(void)row_of(py, relpath);
}

/* A row without a file and without a snapshot is one whose conflict was put out of the database. */
void
python_scan(struct python *py)
{
	sim_walk(py->m.h, CAST_DIR, each_file, py);
	for (size_t i = 0; i < py->n_row; i++) {
		struct python_row *r = &py->row[i];
		mf_stat st;
		if (!r->stuck && !as_left(py, r) && (look(py, r->path, &st) || r->base.text[0] != '\0'))
			publish(py, r);
	}
}

/* ---- from the grid ---- */

static void
read_content(struct python *py, const mf_snapshot *s, mf_buf *out)
{
	cr_assert(sim_peek_file(py->m.cast->w, mf_strz(s->content.text), out) == MF_OK, "%s", s->relpath);
}

/* Is there a directory for it, or none yet?  B14: a file in its place stops the poller. */
static bool
has_room(struct python *py, const char *path)
{
	char dir[256];
	mf_stat st;

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		if (sim_stat(py->m.h, cast_path(dir), &st) && st.kind != MF_KIND_DIR)
			return false;
	}
	return !sim_stat(py->m.h, cast_path(path), &st) || st.kind == MF_KIND_FILE;
}

static void
place(struct python *py, const char *path, const mf_snapshot *s)
{
	char *dir = mf_strdup(mf_strz(path)), *slash = strrchr(dir, '/');
	mf_buf bytes = {0};

	if (slash != NULL) {
		*slash = '\0';
		sim_mkdirs(py->m.h, cast_path(dir));
	}
	read_content(py, s, &bytes);
	sim_write(py->m.h, cast_path(path), bytes.p, bytes.n);
	mf_buf_free(&bytes);
	free(dir);
}

static void
conflict(struct python *py, struct python_row *r, const mf_snapshot *s, const char *participant)
{
	char marker[300];

	sim_trace(py->m.cast->w, "%s is in conflict at %s", py->m.name, r->path);
	py->conflicts++;
	r->stuck = true;
	py->hung |= s->deletion;
	if (s->deletion)
		return;
	(void)snprintf(marker, sizeof(marker), "%s.conflict-%s", r->path, participant);
	place(py, marker, s);
}

static void
take(struct python *py, struct python_row *r, const mf_immdir *cap, const mf_snapshot *s)
{
	sim_trace(py->m.cast->w, "%s takes %s", py->m.name, r->path);
	if (s->deletion) {
		(void)cast_remove(&py->m, r->path);
	} else {
		place(py, r->path, s);
		sim_touch(py->m.h, cast_path(r->path), s->mtime_s * 1000000000);
	}
	note(py, r, cap);
	link_it(py, r->path, cap);
	py->applied++;
}

static bool
is_past(struct python *py, const mf_immdir *old, const mf_immdir *of)
{
	bool is = false;
	mf_err err = {0};

	cr_assert(cast_is_past(py->m.cast, old->text, of->text, &is, &err) == MF_OK, "%s", err.text);
	return is;
}

static void
each_entry(struct python *py, const mf_child *c, const char *participant)
{
	mf_immdir cap;
	mf_snapshot s;
	mf_stat st;
	mf_err err = {0};

	if (mf_str_eq(c->name, MF_STR("@metadata")))
		return;
	cr_assert(mf_immdir_parse(c->ro, &cap, &err) == MF_OK, "%s", err.text);
	cr_assert(cast_snapshot(py->m.cast, &cap, &s, &err) == MF_OK, "%s", err.text);
	struct python_row *r = row_of(py, s.relpath);
	bool fresh = r->base.text[0] == '\0';
	if (r->stuck || strcmp(r->base.text, cap.text) == 0 || (!fresh && is_past(py, &cap, &r->base)))
		; /* not looked at, or not news */
	else if (!has_room(py, s.relpath))
		r->stuck = py->hung = true;
	else if (fresh ? !sim_stat(py->m.h, cast_path(s.relpath), &st) : is_past(py, &r->base, &cap) && as_left(py, r))
		take(py, r, &cap, &s);
	else
		conflict(py, r, &s, participant);
	mf_snapshot_clear(&s);
}

void
python_poll(struct python *py, size_t first)
{
	struct cast *c = py->m.cast;

	for (size_t i = 0; i < c->n; i++) {
		struct member *m = &c->m[(first + i) % c->n];
		mf_listing l;
		if (m->reader || sim_peek_dir(c->w, &m->personal, &l) != MF_OK)
			continue;
		for (size_t k = 0; k < l.n && !py->hung; k++)
			each_entry(py, &l.child[k], m->name);
		mf_listing_free(&l);
	}
}

/* ---- its life ---- */

void
python_join(struct python *py, struct cast *c, const char *name)
{
	*py = (struct python){.m = {.cast = c, .name = name, .h = sim_host_new(c->w, name)}};
	sim_mkdirs(py->m.h, CAST_DIR);
	struct mf_env *env = sim_boot(py->m.h);
	struct mf_grid *g = sim_grid_of(py->m.h);
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	env->ops->random(env, py->seed, sizeof(py->seed));
	(void)crypto_sign_seed_keypair(py->key, secret, py->seed);
	cr_assert(g->ops->mkdir(g, &py->dir, NULL, NULL) == MF_OK);
	mf_dirwrite_read(&py->dir, &py->m.personal);
	cast_invite(c, name, &py->m.personal);
}

static void
each_marker(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	(void)st;
	(void)content;
	if (strstr(relpath, ".conflict-") != NULL)
		mf_buf_addf(arg, "%s\n", relpath);
}

void
python_mend(struct python *py, enum python_mend how)
{
	mf_buf names = {0};

	sim_walk(py->m.h, CAST_DIR, each_marker, &names);
	mf_buf_addc(&names, '\0');
	for (char *name = (char *)names.p, *end; (end = strchr(name, '\n')) != NULL; name = end + 1) {
		*end = '\0';
		(void)cast_remove(&py->m, name);
	}
	mf_buf_free(&names);
	for (size_t i = 0; i < py->n_row; i++) {
		struct python_row *r = &py->row[i];
		if (r->stuck && how == PYTHON_FORGET) {
			(void)cast_remove(&py->m, r->path);
			r->base = (mf_immdir){0};
			r->there = false;
		}
		r->stuck = false;
	}
	py->hung = false;
}

bool
python_is_stuck(const struct python *py)
{
	bool stuck = py->hung;

	for (size_t i = 0; i < py->n_row && !stuck; i++)
		stuck = py->row[i].stuck;
	return stuck;
}

void
python_end(struct python *py)
{
	for (size_t i = 0; i < py->n_row; i++)
		free(py->row[i].path);
	free(py->row);
	size_t left = sim_retire(py->m.h);
	cr_assert(left == 0, "%s left %zu handles open", py->m.name, left);
}
