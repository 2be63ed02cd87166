/* The log. */
#include <config.h> /* _GNU_SOURCE */

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

#include "base/json.h"

#define MESSAGE_MAX 4096
#define FOLDER_MAX 255
#define JOURNAL "/run/systemd/journal/socket"
#define FEW 16 /* characters of a capability below which nothing of them is shown */

struct sink {
	mf_log_conf conf;
	int journal; /* a datagram socket, or -1 */
	struct sockaddr_un journal_at;
};

#define UNOPENED \
	{ \
		.conf = {.least = MF_LOG_WARNING, .format = MF_LOG_PLAIN, .fd = STDERR_FILENO}, .journal = -1 \
	}

/* The one variable of the process: a log that had to be handed down to every function would reach none of the places
 * where something unforeseen is met.  Written only while there is one thread; read by all. */
static struct sink sink = UNOPENED;

static const struct {
	const char *name;
	int priority; /* syslog(3) */
} levels[] = {
	[MF_LOG_DEBUG] = {"debug", 7},
	[MF_LOG_INFO] = {"info", 6},
	[MF_LOG_WARNING] = {"warning", 4},
	[MF_LOG_ERROR] = {"error", 3},
};

/* systemd names the stream it connected by "device:inode". */
static bool
is_journal_stream(int fd)
{
	const char *want = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;
	char end;

	return want != NULL && sscanf(want, "%" SCNuMAX ":%" SCNuMAX "%c", &dev, &ino, &end) == 2 &&
		fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void
mf_log_open(const mf_log_conf *conf)
{
	const char *path = conf->journal != NULL ? conf->journal : JOURNAL;

	mf_log_close();
	sink.conf = *conf;
	sink.conf.journal = NULL;
	if (conf->format != MF_LOG_PLAIN || !is_journal_stream(conf->fd) ||
		strlen(path) >= sizeof(sink.journal_at.sun_path))
		return;
	sink.journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sink.journal_at = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(sink.journal_at.sun_path, path, strlen(path));
}

void
mf_log_close(void)
{
	if (sink.journal >= 0)
		(void)close(sink.journal);
	sink = (struct sink)UNOPENED;
}

bool
mf_log_wanted(enum mf_log_level level)
{
	return level >= sink.conf.least;
}

static bool
of_capability(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '-' ||
		c == '%';
}

/* Length of a capability at the front of @p s, 0 if there is none.  In a web address its colons are %3A. */
static size_t
capability(mf_str s)
{
	size_t n = 4;

	if (mf_str_starts(s, MF_STR("URI%3A")) || mf_str_starts(s, MF_STR("URI%3a")))
		n = 6;
	else if (!mf_str_starts(s, MF_STR("URI:")))
		return 0;
	while (n < s.n && of_capability(s.p[n]))
		n++;
	return n;
}

/* "URI:DIR2:...wxyz".  The last field is shown only if it is not the first: that one is a key, or the content. */
static void
add_hint(mf_buf *out, mf_str cap)
{
	size_t start = cap.p[3] == ':' ? 4 : 6, n = start;

	while (n < cap.n && cap.p[n] != ':' && cap.p[n] != '%' && n - start < FEW)
		n++;
	mf_str kind = {cap.p + start, n - start};
	mf_buf_addz(out, "URI:");
	if (n == cap.n || (cap.p[n] != ':' && cap.p[n] != '%')) { /* no kind at all: then it may be anything */
		mf_buf_addz(out, "...");
		return;
	}
	mf_buf_adds(out, kind);
	mf_buf_addz(out, ":...");
	mf_str fields = {cap.p + n + 1, cap.n - n - 1};
	if (fields.n <= FEW)
		return;
	const char *last = fields.p + fields.n - 4;
	bool several = memchr(fields.p, ':', fields.n) != NULL || memchr(fields.p + 2, '%', fields.n - 2) != NULL;
	if (several && memchr(last, ':', 4) == NULL && memchr(last, '%', 4) == NULL)
		mf_buf_add(out, last, 4);
}

/* Controls of C0 and C1, line and paragraph separators, and marks that turn the direction of writing. */
static bool
is_control(utf8proc_int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
		c == 0x200e || c == 0x200f || c == 0xfeff;
}

void
mf_log_clean(mf_buf *out, mf_str s)
{
	while (s.n > 0) {
		utf8proc_int32_t c;
		size_t n = capability(s);

		if (n > 0) {
			add_hint(out, (mf_str){s.p, n});
		} else {
			utf8proc_ssize_t r = utf8proc_iterate(
				(const utf8proc_uint8_t *)s.p, s.n < 4 ? (utf8proc_ssize_t)s.n : 4, &c);
			n = r > 0 ? (size_t)r : 1;
			if (r <= 0)
				mf_buf_addf(out, "\\x%02x", (uint8_t)s.p[0]);
			else if (is_control(c))
				mf_buf_addf(out, c < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)c);
			else
				mf_buf_add(out, s.p, n);
		}
		s.p += n;
		s.n -= n;
	}
}

struct record {
	enum mf_log_level level;
	const char *component;
	mf_buf folder, message; /* clean; folder is empty if there is none */
};

static void
add_time(mf_buf *out)
{
	struct timespec now;
	struct tm tm;
	char text[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	mf_buf_addf(out, "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

static void
plain(mf_buf *out, const struct record *r)
{
	add_time(out);
	mf_buf_addf(out, " %s %s", levels[r->level].name, r->component);
	if (r->folder.n > 0)
		mf_buf_addf(out, " [%s]", (const char *)r->folder.p);
	mf_buf_addz(out, ": ");
	mf_buf_adds(out, mf_buf_str(&r->message));
	mf_buf_addc(out, '\n');
}

static void
json(mf_buf *out, const struct record *r)
{
	mf_buf_addz(out, "{\"time\": \"");
	add_time(out);
	mf_buf_addf(out, "\", \"level\": \"%s\", \"component\": \"%s\"", levels[r->level].name, r->component);
	if (r->folder.n > 0) {
		mf_buf_addz(out, ", \"folder\": ");
		mf_json_add_string(out, mf_buf_str(&r->folder));
	}
	mf_buf_addz(out, ", \"message\": ");
	mf_json_add_string(out, mf_buf_str(&r->message));
	mf_buf_addz(out, "}\n");
}

/* Fields as in systemd's JOURNAL_NATIVE_PROTOCOL: "NAME=value\n"; no value holds a newline, they are clean. */
static bool
to_journal(const struct record *r)
{
	mf_buf b = {0};
	ssize_t sent;

	mf_buf_addf(&b, "PRIORITY=%d\nSYSLOG_IDENTIFIER=magic-folder\nMF_COMPONENT=%s\n", levels[r->level].priority,
		r->component);
	if (r->folder.n > 0)
		mf_buf_addf(&b, "MF_FOLDER=%s\n", (const char *)r->folder.p);
	mf_buf_addz(&b, "MESSAGE=");
	mf_buf_adds(&b, mf_buf_str(&r->message));
	mf_buf_addc(&b, '\n');
	do
		sent = sendto(sink.journal, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT,
			(const struct sockaddr *)&sink.journal_at, sizeof(sink.journal_at));
	while (sent < 0 && errno == EINTR);
	mf_buf_free(&b);
	return sent >= 0;
}

/* A log that cannot be written has nowhere to complain. */
static void
to_fd(const struct record *r)
{
	mf_buf b = {0};

	if (sink.conf.format == MF_LOG_JSON)
		json(&b, r);
	else
		plain(&b, r);
	for (size_t done = 0; done < b.n;) {
		ssize_t n = write(sink.conf.fd, b.p + done, b.n - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			break;
	}
	mf_buf_free(&b);
}

/* @p s up to @p max bytes, not cut inside a character. */
static mf_str
cut(mf_str s, size_t max)
{
	if (s.n <= max)
		return s;
	s.n = max;
	while (s.n > 0 && ((uint8_t)s.p[s.n] & 0xc0) == 0x80)
		s.n--;
	return s;
}

void
mf_log(enum mf_log_level level, const char *component, const char *folder, const char *fmt, ...)
{
	char text[MESSAGE_MAX + 8]; /* room to see where the last character begins */
	struct record r = {.level = level, .component = component};
	int errno_before = errno;
	va_list ap;

	if (!mf_log_wanted(level))
		return;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	size_t got = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	mf_log_clean(&r.message, cut((mf_str){text, got}, MESSAGE_MAX));
	if (folder != NULL)
		mf_log_clean(&r.folder, cut(mf_strz(folder), FOLDER_MAX));
	if (sink.journal < 0 || !to_journal(&r))
		to_fd(&r);
	mf_buf_free(&r.message);
	mf_buf_free(&r.folder);
	errno = errno_before;
}
