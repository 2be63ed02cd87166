/* The stage: who moves, who reads what, and how snapshots are called. */
#include "tale.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "sync/local/rules.h"

enum { UNKNOWN_RANK = 25 };

void
tale_wrong(struct tale *t, const char *fmt, ...)
{
	va_list ap;

	if (t->wrong[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(t->wrong, sizeof(t->wrong), fmt, ap);
	va_end(ap);
}

/* ---- values ------------------------------------------------------------------------------------------------ */

tale_value
tale_value_of(const json_t *v)
{
	return json_is_string(v) ? (tale_value)strtoul(json_string_value(v) + 1, NULL, 10) : 0;
}

static tale_value
value_in(mf_str bytes)
{
	return bytes.n > 1 && bytes.p[0] == 'v' ? (tale_value)strtoul(bytes.p + 1, NULL, 10) : 0;
}

const char *
tale_file(const struct tale *t, const char *slot)
{
	static char name[4][64];
	static unsigned turn;
	char *s = name[turn++ % 4];

	(void)snprintf(s, sizeof(name[0]), slot == NULL ? "%s" : "%s.conflict-%s", t->path, slot);
	return s;
}

tale_value
tale_on_disk(struct tale *t, size_t i, const char *slot)
{
	mf_buf bytes = {0};
	tale_value v = 0;

	if (sim_read(t->who[i].m->h, cast_path(tale_file(t, slot)), &bytes))
		v = value_in(mf_buf_str(&bytes));
	mf_buf_free(&bytes);
	return v;
}

const char *
tale_text(tale_value v)
{
	static char text[128];

	(void)snprintf(
		text, sizeof(text), "v%u and so much more that it does not travel inside its capability .....", v);
	return text;
}

void
tale_write(struct tale *t, size_t i, const char *slot, tale_value v)
{
	if (v == 0)
		(void)cast_remove(t->who[i].m, tale_file(t, slot));
	else
		cast_write(t->who[i].m, tale_file(t, slot), tale_text(v));
}

/* ---- names of snapshots: the first character of the key is the rank in the trace's order --------------------- */

const char *
tale_label(const struct tale *t, const char *cap)
{
	const char *key = strstr(cap, "CHK:");
	const json_t *order = json_object_get(t->trace, "caps_ascending");

	if (cap[0] == '\0')
		return NULL;
	size_t rank = key == NULL ? UNKNOWN_RANK : (size_t)(key[4] - 'a');
	return rank < json_array_size(order) ? json_string_value(json_array_get(order, rank)) : "?";
}

static bool
is_it(struct tale *t, const json_t *v, const mf_snapshot *s, tale_value value)
{
	const json_t *parents = json_object_get(v, "parents");

	if (tale_value_of(json_object_get(v, "content")) != value ||
		strcmp(json_string_value(json_object_get(v, "author")), s->author) != 0 ||
		json_array_size(parents) != s->n_parents)
		return false;
	for (size_t i = 0; i < s->n_parents; i++) {
		bool there = false;
		for (size_t k = 0; k < json_array_size(parents); k++)
			there |= strcmp(json_string_value(json_array_get(parents, k)),
					 tale_label(t, s->parents[i].text)) == 0;
		if (!there)
			return false;
	}
	return true;
}

static size_t
rank_of(struct tale *t, const mf_snapshot *s)
{
	const json_t *order = json_object_get(t->trace, "caps_ascending"), *v, *id;
	mf_buf bytes = {0};
	tale_value value = 0;
	size_t i, rank, found = UNKNOWN_RANK;

	if (!s->deletion) {
		cr_assert(sim_peek_file(t->c.w, mf_strz(s->content.text), &bytes) == MF_OK);
		value = value_in(mf_buf_str(&bytes));
		mf_buf_free(&bytes);
	}
	json_array_foreach(json_object_get(t->trace, "snapshots"), i, v)
	{
		if (!is_it(t, v, s, value))
			continue;
		const char *name = json_string_value(json_object_get(v, "id"));
		json_array_foreach(order, rank, id) if (strcmp(json_string_value(id), name) == 0) found = rank;
	}
	return found;
}

static void
on_name(void *arg, const mf_link *links, size_t n, uint8_t key[16])
{
	struct tale *t = arg;
	mf_child child[2];
	mf_listing l = {.child = child, .n = n};
	mf_snapshot s = {0};
	mf_buf doc = {0};
	uint8_t signature[64];

	cr_assert(n == 2);
	for (size_t i = 0; i < n; i++)
		child[i] = (mf_child){.name = links[i].name, .ro = links[i].cap, .metadata = links[i].metadata};
	for (size_t i = 0; i < n; i++) {
		mf_cap cap = {.kind = MF_CAP_UNKNOWN};
		(void)mf_cap_parse(links[i].cap, &cap, NULL);
		child[i].kind = cap.kind;
	}
	key[0] = UNKNOWN_RANK << 3;
	if (mf_snapshot_dir(&l, &s, signature, NULL) == MF_OK &&
		sim_peek_file(t->c.w, mf_strz(s.metadata_cap.text), &doc) == MF_OK &&
		mf_snapshot_verify(&s, mf_buf_str(&doc), signature, NULL) == MF_OK && strcmp(s.relpath, t->path) == 0)
		key[0] = (uint8_t)(rank_of(t, &s) << 3);
	mf_snapshot_clear(&s);
	mf_buf_free(&doc);
}

/* Work ahead of a decision may store what is never linked; what is linked is in the trace. */
static void
on_link(void *arg, const char *name, const char *was, const char *now)
{
	struct tale *t = arg;

	(void)was;
	if (strcmp(name, t->path) == 0 && strcmp(tale_label(t, now), "?") == 0)
		tale_wrong(t, "%s: a snapshot is linked that the model never made", t->name);
}

/* ---- people ------------------------------------------------------------------------------------------------------ */

static void
on_op(void *arg, enum sim_op op, const char *what)
{
	struct member *m = arg;
	struct tale *t = m->tag;
	size_t me = (size_t)(m - t->c.m);
	char hint[40];

	if (op == SIM_UPDATE && t->who[me].reads)
		sim_fail_nth(m->h, SIM_UPDATE, 1, MF_ENET);
	for (size_t k = 0; op == SIM_LIST_GRID && k < t->n; k++) {
		if (k == me || (t->who[me].may_read >> k & 1) != 0)
			continue;
		mf_cap_hint(mf_strz(t->who[k].m->personal.text), hint);
		if (strcmp(hint, what) == 0)
			sim_fail_nth(m->h, SIM_LIST_GRID, 1, MF_ENET);
	}
}

static void
join(struct tale *t, const char *name, const char *kind)
{
	struct tale_person *x = &t->who[t->n++];

	x->python = strcmp(kind, "python") == 0;
	x->may_read = TALE_ALL;
	if (strcmp(kind, "read-only") == 0)
		x->m = cast_add_reader(&t->c, name);
	else
		x->m = cast_add(&t->c, name);
	x->m->tag = t;
	sim_run_for(t->c.w, 1000);
	sim_freeze(x->m->h, x->python); /* it never moves; the admin does until all have joined */
}

void
tale_begin(struct tale *t, const json_t *trace, uint64_t seed)
{
	const json_t *v;
	size_t i;

	*t = (struct tale){.trace = trace};
	cast_init(&t->c, seed);
	t->c.dark = true;
	json_array_foreach(json_object_get(trace, "participants"), i, v)
		join(t, json_string_value(json_object_get(v, "name")), json_string_value(json_object_get(v, "kind")));
	for (i = 0; i < t->n; i++) {
		if (!t->who[i].python)
			cast_poll(t->who[i].m);
		t->who[i].may_read = 0;
		sim_freeze(t->who[i].m->h, true);
	}
	sim_on_name(t->c.w, on_name, t);
	sim_on_link(t->c.w, on_link, t);
	for (i = 0; i < t->n; i++)
		sim_on_op(t->who[i].m->h, on_op, t->who[i].m);
}

void
tale_story(struct tale *t, const json_t *trace, const char *path)
{
	t->trace = trace;
	t->name = json_string_value(json_object_get(trace, "name"));
	t->wrong[0] = '\0';
	t->missed = 0;
	(void)snprintf(t->path, sizeof(t->path), "%s", path);
	for (size_t i = 0; i < t->n; i++) {
		t->who[i].p = 0;
		t->who[i].base = (mf_immdir){0};
		t->who[i].stuck = TALE_PY_OK;
	}
}

void
tale_end(struct tale *t)
{
	for (size_t i = 0; i < t->n; i++) {
		sim_freeze(t->who[i].m->h, false);
		sim_on_op(t->who[i].m->h, NULL, NULL);
		mf_buf_free(&t->who[i].state);
		mf_buf_free(&t->who[i].index);
	}
	cast_end(&t->c);
}

bool
tale_entry(struct tale *t, size_t i, mf_immdir *cap)
{
	mf_listing l;
	mf_err err;

	if (sim_peek_dir(t->c.w, &t->who[i].m->personal, &l) != MF_OK)
		return false;
	const mf_child *child = mf_listing_find(&l, mf_strz(t->path));
	bool there = child != NULL && mf_immdir_parse(child->ro, cap, &err) == MF_OK;
	mf_listing_free(&l);
	return there;
}

/* ---- who moves ------------------------------------------------------------------------------------------------- */

static bool
never(void *arg)
{
	(void)arg;
	return false;
}

bool
tale_run(struct tale *t, size_t i, bool (*goal)(void *arg), void *arg, int64_t limit_ms)
{
	sim_freeze(t->who[i].m->h, false);
	bool reached = sim_run_until(t->c.w, goal == NULL ? never : goal, arg, limit_ms);
	sim_freeze(t->who[i].m->h, true);
	return reached;
}

static void
on_answer(void *arg, const mf_err *err)
{
	(void)err;
	*(bool *)arg = true;
}

struct reading {
	struct tale *t;
	size_t i;
	unsigned whom;
	bool answered;
};

/* It has noted what they show. */
static bool
has_read(void *arg)
{
	struct reading *r = arg;
	struct tale *t = r->t;
	mf_head_row *row = NULL;
	size_t n = 0;
	unsigned noted = 0;

	if (r->answered)
		return true;
	if (mf_state_head_get(t->who[r->i].m->f->state, t->path, &row, &n, NULL) != MF_OK)
		return false;
	for (size_t k = 0; k < t->n; k++) {
		mf_immdir cap;
		bool shows = k != r->i && (r->whom >> k & 1) != 0 && !t->who[k].left && tale_entry(t, k, &cap);
		bool same = !shows;
		for (size_t h = 0; h < n; h++)
			same |= shows && strcmp(row[h].participant, t->who[k].m->name) == 0 &&
				strcmp(row[h].cap.text, cap.text) == 0;
		noted += same;
	}
	mf_heads_free(row, n);
	return noted == t->n;
}

void
tale_read(struct tale *t, size_t i, unsigned whom)
{
	struct reading r = {t, i, whom, false};
	uint64_t ticket = 0;

	t->who[i].may_read = whom;
	t->who[i].reads = true;
	/* The model reads all in one moment.  The engine decides when it has the first, but not while its rules are read. */
	mf_rules_event(t->who[i].m->f, "");
	mf_folder_poll(t->who[i].m->f, on_answer, &r.answered, &ticket);
	(void)tale_run(t, i, has_read, &r, 20000);
	if (!r.answered)
		mf_folder_forget(t->who[i].m->f, ticket);
	t->who[i].may_read = 0;
	t->who[i].reads = false;
}

void
tale_act(struct tale *t, size_t i)
{
	bool answered = false;
	uint64_t ticket = 0;

	mf_folder_scan(t->who[i].m->f, on_answer, &answered, &ticket);
	(void)tale_run(t, i, NULL, NULL, 2800);
	if (!answered)
		mf_folder_forget(t->who[i].m->f, ticket);
}

void
tale_sync(struct tale *t, size_t i)
{
	if (t->who[i].python) {
		for (size_t k = 0; k < t->n; k++)
			(void)tale_python_poll(t, i, k);
		(void)tale_python_act(t, i);
		return;
	}
	tale_read(t, i, TALE_ALL);
	tale_act(t, i);
}

void
tale_settle(struct tale *t)
{
	char *before = cast_picture(&t->c);
	bool same = false;

	for (unsigned round = 0; !same && round < 20; round++) {
		for (size_t i = 0; i < t->n; i++)
			tale_sync(t, i);
		char *now = cast_picture(&t->c);
		same = strcmp(before, now) == 0;
		free(before);
		before = now;
	}
	if (!same)
		tale_wrong(t, "%s: no rest", t->name);
	free(before);
}

/* ---- what may happen to a process ---------------------------------------------------------------------------------- */

void
tale_restart(struct tale *t, size_t i, enum sim_crash how)
{
	struct member *m = t->who[i].m;

	sim_freeze(m->h, false);
	cast_crash(m, how);
	cast_open(m);
	sim_freeze(m->h, true);
}

void
tale_back_up(struct tale *t, size_t i)
{
	struct tale_person *x = &t->who[i];

	sim_freeze(x->m->h, false);
	cast_close(x->m);
	x->state.n = x->index.n = 0;
	cr_assert(sim_read(x->m->h, CAST_STATE "/state.sqlite", &x->state));
	cr_assert(sim_read(x->m->h, CAST_STATE "/index.sqlite", &x->index));
	cast_open(x->m);
	sim_freeze(x->m->h, true);
}

static void
put_back(struct member *m, const char *path, mf_str bytes)
{
	static const char *const also[] = {"", "-wal", "-shm"};
	char name[128];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, also[i]);
		(void)sim_remove(m->h, name);
	}
	sim_write(m->h, path, bytes.p, bytes.n);
}

void
tale_restore(struct tale *t, size_t i)
{
	struct tale_person *x = &t->who[i];

	sim_freeze(x->m->h, false);
	cast_crash(x->m, SIM_CRASH_PROCESS);
	put_back(x->m, CAST_STATE "/state.sqlite", mf_buf_str(&x->state));
	put_back(x->m, CAST_STATE "/index.sqlite", mf_buf_str(&x->index));
	cast_open(x->m);
	sim_freeze(x->m->h, true);
}
