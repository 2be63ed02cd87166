/* What may be said on which evidence: one line of the table per piece that is missing. */
#include <string.h>

#include <criterion/criterion.h>

#include "sync/evidence.h"

static mf_evidence
all_there(void)
{
	return (mf_evidence){.watching = true, .in_collective = true, .scan_finished = true, .poll_finished = true};
}

#define WITH(...) \
	{ \
		.watching = true, .in_collective = true, .scan_finished = true, .poll_finished = true, __VA_ARGS__ \
	}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct {
	const char *name;
	mf_evidence e;
	enum mf_sync_state state;
	const char *say;
} table[] = {
	{"all there", WITH(.errors = 0), MF_SYNC_UP_TO_DATE, "up to date"},
	{"nothing known at all", {.watching = true}, MF_SYNC_WAITING, "waiting for a poll"},
	{"no scan yet", WITH(.scan_finished = false), MF_SYNC_WAITING, "waiting for a scan"},
	{"no poll yet", WITH(.poll_finished = false), MF_SYNC_WAITING, "waiting for a poll"},
	{"the last poll is old", WITH(.poll_stale = true), MF_SYNC_WAITING, "waiting for a poll"},
	{"the last poll failed", WITH(.poll_failed = true), MF_SYNC_WAITING, "waiting for the grid"},
	{"not added", WITH(.in_collective = false), MF_SYNC_WAITING, "waiting for the folder's admin"},
	{"locked", WITH(.database_busy = true), MF_SYNC_WAITING, "waiting for another program"},
	{"up", WITH(.up = 3, .under_work = 5), MF_SYNC_SYNCING, "syncing: 3 up, 0 down"},
	{"down", WITH(.down = 2), MF_SYNC_SYNCING, "syncing: 0 up, 2 down"},
	{"at work", WITH(.under_work = 7), MF_SYNC_SYNCING, "syncing: looking at 7 files"},
	{"an error", WITH(.errors = 1, .first_error = "cannot be read"), MF_SYNC_PROBLEM, "problem: cannot be read"},
	{"of a file", WITH(.errors = 1, .first_error = "write: No space left on device", .first_about = "d/big"),
		MF_SYNC_PROBLEM, "problem: d/big: write: No space left on device"},
	{"that names it", WITH(.errors = 1, .first_error = "open d/big: Permission denied", .first_about = "d/big"),
		MF_SYNC_PROBLEM, "problem: open d/big: Permission denied"},
	{"errors", WITH(.errors = 2, .first_error = "cannot be read", .up = 1), MF_SYNC_PROBLEM, "problem: 2 errors"},
	{"a watch is missing", WITH(.watching = false), MF_SYNC_PROBLEM, "problem: not every directory is watched"},
	{"a question", WITH(.asking = 30, .errors = 1), MF_SYNC_PROBLEM, "problem: 30 files are gone"},
	{"paused", WITH(.paused = true, .errors = 1, .up = 2), MF_SYNC_PAUSED, "paused"},
};
#pragma GCC diagnostic pop

Test(evidence, the_first_piece_that_is_missing_decides, .timeout = 5)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char say[MF_SAY_MAX];
		enum mf_sync_state s = mf_evidence_judge(&table[i].e, say);
		cr_assert(s == table[i].state, "%s: %s", table[i].name, say);
		cr_assert(strncmp(say, table[i].say, strlen(table[i].say)) == 0, "%s: %s", table[i].name, say);
	}
}

/* Whatever else is true or not: each of these alone forbids the words. */
Test(evidence, nothing_is_up_to_date_with_a_piece_missing, .timeout = 5)
{
	for (unsigned bits = 1; bits < 1u << 12; bits++) {
		char say[MF_SAY_MAX];
		mf_evidence e = all_there();
		e.paused = (bits & 1) != 0;
		e.asking = (bits >> 1) & 1;
		e.errors = (bits >> 2) & 1;
		e.watching = (bits & 8) == 0;
		e.database_busy = (bits & 16) != 0;
		e.in_collective = (bits & 32) == 0;
		e.scan_finished = (bits & 64) == 0;
		e.poll_finished = (bits & 128) == 0;
		e.poll_failed = (bits & 256) != 0;
		e.poll_stale = (bits & 512) != 0;
		e.up = (bits >> 10) & 1;
		e.under_work = (bits >> 11) & 1;
		cr_assert(mf_evidence_judge(&e, say) != MF_SYNC_UP_TO_DATE, "bits %x", bits);
		cr_assert(say[0] != '\0');
	}
}

Test(evidence, names_are_what_the_interface_says, .timeout = 5)
{
	cr_assert(strcmp(mf_sync_state_name(MF_SYNC_UP_TO_DATE), "up-to-date") == 0);
	cr_assert(strcmp(mf_sync_state_name(MF_SYNC_PAUSED), "paused") == 0);
	cr_assert(strcmp(mf_sync_state_name((enum mf_sync_state)99), "problem") == 0);
}
