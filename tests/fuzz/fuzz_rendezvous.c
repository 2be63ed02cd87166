/* Messages to the mailbox server's core: whatever three clients say, it lives, and all that it says is JSON.
 *
 * Line by line: "A+" comes (A to C), "A-" leaves, "A{...}" says; "@" 16 minutes pass. */
#include <jansson.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "wormhole/rendezvous.h"

enum { CLIENTS = 3, SLEEP_S = 960 };

static struct {
	int64_t now_ns;
	uint64_t chance;
	mf_timer_cb *cb;
	void *arg;
} world;

static void
must(bool good)
{
	if (!good)
		abort();
}

static int64_t
now_ns(struct mf_env *env)
{
	(void)env;
	return world.now_ns += 1000000;
}

static void
chance(struct mf_env *env, void *p, size_t n)
{
	(void)env;
	memset(p, 0, n);
	memcpy(p, &world.chance, n < 8 ? n : 8);
	world.chance++;
}

static struct mf_timer *
timer_new(struct mf_env *env, mf_timer_cb *cb, void *arg)
{
	(void)env;
	world.cb = cb;
	world.arg = arg;
	return NULL;
}

static void
timer_start(struct mf_timer *t, uint64_t ms)
{
	(void)t;
	(void)ms;
}

static void
timer_free(struct mf_timer *t)
{
	(void)t;
}

static void
on_send(void *arg, mf_str text)
{
	json_t *v = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);

	(void)arg;
	must(json_is_string(json_object_get(v, "type")) && json_is_real(json_object_get(v, "server_tx")));
	json_decref(v);
}

static void
on_end(void *arg, bool ours, const char *why)
{
	must(!ours && why[0] != '\0');
	*(bool *)arg = true;
}

static void
line(struct mf_rendezvous *r, struct mf_rendezvous_client **c, bool *ended, mf_str s)
{
	static const mf_rendezvous_out out = {on_send, on_end};
	size_t who = s.n > 0 ? (size_t)(s.p[0] - 'A') : CLIENTS;

	if (who >= CLIENTS || s.n < 2)
		return;
	if ((s.p[1] == '-' || s.p[1] == '+') && c[who] != NULL) {
		mf_rendezvous_leave(c[who]);
		c[who] = NULL;
	}
	if (s.p[1] == '+')
		c[who] = mf_rendezvous_join(r, &out, &ended[who]);
	else if (s.p[1] != '-' && c[who] != NULL)
		mf_rendezvous_text(c[who], (mf_str){s.p + 1, s.n - 1});
}

static void
pass_time(void)
{
	world.now_ns += SLEEP_S * INT64_C(1000000000);
	world.cb(world.arg);
}

/* One server for all inputs, for making its database takes long; between them it forgets everything. */
static struct mf_rendezvous *
server(void)
{
	static const struct mf_env_ops ops = {.now_ns = now_ns,
		.random = chance,
		.timer_new = timer_new,
		.timer_start = timer_start,
		.timer_free = timer_free};
	static struct mf_env env = {&ops};
	static struct mf_rendezvous *r;
	const mf_rendezvous_conf conf = {.list = true, .mailboxes = 4, .mailbox_messages = 3, .mailbox_bytes = 500};

	world.now_ns = INT64_C(1700000000000000000);
	world.chance = 0;
	if (r == NULL)
		must(mf_rendezvous_open(&env, &conf, &r, NULL) == MF_OK);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mf_rendezvous *r = server();
	struct mf_rendezvous_client *c[CLIENTS] = {NULL};
	bool ended[CLIENTS] = {false};

	if (n > 65536)
		return 0;
	for (size_t at = 0; at < n;) {
		const uint8_t *end = memchr(p + at, '\n', n - at);
		size_t len = end != NULL ? (size_t)(end - p) - at : n - at;

		if (len > 0 && p[at] == '@')
			pass_time();
		else
			line(r, c, ended, (mf_str){(const char *)p + at, len});
		at += len + 1;
	}
	for (int i = 0; i < CLIENTS; i++)
		if (c[i] != NULL)
			mf_rendezvous_leave(c[i]);
	pass_time();
	return 0;
}
