/* Changes on disk as they happen: which path is to be looked at, and when it has settled (design 2.6). */
#include "sync/local/names.h"
#include "sync/local/rules.h"

#include <errno.h>
#include <stdlib.h>

enum { QUIET_MS = 200, CLOSED_MS = 50, STAGE_MS = 5000, RESTLESS_MS = 5000, STAGE_RESTLESS_MS = 30000 };

/* ---- the directories that have a watch ----------------------------------------------------------------- */

struct mf_dirset {
	char **dir; /* open-addressed by keyed hash */
	size_t n, cap;
};

static size_t
dir_slot(struct mf_folder *f, const char *dir)
{
	struct mf_dirset *s = f->dirs;
	size_t i = mf_hash_keyed(f->hash_key, dir, strlen(dir)) & (s->cap - 1);

	while (s->dir[i] != NULL && strcmp(s->dir[i], dir) != 0)
		i = (i + 1) & (s->cap - 1);
	return i;
}

static void
dirset_resize(struct mf_folder *f, size_t cap)
{
	struct mf_dirset *s = f->dirs;
	char **old = s->dir;
	size_t n = s->cap;

	s->dir = mf_alloc(cap * sizeof(char *));
	s->cap = cap;
	for (size_t i = 0; i < n; i++)
		if (old[i] != NULL)
			s->dir[dir_slot(f, old[i])] = old[i];
	free(old);
}

bool
mf_dirset_has(struct mf_folder *f, const char *dir)
{
	return f->dirs != NULL && f->dirs->dir[dir_slot(f, dir)] != NULL;
}

bool
mf_dirset_add(struct mf_folder *f, const char *dir)
{
	mf_err err = {0};

	if (f->dirs == NULL) {
		f->dirs = mf_alloc(sizeof(*f->dirs));
		dirset_resize(f, 64);
	}
	if (f->dirs->dir[dir_slot(f, dir)] != NULL || f->watch == NULL || f->root == NULL)
		return false;
	mf_code rc = MF_OPS(f)->watch_add(f->watch, f->root, dir, &err);
	if (rc == MF_EFULL) {
		f->watching = false;
		f->watch_short = true;
		mf_trouble(f, MF_TR_WATCH,
			err.sys == ENOSPC ? "the system's limit of watched directories is reached: changes in some are"
					    " only seen by the periodic scan; type:"
					    " sudo sysctl fs.inotify.max_user_watches=1048576"
					  : "the system's limit of watching programs is reached: changes are only"
					    " seen by the periodic scan; type:"
					    " sudo sysctl fs.inotify.max_user_instances=1024");
		return false;
	}
	if (rc != MF_OK)
		return false; /* gone again, or unreadable: the scan says so */
	if (f->dirs->n * 2 >= f->dirs->cap)
		dirset_resize(f, f->dirs->cap * 2);
	f->dirs->dir[dir_slot(f, dir)] = mf_strdup(mf_strz(dir));
	f->dirs->n++;
	return true;
}

static bool
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return n == 0 || (strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

void
mf_dirset_remove(struct mf_folder *f, const char *dir)
{
	size_t kept = 0;

	if (f->dirs == NULL)
		return;
	MF_OPS(f)->watch_remove(f->watch, dir, true);
	for (size_t i = 0; i < f->dirs->cap; i++) {
		if (f->dirs->dir[i] == NULL)
			continue;
		if (is_below(f->dirs->dir[i], dir)) {
			free(f->dirs->dir[i]);
			f->dirs->dir[i] = NULL;
		} else {
			kept++;
		}
	}
	f->dirs->n = kept;
	dirset_resize(f, f->dirs->cap); /* close the gaps */
}

/* One directory that had nothing below it any more. */
static void
dirset_remove_one(struct mf_folder *f, const char *dir)
{
	struct mf_dirset *s = f->dirs;

	if (s == NULL)
		return;
	MF_OPS(f)->watch_remove(f->watch, dir, false);
	size_t i = dir_slot(f, dir);
	if (s->dir[i] == NULL)
		return;
	free(s->dir[i]);
	s->dir[i] = NULL;
	s->n--;
	/* what follows in the run may have been pushed past this place */
	for (i = (i + 1) & (s->cap - 1); s->dir[i] != NULL; i = (i + 1) & (s->cap - 1)) {
		char *moved = s->dir[i];
		s->dir[i] = NULL;
		s->dir[dir_slot(f, moved)] = moved;
	}
}

void
mf_dirset_free(struct mf_folder *f)
{
	if (f->dirs == NULL)
		return;
	for (size_t i = 0; i < f->dirs->cap; i++)
		free(f->dirs->dir[i]);
	free(f->dirs->dir);
	free(f->dirs);
	f->dirs = NULL;
}

/* ---- events ------------------------------------------------------------------------------------------------- */

void
mf_unrest(struct mf_folder *f, const char *relpath, uint64_t delay_ms)
{
	const char *owner = mf_marker_owner(f, relpath);
	struct mf_path *p = mf_path_need(f, owner != NULL ? owner : relpath);
	uint64_t now = mf_now_ms(f);

	if (p->first_event_ms == 0)
		p->first_event_ms = now;
	uint64_t latest = p->first_event_ms + (delay_ms < STAGE_MS ? RESTLESS_MS : STAGE_RESTLESS_MS);
	if (latest <= now) {
		p->first_event_ms = now; /* looked at now, and again in five seconds at the latest */
		delay_ms = 1;
	} else if (now + delay_ms > latest) {
		delay_ms = latest - now;
	}
	f->last_activity_ms = now;
	mf_path_absent(f, p, false);
	mf_path_look(f, p, delay_ms);
}

/* The half second of a vanished name begins with its event. */
static mf_code
vanished(void *arg, const char *relpath)
{
	struct mf_folder *f = arg;

	mf_unrest(f, relpath, MF_VANISHED_MS);
	struct mf_path *p = mf_path_find(f, relpath);
	if (p != NULL)
		mf_path_absent(f, p, true);
	return MF_OK;
}

/* Files below a directory that went away and that no table knows yet: they are under work, and were seen before. */
static void
vanished_at_work(struct mf_folder *f, const char *dir)
{
	struct list l = {0};

	for (size_t i = 0; i < f->cap_table; i++)
		for (const struct mf_path *p = f->table[i]; p != NULL; p = p->chain)
			if (is_below(p->relpath, dir))
				mf_walk_add(&l, p->relpath);
	for (size_t i = 0; i < l.n; i++)
		(void)vanished(f, l.s[i]);
	mf_list_free(&l);
}

static void
note_writing(struct mf_folder *f, const char *relpath, enum mf_watch_what what)
{
	struct mf_path *p = mf_path_find(f, relpath);

	if (p == NULL)
		return; /* a marker */
	if (what == MF_WATCH_CREATED)
		p->writing = MF_WR_MADE;
	else if (what == MF_WATCH_MODIFIED)
		p->writing = MF_WR_OPEN;
	else if (what == MF_WATCH_CLOSED || what == MF_WATCH_MOVED_TO)
		p->writing = MF_WR_CLOSED;
}

static void
arrived(struct mf_folder *f, const char *relpath, const mf_watch_event *ev, uint64_t delay_ms)
{
	const char *from = mf_moved_to(f, ev->cookie);

	/* the new name waits for the old one: they are published together */
	if (from != NULL && mf_marker_owner(f, relpath) == NULL && mf_marker_owner(f, from) == NULL &&
		mf_moved_file(f, from, relpath))
		delay_ms = MF_VANISHED_MS;
	mf_unrest(f, relpath, delay_ms);
}

static void
on_file(struct mf_folder *f, const char *relpath, const mf_watch_event *ev)
{
	mf_err err = {0};

	if (mf_is_tmp_name(ev->name) || (mf_marker_owner(f, relpath) == NULL && mf_rules_hide(f, relpath)))
		return;
	bool gone = ev->what == MF_WATCH_DELETED || ev->what == MF_WATCH_MOVED_FROM;
	if (mf_relpath_check(mf_strz(relpath), &err) != MF_OK) {
		mf_report_name(f, relpath, gone ? NULL : &err);
		return;
	}
	if (mf_rules_file(relpath)) {
		char *dir = mf_strdup(ev->dir);
		mf_rules_event(f, dir);
		free(dir);
	}
	enum mf_name_kind kind = mf_name_of(f, relpath);
	uint64_t closed = kind == MF_NAME_PLAIN ? CLOSED_MS : QUIET_MS, quiet = QUIET_MS;
	if (ev->what == MF_WATCH_MOVED_FROM)
		mf_moved_from(f, ev->cookie, relpath);
	if (kind == MF_NAME_PASSING)
		return;
	if (kind == MF_NAME_STAGE)
		closed = quiet = STAGE_MS;
	switch (ev->what) {
	case MF_WATCH_CREATED:
	case MF_WATCH_MODIFIED:
	case MF_WATCH_ATTRIB: mf_unrest(f, relpath, quiet); break;
	case MF_WATCH_CLOSED: mf_unrest(f, relpath, closed); break;
	case MF_WATCH_MOVED_TO: arrived(f, relpath, ev, closed); break;
	case MF_WATCH_DELETED:
	case MF_WATCH_MOVED_FROM: (void)vanished(f, relpath); break;
	case MF_WATCH_GONE:
	case MF_WATCH_OVERFLOW: break;
	}
	note_writing(f, relpath, ev->what);
}

static void
on_dir(struct mf_folder *f, const char *dir, const mf_watch_event *ev)
{
	const char *from = NULL;

	switch (ev->what) {
	case MF_WATCH_MOVED_TO:
		mf_dirset_remove(f, dir); /* watches that moved along would report old names */
		from = mf_moved_to(f, ev->cookie);
		/* fall through */
	case MF_WATCH_CREATED:
		if (mf_rules_hide_dir(f, dir))
			break;
		(void)mf_dirset_add(f, dir);
		if (from != NULL)
			mf_moved_dir(f, from, dir);
		mf_subscan(f, dir);
		break;
	case MF_WATCH_DELETED: /* its files said so themselves */ dirset_remove_one(f, dir); break;
	case MF_WATCH_ATTRIB: /* one that could not be read, perhaps */
		if (mf_has_report(f, dir))
			mf_subscan(f, dir);
		break;
	case MF_WATCH_MOVED_FROM:
		mf_dirset_remove(f, dir);
		mf_moved_from(f, ev->cookie, dir);
		vanished_at_work(f, dir);
		(void)mf_state_path_below(f->state, dir, vanished, f, NULL);
		break;
	default: break;
	}
}

static void
on_event(void *arg, const mf_watch_event *ev)
{
	struct mf_folder *f = arg;
	mf_buf path = {0};

	if (f->closing || f->set.paused)
		return;
	if (ev->what == MF_WATCH_OVERFLOW) {
		mf_doubt_disk(f);
		f->watching = false;
		mf_trouble(f, MF_TR_WATCH,
			"more changed at once than the system keeps notes of: the whole folder is looked at;"
			" if this is said often, type: sudo sysctl fs.inotify.max_queued_events=131072");
		mf_dirset_remove(f, ""); /* which watches died is among what was lost: the scan sets all of them */
		mf_scan_start(f);
		return;
	}
	mf_buf_adds(&path, ev->dir);
	if (ev->what == MF_WATCH_GONE) {
		mf_buf_addz(&path, "");
		mf_dirset_remove(f, (char *)path.p);
		if (path.n == 0)
			mf_scan_start(f); /* the root: the scan finds out */
		mf_buf_free(&path);
		return;
	}
	if (path.n > 0)
		mf_buf_addc(&path, '/');
	mf_buf_adds(&path, ev->name);
	if (ev->is_dir)
		on_dir(f, (char *)path.p, ev);
	else
		on_file(f, (char *)path.p, ev);
	mf_buf_free(&path);
}

void
mf_watch_start(struct mf_folder *f)
{
	f->watch = MF_OPS(f)->watch_new(f->env, on_event, f);
	f->watching = true;
}

void
mf_watch_stop(struct mf_folder *f)
{
	MF_OPS(f)->watch_free(f->watch);
	MF_OPS(f)->watch_free(f->nudge);
	f->watch = f->nudge = NULL;
}
