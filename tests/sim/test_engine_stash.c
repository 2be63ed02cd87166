/* What is saved while the grid is away is kept version by version, and published in order when it is back (conformance
 * cases 28 and 29; docs/database.md). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"
#include "sync/inherit/stash.h"

#define V(n) "version " n " of it, long enough not to travel inside its capability ......"
#define STASH CAST_STATE "/stash"

/* ---- alice's grid fails --------------------------------------------------------------------------------- */

enum outage {
	CUT_OFF,   /* nothing of it can be reached */
	NO_PUT,    /* it can be read, and takes nothing */
	NO_UPDATE, /* it takes everything but new versions of directories */
	OUTAGES
};

struct stage {
	struct cast c;
	struct member *a, *b;
};

/* Alice and bob have p with V("0"); what they do is found by scans and polls alone. */
static void
stage_init(struct stage *s, uint64_t seed)
{
	cast_init(&s->c, seed);
	s->c.dark = true;
	s->a = cast_add(&s->c, "alice");
	s->b = cast_add(&s->c, "bob");
	cast_write(s->a, "p", V("0"));
	cast_settle(&s->c);
}

static void
fails(struct stage *s, enum outage how, bool on)
{
	unsigned permille = on ? 1000 : 0;

	if (how == CUT_OFF)
		sim_trouble_of(s->a->h)->cut_off = on;
	else
		sim_fail_often(s->a->h, how == NO_PUT ? SIM_PUT : SIM_UPDATE, permille, MF_ENET);
	if (how == NO_PUT)
		sim_fail_often(s->a->h, SIM_PUT_DIR, permille, MF_ENET);
}

/* One save, as alice's scan finds it. NULL: the file is removed. */
static void
saves(struct stage *s, const char *relpath, const char *text)
{
	if (text != NULL)
		cast_write(s->a, relpath, text);
	else
		cast_remove(s->a, relpath);
	cast_publish(s->a);
}

static void
restart(struct stage *s)
{
	cast_close(s->a);
	cast_open(s->a);
	sim_run_for(s->c.w, 3000);
}

/* ---- what must come of it ---------------------------------------------------------------------------------- */

/* Numbers of the versions of relpath from @p m's entry back to the first; "-" for a deletion, "x" after one that is
 * executable. */
static void
history(struct stage *s, struct member *m, const char *relpath, char out[64])
{
	mf_immdir cap;
	mf_snapshot snap;
	mf_err err = {0};
	size_t n = 0;

	out[0] = '\0';
	if (!cast_head(m, relpath, &cap, &snap))
		return;
	for (;;) {
		mf_buf text = {0};
		if (!snap.deletion)
			cr_assert(sim_peek_file(s->c.w, mf_strz(snap.content.text), &text) == MF_OK);
		cr_assert(n < 60, "%s: %s ...", relpath, out);
		out[n++] = snap.deletion ? '-' : (char)text.p[strlen("version ")];
		if (snap.executable)
			out[n++] = 'x';
		out[n] = '\0';
		mf_buf_free(&text);
		if (snap.n_parents == 0)
			break;
		cr_assert(snap.n_parents == 1, "%s: version %s has %zu parents", relpath, out, snap.n_parents);
		cap = snap.parents[0];
		mf_snapshot_clear(&snap);
		cr_assert(cast_snapshot(&s->c, &cap, &snap, &err) == MF_OK, "%s", err.text);
	}
	mf_snapshot_clear(&snap);
}

static void
is_history(struct stage *s, const char *relpath, const char *want)
{
	char is[64];

	history(s, s->a, relpath, is);
	cr_assert(strcmp(is, want) == 0, "%s: %s, not %s", relpath, is, want);
}

static void
count_file(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	(void)relpath, (void)st, (void)content;
	++*(unsigned *)arg;
}

static unsigned
copies(struct stage *s)
{
	unsigned n = 0;

	sim_walk(s->a->h, STASH, count_file, &n);
	return n;
}

struct first_copy {
	char path[200];
};

static void
note_first(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	struct first_copy *c = arg;

	(void)st, (void)content;
	if (c->path[0] == '\0')
		(void)snprintf(c->path, sizeof(c->path), STASH "/%s", relpath);
}

static uint64_t
queued(struct stage *s)
{
	mf_folder_status st;

	mf_folder_status_get(s->a->f, &st);
	return st.uploads_queued;
}

/* Rows by a question of its own, while alice's daemon does not run. */
static int
rows(struct stage *s, const char *question)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	mf_err err = {0};
	struct mf_env *env = sim_env_of(s->a->h) != NULL ? sim_env_of(s->a->h) : sim_boot(s->a->h);

	cr_assert(env->ops->db_open(env, CAST_STATE "/state.sqlite", &db, &err) == MF_OK, "%s", err.text);
	cr_assert(sqlite3_prepare_v2(db, question, -1, &q, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	cr_assert(sqlite3_step(q) == SQLITE_ROW);
	int n = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

#define LEFT \
	"SELECT (SELECT count(*) FROM local_snapshots) + (SELECT count(*) FROM local_snapshot_parent)" \
	" + (SELECT count(*) FROM local_snapshot_metadata) + (SELECT count(*) FROM mf_local)" \
	" + (SELECT count(*) FROM mf_local_parent) + (SELECT count(*) FROM mf_pending)" \
	" + (SELECT count(*) FROM current_snapshots WHERE snapshot_cap IS NULL OR size = -1)"

/* No row waits, no copy is left, nobody is in conflict, and one start more changes nothing. */
static void
nothing_is_left(struct stage *s)
{
	cr_assert(s->a->wrong_event[0] == '\0', "%s", s->a->wrong_event);
	cr_assert(queued(s) == 0 && cast_errors(s->a) == 0, "%s", s->a->last_error);
	cr_assert(copies(s) == 0, "%u copies are left", copies(s));
	cr_assert(cast_conflicts(s->a) == 0 && cast_conflicts(s->b) == 0);
	uint64_t writes = cast_writes(&s->c);
	cast_close(s->a);
	cr_assert(rows(s, LEFT) == 0, "%d rows are left", rows(s, LEFT));
	cast_open(s->a);
	cast_settle(&s->c);
	cr_assert(cast_writes(&s->c) == writes, "a start published something");
}

static void
three_saves(uint64_t seed, enum outage how, bool restarts)
{
	struct stage s;

	stage_init(&s, seed);
	fails(&s, how, true);
	saves(&s, "p", V("1"));
	saves(&s, "p", V("2"));
	if (restarts)
		restart(&s);
	saves(&s, "p", V("3"));
	cr_assert(queued(&s) == 1 && copies(&s) > 0, "%llu, %u", (unsigned long long)queued(&s), copies(&s));
	if (restarts)
		restart(&s);
	is_history(&s, "p", "0");
	fails(&s, how, false);
	cast_settle(&s.c);
	is_history(&s, "p", "3210");
	cr_assert(cast_has(s.b, "p", V("3")) && cast_same_head(s.a, s.b, "p"));
	nothing_is_left(&s);
	saves(&s, "p", V("4"));
	cast_settle(&s.c);
	is_history(&s, "p", "43210");
	cr_assert(cast_has(s.b, "p", V("4")));
	nothing_is_left(&s);
	cast_end(&s.c);
}

Test(engine_stash, case_28_several_edits_offline, .timeout = 60)
{
	for (int how = 0; how < OUTAGES; how++)
		three_saves(280 + (uint64_t)how, (enum outage)how, false);
}

Test(engine_stash, case_29_several_edits_offline_and_restarts, .timeout = 60)
{
	for (int how = 0; how < OUTAGES; how++)
		three_saves(290 + (uint64_t)how, (enum outage)how, true);
}

/* ---- what a version is -------------------------------------------------------------------------------------- */

Test(engine_stash, a_new_file_and_one_that_is_deleted_and_comes_back, .timeout = 60)
{
	for (int how = CUT_OFF; how <= NO_PUT; how++)
		for (int restarts = 0; restarts < 2; restarts++) {
			struct stage s;
			stage_init(&s, 400 + (uint64_t)(2 * how + restarts));
			fails(&s, (enum outage)how, true);
			saves(&s, "new", V("1"));
			saves(&s, "p", NULL);
			if (restarts)
				restart(&s);
			saves(&s, "new", V("2"));
			saves(&s, "p", V("5"));
			saves(&s, "new", NULL);
			if (restarts)
				restart(&s);
			saves(&s, "p", V("6"));
			cr_assert(queued(&s) == 2);
			fails(&s, (enum outage)how, false);
			cast_settle(&s.c);
			is_history(&s, "p", "65-0");
			is_history(&s, "new", "-21");
			cr_assert(cast_has(s.b, "p", V("6")) && !cast_exists(s.b, "new"));
			nothing_is_left(&s);
			cast_end(&s.c);
		}
}

Test(engine_stash, a_touch_makes_no_version_and_the_executable_bit_does, .timeout = 60)
{
	for (int how = 0; how < OUTAGES; how++) {
		struct stage s;
		mf_stat st;
		stage_init(&s, 420 + (uint64_t)how);
		fails(&s, (enum outage)how, true);
		for (int64_t i = 1; i < 4; i++) {
			saves(&s, "p", V("1"));
			sim_touch(s.a->h, cast_path("p"), i * 1000000000);
			cast_publish(s.a);
			if (i == 2)
				restart(&s);
		}
		sim_chmod(s.a->h, cast_path("p"), 0755);
		cast_publish(s.a);
		saves(&s, "p", V("2"));
		sim_chmod(s.a->h, cast_path("p"), 0644);
		cast_publish(s.a);
		fails(&s, (enum outage)how, false);
		cast_settle(&s.c);
		is_history(&s, "p", "22x1x10");
		cr_assert(sim_stat(s.b->h, cast_path("p"), &st) && (st.mode & 0100) == 0);
		nothing_is_left(&s);
		cast_end(&s.c);
	}
}

/* A bit alone, of a file that nothing else happened to. */
Test(engine_stash, the_executable_bit_alone_waits_too, .timeout = 60)
{
	for (int how = 0; how < OUTAGES; how++) {
		struct stage s;
		stage_init(&s, 430 + (uint64_t)how);
		fails(&s, (enum outage)how, true);
		sim_chmod(s.a->h, cast_path("p"), 0755);
		cast_publish(s.a);
		sim_chmod(s.a->h, cast_path("p"), 0644);
		cast_publish(s.a);
		fails(&s, (enum outage)how, false);
		cast_settle(&s.c);
		is_history(&s, "p", "00x0");
		nothing_is_left(&s);
		cast_end(&s.c);
	}
}

Test(engine_stash, a_renamed_file_takes_its_last_version_along, .timeout = 60)
{
	for (int restarts = 0; restarts < 2; restarts++) {
		struct stage s;
		stage_init(&s, 440 + (uint64_t)restarts);
		fails(&s, CUT_OFF, true);
		saves(&s, "p", V("1"));
		saves(&s, "p", V("2"));
		cast_move(s.a, "p", "q");
		cast_publish(s.a);
		if (restarts)
			restart(&s);
		saves(&s, "q", V("3"));
		fails(&s, CUT_OFF, false);
		cast_settle(&s.c);
		is_history(&s, "p", "-210");
		is_history(&s, "q", "32");
		cr_assert(cast_has(s.b, "q", V("3")) && !cast_exists(s.b, "p"));
		nothing_is_left(&s);
		cast_end(&s.c);
	}
}

/* ---- what is not copied ------------------------------------------------------------------------------------- */

static void
see_stash(void *arg, enum sim_op op, const char *what)
{
	if (op != SIM_LIST && strstr(what, "snap") != NULL && strstr(what, "snapshot") == NULL)
		++*(unsigned *)arg;
}

Test(engine_stash, nothing_is_copied_while_the_grid_is_there, .timeout = 60)
{
	struct stage s;
	unsigned seen = 0;

	stage_init(&s, 450);
	sim_on_op(s.a->h, see_stash, &seen);
	saves(&s, "p", V("1"));
	saves(&s, "p", V("2"));
	saves(&s, "p", NULL);
	cast_settle(&s.c);
	is_history(&s, "p", "-210");
	cr_assert(seen == 0, "%u operations in the stash", seen);
	fails(&s, CUT_OFF, true);
	saves(&s, "p", V("3"));
	cr_assert(seen > 0, "the test sees nothing");
	fails(&s, CUT_OFF, false);
	cast_settle(&s.c);
	nothing_is_left(&s);
	cast_end(&s.c);
}

Test(engine_stash, a_read_only_folder_keeps_nothing, .timeout = 60)
{
	struct stage s;

	cast_init(&s.c, 451);
	s.c.dark = true;
	s.b = cast_add(&s.c, "bob");
	s.a = cast_add_reader(&s.c, "alice");
	cast_write(s.b, "p", V("0"));
	cast_settle(&s.c);
	fails(&s, CUT_OFF, true);
	saves(&s, "p", V("1"));
	restart(&s);
	saves(&s, "p", V("2"));
	cr_assert(queued(&s) == 0 && copies(&s) == 0);
	cast_end(&s.c);
}

/* It would not have been published before there was a stash, either. */
Test(engine_stash, what_a_rule_takes_out_meanwhile_is_not_published, .timeout = 60)
{
	for (int restarts = 0; restarts < 2; restarts++) {
		struct stage s;
		char is[64];
		stage_init(&s, 452 + (uint64_t)restarts);
		fails(&s, CUT_OFF, true);
		saves(&s, "secret", V("1"));
		saves(&s, "p", V("1"));
		cr_assert(copies(&s) == 2);
		saves(&s, ".magicignore", "secret\n");
		if (restarts)
			restart(&s);
		fails(&s, CUT_OFF, false);
		cast_settle(&s.c);
		history(&s, s.a, "secret", is);
		cr_assert(is[0] == '\0', "published: %s", is);
		cr_assert(!cast_exists(s.b, "secret") && cast_has(s.a, "secret", V("1")));
		is_history(&s, "p", "10");
		nothing_is_left(&s);
		cast_end(&s.c);
	}
}

Test(engine_stash, so_many_versions_of_a_file_are_kept_and_the_last_is_published, .timeout = 60)
{
	struct stage s;
	mf_immdir cap;
	mf_snapshot snap;
	mf_err err = {0};
	char text[120];
	unsigned n = 0;

	stage_init(&s, 454);
	fails(&s, NO_PUT, true);
	for (unsigned i = 0; i < MF_STASH_ROWS + 5; i++) {
		(void)snprintf(text, sizeof(text), V("5") "%u", i);
		cast_write(s.a, "p", text);
		cast_scan(s.a);
	}
	cr_assert(copies(&s) == MF_STASH_ROWS, "%u", copies(&s));
	fails(&s, NO_PUT, false);
	cast_settle(&s.c);
	cr_assert(cast_has(s.b, "p", text));
	cr_assert(cast_head(s.a, "p", &cap, &snap));
	for (; snap.n_parents == 1; n++) {
		cap = snap.parents[0];
		mf_snapshot_clear(&snap);
		cr_assert(cast_snapshot(&s.c, &cap, &snap, &err) == MF_OK);
	}
	cr_assert(snap.n_parents == 0 && n == MF_STASH_ROWS + 1, "%u", n);
	mf_snapshot_clear(&snap);
	nothing_is_left(&s);
	cast_end(&s.c);
}

/* No space for a copy, or hardly any: said once; the file itself is published when the grid is back. */
Test(engine_stash, a_full_disk_costs_the_versions_in_between_alone, .timeout = 60)
{
	for (int little = 0; little < 2; little++) {
		struct stage s;
		stage_init(&s, 455 + (uint64_t)little);
		fails(&s, NO_PUT, true);
		saves(&s, "p", V("1"));
		if (little)
			sim_trouble_of(s.a->h)->disk_free = 500; /* ten times a copy, and those that are there */
		else
			sim_fail_often(s.a->h, SIM_WRITE, 1000, ENOSPC);
		unsigned errors = s.a->errors;
		saves(&s, "p", V("2"));
		saves(&s, "p", V("3"));
		sim_run_for(s.c.w, 60000);
		cr_assert(strstr(s.a->last_error, "no space to keep a copy") != NULL, "%s", s.a->last_error);
		cr_assert(s.a->errors <= errors + 2, "said %u times", s.a->errors - errors);
		cr_assert(copies(&s) == 1, "%u copies", copies(&s));
		sim_trouble_of(s.a->h)->disk_free = 0; /* the databases need some, too */
		fails(&s, NO_PUT, false);
		cast_settle(&s.c);
		is_history(&s, "p", "310");
		sim_fail_often(s.a->h, SIM_WRITE, 0, 0);
		nothing_is_left(&s);
		cast_end(&s.c);
	}
}

/* ---- meanwhile ------------------------------------------------------------------------------------------------ */

struct meddler {
	struct stage *s;
	const char *text;
	bool did;
};

static void
meddle(void *arg, enum sim_op op, const char *what)
{
	struct meddler *m = arg;

	if (m->did || op != SIM_OPEN || strstr(what, "snap") == NULL)
		return;
	m->did = true;
	cast_write(m->s->a, "p", m->text);
}

/* Saved again while it is being copied: the copy is of one piece, small or large, or there is none. */
Test(engine_stash, a_save_while_a_copy_is_made_tears_nothing, .timeout = 60)
{
	for (int large = 0; large < 2; large++) {
		struct stage s;
		size_t n = large ? (3 << 20) : 0;
		char *text = mf_alloc(n + 200), is[64];
		struct meddler m = {.s = &s, .text = V("2")};
		stage_init(&s, 460 + (uint64_t)large);
		fails(&s, NO_PUT, true);
		memset(text, 'x', n + 100);
		memcpy(text, V("1"), strlen(V("1")));
		sim_on_op(s.a->h, meddle, &m);
		saves(&s, "p", text);
		cr_assert(m.did);
		sim_on_op(s.a->h, NULL, NULL);
		sim_run_for(s.c.w, 10000);
		saves(&s, "p", V("3"));
		fails(&s, NO_PUT, false);
		cast_settle(&s.c);
		history(&s, s.a, "p", is);
		cr_assert(strcmp(is, large ? "320" : "3210") == 0, "%s", is);
		nothing_is_left(&s);
		free(text);
		cast_end(&s.c);
	}
}

/* Bob has edited, too: one conflict of each, and all that alice saved is in her history once it is settled. */
Test(engine_stash, versions_that_waited_meet_another_persons_edit, .timeout = 60)
{
	for (int how = 0; how < OUTAGES; how++) {
		struct stage s;
		mf_immdir cap;
		mf_snapshot snap;
		mf_err err = {0};
		stage_init(&s, 470 + (uint64_t)how);
		fails(&s, (enum outage)how, true);
		saves(&s, "p", V("1"));
		saves(&s, "p", V("2"));
		cast_write(s.b, "p", V("8"));
		cast_publish(s.b);
		saves(&s, "p", V("3"));
		fails(&s, (enum outage)how, false);
		cast_settle(&s.c);
		cr_assert(cast_has(s.a, "p", V("3")) && cast_has(s.b, "p", V("8")));
		cr_assert(cast_has(s.a, "p.conflict-bob", V("8")));
		cr_assert(cast_conflicts(s.a) == 1 && queued(&s) == 0, "%llu", (unsigned long long)queued(&s));
		cr_assert(cast_resolve(s.a, "p", MF_TAKE_MINE, NULL, &err) == MF_OK, "%s", err.text);
		cast_settle(&s.c);
		cr_assert(cast_has(s.b, "p", V("3")) && cast_head(s.a, "p", &cap, &snap) && snap.n_parents == 2);
		char want = '3';
		for (; snap.n_parents > 0; want--) { /* ours is the first parent */
			cap = snap.parents[0];
			mf_snapshot_clear(&snap);
			cr_assert(cast_snapshot(&s.c, &cap, &snap, &err) == MF_OK);
			mf_buf text = {0};
			cr_assert(sim_peek_file(s.c.w, mf_strz(snap.content.text), &text) == MF_OK);
			cr_assert((char)text.p[8] == want, "%c, not %c", (char)text.p[8], want);
			mf_buf_free(&text);
		}
		mf_snapshot_clear(&snap);
		cr_assert(want == '0' - 1);
		nothing_is_left(&s);
		cast_end(&s.c);
	}
}

/* Nothing is looked at. */
Test(engine_stash, a_paused_folder_keeps_nothing, .timeout = 60)
{
	struct stage s;
	mf_err err = {0};

	stage_init(&s, 480);
	fails(&s, CUT_OFF, true);
	saves(&s, "p", V("1"));
	cr_assert(mf_folder_set(s.a->f, "paused", "yes", &err) == MF_OK, "%s", err.text);
	cast_write(s.a, "p", V("2"));
	sim_run_for(s.c.w, 10000);
	cast_write(s.a, "p", V("3"));
	fails(&s, CUT_OFF, false);
	sim_run_for(s.c.w, 10000);
	cr_assert(copies(&s) == 1);
	is_history(&s, "p", "0");
	cr_assert(mf_folder_set(s.a->f, "paused", "no", &err) == MF_OK, "%s", err.text);
	cast_settle(&s.c);
	is_history(&s, "p", "310");
	nothing_is_left(&s);
	cast_end(&s.c);
}

/* ---- crashes --------------------------------------------------------------------------------------------------- */

/* Is @p part what is left of @p all when characters are taken out? */
static bool
is_thinned(const char *part, const char *all)
{
	for (; *part != '\0'; part++, all++) {
		all = strchr(all, *part);
		if (all == NULL)
			return false;
	}
	return true;
}

/* It dies at the n-th operation.  What it had looked at, and noted, before is published: each version that was waiting when
 * the next one was saved. */
static bool
dies_stashing(uint64_t n, enum sim_crash how, enum outage outage)
{
	struct stage s;
	char is[64];
	bool died = false;
	const char *const texts[] = {V("1"), V("2"), NULL, V("3")};
	char sure[8] = "";

	stage_init(&s, 500 + n);
	sim_sync_disk(s.a->h);
	fails(&s, outage, true);
	sim_crash_after(s.a->h, how, n);
	for (size_t i = 0; i < 4; i++) {
		if (texts[i] != NULL)
			cast_write(s.a, "p", texts[i]);
		else
			cast_remove(s.a, "p");
		if (!died) {
			mf_folder_scan(s.a->f, cast_ignore, NULL, NULL);
			sim_run_for(s.c.w, 4000);
			died = sim_dead(s.a->h);
		}
		if (!died)
			strcat(sure, i == 2 ? "-" : (char[]){texts[i][8], '\0'});
	}
	if (!died) {
		fails(&s, outage, false);
		mf_folder_scan(s.a->f, cast_ignore, NULL, NULL);
		sim_run_for(s.c.w, 20000);
		died = sim_dead(s.a->h);
	}
	sim_crash_after(s.a->h, how, 0);
	fails(&s, outage, false);
	if (died) {
		cast_bury(s.a);
		cast_open(s.a);
	}
	cast_settle(&s.c);
	history(&s, s.a, "p", is);
	cr_assert(cast_has(s.a, "p", V("3")) && cast_has(s.b, "p", V("3")));
	cr_assert(is[0] == '3' && is[strlen(is) - 1] == '0' && is_thinned(is, "3-210"), "op %llu: %s",
		(unsigned long long)n, is);
	for (const char *c = sure; *c != '\0'; c++)
		cr_assert(strchr(is, *c) != NULL, "op %llu: %c was kept, and is not in %s", (unsigned long long)n, *c,
			is);
	nothing_is_left(&s);
	cast_end(&s.c);
	return died;
}

/* A prime, so that in the long form all are met. */
static uint64_t
stride(void)
{
	return getenv("MF_SOAK") != NULL ? 1 : 29;
}

static void
dies_everywhere(enum sim_crash how)
{
	for (int outage = 0; outage < OUTAGES; outage++) {
		uint64_t n = 1 + (uint64_t)outage;
		while (dies_stashing(n, how, (enum outage)outage))
			n += stride();
		cr_assert(n > 100, "it dies nowhere");
	}
}

Test(engine_stash, a_kill_at_any_operation_loses_no_version_that_waited, .timeout = 900)
{
	dies_everywhere(SIM_CRASH_PROCESS);
}

Test(engine_stash, a_power_cut_at_any_operation_loses_no_version_that_waited, .timeout = 900)
{
	dies_everywhere(SIM_CRASH_POWER);
}

/* Lost, or not what it was: said once, left out; what comes after goes on from what was before. */
Test(engine_stash, b15_a_lost_copy_of_ours_is_left_out, .timeout = 60)
{
	for (int damaged = 0; damaged < 2; damaged++) {
		struct stage s;
		struct first_copy first = {0};
		stage_init(&s, 491 + (uint64_t)damaged);
		fails(&s, CUT_OFF, true);
		saves(&s, "p", V("1"));
		sim_walk(s.a->h, STASH, note_first, &first);
		saves(&s, "p", V("2"));
		saves(&s, "p", V("3"));
		if (damaged)
			sim_writez(s.a->h, first.path, V("7"));
		else
			sim_remove(s.a->h, first.path);
		fails(&s, CUT_OFF, false);
		cast_settle(&s.c);
		is_history(&s, "p", "320");
		cr_assert(strstr(s.a->last_error, damaged ? "is damaged" : "is missing from the stash") != NULL, "%s",
			s.a->last_error);
		cast_settle(&s.c);
		nothing_is_left(&s);
		cast_end(&s.c);
	}
}

/* Copies that no row names: of a crash between the copy and its row, or of a row that could not be written. */
Test(engine_stash, b31_copies_without_a_row_are_swept, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 490);
	fails(&s, CUT_OFF, true);
	saves(&s, "p", V("1"));
	cast_close(s.a);
	sim_writez(s.a->h, STASH "/snapabcdefgh", "of a crash");
	cr_assert(copies(&s) == 2);
	cast_open(s.a);
	sim_run_for(s.c.w, 3000);
	cr_assert(copies(&s) == 1);
	fails(&s, CUT_OFF, false);
	cast_settle(&s.c);
	is_history(&s, "p", "10");
	nothing_is_left(&s);
	cast_end(&s.c);
}
