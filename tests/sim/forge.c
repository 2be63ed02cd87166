/* Snapshots and links that the engine did not make. */
#include "forge.h"

#include <criterion/criterion.h>
#include <sodium.h>

static mf_filecap
put(struct member *m, mf_str bytes)
{
	mf_source src = mf_source_mem(bytes.p, bytes.n);
	struct mf_grid *g = sim_grid_of(m->h);
	mf_filecap cap;

	cr_assert(g->ops->put(g, &src, &cap, NULL, NULL) == MF_OK);
	return cap;
}

void
forge_key(const uint8_t seed[32], uint8_t key[32])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	(void)crypto_sign_seed_keypair(key, secret, seed);
}

mf_immdir
forge(struct member *m, const forged *what)
{
	const mf_folder_conf *conf = mf_folder_config(m->f);
	struct mf_grid *g = sim_grid_of(m->h);
	mf_snapshot s = {.relpath = mf_strdup(mf_strz(what->relpath)),
		.author = mf_strdup(mf_strz(what->author == NULL ? conf->author : what->author)),
		.has_mtime = true,
		.mtime_s = what->mtime_s == 0 ? 1600000000 : what->mtime_s};
	const uint8_t *seed = what->seed == NULL ? conf->seed : what->seed;
	mf_buf doc = {0}, store = {0};
	mf_link links[2];
	mf_immdir cap;

	forge_key(seed, s.author_key);
	if (what->parent != NULL) {
		s.parents = mf_realloc_array(NULL, 1, sizeof(*s.parents));
		s.parents[0] = *what->parent;
		s.n_parents = 1;
	}
	s.content = put(m, mf_strz(what->text));
	mf_snapshot_document(&s, &doc);
	s.metadata_cap = put(m, mf_buf_str(&doc));
	mf_snapshot_links(&s, seed, 1600000000, links, &store);
	cr_assert(g->ops->put_dir(g, links, 2, &cap, NULL, NULL) == MF_OK);
	mf_snapshot_clear(&s);
	mf_buf_free(&doc);
	mf_buf_free(&store);
	return cap;
}

void
forge_link(struct member *m, const char *entry, const char *cap)
{
	mf_link link = {.name = mf_strz(entry), .cap = mf_strz(cap)};

	cr_assert(sim_poke_dir(m->cast->w, &mf_folder_config(m->f)->personal, &link, 1) == MF_OK);
}
