/* Paths under work: the table, the queue, rest and failure. */
#include "sync/local/names.h"
#include "sync/settle/resolve.h"

#include <malloc.h>
#include <stdlib.h>

enum { SHRINK_FROM = 1024 }; /* slots of the table */

static struct mf_path **
slot_of(struct mf_folder *f, uint64_t hash, const char *relpath)
{
	struct mf_path **link = &f->table[hash & (f->cap_table - 1)];

	while (*link != NULL && ((*link)->hash != hash || strcmp((*link)->relpath, relpath) != 0))
		link = &(*link)->chain;
	return link;
}

static void
grow(struct mf_folder *f)
{
	size_t cap = f->cap_table == 0 ? 256 : f->cap_table * 2;
	struct mf_path **table = mf_alloc(cap * sizeof(struct mf_path *));

	for (size_t i = 0; i < f->cap_table; i++) {
		for (struct mf_path *p = f->table[i], *next; p != NULL; p = next) {
			next = p->chain;
			p->chain = table[p->hash & (cap - 1)];
			table[p->hash & (cap - 1)] = p;
		}
	}
	free(f->table);
	f->table = table;
	f->cap_table = cap;
}

struct mf_path *
mf_path_find(struct mf_folder *f, const char *relpath)
{
	if (f->cap_table == 0)
		return NULL;
	return *slot_of(f, mf_hash_keyed(f->hash_key, relpath, strlen(relpath)), relpath);
}

struct mf_path *
mf_path_need(struct mf_folder *f, const char *relpath)
{
	struct mf_path *p = mf_path_find(f, relpath);

	if (p != NULL)
		return p;
	if (f->n_paths >= f->cap_table)
		grow(f);
	p = mf_alloc(sizeof(*p));
	p->relpath = mf_strdup(mf_strz(relpath));
	p->hash = mf_hash_keyed(f->hash_key, relpath, strlen(relpath));
	p->chain = f->table[p->hash & (f->cap_table - 1)];
	f->table[p->hash & (f->cap_table - 1)] = p;
	f->n_paths++;
	return p;
}

bool
mf_path_known(struct mf_folder *f, const char *relpath)
{
	mf_path_row row;
	bool known = mf_state_path_get(f->state, relpath, &row, NULL) == MF_OK &&
		(row.state.present || (row.has_base && !row.base_deleted));

	mf_path_row_clear(&row);
	return known;
}

enum mf_name_kind
mf_name_of(struct mf_folder *f, const char *relpath)
{
	enum mf_name_kind kind = mf_name_kind(mf_relpath_base(mf_strz(relpath)));

	if (kind != MF_NAME_PLAIN && (mf_marker_owner(f, relpath) != NULL || mf_path_known(f, relpath)))
		return MF_NAME_PLAIN;
	return kind;
}

static void
settling_leave(struct mf_folder *f, struct mf_path *p)
{
	if (!p->settling)
		return;
	if (p->s_prev != NULL)
		p->s_prev->s_next = p->s_next;
	else
		f->settling = p->s_next;
	if (p->s_next != NULL)
		p->s_next->s_prev = p->s_prev;
	p->s_prev = p->s_next = NULL;
	p->settling = false;
	f->n_settling--;
}

static void
marks_free(struct mf_path *p)
{
	for (size_t i = 0; i < p->n_mark; i++)
		free(p->mark[i].path);
	free(p->mark);
	p->mark = NULL;
	p->n_mark = 0;
}

static void
path_free(struct mf_folder *f, struct mf_path *p)
{
	struct mf_path **link = slot_of(f, p->hash, p->relpath);

	*link = p->chain;
	f->n_paths--;
	mf_path_absent(f, p, false);
	settling_leave(f, p);
	marks_free(p);
	mf_apply_drop(p);
	mf_snap_row_free(p->made);
	free(p->want_parents);
	free(p->half);
	free(p->relpath);
	free(p);
}

void
mf_paths_free(struct mf_folder *f)
{
	for (size_t i = 0; i < f->cap_table; i++)
		while (f->table[i] != NULL)
			path_free(f, f->table[i]);
	free(f->table);
	f->table = NULL;
	f->cap_table = 0;
}

void
mf_paths_unpark(struct mf_folder *f)
{
	f->parked = false;
	for (size_t i = 0; i < f->cap_table; i++)
		for (struct mf_path *p = f->table[i]; p != NULL; p = p->chain)
			if (p->stage == MF_ST_IDLE && !p->queued && !p->settling)
				mf_path_look(f, p, 0);
}

/* A scan does not find them: what waits in the stash is what lies on the disk. */
void
mf_paths_retry(struct mf_folder *f, bool scan)
{
	for (size_t i = 0; i < f->cap_table; i++)
		for (struct mf_path *p = f->table[i]; p != NULL; p = p->chain) {
			if (!p->grid_failed || !p->failed || !p->settling || p->due_ms != p->retry_ms)
				continue;
			if (scan && !p->scan_mark) {
				p->scan_mark = true;
				f->scan_marked++;
			}
			p->due_ms = 0;
			mf_path_look(f, p, 0);
		}
}

void
mf_paths_shrink(struct mf_folder *f)
{
	if (f->n_paths > 0 || f->cap_table < SHRINK_FROM)
		return;
	mf_paths_free(f);
	(void)malloc_trim(0);
}

void
mf_path_ready(struct mf_folder *f, struct mf_path *p)
{
	settling_leave(f, p);
	p->rests = false;
	if (p->queued || f->closing)
		return;
	p->queued = true;
	p->q_next = NULL;
	*f->q_tail = p;
	f->q_tail = &p->q_next;
	mf_turn_arm(f, 0);
}

void
mf_path_look(struct mf_folder *f, struct mf_path *p, uint64_t delay_ms)
{
	p->need_look = true;
	p->rests = false;
	if (delay_ms == 0) {
		mf_path_ready(f, p);
		return;
	}
	p->due_ms = mf_now_ms(f) + delay_ms;
	if (p->queued)
		return; /* its step sees due_ms */
	if (!p->settling) {
		p->settling = true;
		p->s_prev = NULL;
		p->s_next = f->settling;
		if (f->settling != NULL)
			f->settling->s_prev = p;
		f->settling = p;
		f->n_settling++;
	}
	mf_settle_arm(f, p->due_ms);
}

/* Only ever earlier: a stream of events must not push the timer before itself. */
void
mf_settle_arm(struct mf_folder *f, uint64_t at_ms)
{
	uint64_t now = mf_now_ms(f);

	if (f->settle_at_ms != 0 && f->settle_at_ms <= at_ms)
		return;
	f->settle_at_ms = at_ms;
	MF_OPS(f)->timer_start(f->settle_timer, at_ms > now ? at_ms - now : 0);
}

/* 1, 2, 4 ... 60 seconds. */
static uint64_t
backoff_ms(unsigned tries)
{
	uint64_t s = tries > 6 ? 60 : (uint64_t)1 << (tries == 0 ? 0 : tries - 1);

	return (s > 60 ? 60 : s) * 1000;
}

void
mf_path_unmark_scan(struct mf_folder *f, struct mf_path *p)
{
	if (!p->scan_mark)
		return;
	p->scan_mark = false;
	f->scan_marked--;
}

void
mf_path_give_up_waiting(struct mf_folder *f, struct mf_path *p)
{
	if (!p->scan_mark && !p->poll_mark)
		return;
	mf_path_unmark_scan(f, p);
	if (p->poll_mark) {
		p->poll_mark = false;
		f->poll_marked--;
	}
	mf_turn_arm(f, 0); /* its end answers whoever waited for this path alone */
}

void
mf_path_fail(struct mf_folder *f, struct mf_path *p, const mf_err *err)
{
	p->stage = MF_ST_IDLE;
	p->seen.valid = false;
	mf_apply_drop(p);
	if (err->code == MF_ECANCELED) { /* asked to stop, when the folder was paused: no failure */
		mf_path_look(f, p, 0);
		return;
	}
	p->tries++;
	p->failed = true;
	mf_choice_fail(f, p->relpath, err);
	mf_report(f, p->relpath, err->text);
	mf_path_give_up_waiting(f, p);
	mf_path_look(f, p, backoff_ms(p->tries));
	p->retry_ms = p->due_ms;
}

void
mf_path_uploading(struct mf_folder *f, struct mf_path *p, bool on)
{
	if (p->uploading == on)
		return;
	p->uploading = on;
	f->n_up += on ? 1 : (size_t)-1;
	mf_tell(f, on ? MF_EV_UPLOAD_QUEUED : MF_EV_UPLOAD_FINISHED, p->relpath, NULL);
	if (on)
		mf_tell(f, MF_EV_UPLOAD_STARTED, p->relpath, NULL);
}

void
mf_path_downloading(struct mf_folder *f, struct mf_path *p, bool on)
{
	if (p->downloading == on)
		return;
	p->downloading = on;
	f->n_down += on ? 1 : (size_t)-1;
	mf_tell(f, on ? MF_EV_DOWNLOAD_QUEUED : MF_EV_DOWNLOAD_FINISHED, p->relpath, NULL);
	if (on)
		mf_tell(f, MF_EV_DOWNLOAD_STARTED, p->relpath, NULL);
}

void
mf_path_rest(struct mf_folder *f, struct mf_path *p)
{
	mf_path_uploading(f, p, false);
	mf_path_downloading(f, p, false);
	if (p->failed)
		mf_report_clear(f, p->relpath);
	p->failed = false;
	p->tries = 0;
	p->first_event_ms = 0;
	p->unsettled = 0;
	mf_path_absent(f, p, false);
	p->has_size = false;
	p->held = 0;
	free(p->half);
	p->half = NULL;
	mf_path_give_up_waiting(f, p);
	if (p->queued || p->settling || p->stage != MF_ST_IDLE || p->need_look)
		return;
	if (p->apply != NULL && p->apply->recorded) {
		p->rests = true; /* the turn's commit lets it go */
		return;
	}
	for (size_t i = 0; i < f->n_turn_paths;) /* it may have been stepped more than once */
		if (f->turn_paths[i] == p)
			f->turn_paths[i] = f->turn_paths[--f->n_turn_paths];
		else
			i++;
	path_free(f, p);
}

bool
mf_path_ignored(const char *relpath)
{
	return mf_is_tmp_name(mf_relpath_base(mf_strz(relpath)));
}

/* ---- small things ------------------------------------------------------------------------------------- */

mf_snap_row *
mf_snap_row_dup(const mf_snap_row *r)
{
	mf_snap_row *d = mf_alloc(sizeof(*d));

	*d = *r;
	d->relpath = r->relpath == NULL ? NULL : mf_strdup(mf_strz(r->relpath));
	d->author = r->author == NULL ? NULL : mf_strdup(mf_strz(r->author));
	d->parents = r->n_parents == 0 ? NULL : mf_realloc_array(NULL, r->n_parents, sizeof(*r->parents));
	if (r->n_parents > 0)
		memcpy(d->parents, r->parents, r->n_parents * sizeof(*r->parents));
	return d;
}

void
mf_snap_row_free(mf_snap_row *r)
{
	if (r == NULL)
		return;
	mf_snap_row_clear(r);
	free(r);
}

/* ---- settling ------------------------------------------------------------------------------------------ */

void
mf_settle_run(void *arg)
{
	struct mf_folder *f = arg;
	uint64_t now = mf_now_ms(f), next = UINT64_MAX;

	f->settle_at_ms = 0;
	if (f->closing)
		return;
	for (struct mf_path *p = f->settling, *after; p != NULL; p = after) {
		after = p->s_next;
		if (p->due_ms <= now)
			mf_path_ready(f, p);
		else if (p->due_ms < next)
			next = p->due_ms;
	}
	if (next != UINT64_MAX)
		mf_settle_arm(f, next - now < 5 ? now + 5 : next);
}
