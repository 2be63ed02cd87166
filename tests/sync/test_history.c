/* Histories in the index: what chains answer is what a walk would, and costs nothing of what lies between. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "sync/plan/planner.h"
#include "tests/sync/fixture.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)

static uint64_t seed = 20261128;

static unsigned
below(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* Snapshot @p n with content @p content: 0 is a deletion, an even one is known by its capability alone. */
static void
put(struct mf_state *s, unsigned n, unsigned content, const unsigned *parent, size_t n_parents)
{
	mf_immdir cap[4];
	mf_snap_row row = {.cap = fixture_snap(n),
		.relpath = (char *)"d/x",
		.author = (char *)"bob",
		.deletion = content == 0,
		.content = fixture_file(content % 2 == 0 ? content : 100 + n),
		.metadata_cap = fixture_file(n + 1000),
		.size = 10,
		.has_sha = content % 2 == 1,
		.sha = {(uint8_t)content, (uint8_t)(content >> 8), (uint8_t)(content >> 16)},
		.ours_mark = true,
		.parents = cap,
		.n_parents = n_parents};

	for (size_t i = 0; i < n_parents; i++)
		cap[i] = fixture_snap(parent[i]);
	OK(mf_state_snap_put(s, &row, &err));
}

static mf_snap_alike
alike(unsigned content)
{
	static mf_filecap cap;

	cap = fixture_file(content);
	return (mf_snap_alike){.relpath = "d/x",
		.deletion = content == 0,
		.content = content % 2 == 0 ? cap.text : NULL,
		.has_sha = content % 2 == 1,
		.sha = {(uint8_t)content, (uint8_t)(content >> 8), (uint8_t)(content >> 16)},
		.size = 10};
}

/* ---- random histories ------------------------------------------------------------------------------------------ */

enum { MOST = 24, WORLDS = 60, CONTENTS = 5 };

struct world {
	unsigned n, content[MOST];
	uint32_t anc[MOST], past; /* bit masks; past: those with a child */
};

static void
make(struct world *w, struct mf_state *s, unsigned first)
{
	*w = (struct world){.n = 3 + below(MOST - 2)};
	for (unsigned i = 0; i < w->n; i++) {
		unsigned parent[3], number[3];
		size_t n = 0;
		w->content[i] = below(CONTENTS);
		w->anc[i] = 1u << i;
		for (unsigned k = i == 0 ? 0 : below(8) < 5 ? 1 : below(4); k > 0; k--) {
			unsigned p = below(3) == 0 ? below(i) : i - 1;
			if ((w->anc[i] >> p & 1) != 0)
				continue;
			parent[n] = p;
			number[n++] = first + p;
			w->anc[i] |= w->anc[p];
		}
		for (size_t k = 0; k < n; k++)
			w->past |= 1u << parent[k];
		put(s, first + i, w->content[i], number, n);
	}
}

/* The newest of their lines among those with the content of @p x below @p y and not below @p x. */
static uint32_t
naive_beyond(const struct world *w, unsigned x, unsigned y)
{
	uint32_t all = 0, newest = 0;

	for (unsigned z = 0; z < w->n; z++)
		if ((w->anc[y] & ~w->anc[x] & w->past) >> z & 1 && w->content[z] == w->content[x])
			all |= 1u << z;
	newest = all;
	for (unsigned z = 0; z < w->n; z++)
		if (all >> z & 1)
			newest &= ~(w->anc[z] & ~(1u << z));
	return newest;
}

static uint32_t
index_beyond(struct mf_state *s, const struct world *w, unsigned first, unsigned x, unsigned y)
{
	mf_immdir cx = fixture_snap(first + x), cy = fixture_snap(first + y), *found;
	mf_snap_alike what = alike(w->content[x]);
	const char *xs[] = {cx.text};
	uint32_t got = 0;
	size_t n;

	OK(mf_state_snap_beyond(s, &what, xs, 1, cy.text, 1000, &found, &n, &err));
	for (size_t i = 0; i < n; i++)
		for (unsigned z = 0; z < w->n; z++)
			if (strcmp(found[i].text, fixture_snap(first + z).text) == 0)
				got |= 1u << z;
	cr_assert((size_t)__builtin_popcount(got) == n, "of this history, each once");
	free(found);
	return got;
}

static void
check(struct mf_state *s, const struct world *w, unsigned first)
{
	for (unsigned x = 0; x < w->n; x++)
		for (unsigned y = 0; y < w->n; y++) {
			mf_immdir a = fixture_snap(first + x), b = fixture_snap(first + y);
			bool yes;
			OK(mf_state_snap_ancestor(s, a.text, b.text, &yes, &err));
			cr_assert(yes == ((w->anc[y] >> x & 1) != 0), "%u in the history of %u", x, y);
			uint32_t want = naive_beyond(w, x, y), got = index_beyond(s, w, first, x, y);
			cr_assert(got == want, "as %u beyond it below %u: %x, expected %x", x, y, got, want);
		}
}

#define DUMP(cols, table) "(SELECT group_concat(line, ';') FROM (SELECT " cols " AS line FROM " table "))"
#define CHAINS \
	"SELECT " DUMP("printf('%d.%d.%d', id, chain, flags)", "snapshots ORDER BY id") " || ' ' || " DUMP( \
		"printf('%d.%d.%d.%d', chain, depth, to_chain, to_depth)", \
		"exits") " || ' ' || " DUMP("printf('%s.%s.%d', relpath, hex(piece), snapshot)", "past")

Test(history, chains_answer_what_a_walk_would, .timeout = 60)
{
	struct world w[WORLDS];
	struct fixture f;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	for (unsigned i = 0; i < WORLDS; i++)
		make(&w[i], s, 1000 + i * MOST);
	for (unsigned i = 0; i < WORLDS; i++)
		check(s, &w[i], 1000 + i * MOST);
	bool yes;
	cr_assert(mf_state_snap_ancestor(s, fixture_snap(1000).text, "URI:DIR2-CHK:x", &yes, &err) == MF_ENOTFOUND);
	mf_state_close(s);

	/* As version 2 had it; what an upgrade makes of it is what was there. */
	char *was = fixture_ask(&f, "index.sqlite", CHAINS);
	fixture_sql(&f, "index.sqlite",
		"DROP TABLE exits; DROP TABLE past; UPDATE snapshots SET flags = flags & 7;"
		" ALTER TABLE snapshots DROP COLUMN chain; PRAGMA user_version = 2");
	s = fixture_open(&f);
	char *is = fixture_ask(&f, "index.sqlite", CHAINS);
	cr_assert(strcmp(was, is) == 0, "was\n%.2000s\nis\n%.2000s", was, is);
	check(s, &w[0], 1000);
	mf_state_close(s);
	free(was);
	free(is);
	fixture_end(&f);
}

Test(history, a_hash_that_becomes_known_is_found_by, .timeout = 20)
{
	struct fixture f;
	uint8_t sha[32] = {7};
	mf_immdir y = fixture_snap(2), *found;
	mf_snap_alike what = alike(7);
	size_t n;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	put(s, 1, 2, NULL, 0);
	put(s, 2, 4, (unsigned[]){1}, 1);
	OK(mf_state_snap_beyond(s, &what, NULL, 0, y.text, 9, &found, &n, &err));
	cr_assert(n == 0);
	free(found);
	OK(mf_state_snap_set_sha(s, fixture_snap(1).text, sha, &err));
	OK(mf_state_snap_beyond(s, &what, NULL, 0, y.text, 9, &found, &n, &err));
	cr_assert(n == 1 && strcmp(found[0].text, fixture_snap(1).text) == 0);
	free(found);
	mf_state_close(s);
	fixture_end(&f);
}

/* ---- ten thousand versions --------------------------------------------------------------------------------------- */

enum { LONG = 10000 };

/* A history as the engine has it: a snapshot's number is that of its capability. */
struct history {
	struct mf_state *s;
	mf_snap_row row[LONG + 8];
	mf_snap snap[LONG + 8];
	mf_sid parent[LONG + 8][2];
	unsigned loaded;
};

static mf_sid
number_of(const char *cap)
{
	return (mf_sid)strtoul(strrchr(cap, ':') + 1, NULL, 10) - 400; /* see fixture_snap() */
}

static const mf_snap *
get(void *arg, mf_sid sid)
{
	struct history *h = arg;
	mf_snap *p = &h->snap[sid];
	mf_snap_row *row = &h->row[sid];

	if (p->cap.n > 0)
		return p;
	h->loaded++;
	OK(mf_state_snap_get(h->s, fixture_snap(sid).text, row, &err));
	*p = (mf_snap){.cap = mf_strz(row->cap.text),
		.content = {.deletion = row->deletion,
			.cap = mf_strz(row->content.text),
			.size = row->size,
			.has_sha = row->has_sha},
		.parents = h->parent[sid],
		.n_parents = row->n_parents,
		.depth = row->depth};
	memcpy(p->content.sha, row->sha, 32);
	for (size_t i = 0; i < row->n_parents; i++)
		h->parent[sid][i] = number_of(row->parents[i].text);
	return p;
}

static bool
ancestor(void *arg, mf_sid anc, mf_sid of)
{
	struct history *h = arg;
	bool yes;

	OK(mf_state_snap_ancestor(h->s, fixture_snap(anc).text, fixture_snap(of).text, &yes, &err));
	return yes;
}

static mf_sid *
beyond(void *arg, const mf_content *what, const mf_sid *x, size_t n_x, mf_sid y, size_t most, size_t *n)
{
	struct history *h = arg;
	mf_immdir cap = fixture_snap(x[0]), *found;
	const char *xs[] = {cap.text};
	mf_snap_alike a = {.relpath = "d/x", .content = what->cap.p, .has_sha = what->has_sha, .size = what->size};

	cr_assert(n_x == 1);
	memcpy(a.sha, what->sha, 32);
	OK(mf_state_snap_beyond(h->s, &a, xs, 1, fixture_snap(y).text, most, &found, n, &err));
	mf_sid *out = mf_alloc((*n + 1) * sizeof(*out));
	for (size_t i = 0; i < *n; i++)
		out[i] = number_of(found[i].text);
	free(found);
	return out;
}

/* Relate both ways; what was loaded and read for it. */
static void
costs(struct history *h, mf_sid x, mf_sid r, enum mf_relation want, unsigned most)
{
	mf_history asked = {.get = get, .arg = h, .ancestor = ancestor, .beyond = beyond};
	uint64_t exits = mf_state_exits_read(h->s);

	for (size_t i = 0; i < LONG + 8; i++)
		mf_snap_row_clear(&h->row[i]);
	memset(h->snap, 0, sizeof(h->snap));
	h->loaded = 0;
	enum mf_relation got = mf_relate(&asked, x, r);
	cr_assert(got == want, "%u to %u: %d, expected %d", x, r, (int)got, (int)want);
	exits = mf_state_exits_read(h->s) - exits;
	cr_assert(h->loaded <= most && exits <= most, "%u to %u: %u snapshots loaded, %llu exits read", x, r, h->loaded,
		(unsigned long long)exits);
}

static mf_code
put_line(void *arg, mf_err *e)
{
	(void)e;
	for (unsigned i = 1; i <= LONG; i++)
		put(arg, i, i % 2 == 0 ? i : 100000 + i, (unsigned[]){i - 1}, i > 1);
	return MF_OK;
}

Test(history, ten_thousand_versions_cost_what_ten_do, .timeout = 240)
{
	struct history *h = mf_alloc(sizeof(*h));
	struct fixture f;

	fixture_start(&f);
	fixture_create(&f);
	h->s = fixture_open(&f);
	OK(mf_state_txn(h->s, put_line, h->s, &err));
	put(h->s, LONG + 1, 20002, (unsigned[]){2}, 1);              /* edited on an old version */
	put(h->s, LONG + 2, 50, (unsigned[]){2}, 1);                 /* the same change as version 50 */
	put(h->s, LONG + 3, 20004, (unsigned[]){LONG + 1, LONG}, 2); /* merged */
	costs(h, 5, LONG, MF_REL_NEWER, 200);
	costs(h, LONG, 5, MF_REL_OLDER, 200);
	costs(h, LONG + 1, LONG, MF_REL_CONFLICT, 200);
	costs(h, LONG, LONG + 1, MF_REL_CONFLICT, 200);
	costs(h, LONG + 2, LONG, MF_REL_NEWER, 200);
	costs(h, LONG + 1, LONG + 3, MF_REL_NEWER, 200);
	costs(h, 77, LONG + 3, MF_REL_NEWER, 200);
	for (size_t i = 0; i < LONG + 8; i++)
		mf_snap_row_clear(&h->row[i]);
	mf_state_close(h->s);
	free(h);
	fixture_end(&f);
}
