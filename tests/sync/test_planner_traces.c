/* The planner driven through the traces of golden/planner-traces.json: 88 stories, each with the state in
 * which everybody must end.  Snapshots are known by content, author and parents; the file says how their
 * capabilities are ordered. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/grid/golden.h"
#include "tests/sync/model_world.h"

struct story {
	const json_t *trace;
	const char *name;
};

static mw_value
value_of(const json_t *v)
{
	if (json_is_null(v))
		return MW_ABSENT;
	cr_assert(json_is_string(v) && json_string_value(v)[0] == 'v');
	return (mw_value)strtoul(json_string_value(v) + 1, NULL, 10);
}

static const char *
label(const struct mw *w, mf_sid s)
{
	return s == MF_SID_NONE ? NULL : w->snap[s]->cap + 4; /* "003#7": see encode() */
}

static bool
is_snapshot(const struct mw *w, const struct mw_snap *s, const json_t *v)
{
	const json_t *parents = json_object_get(v, "parents");

	if (value_of(json_object_get(v, "content")) != s->value || golden_str(v, "author")[0] - 'A' != (int)s->author ||
		json_array_size(parents) != s->snap.n_parents)
		return false;
	for (size_t i = 0; i < s->snap.n_parents; i++) {
		bool there = false;
		for (size_t k = 0; k < json_array_size(parents); k++)
			there |= strcmp(json_string_value(json_array_get(parents, k)), label(w, s->parents[i])) == 0;
		if (!there)
			return false;
	}
	return true;
}

/* The capability is the rank in caps_ascending, then the label. */
static void
encode(void *arg, struct mw *w, struct mw_snap *s)
{
	const struct story *story = arg;
	const json_t *order = json_object_get(story->trace, "caps_ascending"), *v, *id;
	size_t i, rank;

	json_array_foreach(json_object_get(story->trace, "snapshots"), i, v) if (is_snapshot(w, s, v))
		json_array_foreach(order, rank, id) if (strcmp(json_string_value(id), golden_str(v, "id")) == 0)(void)
			snprintf(s->cap, sizeof(s->cap), "%03zu:%s", rank, json_string_value(id));
	cr_assert(s->cap[0] != '\0', "%s: no such snapshot in the trace: v%u by %c, %zu parents", story->name, s->value,
		'A' + (int)s->author, s->snap.n_parents);
}

/* ---- steps ----------------------------------------------------------------------------------------------------- */

/* "A.write = v1", "B.poll.A", "A.rmmarker.B", "settle" ... */
static void
do_word(struct mw *w, size_t i, const char *word, const char *of, mw_value value)
{
	size_t k = of == NULL ? i : (size_t)(of[0] - 'A');

	if (strcmp(word, "write") == 0 || strcmp(word, "delete") == 0)
		mw_write(w, i, value);
	else if (strcmp(word, "copy") == 0)
		mw_write(w, i, w->peer[k].p);
	else if (strcmp(word, "rmmarker") == 0)
		mw_rm_marker(w, i, of);
	else if (strcmp(word, "mvmarker") == 0)
		mw_mv_marker(w, i, of);
	else if (strcmp(word, "editmarker") == 0)
		mw_edit_marker(w, i, of, value);
	else if (strcmp(word, "touch") == 0)
		mw_touch(w, i);
	else if (strcmp(word, "stalepoll") == 0)
		(void)mw_poll(w, i, k, MW_READ_STALE);
	else if (strcmp(word, "poll") == 0)
		(void)(of == NULL ? mw_poll_all(w, i) : mw_poll(w, i, k, MW_READ_NOW));
	else if (strcmp(word, "step") == 0)
		(void)mw_step(w, i);
	else if (strcmp(word, "run") == 0)
		(void)mw_run(w, i);
	else if (strcmp(word, "sync") == 0) {
		(void)mw_poll_all(w, i);
		(void)mw_run(w, i);
	} else if (strcmp(word, "crash") == 0)
		mw_crash(w, i);
	else if (strcmp(word, "powercut") == 0)
		mw_power_cut(w, i);
	else if (strcmp(word, "backupdb") == 0)
		mw_backup(w, i);
	else if (strcmp(word, "restoredb") == 0)
		mw_restore(w, i);
	else if (strcmp(word, "leave") == 0)
		mw_leave(w, i);
	else
		cr_assert(false, "unknown step %s", word);
}

/* @return how many snapshots it made, if it was a settling; else -1. */
static int
do_step(struct mw *w, const char *text)
{
	char buf[64], *rest = NULL;
	size_t before = w->n_snaps;

	mw_say(w, "-- %s", text);
	if (strcmp(text, "settle") == 0 || strcmp(text, "lockstep") == 0) {
		mw_settle(w, text[0] == 's' ? MW_ROUND_ROBIN : MW_LOCKSTEP);
		return (int)(w->n_snaps - before);
	}
	cr_assert((size_t)snprintf(buf, sizeof(buf), "%s", text) < sizeof(buf) && buf[1] == '.');
	char *value = strstr(buf, " = v");
	if (value != NULL)
		*value = '\0';
	char *word = strtok_r(buf + 2, ".", &rest), *of = strtok_r(NULL, ".", &rest);
	do_word(w, (size_t)(buf[0] - 'A'), word, of,
		value == NULL ? MW_ABSENT : (mw_value)strtoul(value + 4, NULL, 10));
	return -1;
}

/* ---- what is expected ------------------------------------------------------------------------------------------ */

static void
same_label(const struct mw *w, const struct story *s, const char *what, mf_sid got, const json_t *want)
{
	const char *have = label(w, got), *text = json_string_value(want);

	cr_assert((have == NULL) == (text == NULL) && (have == NULL || strcmp(have, text) == 0),
		"%s: %s is %s, expected %s\n%s", s->name, what, have == NULL ? "-" : have, text == NULL ? "-" : text,
		w->log->p);
}

static void
check_peer(struct mw *w, const struct story *s, struct mw_peer *p, const json_t *want)
{
	const json_t *conflicts = json_object_get(want, "conflicts"), *markers = json_object_get(want, "markers"),
		     *released = json_object_get(want, "released_files"),
		     *python = json_object_get(want, "python_state");
	static const char *const state[] = {"ok", "conflicted", "hung"};

	cr_assert(
		p->p == value_of(json_object_get(want, "p")), "%s: %s has v%u\n%s", s->name, p->name, p->p, w->log->p);
	same_label(w, s, "own entry", p->entry, json_object_get(want, "own_entry"));
	same_label(w, s, "base", p->db.base, json_object_get(want, "base"));
	cr_assert(p->db.n_rows == json_object_size(conflicts), "%s: %s has %zu conflicts\n%s", s->name, p->name,
		p->db.n_rows, w->log->p);
	for (size_t i = 0; i < p->db.n_rows; i++)
		same_label(w, s, p->db.row[i].slot, p->db.row[i].sid, json_object_get(conflicts, p->db.row[i].slot));
	cr_assert(p->n_markers == json_object_size(markers), "%s: %s has %zu markers", s->name, p->name, p->n_markers);
	for (size_t i = 0; i < p->n_markers; i++) {
		const json_t *v = json_object_get(markers, p->marker[i].slot);
		cr_assert(v != NULL && value_of(v) == p->marker[i].value, "%s: %s marker %s", s->name, p->name,
			p->marker[i].slot);
	}
	cr_assert(p->n_released == json_array_size(released), "%s: %s released", s->name, p->name);
	for (size_t i = 0; i < p->n_released; i++)
		cr_assert(p->released[i] == value_of(json_array_get(released, i)), "%s: released", s->name);
	if (python != NULL)
		cr_assert(strcmp(json_string_value(python), state[p->python]) == 0, "%s: python", s->name);
}

static void
tell(const json_t *trace)
{
	char kinds[MW_PEERS + 1] = {0};
	struct story s = {trace, golden_str(trace, "name")};
	mf_buf log = {0};
	size_t i;
	const json_t *v;
	int made = 0;

	json_array_foreach(json_object_get(trace, "participants"), i, v)
	{
		const char *kind = golden_str(v, "kind");
		kinds[i] = strcmp(kind, "read-write") == 0 ? 'w' : strcmp(kind, "read-only") == 0 ? 'r' : 'p';
	}
	struct mw *w = mw_new(kinds, encode, &s);
	w->log = &log;
	mf_buf_addz(&log, "");
	json_array_foreach(json_object_get(trace, "steps"), i, v)
	{
		int n = do_step(w, golden_str(v, "do"));
		made = n >= 0 ? n : made;
	}
	cr_assert(w->broken[0] == '\0', "%s: %s\n%s", s.name, w->broken, log.p);
	for (i = 0; i < w->n; i++) {
		const json_t *want = json_object_get(json_object_get(trace, "expect"), w->peer[i].name);
		cr_assert(want != NULL);
		check_peer(w, &s, &w->peer[i], want);
	}
	cr_assert((uint64_t)made == golden_int(trace, "snapshots_made_while_settling"),
		"%s: %d snapshots made in the last settling\n%s", s.name, made, log.p);
	mw_free(w);
	mf_buf_free(&log);
}

Test(planner, all_traces_end_as_the_model_did, .timeout = 60)
{
	json_t *top = golden_json("planner-traces.json");
	const json_t *traces = json_object_get(top, "traces"), *v;
	size_t i;

	cr_assert(json_array_size(traces) == 88);
	json_array_foreach(traces, i, v) tell(v);
	json_decref(top);
}
