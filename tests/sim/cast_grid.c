/* What members have published, read past all faults. */
#include "cast.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#include "sync/doc/relpath.h"

/* What was verified once, and how often it is asked for: a signature takes longer than all the rest of a test. */
struct cast_seen {
	struct cast_seen *next;
	char cap[MF_CAP_MAX];
	mf_snapshot snap;
};

static struct cast_seen **
seen_at(struct cast *c, const char *cap)
{
	static const uint8_t key[16] = "verified already";
	struct cast_seen **at = &c->seen[mf_hash_keyed(key, cap, strlen(cap)) % CAST_SEEN];

	while (*at != NULL && strcmp((*at)->cap, cap) != 0)
		at = &(*at)->next;
	return at;
}

static mf_snapshot
copy(const mf_snapshot *s)
{
	mf_snapshot c = *s;

	c.relpath = mf_strdup(mf_strz(s->relpath));
	c.author = mf_strdup(mf_strz(s->author));
	c.parents = mf_realloc_array(NULL, s->n_parents + 1, sizeof(*c.parents));
	if (s->n_parents > 0)
		memcpy(c.parents, s->parents, s->n_parents * sizeof(*c.parents));
	return c;
}

void
cast_seen_free(struct cast *c)
{
	for (size_t i = 0; i < CAST_SEEN; i++)
		for (struct cast_seen *s = c->seen[i], *next; s != NULL; s = next) {
			next = s->next;
			mf_snapshot_clear(&s->snap);
			free(s);
		}
}

static mf_code
read_snapshot(struct cast *c, const mf_immdir *cap, mf_snapshot *out, mf_err *err)
{
	mf_dirread dir;
	mf_listing l;
	uint8_t signature[64];
	mf_buf doc = {0};

	*out = (mf_snapshot){0};
	mf_immdir_read(cap, &dir);
	mf_code rc = sim_peek_dir(c->w, &dir, &l);
	if (rc != MF_OK)
		return mf_fail(err, rc, 0, "no such snapshot");
	rc = mf_snapshot_dir(&l, out, signature, err);
	if (rc == MF_OK)
		rc = sim_peek_file(c->w, mf_strz(out->metadata_cap.text), &doc);
	if (rc == MF_OK)
		rc = mf_snapshot_verify(out, mf_buf_str(&doc), signature, err);
	mf_listing_free(&l);
	mf_buf_free(&doc);
	if (rc != MF_OK)
		mf_snapshot_clear(out);
	return rc;
}

mf_code
cast_snapshot(struct cast *c, const mf_immdir *cap, mf_snapshot *out, mf_err *err)
{
	struct cast_seen **at = seen_at(c, cap->text);

	if (*at != NULL) {
		*out = copy(&(*at)->snap);
		return MF_OK;
	}
	mf_code rc = read_snapshot(c, cap, out, err);
	if (rc != MF_OK)
		return rc;
	*at = mf_alloc(sizeof(**at));
	memcpy((*at)->cap, cap->text, sizeof((*at)->cap));
	(*at)->snap = copy(out);
	return MF_OK;
}

static bool
head_cap(struct member *m, const char *relpath, mf_immdir *cap)
{
	mf_buf name = {0};
	mf_listing l;
	mf_err err = {0};

	cr_assert(mf_relpath_entry(mf_strz(relpath), &name, &err) == MF_OK, "%s", err.text);
	cr_assert(sim_peek_dir(m->cast->w, &m->personal, &l) == MF_OK);
	const mf_child *child = mf_listing_find(&l, mf_buf_str(&name));
	bool found = child != NULL;
	if (found)
		cr_assert(mf_immdir_parse(child->ro, cap, &err) == MF_OK, "%s: %s", relpath, err.text);
	mf_listing_free(&l);
	mf_buf_free(&name);
	return found;
}

bool
cast_head(struct member *m, const char *relpath, mf_immdir *cap, mf_snapshot *snap)
{
	mf_err err = {0};

	if (!head_cap(m, relpath, cap))
		return false;
	cr_assert(cast_snapshot(m->cast, cap, snap, &err) == MF_OK, "%s: head of %s: %s", m->name, relpath, err.text);
	return true;
}

bool
cast_same_head(struct member *a, struct member *b, const char *relpath)
{
	mf_immdir x = {0}, y = {0};
	bool in_a = head_cap(a, relpath, &x), in_b = head_cap(b, relpath, &y);

	return in_a == in_b && strcmp(x.text, y.text) == 0;
}

size_t
cast_entries(struct member *m)
{
	mf_listing l;

	cr_assert(sim_peek_dir(m->cast->w, &m->personal, &l) == MF_OK);
	size_t n = l.n;
	mf_listing_free(&l);
	return n;
}

mf_code
cast_is_past(struct cast *c, const char *old, const char *of, bool *is, mf_err *err)
{
	enum { MOST = 4096 };
	mf_immdir *seen = mf_realloc_array(NULL, MOST, sizeof(*seen));
	size_t n = 0;
	mf_code rc = mf_immdir_parse(mf_strz(of), &seen[n++], err);

	*is = false;
	for (size_t i = 0; i < n && rc == MF_OK && !*is; i++) {
		mf_snapshot s;
		*is = i > 0 && strcmp(seen[i].text, old) == 0;
		rc = cast_snapshot(c, &seen[i], &s, err);
		if (rc != MF_OK)
			break;
		for (size_t k = 0; k < s.n_parents && n < MOST; k++) {
			size_t j = 0;
			while (j < n && strcmp(seen[j].text, s.parents[k].text) != 0)
				j++;
			if (j == n)
				seen[n++] = s.parents[k];
		}
		mf_snapshot_clear(&s);
	}
	free(seen);
	return rc;
}
