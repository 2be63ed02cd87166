/* Sentences for people: a store that fills, limits of inotify. */
#include <criterion/criterion.h>

#include "daemon/doctor.h"
#include "daemon/text.h"

#define GB UINT64_C(1000000000)

static const char *
space(uint64_t bytes_free, uint64_t bytes_total, uint64_t files_free, uint64_t files_total)
{
	static char out[200];
	const mf_space s = {bytes_free, bytes_total, files_free, files_total};

	cr_assert(mf_text_space(&s, out) == (out[0] != '\0'));
	return out;
}

Test(text, a_store_is_said_to_fill_from_eighty_percent_on, .timeout = 10)
{
	cr_assert_str_empty(space(201 * GB, 1000 * GB, 0, 0));
	cr_assert_str_eq(space(200 * GB, 1000 * GB, 0, 0),
		"the store's disk is 80 % full, 200.0 GB are free:"
		" make room, or see what 'magic-folder grid gc' would remove");
	cr_assert_str_eq(space(0, 1000 * GB, 500, 1000),
		"the store's disk is 100 % full, 0 bytes are free:"
		" make room, or see what 'magic-folder grid gc' would remove");
}

Test(text, so_are_its_inodes, .timeout = 10)
{
	cr_assert_str_empty(space(900 * GB, 1000 * GB, 210000, 1000000));
	cr_assert_str_eq(space(900 * GB, 1000 * GB, 123456, 1000000),
		"the store's disk has room for 123456 more files only (87 % of its inodes are used):"
		" make room, or see what 'magic-folder grid gc' would remove");
	cr_assert(strstr(space(100 * GB, 1000 * GB, 1, 1000000), "90 % full") != NULL, "bytes first");
}

Test(text, what_is_unknown_or_odd_is_no_warning, .timeout = 10)
{
	cr_assert_str_empty(space(0, 0, 0, 0));
	cr_assert_str_empty(space(900 * GB, 1000 * GB, 0, 0)); /* btrfs has no number of inodes */
	cr_assert_str_empty(space(2 * GB, 1 * GB, 7, 3));
	cr_assert_str_eq(space(0, UINT64_MAX, UINT64_MAX, UINT64_MAX),
		"the store's disk is 100 % full, 0 bytes are free:"
		" make room, or see what 'magic-folder grid gc' would remove");
	cr_assert(strlen(space(UINT64_MAX / 6, UINT64_MAX, 0, UINT64_MAX)) < 199, "whole, whatever the numbers");
	cr_assert(strlen(space(UINT64_MAX, UINT64_MAX, UINT64_MAX / 6, UINT64_MAX)) < 199);
}

/* Findings on @p w: how many, and whether the first of @p level has @p part. */
static size_t
watching(mf_watching w, enum mf_finding_level level, const char *part)
{
	mf_findings all = {0};
	bool found = false;

	mf_doctor_watching(&w, &all);
	for (size_t i = 0; i < all.n; i++)
		found |= all.row[i].level == level && strstr(all.row[i].text, part) != NULL;
	cr_assert(found, "%s", all.row[0].text);
	size_t n = all.n;
	mf_findings_free(&all);
	return n;
}

Test(text, doctor_compares_directories_with_the_limits_of_inotify, .timeout = 10)
{
	mf_watching w = {.dirs = 50, .watches = 8192, .here = 8192, .queue = 16384};

	cr_assert(watching(w, MF_FINDING_OK, "50 directories to watch, the system allows 8192") == 1);
	w.dirs = 7500;
	cr_assert(watching(w, MF_FINDING_WRONG, "sudo sysctl fs.inotify.max_user_watches=15000") == 1);
	w.here = 60; /* in a container */
	w.dirs = 50;
	cr_assert(watching(w, MF_FINDING_OK, "allows 60") == 1);
	w.dirs = 58;
	cr_assert(watching(w, MF_FINDING_WRONG, "sudo sysctl user.max_inotify_watches=116") == 1);
	w.here = 0; /* a kernel without that number */
	cr_assert(watching(w, MF_FINDING_OK, "allows 8192") == 1);
	cr_assert(watching((mf_watching){.dirs = 5}, MF_FINDING_NOTE, "has no inotify") == 1);
}

Test(text, and_with_the_length_of_its_queue, .timeout = 10)
{
	mf_watching w = {.dirs = 50, .watches = 1000000, .queue = 512};

	cr_assert(watching(w, MF_FINDING_NOTE, "notes of 512 changes at once") == 2);
	w.queue = 16384;
	w.dirs = 16385;
	cr_assert(watching(w, MF_FINDING_NOTE, "sudo sysctl fs.inotify.max_queued_events=131072") == 2);
	w.dirs = 100000;
	cr_assert(watching(w, MF_FINDING_NOTE, "fs.inotify.max_queued_events=200000") == 2);
	w.queue = 200000;
	cr_assert(watching(w, MF_FINDING_OK, "100000 directories") == 1);
}
