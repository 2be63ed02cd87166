/* Three people, names and files in the way: conformance cases 11, 13, 14, 18, 39, and recorded
 * objects of the reference implementation, cases 4 and 13. */
#include <stdlib.h>

#include <criterion/criterion.h>
#include <jansson.h>
#include <sodium.h>

#include "cast.h"

#define NFD_NAME "e\xcc\x81" /* e and a combining acute */
#define NFC_NAME "\xc3\xa9"

struct trio {
	struct cast c;
	struct member *a, *b, *d;
};

static void
trio_init(struct trio *t, uint64_t seed, const char *a, const char *b, const char *d)
{
	cast_init(&t->c, seed);
	t->c.dark = true;
	t->a = cast_add(&t->c, a);
	t->b = cast_add(&t->c, b);
	t->d = cast_add(&t->c, d);
}

Test(engine_three, case_11_what_two_say_is_fetched_once, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 11, "alice", "bob", "carol");
	uint64_t gets = sim_count(t.d->h, SIM_GET), updates = sim_count(t.d->h, SIM_UPDATE);
	cast_write(t.a, "p", LONG1);
	cast_publish(t.a);
	cast_receive(t.b);
	cast_receive(t.d);
	cr_assert(cast_has(t.d, "p", LONG1) && cast_conflicts(t.d) == 0);
	cr_assert(sim_count(t.d->h, SIM_GET) - gets == 2, "metadata and content, %llu",
		(unsigned long long)(sim_count(t.d->h, SIM_GET) - gets));
	cr_assert(sim_count(t.d->h, SIM_UPDATE) - updates == 1);
	cast_end(&t.c);
}

/* ---- cases 12 and 13: in whatever order directories are read, and people poll ---- */

static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

/* Who is away does not even poll by itself. */
static void
away(struct member *m, bool is)
{
	sim_trouble_of(m->h)->cut_off = is;
}

/* All have "p" in its first version; B and D are away.  Directories are read in the order of their names. */
static void
trio_behind(struct trio *t, uint64_t seed, const unsigned name[3])
{
	static const char *const names[3] = {"alice", "bob", "carol"};

	trio_init(t, seed, names[name[0]], names[name[1]], names[name[2]]);
	cast_write(t->a, "p", LONG1);
	cast_publish(t->a);
	cast_receive(t->b);
	cast_receive(t->d);
	away(t->b, true);
	away(t->d, true);
}

/* Each polls once, in this order, and has it from then on (@p text NULL: has it no more). */
static void
each_polls_once(struct trio *t, const unsigned order[3], const char *text)
{
	for (size_t i = 0; i < 3; i++) {
		struct member *m = &t->c.m[order[i]];
		away(m, false);
		cast_poll(m);
		cr_assert(text == NULL ? !cast_exists(m, "p") : cast_has(m, "p", text), "one poll suffices: %s, %zu.",
			m->name, i);
		sim_run_for(t->c.w, 3000);
		away(m, true);
	}
	for (size_t i = 0; i < 3; i++)
		away(&t->c.m[i], false);
	cr_assert(cast_same_head(t->a, t->b, "p") && cast_same_head(t->a, t->d, "p"));
	cr_assert(t->a->conflicts_added + t->b->conflicts_added + t->d->conflicts_added == 0);
	uint64_t writes = cast_writes(&t->c);
	for (size_t i = 0; i < 3; i++) {
		cast_receive(&t->c.m[i]);
		cast_publish(&t->c.m[i]);
		mf_folder_status st;
		mf_folder_status_get(t->c.m[i].f, &st);
		cr_assert(st.errors == 0 && st.conflicts == 0, "%s: %s", t->c.m[i].name, st.say);
	}
	cr_assert(cast_writes(&t->c) == writes, "it is quiet");
}

Test(engine_three, case_13_three_versions_in_every_order, .timeout = 120)
{
	for (unsigned i = 0; i < 36; i++) {
		struct trio t;
		trio_behind(&t, 1300 + i, orders[i / 6]);
		cast_write(t.a, "p", LONG2);
		cast_publish(t.a);
		away(t.b, false);
		cast_receive(t.b);
		away(t.b, true);
		cr_assert(cast_same_head(t.a, t.b, "p"));
		cast_write(t.a, "p", LONG3);
		cast_publish(t.a);
		cr_assert(cast_has(t.b, "p", LONG2) && cast_has(t.d, "p", LONG1));
		each_polls_once(&t, orders[i % 6], LONG3);
		cast_end(&t.c);
	}
}

Test(engine_three, b02_case_12_a_deletion_is_no_conflict_in_any_order, .timeout = 120)
{
	for (unsigned i = 0; i < 36; i++) {
		struct trio t;
		trio_behind(&t, 1200 + i, orders[i / 6]);
		cr_assert(cast_remove(t.a, "p"));
		cast_publish(t.a);
		cr_assert(cast_exists(t.b, "p") && cast_exists(t.d, "p"));
		each_polls_once(&t, orders[i % 6], NULL);
		cast_end(&t.c);
	}
}

Test(engine_three, case_14_who_never_updates_costs_nothing, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 16, "alice", "bob", "carol");
	cast_write(t.a, "p", LONG1);
	cast_publish(t.a);
	cast_receive(t.b);
	cast_close(t.b);
	cast_write(t.a, "p", LONG2);
	cast_publish(t.a);
	cast_receive(t.a);
	cast_write(t.a, "p", LONG3);
	cast_publish(t.a);
	cast_receive(t.a);
	uint64_t gets = sim_count(t.a->h, SIM_GET), downloads = t.a->downloads;
	for (int i = 0; i < 3; i++)
		cast_receive(t.a);
	cr_assert(sim_count(t.a->h, SIM_GET) == gets && t.a->downloads == downloads);
	cr_assert(cast_has(t.a, "p", LONG3));
	cast_end(&t.c);
}

static struct member *
join_with_file(struct trio *t, const char *name, const char *text)
{
	struct member *m = cast_join(&t->c, name, NULL);

	cast_write(m, "p", text);
	cast_open(m);
	cast_poll(m);
	cast_scan(m);
	sim_run_for(t->c.w, 5000);
	return m;
}

Test(engine_three, case_18_a_file_in_the_way, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 18, "alice", "bob", "carol");
	cast_write(t.a, "p", LONG1);
	cast_publish(t.a);
	struct member *other = join_with_file(&t, "dora", LONG2);
	cr_assert(cast_has(other, "p", LONG2) && cast_conflicts(other) == 1);
	cr_assert(cast_has(other, "p.conflict-alice", LONG1));
	struct member *same = join_with_file(&t, "erik", LONG1);
	cr_assert(cast_has(same, "p", LONG1) && cast_conflicts(same) == 0 && same->conflicts_added == 0);
	cr_assert(cast_same_head(t.a, same, "p"));
	cast_end(&t.c);
}

Test(engine_three, b09_case_39_a_name_in_nfd_is_one_name, .timeout = 60)
{
	struct trio t;
	mf_listing l;
	mf_immdir cap;
	mf_snapshot s;

	trio_init(&t, 39, "alice", "bob", "carol");
	cast_write(t.a, NFD_NAME, LONG1);
	cast_publish(t.a);
	cr_assert(sim_peek_dir(t.c.w, &t.a->personal, &l) == MF_OK && l.n == 2);
	cr_assert(mf_listing_find(&l, MF_STR(NFC_NAME)) != NULL);
	mf_listing_free(&l);
	cr_assert(cast_head(t.a, NFD_NAME, &cap, &s) && strcmp(s.relpath, NFD_NAME) == 0);
	mf_snapshot_clear(&s);
	cast_receive(t.b);
	cr_assert(cast_has(t.b, NFD_NAME, LONG1) && !cast_exists(t.b, NFC_NAME) && t.b->downloads == 1);
	uint64_t before = cast_writes(&t.c);
	cast_receive(t.b);
	cast_publish(t.b);
	cast_receive(t.a);
	cast_close(t.b);
	cast_open(t.b);
	cast_receive(t.b);
	cast_publish(t.b);
	cr_assert(t.b->downloads == 1 && cast_writes(&t.c) == before);
	cast_end(&t.c);
}

/* ---- golden/grid-sample.json ---- */

static json_t *
at(json_t *o, const char *a, const char *b)
{
	json_t *v = json_object_get(o, a);

	return b == NULL ? v : json_object_get(v, b);
}

static void
check_files(struct member *m, json_t *want)
{
	const char *relpath;
	json_t *v;
	size_t files = 0;

	json_object_foreach(want, relpath, v)
	{
		mf_buf bytes = {0};
		mf_stat st;
		uint8_t sha[32];
		char hex[65];
		cr_assert(sim_read(m->h, cast_path(relpath), &bytes), "%s has not arrived", relpath);
		cr_assert(sim_stat(m->h, cast_path(relpath), &st));
		(void)crypto_hash_sha256(sha, bytes.p, bytes.n);
		mf_hex(hex, sha, sizeof(sha));
		mf_buf_free(&bytes);
		cr_assert(strcmp(hex, json_string_value(at(v, "sha256", NULL))) == 0, "%s", relpath);
		cr_assert(st.mtime_ns == json_integer_value(at(v, "mtime", NULL)) * 1000000000, "%s", relpath);
		files++;
	}
	mf_folder_status status;
	mf_folder_status_get(m->f, &status);
	cr_assert(status.files == files, "%llu", (unsigned long long)status.files);
}

static void
check_links(struct member *m, json_t *want)
{
	const char *entry;
	json_t *v;
	mf_listing l;

	cr_assert(sim_peek_dir(m->cast->w, &m->personal, &l) == MF_OK && l.n == json_object_size(want) + 1);
	json_object_foreach(want, entry, v)
	{
		const mf_child *c = mf_listing_find(&l, mf_strz(entry));
		cr_assert(c != NULL && mf_str_eq(c->ro, mf_strz(json_string_value(v))), "%s", entry);
	}
	mf_listing_free(&l);
}

Test(engine_three, cases_04_13_a_newcomer_reads_what_python_wrote, .timeout = 60)
{
	const char *path = MF_SRCDIR "/tests/golden/grid-sample.json";
	json_t *doc = json_load_file(path, 0, NULL);
	struct cast c;
	mf_err err = {0};
	mf_dirread collective;

	cr_assert(doc != NULL);
	cast_init(&c, 4);
	c.dark = true;
	cr_assert(sim_install_sample(c.w, path, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_dirread_parse(mf_strz(json_string_value(at(doc, "collective", "read"))), &collective, &err) ==
		MF_OK);
	struct member *m = cast_join(&c, "newcomer", &collective);
	uint64_t snapshots = sim_count(m->h, SIM_PUT_DIR);
	cast_open(m);
	cast_poll(m);
	sim_run_for(c.w, 3000);
	check_files(m, at(doc, "expected_newcomer", "files"));
	check_links(m, at(doc, "expected_newcomer", "links"));
	cr_assert(cast_conflicts(m) == 0 && m->conflicts_added == 0);
	uint64_t writes = cast_writes(&c);
	cast_publish(m);
	cast_receive(m);
	cr_assert(sim_count(m->h, SIM_PUT_DIR) == snapshots, "it makes no snapshot of its own");
	cr_assert(cast_writes(&c) == writes);
	cast_end(&c);
	json_decref(doc);
}
