/* Parties at a mailbox server. */
#include "tests/wormhole/parties.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* The simulator's table with another source of chance. */
static struct mf_env_ops ops;
static unsigned next_chance;
static const uint8_t *chance_bytes;

static void
known_chance(struct mf_env *env, void *p, size_t n)
{
	(void)env;
	if (chance_bytes != NULL && n == 8) {
		memcpy(p, chance_bytes, n);
		chance_bytes += n;
		return;
	}
	memset(p, (int)(next_chance & 0xff), n);
	*(uint8_t *)p ^= (uint8_t)(next_chance++ >> 8);
}

void
hall_chance(uint8_t next)
{
	next_chance = next;
}

void
hall_chance_is(const uint8_t *bytes)
{
	chance_bytes = bytes;
}

static void
boot(struct hall *h)
{
	mf_err err;

	h->env = sim_boot(h->host);
	ops = *h->env->ops;
	ops.random = known_chance;
	h->env->ops = &ops;
	cr_assert(mf_rendezvous_open(h->env, &h->conf, &h->server, &err) == MF_OK, "%s", err.text);
}

void
hall_open(struct hall *h, const mf_rendezvous_conf *conf)
{
	memset(h, 0, sizeof(*h));
	next_chance = 0;
	chance_bytes = NULL;
	h->world = sim_world_new(1);
	h->host = sim_host_new(h->world, "server");
	if (conf != NULL)
		h->conf = *conf;
	boot(h);
}

static void
count_done(void *arg)
{
	++*(unsigned *)arg;
}

static void
close_server(struct hall *h)
{
	unsigned done = 0;

	for (size_t i = 0; i < sizeof(h->party) / sizeof(*h->party); i++)
		party_leave(&h->party[i]);
	mf_rendezvous_close(h->server, count_done, &done);
	while (done == 0 && sim_step(h->world))
		;
	cr_assert(done == 1);
	cr_assert(sim_retire(h->host) == 0, "handles are left");
}

void
hall_close(struct hall *h)
{
	close_server(h);
	for (size_t i = 0; i < sizeof(h->party) / sizeof(*h->party); i++)
		json_decref(h->party[i].heard);
	sim_world_free(h->world);
}

void
hall_restart(struct hall *h, enum sim_crash how)
{
	sim_crash(h->host, how);
	sim_unwind(h->host);
	close_server(h);
	boot(h);
}

/* -- parties ---------------------------------------------------------------------------------------------- */

static void
on_send(void *arg, mf_str text)
{
	struct party *p = arg;
	json_t *msg = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);

	cr_assert(json_is_object(msg), "the server says %.*s", (int)text.n, text.p);
	cr_assert(!p->ended, "the server goes on after the end: %.*s", (int)text.n, text.p);
	(void)json_array_append_new(p->heard, msg);
}

static void
on_end(void *arg, bool ours, const char *why)
{
	struct party *p = arg;

	cr_assert(!p->ended && why[0] != '\0');
	p->ended = true;
	p->ours = ours;
}

void
party_join(struct hall *h, struct party *p)
{
	static const mf_rendezvous_out out = {on_send, on_end};

	cr_assert(p->c == NULL);
	json_decref(p->heard);
	p->heard = json_array();
	p->ended = p->ours = false;
	p->c = mf_rendezvous_join(h->server, &out, p);
}

void
party_leave(struct party *p)
{
	if (p->c != NULL)
		mf_rendezvous_leave(p->c);
	p->c = NULL;
}

void
party_says(struct party *p, mf_str text)
{
	/* exactly as many bytes as there are, for the sanitizers */
	char *copy = malloc(text.n > 0 ? text.n : 1);

	cr_assert(p->c != NULL && copy != NULL);
	memcpy(copy, text.p, text.n);
	mf_rendezvous_text(p->c, (mf_str){copy, text.n});
	free(copy);
}

json_t *
party_hears(struct party *p)
{
	json_t *msg = json_array_get(p->heard, 0);

	if (msg == NULL)
		return NULL;
	cr_assert(json_is_real(json_object_get(msg, "server_tx")), "a message without server_tx");
	(void)json_incref(msg);
	(void)json_array_remove(p->heard, 0);
	(void)json_object_del(msg, "server_tx");
	return msg;
}

/* -- plays --------------------------------------------------------------------------------------------------- */

static void
expect(struct party *p, const char *line, const char *want_text, json_error_t *e)
{
	json_t *want = json_loads(want_text, 0, e), *got = party_hears(p);
	char *got_text = got != NULL ? json_dumps(got, 0) : NULL;

	cr_assert(want != NULL, "%s: %s", line, e->text);
	cr_assert(got != NULL, "nothing was heard for %s", line);
	if (json_object_get(got, "server_rx") != NULL)
		(void)json_object_del(got, "server_rx");
	cr_assert(json_equal(want, got), "wanted %s, heard %s", line, got_text);
	json_decref(want);
	json_decref(got);
	free(got_text);
}

static void
play_line(struct hall *h, const char *line)
{
	struct party *p = &h->party[line[0] - 'A'];
	char *text = mf_strdup(mf_strz(line)), *rest = text + 2;
	json_error_t e;

	for (char *c = text; *c != '\0'; c++)
		*c = *c == '`' ? '"' : *c;
	if (line[0] == '@') {
		sim_run_for(h->world, strtoll(rest, NULL, 10) * 1000);
	} else if (line[1] == '+') {
		party_join(h, p);
		expect(p, line, "{\"type\": \"welcome\", \"welcome\": {}}", &e);
	} else if (line[1] == '-') {
		party_leave(p);
	} else if (line[1] == '>') {
		party_says(p, mf_strz(rest + strspn(rest, " ")));
	} else if (line[1] == '<') {
		expect(p, line, rest, &e);
	} else if (line[1] == '.') {
		json_t *more = party_hears(p);
		char *more_text = more != NULL ? json_dumps(more, 0) : NULL;
		cr_assert(more == NULL, "%c heard also %s", line[0], more_text);
	} else {
		cr_assert(line[1] == '!' && p->ended, "%s", line);
	}
	free(text);
}

void
hall_play(struct hall *h, const char *const *lines)
{
	for (; *lines != NULL; lines++)
		play_line(h, *lines);
}
