/* Linking snapshots into our Personal directory, in batches (design 2.7). */
#include "sync/settle/resolve.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MS = 250, LATEST_MS = 1000, RETRY_MAX_S = 60, FEW_SETTLING = 8, BUSY_TRIES = 3, REST_MS = 10000 };
/* A new version of a large directory is much work for us and for everybody who reads it: one eighth of the time goes into
 * it at most, but a few saves now and then need not wait for each other. */
enum { SPACING = 8, CREDIT_MS = 2000 };

struct update {
	struct mf_task task;
	struct mf_path **path;
	mf_link *link;
	char **name, **cap;
	size_t n;
	const char *state_path;
	mf_dirver version;
	uint64_t began_ms;
};

/* ---- one entry name, one path -------------------------------------------------------------------------- */

static mf_code
odd_each(void *arg, const char *relpath)
{
	struct mf_folder *f = arg;
	mf_buf plain = {0}, entry = {0};

	mf_mangle(mf_strz(relpath), &plain);
	if (mf_relpath_entry(mf_strz(relpath), &entry, NULL) == MF_OK &&
		!mf_str_eq(mf_buf_str(&plain), mf_buf_str(&entry)))
		mf_odd_note(f, relpath, mf_buf_str(&entry));
	mf_buf_free(&plain);
	mf_buf_free(&entry);
	return MF_OK;
}

void
mf_odd_note(struct mf_folder *f, const char *relpath, mf_str entry)
{
	mf_pairs_add(&f->odd, f->hash_key, entry, mf_strz(relpath));
}

static bool
published_by_us(struct mf_folder *f, const char *relpath)
{
	mf_head_row *rows = NULL;
	size_t n = 0;
	bool found = false;

	if (mf_state_head_get(f->state, relpath, &rows, &n, NULL) != MF_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		found |= rows[i].participant[0] == '\0';
	mf_heads_free(rows, n);
	return found;
}

/* Two local names that are one entry name: the published one keeps it, else the NFC one (design 2.5.10). */
static mf_code
check_entry(struct mf_folder *f, struct mf_path *p, mf_str entry, mf_err *err)
{
	mf_buf plain = {0}, normal = {0};
	mf_stat st = {0};
	mf_code rc = MF_OK;

	if (!f->odd_loaded) {
		f->odd_loaded = true;
		(void)mf_state_head_not_ascii(f->state, odd_each, f, NULL);
	}
	const mf_pair *o = mf_pairs_first(&f->odd, f->hash_key, entry);
	for (; rc == MF_OK && o != NULL; o = mf_pairs_next(o))
		if (strcmp(o->value, p->relpath) != 0)
			rc = mf_fail(err, MF_EEXIST, 0, "%s cannot be synced: on the grid its name is that of %s",
				p->relpath, o->value);
	mf_mangle(mf_strz(p->relpath), &plain);
	if (rc == MF_OK && !mf_str_eq(mf_buf_str(&plain), entry) && !published_by_us(f, p->relpath)) {
		rc = mf_nfc(mf_strz(p->relpath), &normal, err);
		if (rc == MF_OK &&
			(published_by_us(f, (char *)normal.p) ||
				(MF_OPS(f)->stat(f->root, (char *)normal.p, &st, NULL) == MF_OK &&
					st.kind == MF_KIND_FILE)))
			rc = mf_fail(err, MF_EEXIST, 0, "%s cannot be synced: on the grid its name is that of %s",
				p->relpath, (char *)normal.p);
		if (rc == MF_OK)
			mf_odd_note(f, p->relpath, entry);
	}
	mf_buf_free(&plain);
	mf_buf_free(&normal);
	return rc;
}

/* ---- the batch ---------------------------------------------------------------------------------------------- */

void
mf_link_put_in(struct mf_folder *f, struct mf_path *p)
{
	if (f->n_batch == f->cap_batch) {
		f->cap_batch = f->cap_batch == 0 ? 64 : f->cap_batch * 2;
		f->batch = mf_realloc_array(f->batch, f->cap_batch, sizeof(*f->batch));
	}
	if (f->n_batch == 0)
		f->batch_since_ms = mf_now_ms(f);
	p->stage = MF_ST_LINKING;
	f->batch[f->n_batch++] = p;
}

bool
mf_link_take_out(struct mf_folder *f, struct mf_path *p)
{
	for (size_t i = 0; i < f->n_batch; i++) {
		if (f->batch[i] != p)
			continue;
		f->n_batch--;
		memmove(f->batch + i, f->batch + i + 1, (f->n_batch - i) * sizeof(*f->batch));
		return true;
	}
	return false;
}

void
mf_link_add(struct mf_folder *f, struct mf_path *p, const mf_immdir *cap)
{
	mf_buf entry = {0};
	mf_err err = {0};
	mf_code rc = mf_relpath_entry(mf_strz(p->relpath), &entry, &err);

	if (rc == MF_OK)
		rc = check_entry(f, p, mf_buf_str(&entry), &err);
	mf_buf_free(&entry);
	if (rc != MF_OK) {
		mf_path_fail(f, p, &err);
		return;
	}
	p->linking = *cap;
	p->linked = false;
	mf_link_put_in(f, p);
}

bool
mf_pipeline_empty(const struct mf_folder *f)
{
	return f->n_looking == 0 && f->q_head == NULL && f->later == NULL && f->n_settling <= FEW_SETTLING &&
		f->n_downloading == 0 && f->n_staged == 0 && f->n_intended == 0 && !f->replacing && !f->syncing &&
		!f->scan_walking;
}

/* What updates have cost, and time has not paid yet. */
static uint64_t
debt_ms(const struct mf_folder *f, uint64_t now)
{
	uint64_t since = now - f->last_update_end_ms;

	return f->update_debt_ms > since ? f->update_debt_ms - since : 0;
}

/* Milliseconds until the batch may go; 0 = now. */
static uint64_t
wait_ms(struct mf_folder *f, uint64_t now)
{
	uint64_t waited = now - f->batch_since_ms, debt = debt_ms(f, now);

	if (waited >= LATEST_MS)
		return 0;
	if (debt > CREDIT_MS)
		return debt - CREDIT_MS < LATEST_MS - waited ? debt - CREDIT_MS : LATEST_MS - waited;
	if (mf_pipeline_empty(f) || waited >= BATCH_MS)
		return 0;
	return BATCH_MS - waited;
}

static mf_code
update_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct update *u = (struct update *)t;

	/* W3: our own directory is never ahead of the database */
	mf_code rc = MF_OPS(t->f)->db_sync(t->f->env, u->state_path, &t->err);
	if (rc != MF_OK)
		return rc;
	return t->f->grid->ops->update(t->f->grid, &t->f->conf.personal, u->link, u->n, &u->version, cancel, &t->err);
}

static void
update_free(struct update *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->name[i]);
		free(u->cap[i]);
	}
	free(u->name);
	free(u->cap);
	free(u->link);
	free(u->path);
	free(u);
}

/* The batch as it was, in front of what came meanwhile; its outcome is unknown, so nothing in it is planned. */
static void
put_back(struct mf_folder *f, struct update *u)
{
	size_t n = f->n_batch + u->n;

	if (n > f->cap_batch) {
		f->cap_batch = n;
		f->batch = mf_realloc_array(f->batch, n, sizeof(*f->batch));
	}
	memmove(f->batch + u->n, f->batch, f->n_batch * sizeof(*f->batch));
	memcpy(f->batch, u->path, u->n * sizeof(*f->batch));
	f->n_batch = n;
}

/* Is it this update that the grid will not have, now and later? */
static bool
is_refusal(mf_code code)
{
	return code == MF_EINVAL || code == MF_EFORMAT || code == MF_EUNSUPPORTED || code == MF_EEXIST;
}

/* One link may spoil it for all: half of them are tried, down to the one that is to blame.  When two
 * in a row are, it is not the links. */
static bool
divide(struct mf_folder *f, struct update *u)
{
	if (!is_refusal(u->task.err.code) || (u->n == 1 && f->blamed != 0 && f->blamed != u->path[0]->hash))
		return false;
	f->batch_retry_ms = 0;
	if (u->n > 1) {
		put_back(f, u);
		f->batch_max = u->n / 2;
		return true;
	}
	f->blamed = u->path[0]->hash;
	u->path[0]->stage = MF_ST_IDLE;
	mf_path_fail(f, u->path[0], &u->task.err);
	return true;
}

/* Somebody has written to our directory: another device with a copy of our configuration, or we ourselves, and the
 * answer was lost.  Nothing goes over what was not seen: it is read first, and the batch waits. */
static void
look_first(struct mf_folder *f, struct update *u)
{
	struct mf_peer *self = mf_peer_find(f, "");

	put_back(f, u);
	if (f->link_tries > 0) /* whatever it was, the grid has answered now */
		mf_trouble_over(f, MF_TR_LINK);
	f->link_tries = 0;
	f->batch_retry_ms = 0;
	f->self_read = false;
	if (self != NULL)
		self->read_once = false;
	mf_poll_start(f);
}

void
mf_link_replan(struct mf_folder *f)
{
	if (f->linking)
		return; /* put back what it held before it was started */
	f->link_round += f->self_read;
	for (size_t i = 0; i < f->n_batch; i++) {
		struct mf_path *p = f->batch[i];
		if (!f->self_read) {
			mf_path_give_up_waiting(f, p); /* it may take for ever */
			continue;
		}
		p->stage = MF_ST_IDLE;
		mf_path_look(f, p, 0);
	}
	if (f->self_read)
		f->n_batch = 0;
}

void
mf_link_turn(struct mf_folder *f)
{
	const struct mf_peer *self = mf_peer_find(f, "");

	if (f->version_due && self != NULL)
		(void)mf_state_dirver_put(f->state, "", &self->seen, NULL);
	f->version_due = false;
}

static void
note_version(struct mf_folder *f, const mf_dirver *version)
{
	struct mf_peer *self = mf_peer_find(f, "");

	if (self == NULL)
		return;
	self->version = *version;
	if (version->seqnum > self->seen.seqnum)
		self->seen = *version;
	f->version_due = true;
}

static void
update_failed(struct mf_folder *f, struct update *u)
{
	uint64_t s = f->link_tries > 6 ? RETRY_MAX_S : (uint64_t)1 << f->link_tries;
	char text[256];

	f->link_tries++;
	mf_doubt_grid(f);
	put_back(f, u);
	(void)snprintf(text, sizeof(text), "our directory cannot be updated: %s", u->task.err.text);
	if (u->task.err.code != MF_EBUSY || f->link_tries > BUSY_TRIES)
		mf_trouble(f, MF_TR_LINK, text);
	/* waiters are not kept for something that may take for ever */
	for (size_t i = 0; i < f->n_batch; i++) {
		mf_path_give_up_waiting(f, f->batch[i]);
		mf_choice_fail(f, f->batch[i]->relpath, &u->task.err);
		if (f->batch[i]->need_look)
			mf_path_ready(f, f->batch[i]); /* saved once more meanwhile (stash.h) */
	}
	f->batch_retry_ms = mf_now_ms(f) + s * 1000;
	MF_OPS(f)->timer_start(f->batch_timer, s * 1000);
	mf_waiters_check(f);
}

static void
update_done(struct mf_task *t)
{
	struct update *u = (struct update *)t;
	struct mf_folder *f = t->f;

	f->linking = false;
	if (f->closing) {
		update_free(u);
		return;
	}
	uint64_t now = mf_now_ms(f);
	f->update_debt_ms = debt_ms(f, now) + (now - u->began_ms) * SPACING;
	if (f->update_debt_ms > CREDIT_MS + LATEST_MS) /* a burst is forgotten soon after */
		f->update_debt_ms = CREDIT_MS + LATEST_MS;
	f->last_update_end_ms = now;
	MF_OPS(f)->timer_start(f->rest_timer, REST_MS);
	if (t->err.code == MF_ECHANGED) {
		look_first(f, u);
		update_free(u);
		return;
	}
	if (t->err.code != MF_OK) {
		if (divide(f, u))
			mf_link_kick(f);
		else
			update_failed(f, u);
		update_free(u);
		return;
	}
	if (f->link_tries > 0) {
		mf_trouble_over(f, MF_TR_LINK);
		mf_paths_retry(f, false);
	}
	f->link_tries = 0;
	f->batch_retry_ms = 0;
	f->blamed = 0;
	f->batch_max = f->n_batch == 0 ? 0 : f->batch_max * 2;
	note_version(f, &u->version);
	for (size_t i = 0; i < u->n; i++) {
		u->path[i]->linked = true;
		mf_path_ready(f, u->path[i]);
	}
	update_free(u);
	mf_link_kick(f);
}

/* One half of a rename does not go without the other. @return how many may go: the first ones. */
static size_t
put_halves_last(struct mf_folder *f)
{
	size_t n = f->n_batch;

	for (size_t i = 0; i < n;) {
		struct mf_path *p = f->batch[i];
		if (!mf_half_is_coming(f, p)) {
			i++;
			continue;
		}
		f->batch[i] = f->batch[--n];
		f->batch[n] = p;
	}
	return n;
}

void
mf_link_kick(struct mf_folder *f)
{
	uint64_t now = mf_now_ms(f);

	if (f->closing || f->in_turn || f->linking || f->n_batch == 0 || f->set.paused || !f->self_read)
		return;
	uint64_t wait = f->batch_retry_ms > now ? f->batch_retry_ms - now : wait_ms(f, now);
	if (wait > 0) {
		MF_OPS(f)->timer_start(f->batch_timer, wait);
		return;
	}
	size_t n = put_halves_last(f);
	if (n == 0)
		return; /* the other half's turn comes here again */
	const struct mf_peer *self = mf_peer_find(f, "");
	struct update *u = mf_alloc(sizeof(*u));
	u->n = f->batch_max > 0 && f->batch_max < n ? f->batch_max : n;
	if (self != NULL)
		u->version = self->version;
	u->path = mf_alloc(u->n * sizeof(struct mf_path *));
	u->link = mf_alloc(u->n * sizeof(mf_link));
	u->name = mf_alloc(u->n * sizeof(char *));
	u->cap = mf_alloc(u->n * sizeof(char *));
	for (size_t i = 0; i < u->n; i++) {
		mf_buf entry = {0};
		u->path[i] = f->batch[i];
		(void)mf_relpath_entry(mf_strz(f->batch[i]->relpath), &entry, NULL);
		u->name[i] = (char *)entry.p;
		u->cap[i] = mf_strdup(mf_strz(f->batch[i]->linking.text));
		u->link[i] = (mf_link){.name = mf_buf_str(&entry), .cap = mf_strz(u->cap[i]), .how = MF_LINK_REPLACE};
	}
	f->n_batch -= u->n;
	memmove(f->batch, f->batch + u->n, f->n_batch * sizeof(*f->batch));
	u->state_path = mf_state_path(f->state);
	u->began_ms = now;
	u->task.pool = MF_POOL_TRANSFER;
	u->task.work = update_work;
	u->task.done = update_done;
	f->linking = true;
	mf_task_start(f, &u->task);
}
