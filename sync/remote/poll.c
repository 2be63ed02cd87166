/* Looking at the grid: when, with what, and what was found. */
#include "sync/remote/poll.h"

#include <stdio.h>
#include <stdlib.h>

enum { ACTIVE_MS = 1000, BACKOFF_MAX = 5 /* 2 to the power of it, seconds */ };

static void
poll_free(struct mf_poll *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->target[i].name);
		mf_listing_free(&p->target[i].listing);
	}
	free(p->target);
	mf_listing_free(&p->people);
	free(p);
}

static void
on_nudge(void *arg, const mf_watch_event *ev)
{
	struct mf_folder *f = arg;

	if (f->closing)
		return;
	if (ev->what == MF_WATCH_GONE)
		f->collective_nudged = false;
	if (ev->what == MF_WATCH_GONE)
		for (struct mf_peer *p = f->peers; p != NULL; p = p->next)
			p->nudged = false;
	if (ev->what == MF_WATCH_MOVED_TO || ev->what == MF_WATCH_MODIFIED || ev->what == MF_WATCH_OVERFLOW ||
		ev->what == MF_WATCH_GONE)
		mf_poll_start(f);
}

static bool
nudge_on(struct mf_folder *f, const mf_dirread *dir)
{
	char path[4096];

	if (f->grid->ops->nudge_path == NULL ||
		f->grid->ops->nudge_path(f->grid, dir, path, sizeof(path), NULL) != MF_OK)
		return false;
	if (f->nudge == NULL)
		f->nudge = MF_OPS(f)->watch_new(f->env, on_nudge, f);
	return MF_OPS(f)->watch_add(f->nudge, NULL, path, NULL) == MF_OK;
}

static mf_code
left_each(void *arg, const char *name)
{
	struct mf_folder *f = arg;
	mf_dirread none = {0};

	/* it left while we were off: made a peer again only to go with all its heads */
	if (mf_peer_find(f, name) == NULL)
		(void)mf_peer_need(f, name, &none);
	return MF_OK;
}

/* Whoever is not in the Collective any more. */
static void
drop_left(struct mf_folder *f)
{
	(void)mf_state_head_participants(f->state, left_each, f, NULL);
	for (struct mf_peer *q = f->peers, *next; q != NULL; q = next) {
		next = q->next;
		if (!q->listed && q->name[0] != '\0')
			mf_peer_gone(f, q);
	}
}

static void
clear_participant(struct mf_folder *f, mf_str name)
{
	char *z = mf_strdup(name);

	mf_report_peer(f, z, NULL, NULL);
	free(z);
}

struct staying {
	const struct mf_poll *p;
	const char *ours;
};

static bool
stays(const void *arg, const char *participant)
{
	const struct staying *s = arg;

	return strcmp(participant, s->ours) == 0 || mf_listing_find(&s->p->people, mf_strz(participant)) != NULL;
}

static void
note_seen(struct mf_folder *f, const char *name, mf_dirver *seen, const mf_dirver *version)
{
	if (version->seqnum <= seen->seqnum)
		return;
	*seen = *version;
	(void)mf_state_dirver_put(f->state, name, version, NULL);
}

static void
take_in_people(struct mf_folder *f, struct mf_poll *p)
{
	if (p->collective_unchanged || p->task.err.code != MF_OK)
		return;
	if (!f->collective_read)
		(void)mf_state_dir_put(f->state, MF_STATE_COLLECTIVE, f->conf.collective.text, NULL);
	f->collective_read = true;
	f->collective_version = p->people.version;
	note_seen(f, MF_STATE_COLLECTIVE, &f->collective_seen, &p->people.version);
	f->in_collective =
		f->conf.read_only; /* whose entry is an empty literal directory: not to be told from others' */
	for (struct mf_peer *q = f->peers; q != NULL; q = q->next)
		q->listed = q->name[0] == '\0';
	for (size_t i = 0; i < p->people.n; i++) {
		const mf_child *c = &p->people.child[i];
		if (c->name.n > 0 && c->name.p[0] == '@')
			continue;
		if (mf_str_eq(c->ro, mf_strz(p->self.text)) && !f->conf.read_only) {
			f->in_collective = true;
			free(f->self_name);
			f->self_name = mf_strdup(c->name);
			if (f->n_errors > 0)
				clear_participant(f, c->name);
			continue;
		}
		char *name = mf_strdup(c->name);
		mf_dirread dir;
		struct mf_peer *q;
		if (mf_dirread_parse(c->ro, &dir, NULL) == MF_OK) {
			q = mf_peer_need(f, name, &dir);
			q->listed = true;
			mf_trust_edge(f, q, c->metadata);
		} else if ((q = mf_peer_find(f, name)) != NULL) {
			q->listed = true; /* its entry is damaged; what was read before stands */
		}
		free(name);
	}
	drop_left(f);
	struct staying staying = {p, f->conf.author};
	mf_report_peers_left(f, stays, &staying);
}

static void
take_in_listing(struct mf_folder *f, struct target *t)
{
	struct mf_peer *peer = t->is_self ? mf_peer_need(f, "", &t->dir) : mf_peer_find(f, t->name);

	if (t->err.code != MF_ECANCELED)
		mf_report_peer(f, t->is_self ? f->conf.author : t->name, NULL, &t->err);
	if (peer == NULL || t->err.code != MF_OK || t->unchanged)
		return;
	if (t->is_self)
		peer->listed = true;
	if (mf_dirver_older(&t->listing.version, &peer->seen))
		return; /* ours, and we have written a newer one since it was read */
	note_seen(f, t->name, &peer->seen, &t->listing.version);
	mf_peer_listed(f, peer, &t->listing);
}

/* Is something not read that should be? */
static bool
is_broken(const struct mf_folder *f)
{
	bool broken = !f->self_read && !f->conf.read_only;

	for (const struct mf_peer *p = f->peers; p != NULL; p = p->next)
		broken |= !p->read_once || p->again;
	return broken;
}

void
mf_poll_schedule(struct mf_folder *f)
{
	uint64_t ceiling = (uint64_t)f->set.poll_interval_s * 1000, now = mf_now_ms(f), wait = ceiling;
	bool all_nudged = true;

	for (const struct mf_peer *p = f->peers; p != NULL; p = p->next)
		all_nudged &= p->nudged || p->literal || p->name[0] == '\0';
	/* where nothing wakes us: each second after activity, backing off to the interval */
	if (!all_nudged) {
		uint64_t quiet = now - f->last_activity_ms;
		wait = quiet / 4 < ACTIVE_MS ? ACTIVE_MS : quiet / 4;
	}
	uint64_t again = (uint64_t)1000 << (f->bad_polls < BACKOFF_MAX ? f->bad_polls : BACKOFF_MAX);
	if ((f->bad_polls > 0 || is_broken(f)) && wait > again)
		wait = again;
	MF_OPS(f)->timer_start(f->poll_timer, wait < ceiling ? wait : ceiling);
}

void
mf_poll_ended(struct mf_folder *f)
{
	struct mf_poll *p = f->poll;
	bool first = !f->polled_once, good = p->good, wanted = p->want_self;
	struct mf_peer *self = mf_peer_find(f, "");
	bool self_came = !f->self_read && self != NULL && self->read_once && !self->again;

	if (!p->taken_in)
		return;
	f->poll = NULL;
	poll_free(p);
	f->polled_once = true;
	f->self_read |= self_came;
	f->poll_round++;
	if (self_came || (wanted && !f->self_read))
		mf_link_replan(f);
	/* what was written between the reading and the watch told nobody: read again */
	for (struct mf_peer *q = f->peers; q != NULL; q = q->next)
		if (!q->nudged && !q->literal && q->name[0] != '\0')
			f->poll_again |= q->nudged = nudge_on(f, &q->dir);
	if (!f->collective_nudged)
		f->poll_again |= f->collective_nudged = nudge_on(f, &f->conf.collective);
	if (good) {
		f->poll_good = f->poll_round;
		f->last_poll_ns = MF_OPS(f)->now_ns(f->env);
		mf_tell(f, MF_EV_POLL_COMPLETED, NULL, NULL);
	}
	if (good && f->bad_polls > 0)
		mf_paths_retry(f, false);
	f->bad_polls = good && !is_broken(f) ? 0 : f->bad_polls + 1;
	if (!good)
		mf_doubt_grid(f);
	mf_poll_schedule(f);
	if (first || self_came)
		mf_folder_resume(f);
	mf_waiters_check(f);
	if (f->poll_again) {
		f->poll_again = false;
		mf_poll_start(f);
	}
}

static void
poll_done(struct mf_task *t)
{
	struct mf_poll *p = (struct mf_poll *)t;
	struct mf_folder *f = t->f;

	if (f->closing) {
		f->poll = NULL;
		poll_free(p);
		return;
	}
	p->good = t->err.code == MF_OK;
	p->arrived = true;
	mf_turn_arm(f, 0); /* takes it in; its end finds the poll ended, or fetches under way */
}

static void
report_people(struct mf_folder *f, const mf_err *err)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "the list of participants cannot be read: %s", err->text);
	mf_trouble(f, MF_TR_PEOPLE, text);
}

void
mf_poll_take_in(struct mf_folder *f)
{
	struct mf_poll *p = f->poll;

	if (p == NULL || !p->arrived || p->taken_in)
		return;
	p->taken_in = true;
	if (p->task.err.code == MF_OK)
		mf_trouble_over(f, MF_TR_PEOPLE);
	else if (p->task.err.code != MF_ECANCELED)
		report_people(f, &p->task.err);
	take_in_people(f, p);
	for (size_t i = 0; i < p->n; i++) {
		p->good &= p->target[i].err.code == MF_OK;
		take_in_listing(f, &p->target[i]);
		mf_listing_free(&p->target[i].listing);
	}
}

bool
mf_poll_is_in(const struct mf_folder *f)
{
	return f->poll != NULL && f->poll->taken_in;
}

void
mf_poll_drop(struct mf_folder *f)
{
	if (f->poll != NULL)
		poll_free(f->poll);
	f->poll = NULL;
}

void
mf_poll_load(struct mf_folder *f)
{
	char before[MF_CAP_MAX] = "";

	if (f->people_loaded)
		return;
	mf_peers_load(f);
	(void)mf_state_dir_get(f->state, MF_STATE_COLLECTIVE, before, NULL);
	if (strcmp(before, f->conf.collective.text) == 0)
		(void)mf_state_dirver_get(f->state, MF_STATE_COLLECTIVE, &f->collective_seen, NULL);
}

void
mf_poll_start(struct mf_folder *f)
{
	if (f->closing || !f->started || f->set.paused)
		return;
	if (f->poll != NULL || !f->walked) {
		f->poll_again = f->poll != NULL;
		return;
	}
	mf_poll_load(f);
	struct mf_poll *p = mf_alloc(sizeof(*p));
	const struct mf_peer *self;
	p->collective = f->conf.collective;
	if (!f->conf.read_only)
		mf_dirwrite_read(&f->conf.personal, &p->self);
	p->want_self = !f->conf.read_only && !f->self_read;
	p->known_collective = f->collective_version;
	p->use_known = f->collective_read;
	p->seen_collective = f->collective_seen;
	if (p->want_self && (self = mf_peer_find(f, "")) != NULL)
		p->seen_self = self->seen;
	else if (p->want_self)
		(void)mf_state_dirver_get(f->state, "", &p->seen_self, NULL);
	for (const struct mf_peer *q = f->peers; q != NULL; q = q->next) {
		if (q->name[0] == '\0' || (q->literal && q->read_once && !q->again))
			continue;
		struct target *t = mf_poll_target(p, mf_strz(q->name), &q->dir);
		t->known = q->version;
		t->seen = q->seen;
		t->use_known = q->read_once && !q->again;
	}
	p->task.pool = MF_POOL_TRANSFER;
	p->task.work = mf_poll_work;
	p->task.done = poll_done;
	f->poll = p;
	mf_task_start(f, &p->task);
}
