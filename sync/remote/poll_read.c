/* Looking at the grid, the blocking part: the Collective, then every participant's Personal directory. */
#include "sync/remote/poll.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum { METADATA_MAX = 4096 };

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

struct target *
mf_poll_target(struct mf_poll *p, mf_str name, const mf_dirread *dir)
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
			t = mf_poll_target(p, c->name, &(mf_dirread){0});
			t->err = err;
		} else if (strcmp(dir.text, p->self.text) != 0) {
			(void)mf_poll_target(p, c->name, &dir);
		}
	}
}

/* A directory never goes back: an older version, or another one of the same number, is an old copy, or a forged one. */
static mf_code
check_version(const mf_dirver *seen, const mf_dirver *got, mf_err *err)
{
	if (got->seqnum == 0) /* not told: nothing to be compared */
		return MF_OK;
	if (mf_dirver_older(got, seen))
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

mf_code
mf_poll_work(struct mf_task *t, const mf_cancel *cancel)
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
		struct target *s = mf_poll_target(p, MF_STR(""), &p->self);
		s->is_self = true;
		s->seen = p->seen_self;
		read_target(grid, s, cancel);
	}
	return rc;
}
