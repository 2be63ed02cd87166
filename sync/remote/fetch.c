/* Snapshots on their way into the index: fetched once, verified, and taken in only with their complete
 * ancestry (a hole in it would look like "no ancestor", fault B41). */
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>

enum { AT_ONCE = 128, HEADS_PER_TURN = 256, HEADS_AHEAD = 2048, WAITING_MAX = 200000 };

/* A directory entry that shows a snapshot; or, without a participant, a path (in `entry`) that cannot be planned
 * without it. */
struct mf_head_todo {
	struct mf_head_todo *next;
	char *participant, *entry, *cap;
};

struct mf_fetch {
	struct mf_task task;
	struct mf_fetch *chain;  /* hash table */
	struct mf_fetch *q_next; /* queue, then the list of arrived ones */
	mf_immdir cap;
	mf_snap_row row;
	bool arrived;
	mf_err failed;           /* code MF_OK: good */
	size_t missing;          /* parents not in the index yet */
	struct mf_fetch **child; /* wait for this one */
	size_t n_child;
	struct mf_head_todo *heads; /* directory entries that show it */
};

/* ---- table ---------------------------------------------------------------------------------------------- */

static struct mf_fetch **
slot_of(struct mf_folder *f, const char *cap)
{
	struct mf_fetch **link = &f->fetch[mf_hash_keyed(f->hash_key, cap, strlen(cap)) & (f->cap_fetch - 1)];

	while (*link != NULL && strcmp((*link)->cap.text, cap) != 0)
		link = &(*link)->chain;
	return link;
}

static void
todo_free(struct mf_head_todo *h)
{
	free(h->participant);
	free(h->entry);
	free(h->cap);
	free(h);
}

static void
fetch_free(struct mf_fetch *x)
{
	while (x->heads != NULL) {
		struct mf_head_todo *h = x->heads;
		x->heads = h->next;
		todo_free(h);
	}
	mf_snap_row_clear(&x->row);
	free(x->child);
	free(x);
}

void
mf_fetch_free(struct mf_folder *f)
{
	for (size_t i = 0; i < f->cap_fetch; i++) {
		while (f->fetch[i] != NULL) {
			struct mf_fetch *x = f->fetch[i];
			f->fetch[i] = x->chain;
			fetch_free(x);
		}
	}
	free(f->fetch);
	f->fetch = NULL;
	while (f->heads_todo != NULL) {
		struct mf_head_todo *h = f->heads_todo;
		f->heads_todo = h->next;
		todo_free(h);
	}
	f->cap_fetch = f->n_fetch = 0;
}

bool
mf_fetch_has_room(const struct mf_folder *f)
{
	return f->heads_todo != NULL && f->n_fetch < HEADS_AHEAD;
}

bool
mf_fetch_idle(const struct mf_folder *f)
{
	return f->n_fetch == 0 && f->heads_todo == NULL;
}

/* ---- worker ----------------------------------------------------------------------------------------------- */

static mf_code
take_doc(void *arg, const void *p, size_t n, mf_err *err)
{
	mf_buf *b = arg;

	if (b->n + n > MF_SNAPSHOT_DOC_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "the snapshot's document is too large");
	mf_buf_add(b, p, n);
	return MF_OK;
}

static void
row_of_snapshot(mf_snap_row *r, mf_snapshot *s)
{
	r->relpath = s->relpath;
	r->author = s->author;
	memcpy(r->author_key, s->author_key, sizeof(r->author_key));
	r->deletion = s->deletion;
	r->content = s->content;
	r->metadata_cap = s->metadata_cap;
	r->size = s->deletion ? 0 : mf_filecap_size(&s->content);
	r->has_sha = s->has_sha;
	r->ours_mark = mf_snapshot_is_ours(s);
	memcpy(r->sha, s->sha, sizeof(r->sha));
	r->has_executable = s->has_executable;
	r->executable = s->executable;
	r->mtime_s = s->mtime_s;
	r->parents = s->parents;
	r->n_parents = s->n_parents;
	s->relpath = s->author = NULL;
	s->parents = NULL;
	s->n_parents = 0;
}

static mf_code
fetch_one(struct mf_folder *f, struct mf_fetch *x, const mf_cancel *cancel, mf_err *err)
{
	struct mf_grid *grid = f->grid;
	mf_listing dir = {0};
	mf_snapshot s = {0};
	mf_buf doc = {0};
	mf_dirread read;
	uint8_t signature[64];
	bool unchanged = false;

	if (mf_immdir_size(&x->cap) > MF_SNAPSHOT_DOC_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "the snapshot's directory is too large");
	mf_immdir_read(&x->cap, &read);
	mf_code rc = grid->ops->list(grid, &read, NULL, &unchanged, &dir, cancel, err);
	if (rc == MF_OK)
		rc = mf_snapshot_dir(&dir, &s, signature, err);
	if (rc == MF_OK && mf_filecap_size(&s.metadata_cap) > MF_SNAPSHOT_DOC_MAX)
		rc = mf_fail(err, MF_EFORMAT, 0, "the snapshot's document is too large");
	if (rc == MF_OK)
		rc = grid->ops->get(grid, &s.metadata_cap, 0, MF_SNAPSHOT_DOC_MAX, take_doc, &doc, cancel, err);
	if (rc == MF_OK)
		rc = mf_snapshot_verify(&s, mf_buf_str(&doc), signature, err);
	if (rc == MF_OK) {
		row_of_snapshot(&x->row, &s);
		x->row.cap = x->cap;
		rc = mf_relpath_check(mf_strz(x->row.relpath), err);
	}
	mf_snapshot_clear(&s);
	mf_listing_free(&dir);
	mf_buf_free(&doc);
	return rc;
}

static mf_code
fetch_work(struct mf_task *t, const mf_cancel *cancel)
{
	return fetch_one(t->f, (struct mf_fetch *)t, cancel, &t->err);
}

/* ---- loop -------------------------------------------------------------------------------------------------- */

static void
fetch_done(struct mf_task *t)
{
	struct mf_fetch *x = (struct mf_fetch *)t;
	struct mf_folder *f = t->f;

	f->n_fetching--;
	x->failed = t->err;
	x->arrived = true;
	x->q_next = f->fetched;
	f->fetched = x;
	if (!f->closing)
		mf_turn_arm(f, 0);
}

static void
start_some(struct mf_folder *f)
{
	while (!f->set.paused && f->n_fetching < AT_ONCE && f->fetch_queue != NULL) {
		struct mf_fetch *x = f->fetch_queue;
		f->fetch_queue = x->q_next;
		if (f->fetch_queue == NULL)
			f->fetch_queue_tail = &f->fetch_queue;
		x->q_next = NULL;
		x->task.pool = MF_POOL_QUICK;
		x->task.work = fetch_work;
		x->task.done = fetch_done;
		f->n_fetching++;
		mf_task_start(f, &x->task);
	}
}

static void
grow(struct mf_folder *f)
{
	struct mf_fetch **old = f->fetch;
	size_t n = f->cap_fetch;

	f->cap_fetch = n == 0 ? 256 : n * 2;
	f->fetch = mf_alloc(f->cap_fetch * sizeof(struct mf_fetch *));
	for (size_t i = 0; i < n; i++) {
		for (struct mf_fetch *x = old[i], *next; x != NULL; x = next) {
			next = x->chain;
			x->chain = NULL;
			*slot_of(f, x->cap.text) = x;
		}
	}
	free(old);
}

static struct mf_fetch *
need(struct mf_folder *f, const char *cap)
{
	if (f->n_fetch >= f->cap_fetch)
		grow(f);
	struct mf_fetch **link = slot_of(f, cap);
	if (*link != NULL)
		return *link;
	struct mf_fetch *x = mf_alloc(sizeof(*x));
	(void)snprintf(x->cap.text, sizeof(x->cap.text), "%s", cap);
	*link = x;
	f->n_fetch++;
	*f->fetch_queue_tail = x;
	f->fetch_queue_tail = &x->q_next;
	return x;
}

void
mf_fetch_head(struct mf_folder *f, const char *participant, mf_str entry, mf_str cap)
{
	struct mf_head_todo *h = mf_alloc(sizeof(*h));

	h->participant = mf_strdup(mf_strz(participant));
	h->entry = mf_strdup(entry);
	h->cap = mf_strdup(cap);
	*f->heads_tail = h;
	f->heads_tail = &h->next;
}

void
mf_fetch_missing(struct mf_folder *f, const char *relpath, const char *cap)
{
	struct mf_head_todo *h = mf_alloc(sizeof(*h));

	h->entry = mf_strdup(mf_strz(relpath));
	h->cap = mf_strdup(mf_strz(cap));
	*f->heads_tail = h;
	f->heads_tail = &h->next;
}

static void
entry_report(struct mf_folder *f, const struct mf_head_todo *h, const mf_err *err)
{
	mf_report_peer(f, h->participant[0] == '\0' ? f->conf.author : h->participant, h->entry, err);
}

/* Will trying again help? */
static bool
is_passing(mf_code code)
{
	return code == MF_ENET || code == MF_EIO || code == MF_EBUSY || code == MF_ENOTFOUND || code == MF_EFULL ||
		code == MF_ECANCELED;
}

/* Nobody has the snapshot any more. */
static mf_code
do_without(struct mf_folder *f, struct mf_path *p, const char *cap, mf_err *err)
{
	mf_intent i;

	if (!p->has_intent || mf_state_intent_get(f->state, p->relpath, &i, NULL) != MF_OK ||
		strcmp(i.target.text, cap) != 0)
		return mf_state_pending_forget(f->state, p->relpath, err);
	/* what is on disk will be recognised by its content */
	mf_code rc = mf_state_intent_drop(f->state, p->relpath, err);
	p->has_intent = rc != MF_OK;
	return rc;
}

static void
missing_failed(struct mf_folder *f, const struct mf_head_todo *h, const mf_err *err)
{
	struct mf_path *p = mf_path_need(f, h->entry);
	mf_err why = *err;

	if (err->code == MF_ENOTFOUND || !is_passing(err->code)) {
		mf_code rc = do_without(f, p, h->cap, &why);
		if (rc == MF_OK && p->missing_tries++ == 0) {
			mf_path_look(f, p, 0);
			return;
		}
	}
	if (p->stage == MF_ST_IDLE)
		mf_path_fail(f, p, &why);
}

static void
head_failed(struct mf_folder *f, const struct mf_head_todo *h, const mf_err *err)
{
	if (h->participant == NULL) {
		missing_failed(f, h, err);
		return;
	}
	struct mf_peer *peer = mf_peer_find(f, h->participant);

	entry_report(f, h, err);
	if (peer == NULL)
		return;
	/* our own directory must not be held back for ever by one object that nobody has any more */
	peer->unread |= is_passing(err->code) && err->code != MF_ENOTFOUND;
	if (is_passing(err->code) && (h->participant[0] != '\0' || err->code != MF_ENOTFOUND))
		peer->again = true;
	else
		mf_peer_took(f, h->participant, mf_strz(h->entry), mf_strz(h->cap));
}

/* Somebody acknowledged what we have: with one more head equal to Base nothing is decided differently, and what the
 * disk has to say is the watcher's business. */
static bool
is_acknowledgement(struct mf_folder *f, const mf_snap_row *row)
{
	bool at_rest = false;

	return !f->conf.read_only && mf_path_find(f, row->relpath) == NULL &&
		mf_state_head_at_rest(f->state, row->relpath, row->cap.text, &at_rest, NULL) == MF_OK && at_rest;
}

/* The identity of a file is the signed relpath; the entry's name must agree with it (design 2.5.10).
 * @p fresh: the snapshot has just come, so nobody here has it. */
static void
head_known(struct mf_folder *f, const struct mf_head_todo *h, const mf_snap_row *row, bool fresh)
{
	mf_buf entry = {0};
	mf_err err = {0};
	bool admitted = false;

	if (h->participant == NULL) {
		mf_path_look(f, mf_path_need(f, h->entry), 0);
		return;
	}
	if (mf_peer_find(f, h->participant) == NULL)
		return; /* no participant any more */
	mf_code rc = mf_relpath_entry(mf_strz(row->relpath), &entry, &err);

	if (rc == MF_OK && !mf_str_eq(mf_buf_str(&entry), mf_strz(h->entry)))
		rc = mf_fail(&err, MF_EFORMAT, 0, "the entry's name is not that of the path which its snapshot names");
	if (rc == MF_OK && mf_path_ignored(row->relpath))
		rc = mf_fail(&err, MF_EFORMAT, 0, "the path is a name for temporary files of ours");
	if (rc == MF_OK)
		rc = mf_trust_admit(f, h->participant, mf_strz(h->entry), row, &admitted, &err);
	if (rc == MF_OK && admitted)
		rc = mf_state_head_put(f->state, h->participant, row->relpath, row->cap.text, &err);
	mf_buf_free(&entry);
	if (rc != MF_OK) {
		head_failed(f, h, &err);
		return;
	}
	mf_peer_took(f, h->participant, mf_strz(h->entry), mf_strz(h->cap));
	if (f->n_errors > 0)
		entry_report(f, h, NULL);
	if (!admitted)
		return;
	f->last_activity_ms = mf_now_ms(f);
	if (!fresh && is_acknowledgement(f, row))
		return;
	mf_path_later(f, row->relpath, MF_LATER_POLL, 0);
}

static void
look_up(struct mf_folder *f, struct mf_head_todo *h)
{
	mf_immdir cap;
	mf_snap_row row = {0};
	mf_err err = {0};
	mf_code rc = mf_immdir_parse(mf_strz(h->cap), &cap, &err);

	if (rc == MF_OK)
		rc = mf_state_snap_get(f->state, cap.text, &row, &err);
	if (rc == MF_OK) {
		head_known(f, h, &row, false);
		mf_snap_row_clear(&row);
		todo_free(h);
	} else if (rc == MF_ENOTFOUND && f->n_fetch < WAITING_MAX) {
		struct mf_fetch *x = need(f, cap.text);
		h->next = x->heads;
		x->heads = h;
	} else {
		head_failed(f, h, &err);
		todo_free(h);
	}
}

static void
leave_table(struct mf_folder *f, struct mf_fetch *x)
{
	struct mf_fetch **link = slot_of(f, x->cap.text);

	*link = x->chain;
	f->n_fetch--;
}

/* @p x is settled, well or badly: its heads, and whoever waited for it.  A worklist, not recursion: the
 * depth of a history comes from outside. */
static void
settle(struct mf_folder *f, struct mf_fetch *x)
{
	struct mf_fetch *work = x;

	x->q_next = NULL;
	while ((x = work) != NULL) {
		work = x->q_next;
		if (x->failed.code == MF_OK)
			(void)mf_state_snap_put(f->state, &x->row, &x->failed);
		for (struct mf_head_todo *h = x->heads; h != NULL; h = h->next) {
			if (x->failed.code == MF_OK)
				head_known(f, h, &x->row, true);
			else
				head_failed(f, h, &x->failed);
		}
		for (size_t i = 0; i < x->n_child; i++) {
			struct mf_fetch *c = x->child[i];
			if (x->failed.code != MF_OK && c->failed.code == MF_OK)
				(void)mf_fail(&c->failed, x->failed.code, 0, "an earlier version of it is bad: %s",
					x->failed.text);
			if (--c->missing == 0) {
				c->q_next = work;
				work = c;
			}
		}
		leave_table(f, x);
		fetch_free(x);
	}
}

static void
take_in(struct mf_folder *f, struct mf_fetch *x)
{
	for (size_t i = 0; x->failed.code == MF_OK && i < x->row.n_parents; i++) {
		bool has = false;
		mf_code rc = mf_state_snap_has(f->state, x->row.parents[i].text, &has, &x->failed);
		if (rc != MF_OK || has)
			continue;
		if (f->n_fetch >= WAITING_MAX) {
			(void)mf_fail(&x->failed, MF_EFORMAT, 0, "its history is longer than we take in");
			break;
		}
		struct mf_fetch *parent = need(f, x->row.parents[i].text);
		parent->child = mf_realloc_array(parent->child, parent->n_child + 1, sizeof(struct mf_fetch *));
		parent->child[parent->n_child++] = x;
		x->missing++;
	}
	if (x->missing == 0)
		settle(f, x);
}

void
mf_fetch_turn(struct mf_folder *f)
{
	struct mf_fetch *arrived = f->fetched;

	f->fetched = NULL;
	while (arrived != NULL) {
		struct mf_fetch *x = arrived;
		arrived = x->q_next;
		x->q_next = NULL;
		take_in(f, x);
	}
	for (unsigned i = 0; i < HEADS_PER_TURN && mf_fetch_has_room(f); i++) {
		struct mf_head_todo *h = f->heads_todo;
		f->heads_todo = h->next;
		if (f->heads_todo == NULL)
			f->heads_tail = &f->heads_todo;
		h->next = NULL;
		look_up(f, h);
	}
	start_some(f);
}
