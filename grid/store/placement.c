/* Permutation, happiness, placement. */
#include "grid/store/placement.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/base32.h"

enum { NONE = -1, SHA1_SIZE = 20, V0_KEY_TEXT = 52 };

/* -- permutation -------------------------------------------------------------------------------------------- */

static bool
seed_decode(mf_str base32, mf_seed *out)
{
	return base32.n > 0 && base32.n * 5 / 8 <= MF_SEED_MAX && mf_unb32(out->p, &out->n, base32);
}

void
mf_seed_of(mf_str base32, mf_str id, mf_seed *out)
{
	static const mf_str v0 = MF_STR("v0-");

	if (seed_decode(base32, out))
		return;
	if (mf_str_starts(id, v0) && id.n == v0.n + V0_KEY_TEXT && seed_decode((mf_str){id.p + v0.n, V0_KEY_TEXT}, out))
		return;
	mf_sha256(id.p, id.n, out->p);
	out->n = MF_HASH_SIZE;
}

struct ranked {
	uint8_t hash[SHA1_SIZE];
	size_t index;
};

static int
by_hash(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int c = memcmp(x->hash, y->hash, SHA1_SIZE);

	return c != 0 ? c : (x->index > y->index) - (x->index < y->index);
}

void
mf_permute(const uint8_t si[MF_KEY_SIZE], const mf_seed *seed, size_t n, size_t *order)
{
	struct ranked *r = mf_alloc((n + 1) * sizeof(*r));

	for (size_t i = 0; i < n; i++) {
		uint8_t in[MF_KEY_SIZE + MF_SEED_MAX];

		memcpy(in, si, MF_KEY_SIZE);
		memcpy(in + MF_KEY_SIZE, seed[i].p, seed[i].n);
		if (EVP_Digest(in, MF_KEY_SIZE + seed[i].n, r[i].hash, NULL, EVP_sha1(), NULL) != 1)
			MF_BUG("SHA-1 failed");
		r[i].index = i;
	}
	qsort(r, n, sizeof(*r), by_hash);
	for (size_t i = 0; i < n; i++)
		order[i] = r[i].index;
	free(r);
}

/* -- matching ------------------------------------------------------------------------------------------------- */

/* Invariant: share_of[s] == h exactly if server_of[h] == s. */
struct matching {
	int server_of[MF_SHARE_SET]; /* NONE: the share is free */
	int *share_of;               /* NONE: the server is */
	int *queue;                  /* room for one search */
	size_t n;
};

static void
matching_init(struct matching *m, size_t n)
{
	m->n = n;
	m->share_of = mf_realloc_array(NULL, n + 1, sizeof(*m->share_of));
	m->queue = mf_realloc_array(NULL, n + 1, sizeof(*m->queue));
	for (size_t i = 0; i < n; i++)
		m->share_of[i] = NONE;
	for (size_t i = 0; i < MF_SHARE_SET; i++)
		m->server_of[i] = NONE;
}

static void
matching_deinit(struct matching *m)
{
	free(m->share_of);
	free(m->queue);
}

/* Give share @p h to the server that the search came from, whose own share goes to the one before, and so on. */
static void
flip(struct matching *m, const int from[MF_SHARE_SET], int start, int h)
{
	for (int s = from[h];; s = from[h]) {
		int before = m->share_of[s];

		m->server_of[h] = s;
		m->share_of[s] = h;
		if (s == start)
			return;
		h = before;
	}
}

/* Kuhn: a path from server @p start to a free share, through servers that can take another one instead of theirs;
 * breadth first, so that nothing recurs.  @p edge: what each server may take. */
static bool
augment(struct matching *m, const mf_share_set *edge, int start)
{
	int from[MF_SHARE_SET];
	size_t head = 0, tail = 0;

	for (size_t i = 0; i < MF_SHARE_SET; i++)
		from[i] = NONE;
	m->queue[tail++] = start;
	while (head < tail) {
		int s = m->queue[head++];

		for (uint32_t h = mf_share_set_next(&edge[s], 0); h < MF_SHARE_SET;
			h = mf_share_set_next(&edge[s], h + 1)) {
			if (from[h] != NONE)
				continue;
			from[h] = s;
			if (m->server_of[h] == NONE) {
				flip(m, from, start, (int)h);
				return true;
			}
			m->queue[tail++] = m->server_of[h]; /* each server once: its share is seen once */
		}
	}
	return false;
}

unsigned
mf_happiness(const mf_share_set *held, size_t n)
{
	struct matching m;
	unsigned happy = 0;

	matching_init(&m, n);
	for (size_t i = 0; i < n; i++)
		happy += augment(&m, held, (int)i);
	matching_deinit(&m);
	return happy;
}

/* -- the plan -------------------------------------------------------------------------------------------------- */

/* Shares that are where they shall stay: first on servers that cannot be written, then on the others. */
static void
keep(struct matching *m, const mf_candidate *server, size_t n, uint32_t shares)
{
	mf_share_set *edge = mf_alloc((n + 1) * sizeof(*edge)), wanted = {0};

	for (uint32_t h = 0; h < shares; h++)
		mf_share_set_add(&wanted, h);
	for (int writable = 0; writable < 2; writable++) {
		for (size_t i = 0; i < n; i++)
			for (size_t w = 0; w < MF_SHARE_SET / 64; w++)
				edge[i].bits[w] = server[i].writable == (writable == 1)
					? server[i].held.bits[w] & wanted.bits[w]
					: 0;
		for (size_t i = 0; i < n; i++)
			(void)augment(m, edge, (int)i);
		for (uint32_t h = 0; h < shares; h++) /* the writable ones leave these alone */
			if (m->server_of[h] != NONE)
				mf_share_set_remove(&wanted, h);
	}
	free(edge);
}

/* The writable server with the fewest shares in the plan; the first of them. */
static int
emptiest(const mf_candidate *server, const unsigned *load, size_t n)
{
	int best = NONE;

	for (size_t i = 0; i < n; i++)
		if (server[i].writable && (best == NONE || load[i] < load[best]))
			best = (int)i;
	return best;
}

static int
holder(const mf_candidate *server, size_t n, uint32_t share)
{
	for (size_t i = 0; i < n; i++)
		if (server[i].writable && mf_share_set_has(&server[i].held, share))
			return (int)i;
	return NONE;
}

void
mf_plan_homes(const mf_candidate *server, size_t n, uint32_t shares, int home[MF_SHARE_SET])
{
	unsigned *load = mf_alloc((n + 1) * sizeof(*load));
	struct matching m;
	size_t next = 0;

	matching_init(&m, n);
	keep(&m, server, n, shares);
	for (uint32_t h = 0; h < shares; h++) {
		while (m.server_of[h] == NONE && next < n && (!server[next].writable || m.share_of[next] != NONE))
			next++;
		if (m.server_of[h] == NONE && next < n) {
			m.server_of[h] = (int)next;
			m.share_of[next] = (int)h;
		}
		home[h] = m.server_of[h];
		if (home[h] != NONE)
			load[home[h]]++;
	}
	for (uint32_t h = 0; h < shares; h++) {
		if (home[h] != NONE)
			continue;
		home[h] = holder(server, n, h);
		if (home[h] == NONE)
			home[h] = emptiest(server, load, n);
		if (home[h] != NONE)
			load[home[h]]++;
	}
	matching_deinit(&m);
	free(load);
}
