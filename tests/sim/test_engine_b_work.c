/* Faults of the Python implementation that must not be ours (docs/faults.md): work under way, restarts, queues. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "forge.h"
#include "play.h"

/* ---- what is seen at p in somebody's directory, one after the other ---- */

struct links {
	struct member *m;
	const char *text[8]; /* contents that may come, in this order only */
	size_t at, n;
};

static void
on_link(void *arg, const char *name, const char *was, const char *now)
{
	struct links *x = arg;
	mf_immdir cap;
	mf_snapshot s;
	mf_err err = {0};
	mf_buf bytes = {0};

	(void)was;
	if (strcmp(name, "p") != 0)
		return;
	cr_assert(mf_immdir_parse(mf_strz(now), &cap, &err) == MF_OK);
	cr_assert(cast_snapshot(x->m->cast, &cap, &s, &err) == MF_OK, "%s", err.text);
	cr_assert(!s.deletion, "a deletion is published");
	cr_assert(sim_peek_file(x->m->cast->w, mf_strz(s.content.text), &bytes) == MF_OK);
	for (; x->at < 8 && x->text[x->at] != NULL; x->at++)
		if (mf_str_eq(mf_buf_str(&bytes), mf_strz(x->text[x->at])))
			break;
	cr_assert(x->at < 8 && x->text[x->at] != NULL, "an older version is published over a newer one");
	x->n++;
	mf_buf_free(&bytes);
	mf_snapshot_clear(&s);
}

/* How many snapshots there are from the head of p to the first one, each with one parent. */
static size_t
line_of(struct member *m)
{
	mf_immdir cap;
	mf_snapshot s;
	mf_err err = {0};
	size_t n = 1;

	cr_assert(cast_head(m, "p", &cap, &s));
	while (s.n_parents > 0) {
		cr_assert(s.n_parents == 1, "%zu parents", s.n_parents);
		cap = s.parents[0];
		mf_snapshot_clear(&s);
		cr_assert(cast_snapshot(m->cast, &cap, &s, &err) == MF_OK, "%s", err.text);
		n++;
	}
	mf_snapshot_clear(&s);
	return n;
}

/* Versions that were stored and could not be linked, one crash after each. */
static void
versions_wait(struct play *p, struct links *x, const char *const *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x->text[i] = text[i];
	sim_on_link(p->c.w, on_link, x);
	for (size_t i = 0; i < n; i++) {
		sim_fail_often(p->a->h, SIM_UPDATE, 1000, MF_ENET);
		cast_write(p->a, "p", text[i]);
		cast_publish(p->a);
		cast_crash(p->a, i % 2 == 0 ? SIM_CRASH_PROCESS : SIM_CRASH_POWER);
		cast_open(p->a);
	}
}

Test(b_work, b05_waiting_versions_are_published_in_order_after_a_restart, .timeout = 60)
{
	static const char *const text[] = {BASE, OURS, THIRD, OTHER};
	struct play p;

	play_cast(&p, 205, 2);
	struct links x = {.m = p.a, .text = {[3] = OTHER}};
	sim_sync_disk(p.a->h);
	versions_wait(&p, &x, text, 3);
	cr_assert(x.n == 0);
	sim_calm(p.a->h);
	cast_publish(p.a);
	cast_crash(p.a, SIM_CRASH_PROCESS); /* nothing is left over for the next start */
	cast_open(p.a);
	sim_trouble_of(p.a->h)->drop_events = 1000;
	cast_publish(p.a);
	cr_assert(x.n > 0 && x.at == 2, "%zu links", x.n);
	size_t line = line_of(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", THIRD));
	cast_write(p.a, "p", OTHER);
	cast_publish(p.a);
	cr_assert(line_of(p.a) == line + 1, "the next edit goes on from the last one alone");
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", OTHER) && p.b->conflicts_added == 0 && p.a->conflicts_added == 0);
	cast_end(&p.c);
}

/* ---- a replacement that goes wrong ---- */

/* p is whole at any time, nothing but p and q is ever published, and nothing else is left lying about. */
static void
check_overwritten(struct play *p, const char *how, unsigned n)
{
	cast_settle(&p->c);
	sim_run_for(p->c.w, 120000); /* backoff */
	cast_settle(&p->c);
	char *tree = cast_tree(p->b);
	cr_assert(cast_has(p->b, "p", OURS) && cast_has(p->b, "q", OTHER), "%s %u:\n%s", how, n, tree);
	cr_assert(strchr(tree, '\n') + 1 == strrchr(tree, 'f') || strstr(tree, ".magic-folder-") == NULL, "%s %u:\n%s",
		how, n, tree);
	free(tree);
	cr_assert(cast_entries(p->a) == 3 && cast_entries(p->b) == 3, "%s %u: something else is published", how, n);
	cr_assert(cast_same_head(p->a, p->b, "p") && p->a->conflicts_added + p->b->conflicts_added == 0);
	mf_buf state = {0};
	sim_tree(p->b->h, CAST_STATE, &state);
	cr_assert(strstr((char *)state.p, "stash/") == NULL, "%s", (char *)state.p);
	mf_buf_free(&state);
}

static void
whole(void *arg, enum sim_op op, const char *what)
{
	struct member *m = arg;

	(void)op, (void)what;
	cr_assert(cast_has(m, "p", BASE) || cast_has(m, "p", OURS), "p is not there, or not whole");
}

static void
begin_overwriting(struct play *p, struct links *x, uint64_t seed)
{
	play_cast(p, seed, 2);
	cast_write(p->a, "p", BASE);
	cast_settle(&p->c);
	*x = (struct links){.text = {BASE, OURS}, .m = p->a};
	sim_on_link(p->c.w, on_link, x);
	sim_freeze(p->b->h, true); /* or it would have it by itself */
	cast_write(p->a, "p", OURS);
	cast_write(p->a, "q", OTHER);
	cast_publish(p->a);
	sim_on_op(p->b->h, whole, p->b);
	sim_freeze(p->b->h, false);
	cr_assert(cast_has(p->b, "p", BASE));
}

Test(b_work, b06_a_failing_disk_never_costs_the_file, .timeout = 60)
{
	static const enum sim_op ops[] = {SIM_OPEN, SIM_WRITE, SIM_SYNC, SIM_SETATTR, SIM_RENAME, SIM_UNLINK, SIM_STAT};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct play p;
		struct links x;
		begin_overwriting(&p, &x, 206 + i);
		sim_fail_nth(p.b->h, ops[i], 1 + i % 2, i % 2 == 0 ? EIO : ENOSPC);
		cast_poll(p.b);
		sim_run_for(p.c.w, 500);
		cast_scan(p.b);
		sim_calm(p.b->h);
		sim_trouble_of(p.b->h)->drop_events = 1000;
		cast_crash(p.b, SIM_CRASH_PROCESS);
		cast_open(p.b);
		check_overwritten(&p, "operation", (unsigned)ops[i]);
		cast_end(&p.c);
	}
}

Test(b_work, b31_a_crash_leaves_nothing_lying_about, .timeout = 60)
{
	unsigned early = 0, late = 0;

	for (unsigned n = 10; n <= 90; n += 16) {
		struct play p;
		struct links x;
		begin_overwriting(&p, &x, 231 + n);
		sim_crash_after(p.b->h, SIM_CRASH_PROCESS, n);
		mf_folder_poll(p.b->f, cast_ignore, NULL, NULL);
		sim_run_for(p.c.w, 5000);
		early += cast_has(p.b, "p", BASE);
		late += cast_has(p.b, "p", OURS);
		sim_crash_after(p.b->h, SIM_CRASH_PROCESS, 0);
		cast_bury(p.b);
		if (p.b->f == NULL)
			cast_open(p.b);
		check_overwritten(&p, "crash after operation", n);
		cast_end(&p.c);
	}
	cr_assert(early > 0 && late > 0, "crashes on both sides of the replacement: %u, %u", early, late);
}

/* ---- edits beside edits ---- */

struct second_edit {
	struct member *m;
	enum sim_op at;
	const char *text;
};

static void
edit_once(void *arg, enum sim_op op, const char *what)
{
	struct second_edit *x = arg;

	(void)what;
	if (op != x->at || x->text == NULL)
		return;
	const char *text = x->text;
	x->text = NULL;
	cast_write(x->m, "p", text);
	mf_folder_scan(x->m->f, cast_ignore, NULL, NULL);
}

/* Alice's older version arrives while bob's edit waits, and bob edits again in that moment. */
Test(b_work, b07_an_edit_while_an_old_version_is_looked_at_is_published, .timeout = 60)
{
	static const enum sim_op at[] = {SIM_LIST_GRID, SIM_GET, SIM_DB_WRITE};

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct play p;
		play_cast(&p, 207 + i, 2);
		cast_write(p.a, "p", BASE);
		cast_publish(p.a);
		cast_receive(p.b);
		struct links x = {.m = p.b, .text = {OURS, THEIRS, THIRD}};
		sim_on_link(p.c.w, on_link, &x);
		cast_write(p.b, "p", OURS);
		sim_fail_often(p.b->h, SIM_UPDATE, 1000, MF_ENET);
		cast_publish(p.b);
		struct second_edit second = {p.b, at[i], THEIRS};
		cast_write(p.a, "q", OTHER); /* something for bob to read */
		sim_on_op(p.b->h, edit_once, &second);
		cast_publish(p.a);
		cast_receive(p.b);
		sim_on_op(p.b->h, NULL, NULL);
		cr_assert(second.text == NULL, "%d", (int)at[i]);
		sim_calm(p.b->h);
		sim_trouble_of(p.b->h)->drop_events = 1000;
		sim_run_for(p.c.w, 120000);
		cr_assert(x.at == 1, "the second edit is published");
		cast_write(p.b, "p", THIRD);
		cast_publish(p.b);
		cr_assert(x.at == 2 && line_of(p.b) == 4);
		cast_receive(p.a);
		cr_assert(cast_has(p.a, "p", THIRD) && p.a->conflicts_added + p.b->conflicts_added == 0);
		cast_end(&p.c);
	}
}

Test(b_work, b42_an_edit_while_the_one_before_is_uploaded, .timeout = 60)
{
	static const enum sim_op at[] = {SIM_PUT, SIM_PUT_DIR, SIM_DB_WRITE, SIM_UPDATE};

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct play p;
		play_cast(&p, 242 + i, 2);
		sim_preempt(p.c.w, 300);
		cast_write(p.a, "p", BASE);
		cast_publish(p.a);
		struct links x = {.m = p.a, .text = {OURS, THEIRS, THIRD}};
		struct second_edit second = {p.a, at[i], THEIRS};
		sim_on_link(p.c.w, on_link, &x);
		cast_write(p.a, "p", OURS);
		sim_on_op(p.a->h, edit_once, &second);
		cast_publish(p.a);
		sim_on_op(p.a->h, NULL, NULL);
		cr_assert(second.text == NULL);
		sim_run_for(p.c.w, 10000);
		cr_assert(x.at == 1 && line_of(p.a) <= 3, "%d: the second edit is not published", (int)at[i]);
		cast_write(p.a, "p", THIRD);
		cast_publish(p.a);
		cr_assert(x.at == 2);
		mf_folder_status st;
		mf_folder_status_get(p.a->f, &st);
		cr_assert(st.uploads_queued == 0 && p.a->errors == 0, "%s", p.a->last_error);
		(void)line_of(p.a);
		cast_receive(p.b);
		cr_assert(cast_has(p.b, "p", THIRD) && p.b->conflicts_added == 0);
		cast_end(&p.c);
	}
}
