/* Changes on disk as they happen: which path is to be looked at, and when it has settled (design 2.6). */
#include "sync/rules.h"

#include <stdlib.h>

enum { QUIET_MS = 200, CLOSED_MS = 50, VANISHED_MS = 500, RESTLESS_MS = 5000 };

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
		mf_trouble(f, MF_TR_WATCH,
			"the system's limit of watched directories is reached (fs.inotify.max_user_watches):"
			" changes in some directories are only seen by the periodic scan");
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

/* Names that programs write for a moment and then rename or remove: they get the longer time. */
static bool
looks_temporary(mf_str name)
{
	static const char *const ends[] = {
		"~", ".tmp", ".temp", ".swp", ".swx", ".part", ".crdownload", ".new", ".lock"};

	if (name.n > 0 && (name.p[0] == '.' || name.p[0] == '#'))
		return true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t n = strlen(ends[i]);
		if (name.n > n && memcmp(name.p + name.n - n, ends[i], n) == 0)
			return true;
	}
	/* vim and others probe with a number for a name */
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] < '0' || name.p[i] > '9')
			return false;
	return true;
}

static void
unrest(struct mf_folder *f, const char *relpath, uint64_t delay_ms)
{
	const char *owner = mf_marker_owner(f, relpath);
	struct mf_path *p = mf_path_need(f, owner != NULL ? owner : relpath);
	uint64_t now = mf_now_ms(f);

	if (p->first_event_ms == 0)
		p->first_event_ms = now;
	uint64_t latest = p->first_event_ms + RESTLESS_MS;
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
static void
vanished(struct mf_folder *f, const char *relpath)
{
	struct mf_path *p = mf_path_find(f, relpath);

	if (p != NULL)
		mf_path_absent(f, p, true);
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
	uint64_t closed = looks_temporary(ev->name) ? QUIET_MS : CLOSED_MS;
	switch (ev->what) {
	case MF_WATCH_CREATED:
	case MF_WATCH_MODIFIED:
	case MF_WATCH_ATTRIB: unrest(f, relpath, QUIET_MS); break;
	case MF_WATCH_CLOSED:
	case MF_WATCH_MOVED_TO: unrest(f, relpath, closed); break;
	case MF_WATCH_DELETED:
	case MF_WATCH_MOVED_FROM:
		unrest(f, relpath, VANISHED_MS);
		vanished(f, relpath);
		break;
	case MF_WATCH_GONE:
	case MF_WATCH_OVERFLOW: break;
	}
}

struct below {
	struct mf_folder *f;
	const char *dir;
};

static mf_code
vanished_each(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps)
{
	struct below *b = arg;

	(void)has_base;
	(void)base_deleted;
	if (ps->present && is_below(relpath, b->dir)) {
		unrest(b->f, relpath, VANISHED_MS);
		vanished(b->f, relpath);
	}
	return MF_OK;
}

static void
on_dir(struct mf_folder *f, const char *dir, const mf_watch_event *ev)
{
	struct below b = {f, dir};

	switch (ev->what) {
	case MF_WATCH_CREATED:
	case MF_WATCH_MOVED_TO:
		if (ev->what == MF_WATCH_MOVED_TO)
			mf_dirset_remove(f, dir); /* watches that moved along would report old names */
		if (mf_rules_hide_dir(f, dir))
			break;
		(void)mf_dirset_add(f, dir);
		mf_subscan(f, dir);
		break;
	case MF_WATCH_DELETED: /* its files said so themselves */ dirset_remove_one(f, dir); break;
	case MF_WATCH_ATTRIB: /* one that could not be read, perhaps */
		if (mf_has_report(f, dir))
			mf_subscan(f, dir);
		break;
	case MF_WATCH_MOVED_FROM:
		mf_dirset_remove(f, dir);
		(void)mf_state_path_each(f->state, vanished_each, &b, NULL);
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
