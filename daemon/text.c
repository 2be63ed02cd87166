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
