/* Rules in a random life: .magicignore files that come and go, and whether they are kept to. */
#include <stdlib.h>

#include "life_int.h"
#include "sync/local/ignore.h"

enum { READ_MS = 10000 };

static const uint8_t hash_key[16] = "linked snapshots";

void
life_rules_user(struct life *l, struct member *m)
{
	static const char *const text[] = {"i/\n", "i/a\n", "# nothing\n", "i/*\n!i/b\n", "*b\n!a@b\n"};
	struct sim_world *w = l->c.w;

	if (sim_chance(w, 250))
		oracle_delete(&l->o, m, MF_IGNORE_NAME);
	else
		oracle_write_text(&l->o, m, MF_IGNORE_NAME, (unsigned)sim_random(w, 2),
			text[sim_random(w, sizeof(text) / sizeof(text[0]))]);
	l->out->did[LIFE_DID_CHANGE_RULES]++;
}

static void
look(struct life *l, struct member *m)
{
	struct life_rules *r = &l->rules[m - l->c.m];
	mf_stat st = {0};
	mf_buf text = {0};

	if (m->away == NULL && sim_stat(m->h, cast_path(MF_IGNORE_NAME), &st))
		(void)sim_read(m->h, cast_path(MF_IGNORE_NAME), &text);
	if (r->ig == NULL || st.ino != r->st.ino || st.ctime_ns != r->st.ctime_ns || st.size != r->st.size) {
		mf_ignore_free(r->ig);
		r->ig = mf_ignore_new();
		r->st = st;
		r->since_ms = sim_now_ms(l->c.w);
		if (st.ino != 0)
			(void)mf_ignore_set(r->ig, "", mf_buf_str(&text), NULL);
	}
	mf_buf_free(&text);
}

void
life_rules_look(struct life *l)
{
	for (size_t i = 0; i < l->c.n && (l->with & LIFE_RULES) != 0; i++)
		look(l, &l->c.m[i]);
}

bool
life_rules_ignored(struct life *l, const struct member *m, const char *path)
{
	const struct life_rules *r = &l->rules[m - l->c.m];

	return r->ig != NULL && mf_ignored(r->ig, path);
}

static bool
is_news(struct life *l, const char *cap)
{
	uint64_t hash = mf_hash_keyed(hash_key, cap, strlen(cap));

	for (size_t i = 0; i < l->n_linked; i++)
		if (l->linked[i] == hash)
			return false;
	l->linked = mf_realloc_array(l->linked, l->n_linked + 1, sizeof(*l->linked));
	l->linked[l->n_linked++] = hash;
	return true;
}

/* Rules count from when they were read: at once, or by the next scan. */
void
life_rules_link(struct life *l, const char *cap, const mf_snapshot *s)
{
	if ((l->with & LIFE_RULES) == 0 || !is_news(l, cap))
		return;
	life_rules_look(l);
	for (size_t i = 0; i < l->c.n; i++) {
		struct member *m = &l->c.m[i];
		int64_t ms = sim_now_ms(l->c.w) - l->rules[i].since_ms;
		if (strcmp(m->name, s->author) == 0 && (l->with & LIFE_DEAF) == 0 &&
			ms > READ_MS + 2000 * (int64_t)l->c.scan_s && life_rules_ignored(l, m, s->relpath))
			judge_wrong(&l->judge, "%s published %s, which it has ignored for %lld ms", m->name, s->relpath,
				(long long)ms);
	}
}

void
life_rules_free(struct life *l)
{
	for (size_t i = 0; i < CAST_MAX; i++)
		mf_ignore_free(l->rules[i].ig);
	free(l->linked);
}
