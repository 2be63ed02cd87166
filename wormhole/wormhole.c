/* One wormhole: the mailbox machine over the environment's timers and a link. */
#include "wormhole/wormhole.h"

#include <stdlib.h>

#include "wormhole/mailbox.h"

struct mf_wormhole {
	struct mf_env *env;
	struct mf_links *links;
	const mf_wormhole_events *events;
	void *arg;
	char *url;
	struct mf_mailbox *box;
	struct mf_timer *timer;
	struct mf_link *link;
	bool in_event, freed;
};

static uint64_t
now_ms(const struct mf_wormhole *w)
{
	return w->env->ops->mono_ms(w->env);
}

static void
chance(void *arg, void *p, size_t n)
{
	const struct mf_wormhole *w = arg;

	w->env->ops->random(w->env, p, n);
}

static void
release(struct mf_wormhole *w)
{
	if (w->link != NULL)
		w->links->ops->drop(w->link);
	w->env->ops->timer_free(w->timer);
	mf_mailbox_free(w->box);
	free(w->url);
	free(w);
}

/* To be called again when the machine wants it.  @param soon there is something to take at once */
static void
arm(struct mf_wormhole *w, bool soon)
{
	uint64_t at = mf_mailbox_deadline(w->box), now = now_ms(w);

	if (soon)
		w->env->ops->timer_start(w->timer, 0);
	else if (at == UINT64_MAX)
		w->env->ops->timer_stop(w->timer);
	else
		w->env->ops->timer_start(w->timer, at > now ? at - now : 0);
}

static void on_up(void *arg);
static void on_text(void *arg, mf_str text);
static void on_down(void *arg, const mf_err *why);

static const mf_link_events link_events = {on_up, on_text, on_down};

/* What the owner is told. */
static void
tell(struct mf_wormhole *w, const mf_mailbox_out *o)
{
	const mf_wormhole_events *e = w->events;

	if (o->kind == MF_MAILBOX_WELCOME && e->welcome != NULL)
		e->welcome(w->arg, o->json);
	else if (o->kind == MF_MAILBOX_NAMEPLATES && e->nameplates != NULL)
		e->nameplates(w->arg, o->json);
	else if (o->kind == MF_MAILBOX_CODE && e->code != NULL)
		e->code(w->arg, o->text);
	else if (o->kind == MF_MAILBOX_VERIFIED && e->verified != NULL)
		e->verified(w->arg, (const uint8_t *)o->text.p);
	else if (o->kind == MF_MAILBOX_VERSIONS && e->versions != NULL)
		e->versions(w->arg, o->json);
	else if (o->kind == MF_MAILBOX_MESSAGE && e->message != NULL)
		e->message(w->arg, o->text);
	else if (o->kind == MF_MAILBOX_CHANGED && e->changed != NULL)
		e->changed(w->arg);
	else if (o->kind == MF_MAILBOX_LINK && e->link != NULL)
		e->link(w->arg, o->closed.err.code == MF_OK ? NULL : &o->closed.err);
	else if (o->kind == MF_MAILBOX_CLOSED)
		e->closed(w->arg, &o->closed);
}

/* From the loop only: do and tell all that the machine wants. */
static void
pump(struct mf_wormhole *w)
{
	mf_mailbox_out o;
	bool ended = false;

	w->in_event = true;
	while (!w->freed && !ended && mf_mailbox_next(w->box, &o)) {
		switch (o.kind) {
		case MF_MAILBOX_CONNECT: w->link = w->links->ops->open(w->links, w->url, &link_events, w); break;
		case MF_MAILBOX_SEND:
			if (w->link != NULL)
				w->links->ops->send(w->link, o.text);
			break;
		case MF_MAILBOX_DROP:
			w->links->ops->drop(w->link);
			w->link = NULL;
			break;
		case MF_MAILBOX_WELCOME:
		case MF_MAILBOX_NAMEPLATES:
		case MF_MAILBOX_CODE:
		case MF_MAILBOX_VERIFIED:
		case MF_MAILBOX_VERSIONS:
		case MF_MAILBOX_MESSAGE:
		case MF_MAILBOX_CHANGED:
		case MF_MAILBOX_LINK: tell(w, &o); break;
		case MF_MAILBOX_CLOSED:
			ended = true;
			tell(w, &o);
			break;
		}
	}
	w->in_event = false;
	if (w->freed || ended)
		release(w);
	else
		arm(w, false);
}

static void
on_up(void *arg)
{
	struct mf_wormhole *w = arg;

	mf_mailbox_up(w->box, now_ms(w));
	pump(w);
}

static void
on_text(void *arg, mf_str text)
{
	struct mf_wormhole *w = arg;

	mf_mailbox_text(w->box, now_ms(w), text);
	pump(w);
}

static void
on_down(void *arg, const mf_err *why)
{
	struct mf_wormhole *w = arg;

	w->link = NULL;
	mf_mailbox_down(w->box, now_ms(w), why);
	pump(w);
}

static void
on_timer(void *arg)
{
	struct mf_wormhole *w = arg;

	mf_mailbox_tick(w->box, now_ms(w));
	pump(w);
}

/* Something was asked for: it is done from the loop, soon, so that no event comes from inside a call. */
static void
soon(struct mf_wormhole *w)
{
	if (!w->in_event)
		arm(w, true);
}

mf_code
mf_wormhole_new(struct mf_env *env, struct mf_links *links, const mf_wormhole_conf *conf,
	const mf_wormhole_events *events, void *arg, struct mf_wormhole **out, mf_err *err)
{
	struct mf_wormhole *w;
	mf_mailbox_conf box;
	mf_str url = mf_strz(conf->url);
	mf_code rc;

	if (!mf_str_starts(url, MF_STR("ws://")) && !mf_str_starts(url, MF_STR("wss://")))
		return mf_fail(err, MF_EINVAL, 0, "a mailbox server's address begins with ws:// or wss://");
	w = mf_alloc(sizeof(*w));
	w->env = env;
	w->links = links;
	w->events = events;
	w->arg = arg;
	box = (mf_mailbox_conf){
		.appid = conf->appid,
		.versions = conf->versions,
		.saved = conf->saved,
		.limit_ms = conf->limit_ms,
		.close_ms = conf->close_ms,
		.random = chance,
		.arg = w,
	};
	rc = mf_mailbox_new(&box, now_ms(w), &w->box, err);
	if (rc != MF_OK) {
		free(w);
		return rc;
	}
	w->url = mf_strdup(url);
	w->timer = env->ops->timer_new(env, on_timer, w);
	soon(w);
	*out = w;
	return MF_OK;
}

void
mf_wormhole_allocate(struct mf_wormhole *w, unsigned words)
{
	mf_mailbox_allocate(w->box, now_ms(w), words);
	soon(w);
}

mf_code
mf_wormhole_set_code(struct mf_wormhole *w, mf_str typed, mf_err *err)
{
	mf_code rc = mf_mailbox_set_code(w->box, now_ms(w), typed, err);

	soon(w);
	return rc;
}

void
mf_wormhole_list(struct mf_wormhole *w)
{
	mf_mailbox_list(w->box, now_ms(w));
	soon(w);
}

mf_code
mf_wormhole_send(struct mf_wormhole *w, mf_str message, mf_err *err)
{
	mf_code rc = mf_mailbox_send(w->box, now_ms(w), message, err);

	soon(w);
	return rc;
}

void
mf_wormhole_close(struct mf_wormhole *w, enum mf_mood mood)
{
	mf_mailbox_close(w->box, now_ms(w), mood);
	soon(w);
}

void
mf_wormhole_free(struct mf_wormhole *w)
{
	if (w == NULL)
		return;
	if (w->in_event)
		w->freed = true;
	else
		release(w);
}

void
mf_wormhole_save(const struct mf_wormhole *w, mf_buf *out)
{
	mf_mailbox_save(w->box, out);
}
