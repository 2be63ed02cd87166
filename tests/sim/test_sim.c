/* The simulator itself: what it promises to the tests that stand on it. */
#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

struct one {
	struct sim_world *w;
	struct sim_host *h;
	struct mf_env *env;
	struct mf_root *root;
};

static struct one
one_host(uint64_t seed)
{
	struct one o = {.w = sim_world_new(seed)};

	o.h = sim_host_new(o.w, "alice");
	sim_mkdirs(o.h, "/home/dir");
	o.env = sim_boot(o.h);
	cr_assert(o.env->ops->root_open(o.env, "/home", &o.root, NULL) == MF_OK);
	return o;
}

static void
retire(struct one *o)
{
	o->env->ops->root_close(o->root);
	cr_assert(sim_retire(o->h) == 0);
}

static void
end(struct one *o)
{
	if (sim_env_of(o->h) != NULL)
		retire(o);
	sim_world_free(o->w);
}

static struct mf_file *
create(struct one *o, const char *path, const char *text)
{
	struct mf_file *f = NULL;
	mf_err err = {0};

	cr_assert(o->env->ops->open(o->root, path, MF_OPEN_CREATE_NEW, 0666, &f, &err) == MF_OK, "%s", err.text);
	cr_assert(o->env->ops->write(f, 0, text, strlen(text), NULL) == MF_OK);
	return f;
}

Test(sim, files_behave_like_files, .timeout = 20)
{
	struct one o = one_host(1);
	const struct mf_env_ops *ops = o.env->ops;
	struct mf_file *f = create(&o, "dir/a", "hello");
	mf_stat st;
	char got[16];
	size_t n;

	cr_assert(ops->fstat(f, &st, NULL) == MF_OK && st.size == 5 && st.mode == 0644);
	cr_assert(ops->read(f, 1, got, sizeof(got), &n, NULL) == MF_OK && n == 4 && memcmp(got, "ello", 4) == 0);
	cr_assert(ops->set_mtime(f, 12345, NULL) == MF_OK);
	ops->close(f);
	cr_assert(ops->open(o.root, "dir/a", MF_OPEN_CREATE_NEW, 0600, &f, NULL) == MF_EEXIST);
	cr_assert(ops->stat(o.root, "dir/a", &st, NULL) == MF_OK && st.mtime_ns == 12345);
	cr_assert(ops->stat(o.root, "dir/a/b", &st, NULL) == MF_OK && st.kind == MF_KIND_ABSENT);
	cr_assert(ops->stat(o.root, "no/b", &st, NULL) == MF_OK && st.kind == MF_KIND_ABSENT);
	cr_assert(ops->stat(o.root, "../home", &st, NULL) == MF_EAUTH);
	sim_symlink(o.h, "/home/link", "/home/dir");
	cr_assert(ops->open(o.root, "link/a", MF_OPEN_READ, 0, &f, NULL) == MF_EAUTH);
	cr_assert(ops->rmdir(o.root, "dir", NULL) == MF_EEXIST);
	cr_assert(ops->unlink(o.root, "dir", NULL) != MF_OK);
	cr_assert(ops->rename(o.root, "dir/a", "b", MF_RENAME_NEW, NULL) == MF_OK);
	f = create(&o, "c", "other");
	ops->close(f);
	cr_assert(ops->rename(o.root, "c", "b", MF_RENAME_NEW, NULL) == MF_EEXIST);
	cr_assert(ops->rename(o.root, "c", "b", MF_RENAME_EXCHANGE, NULL) == MF_OK);
	cr_assert(sim_has(o.h, "/home/c", "hello") && sim_has(o.h, "/home/b", "other"));
	cr_assert(ops->rename(o.root, "c", "b", MF_RENAME_REPLACE, NULL) == MF_OK);
	cr_assert(ops->rmdir(o.root, "dir", NULL) == MF_OK);
	sim_chmod(o.h, "/home/b", 0);
	cr_assert(ops->open(o.root, "b", MF_OPEN_READ, 0, &f, NULL) == MF_EIO);
	end(&o);
}

Test(sim, faults_come_when_asked_for, .timeout = 20)
{
	struct one o = one_host(2);
	const struct mf_env_ops *ops = o.env->ops;
	struct mf_file *f = create(&o, "a", "hello");
	mf_stat st;

	sim_fail_nth(o.h, SIM_WRITE, 2, ENOSPC);
	cr_assert(ops->write(f, 5, "x", 1, NULL) == MF_OK);
	cr_assert(ops->write(f, 6, "y", 1, NULL) == MF_EFULL);
	cr_assert(ops->write(f, 6, "z", 1, NULL) == MF_OK);
	sim_trouble_of(o.h)->disk_free = 3;
	cr_assert(ops->write(f, 7, "12345", 5, NULL) == MF_EFULL);
	sim_fail_often(o.h, SIM_STAT, 1000, EIO);
	cr_assert(ops->stat(o.root, "a", &st, NULL) == MF_EIO);
	sim_calm(o.h);
	cr_assert(ops->stat(o.root, "a", &st, NULL) == MF_OK && st.size == 7);
	sim_crash_after(o.h, SIM_CRASH_PROCESS, 2);
	cr_assert(ops->write(f, 7, "1", 1, NULL) == MF_OK);
	cr_assert(ops->write(f, 8, "2", 1, NULL) == MF_EIO && sim_dead(o.h));
	cr_assert(ops->stat(o.root, "a", &st, NULL) == MF_EIO);
	ops->close(f);
	cr_assert(sim_has(o.h, "/home/a", "helloxz1"));
	end(&o);
}

/* What a power cut leaves of: a synced file with a synced name; a synced file whose name is not; an unsynced
 * change of the first. */
Test(sim, a_power_cut_takes_only_what_was_not_synced, .timeout = 60)
{
	unsigned named = 0, changed = 0;

	for (uint64_t seed = 0; seed < 200; seed++) {
		struct one o = one_host(seed);
		const struct mf_env_ops *ops = o.env->ops;
		struct mf_file *f = create(&o, "safe", "old"), *g;
		cr_assert(ops->fsync(f, NULL) == MF_OK);
		cr_assert(ops->sync_dir(o.root, "", NULL) == MF_OK);
		g = create(&o, "dir/new", "new");
		cr_assert(ops->fsync(g, NULL) == MF_OK);
		cr_assert(ops->write(f, 0, "NEW", 3, NULL) == MF_OK);
		ops->close(f);
		ops->close(g);
		sim_crash(o.h, SIM_CRASH_POWER);
		retire(&o);
		mf_stat st;
		cr_assert(sim_stat(o.h, "/home/safe", &st));
		bool there = sim_stat(o.h, "/home/dir/new", &st);
		cr_assert(!there || sim_has(o.h, "/home/dir/new", "new"));
		named += there;
		changed += !sim_has(o.h, "/home/safe", "old");
		end(&o);
	}
	cr_assert(named > 20 && named < 180, "%u", named);
	cr_assert(changed > 20 && changed < 180, "%u", changed);
}

/* ---- databases ---- */

static int64_t
count_rows(sqlite3 *db)
{
	sqlite3_stmt *q = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &q, NULL) == SQLITE_OK &&
		sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return n;
}

static sqlite3 *
open_db(struct one *o)
{
	sqlite3 *db = NULL;
	mf_err err = {0};

	cr_assert(o->env->ops->db_open(o->env, "/home/x.sqlite", &db, &err) == MF_OK, "%s", err.text);
	return db;
}

static void
exec(sqlite3 *db, const char *sql)
{
	char *text = NULL;

	cr_assert(sqlite3_exec(db, sql, NULL, NULL, &text) == SQLITE_OK, "%s: %s", sql, text);
}

/* 20 transactions, a sync in the middle, a checkpoint now and then, a crash somewhere; how many rows are left? */
static int64_t
rows_after(uint64_t seed, enum sim_crash how, int sync_at, int checkpoint_at)
{
	struct one o = one_host(seed);
	sqlite3 *db = open_db(&o);

	exec(db, "CREATE TABLE t (x INTEGER)");
	cr_assert(o.env->ops->db_sync(o.env, "/home/x.sqlite", NULL) == MF_OK);
	for (int i = 1; i <= 20; i++) {
		exec(db, "INSERT INTO t VALUES (1)");
		if (i == sync_at)
			cr_assert(o.env->ops->db_sync(o.env, "/home/x.sqlite", NULL) == MF_OK);
		if (i == checkpoint_at)
			cr_assert(o.env->ops->db_checkpoint(o.env, "/home/x.sqlite", NULL) == MF_OK);
	}
	sim_crash(o.h, how);
	cr_assert(sqlite3_exec(db, "INSERT INTO t VALUES (1)", NULL, NULL, NULL) != SQLITE_OK);
	cr_assert(sqlite3_close(db) == SQLITE_OK);
	retire(&o);
	o.env = sim_boot(o.h);
	cr_assert(o.env->ops->root_open(o.env, "/home", &o.root, NULL) == MF_OK);
	db = open_db(&o);
	int64_t n = count_rows(db);
	cr_assert(sqlite3_close(db) == SQLITE_OK);
	end(&o);
	return n;
}

Test(sim, a_database_loses_only_commits_since_its_last_sync, .timeout = 60)
{
	int64_t least = 100, most = 0;

	cr_assert(rows_after(1, SIM_CRASH_PROCESS, 0, 0) == 20);
	cr_assert(rows_after(2, SIM_CRASH_PROCESS, 0, 7) == 20);
	for (uint64_t seed = 0; seed < 60; seed++) {
		int64_t n = rows_after(seed, SIM_CRASH_POWER, 10, (int)(seed % 3) * 6);
		cr_assert(n >= 10 && n <= 20, "%lld rows", (long long)n);
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	cr_assert(least < 14 && most > 16, "%lld to %lld", (long long)least, (long long)most);
}

Test(sim, two_connections_see_each_other_and_a_holder_blocks, .timeout = 20)
{
	struct one o = one_host(3);
	sqlite3 *a = open_db(&o), *b;

	exec(a, "CREATE TABLE t (x INTEGER)");
	b = open_db(&o);
	exec(b, "INSERT INTO t VALUES (1)");
	cr_assert(count_rows(a) == 1);
	exec(a, "BEGIN IMMEDIATE");
	cr_assert(sqlite3_exec(b, "INSERT INTO t VALUES (2)", NULL, NULL, NULL) == SQLITE_BUSY);
	exec(a, "COMMIT");
	sim_db_hold(o.h, "/home/x.sqlite", true);
	cr_assert(sqlite3_exec(b, "INSERT INTO t VALUES (2)", NULL, NULL, NULL) == SQLITE_BUSY);
	cr_assert(count_rows(b) == 1);
	sim_db_hold(o.h, "/home/x.sqlite", false);
	exec(b, "INSERT INTO t VALUES (2)");
	cr_assert(sqlite3_close(a) == SQLITE_OK && sqlite3_close(b) == SQLITE_OK);
	end(&o);
}

/* ---- time, jobs, watches, order ---- */

struct seen {
	struct one *o;
	char order[512];
	struct mf_timer *timer;
	unsigned jobs;
};

static void
seen_add(struct seen *s, const char *what)
{
	size_t n = strlen(s->order);

	(void)snprintf(s->order + n, sizeof(s->order) - n, "%s ", what);
}

static void
on_timer(void *arg)
{
	seen_add(arg, "timer");
}

static void
on_event(void *arg, const mf_watch_event *ev)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "%d:%.*s/%.*s", (int)ev->what, (int)ev->dir.n, ev->dir.p, (int)ev->name.n,
		ev->name.p);
	seen_add(arg, text);
}

static void
job_work(void *arg, const mf_cancel *cancel)
{
	struct seen *s = arg;
	mf_stat st;

	cr_assert(!mf_canceled(cancel));
	(void)s->o->env->ops->stat(s->o->root, "dir", &st, NULL);
	s->jobs++;
}

static void
job_done(void *arg)
{
	seen_add(arg, "done");
}

static bool
all_done(void *arg)
{
	const struct seen *s = arg;

	return strstr(s->order, "done done done") != NULL;
}

Test(sim, jobs_timers_and_events_arrive_once, .timeout = 20)
{
	struct one o = one_host(4);
	const struct mf_env_ops *ops = o.env->ops;
	struct seen s = {.o = &o};

	s.timer = ops->timer_new(o.env, on_timer, &s);
	ops->timer_start(s.timer, 1000);
	sim_run_for(o.w, 999);
	cr_assert(s.order[0] == '\0');
	sim_run_for(o.w, 2);
	cr_assert(strcmp(s.order, "timer ") == 0);
	for (int i = 0; i < 3; i++)
		(void)ops->job_start(o.env, MF_POOL_QUICK, job_work, job_done, &s);
	ops->job_cancel(ops->job_start(o.env, MF_POOL_QUICK, job_work, job_done, &s));
	s.order[0] = '\0';
	cr_assert(sim_run_until(o.w, all_done, &s, 1000) && s.jobs == 3);
	sim_run_for(o.w, 100);
	cr_assert(sim_retire(o.h) == 2, "the timer and the root are left");
	ops->timer_free(s.timer);
	end(&o);
}

Test(sim, watches_tell_what_happened_in_order, .timeout = 20)
{
	struct one o = one_host(5);
	const struct mf_env_ops *ops = o.env->ops;
	struct seen s = {.o = &o};
	struct mf_watch *watch = ops->watch_new(o.env, on_event, &s);

	cr_assert(ops->watch_add(watch, o.root, "", NULL) == MF_OK);
	cr_assert(ops->watch_add(watch, o.root, "dir", NULL) == MF_OK);
	cr_assert(ops->watch_add(watch, o.root, "none", NULL) == MF_ENOTFOUND);
	sim_writez(o.h, "/home/dir/a", "x");
	sim_move(o.h, "/home/dir/a", "/home/b");
	sim_remove(o.h, "/home/b");
	sim_remove(o.h, "/home/dir");
	sim_run_for(o.w, 10);
	cr_assert(strcmp(s.order, "1:dir/a 2:dir/a 3:dir/a 6:dir/a 7:/b 5:/b 8:dir/ 5:/dir ") == 0, "%s", s.order);
	s.order[0] = '\0';
	sim_writez(o.h, "/home/c", "x");
	sim_watch_overflow(o.h);
	sim_run_for(o.w, 10);
	cr_assert(strcmp(s.order, "9:/ ") == 0, "%s", s.order);
	sim_trouble_of(o.h)->watch_limit = 1;
	sim_mkdirs(o.h, "/home/more");
	cr_assert(ops->watch_add(watch, o.root, "more", NULL) == MF_EFULL);
	ops->watch_free(watch);
	end(&o);
}

static uint64_t
busy_world(uint64_t seed)
{
	struct one o = one_host(seed);
	struct seen s = {.o = &o};

	sim_preempt(o.w, 300);
	s.timer = o.env->ops->timer_new(o.env, on_timer, &s);
	o.env->ops->timer_start(s.timer, 1);
	for (int i = 0; i < 10; i++)
		(void)o.env->ops->job_start(o.env, MF_POOL_TRANSFER, job_work, job_done, &s);
	sim_run_for(o.w, 100);
	uint64_t hash = sim_trace_hash(o.w);
	o.env->ops->timer_free(s.timer);
	end(&o);
	return hash;
}

Test(sim, the_same_seed_gives_the_same_trace, .timeout = 20)
{
	cr_assert(busy_world(7) == busy_world(7));
	cr_assert(busy_world(7) != busy_world(8));
}
