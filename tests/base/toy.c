/* A small program above struct mf_env that uses a bit of everything. */
#include "tests/base/toy.h"

#include <stdio.h>
#include <string.h>

enum { FILE_SIZE = 100000 };

/* ---- the job: writes a file beside its place, durably, and moves it there ---- */

static mf_code
write_file(struct toy *t)
{
	const struct mf_env_ops *ops = t->env->ops;
	struct mf_file *f;
	char block[1000];
	mf_code rc = ops->open(t->root, "sub/new.tmp", MF_OPEN_CREATE_NEW, 0666, &f, &t->err);

	if (rc != MF_OK)
		return rc;
	memset(block, 'x', sizeof(block));
	for (uint64_t off = 0; off < FILE_SIZE && rc == MF_OK; off += sizeof(block))
		rc = ops->write(f, off, block, sizeof(block), &t->err);
	if (rc == MF_OK)
		rc = ops->set_mtime(f, 1600000000000000000, &t->err);
	if (rc == MF_OK)
		rc = ops->fsync(f, &t->err);
	ops->close(f);
	if (rc == MF_OK)
		rc = ops->rename(t->root, "sub/new.tmp", "sub/new", MF_RENAME_NEW, &t->err);
	return rc == MF_OK ? ops->sync_dir(t->root, "sub", &t->err) : rc;
}

static void
work(void *arg, const mf_cancel *cancel)
{
	struct toy *t = arg;

	if (!mf_canceled(cancel))
		t->rc = write_file(t);
}

static mf_code
note_in_db(struct toy *t, const mf_stat *st)
{
	char sql[160];
	mf_code rc = t->env->ops->db_open(t->env, t->db_path, &t->db, &t->err);

	if (rc != MF_OK)
		return rc;
	(void)snprintf(sql, sizeof(sql),
		"CREATE TABLE seen (size INTEGER, mtime INTEGER);"
		"INSERT INTO seen VALUES (%llu, %lld)",
		(unsigned long long)st->size, (long long)st->mtime_ns);
	rc = sqlite3_exec(t->db, sql, NULL, NULL, NULL) == SQLITE_OK ? MF_OK : MF_EIO;
	return rc == MF_OK ? t->env->ops->db_sync(t->env, t->db_path, &t->err) : rc;
}

static void
done(void *arg)
{
	struct toy *t = arg;
	mf_stat st = {0};

	t->jobs_done++;
	if (t->rc == MF_OK)
		t->rc = t->env->ops->stat(t->root, "sub/new", &st, &t->err);
	if (t->rc == MF_OK)
		t->rc = note_in_db(t, &st);
	t->size = st.size;
	t->mtime_ns = st.mtime_ns;
}

static void
ignore_work(void *arg, const mf_cancel *cancel)
{
	struct toy *t = arg;

	t->canceled_ran = !mf_canceled(cancel);
}

static void
ignore_done(void *arg)
{
	((struct toy *)arg)->jobs_done++;
}

/* ---- the loop's side ---- */

static void
on_event(void *arg, const mf_watch_event *ev)
{
	struct toy *t = arg;

	if (ev->what == MF_WATCH_CREATED && mf_str_eq(ev->name, MF_STR("new.tmp")))
		t->created = 1;
	if (ev->what == MF_WATCH_CLOSED && mf_str_eq(ev->name, MF_STR("new.tmp")))
		t->closed = t->created;
	if (ev->what == MF_WATCH_MOVED_TO && mf_str_eq(ev->name, MF_STR("new")) && mf_str_eq(ev->dir, MF_STR("sub")))
		t->arrived = t->closed;
	t->finished = t->arrived && t->jobs_done == 2;
}

static void
on_tick(void *arg)
{
	struct toy *t = arg;

	t->ticks++;
	t->finished = t->arrived && t->jobs_done == 2;
	if (t->ticks == 1) {
		(void)t->env->ops->job_start(t->env, MF_POOL_TRANSFER, work, done, t);
		struct mf_job *j = t->env->ops->job_start(t->env, MF_POOL_QUICK, ignore_work, ignore_done, t);
		t->env->ops->job_cancel(j);
	}
	t->env->ops->timer_start(t->timer, 20);
}

mf_code
toy_start(struct toy *t)
{
	const struct mf_env_ops *ops = t->env->ops;
	mf_code rc = ops->mkdir(t->root, "sub", 0777, &t->err);

	t->began_ms = ops->mono_ms(t->env);
	t->timer = ops->timer_new(t->env, on_tick, t);
	t->watch = ops->watch_new(t->env, on_event, t);
	if (rc == MF_OK)
		rc = ops->watch_add(t->watch, t->root, "sub", &t->err);
	ops->timer_start(t->timer, 30);
	return rc;
}

void
toy_stop(struct toy *t)
{
	t->took_ms = t->env->ops->mono_ms(t->env) - t->began_ms;
	t->env->ops->timer_free(t->timer);
	t->env->ops->watch_free(t->watch);
	(void)sqlite3_close(t->db);
}
