/* What may be said about a folder: one line of evidence after the other, the first that speaks decides. */
#include "sync/evidence.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum mf_sync_state __attribute__((format(printf, 3, 4)))
say_that(enum mf_sync_state s, char say[MF_SAY_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(say, MF_SAY_MAX, fmt, ap);
	va_end(ap);
	return s;
}

static enum mf_sync_state
problem(const mf_evidence *e, char say[MF_SAY_MAX])
{
	if (e->asking > 0)
		return say_that(MF_SYNC_PROBLEM, say,
			"problem: %llu files are gone; are they to be deleted everywhere? (magic-folder "
			"confirm-deletes)",
			(unsigned long long)e->asking);
	if (e->errors > 1)
		return say_that(MF_SYNC_PROBLEM, say, "problem: %llu errors", (unsigned long long)e->errors);
	if (e->errors == 1 && e->first_error != NULL && e->first_about != NULL &&
		strstr(e->first_error, e->first_about) == NULL)
		return say_that(MF_SYNC_PROBLEM, say, "problem: %s: %s", e->first_about, e->first_error);
	if (e->errors == 1)
		return say_that(
			MF_SYNC_PROBLEM, say, "problem: %s", e->first_error != NULL ? e->first_error : "1 error");
	return say_that(MF_SYNC_PROBLEM, say, "problem: not every directory is watched for changes");
}

enum mf_sync_state
mf_evidence_judge(const mf_evidence *e, char say[MF_SAY_MAX])
{
	if (e->paused)
		return say_that(MF_SYNC_PAUSED, say, "paused");
	if (e->asking > 0 || e->errors > 0 || !e->watching)
		return problem(e, say);
	if (e->up > 0 || e->down > 0)
		return say_that(MF_SYNC_SYNCING, say, "syncing: %llu up, %llu down", (unsigned long long)e->up,
			(unsigned long long)e->down);
	if (e->database_busy)
		return say_that(MF_SYNC_WAITING, say, "waiting for another program that holds the folder's database");
	if (e->poll_failed)
		return say_that(MF_SYNC_WAITING, say, "waiting for the grid: it could not be read just now");
	if (!e->poll_finished || e->poll_stale)
		return say_that(MF_SYNC_WAITING, say, "waiting for a poll of the grid to end");
	if (!e->scan_finished)
		return say_that(MF_SYNC_WAITING, say, "waiting for a scan of the directory to end");
	if (e->under_work > 0)
		return say_that(
			MF_SYNC_SYNCING, say, "syncing: looking at %llu files", (unsigned long long)e->under_work);
	if (!e->in_collective)
		return say_that(
			MF_SYNC_WAITING, say, "waiting for the folder's admin to add us: nobody sees our changes yet");
	return say_that(MF_SYNC_UP_TO_DATE, say, "up to date");
}

const char *
mf_sync_state_name(enum mf_sync_state s)
{
	static const char *const name[] = {"up-to-date", "syncing", "waiting", "problem", "paused"};

	return (size_t)s < sizeof(name) / sizeof(name[0]) ? name[s] : "problem";
}
