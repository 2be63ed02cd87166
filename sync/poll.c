/* Looking at the grid: the Collective, then every participant's Personal directory. */
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

enum { ACTIVE_MS = 1000, METADATA_MAX = 4096, BACKOFF_MAX = 5 /* 2 to the power of it, seconds */ };

/* One directory to read, and what was found. */
struct target {
	char *name;
	mf_dirread dir;
	mf_dirver known, seen;
	bool use_known, unchanged, is_self;
	mf_listing listing;
	mf_err err;
};

struct mf_poll {
	struct mf_task task;
	mf_dirread collective, self;
	bool want_self;
	mf_dirver known_collective, seen_collective, seen_self;
	bool use_known, collective_unchanged;
	mf_listing people; /* the Collective, if it changed */
	struct target *target;
	size_t n, cap;
	bool arrived;
	bool taken_in; /* the results are with the folder */
	bool good;
};

/* ---- worker --------------------------------------------------------------------------------------------- */

static mf_code
keep_bytes(void *arg, const void *p, size_t n, mf_err *err)
{
	mf_buf *b = arg;

	if (b->n + n > METADATA_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "@metadata is larger than it may be");
	mf_buf_add(b, p, n);
	return MF_OK;
}

static mf_code
metadata_version(const mf_buf *doc, int64_t *version, mf_err *err)
{
	json_t *j = json_loadb((const char *)doc->p, doc->n, 0, NULL);
	const json_t *v = json_object_get(j, "version");
	mf_code rc = MF_OK;

	if (json_is_integer(v))
		*version = json_integer_value(v);
	else
		rc = mf_fail(err, MF_EFORMAT, 0, "the folder's @metadata is not an object with a version");
	json_decref(j);
	return rc;
}

/* A Collective of a later kind is not ours to read. */
static mf_code
check_metadata(struct mf_folder *f, const mf_listing *l, const mf_cancel *cancel, mf_err *err)
{
	const mf_child *c = mf_listing_find(l, MF_STR("@metadata"));
	mf_filecap cap;
	mf_buf doc = {0};
	int64_t version = 0;

	if (c == NULL)
		return MF_OK;
	mf_code rc = mf_filecap_parse(c->ro, &cap, err);
	if (rc == MF_OK)
		rc = f->grid->ops->get(f->grid, &cap, 0, METADATA_MAX + 1, keep_bytes, &doc, cancel, err);
	if (rc == MF_OK)
		rc = metadata_version(&doc, &version, err);
	if (rc == MF_OK && version != 1)
		rc = mf_fail(err, MF_EUNSUPPORTED, 0, "the folder's @metadata says version %lld, we know version 1",
			(long long)version);
	mf_buf_free(&doc);
	return rc;
}

static struct target *
target_add(struct mf_poll *p, mf_str name, const mf_dirread *dir)
{
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 8 : p->cap * 2;
		p->target = mf_realloc_array(p->target, p->cap, sizeof(*p->target));
	}
	struct target *t = &p->target[p->n++];
	*t = (struct target){.name = mf_strdup(name), .dir = *dir};
	return t;
}

static bool
is_target(const struct mf_poll *p, mf_str name)
{
	for (size_t i = 0; i < p->n; i++)
		if (mf_str_eq(mf_strz(p->target[i].name), name))
			return true;
	return false;
}

/* People who are new in the Collective are read in the same poll. */
static void
add_newcomers(struct mf_poll *p)
{
	for (size_t i = 0; i < p->people.n; i++) {
		const mf_child *c = &p->people.child[i];
		mf_dirread dir;
		if (c->name.n == 0 || c->name.p[0] == '@' || is_target(p, c->name))
			continue;
		struct target *t;
		mf_err err = {0};
		if (mf_dirread_parse(c->ro, &dir, &err) != MF_OK) {
			t = target_add(p, c->name, &(mf_dirread){0});
			t->err = err;
		} else if (strcmp(dir.text, p->self.text) != 0) {
			(void)target_add(p, c->name, &dir);
		}
	}
}

/* A directory never goes back: an older version, or another one of the same number, is an old copy, or a forged one. */
static mf_code
check_version(const mf_dirver *seen, const mf_dirver *got, mf_err *err)
{
	if (got->seqnum < seen->seqnum)
		return mf_fail(err, MF_EAUTH, 0,
			"the directory went back from version %llu to %llu; it is not believed",
			(unsigned long long)seen->seqnum, (unsigned long long)got->seqnum);
	if (got->seqnum == seen->seqnum && memcmp(got->root, seen->root, sizeof(got->root)) != 0)
		return mf_fail(err, MF_EAUTH, 0,
			"version %llu of the directory is another than the one seen before; it is not believed",
			(unsigned long long)got->seqnum);
	return MF_OK;
}

/* A participant whose directory was exchanged is read afresh. */
static void
refresh_targets(struct mf_poll *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const mf_child *c = mf_listing_find(&p->people, mf_strz(p->target[i].name));
		mf_dirread dir;
		if (c != NULL && mf_dirread_parse(c->ro, &dir, NULL) == MF_OK &&
			strcmp(dir.text, p->target[i].dir.text) != 0) {
			p->target[i].dir = dir;
			p->target[i].use_known = false;
			p->target[i].seen = (mf_dirver){0};
		}
	}
}

static void
read_target(struct mf_grid *grid, struct target *t, const mf_cancel *cancel)
{
	mf_code rc = grid->ops->list(
		grid, &t->dir, t->use_known ? &t->known : NULL, &t->unchanged, &t->listing, cancel, &t->err);

	if (rc == MF_OK && !t->unchanged)
		rc = check_version(&t->seen, &t->listing.version, &t->err);
	if (rc == MF_OK)
		t->err = (mf_err){0};
}

static mf_code
poll_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct mf_poll *p = (struct mf_poll *)t;
	struct mf_grid *grid = t->f->grid;
	mf_code rc = grid->ops->list(grid, &p->collective, p->use_known ? &p->known_collective : NULL,
		&p->collective_unchanged, &p->people, cancel, &t->err);

	if (rc == MF_OK && !p->collective_unchanged)
		rc = check_version(&p->seen_collective, &p->people.version, &t->err);
	if (rc == MF_OK && !p->collective_unchanged)
		rc = check_metadata(t->f, &p->people, cancel, &t->err);
	if (rc == MF_OK && !p->collective_unchanged) {
		refresh_targets(p);
		add_newcomers(p);
	}
	if (rc != MF_EUNSUPPORTED && rc != MF_EFORMAT)
		for (size_t i = 0; i < p->n && !mf_canceled(cancel); i++)
			if (p->target[i].err.code == MF_OK)
				read_target(grid, &p->target[i], cancel);
	if (p->want_self && rc != MF_EUNSUPPORTED) {
		struct target *s = target_add(p, MF_STR(""), &p->self);
		s->is_self = true;
		s->seen = p->seen_self;
		read_target(grid, s, cancel);
	}
	return rc;
}

/* ---- loop ------------------------------------------------------------------------------------------------- */

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
	if (t->listing.version.seqnum < peer->seen.seqnum)
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
		struct target *t = target_add(p, mf_strz(q->name), &q->dir);
		t->known = q->version;
		t->seen = q->seen;
		t->use_known = q->read_once && !q->again;
	}
	p->task.pool = MF_POOL_TRANSFER;
	p->task.work = poll_work;
	p->task.done = poll_done;
	f->poll = p;
	mf_task_start(f, &p->task);
}
