/* Our wormhole on the command line, for the tests that speak with other programs.
 *
 *     talk [--ca FILE] [--saved FILE] [--limit MS] URL APPID
 *
 * Lines on standard input: allocate, code CODE, list, send TEXT, close, fail, quit (without a word).  Lines on standard
 * output: welcome JSON, nameplates JSON, code CODE, verified HEX, versions JSON, message TEXT, changed, up, down WHY,
 * closed END UNDELIVERED TEXT, refused TEXT.  With --saved the state is kept in FILE and gone on with. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>

#include <sodium.h>
#include <uv.h>

#include "base/env.h"
#include "wormhole/link_real.h"
#include "wormhole/wormhole.h"

typedef struct talk {
	uv_loop_t loop;
	uv_pipe_t in;
	mf_buf line;
	struct mf_env *env;
	struct mf_links *links;
	struct mf_wormhole *w;
	const char *saved;
} talk;

static void
say(const char *what, mf_str text)
{
	(void)printf("%s %.*s\n", what, (int)text.n, text.n > 0 ? text.p : "");
	(void)fflush(stdout);
}

static void
say_json(const char *what, const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT);

	say(what, mf_strz(text));
	free(text);
}

static void
keep(talk *t)
{
	mf_buf state = {0};
	FILE *f;

	if (t->saved == NULL)
		return;
	mf_wormhole_save(t->w, &state);
	f = fopen(t->saved, "w");
	if (f == NULL || fwrite(state.p, 1, state.n, f) != state.n || fclose(f) != 0)
		abort();
	mf_buf_wipe_free(&state);
}

static void
on_welcome(void *arg, const json_t *welcome)
{
	(void)arg;
	say_json("welcome", welcome);
}

static void
on_nameplates(void *arg, const json_t *list)
{
	(void)arg;
	say_json("nameplates", list);
}

static void
on_code(void *arg, mf_str code)
{
	keep(arg);
	say("code", code);
}

static void
on_verified(void *arg, const uint8_t verifier[32])
{
	char hex[65];

	(void)arg;
	mf_hex(hex, verifier, 32);
	say("verified", mf_strz(hex));
}

static void
on_versions(void *arg, const json_t *versions)
{
	keep(arg);
	say_json("versions", versions);
}

static void
on_message(void *arg, mf_str message)
{
	keep(arg);
	say("message", message);
}

static void
on_changed(void *arg)
{
	keep(arg);
	say("changed", (mf_str){0});
}

static void
on_link(void *arg, const mf_err *why)
{
	(void)arg;
	if (why == NULL)
		say("up", (mf_str){0});
	else
		say("down", mf_strz(why->text));
}

static void
env_closed(void *arg)
{
	talk *t = arg;

	uv_close((uv_handle_t *)&t->in, NULL);
}

static void
links_closed(void *arg)
{
	talk *t = arg;

	mf_env_real_close(t->env, env_closed, t);
}

static void
end(talk *t)
{
	t->w = NULL;
	mf_links_real_close(t->links, links_closed, t);
}

static void
on_closed(void *arg, const mf_wormhole_closed *how)
{
	static const char *const ends[] = {"happy", "lonely", "failed", "scary", "crowded", "expired", "unreachable",
		"unwelcome", "permission", "server", "limit"};

	(void)printf("closed %s %zu %s\n", ends[how->end], how->undelivered, how->err.text);
	(void)fflush(stdout);
	end(arg);
}

static const mf_wormhole_events events = {
	.welcome = on_welcome,
	.nameplates = on_nameplates,
	.code = on_code,
	.verified = on_verified,
	.versions = on_versions,
	.message = on_message,
	.changed = on_changed,
	.link = on_link,
	.closed = on_closed,
};

static void
obey(talk *t, mf_str line)
{
	mf_err err;

	if (t->w == NULL)
		return;
	if (mf_str_eq(line, MF_STR("allocate"))) {
		mf_wormhole_allocate(t->w, MF_WORMHOLE_WORDS);
	} else if (mf_str_starts(line, MF_STR("code "))) {
		if (mf_wormhole_set_code(t->w, (mf_str){line.p + 5, line.n - 5}, &err) != MF_OK)
			say("refused", mf_strz(err.text));
	} else if (mf_str_eq(line, MF_STR("list"))) {
		mf_wormhole_list(t->w);
	} else if (mf_str_starts(line, MF_STR("send "))) {
		if (mf_wormhole_send(t->w, (mf_str){line.p + 5, line.n - 5}, &err) != MF_OK)
			say("refused", mf_strz(err.text));
		keep(t);
	} else if (mf_str_eq(line, MF_STR("close"))) {
		mf_wormhole_close(t->w, MF_MOOD_HAPPY);
	} else if (mf_str_eq(line, MF_STR("fail"))) {
		mf_wormhole_close(t->w, MF_MOOD_ERRORY);
	} else if (mf_str_eq(line, MF_STR("quit"))) {
		mf_wormhole_free(t->w);
		end(t);
	}
}

static void
room(uv_handle_t *h, size_t want, uv_buf_t *out)
{
	static char piece[65536];

	(void)h;
	(void)want;
	*out = uv_buf_init(piece, sizeof(piece));
}

static void
on_input(uv_stream_t *in, ssize_t n, const uv_buf_t *buf)
{
	talk *t = in->data;

	if (n < 0) {
		(void)uv_read_stop(in);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (buf->base[i] != '\n') {
			mf_buf_addc(&t->line, buf->base[i]);
			continue;
		}
		obey(t, mf_buf_str(&t->line));
		t->line.n = 0;
	}
}

static mf_buf
read_saved(const char *path)
{
	mf_buf b = {0};
	char piece[4096];
	size_t n;
	FILE *f = path != NULL ? fopen(path, "r") : NULL;

	while (f != NULL && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		mf_buf_add(&b, piece, n);
	if (f != NULL)
		(void)fclose(f);
	return b;
}

int
main(int argc, char **argv)
{
	talk all = {0}, *t = &all;
	mf_links_conf links = {0};
	mf_wormhole_conf conf = {0};
	mf_buf saved = {0};
	mf_err err;
	int i = 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		if (strcmp(argv[i], "--ca") == 0)
			links.ca_file = argv[i + 1];
		else if (strcmp(argv[i], "--saved") == 0)
			t->saved = argv[i + 1];
		else if (strcmp(argv[i], "--limit") == 0)
			conf.limit_ms = strtoull(argv[i + 1], NULL, 10);
	}
	if (argc - i != 2 || sodium_init() < 0 || uv_loop_init(&t->loop) != 0 ||
		mf_env_real_new(&t->loop, 1, &t->env, &err) != MF_OK)
		return 2;
	saved = read_saved(t->saved);
	conf.url = argv[i];
	conf.appid = argv[i + 1];
	conf.saved = mf_buf_str(&saved);
	links.ping_ms = 1000; /* so that a test sees one */
	links.silence_ms = 20000;
	t->links = mf_links_real_new(&t->loop, &links);
	if (mf_wormhole_new(t->env, t->links, &conf, &events, t, &t->w, &err) != MF_OK) {
		say("refused", mf_strz(err.text));
		return 1;
	}
	mf_buf_wipe_free(&saved);
	(void)uv_pipe_init(&t->loop, &t->in, 0);
	t->in.data = t;
	if (uv_pipe_open(&t->in, 0) != 0 || uv_read_start((uv_stream_t *)&t->in, room, on_input) != 0)
		return 2;
	(void)uv_run(&t->loop, UV_RUN_DEFAULT);
	mf_buf_free(&t->line);
	return uv_loop_close(&t->loop) == 0 ? 0 : 3; /* 3: a handle was left */
}
