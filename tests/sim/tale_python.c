/* The Python implementation's part, faults included, as in tests/sync/model_python.c: it overwrites what it is ahead of,
 * acknowledges by linking, stays in a conflict for good, hangs on a deletion that is in conflict, publishes touches. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "forge.h"
#include "tale.h"

static void
look_up(struct tale *t, const mf_immdir *cap, mf_snapshot *s, tale_value *value)
{
	mf_err err = {0};
	mf_buf bytes = {0};

	cr_assert(cast_snapshot(&t->c, cap, s, &err) == MF_OK, "%s", err.text);
	*value = 0;
	if (s->deletion)
		return;
	cr_assert(sim_peek_file(t->c.w, mf_strz(s->content.text), &bytes) == MF_OK);
	*value = (tale_value)strtoul((char *)bytes.p + 1, NULL, 10);
	mf_buf_free(&bytes);
}

/* Histories here are a handful of snapshots. */
static bool
is_ancestor(struct tale *t, const mf_immdir *old, const mf_immdir *of)
{
	enum { MOST = 64 };
	mf_immdir todo[MOST] = {*of};
	size_t n = 1;
	bool found = false;

	while (n > 0 && !found) {
		mf_immdir cap = todo[--n];
		mf_snapshot s;
		tale_value v;
		found = strcmp(cap.text, old->text) == 0;
		look_up(t, &cap, &s, &v);
		for (size_t i = 0; i < s.n_parents && n < MOST; i++)
			todo[n++] = s.parents[i];
		mf_snapshot_clear(&s);
	}
	return found;
}

tale_value
tale_python_base(struct tale *t, size_t i)
{
	mf_snapshot s;
	tale_value v;

	if (t->who[i].base.text[0] == '\0')
		return 0;
	look_up(t, &t->who[i].base, &s, &v);
	mf_snapshot_clear(&s);
	return v;
}

void
tale_python_publish(struct tale *t, size_t i)
{
	struct tale_person *x = &t->who[i];
	const mf_immdir *parent = x->base.text[0] == '\0' ? NULL : &x->base;

	cr_assert(x->p != 0);
	x->base = forge(x->m, &(forged){.relpath = t->path, .text = tale_text(x->p), .parent = parent});
	forge_link(x->m, t->path, x->base.text);
}

bool
tale_python_act(struct tale *t, size_t i)
{
	struct tale_person *x = &t->who[i];

	if (x->stuck != TALE_PY_OK || x->p == tale_python_base(t, i))
		return false;
	tale_python_publish(t, i);
	return true;
}

bool
tale_python_poll(struct tale *t, size_t i, size_t of)
{
	struct tale_person *x = &t->who[i];
	bool fresh = x->base.text[0] == '\0';
	mf_immdir head;
	mf_snapshot s;
	tale_value v;

	if (i == of || t->who[of].left || !tale_entry(t, of, &head))
		return false;
	if (x->stuck != TALE_PY_OK || (!fresh && is_ancestor(t, &head, &x->base)))
		return false;
	look_up(t, &head, &s, &v);
	mf_snapshot_clear(&s);
	if (x->p == tale_python_base(t, i) && (fresh || is_ancestor(t, &x->base, &head))) {
		x->p = v;
		x->base = head;
		forge_link(x->m, t->path, head.text);
		return true;
	}
	x->stuck = v == 0 ? TALE_PY_HUNG : TALE_PY_CONFLICTED;
	return true;
}
