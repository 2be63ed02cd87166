/* Mailbox machines, a server and a bad network. */
#include "tests/wormhole/net.h"

#include <stdio.h>
#include <stdlib.h>

enum { PEERS = 4 };

enum what { UP, REFUSED, TO_SERVER, TO_CLIENT, DOWN };

/* Something that will arrive; it means nothing if that connection is not the peer's any more. */
typedef struct coming {
	struct coming *next;
	enum what what;
	struct net_peer *peer;
	unsigned conn;
	uint64_t at, order;
	mf_buf text;
} coming;

struct net_peer {
	struct net *net;
	struct mf_mailbox *box;
	struct server_conn *server; /* the server's end, while it lives */
	unsigned conn;              /* connections so far */
	bool making, up, halted;
	uint64_t last[2]; /* arrival of the last message to the server, to the client */
	net_event *event;
	void *arg;
};

struct net {
	uint64_t state, now, order, refuse_until;
	net_faults faults;
	struct server *server;
	struct net_peer *peer[PEERS];
	coming *coming;
	bool aloud; /* tell what travels: MF_WORMHOLE_TRACE in the environment */
};

uint64_t
net_random(struct net *n, uint64_t below)
{
	n->state += 0x9e3779b97f4a7c15u; /* splitmix64 */
	uint64_t z = n->state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return below == 0 ? z : z % below;
}

bool
net_chance(struct net *n, unsigned permille)
{
	return permille > 0 && net_random(n, 1000) < permille;
}

static bool
bad_luck(struct net *n, unsigned permille)
{
	return n->now < n->faults.calm_at && net_chance(n, permille);
}

static void
bytes(void *arg, void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)net_random(arg, 256);
}

struct net *
net_new(uint64_t seed)
{
	struct net *n = mf_alloc(sizeof(*n));

	n->state = seed;
	n->server = server_new();
	n->aloud = getenv("MF_WORMHOLE_TRACE") != NULL;
	return n;
}

net_faults *
net_faults_of(struct net *n)
{
	return &n->faults;
}

struct server *
net_server(struct net *n)
{
	return n->server;
}

uint64_t
net_now(const struct net *n)
{
	return n->now;
}

void
net_refuse_until(struct net *n, uint64_t when)
{
	n->refuse_until = when;
}

static void
put(struct net *n, enum what what, struct net_peer *p, uint64_t at, mf_str text)
{
	coming *c = mf_alloc(sizeof(*c));

	c->what = what;
	c->peer = p;
	c->conn = p->conn;
	c->at = at;
	c->order = n->order++;
	mf_buf_adds(&c->text, text);
	c->next = n->coming;
	n->coming = c;
}

static uint64_t
travel(struct net *n)
{
	return 5 + net_random(n, 1 + (n->now < n->faults.calm_at ? n->faults.slow_ms : 50));
}

/* A message begins to travel, if it is not the connection's last. */
static void
travel_text(struct net_peer *p, enum what to, mf_str text)
{
	struct net *n = p->net;
	uint64_t *last = &p->last[to == TO_CLIENT], at = n->now + travel(n);
	mf_buf changed = {0};

	if (bad_luck(n, n->faults.cut))
		put(n, DOWN, p, n->now + net_random(n, 20000), (mf_str){0}); /* what comes later is lost */
	if (bad_luck(n, n->faults.drop))
		return;
	if (!bad_luck(n, n->faults.swap)) {
		if (at < *last)
			at = *last; /* in order */
		*last = at;
	}
	mf_buf_adds(&changed, text);
	if (to == TO_CLIENT && changed.n > 0 && bad_luck(n, n->faults.garble))
		changed.p[net_random(n, changed.n)] = (uint8_t)net_random(n, 256);
	put(n, to, p, at, mf_buf_str(&changed));
	if (bad_luck(n, n->faults.twice[to == TO_CLIENT]))
		put(n, to, p, at + travel(n), mf_buf_str(&changed));
	mf_buf_free(&changed);
}

static void
from_server(void *arg, mf_str text)
{
	travel_text(arg, TO_CLIENT, text);
}

static void
forget_server(struct net_peer *p)
{
	if (p->server != NULL)
		server_gone(p->server);
	p->server = NULL;
}

/* The client's end is gone; the server notices at once. */
static void
drop(struct net_peer *p)
{
	p->up = p->making = false;
	p->conn++;
	forget_server(p);
}

static void
connect_peer(struct net_peer *p)
{
	struct net *n = p->net;
	bool refused =
		n->now < n->refuse_until || ((p->conn > 0 || n->faults.refuse_first) && bad_luck(n, n->faults.refuse));

	p->conn++;
	p->making = true;
	p->last[0] = p->last[1] = 0;
	put(n, refused ? REFUSED : UP, p, n->now + travel(n), (mf_str){0});
}

void
net_pump(struct net_peer *p)
{
	mf_mailbox_out o;

	while (!p->halted && mf_mailbox_next(p->box, &o)) {
		if (o.kind == MF_MAILBOX_CONNECT)
			connect_peer(p);
		else if (o.kind == MF_MAILBOX_SEND)
			travel_text(p, TO_SERVER, o.text);
		else if (o.kind == MF_MAILBOX_DROP)
			drop(p);
		else
			p->event(p->arg, p, &o);
	}
}

struct net_peer *
net_peer_new(struct net *n, const mf_mailbox_conf *conf, net_event *event, void *arg)
{
	struct net_peer *p = mf_alloc(sizeof(*p));
	mf_mailbox_conf full = *conf;
	size_t i = 0;

	while (n->peer[i] != NULL)
		i++;
	n->peer[i] = p;
	p->net = n;
	p->event = event;
	p->arg = arg;
	full.random = bytes;
	full.arg = n;
	if (mf_mailbox_new(&full, n->now, &p->box, NULL) != MF_OK)
		abort();
	net_pump(p);
	return p;
}

static void
forget_coming(struct net *n, const struct net_peer *p)
{
	for (coming **at = &n->coming; *at != NULL;) {
		coming *c = *at;

		if (c->peer != p) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		mf_buf_free(&c->text);
		free(c);
	}
}

void
net_peer_free(struct net_peer *p)
{
	if (p == NULL)
		return;
	forget_server(p);
	forget_coming(p->net, p);
	for (size_t i = 0; i < PEERS; i++) {
		if (p->net->peer[i] == p)
			p->net->peer[i] = NULL;
	}
	mf_mailbox_free(p->box);
	free(p);
}

void
net_free(struct net *n)
{
	for (size_t i = 0; i < PEERS; i++)
		net_peer_free(n->peer[i]);
	server_free(n->server);
	free(n);
}

struct mf_mailbox *
net_mailbox(struct net_peer *p)
{
	return p->box;
}

bool
net_is_up(const struct net_peer *p)
{
	return p->up;
}

void
net_halt(struct net_peer *p)
{
	drop(p);
	p->halted = true;
}

bool
net_halted(const struct net_peer *p)
{
	return p->halted;
}

static void
lose(struct net_peer *p, const char *why)
{
	mf_err err;

	drop(p);
	(void)mf_fail(&err, MF_ENET, 0, "%s", why);
	mf_mailbox_down(p->box, p->net->now, &err);
	net_pump(p);
}

void
net_cut(struct net_peer *p)
{
	if (p->up)
		lose(p, "connection reset");
}

static void
arrive(struct net *n, coming *c)
{
	static const char *const names[] = {"up", "refused", "to server", "to client", "down"};
	struct net_peer *p = c->peer;

	if (c->conn != p->conn)
		return;
	if (n->aloud)
		(void)fprintf(stderr, "%8llu %p %s %.*s\n", (unsigned long long)n->now, (void *)p, names[c->what],
			(int)c->text.n, c->text.n > 0 ? (const char *)c->text.p : "");
	if (c->what == REFUSED) {
		lose(p, "connection refused");
	} else if (c->what == DOWN) {
		net_cut(p);
	} else if (c->what == UP) {
		p->making = false;
		p->up = true;
		p->server = server_connect(n->server, NULL, from_server, p);
		mf_mailbox_up(p->box, n->now);
		net_pump(p);
	} else if (c->what == TO_SERVER && p->server != NULL) {
		server_hear(p->server, mf_buf_str(&c->text));
	} else if (c->what == TO_CLIENT) {
		mf_mailbox_text(p->box, n->now, mf_buf_str(&c->text));
		net_pump(p);
	}
}

static uint64_t
deadline(const struct net_peer *p)
{
	return p->halted ? UINT64_MAX : mf_mailbox_deadline(p->box);
}

/* The first to arrive, taken out; NULL if a machine's deadline or @p until comes before it. */
static coming *
next_coming(struct net *n, uint64_t until)
{
	coming **first = NULL, *c;
	uint64_t at = until;

	for (coming **i = &n->coming; *i != NULL; i = &(*i)->next) {
		if (first == NULL || (*i)->at < (*first)->at ||
			((*i)->at == (*first)->at && (*i)->order < (*first)->order))
			first = i;
	}
	for (size_t i = 0; i < PEERS; i++) {
		if (n->peer[i] != NULL && deadline(n->peer[i]) < at)
			at = deadline(n->peer[i]);
	}
	if (first == NULL || (*first)->at > at) {
		n->now = at > n->now ? at : n->now;
		return NULL;
	}
	c = *first;
	*first = c->next;
	n->now = c->at > n->now ? c->at : n->now;
	return c;
}

bool
net_run(struct net *n, bool (*done)(void *arg), void *arg, uint64_t until)
{
	while (!done(arg)) {
		coming *c;

		if (n->now >= until)
			return false;
		c = next_coming(n, until);
		if (c != NULL) {
			arrive(n, c);
			mf_buf_free(&c->text);
			free(c);
			continue;
		}
		for (size_t i = 0; i < PEERS; i++) {
			struct net_peer *p = n->peer[i];

			if (p == NULL || deadline(p) > n->now)
				continue;
			mf_mailbox_tick(p->box, n->now);
			net_pump(p);
		}
	}
	return true;
}
