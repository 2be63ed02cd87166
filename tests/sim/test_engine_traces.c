/* The 88 stories of golden/planner-traces.json with the real engine: disks, directories, databases.  What the model did in
 * single steps the engine does up to the same fact; then everybody settles, and all must be as the trace says. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "sync/engine.h"
#include "tale.h"

/* ---- what one event of the model leaves behind ---------------------------------------------------------------- */

struct event {
	struct tale *t;
	size_t i;
	enum { E_NONE, E_MAKES, E_LINKS, E_BASE, E_INTENT, E_DISK, E_ROW, E_MARKER } what;
	char label[16], slot[8];
	tale_value value;
};

static bool
is_label(const struct event *e, const char *cap)
{
	const char *label = tale_label(e->t, cap);

	return label != NULL && strcmp(label, e->label) == 0;
}

static bool
base_is(const struct event *e, struct mf_folder *f)
{
	mf_path_row row;

	if (mf_state_path_get(f->state, e->t->path, &row, NULL) != MF_OK)
		return false;
	bool same = row.has_base && is_label(e, row.base.text);
	mf_path_row_clear(&row);
	return same;
}

static bool
is_pending(const struct event *e, struct mf_folder *f)
{
	mf_pending *pending = NULL;
	size_t n = 0;
	bool there = false;

	if (mf_state_pending_get(f->state, e->t->path, &pending, &n, NULL) != MF_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		there |= is_label(e, pending[i].cap.text);
	free(pending);
	return there;
}

static bool
is_row(const struct event *e, struct mf_folder *f)
{
	mf_conflict *row = NULL;
	size_t n = 0;
	bool there = false;

	if (mf_state_conflict_get(f->state, e->t->path, &row, &n, NULL) != MF_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		there |= is_label(e, row[i].cap.text);
	mf_conflicts_free(row, n);
	return there;
}

static bool
has_happened(void *arg)
{
	const struct event *e = arg;
	struct mf_folder *f = e->t->who[e->i].m->f;
	mf_immdir cap;
	mf_intent intent;

	switch (e->what) {
	case E_MAKES: return is_pending(e, f) || base_is(e, f);
	case E_LINKS: return tale_entry(e->t, e->i, &cap) && is_label(e, cap.text);
	case E_BASE: return base_is(e, f);
	case E_INTENT:
		return base_is(e, f) ||
			(mf_state_intent_get(f->state, e->t->path, &intent, NULL) == MF_OK &&
				is_label(e, intent.target.text));
	case E_DISK: return tale_on_disk(e->t, e->i, NULL) == e->value;
	case E_ROW: return is_row(e, f);
	case E_MARKER: return tale_on_disk(e->t, e->i, e->slot) == e->value;
	default: return true;
	}
}

static const struct {
	const char *text;
	int what;
} sayings[] = {{"makes local snapshot ", E_MAKES}, {"resolves: local snapshot ", E_MAKES}, {"links ", E_LINKS},
	{"records the result: base is now ", E_BASE}, {"adopts ", E_BASE}, {"decides to take ", E_INTENT},
	{"replaces p on disk by the content of ", E_DISK}, {"records conflict with ", E_ROW},
	{"writes p.conflict-", E_MARKER}, {"records #", E_BASE},
	{"edit wins over own deletion: will place ", E_INTENT}};

/* "A links #0(v1 by A parents[])" */
static struct event
event_of(struct tale *t, const char *text)
{
	struct event e = {.t = t, .i = (size_t)(text[0] - 'A')};

	for (size_t k = 0; k < sizeof(sayings) / sizeof(sayings[0]) && e.what == E_NONE; k++)
		if (strncmp(text + 2, sayings[k].text, strlen(sayings[k].text)) == 0)
			e.what = sayings[k].what;
	const char *merge = strstr(text, " publish merge #"), *label = strchr(merge == NULL ? text : merge, '#'),
		   *value = e.what == E_MARKER ? strstr(text, "= v") : strstr(text, "(v");
	if (label != NULL)
		(void)snprintf(e.label, sizeof(e.label), "%.*s", (int)strcspn(label, "( "), label);
	if (value != NULL)
		e.value = (tale_value)strtoul(value + (e.what == E_MARKER ? 3 : 2), NULL, 10);
	if (e.what == E_MARKER)
		(void)snprintf(e.slot, sizeof(e.slot), "%.*s", (int)strcspn(text + 2 + 18, " "), text + 2 + 18);
	return e;
}

/* As far as this, and not further. */
static void
step_to(struct event *e)
{
	struct tale_person *x = &e->t->who[e->i];

	if (x->python) {
		(void)tale_python_act(e->t, e->i);
		return;
	}
	if (has_happened(e))
		return;
	if (e->what == E_MAKES)
		mf_folder_scan(x->m->f, cast_ignore, NULL, NULL);
	if (!tale_run(e->t, e->i, has_happened, e, 10000)) {
		e->t->missed++;
		sim_trace(e->t->c.w, "missed %zu %d %s", e->i, (int)e->what, e->label);
	}
}

/* The events of one step, one after the other: who reads at the same moment reads before anybody acts. */
static void
replay(struct tale *t, const json_t *events)
{
	for (size_t k = 0; k < json_array_size(events);) {
		const char *text = json_string_value(json_array_get(events, k));
		size_t i = (size_t)(text[0] - 'A');
		unsigned whom = 0;
		for (; k < json_array_size(events); k++) {
			const char *next = json_string_value(json_array_get(events, k));
			if (next[0] != text[0] || strncmp(next + 1, " reads ", 7) != 0)
				break;
			whom |= 1u << (next[8] - 'A');
		}
		if (whom != 0 && !t->who[i].python) {
			tale_read(t, i, whom);
			continue;
		}
		struct event e = event_of(t, text);
		step_to(&e);
		k++;
	}
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static void
user(struct tale *t, size_t i, const char *word, const char *of, tale_value value)
{
	struct tale_person *x = &t->who[i];
	const char *marker = tale_file(t, of);

	if (strcmp(word, "copy") == 0) {
		size_t k = (size_t)(of[0] - 'A');
		value = t->who[k].python ? t->who[k].p : tale_on_disk(t, k, NULL);
		word = "write";
	}
	if (x->python && (strcmp(word, "write") == 0 || strcmp(word, "delete") == 0))
		x->p = value;
	else if (strcmp(word, "write") == 0 || strcmp(word, "delete") == 0)
		tale_write(t, i, NULL, value);
	else if (strcmp(word, "rmmarker") == 0)
		(void)cast_remove(x->m, marker);
	else if (strcmp(word, "mvmarker") == 0 && cast_exists(x->m, marker))
		(void)cast_move(x->m, marker, t->path);
	else if (strcmp(word, "editmarker") == 0 && cast_exists(x->m, marker))
		tale_write(t, i, of, value);
	else if (strcmp(word, "touch") == 0 && x->stuck == TALE_PY_OK && x->p != 0 && x->p == tale_python_base(t, i))
		tale_python_publish(t, i);
}

static void
leaves(struct tale *t, size_t i)
{
	mf_link gone = {.name = mf_strz(t->who[i].m->name), .how = MF_LINK_REMOVE};

	cr_assert(sim_poke_dir(t->c.w, &mf_folder_config(t->who[0].m->f)->collective_write, &gone, 1) == MF_OK);
	t->who[i].left = true;
}

static void
process(struct tale *t, size_t i, const char *word, const char *of, const json_t *events)
{
	unsigned whom = of == NULL ? TALE_ALL : 1u << (of[0] - 'A');

	if (strcmp(word, "sync") == 0)
		tale_sync(t, i);
	else if (strcmp(word, "step") == 0 || (t->who[i].python && strcmp(word, "run") == 0))
		replay(t, events);
	else if (t->who[i].python && strcmp(word, "poll") == 0)
		(void)tale_python_poll(t, i, (size_t)(of[0] - 'A'));
	else if (strcmp(word, "poll") == 0)
		tale_read(t, i, whom);
	else if (strcmp(word, "stalepoll") == 0) {
		sim_trouble_of(t->who[i].m->h)->stale = 1000;
		tale_read(t, i, whom);
		sim_trouble_of(t->who[i].m->h)->stale = 0;
	} else if (strcmp(word, "run") == 0)
		tale_act(t, i);
	else if (strcmp(word, "crash") == 0)
		tale_restart(t, i, SIM_CRASH_PROCESS);
	else if (strcmp(word, "powercut") == 0)
		tale_restart(t, i, SIM_CRASH_POWER);
	else if (strcmp(word, "backupdb") == 0)
		tale_back_up(t, i);
	else if (strcmp(word, "restoredb") == 0)
		tale_restore(t, i);
	else if (strcmp(word, "leave") == 0)
		leaves(t, i);
	else
		user(t, i, word, of, 0);
}

static void
do_step(struct tale *t, const json_t *step)
{
	const char *text = json_string_value(json_object_get(step, "do"));
	const json_t *events = json_object_get(step, "events");
	char buf[64], *rest = NULL;

	sim_trace(t->c.w, "-- %s", text);
	if (strcmp(text, "lockstep") == 0)
		replay(t, events);
	if (strcmp(text, "settle") == 0 || strcmp(text, "lockstep") == 0) {
		tale_settle(t);
		return;
	}
	(void)snprintf(buf, sizeof(buf), "%s", text);
	char *value = strstr(buf, " = v");
	if (value != NULL)
		*value = '\0';
	char *word = strtok_r(buf + 2, ".", &rest), *of = strtok_r(NULL, ".", &rest);
	size_t i = (size_t)(buf[0] - 'A');
	if (value != NULL)
		user(t, i, word, of, (tale_value)strtoul(value + 4, NULL, 10));
	else
		process(t, i, word, of, events);
}

/* ---- what is expected --------------------------------------------------------------------------------------------- */

/* The model may read between making a snapshot and linking it.  The engine links what it has made in the same batch,
 * whatever it reads meanwhile, so here both sides have published, and the better of two twins is everybody's. */
static const struct {
	const char *trace, *model, *here;
} twins[] = {{"resolve-both-same", "#4", "#3"}, {"delete-of-edited-by-two", "#6", "#7"}};

static const char *
label_here(const struct tale *t, const char *label)
{
	for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]) && label != NULL; i++)
		if (strcmp(twins[i].trace, t->name) == 0 && strcmp(twins[i].model, label) == 0)
			return twins[i].here;
	return label;
}

static void
same(struct tale *t, const char *who, const char *what, const char *cap, const json_t *want)
{
	const char *have = tale_label(t, cap), *text = label_here(t, json_string_value(want));

	if ((have == NULL) != (text == NULL) || (have != NULL && strcmp(have, text) != 0))
		tale_wrong(t, "%s: %s's %s is %s, expected %s", t->name, who, what, have == NULL ? "-" : have,
			text == NULL ? "-" : text);
}

static void
check_rows(struct tale *t, size_t i, const json_t *want)
{
	struct member *m = t->who[i].m;
	mf_conflict *row = NULL;
	size_t n = 0;

	cr_assert(mf_state_conflict_get(m->f->state, t->path, &row, &n, NULL) == MF_OK);
	if (n != json_object_size(want))
		tale_wrong(t, "%s: %s has %zu conflicts, expected %zu", t->name, m->name, n, json_object_size(want));
	for (size_t k = 0; k < n; k++)
		same(t, m->name, row[k].slot, row[k].cap.text, json_object_get(want, row[k].slot));
	mf_conflicts_free(row, n);
}

struct files {
	struct tale *t;
	const json_t *markers, *released;
	size_t n_markers, n_released;
	const char *who;
};

static void
each_file(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	struct files *x = arg;
	tale_value value = (tale_value)strtoul(content.p + 1, NULL, 10);
	size_t own = strlen(x->t->path);
	const json_t *marker = NULL, *v;
	size_t k;
	bool released = false;

	(void)st;
	if (strncmp(relpath, x->t->path, own) != 0 || relpath[own] != '.')
		return; /* p itself, or another story's */
	if (strncmp(relpath + own, ".conflict-", 10) == 0)
		marker = json_object_get(x->markers, relpath + own + 10);
	json_array_foreach(x->released, k, v) released |= tale_value_of(v) == value;
	x->n_markers += marker != NULL;
	x->n_released += marker == NULL && released;
	if (marker != NULL ? tale_value_of(marker) != value : !released)
		tale_wrong(x->t, "%s: %s has %s with v%u", x->t->name, x->who, relpath, value);
}

/* Released markers are files like any other, and so they are everybody's. */
static json_t *
released_anywhere(struct tale *t)
{
	json_t *all = json_array(), *v;
	const char *name;

	json_object_foreach(json_object_get(t->trace, "expect"), name, v)
		json_array_extend(all, json_object_get(v, "released_files"));
	return all;
}

static void
check_person(struct tale *t, size_t i, const json_t *want)
{
	struct member *m = t->who[i].m;
	mf_path_row row;
	mf_immdir cap = {0};
	json_t *released = released_anywhere(t);

	if (tale_on_disk(t, i, NULL) != tale_value_of(json_object_get(want, "p")))
		tale_wrong(t, "%s: %s has v%u", t->name, m->name, tale_on_disk(t, i, NULL));
	same(t, m->name, "own entry", tale_entry(t, i, &cap) ? cap.text : "", json_object_get(want, "own_entry"));
	bool found = mf_state_path_get(m->f->state, t->path, &row, NULL) == MF_OK;
	same(t, m->name, "base", found && row.has_base ? row.base.text : "", json_object_get(want, "base"));
	if (found)
		mf_path_row_clear(&row);
	check_rows(t, i, json_object_get(want, "conflicts"));
	struct files x = {t, json_object_get(want, "markers"), released, 0, 0, m->name};
	sim_walk(m->h, CAST_DIR, each_file, &x);
	if (x.n_markers != json_object_size(x.markers))
		tale_wrong(t, "%s: %s has %zu markers", t->name, m->name, x.n_markers);
	if (x.n_released < json_array_size(json_object_get(want, "released_files")))
		tale_wrong(t, "%s: %s has %zu released files", t->name, m->name, x.n_released);
	json_decref(released);
}

static void
check_python(struct tale *t, size_t i, const json_t *want)
{
	static const char *const state[] = {"ok", "conflicted", "hung"};
	struct tale_person *x = &t->who[i];
	mf_immdir cap = {0};

	if (x->p != tale_value_of(json_object_get(want, "p")))
		tale_wrong(t, "%s: %s (Python) has v%u", t->name, x->m->name, x->p);
	same(t, x->m->name, "own entry", tale_entry(t, i, &cap) ? cap.text : "", json_object_get(want, "own_entry"));
	if (strcmp(json_string_value(json_object_get(want, "python_state")), state[x->stuck]) != 0)
		tale_wrong(t, "%s: %s (Python) is %s", t->name, x->m->name, state[x->stuck]);
}

static bool
tell(struct tale *t, const json_t *trace, size_t number)
{
	const json_t *step;
	char path[24];
	size_t k;

	(void)snprintf(path, sizeof(path), "p%zu", number);
	tale_story(t, trace, path);
	json_array_foreach(json_object_get(trace, "steps"), k, step) do_step(t, step);
	for (k = 0; k < t->n; k++) {
		const json_t *want = json_object_get(json_object_get(trace, "expect"), t->who[k].m->name);
		if (t->who[k].python)
			check_python(t, k, want);
		else
			check_person(t, k, want);
	}
	if (t->wrong[0] != '\0')
		cr_log_error("%s (%u missed) %s", t->name, t->missed, t->wrong);
	return t->wrong[0] == '\0';
}

/* Who plays it: "rrw".  What happens to a process, or to the list of people, happens to all stories: such a trace is
 * told to people of its own, and has a '!'. */
static void
cast_of(const json_t *trace, char out[TALE_MAX + 2])
{
	static const char *const words[] = {".crash", ".powercut", ".backupdb", ".restoredb", ".leave", ".stalepoll"};
	const json_t *v;
	size_t i, n = 0;
	bool alone = false;

	json_array_foreach(json_object_get(trace, "participants"), i, v) out[n++] =
		json_string_value(json_object_get(v, "kind"))[5]; /* writer, only, python */
	json_array_foreach(json_object_get(trace, "steps"), i, v)
	{
		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
			alone |= strstr(json_string_value(json_object_get(v, "do")), words[k]) != NULL;
	}
	if (alone)
		out[n++] = '!';
	out[n] = '\0';
}

struct company {
	char cast[TALE_MAX + 2];
	struct tale t;
};

static struct tale *
company_for(struct company *all, size_t *n, const json_t *trace, uint64_t seed)
{
	char cast[TALE_MAX + 2];

	cast_of(trace, cast);
	for (size_t i = 0; i < *n; i++)
		if (strcmp(all[i].cast, cast) == 0 && strchr(cast, '!') == NULL)
			return &all[i].t;
	struct company *c = &all[(*n)++];
	(void)snprintf(c->cast, sizeof(c->cast), "%s", cast);
	tale_begin(&c->t, trace, seed);
	return &c->t;
}

static void
tell_every(size_t nth, size_t of)
{
	json_t *top = json_load_file(MF_SRCDIR "/tests/golden/planner-traces.json", 0, NULL);
	const json_t *traces = json_object_get(top, "traces"), *trace;
	const char *only = getenv("MF_TRACE"), *number = getenv("MF_SEED");
	uint64_t seed = number == NULL ? 8800 : strtoull(number, NULL, 10);
	struct company *all = mf_alloc(88 * sizeof(*all));
	size_t k, n = 0, failed = 0;

	cr_assert(json_array_size(traces) == 88);
	json_array_foreach(traces, k, trace)
	{
		if (only != NULL ? strcmp(only, json_string_value(json_object_get(trace, "name"))) != 0 : k % of != nth)
			continue;
		failed += !tell(company_for(all, &n, trace, seed + k), trace, k);
	}
	for (k = 0; k < n; k++)
		tale_end(&all[k].t);
	free(all);
	json_decref(top);
	cr_assert(failed == 0, "%zu traces end otherwise than in the model", failed);
}

Test(engine_traces, all_end_as_the_model_did_1, .timeout = 300)
{
	tell_every(0, 2);
}

Test(engine_traces, all_end_as_the_model_did_2, .timeout = 300)
{
	tell_every(1, 2);
}
