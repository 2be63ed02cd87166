/* A play about one conflict. */
#include "play.h"

#include <stdlib.h>

#include <criterion/criterion.h>

void
play_cast(struct play *p, uint64_t seed, size_t n)
{
	cast_init(&p->c, seed);
	p->c.dark = true;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
	p->d = n > 2 ? cast_add(&p->c, "carol") : NULL;
}

void
play_init(struct play *p, uint64_t seed, size_t n)
{
	play_cast(p, seed, n);
	cast_write(p->a, "p", BASE);
	cast_publish(p->a);
	cast_receive(p->b);
	if (n > 2)
		cast_receive(p->d);
	cast_write(p->a, "p", OURS);
	cast_write(p->b, "p", THEIRS);
	if (n > 2)
		cast_write(p->d, "p", THIRD);
	cast_publish(p->a);
	cast_publish(p->b);
	if (n > 2)
		cast_publish(p->d);
	for (size_t i = 0; i < n; i++)
		cast_receive(&p->c.m[i]);
	cr_assert(cast_conflicts(p->a) == n - 1 && cast_has(p->a, "p.conflict-bob", THEIRS));
	cr_assert(cast_conflicts(p->b) == n - 1 && cast_has(p->b, "p.conflict-alice", OURS));
}

void
play_settled(struct play *p, const char *text)
{
	cast_settle(&p->c);
	for (size_t i = 0; i < p->c.n; i++) {
		struct member *m = &p->c.m[i];
		char *tree = cast_tree(m);
		cr_assert(text == NULL ? !cast_exists(m, "p") : cast_has(m, "p", text), "%s: %s", m->name, tree);
		cr_assert(cast_conflicts(m) == 0, "%s has a conflict left", m->name);
		cr_assert(strstr(tree, "conflict-") == NULL, "%s: %s", m->name, tree);
		cr_assert(cast_same_head(m, p->a, "p"), "%s shows another head", m->name);
		free(tree);
	}
}

void
play_resolve(struct member *m, enum mf_take take, const char *use)
{
	mf_err err;

	cr_assert(cast_resolve(m, "p", take, use, &err) == MF_OK, "%s", err.text);
	cr_assert(cast_conflicts(m) == 0, "rows are left");
}

void
play_refused(struct member *m, const char *relpath, enum mf_take take, const char *use, mf_code code, const char *text)
{
	mf_err err;

	cr_assert(cast_resolve(m, relpath, take, use, &err) == code, "%s: %s", mf_code_name(err.code), err.text);
	cr_assert(strcmp(err.text, text) == 0, "%s", err.text);
}
