/* The log: lines, nets, journal. */
#include <config.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

struct out {
	FILE *f;
	char text[16384];
};

static void
open_log(struct out *o, enum mf_log_level least, enum mf_log_format format)
{
	o->f = tmpfile();
	cr_assert(o->f != NULL);
	mf_log_open(&(mf_log_conf){.least = least, .format = format, .fd = fileno(o->f)});
}

/* What was logged since open_log(); ends the log. */
static char *
close_log(struct out *o)
{
	ssize_t n = pread(fileno(o->f), o->text, sizeof(o->text) - 1, 0);

	cr_assert(n >= 0);
	o->text[n] = '\0';
	mf_log_close();
	(void)fclose(o->f);
	return o->text;
}

Test(log, plain_lines_tell_when_what_and_where, .timeout = 10)
{
	struct out o;

	open_log(&o, MF_LOG_INFO, MF_LOG_PLAIN);
	cr_assert(mf_log_wanted(MF_LOG_INFO) && !mf_log_wanted(MF_LOG_DEBUG));
	mf_log(MF_LOG_DEBUG, "sync", NULL, "not this");
	mf_log(MF_LOG_INFO, "daemon", NULL, "up %d", 1);
	mf_log(MF_LOG_WARNING, "sync", "Photos", "two\nlines\x1b[2J");
	char *text = close_log(&o), *second = strchr(text, '\n') + 1;
	cr_assert(strlen(text) > 24 && text[10] == 'T' && text[23] == 'Z' && text[19] == '.');
	cr_assert(strncmp(text + 24, " info daemon: up 1\n", 19) == 0, "%s", text);
	cr_assert(strcmp(second + 24, " warning sync [Photos]: two\\x0alines\\x1b[2J\n") == 0, "%s", second);
}

Test(log, json_lines_are_json, .timeout = 10)
{
	struct out o;

	open_log(&o, MF_LOG_DEBUG, MF_LOG_JSON);
	mf_log(MF_LOG_ERROR, "grid", "F\"\xc3\xb6", "%s", "a\\b \xf0\x9f\x98\x80 \xff");
	mf_log(MF_LOG_DEBUG, "grid", NULL, "x");
	char *text = close_log(&o), *second = strchr(text, '\n') + 1;
	json_t *v = json_loadb(text, (size_t)(second - text), JSON_REJECT_DUPLICATES, NULL);
	cr_assert(v != NULL && json_object_size(v) == 5, "%s", text);
	cr_assert(strcmp(json_string_value(json_object_get(v, "level")), "error") == 0);
	cr_assert(strcmp(json_string_value(json_object_get(v, "component")), "grid") == 0);
	cr_assert(strcmp(json_string_value(json_object_get(v, "folder")), "F\"\xc3\xb6") == 0);
	cr_assert(strcmp(json_string_value(json_object_get(v, "message")), "a\\b \xf0\x9f\x98\x80 \\xff") == 0);
	cr_assert(strlen(json_string_value(json_object_get(v, "time"))) == 24);
	json_decref(v);
	v = json_loads(second, 0, NULL);
	cr_assert(v != NULL && json_object_size(v) == 4 && json_object_get(v, "folder") == NULL);
	json_decref(v);
}

Test(log, capabilities_and_controls_do_not_pass, .timeout = 10)
{
	static const char rw[] = "cannot read URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:"
				 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbwxyz, giving up";
	static const struct {
		const char *in, *out;
	} row[] = {
		{rw, "cannot read URI:DIR2:...wxyz, giving up"},
		{"URI:DIR2-RO:aaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbb", "URI:DIR2-RO:...bbbb"},
		{"/uri/URI%3ADIR2%3Aaaaaaaaaaaaaaaaaaaaaa%3Abbbbbbbbwxyz?t=json", "/uri/URI:DIR2:...wxyz?t=json"},
		{"URI:LIT:mfxgiqlumfxgiqlumfxgiqlu", "URI:LIT:..."},
		{"\"URI:DIR2:aaaaaaaaaaaaaaaaaaaaaasecr\"", "\"URI:DIR2:...\""}, /* cut short inside the key */
		{"URI:CHK:abc", "URI:CHK:..."},
		{"URI:secretwithoutanykind", "URI:..."},
		{"URI:URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbwxyz", "URI:URI:...wxyz"},
		{"URI:", "URI:..."},
		{"URI", "URI"},
		{"pb://x URI :y", "pb://x URI :y"},
		{"tab\there\x7f", "tab\\x09here\\x7f"},
		{"\xc2\x9b"
		 "31m",
			"\\u009b31m"},
		{"evil\xe2\x80\xae"
		 "fdp.exe",
			"evil\\u202efdp.exe"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\xe2\x82", "\\xe2\\x82"},
	};
	mf_buf b = {0};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		b.n = 0;
		mf_log_clean(&b, mf_strz(row[i].in));
		cr_assert(strcmp((const char *)b.p, row[i].out) == 0, "%s, not %s", (const char *)b.p, row[i].out);
	}
	mf_buf_free(&b);

	struct out o;
	open_log(&o, MF_LOG_INFO, MF_LOG_PLAIN);
	mf_log(MF_LOG_ERROR, "grid", "URI:DIR2:aaaaaaaaaaaaaaaa", "%s", rw);
	char *text = close_log(&o);
	cr_assert(strstr(text, "aaaa") == NULL && strstr(text, "URI:DIR2:...wxyz") != NULL, "%s", text);
}

Test(log, long_messages_are_cut_between_characters, .timeout = 10)
{
	struct out o;
	char *text;

	for (size_t shift = 0; shift < 4; shift++) {
		char long_one[9000] = "xxx";

		for (size_t i = 0; i < 1000; i++)
			memcpy(long_one + shift + 4 * i, "\xf0\x9f\x98\x80", 4);
		for (size_t i = 1000; i < 2000; i++)
			memcpy(long_one + shift + 4 * i, "\xf0\x9f\x98\x80", 4);
		open_log(&o, MF_LOG_INFO, MF_LOG_PLAIN);
		mf_log(MF_LOG_INFO, "x", NULL, "%s", long_one);
		text = close_log(&o);
		cr_assert(strchr(text, '\\') == NULL, "no broken character was shown");
		size_t n = strlen(strstr(text, ": ") + 2) - 1;
		cr_assert(n <= 4096 && n > 4092, "%zu", n);
	}
}

struct journal {
	char dir[64];
	struct sockaddr_un at;
	int fd;
};

static void
journal_open(struct journal *j)
{
	(void)snprintf(j->dir, sizeof(j->dir), "/tmp/mf-test-XXXXXX");
	cr_assert(mkdtemp(j->dir) != NULL);
	j->at = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(j->at.sun_path, sizeof(j->at.sun_path), "%.60s/journal", j->dir);
	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cr_assert(bind(j->fd, (const struct sockaddr *)&j->at, sizeof(j->at)) == 0);
}

static void
journal_close(struct journal *j)
{
	(void)close(j->fd);
	(void)unlink(j->at.sun_path);
	(void)rmdir(j->dir);
}

static void
claim_stream(int fd, unsigned long inode_off)
{
	char value[64];
	struct stat st;

	cr_assert(fstat(fd, &st) == 0);
	(void)snprintf(value, sizeof(value), "%lu:%lu", (unsigned long)st.st_dev, (unsigned long)st.st_ino + inode_off);
	cr_assert(setenv("JOURNAL_STREAM", value, 1) == 0);
}

Test(log, the_journal_gets_fields, .timeout = 10)
{
	struct journal j;
	struct out o;
	char got[4096];

	journal_open(&j);
	o.f = tmpfile();
	mf_log_conf conf = {.least = MF_LOG_INFO, .format = MF_LOG_PLAIN, .fd = fileno(o.f), .journal = j.at.sun_path};
	claim_stream(conf.fd, 0);
	mf_log_open(&conf);
	mf_log(MF_LOG_WARNING, "sync", "Photos", "one\ntwo URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	ssize_t n = recv(j.fd, got, sizeof(got) - 1, 0);
	cr_assert(n > 0);
	got[n] = '\0';
	cr_assert(strcmp(got,
			  "PRIORITY=4\nSYSLOG_IDENTIFIER=magic-folder\nMF_COMPONENT=sync\nMF_FOLDER=Photos\n"
			  "MESSAGE=one\\x0atwo URI:DIR2:...\n") == 0,
		"%s", got);
	mf_log(MF_LOG_ERROR, "sync", NULL, "x");
	n = recv(j.fd, got, sizeof(got) - 1, 0);
	cr_assert(n > 0);
	got[n] = '\0';
	cr_assert(strcmp(got, "PRIORITY=3\nSYSLOG_IDENTIFIER=magic-folder\nMF_COMPONENT=sync\nMESSAGE=x\n") == 0, "%s",
		got);
	/* The journal goes away: the stream still is there. */
	journal_close(&j);
	mf_log(MF_LOG_INFO, "sync", NULL, "still heard");
	char *text = close_log(&o);
	cr_assert(strstr(text, " info sync: still heard\n") == text + 24, "%s", text);
}

Test(log, another_stream_is_not_the_journal, .timeout = 10)
{
	static const char *const odd[] = {"", "1", "x:y", "1:2:3", ":"};
	struct journal j;
	char got[16];

	journal_open(&j);
	for (size_t i = 0; i <= sizeof(odd) / sizeof(odd[0]); i++) {
		struct out o = {.f = tmpfile()};
		mf_log_conf conf = {.least = MF_LOG_INFO, .fd = fileno(o.f), .journal = j.at.sun_path};

		if (i == 0)
			claim_stream(conf.fd, 1);
		else
			cr_assert(setenv("JOURNAL_STREAM", odd[i - 1], 1) == 0);
		mf_log_open(&conf);
		mf_log(MF_LOG_INFO, "x", NULL, "here");
		cr_assert(strstr(close_log(&o), "x: here\n") != NULL);
		cr_assert(recv(j.fd, got, sizeof(got), 0) < 0);
	}
	journal_close(&j);
}

static void *
chatter(void *arg)
{
	for (int i = 0; i < 200; i++)
		mf_log(MF_LOG_INFO, "t", NULL, "%s", (const char *)arg);
	return NULL;
}

Test(log, lines_of_many_threads_do_not_mix, .timeout = 20)
{
	static const char *const word[4] = {
		"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc", "dddddddddddddddd"};
	char path[] = "/tmp/mf-test-XXXXXX", line[256];
	int fd = mkstemp(path), count[4] = {0};
	pthread_t t[4];

	cr_assert(fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) == 0);
	mf_log_open(&(mf_log_conf){.least = MF_LOG_INFO, .fd = fd});
	for (int i = 0; i < 4; i++)
		cr_assert(pthread_create(&t[i], NULL, chatter, (void *)(uintptr_t)word[i]) == 0);
	for (int i = 0; i < 4; i++)
		cr_assert(pthread_join(t[i], NULL) == 0);
	mf_log_close();
	FILE *f = fopen(path, "r");
	while (fgets(line, sizeof(line), f) != NULL) {
		cr_assert(strlen(line) == 24 + strlen(" info t: ") + 16 + 1, "%s", line);
		for (int i = 0; i < 4; i++)
			count[i] += strstr(line, word[i]) != NULL;
	}
	for (int i = 0; i < 4; i++)
		cr_assert(count[i] == 200);
	(void)fclose(f);
	(void)close(fd);
	(void)unlink(path);
}
