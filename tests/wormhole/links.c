/* Connections of a simulated process to a server in memory. */
#include "tests/wormhole/links.h"

#include <stdlib.h>

enum what { UP, TO_SERVER, TO_CLIENT, DOWN };

typedef struct item {
	struct item *next;
	enum what what;
	mf_buf text;
} item;

struct mf_link {
	struct links *links;
	struct mf_link *next;
	const mf_link_events *events;
	void *arg;
	struct server_conn *server;
	struct mf_timer *timer;
	item *first, **last;
};

struct links {
	struct mf_links pub;
	struct mf_env *env;
	struct server *server;
	struct mf_link *all;
};

static void
again(struct mf_link *l)
{
	uint8_t ms;

	l->links->env->ops->random(l->links->env, &ms, 1);
	l->links->env->ops->timer_start(l->timer, 1 + ms % 20u);
}

static void
put(struct mf_link *l, enum what what, mf_str text)
{
	item *i = mf_alloc(sizeof(*i));

	i->what = what;
	mf_buf_adds(&i->text, text);
	*l->last = i;
	l->last = &i->next;
	if (l->first == i)
		again(l);
}

static void
from_server(void *arg, mf_str text)
{
	put(arg, TO_CLIENT, text);
}

static void
drop(struct mf_link *l)
{
	struct mf_link **at;

	if (l == NULL)
		return;
	for (at = &l->links->all; *at != l;)
		at = &(*at)->next;
	*at = l->next;
	if (l->server != NULL)
		server_gone(l->server);
	l->links->env->ops->timer_free(l->timer);
	while (l->first != NULL) {
		item *i = l->first;

		l->first = i->next;
		mf_buf_free(&i->text);
		free(i);
	}
	free(l);
}

/* The next thing arrives.  The link may be gone after an event. */
static void
arrive(void *arg)
{
	struct mf_link *l = arg;
	item *i = l->first;
	const mf_link_events *events = l->events;
	const mf_err why = {MF_ENET, 0, "connection reset"};
	void *owner = l->arg;

	l->first = i->next;
	if (l->first == NULL)
		l->last = &l->first;
	else
		again(l);
	if (i->what == UP) {
		events->up(owner);
	} else if (i->what == TO_SERVER) {
		server_hear(l->server, mf_buf_str(&i->text));
	} else if (i->what == TO_CLIENT) {
		events->text(owner, mf_buf_str(&i->text));
	} else {
		drop(l);
		events->down(owner, &why);
	}
	mf_buf_free(&i->text);
	free(i);
}

static struct mf_link *
open_link(struct mf_links *links, const char *url, const mf_link_events *events, void *arg)
{
	struct links *all = (struct links *)links;
	struct mf_link *l = mf_alloc(sizeof(*l));

	(void)url;
	l->links = all;
	l->events = events;
	l->arg = arg;
	l->last = &l->first;
	l->timer = all->env->ops->timer_new(all->env, arrive, l);
	l->next = all->all;
	all->all = l;
	put(l, UP, (mf_str){0});
	l->server = server_connect(all->server, NULL, from_server, l);
	return l;
}

static void
send_text(struct mf_link *l, mf_str text)
{
	put(l, TO_SERVER, text);
}

struct mf_links *
links_new(struct mf_env *env, struct server *server)
{
	static const struct mf_links_ops ops = {open_link, send_text, drop};
	struct links *all = mf_alloc(sizeof(*all));

	all->pub.ops = &ops;
	all->env = env;
	all->server = server;
	return &all->pub;
}

size_t
links_free(struct mf_links *links)
{
	struct links *all = (struct links *)links;
	size_t n = 0;

	for (; all->all != NULL; n++)
		drop(all->all);
	free(all);
	return n;
}

void
links_cut(struct mf_links *links)
{
	for (struct mf_link *l = ((struct links *)links)->all; l != NULL; l = l->next) {
		if (l->server != NULL)
			server_gone(l->server);
		l->server = NULL;
		while (l->first != NULL) { /* what was on the way is lost */
			item *i = l->first;

			l->first = i->next;
			mf_buf_free(&i->text);
			free(i);
		}
		l->last = &l->first;
		put(l, DOWN, (mf_str){0});
	}
}
