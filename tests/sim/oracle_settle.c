/* Users who settle conflicts over the API, and with an editor. */
#include <stdio.h>
#include <stdlib.h>

#include "oracle.h"

enum { VERSIONS_MAX = 8 };

/* One request; freed by its answer. */
struct asking {
	struct oracle *o;
	struct member *m;
	char path[ORACLE_PATH_MAX];
	const char *slot;
	unsigned replaced[VERSIONS_MAX + 1]; /* values that go with it */
	size_t n;
	bool unknown; /* a version that this user has not seen */
};

static void
marker(char out[ORACLE_PATH_MAX + 64], const char *path, const char *slot)
{
	(void)snprintf(out, ORACLE_PATH_MAX + 64, "%s.conflict-%s", path, slot);
}

static mf_code
each_version(void *arg, const char *relpath, const char *slot)
{
	struct asking *a = arg;
	char name[ORACLE_PATH_MAX + 64];

	if (strcmp(relpath, a->path) != 0)
		return MF_OK;
	marker(name, relpath, slot);
	unsigned value = oracle_shown(a->m, name);
	a->unknown |= value == 0 || a->n == VERSIONS_MAX;
	if (!a->unknown && (a->slot == NULL || strcmp(a->slot, slot) != 0))
		a->replaced[a->n++] = value;
	return MF_OK;
}

static void
on_answer(void *arg, const mf_err *err, const mf_resolution *r)
{
	struct asking *a = arg;

	(void)r;
	sim_trace(a->m->cast->w, "%s settled %s: %s", a->m->name, a->path, err->code == MF_OK ? "yes" : err->text);
	if (err->code == MF_OK || err->code == MF_ECANCELED)
		for (size_t i = 0; i < a->n; i++)
			oracle_kill(a->o, a->m, a->path, a->replaced[i]);
	free(a);
}

void
oracle_resolve(struct oracle *o, struct member *m, const char *path, const char *slot, bool take)
{
	struct asking *a = mf_alloc(sizeof(*a));

	*a = (struct asking){.o = o, .m = m, .slot = take ? slot : NULL};
	(void)snprintf(a->path, sizeof(a->path), "%s", path);
	if (mf_folder_conflicts(m->f, each_version, a, NULL) != MF_OK || a->unknown) {
		free(a);
		return;
	}
	oracle_judge(o, path);
	sim_trace(m->cast->w, "%s asks for %s at %s", m->name, take ? slot : "mine", path);
	mf_folder_resolve(m->f, path, take ? MF_TAKE_USE : MF_TAKE_MINE, take ? slot : NULL, on_answer, a, NULL);
	a->slot = NULL; /* lent for the call */
	/* in which the user may have been at p once more, just before it was looked at */
	if (take && oracle_shown(m, path) != 0)
		a->replaced[a->n++] = oracle_shown(m, path);
}

void
oracle_settle_edited(struct oracle *o, struct member *m, const char *path, const char *slot)
{
	char name[ORACLE_PATH_MAX + 64], text[16];
	mf_stat st;

	marker(name, path, slot);
	unsigned theirs = oracle_shown(m, name), ours = oracle_shown(m, path), value = ++o->next;
	if (theirs == 0 || (sim_stat(m->h, cast_path(path), &st) && st.kind != MF_KIND_FILE))
		return;
	oracle_judge(o, path);
	(void)snprintf(text, sizeof(text), "v%06u ", value);
	cast_write(m, name, text);
	oracle_kill(o, m, path, theirs);
	oracle_kill(o, m, path, ours);
	(void)cast_move(m, name, path);
	oracle_add(o, m, path, value);
}

struct settling {
	size_t skip;
	bool done;
	char path[ORACLE_PATH_MAX], slot[64];
};

static mf_code
pick_conflict(void *arg, const char *relpath, const char *participant)
{
	struct settling *s = arg;

	if (s->done || s->skip-- > 0)
		return MF_OK;
	s->done = true;
	(void)snprintf(s->path, sizeof(s->path), "%s", relpath);
	(void)snprintf(s->slot, sizeof(s->slot), "%s", participant);
	return MF_OK;
}

bool
oracle_settle_any(struct oracle *o, struct member *m, size_t skip, bool take)
{
	struct settling s = {.skip = skip};

	if (m->f == NULL || sim_dead(m->h) || mf_folder_conflicts(m->f, pick_conflict, &s, NULL) != MF_OK || !s.done ||
		cast_is_away(m, s.path))
		return false;
	uint64_t how = sim_random(m->cast->w, 10);
	if (how < 4)
		oracle_resolve(o, m, s.path, s.slot, take);
	else if (how < 5 && take)
		oracle_settle_edited(o, m, s.path, s.slot);
	else
		oracle_settle_one(o, m, s.path, s.slot, take);
	return true;
}
