/* A mailbox server in memory. */
#include "tests/wormhole/server.h"

#include <stdio.h>
#include <stdlib.h>

/* nameplates: {name: {"mailbox": id, "sides": {side: claimed}}}
 * mailboxes: {id: {"sides": {side: opened}, "messages": [...]}} */
struct server {
	json_t *nameplates, *mailboxes;
	struct server_conn *conns;
	unsigned next_box;
};

struct server_conn {
	struct server *server;
	struct server_conn *next;
	server_say *say;
	void *arg;
	char *side, *box, *claimed; /* box: subscribed to */
	bool allocated, released, closed, opened;
};

struct server *
server_new(void)
{
	struct server *s = mf_alloc(sizeof(*s));

	s->nameplates = json_object();
	s->mailboxes = json_object();
	return s;
}

void
server_free(struct server *s)
{
	json_decref(s->nameplates);
	json_decref(s->mailboxes);
	free(s);
}

void
server_prune(struct server *s)
{
	json_object_clear(s->nameplates);
	json_object_clear(s->mailboxes);
}

size_t
server_mailboxes(const struct server *s)
{
	return json_object_size(s->mailboxes);
}

size_t
server_nameplates(const struct server *s)
{
	return json_object_size(s->nameplates);
}

/* @param o is taken */
static void
say(struct server_conn *c, json_t *o)
{
	char *text;

	json_object_set_new(o, "server_tx", json_real(1.5));
	text = json_dumps(o, JSON_COMPACT);
	c->say(c->arg, mf_strz(text));
	free(text);
	json_decref(o);
}

static void
fail(struct server_conn *c, const json_t *orig, const char *why)
{
	say(c, json_pack("{ss ss sO}", "type", "error", "error", why, "orig", orig));
}

struct server_conn *
server_connect(struct server *s, const json_t *welcome, server_say *say_it, void *arg)
{
	struct server_conn *c = mf_alloc(sizeof(*c));

	c->server = s;
	c->say = say_it;
	c->arg = arg;
	c->next = s->conns;
	s->conns = c;
	say(c,
		json_pack("{ss so}", "type", "welcome", "welcome",
			welcome != NULL ? json_deep_copy(welcome) : json_object()));
	return c;
}

void
server_gone(struct server_conn *c)
{
	struct server_conn **at = &c->server->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c->side);
	free(c->box);
	free(c->claimed);
	free(c);
}

static json_t *
mailbox(struct server *s, const char *id)
{
	json_t *b = json_object_get(s->mailboxes, id);

	if (b == NULL) {
		b = json_pack("{s{} s[]}", "sides", "messages");
		json_object_set_new(s->mailboxes, id, b);
	}
	return b;
}

/* This side has it open; @return false when there were two others. */
static bool
open_side(struct server *s, const char *id, const char *side)
{
	json_t *sides = json_object_get(mailbox(s, id), "sides");

	if (json_object_get(sides, side) == NULL)
		json_object_set_new(sides, side, json_true());
	return json_object_size(sides) <= 2; /* the third stays, as in the reference */
}

static void
claim(struct server_conn *c, const json_t *m, const char *name)
{
	struct server *s = c->server;
	json_t *plate = json_object_get(s->nameplates, name), *sides;
	char id[32];

	if (plate == NULL) {
		(void)snprintf(id, sizeof(id), "box%010u", s->next_box++);
		plate = json_pack("{ss s{}}", "mailbox", id, "sides");
		json_object_set_new(s->nameplates, name, plate);
	}
	sides = json_object_get(plate, "sides");
	if (json_is_false(json_object_get(sides, c->side))) {
		fail(c, m, "reclaimed");
		return;
	}
	json_object_set_new(sides, c->side, json_true());
	if (json_object_size(sides) > 2 ||
		!open_side(s, json_string_value(json_object_get(plate, "mailbox")), c->side)) {
		fail(c, m, "crowded");
		return;
	}
	if (strcmp(json_string_value(json_object_get(m, "type")), "claim") == 0) {
		c->claimed = strdup(name);
		say(c, json_pack("{ss sO}", "type", "claimed", "mailbox", json_object_get(plate, "mailbox")));
	}
}

static void
allocate(struct server_conn *c, const json_t *m)
{
	char name[16];
	unsigned n = 1;

	if (c->allocated) {
		fail(c, m, "you already allocated one, don't be greedy");
		return;
	}
	c->allocated = true;
	do
		(void)snprintf(name, sizeof(name), "%u", n++);
	while (json_object_get(c->server->nameplates, name) != NULL);
	claim(c, m, name);
	say(c, json_pack("{ss ss}", "type", "allocated", "nameplate", name));
}

static bool
any_true(const json_t *sides)
{
	const char *side;
	json_t *on;

	json_object_foreach((json_t *)sides, side, on)
	{
		if (json_is_true(on))
			return true;
	}
	return false;
}

static void
release(struct server_conn *c, const json_t *m, const char *name)
{
	json_t *plate, *sides;

	if (c->released) {
		fail(c, m, "only one release per connection");
		return;
	}
	c->released = true;
	plate = json_object_get(c->server->nameplates, name != NULL ? name : c->claimed != NULL ? c->claimed : "");
	sides = json_object_get(plate, "sides");
	if (json_object_get(sides, c->side) != NULL)
		json_object_set_new(sides, c->side, json_false());
	if (plate != NULL && !any_true(sides))
		json_object_del(c->server->nameplates, name != NULL ? name : c->claimed);
	say(c, json_pack("{ss}", "type", "released"));
}

static void
open_box(struct server_conn *c, const json_t *m, const char *id)
{
	const json_t *one;
	size_t i;

	if (c->box != NULL) {
		fail(c, m, "only one open per connection");
		return;
	}
	if (!open_side(c->server, id, c->side)) {
		fail(c, m, "crowded");
		return;
	}
	c->box = strdup(id);
	json_array_foreach(json_object_get(mailbox(c->server, id), "messages"), i, one) say(c, json_deep_copy(one));
}

static void
add(struct server_conn *c, const json_t *m)
{
	json_t *o;

	if (c->box == NULL) {
		fail(c, m, "must open mailbox before adding");
		return;
	}
	o = json_pack("{ss ss sO sO sO sf}", "type", "message", "side", c->side, "phase", json_object_get(m, "phase"),
		"body", json_object_get(m, "body"), "id", json_object_get(m, "id"), "server_rx", 1.25);
	json_array_append(json_object_get(mailbox(c->server, c->box), "messages"), o);
	for (struct server_conn *to = c->server->conns; to != NULL; to = to->next) {
		if (to->box != NULL && strcmp(to->box, c->box) == 0)
			say(to, json_deep_copy(o));
	}
	json_decref(o);
}

static void
close_box(struct server_conn *c, const json_t *m, const char *id)
{
	json_t *sides;

	if (c->closed) {
		fail(c, m, "only one close per connection");
		return;
	}
	c->closed = true;
	if (id == NULL)
		id = c->box;
	if (id == NULL || !open_side(c->server, id, c->side)) {
		fail(c, m, id == NULL ? "close without mailbox must follow open" : "crowded");
		return;
	}
	sides = json_object_get(mailbox(c->server, id), "sides");
	json_object_set_new(sides, c->side, json_false());
	if (!any_true(sides))
		json_object_del(c->server->mailboxes, id);
	free(c->box);
	c->box = NULL;
	say(c, json_pack("{ss}", "type", "closed"));
}

static void
list(struct server_conn *c)
{
	json_t *all = json_array(), *plate;
	const char *name;

	json_object_foreach(c->server->nameplates, name, plate)
		json_array_append_new(all, json_pack("{ss}", "id", name));
	say(c, json_pack("{ss so}", "type", "nameplates", "nameplates", all));
}

void
server_hear(struct server_conn *c, mf_str text)
{
	json_t *m = json_loadb(text.p, text.n, 0, NULL);
	const char *type = json_string_value(json_object_get(m, "type"));
	const char *plate = json_string_value(json_object_get(m, "nameplate"));
	const char *box = json_string_value(json_object_get(m, "mailbox"));

	if (type == NULL)
		abort(); /* a client of ours never says that */
	say(c, json_pack("{ss sO?}", "type", "ack", "id", json_object_get(m, "id")));
	if (strcmp(type, "ping") == 0)
		say(c, json_pack("{ss sO}", "type", "pong", "pong", json_object_get(m, "ping")));
	else if (strcmp(type, "bind") == 0 && c->side == NULL)
		c->side = strdup(json_string_value(json_object_get(m, "side")));
	else if (c->side == NULL || strcmp(type, "bind") == 0)
		fail(c, m, c->side == NULL ? "must bind first" : "already bound");
	else if (strcmp(type, "allocate") == 0)
		allocate(c, m);
	else if (strcmp(type, "claim") == 0 && c->claimed != NULL)
		fail(c, m, "only one claim per connection");
	else if (strcmp(type, "claim") == 0)
		claim(c, m, plate);
	else if (strcmp(type, "release") == 0)
		release(c, m, plate);
	else if (strcmp(type, "open") == 0)
		open_box(c, m, box);
	else if (strcmp(type, "add") == 0)
		add(c, m);
	else if (strcmp(type, "close") == 0)
		close_box(c, m, box);
	else if (strcmp(type, "list") == 0)
		list(c);
	else
		fail(c, m, "unknown type");
	json_decref(m);
}
