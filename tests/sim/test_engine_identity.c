/* Whose signatures count (docs/identity.md): each rule in a simulated world. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/base32.h"
#include "forge.h"
#include "sync/engine.h"
#include "sync/state/impl.h"

static const uint8_t stranger[32] = {0x5e, 1}, stranger2[32] = {0x5e, 2};

/* "alice! bob:first carol? | bob<alice:2 | dave": people with how their key came to be known, changed keys with where and how
 * many files, other keys. */
struct telling {
	mf_buf people, changed, other;
	uint8_t key[32]; /* of the last changed one */
};

static void
tell_person(void *arg, const mf_person *p)
{
	static const char *const how[] = {"", "first", "listed", "user", "shared", "ours"};
	struct telling *t = arg;

	mf_buf_addf(&t->people, "%s%s%s ", p->name,
		p->is_self           ? "!"
			: p->has_key ? ":"
				     : "?",
		p->is_self || !p->has_key ? "" : how[p->how]);
}

static void
tell_changed(void *arg, const mf_new_key *k)
{
	struct telling *t = arg;

	mf_buf_addf(&t->changed, "%s<%s:%zu ", k->participant, k->shown_by, k->files);
	memcpy(t->key, k->key, sizeof(t->key));
}

static void
tell_other(void *arg, const uint8_t key[32], const char *participant, const char *author, int64_t since_ns)
{
	struct telling *t = arg;

	(void)key;
	(void)since_ns;
	mf_buf_addf(&t->other, "%s/%s ", participant, author);
}

static void
ask(struct member *m, struct telling *t)
{
	mf_key_visitor v = {tell_person, tell_changed, tell_other, t};

	*t = (struct telling){0};
	mf_buf_addz(&t->people, "");
	mf_buf_addz(&t->changed, "");
	mf_buf_addz(&t->other, "");
	cr_assert(mf_folder_keys(m->f, &v, NULL) == MF_OK);
}

static void
told(struct telling *t)
{
	mf_buf_free(&t->people);
	mf_buf_free(&t->changed);
	mf_buf_free(&t->other);
}

#define KNOWS(m, want_people, want_changed, want_other) \
	do { \
		struct telling t_; \
		ask(m, &t_); \
		cr_assert(mf_str_eq(mf_buf_str(&t_.people), MF_STR(want_people)), "%.*s", (int)t_.people.n, \
			(char *)t_.people.p); \
		cr_assert(mf_str_eq(mf_buf_str(&t_.changed), MF_STR(want_changed)), "%.*s", (int)t_.changed.n, \
			(char *)t_.changed.p); \
		cr_assert(mf_str_eq(mf_buf_str(&t_.other), MF_STR(want_other)), "%.*s", (int)t_.other.n, \
			(char *)t_.other.p); \
		told(&t_); \
	} while (0)

struct trio {
	struct cast c;
	struct member *a, *b, *d;
};

/* alice, who made the folder, bob and carol; each has published one file and has the others'. */
static void
trio_init(struct trio *t, uint64_t seed)
{
	struct member **m[] = {&t->a, &t->b, &t->d};

	cast_init(&t->c, seed);
	t->c.dark = true;
	t->a = cast_add(&t->c, "alice");
	t->b = cast_add(&t->c, "bob");
	t->d = cast_add(&t->c, "carol");
	for (size_t i = 0; i < 3; i++) {
		cast_write(*m[i], (*m[i])->name, LONG1);
		cast_publish(*m[i]);
	}
	cast_settle(&t->c);
}

/* ---- pinned on first use ---- */

Test(engine_identity, keys_are_pinned_on_first_use_and_from_the_collective, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 201);
	KNOWS(t.a, "alice! bob:first carol:first ", "", "");
	KNOWS(t.b, "bob! alice:listed carol:first ", "", "");
	cast_close(t.b);
	cast_open(t.b);
	sim_run_for(t.c.w, 3000);
	KNOWS(t.b, "bob! alice:listed carol:first ", "", "");
	cr_assert(cast_errors(t.a) == 0 && cast_errors(t.b) == 0 && cast_errors(t.d) == 0);
	cast_end(&t.c);
}

Test(engine_identity, who_accepts_a_snapshot_links_it_and_nobody_is_alarmed, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 202);
	for (int i = 0; i < 3; i++) {
		cast_write(t.a, "p", i % 2 == 0 ? LONG2 : LONG1);
		cast_publish(t.a);
		cast_receive(t.b);
		cast_write(t.b, "q", i % 2 == 0 ? LONG3 : LONG1);
		cast_publish(t.b);
		cast_receive(t.d);
		cast_receive(t.a);
	}
	cast_settle(&t.c);
	cr_assert(cast_same_head(t.a, t.b, "p") && cast_same_head(t.a, t.d, "q"));
	cr_assert(cast_errors(t.a) == 0 && cast_errors(t.b) == 0 && cast_errors(t.d) == 0);
	KNOWS(t.d, "carol! alice:listed bob:first ", "", "");
	cast_end(&t.c);
}

/* carol joined and left before dave comes: bob's directory shows what she made. */
Test(engine_identity, a_newcomer_gets_the_files_of_people_who_have_left, .timeout = 60)
{
	struct trio t;
	mf_link gone = {.name = MF_STR("carol"), .how = MF_LINK_REMOVE};

	trio_init(&t, 203);
	cr_assert(sim_poke_dir(t.c.w, &mf_folder_config(t.a->f)->collective_write, &gone, 1) == MF_OK);
	cast_close(t.d);
	cast_receive(t.a);
	struct member *e = cast_add(&t.c, "dave");
	cast_receive(e);
	sim_run_for(t.c.w, 5000);
	cr_assert(cast_has(e, "carol", LONG1) && cast_has(e, "bob", LONG1) && cast_errors(e) == 0);
	KNOWS(e, "dave! alice:listed bob:first ", "", "/carol ");
	/* and those who knew her still do */
	KNOWS(t.a, "alice! bob:first dave? ", "", "carol/carol ");
	cast_end(&t.c);
}

/* ---- another key ---- */

Test(engine_identity, b19_another_key_is_kept_out_until_it_is_accepted, .timeout = 60)
{
	struct trio t;
	mf_immdir head;
	mf_snapshot snap;
	mf_err err = {0};
	struct telling told_;

	trio_init(&t, 204);
	cr_assert(cast_head(t.a, "bob", &head, &snap));
	mf_snapshot_clear(&snap);
	mf_immdir cap = forge(t.b, &(forged){.relpath = "bob", .text = LONG2, .seed = stranger, .parent = &head});
	mf_immdir fresh = forge(t.b, &(forged){.relpath = "new", .text = LONG3, .seed = stranger});
	mf_dirwrite bob = mf_folder_config(t.b->f)->personal;
	cast_close(t.b);
	mf_link links[2] = {
		{.name = MF_STR("bob"), .cap = mf_strz(cap.text)}, {.name = MF_STR("new"), .cap = mf_strz(fresh.text)}};
	cr_assert(sim_poke_dir(t.c.w, &bob, links, 2) == MF_OK);
	unsigned before = t.a->errors;
	for (int i = 0; i < 3; i++)
		cast_receive(t.a);
	cr_assert(cast_has(t.a, "bob", LONG1) && !cast_exists(t.a, "new") && cast_conflicts(t.a) == 0);
	cr_assert(cast_errors(t.a) == 1 && t.a->errors == before + 1, "said once: %s", t.a->last_error);
	cr_assert(strstr(t.a->last_error, "magic-folder trust bob") != NULL, "%s", t.a->last_error);
	KNOWS(t.a, "alice! bob:first carol:first ", "bob<bob:2 ", "");
	/* the rest goes on */
	cast_write(t.d, "carol", LONG2);
	cast_publish(t.d);
	cast_receive(t.a);
	cr_assert(cast_has(t.a, "carol", LONG2));
	/* a restart changes nothing */
	cast_close(t.a);
	cast_open(t.a);
	sim_run_for(t.c.w, 5000);
	KNOWS(t.a, "alice! bob:first carol:first ", "bob<bob:2 ", "");
	cr_assert(cast_has(t.a, "bob", LONG1) && !cast_exists(t.a, "new"));
	/* accepting */
	cr_assert(mf_folder_trust(t.a->f, "carol", NULL, &err) == MF_ENOTFOUND);
	cr_assert(mf_folder_trust(t.a->f, "nobody", NULL, &err) == MF_ENOTFOUND);
	cr_assert(mf_folder_trust(t.a->f, "", NULL, &err) == MF_ENOTFOUND);
	cr_assert(mf_folder_trust(t.a->f, "bob", stranger2, &err) == MF_ECHANGED);
	ask(t.a, &told_);
	cr_assert(mf_folder_trust(t.a->f, "bob", told_.key, &err) == MF_OK, "%s", err.text);
	told(&told_);
	sim_run_for(t.c.w, 5000);
	cr_assert(cast_has(t.a, "bob", LONG2) && cast_has(t.a, "new", LONG3) && cast_errors(t.a) == 0);
	KNOWS(t.a, "alice! bob:user carol:first ", "", "bob/bob ");
	cr_assert(mf_folder_trust(t.a->f, "bob", NULL, &err) == MF_ENOTFOUND);
	cast_end(&t.c);
}

/* More than are remembered one by one (4096): they are looked at again, all of them, when the key is accepted. */
Test(engine_identity, very_many_entries_of_another_key_are_kept_out_and_all_taken_when_it_is_accepted, .timeout = 900)
{
	enum { MANY = 4200 };
	mf_link *links = mf_alloc(MANY * sizeof(*links));
	mf_immdir *caps = mf_alloc(MANY * sizeof(*caps));
	char(*name)[16] = mf_alloc(MANY * sizeof(*name));
	struct trio t;
	mf_err err;

	if (getenv("MF_SOAK") == NULL)
		cr_skip_test("a quarter of a minute of one core: in make soak");
	trio_init(&t, 215);
	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "many-%04zu", i);
		caps[i] = forge(t.b, &(forged){.relpath = name[i], .text = "short", .seed = stranger});
		links[i] = (mf_link){.name = mf_strz(name[i]), .cap = mf_strz(caps[i].text)};
	}
	cr_assert(sim_poke_dir(t.c.w, &mf_folder_config(t.b->f)->personal, links, MANY) == MF_OK);
	cast_receive(t.a);
	KNOWS(t.a, "alice! bob:first carol:first ", "bob<bob:4096 ", "");
	cr_assert(!cast_exists(t.a, name[0]) && !cast_exists(t.a, name[MANY - 1]));
	cr_assert(cast_errors(t.a) == 1, "one sentence for all: %zu", (size_t)cast_errors(t.a));
	cr_assert(mf_folder_trust(t.a->f, "bob", NULL, &err) == MF_OK, "%s", err.text);
	sim_run_for(t.c.w, 60000);
	cast_receive(t.a);
	for (size_t i = 0; i < MANY; i++)
		cr_assert(cast_has(t.a, name[i], "short"), "%s was forgotten", name[i]);
	cr_assert(cast_errors(t.a) == 0);
	free(links);
	free(caps);
	free(name);
	cast_end(&t.c);
}

Test(engine_identity, it_clears_itself_when_the_entry_goes, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 205);
	mf_immdir cap = forge(t.b, &(forged){.relpath = "new", .text = LONG2, .seed = stranger});
	forge_link(t.b, "new", cap.text);
	cast_receive(t.a);
	cr_assert(cast_errors(t.a) == 1);
	mf_link gone = {.name = MF_STR("new"), .how = MF_LINK_REMOVE};
	cr_assert(sim_poke_dir(t.c.w, &mf_folder_config(t.b->f)->personal, &gone, 1) == MF_OK);
	cast_receive(t.a);
	cr_assert(cast_errors(t.a) == 0 && !cast_exists(t.a, "new"));
	KNOWS(t.a, "alice! bob:first carol:first ", "", "");
	cast_end(&t.c);
}

/* Whoever can write bob's directory signs in carol's name. */
Test(engine_identity, a_forged_name_is_reported_as_its_owners_with_the_place, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 206);
	mf_immdir cap = forge(t.b, &(forged){.relpath = "new", .text = LONG2, .seed = stranger, .author = "carol"});
	forge_link(t.b, "new", cap.text);
	cast_receive(t.a);
	cr_assert(!cast_exists(t.a, "new"));
	KNOWS(t.a, "alice! bob:first carol:first ", "carol<bob:1 ", "");
	cr_assert(strstr(t.a->last_error, "the directory of bob has") != NULL, "%s", t.a->last_error);
	cast_end(&t.c);
}

Test(engine_identity, several_keys_are_accepted_one_by_one, .timeout = 60)
{
	struct trio t;
	uint8_t key[32];
	mf_err err = {0};

	trio_init(&t, 207);
	mf_immdir one = forge(t.b, &(forged){.relpath = "one", .text = LONG2, .seed = stranger});
	mf_immdir two = forge(t.b, &(forged){.relpath = "two", .text = LONG3, .seed = stranger2});
	forge_link(t.b, "one", one.text);
	forge_link(t.b, "two", two.text);
	cast_receive(t.a);
	cr_assert(cast_errors(t.a) == 1 && mf_folder_trust(t.a->f, "bob", NULL, &err) == MF_EINVAL, "%s", err.text);
	forge_key(stranger2, key);
	cr_assert(mf_folder_trust(t.a->f, "bob", key, &err) == MF_OK);
	sim_run_for(t.c.w, 3000);
	cr_assert(!cast_exists(t.a, "one") && cast_has(t.a, "two", LONG3) && cast_errors(t.a) == 1);
	cast_end(&t.c);
}

/* ---- the Collective ---- */

Test(engine_identity, another_key_in_the_collective_is_not_taken_over, .timeout = 60)
{
	struct trio t;
	uint8_t key[32];
	mf_buf edge = {0};
	mf_dirread bob;

	trio_init(&t, 208);
	bob = t.b->personal;
	forge_key(stranger, key);
	mf_buf_addz(&edge, "{\"magic_folder\": {\"verify_key\": \"");
	mf_b32_add_upper(&edge, key, 32);
	mf_buf_addz(&edge, "\"}}");
	mf_link link = {.name = MF_STR("bob"), .cap = mf_strz(bob.text), .metadata = mf_buf_str(&edge)};
	cr_assert(sim_poke_dir(t.c.w, &mf_folder_config(t.a->f)->collective_write, &link, 1) == MF_OK);
	cast_receive(t.d);
	KNOWS(t.d, "carol! alice:listed bob:first ", "bob<:0 ", "");
	cast_write(t.b, "bob", LONG2); /* who signs as before is believed as before */
	cast_publish(t.b);
	cast_receive(t.d);
	cr_assert(cast_has(t.d, "bob", LONG2) && cast_errors(t.d) == 1);
	cr_assert(mf_folder_trust(t.d->f, "bob", NULL, NULL) == MF_OK);
	cast_receive(t.d);
	cr_assert(cast_errors(t.d) == 0);
	KNOWS(t.d, "carol! alice:listed bob:user ", "", "bob/bob ");
	mf_buf_free(&edge);
	cast_end(&t.c);
}

/* Whoever can write the Collective leads bob's name to a directory of their own. */
Test(engine_identity, an_exchanged_directory_must_be_signed_by_the_same_key, .timeout = 60)
{
	struct trio t;
	mf_dirwrite mine;
	mf_dirread ro;

	trio_init(&t, 209);
	mf_immdir cap = forge(t.b, &(forged){.relpath = "new", .text = LONG2, .seed = stranger});
	struct mf_grid *g = sim_grid_of(t.b->h);
	cr_assert(g->ops->mkdir(g, &mine, NULL, NULL) == MF_OK);
	mf_dirwrite_read(&mine, &ro);
	mf_link in = {.name = MF_STR("new"), .cap = mf_strz(cap.text)};
	cr_assert(sim_poke_dir(t.c.w, &mine, &in, 1) == MF_OK);
	mf_link link = {.name = MF_STR("bob"), .cap = mf_strz(ro.text)};
	cr_assert(sim_poke_dir(t.c.w, &mf_folder_config(t.a->f)->collective_write, &link, 1) == MF_OK);
	cast_receive(t.d);
	cast_receive(t.d);
	cr_assert(!cast_exists(t.d, "new") && cast_has(t.d, "bob", LONG1));
	KNOWS(t.d, "carol! alice:listed bob:first ", "bob<bob:1 ", "");
	cast_end(&t.c);
}

/* ---- order ---- */

/* alice's directory is read before carol's, and shows what she made; she is new. */
Test(engine_identity, what_is_seen_first_at_somebody_else_waits_for_its_owner, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 210);
	c.dark = true;
	struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob");
	cast_write(a, "alice", LONG1);
	cast_publish(a);
	cast_receive(b);
	cast_close(b);
	struct member *d = cast_add(&c, "carol");
	cast_write(d, "carol", LONG2);
	cast_publish(d);
	cast_receive(a);
	cr_assert(cast_has(a, "carol", LONG2));
	unsigned before = b->errors;
	cast_open(b);
	sim_run_for(c.w, 5000);
	cr_assert(cast_has(b, "carol", LONG2) && b->errors == before);
	KNOWS(b, "bob! alice:listed carol:first ", "", "");
	cast_end(&c);
}

/* The same, and her directory cannot be read: her file waits, with a word. */
Test(engine_identity, what_a_key_of_somebody_unread_signed_waits, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 211);
	cast_close(t.d);
	struct member *e = cast_add(&t.c, "dave");
	mf_immdir cap = forge(t.b, &(forged){.relpath = "new", .text = LONG2, .seed = stranger, .author = "dave"});
	forge_link(t.b, "new", cap.text);
	cast_open(t.d);
	sim_run_for(t.c.w, 5000);
	cr_assert(!cast_exists(t.d, "new") && cast_errors(t.d) == 1, "dave has not shown it himself");
	mf_dirwrite dave = mf_folder_config(e->f)->personal;
	mf_link link = {.name = MF_STR("new"), .cap = mf_strz(cap.text)};
	cr_assert(sim_poke_dir(t.c.w, &dave, &link, 1) == MF_OK);
	cast_receive(t.d);
	cr_assert(cast_has(t.d, "new", LONG2) && cast_errors(t.d) == 0);
	KNOWS(t.d, "carol! alice:listed bob:first dave:first ", "", "");
	cast_end(&t.c);
}

/* Invited by Python, a device may be called otherwise in the Collective than it calls itself. */
Test(engine_identity, a_participant_whose_author_is_called_otherwise, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 212);
	c.dark = true;
	struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob");
	cast_write(a, "alice", LONG1);
	cast_publish(a);
	cast_receive(b);
	cast_receive(a);
	mf_immdir one = forge(b, &(forged){.relpath = "one", .text = LONG2, .seed = stranger, .author = "login"});
	forge_link(b, "one", one.text);
	cast_receive(a);
	cr_assert(cast_has(a, "one", LONG2) && cast_errors(a) == 0, "%s", a->last_error);
	KNOWS(a, "alice! bob:first ", "", "");
	mf_immdir two = forge(b, &(forged){.relpath = "two", .text = LONG2, .seed = stranger2, .author = "login"});
	forge_link(b, "two", two.text);
	cast_receive(a);
	cr_assert(!cast_exists(a, "two") && cast_errors(a) == 1);
	cast_end(&c);
}

/* Two who have signed nothing show the same key while we are off, and neither is called as its author. */
Test(engine_identity, the_first_use_of_one_of_two_is_taken_and_no_more_than_that, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 216);
	c.dark = true;
	struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob"), *d = cast_add(&c, "carol");
	cast_receive(a);
	cast_close(a);
	mf_immdir one = forge(b, &(forged){.relpath = "one", .text = LONG2, .seed = stranger, .author = "login"});
	forge_link(b, "one", one.text);
	forge_link(d, "one", one.text);
	cast_open(a);
	sim_run_for(c.w, 5000);
	cr_assert(cast_has(a, "one", LONG2) && cast_errors(a) == 0);
	KNOWS(a, "alice! bob? carol? ", "", "/login ");
	cast_write(d, "carol", LONG3);
	cast_publish(d);
	cast_receive(a);
	cr_assert(cast_has(a, "carol", LONG3) && cast_errors(a) == 0);
	KNOWS(a, "alice! bob:first carol:first ", "", "");
	mf_immdir two = forge(b, &(forged){.relpath = "two", .text = LONG2, .seed = stranger2, .author = "login"});
	forge_link(b, "two", two.text);
	forge_link(d, "two", two.text);
	cast_receive(a);
	cr_assert(!cast_exists(a, "two") && cast_errors(a) == 1, "one key, one error: %s", a->last_error);
	cast_end(&c);
}

/* ---- what is remembered ---- */

Test(engine_identity, keys_of_a_folder_from_before_keys_were_kept, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 213);
	cr_assert(mf_db_exec(t.a->f->state->db, "DELETE FROM mf_key; DELETE FROM mf_met", NULL) == MF_OK);
	cast_close(t.a);
	mf_immdir cap = forge(t.b, &(forged){.relpath = "new", .text = LONG2, .seed = stranger});
	forge_link(t.b, "new", cap.text);
	cast_open(t.a);
	sim_run_for(t.c.w, 5000);
	cr_assert(!cast_exists(t.a, "new") && cast_errors(t.a) == 1, "what was accepted before is what counts");
	KNOWS(t.a, "alice! bob:first carol:first ", "bob<bob:1 ", "");
	cast_end(&t.c);
}

Test(engine_identity, a_lost_index_makes_nobody_a_stranger, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 214);
	cast_close(t.a);
	cr_assert(sim_remove(t.a->h, CAST_STATE "/index.sqlite"));
	(void)sim_remove(t.a->h, CAST_STATE "/index.sqlite-wal");
	(void)sim_remove(t.a->h, CAST_STATE "/index.sqlite-shm");
	cast_open(t.a);
	sim_run_for(t.c.w, 10000);
	cr_assert(cast_errors(t.a) == 0);
	KNOWS(t.a, "alice! bob:first carol:first ", "", "");
	mf_immdir cap = forge(t.b, &(forged){.relpath = "new", .text = LONG2, .seed = stranger});
	forge_link(t.b, "new", cap.text);
	cast_receive(t.a);
	cr_assert(!cast_exists(t.a, "new") && cast_errors(t.a) == 1);
	cast_end(&t.c);
}

/* After a power loss: what was read of Carol's directory is remembered, her key is not, and there is nothing new in it. */
Test(engine_identity, a_lost_key_is_found_where_it_was_accepted, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 215);
	cast_close(t.b);
	cast_write(t.d, "new", LONG2);
	cast_publish(t.d);
	cast_receive(t.a);
	cr_assert(mf_db_exec(t.a->f->state->db, "DELETE FROM mf_key WHERE participant = 'carol'", NULL) == MF_OK);
	cast_close(t.a);
	cast_open(t.b);
	cast_receive(t.b);
	cast_open(t.a);
	sim_run_for(t.c.w, 10000);
	cr_assert(cast_errors(t.a) == 0, "%s", t.a->last_error);
	KNOWS(t.a, "alice! bob:first carol:first ", "", "");
	mf_immdir cap = forge(t.d, &(forged){.relpath = "other", .text = LONG3, .seed = stranger});
	forge_link(t.d, "other", cap.text);
	cast_receive(t.a);
	cr_assert(!cast_exists(t.a, "other") && cast_errors(t.a) == 1, "her key is known still");
	cast_end(&t.c);
}

/* In one poll, in any order: what Ann accepted of Bob's, whose key nobody knew, and Bob's own directory. */
static void
shown_by_two(uint64_t seed)
{
	struct cast c;

	cast_init(&c, seed);
	c.dark = true;
	struct member *a = cast_add(&c, "alice"), *ann = cast_add(&c, "ann"), *b = cast_add(&c, "bob");
	for (size_t i = 0; i < c.n; i++)
		cast_receive(&c.m[i]);
	cast_write(b, "p", LONG1);
	cast_publish(b);
	cast_receive(ann);
	cast_receive(a);
	cr_assert(cast_has(a, "p", LONG1));
	KNOWS(a, "alice! ann? bob:first ", "", "");
	cast_write(ann, "q", LONG2);
	cast_publish(ann);
	cast_receive(a);
	cr_assert(cast_errors(a) == 0, "seed %d: %s", (int)seed, a->last_error);
	cr_assert(cast_has(a, "q", LONG2));
	KNOWS(a, "alice! ann:first bob:first ", "", "");
	cast_end(&c);
}

Test(engine_identity, a_key_just_pinned_is_not_given_to_who_shows_it, .timeout = 60)
{
	for (uint64_t seed = 70; seed < 90; seed++)
		shown_by_two(seed);
}
