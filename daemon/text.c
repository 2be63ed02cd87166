/* Numbers and times for people's eyes. */
#include "daemon/text.h"

#include <stdio.h>
#include <time.h>

void
mf_text_size(uint64_t bytes, char out[24])
{
	static const char *const unit[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)bytes / 1000;
	size_t i = 0;

	if (bytes < 1000) {
		(void)snprintf(out, 24, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
		return;
	}
	for (; v >= 999.95 && i + 1 < sizeof(unit) / sizeof(*unit); i++)
		v /= 1000;
	(void)snprintf(out, 24, "%.1f %s", v, unit[i]);
}

void
mf_text_time(int64_t seconds, char out[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)snprintf(out, 32, "%lld", (long long)seconds);
}

void
mf_text_count(uint64_t n, const char *one, const char *many, char out[64])
{
	(void)snprintf(out, 64, "%llu %s", (unsigned long long)n, n == 1 ? one : many);
}

char *
mf_text_safe(const char *text)
{
	mf_buf out = {0};

	mf_buf_addz(&out, "");
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		bool c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; /* as UTF-8 */
		if (*c < 0x20 || *c == 0x7f || c1)
			mf_buf_addf(&out, "\\x%02x", c1 ? *++c : *c);
		else
			mf_buf_addc(&out, (char)*c);
	}
	return out.p != NULL ? (char *)out.p : mf_strdup(MF_STR(""));
}

enum { FULL_PERCENT = 80 };

static unsigned
percent_used(uint64_t left, uint64_t total)
{
	return total == 0 || left > total ? 0 : (unsigned)((double)(total - left) * 100 / (double)total);
}

bool
mf_text_space(const mf_space *s, char out[200])
{
	unsigned bytes = percent_used(s->bytes_free, s->bytes_total);
	unsigned files = percent_used(s->files_free, s->files_total);
	const char *todo = "make room, or see what 'magic-folder grid gc' would remove";
	char left[24];

	out[0] = '\0';
	mf_text_size(s->bytes_free, left);
	if (bytes >= FULL_PERCENT)
		(void)snprintf(out, 200, "the store's disk is %u %% full, %s are free: %s", bytes, left, todo);
	else if (files >= FULL_PERCENT)
		(void)snprintf(out, 200,
			"the store's disk has room for %llu more files only (%u %% of its inodes are used): %s",
			(unsigned long long)s->files_free, files, todo);
	return out[0] != '\0';
}
