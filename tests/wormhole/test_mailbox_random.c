/* Two wormholes, a server, and a network that a seed spoils: whatever happens, both sides come to a known end within
 * bounded time, and what arrives is what was sent, in order, once.
 *
 * The application is an invite's: A sends, B answers, A thanks and closes, B closes.  MF_WORMHOLE_SEED=n runs one seed;
 * MF_SOAK=1 runs 100,000. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/wormhole/net.h"

enum {
	MINUTE = 60 * 1000,
	LIMIT = 30 * MINUTE,
	CLOSE = 10 * MINUTE, /* longer than the troubles */
	BOUND = 3 * 60 * MINUTE,
	SHORT = 1000,
	LONG = 100000,
};

/* What a seed is about: the seed modulo KINDS. */
enum kind {
	CALM,
	CUTS,     /* connections end at any message, and are refused */
	SLOW,     /* cuts, and messages doubled and late */
	RESTARTS, /* cuts, and processes that go on from what they saved */
	WRONG,    /* cuts, and B types another code */
	THIRD,    /* cuts, and somebody else uses the nameplate */
	SILENT,   /* cuts, and one side's process ends for good */
	CHAOS,    /* messages lost, changed, overtaken; a server that forgets */
	KINDS,
};
static const char *const kind_name[] = {"calm", "cuts", "slow", "restarts", "wrong", "third", "silent", "chaos"};

typedef struct app {
	size_t sent, got;
} app;

typedef struct side {
	struct play *play;
	char name; /* 'A' invites, 'B' joins, 'C' disturbs */
	struct net_peer *peer;
	app app, saved_app;
	mf_buf saved; /* what a restart finds */
	bool closed, gone;
	uint64_t born;
	mf_wormhole_closed how;
} side;

typedef struct play {
	uint64_t seed;
	enum kind kind;
	struct net *net;
	side a, b, c;
	char code[MF_WORMHOLE_CODE_MAX + 1];
	uint64_t type_at, third_at, restart_at, gone_at, forget_at; /* what people and processes do, when */
} play;

#define MUST(cond, ...) cr_assert(cond, "seed %llu (%s): " #cond, (unsigned long long)p->seed, kind_name[p->kind])

static void
text_of(char out[64], const play *p, char from, size_t i)
{
	(void)snprintf(out, 64, "%c says %zu in %llu", from, i, (unsigned long long)p->seed);
}

static void
say_next(side *s)
{
	char text[64];

	text_of(text, s->play, s->name, s->app.sent++);
	(void)mf_mailbox_send(net_mailbox(s->peer), net_now(s->play->net), mf_strz(text), NULL);
}

static void
heard(side *s, mf_str message)
{
	play *p = s->play;
	char want[64];

	text_of(want, p, s->name == 'A' ? 'B' : 'A', s->app.got++);
	if (s->name != 'C' && p->c.peer == NULL)
		MUST(mf_str_eq(message, mf_strz(want)));
	MUST(s->app.got <= (s->name == 'A' ? 1 : 2));
	if (s->app.sent < (s->name == 'A' ? 2 : 1))
		say_next(s);
	if (s->name == 'A' || s->app.got == 2)
		mf_mailbox_close(net_mailbox(s->peer), net_now(p->net), MF_MOOD_HAPPY);
}

/* The process may die before the new state is on disk: then nothing happens that relies on it. */
static void
save(side *s)
{
	play *p = s->play;

	if (s->saved.n > 0 && net_now(p->net) < net_faults_of(p->net)->calm_at && net_chance(p->net, 50)) {
		net_halt(s->peer);
		p->restart_at = net_now(p->net) + net_random(p->net, MINUTE);
		return;
	}
	s->saved.n = 0;
	mf_mailbox_save(net_mailbox(s->peer), &s->saved);
	s->saved_app = s->app;
}

static void
event(void *arg, struct net_peer *peer, const mf_mailbox_out *o)
{
	side *s = arg;
	play *p = s->play;

	s->peer = peer;
	if (o->kind == MF_MAILBOX_CODE && s->name == 'A') {
		memcpy(p->code, o->text.p, o->text.n);
		p->type_at = net_now(p->net) + net_random(p->net, 2 * MINUTE);
	} else if (o->kind == MF_MAILBOX_VERSIONS && s->name == 'A' && s->app.sent == 0) {
		say_next(s);
	} else if (o->kind == MF_MAILBOX_MESSAGE) {
		heard(s, o->text);
	} else if (o->kind == MF_MAILBOX_CLOSED) {
		MUST(!s->closed);
		s->closed = true;
		s->how = o->closed;
		MUST((o->closed.err.code == MF_OK) == (o->closed.end == MF_WORMHOLE_HAPPY));
		MUST(o->closed.err.code == MF_OK || o->closed.err.text[0] != '\0');
		MUST(p->code[0] == '\0' || strstr(o->closed.err.text, p->code) == NULL);
		return;
	}
	if (p->kind == RESTARTS && o->kind >= MF_MAILBOX_CODE && o->kind <= MF_MAILBOX_CHANGED)
		save(s);
}

static void
begin(play *p, side *s, char name, mf_str saved)
{
	mf_mailbox_conf conf = {.appid = "test", .saved = saved, .limit_ms = LIMIT, .close_ms = CLOSE};

	s->play = p;
	s->name = name;
	s->born = net_now(p->net);
	s->peer = net_peer_new(p->net, &conf, event, s);
	if (saved.n == 0 && name == 'A')
		mf_mailbox_allocate(net_mailbox(s->peer), net_now(p->net), 2);
	net_pump(s->peer);
}

/* B, or somebody else, types what they believe is the code. */
static void
type_code(play *p, side *s, char name, bool right)
{
	char typed[MF_WORMHOLE_CODE_MAX + 8];

	(void)snprintf(typed, sizeof(typed), "%s%s", p->code, right ? "" : "x");
	begin(p, s, name, (mf_str){0});
	MUST(mf_mailbox_set_code(net_mailbox(s->peer), net_now(p->net), mf_strz(typed), NULL) == MF_OK);
	net_pump(s->peer);
}

/* The process dies, if it has not already, and is started again. */
static void
restart(play *p, side *s)
{
	mf_buf from = {0};

	if (s->peer == NULL || s->closed)
		return;
	mf_buf_adds(&from, mf_buf_str(&s->saved));
	if (from.n > 0) {
		net_peer_free(s->peer);
		s->app = s->saved_app;
		begin(p, s, s->name, mf_buf_str(&from));
	}
	mf_buf_free(&from);
}

/* ---- the course of a play -------------------------------------------------------------------------------- */

static uint64_t
soonest(const play *p)
{
	const uint64_t all[] = {p->type_at, p->third_at, p->restart_at, p->gone_at, p->forget_at};
	uint64_t at = BOUND;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		at = all[i] < at ? all[i] : at;
	return at;
}

static bool
ended(const side *s)
{
	return s->peer == NULL || s->closed || s->gone;
}

static bool
stop(void *arg)
{
	const play *p = arg;

	return soonest(p) <= net_now(p->net) ||
		(ended(&p->a) && ended(&p->b) && ended(&p->c) && p->type_at == UINT64_MAX);
}

static bool
due(const play *p, uint64_t *at)
{
	if (*at > net_now(p->net))
		return false;
	*at = UINT64_MAX;
	return true;
}

static void
act(play *p)
{
	side *one = net_chance(p->net, 500) || p->b.peer == NULL ? &p->a : &p->b;

	if (due(p, &p->type_at) && p->b.peer == NULL)
		type_code(p, &p->b, 'B', p->kind != WRONG);
	if (due(p, &p->third_at) && p->code[0] != '\0')
		type_code(p, &p->c, 'C', net_chance(p->net, 500));
	if (due(p, &p->restart_at)) {
		bool halted = false;

		for (side *s = &p->a; s <= &p->b; s++) {
			if (s->peer != NULL && !s->closed && net_halted(s->peer)) {
				restart(p, s);
				halted = true;
			}
		}
		if (!halted)
			restart(p, one);
		if (p->restart_at == UINT64_MAX && net_chance(p->net, 700))
			p->restart_at = net_now(p->net) + net_random(p->net, MINUTE);
	}
	if (due(p, &p->gone_at) && !one->closed) {
		one->gone = true;
		net_peer_free(one->peer);
	}
	if (due(p, &p->forget_at))
		server_prune(net_server(p->net));
}

static void
faults_of(play *p)
{
	net_faults *f = net_faults_of(p->net);
	uint64_t soon = net_random(p->net, 3 * MINUTE);

	p->type_at = p->third_at = p->restart_at = p->gone_at = p->forget_at = UINT64_MAX;
	f->slow_ms = 50;
	if (p->kind == CALM)
		return;
	f->calm_at = 5 * MINUTE;
	f->cut = (unsigned)net_random(p->net, 120);
	f->refuse = (unsigned)net_random(p->net, 300);
	f->refuse_first = p->kind >= THIRD;
	if (p->kind == SLOW || p->kind == CHAOS) {
		f->twice[1] = (unsigned)net_random(p->net, 300);
		f->twice[0] = p->kind == CHAOS && net_chance(p->net, 300) ? f->twice[1] / 4 : 0;
		f->slow_ms = 20000;
	}
	if (p->kind == CHAOS) {
		f->drop = (unsigned)net_random(p->net, 80);
		f->swap = (unsigned)net_random(p->net, 300);
		f->garble = net_chance(p->net, 300) ? 20 : 0;
		p->forget_at = net_chance(p->net, 300) ? soon : UINT64_MAX;
	}
	if (p->kind == THIRD)
		p->third_at = soon;
	if (p->kind == RESTARTS)
		p->restart_at = soon;
	if (p->kind == SILENT)
		p->gone_at = soon;
}

static bool
in_time(const play *p, const side *s)
{
	return s->peer == NULL || s->gone || (s->closed && net_now(p->net) <= BOUND);
}

static bool
one_of(const side *s, unsigned ends)
{
	return s->peer == NULL || s->gone || (ends & 1u << s->how.end) != 0;
}

/* What must have come out. */
static void
judge(play *p)
{
	const unsigned happy = 1u << MF_WORMHOLE_HAPPY, scary = 1u << MF_WORMHOLE_SCARY,
		       limit = 1u << MF_WORMHOLE_LIMIT;
	const unsigned crowded = 1u << MF_WORMHOLE_CROWDED, expired = 1u << MF_WORMHOLE_EXPIRED;
	const unsigned unreachable = 1u << MF_WORMHOLE_UNREACHABLE, server = 1u << MF_WORMHOLE_SERVER;

	if (getenv("MF_WORMHOLE_SEED") != NULL) {
		for (const side *s = &p->a; s <= &p->c; s++)
			(void)fprintf(stderr, "# %c: end %d, %s, got %zu, undelivered %zu\n", s->name, (int)s->how.end,
				s->how.err.text, s->app.got, s->how.undelivered);
	}
	MUST(in_time(p, &p->a) && in_time(p, &p->b) && in_time(p, &p->c));
	if (p->a.how.end == MF_WORMHOLE_UNREACHABLE || p->b.how.end == MF_WORMHOLE_UNREACHABLE || p->kind == CHAOS) {
		MUST(p->kind >= THIRD); /* anything may have happened, but it has ended */
		return;
	}
	if (p->kind == CALM || p->kind == CUTS || p->kind == SLOW) {
		MUST(one_of(&p->a, happy) && one_of(&p->b, happy));
		MUST(p->a.app.got == 1 && p->b.app.got == 2 && p->a.how.undelivered == 0 && p->b.how.undelivered == 0);
		MUST(server_mailboxes(net_server(p->net)) == 0 || p->kind != CALM);
		MUST(server_nameplates(net_server(p->net)) == 0 || p->kind != CALM);
	} else if (p->kind == RESTARTS) {
		/* who starts again after the other has closed finds no mailbox */
		MUST(one_of(&p->a, happy | expired) && one_of(&p->b, happy | expired));
		MUST(p->a.how.end != MF_WORMHOLE_EXPIRED || p->b.app.got == 2);
		MUST(p->b.how.end != MF_WORMHOLE_EXPIRED || p->a.app.got == 1);
	} else if (p->kind == WRONG) {
		MUST(one_of(&p->a, scary) && one_of(&p->b, scary) && p->a.app.got == 0 && p->b.app.got == 0);
	} else if (p->kind == SILENT) {
		MUST(one_of(&p->a, happy | limit) && one_of(&p->b, happy | limit));
	} else {
		MUST(one_of(&p->a, happy | scary | limit | crowded | expired | server));
		MUST(one_of(&p->b, happy | scary | limit | crowded | expired | server));
		MUST(one_of(&p->c, happy | scary | limit | crowded | expired | server | unreachable));
	}
}

/* @return the ends, for the count */
static void
run(uint64_t seed, unsigned ends[KINDS][MF_WORMHOLE_LIMIT + 1])
{
	play all = {.seed = seed, .kind = (enum kind)(seed % KINDS)}, *p = &all;

	p->net = net_new(seed * 0x100000001b3u + 1);
	faults_of(p);
	begin(p, &p->a, 'A', (mf_str){0});
	while (net_now(p->net) < BOUND) {
		uint64_t soon = soonest(p), slice = net_now(p->net) + 1000; /* what happens may make something due */

		if (stop(p) && soon > net_now(p->net))
			break;
		(void)net_run(p->net, stop, p, soon < slice ? soon : slice);
		act(p);
	}
	judge(p);
	ends[p->kind][p->a.how.end]++;
	net_free(p->net);
	for (side *s = &p->a; s <= &p->c; s++) {
		mf_buf_free(&s->saved);
	}
}

Test(mailbox_random, both_sides_come_to_a_known_end, .timeout = 7200)
{
	const char *one = getenv("MF_WORMHOLE_SEED");
	unsigned ends[KINDS][MF_WORMHOLE_LIMIT + 1] = {0};
	uint64_t n = getenv("MF_SOAK") != NULL ? LONG : SHORT;

	cr_assert(sodium_init() >= 0);
	if (one != NULL) {
		run(strtoull(one, NULL, 10), ends);
		return;
	}
	for (uint64_t seed = 0; seed < n; seed++)
		run(seed, ends);
	for (size_t k = 0; k < KINDS; k++) {
		(void)fprintf(stderr, "# %s:", kind_name[k]);
		for (size_t e = 0; e <= MF_WORMHOLE_LIMIT; e++)
			(void)fprintf(stderr, " %u", ends[k][e]);
		(void)fprintf(stderr, "\n");
	}
	/* the faults that can be healed are healed */
	cr_assert(ends[CALM][MF_WORMHOLE_HAPPY] == n / KINDS);
	cr_assert(ends[CUTS][MF_WORMHOLE_HAPPY] == n / KINDS && ends[SLOW][MF_WORMHOLE_HAPPY] == n / KINDS);
	cr_assert(ends[WRONG][MF_WORMHOLE_SCARY] == n / KINDS);
	cr_assert(ends[RESTARTS][MF_WORMHOLE_HAPPY] > n / KINDS * 9 / 10 && ends[CHAOS][MF_WORMHOLE_HAPPY] > 0);
}
