/* Is what a member says of itself true? */
#include "says.h"

#include <stdio.h>
#include <stdlib.h>

#include "sync/doc/relpath.h"
#include "sync/local/ignore.h"

struct saying {
	struct member *m;
	const mf_listing *own; /* its directory on the grid */
	struct mf_ignore *ig;  /* its rules */
	char *text;
	size_t size;
	const char *path; /* looked for among conflicts */
	bool conflicted;
};

static mf_code
each_conflict(void *arg, const char *relpath, const char *participant)
{
	struct saying *s = arg;

	(void)participant;
	s->conflicted |= strcmp(relpath, s->path) == 0;
	return MF_OK;
}

static bool
in_conflict(struct saying *s, const char *relpath)
{
	s->path = relpath;
	s->conflicted = false;
	return mf_folder_conflicts(s->m->f, each_conflict, s, NULL) != MF_OK || s->conflicted;
}

/* As cast_head(), but an entry of another's making is none. */
static bool
published(struct saying *s, const char *relpath, mf_immdir *cap, mf_snapshot *snap)
{
	mf_buf name = {0};
	const mf_child *c = NULL;

	if (mf_relpath_entry(mf_strz(relpath), &name, NULL) == MF_OK)
		c = mf_listing_find(s->own, mf_buf_str(&name));
	mf_buf_free(&name);
	return c != NULL && mf_immdir_parse(c->ro, cap, NULL) == MF_OK &&
		cast_snapshot(s->m->cast, cap, snap, NULL) == MF_OK;
}

static void
each_file(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	struct saying *s = arg;
	mf_snapshot snap;
	mf_immdir cap;
	mf_buf there = {0};

	(void)st;
	(void)content;
	if (s->text[0] != '\0' || mf_is_tmp_name(mf_relpath_base(mf_strz(relpath))) ||
		strstr(relpath, ".conflict-") != NULL || mf_ignored(s->ig, relpath) || in_conflict(s, relpath))
		return;
	if (!published(s, relpath, &cap, &snap)) {
		(void)snprintf(
			s->text, s->size, "%s says it is up to date and has not published %s", s->m->name, relpath);
		return;
	}
	bool same = !snap.deletion && sim_peek_file(s->m->cast->w, mf_strz(snap.content.text), &there) == MF_OK &&
		mf_str_eq(mf_buf_str(&there), content);
	if (!same)
		(void)snprintf(s->text, s->size, "%s says it is up to date and has published other bytes of %s",
			s->m->name, relpath);
	mf_buf_free(&there);
	mf_snapshot_clear(&snap);
}

static void
check_entry(struct saying *s, const mf_child *c)
{
	mf_immdir cap;
	mf_snapshot snap;

	if (mf_str_eq(c->name, MF_STR("@metadata")) || mf_immdir_parse(c->ro, &cap, NULL) != MF_OK ||
		cast_snapshot(s->m->cast, &cap, &snap, NULL) != MF_OK)
		return;
	mf_stat st;
	bool there = sim_stat(s->m->h, cast_path(snap.relpath), &st) && st.kind == MF_KIND_FILE;
	if (there == snap.deletion && !mf_ignored(s->ig, snap.relpath) && !in_conflict(s, snap.relpath))
		(void)snprintf(s->text, s->size, "%s says it is up to date, and %s is %s", s->m->name, snap.relpath,
			there ? "there and published as deleted" : "missing and published");
	mf_snapshot_clear(&snap);
}

bool
says_up_to_date(struct member *m)
{
	mf_folder_status st;

	mf_folder_status_get(m->f, &st);
	return st.state == MF_SYNC_UP_TO_DATE;
}

/* What it ignores is not published, and whatever is, is no news. */
static struct mf_ignore *
rules_of(struct member *m)
{
	struct mf_ignore *ig = mf_ignore_new();
	mf_buf text = {0};

	if (sim_read(m->h, cast_path(MF_IGNORE_NAME), &text))
		(void)mf_ignore_set(ig, "", mf_buf_str(&text), NULL);
	mf_buf_free(&text);
	return ig;
}

const char *
says_check(struct member *m)
{
	static char text[256];
	struct saying s = {.m = m, .text = text, .size = sizeof(text)};
	mf_listing l;

	text[0] = '\0';
	if (m->reader || !says_up_to_date(m) || sim_peek_dir(m->cast->w, &m->personal, &l) != MF_OK)
		return NULL;
	s.own = &l;
	s.ig = rules_of(m);
	sim_walk(m->h, CAST_DIR, each_file, &s);
	for (size_t i = 0; i < l.n && text[0] == '\0'; i++)
		check_entry(&s, &l.child[i]);
	mf_listing_free(&l);
	mf_ignore_free(s.ig);
	return text[0] == '\0' ? NULL : text;
}

const char *
says_check_items(struct member *m)
{
	static char text[256];

	for (const struct cast_item *i = m->items; i != NULL; i = i->next) {
		if (i->told)
			continue;
		(void)snprintf(text, sizeof(text), "%s queued the %s of %s, and it neither finished nor failed",
			m->name, i->up ? "upload" : "download", i->relpath);
		return text;
	}
	return NULL;
}
