/* One failure in a scene. */
#include "nth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

enum { STRIDE_CHECK = 211, POLL_S = 30, SCAN_S = 60, AFTER_MS = 8000, N_MAX = 20000, BAD_MAX = 40 };

struct way {
	enum sim_op op;
	const char *name;
	int error[6]; /* 0 ends */
};

static const struct way ways[] = {
	{SIM_STAT, "stat", {EIO, EACCES}},
	{SIM_LIST, "list", {EIO, EACCES, EMFILE}},
	{SIM_OPEN, "open",
		{EIO, EMFILE, ENOENT, ENOSPC}}, /* what may not be read is known to be there: another story */
	{SIM_READ, "read", {EIO}},
	{SIM_WRITE, "write", {ENOSPC, EIO, EDQUOT}},
	{SIM_SYNC, "sync", {EIO, ENOSPC}},
	{SIM_SETATTR, "setattr", {EIO, EPERM}},
	{SIM_MKDIR, "mkdir", {ENOSPC, EACCES, EIO, EROFS}},
	{SIM_RENAME, "rename", {EIO, EACCES, ENOSPC, ENOENT}},
	{SIM_UNLINK, "unlink", {EIO, EACCES, EBUSY}},
	{SIM_WATCH, "watch", {ENOSPC, ENOMEM}},
	{SIM_DB_OPEN, "db-open", {EIO, EMFILE}},
	{SIM_DB_READ, "db-read", {EIO}},
	{SIM_DB_WRITE, "db-write", {EIO, ENOSPC}},
	{SIM_DB_SYNC, "db-sync", {EIO}},
	{SIM_DB_LOCK, "db-lock", {EBUSY}},
	{SIM_PUT, "put", {MF_ENET, MF_EFULL, SIM_LOST_ANSWER, SIM_TIMEOUT}},
	{SIM_GET, "get", {MF_ENET, MF_ENOTFOUND, MF_EFORMAT, SIM_TIMEOUT}},
	{SIM_PUT_DIR, "put-dir", {MF_ENET, MF_EFULL, SIM_LOST_ANSWER, SIM_TIMEOUT}},
	{SIM_MKDIR_GRID, "mkdir-grid", {MF_ENET, MF_EFULL, SIM_LOST_ANSWER, SIM_TIMEOUT}},
	{SIM_LIST_GRID, "list-grid", {MF_ENET, MF_ENOTFOUND, MF_EFORMAT, SIM_TIMEOUT}},
	{SIM_UPDATE, "update", {MF_ENET, MF_EFULL, MF_ECHANGED, SIM_LOST_ANSWER, SIM_TIMEOUT}},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

struct failure {
	const struct way *way; /* NULL: none */
	int error;
	uint64_t n;
	const char *victim; /* "a" or "b" */
};

struct counts {
	uint64_t n[SIM_OPS];
	unsigned errors; /* that the victim showed */
	bool bad;
};

void
stage_pass(struct stage *s, int64_t ms)
{
	judge_pass(&s->judge, ms);
}

static void
begin(struct stage *s, const struct scene *scene, const struct failure *f)
{
	*s = (struct stage){0};
	cast_init(&s->c, 1);
	s->c.poll_s = POLL_S;
	s->c.scan_s = SCAN_S;
	s->a = cast_add(&s->c, "alice");
	s->b = cast_add(&s->c, "bob");
	s->judge = (struct judge){.c = &s->c, .o = &s->o, .wrong = s->wrong, .size = sizeof(s->wrong)};
	if (scene->before != NULL)
		scene->before(s);
	stage_pass(s, AFTER_MS);
	s->victim = scene->third ? cast_host(&s->c, "carol") : f->victim[0] == 'a' ? s->a : s->b;
}

/* @return whether it failed. */
static bool
run(const struct scene *scene, const struct failure *f, struct counts *out)
{
	struct stage s;

	begin(&s, scene, f);
	for (int op = 0; op < SIM_OPS; op++)
		out->n[op] = sim_count(s.victim->h, (enum sim_op)op);
	out->errors = s.victim->errors;
	if (f->way != NULL)
		sim_fail_nth(s.victim->h, f->way->op, f->n, f->error);
	scene->act(&s);
	stage_pass(&s, AFTER_MS);
	bool failed = f->way != NULL && !sim_fail_is_due(s.victim->h, f->way->op);
	for (int op = 0; op < SIM_OPS; op++)
		out->n[op] = sim_count(s.victim->h, (enum sim_op)op) - out->n[op];
	out->errors = s.victim->errors - out->errors;
	if (f->error == MF_EFORMAT &&
		judge_runs(s.victim)) /* what does not verify is asked for again after a restart */
		cast_close(s.victim);
	judge_end(&s.judge);
	if (scene->after != NULL && s.wrong[0] == '\0')
		scene->after(&s);
	out->bad = s.wrong[0] != '\0';
	if (out->bad)
		(void)fprintf(stderr, "%s, MF_NTH=\"%s %s %d %llu\": %s\n", scene->name, f->victim,
			f->way == NULL ? "none" : f->way->name, f->error, (unsigned long long)f->n, s.wrong);
	cast_end(&s.c);
	oracle_free(&s.o);
	return failed;
}

/* ---- which ---- */

static unsigned
stride(void)
{
	const char *soak = getenv("MF_SOAK"), *text = getenv("MF_NTH_STRIDE");

	if (text != NULL && *text != '\0')
		return (unsigned)strtoul(text, NULL, 10);
	return soak != NULL && *soak != '\0' ? 1 : STRIDE_CHECK;
}

struct tally {
	unsigned step, at; /* the at-th possible failure is tried when at % step == 0 */
	unsigned failed, shown, bad;
};

static void
each_n(const struct scene *scene, struct failure f, uint64_t usual, struct tally *t)
{
	for (f.n = 1; f.n <= N_MAX; f.n++) {
		struct counts c;
		if (t->step > 1 && f.n > usual)
			return;
		if (t->at++ % t->step != 0)
			continue;
		bool failed = run(scene, &f, &c);
		t->bad += c.bad;
		if (!failed)
			return;
		cr_assert(t->bad < BAD_MAX, "%s: enough", scene->name);
		t->failed++;
		t->shown += c.errors > 0;
	}
	cr_assert_fail("%s: %s %s never ends", scene->name, f.victim, f.way->name);
}

static void
on_device(const struct scene *scene, const char *victim, struct tally *t)
{
	struct failure f = {.victim = victim};
	struct counts usual;

	(void)run(scene, &f, &usual);
	cr_assert(usual.errors == 0 && !usual.bad, "%s: an error without a failure", scene->name);
	for (size_t i = 0; i < WAYS; i++)
		for (size_t k = 0; k < 6 && ways[i].error[k] != 0; k++) {
			f.way = &ways[i];
			f.error = ways[i].error[k];
			each_n(scene, f, usual.n[ways[i].op], t);
		}
}

/* As told by a failed run. */
static bool
only_one(const struct scene *scene)
{
	const char *text = getenv("MF_NTH");
	char victim[8], kind[16];
	struct failure f = {.victim = victim};
	unsigned long long n;
	struct counts c;

	if (text == NULL || *text == '\0')
		return false;
	cr_assert(sscanf(text, "%7s %15s %d %llu", victim, kind, &f.error, &n) == 4, "MF_NTH=\"%s\"", text);
	for (size_t i = 0; i < WAYS; i++)
		if (strcmp(ways[i].name, kind) == 0)
			f.way = &ways[i];
	f.n = n;
	(void)run(scene, &f, &c);
	cr_assert(!c.bad);
	return true;
}

void
nth_all(const struct scene *scene)
{
	struct tally t = {.step = stride()};

	if (only_one(scene))
		return;
	on_device(scene, "a", &t);
	if (!scene->third)
		on_device(scene, "b", &t);
	(void)fprintf(stderr, "%s: %u failures of %u possible, %u of them shown as errors\n", scene->name, t.failed,
		t.at, t.shown);
	cr_assert(t.failed > 0 && t.bad == 0);
}
