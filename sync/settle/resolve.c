/* Conflicts settled on request: choices from birth to answer. */
#include "sync/settle/resolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sync/local/rules.h"

/* ---- the list ------------------------------------------------------------------------------------------ */

struct mf_choice *
mf_choice_of(const struct mf_folder *f, const char *relpath)
{
	struct mf_choice *c = f->choices;

	while (c != NULL && (c->state == MF_CHOICE_OVER || strcmp(c->relpath, relpath) != 0))
		c = c->next;
	return c;
}

static void
choice_free(struct mf_choice *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->name[i]);
	free(c->name);
	free(c->cap);
	free(c->known);
	free(c->clash);
	mf_snap_row_free(c->text);
	free(c->relpath);
	free(c);
}

static void
answer(struct mf_choice *c, const mf_err *err)
{
	mf_resolution r = {(const char *const *)c->name, c->n, c->clash, c->n_clash};

	if (c->done != NULL)
		c->done(c->arg, err, &r);
	choice_free(c);
}

static struct mf_choice *
choice_add(struct mf_folder *f, const char *relpath, enum mf_take take)
{
	struct mf_choice *c = mf_alloc(sizeof(*c));

	c->ticket = ++f->next_ticket;
	c->relpath = mf_strdup(mf_strz(relpath));
	c->take = take;
	c->next = f->choices;
	f->choices = c;
	return c;
}

static void
choice_remove(struct mf_folder *f, struct mf_choice *c)
{
	struct mf_choice **link = &f->choices;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	choice_free(c);
}

void
mf_choice_forget(struct mf_folder *f, uint64_t ticket)
{
	for (struct mf_choice *c = f->choices; c != NULL; c = c->next) {
		if (c->ticket != ticket)
			continue;
		choice_remove(f, c); /* what is recorded already goes on without it */
		return;
	}
}

void
mf_choices_answer(struct mf_folder *f)
{
	struct mf_choice **link = &f->choices, *c;

	/* one at a time: an answer may make its receiver forget another */
	while ((c = *link) != NULL) {
		c->committed |= c->state == MF_CHOICE_DECIDED;
		if (c->state != MF_CHOICE_OVER) {
			link = &c->next;
			continue;
		}
		*link = c->next;
		answer(c, &c->err);
		link = &f->choices;
	}
}

void
mf_choices_end(struct mf_folder *f, const mf_err *err)
{
	while (f->choices != NULL) {
		struct mf_choice *c = f->choices;
		f->choices = c->next;
		answer(c, err);
	}
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

/* The new file may be in its place already, or is soon: what fails now is tried again, and the answer is how that ends. */
static bool
is_carried_out(struct mf_folder *f, const struct mf_choice *c)
{
	mf_intent intent;

	return c->state == MF_CHOICE_WANTED && c->take != MF_TAKE_MINE &&
		mf_state_intent_get(f->state, c->relpath, &intent, NULL) == MF_OK;
}

void
mf_choice_fail(struct mf_folder *f, const char *relpath, const mf_err *err)
{
	struct mf_choice *c = mf_choice_of(f, relpath);

	if (c == NULL || c->state == MF_CHOICE_TRIED || c->undone || is_carried_out(f, c))
		return;
	if (c->state == MF_CHOICE_WANTED)
		c->err = *err; /* else it is decided: what fails now is tried again */
	c->state = MF_CHOICE_OVER;
	mf_turn_arm(f, 0);
}

static void __attribute__((format(printf, 3, 4))) fail(struct mf_folder *f, const char *relpath, const char *fmt, ...)
{
	mf_err err = {.code = MF_ECHANGED};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err.text, sizeof(err.text), fmt, ap);
	va_end(ap);
	mf_choice_fail(f, relpath, &err);
}

void
mf_choice_decided(struct mf_folder *f, const char *relpath)
{
	struct mf_choice *c = mf_choice_of(f, relpath);

	if (c != NULL && c->state == MF_CHOICE_WANTED)
		c->state = MF_CHOICE_DECIDED;
}

void
mf_choice_rest(struct mf_folder *f, const struct mf_path *p)
{
	struct mf_choice *c = mf_choice_of(f, p->relpath);

	if (c == NULL || c->state == MF_CHOICE_TRIED)
		return;
	if (f->set.paused)
		fail(f, p->relpath, "the folder is paused");
	else if (p->seen.kind == MF_LOCAL_ROOT_GONE)
		fail(f, p->relpath, "the folder's directory is not there");
	else if (p->seen.kind == MF_LOCAL_UNREADABLE)
		fail(f, p->relpath, "%s cannot be read", p->relpath);
	else if (!f->self_read && !f->conf.read_only)
		fail(f, p->relpath, "our own directory on the grid was not read yet");
	else
		fail(f, p->relpath, "%s cannot be settled now", p->relpath);
}

void
mf_choice_undo(struct mf_folder *f, const char *relpath)
{
	for (struct mf_choice *c = f->choices; c != NULL; c = c->next)
		if (c->state != MF_CHOICE_TRIED && c->err.code == MF_OK && strcmp(c->relpath, relpath) == 0) {
			c->undone |= c->state != MF_CHOICE_WANTED && !c->committed;
			c->state = c->committed ? MF_CHOICE_DECIDED : MF_CHOICE_WANTED;
		}
}

/* ---- birth --------------------------------------------------------------------------------------------- */

static mf_code
see(struct mf_choice *c, const mf_conflict *rows, size_t n)
{
	c->name = mf_alloc((n + 1) * sizeof(*c->name));
	c->cap = mf_alloc((n + 1) * sizeof(*c->cap));
	for (size_t i = 0; i < n; i++) {
		if (rows[i].closing)
			continue;
		/* beside p lies an older version: whoever asks has seen that one */
		c->outdated |= !rows[i].marker_written && rows[i].has_marker_sha;
		c->name[c->n] = mf_strdup(mf_strz(rows[i].slot));
		c->cap[c->n++] = rows[i].cap;
	}
	return MF_OK;
}

/* Which one is meant? */
static mf_code
choose(struct mf_choice *c, const char *use, mf_err *err)
{
	if (c->take == MF_TAKE_MINE || c->take == MF_TAKE_MERGE)
		return MF_OK;
	if (c->take == MF_TAKE_THEIRS) {
		c->take = MF_TAKE_USE;
		c->chosen = c->cap[0];
		return c->n == 1 ? MF_OK : mf_fail(err, MF_EINVAL, 0, "Cannot use \"theirs\" with %zu conflicts", c->n);
	}
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->name[i], use) != 0)
			continue;
		c->chosen = c->cap[i];
		return MF_OK;
	}
	return mf_fail(err, MF_EINVAL, 0, "\"%s\" is not conflicted with \"%s\"", c->relpath, use);
}

static mf_code
check(struct mf_folder *f, struct mf_choice *c, const char *use, mf_err *err)
{
	struct mf_choice *other = mf_choice_of(f, c->relpath);
	mf_conflict *rows = NULL;
	size_t n = 0;
	mf_code rc = mf_state_conflict_get(f->state, c->relpath, &rows, &n, err);

	if (rc == MF_OK)
		rc = see(c, rows, n);
	mf_conflicts_free(rows, n);
	if (rc == MF_OK && c->n == 0)
		rc = mf_fail(err, MF_EINVAL, 0, "No conflicts for \"%s\"", c->relpath);
	if (rc == MF_OK)
		rc = choose(c, use, err);
	if (rc == MF_OK && c->outdated)
		rc = mf_fail(
			err, MF_ECHANGED, 0, "the versions in conflict with %s have changed meanwhile", c->relpath);
	if (rc == MF_OK && c->take == MF_TAKE_MERGE && f->conf.read_only)
		rc = mf_fail(err, MF_EINVAL, 0,
			"Cannot merge in a read-only folder: what comes of it would be a version, and it publishes "
			"none;"
			" take one, or edit the file and take yours");
	if (rc == MF_OK && c->take == MF_TAKE_MERGE && mf_rules_withhold(f, c->relpath))
		rc = mf_fail(err, MF_EINVAL, 0, "Cannot merge what .magicignore takes out");
	if (rc == MF_OK && f->set.paused)
		rc = mf_fail(err, MF_EBUSY, 0, "the folder is paused");
	if (rc == MF_OK && (f->root == NULL || f->root_doubtful))
		rc = mf_fail(err, MF_ENOTFOUND, 0, "the folder's directory is not there");
	if (rc == MF_OK && other != c && other->state == MF_CHOICE_TRIED)
		choice_remove(f, other);
	else if (rc == MF_OK && other != c)
		rc = mf_fail(err, MF_EBUSY, 0, "%s is being settled already", c->relpath);
	return rc != MF_OK ? rc : MF_OPS(f)->stat(f->root, c->relpath, &c->then, err);
}

void
mf_folder_resolve(struct mf_folder *f, const char *relpath, enum mf_take take, const char *use,
	mf_folder_resolved *done, void *arg, uint64_t *ticket)
{
	struct mf_choice *c = mf_alloc(sizeof(*c)), **end = &f->choices;

	*c = (struct mf_choice){.ticket = ++f->next_ticket,
		.relpath = mf_strdup(mf_strz(relpath)),
		.take = take,
		.done = done,
		.arg = arg};
	while (*end != NULL)
		end = &(*end)->next;
	*end = c; /* behind one that may be there already */
	if (ticket != NULL)
		*ticket = c->ticket;
	if (check(f, c, use, &c->err) != MF_OK) {
		c->state = MF_CHOICE_OVER;
	} else {
		struct mf_path *p = mf_path_need(f, relpath);
		if (p->failed)
			p->due_ms = 0; /* a person waits: not for the next try of what failed before */
		mf_path_look(f, p, 0);
	}
	mf_turn_arm(f, 0);
}

/* ---- in the planner's eyes ------------------------------------------------------------------------------- */

static bool
same_file(const mf_stat *a, const mf_stat *b)
{
	if (a->kind != b->kind || a->kind == MF_KIND_ABSENT)
		return a->kind == b->kind;
	return a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static bool
knew_of(const struct mf_choice *c, const mf_immdir *cap)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->cap[i].text, cap->text) == 0)
			return true;
	return false;
}

/* Is it still the conflict that whoever chose has seen?  To be merged, no version may have left it either. */
static bool
still_fits(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const struct mf_choice *c)
{
	bool chosen = c->take == MF_TAKE_MINE, news = false;
	size_t open = 0;

	for (size_t i = 0; i < g->n_conflict; i++) {
		if (g->conflict[i].closing)
			continue;
		open++;
		news |= !knew_of(c, &g->conflict[i].cap);
		chosen |= strcmp(g->conflict[i].cap.text, c->chosen.text) == 0;
	}
	if (c->take == MF_TAKE_MERGE)
		chosen = open == c->n;
	if (open == 0)
		fail(f, p->relpath, "%s is in conflict no longer", p->relpath);
	else if (news || !chosen)
		fail(f, p->relpath, "the versions in conflict with %s have changed meanwhile", p->relpath);
	else if (c->take != MF_TAKE_MINE && p->seen.kind != MF_LOCAL_UNREADABLE && !same_file(&c->then, &p->seen.st))
		fail(f, p->relpath, "%s was changed meanwhile", p->relpath);
	else
		return true;
	return false;
}

static bool
any_open(const struct mf_gathered *g)
{
	for (size_t i = 0; i < g->n_conflict; i++)
		if (!g->conflict[i].closing)
			return true;
	return false;
}

void
mf_choice_facts(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g)
{
	struct mf_choice *c = mf_choice_of(f, p->relpath);
	bool open = false;

	g->facts.choice = MF_CHOICE_NONE; /* facts may be those of the step before */
	if (c == NULL)
		return;
	if (c->undone && !any_open(g))
		c->state = MF_CHOICE_DECIDED;
	c->undone = false;
	for (size_t i = 0; i < g->n_conflict && c->n > 0; i++)
		open |= strcmp(g->conflict[i].cap.text, c->cap[0].text) == 0;
	if (c->state == MF_CHOICE_TRIED && !open)
		choice_remove(f, c);
	else if (c->state == MF_CHOICE_DECIDED && g->n_conflict == 0)
		c->state = MF_CHOICE_OVER;
	else if (c->state == MF_CHOICE_WANTED && p->seen.valid && !g->has_intent && still_fits(f, p, g, c)) {
		g->facts.choice = c->take == MF_TAKE_MINE ? MF_CHOICE_MINE
			: c->take == MF_TAKE_USE          ? MF_CHOICE_VERSION
							  : MF_CHOICE_TEXT;
		if (c->take == MF_TAKE_USE)
			g->facts.choice_sid = mf_facts_sid(g, c->chosen.text);
	}
}

const mf_snap_row *
mf_choice_text(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g)
{
	struct mf_choice *c = mf_choice_of(f, p->relpath);

	if (c->text == NULL)
		(void)mf_merge_start(f, p, c, g);
	return c->text;
}

/* Two merges of the same versions that differ: should that ever be, another merge would make two more. */
static bool
merges_of_the_same(const mf_snap_row *a, const mf_snap_row *b)
{
	if (a->n_parents < 2 || a->n_parents != b->n_parents)
		return false;
	for (size_t i = 0; i < a->n_parents; i++) {
		size_t k = 0;
		while (k < b->n_parents && strcmp(a->parents[i].text, b->parents[k].text) != 0)
			k++;
		if (k == b->n_parents)
			return false;
	}
	return true;
}

/* Only what both sides have settled into: an edit that is not published may be half an edit. */
bool
mf_choice_automatic(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan)
{
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e), *theirs;
	struct mf_choice *c;

	if (f->set.merge != MF_MERGE_TEXT || g->facts.policy == MF_READ_ONLY || !f->self_read || !plan->conflicted ||
		g->n_conflict != 1 || g->conflict[0].closing || mf_choice_of(f, p->relpath) != NULL)
		return false;
	if (p->seen.kind != MF_LOCAL_FILE || !p->seen.same_as_e || e == NULL || e->size > MF_MERGE_MAX)
		return false;
	if (g->conflict[0].marker_written && g->rows[0].marker == MF_MARKER_ABSENT)
		return false; /* the user is at it */
	theirs = mf_facts_row(g, mf_facts_sid(g, g->conflict[0].cap.text));
	if (theirs == NULL || merges_of_the_same(e, theirs))
		return false;
	c = choice_add(f, p->relpath, MF_TAKE_MERGE);
	c->automatic = true;
	c->then = p->seen.st;
	(void)see(c, g->conflict, g->n_conflict);
	return true;
}

/* ---- carried out ----------------------------------------------------------------------------------------- */

void
mf_choice_keep_known(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan)
{
	struct mf_choice *c = mf_choice_of(f, p->relpath);

	free(c->known);
	c->known = mf_alloc((plan->n_known_after + 1) * sizeof(*c->known));
	c->n_known = plan->n_known_after;
	for (size_t i = 0; i < c->n_known; i++)
		(void)snprintf(c->known[i].text, sizeof(c->known[i].text), "%s", g->node[plan->known_after[i]]->cap);
}

static bool
has_all(const mf_snap_row *target, const struct mf_choice *c)
{
	for (size_t i = 0; i < c->n; i++) {
		size_t k = 0;
		while (k < target->n_parents && strcmp(target->parents[k].text, c->cap[i].text) != 0)
			k++;
		if (k == target->n_parents)
			return false;
	}
	return true;
}

mf_code
mf_choice_recorded(struct mf_folder *f, struct mf_path *p, const mf_snap_row *target, bool merge, mf_err *err)
{
	struct mf_choice *c = mf_choice_of(f, p->relpath);
	mf_code rc;

	if (merge) { /* also one that a crash interrupted */
		if (f->markers.n == 0)
			return MF_OK;
		rc = mf_rows_close(f, p->relpath, target->parents, target->n_parents, err);
		if (rc == MF_OK && c != NULL && has_all(target, c))
			mf_choice_decided(f, p->relpath);
		return rc;
	}
	if (c == NULL || c->known == NULL || strcmp(c->chosen.text, target->cap.text) != 0)
		return MF_OK;
	rc = mf_state_known_set(f->state, p->relpath, c->known, c->n_known, err);
	f->known_any |= c->n_known > 0;
	if (rc == MF_OK)
		rc = mf_rows_close(f, p->relpath, c->cap, c->n, err);
	if (rc == MF_OK)
		mf_choice_decided(f, p->relpath);
	return rc;
}
