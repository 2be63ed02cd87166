/* The executable bit and the other permissions (design 2.5.8). */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "forge.h"

/* Carol's Personal directory is filled from outside: with snapshots that do not say whether they are executable. */
struct trio {
	struct cast c;
	struct member *a, *b, *carol;
};

static void
trio_init(struct trio *t, uint64_t seed)
{
	cast_init(&t->c, seed);
	t->c.dark = true;
	t->a = cast_add(&t->c, "alice");
	t->b = cast_add(&t->c, "bob");
	t->carol = cast_add(&t->c, "carol");
}

static void
python_writes(struct trio *t, const char *relpath, const char *text, const mf_immdir *parent)
{
	mf_immdir cap = forge(t->carol, &(forged){.relpath = relpath, .text = text, .parent = parent});

	forge_link(t->carol, relpath, cap.text);
}

static mf_stat
stat_of(struct member *m, const char *relpath)
{
	mf_stat st;

	cr_assert(sim_stat(m->h, cast_path(relpath), &st), "%s has no %s", m->name, relpath);
	return st;
}

#define has_mode(m, relpath, want) \
	do { \
		uint32_t mode_ = stat_of((m), (relpath)).mode; \
		cr_assert(mode_ == (want), "%s has %s with mode %o, not %o", (m)->name, (relpath), mode_, (want)); \
	} while (0)

/* The member's own entry, by value; its strings are not the caller's. */
struct head {
	mf_immdir cap, parent;
	mf_filecap content;
	size_t n_parents;
	bool says, executable;
};

static struct head
head_of(struct member *m, const char *relpath)
{
	struct head h = {0};
	mf_snapshot s;

	cr_assert(cast_head(m, relpath, &h.cap, &s), "%s has no entry for %s", m->name, relpath);
	h.content = s.content;
	h.n_parents = s.n_parents;
	if (s.n_parents > 0)
		h.parent = s.parents[0];
	h.says = s.has_executable;
	h.executable = s.executable;
	mf_snapshot_clear(&s);
	return h;
}

/* @p h is @p before with another bit: a child with the same content. */
static void
is_only_the_bit(const struct head *h, const struct head *before, bool executable)
{
	cr_assert(strcmp(h->cap.text, before->cap.text) != 0, "no new snapshot");
	cr_assert(h->n_parents == 1 && strcmp(h->parent.text, before->cap.text) == 0, "not its child");
	cr_assert(strcmp(h->content.text, before->content.text) == 0, "another content");
	cr_assert(h->says && h->executable == executable);
}

static void
nobody_publishes(struct trio *t)
{
	uint64_t before = cast_writes(&t->c);

	cast_publish(t->a);
	cast_publish(t->b);
	cast_receive(t->a);
	cast_receive(t->b);
	cast_publish(t->b);
	cast_publish(t->a);
	cr_assert(cast_writes(&t->c) == before, "%llu writes", (unsigned long long)(cast_writes(&t->c) - before));
}

static void
no_trouble(struct trio *t)
{
	cr_assert(cast_conflicts(t->a) == 0 && cast_conflicts(t->b) == 0);
	cr_assert(t->a->errors == 0, "%s", t->a->last_error);
	cr_assert(t->b->errors == 0, "%s", t->b->last_error);
}

/* ---- "A change of the owner's x bit is a change (same content cap, new snapshot)" ------------------------ */

static void
bit_there_and_back(struct trio *t, const char *text)
{
	cast_write(t->a, "p", text);
	cast_publish(t->a);
	cast_receive(t->b);
	struct head first = head_of(t->a, "p");
	cr_assert(first.says && !first.executable);
	sim_chmod(t->b->h, cast_path("p"), 0755); /* who has another convergence secret than the author */
	cast_publish(t->b);
	struct head on = head_of(t->b, "p");
	is_only_the_bit(&on, &first, true);
	cast_receive(t->a);
	has_mode(t->a, "p", 0755);
	cr_assert(cast_has(t->a, "p", text) && cast_same_head(t->a, t->b, "p"));
	sim_chmod(t->a->h, cast_path("p"), 0644);
	cast_publish(t->a);
	struct head off = head_of(t->a, "p");
	is_only_the_bit(&off, &on, false);
	cast_receive(t->b);
	has_mode(t->b, "p", 0644);
	cr_assert(cast_has(t->b, "p", text) && cast_same_head(t->a, t->b, "p"));
	nobody_publishes(t);
	no_trouble(t);
}

Test(engine_xbit, the_owners_bit_alone_is_a_change_with_the_same_content, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 1);
	bit_there_and_back(&t, LONG1);
	cast_end(&t.c);
}

Test(engine_xbit, a_large_files_bit_is_a_change_with_the_same_content, .timeout = 60)
{
	struct trio t;
	size_t n = (1 << 20) + 1000;
	char *text = malloc(n + 1);

	cr_assert(text != NULL);
	memset(text, 'x', n);
	text[n] = '\0';
	trio_init(&t, 2);
	bit_there_and_back(&t, text);
	cast_end(&t.c);
	free(text);
}

Test(engine_xbit, a_bit_that_could_not_be_published_is_found_by_the_next_process, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 3);
	c.poll_s = c.scan_s = 5;
	struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob");
	cast_write(a, "p", LONG1);
	sim_run_for(c.w, 20000);
	struct head first = head_of(b, "p");
	sim_trouble_of(b->h)->cut_off = true;
	sim_chmod(b->h, cast_path("p"), 0755);
	sim_run_for(c.w, 20000);
	cast_crash(b, SIM_CRASH_PROCESS);
	sim_trouble_of(b->h)->cut_off = false;
	cast_open(b);
	sim_run_for(c.w, 60000);
	struct head on = head_of(b, "p");
	is_only_the_bit(&on, &first, true);
	has_mode(a, "p", 0755);
	cr_assert(cast_conflicts(a) == 0 && cast_conflicts(b) == 0);
	cast_end(&c);
}

Test(engine_xbit, a_reader_publishes_no_bit_and_still_receives, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 4);
	c.dark = true;
	struct member *a = cast_add(&c, "alice"), *r = cast_add_reader(&c, "reader");
	cast_write(a, "p", LONG1);
	cast_publish(a);
	cast_receive(r);
	uint64_t before = cast_writes(&c);
	sim_chmod(r->h, cast_path("p"), 0700);
	cast_publish(r);
	cast_publish(r);
	cr_assert(cast_writes(&c) == before);
	cast_write(a, "p", LONG2);
	cast_publish(a);
	cast_receive(r);
	cr_assert(cast_has(r, "p", LONG2) && cast_conflicts(r) == 0);
	has_mode(r, "p", 0600);
	cast_end(&c);
}

/* ---- "equal content with different bit is no conflict: true wins" ------------------------------------------ */

static void
made_by_two(uint64_t seed, uint32_t mode_a, uint32_t mode_b, bool a_knows)
{
	struct trio t;

	trio_init(&t, seed);
	cast_write(t.a, "p", LONG1);
	sim_chmod(t.a->h, cast_path("p"), mode_a);
	cast_write(t.b, "p", LONG1);
	sim_chmod(t.b->h, cast_path("p"), mode_b);
	cast_publish(t.a);
	if (a_knows)
		cast_receive(t.b);
	cast_publish(t.b);
	cast_settle(&t.c);
	has_mode(t.a, "p", 0755);
	has_mode(t.b, "p", 0755);
	cr_assert(cast_has(t.a, "p", LONG1) && cast_has(t.b, "p", LONG1));
	cr_assert(!cast_exists(t.a, "p.conflict-bob") && !cast_exists(t.b, "p.conflict-alice"));
	struct head a = head_of(t.a, "p"), b = head_of(t.b, "p");
	cr_assert(a.executable && b.executable);
	nobody_publishes(&t);
	no_trouble(&t);
	cast_end(&t.c);
}

Test(engine_xbit, equal_content_with_another_bit_is_no_conflict_and_true_wins, .timeout = 120)
{
	made_by_two(10, 0755, 0644, false);
	made_by_two(11, 0644, 0755, false);
	made_by_two(12, 0755, 0644, true);
	made_by_two(13, 0644, 0755, true);
}

static void
edited_by_two(uint64_t seed, uint32_t mode_a, uint32_t mode_b)
{
	struct trio t;

	trio_init(&t, seed);
	cast_write(t.a, "p", LONG1);
	cast_publish(t.a);
	cast_receive(t.b);
	cast_write(t.a, "p", LONG2);
	sim_chmod(t.a->h, cast_path("p"), mode_a);
	cast_write(t.b, "p", LONG2);
	sim_chmod(t.b->h, cast_path("p"), mode_b);
	cast_publish(t.a);
	cast_publish(t.b);
	cast_settle(&t.c);
	has_mode(t.a, "p", 0755);
	has_mode(t.b, "p", 0755);
	cr_assert(cast_has(t.a, "p", LONG2) && cast_has(t.b, "p", LONG2));
	nobody_publishes(&t);
	no_trouble(&t);
	cast_end(&t.c);
}

Test(engine_xbit, the_same_edit_with_another_bit_is_no_conflict_either, .timeout = 120)
{
	edited_by_two(14, 0755, 0644);
	edited_by_two(15, 0644, 0755);
}

/* ---- "absent means keep the replaced file's mode" ------------------------------------------------------------ */

static void
replaced_by_python(uint64_t seed, uint32_t before, uint32_t after)
{
	struct trio t;

	trio_init(&t, seed);
	cast_write(t.b, "p", LONG1);
	sim_chmod(t.b->h, cast_path("p"), before);
	cast_publish(t.b);
	cast_receive(t.a);
	struct head h = head_of(t.b, "p");
	python_writes(&t, "p", LONG2, &h.cap);
	cast_receive(t.b);
	cr_assert(cast_has(t.b, "p", LONG2));
	has_mode(t.b, "p", after);
	cast_receive(t.a);
	has_mode(t.a, "p", (before & 0100) != 0 ? 0755 : 0644);
	nobody_publishes(&t);
	has_mode(t.b, "p", after);
	no_trouble(&t);
	cast_end(&t.c);
}

Test(engine_xbit, a_snapshot_without_the_key_keeps_the_replaced_files_mode, .timeout = 120)
{
	replaced_by_python(20, 0755, 0755);
	replaced_by_python(21, 0640, 0640);
	replaced_by_python(22, 0744, 0744);
	replaced_by_python(23, 0654, 0654);
	replaced_by_python(24, 06755, 0755);
}

Test(engine_xbit, taking_theirs_without_the_key_keeps_the_mode, .timeout = 60)
{
	struct trio t;
	mf_err err;

	trio_init(&t, 25);
	cast_write(t.b, "p", LONG1);
	sim_chmod(t.b->h, cast_path("p"), 0755);
	cast_publish(t.b);
	python_writes(&t, "p", LONG2, NULL);
	cast_receive(t.b);
	cr_assert(cast_conflicts(t.b) == 1);
	cr_assert(cast_resolve(t.b, "p", MF_TAKE_THEIRS, NULL, &err) == MF_OK, "%s", err.text);
	sim_run_for(t.c.w, 3000);
	cr_assert(cast_has(t.b, "p", LONG2) && cast_conflicts(t.b) == 0);
	has_mode(t.b, "p", 0755);
	cr_assert(head_of(t.b, "p").executable, "what lies here is what it says");
	cast_receive(t.a);
	has_mode(t.a, "p", 0755);
	nobody_publishes(&t);
	cast_end(&t.c);
}

Test(engine_xbit, what_is_here_already_is_adopted_without_a_touch, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 26);
	cast_write(t.b, "p", LONG1);
	sim_chmod(t.b->h, cast_path("p"), 0755);
	mf_stat before = stat_of(t.b, "p");
	python_writes(&t, "p", LONG1, NULL);
	cast_receive(t.b);
	struct head h = head_of(t.b, "p");
	cr_assert(!h.says, "carol's own snapshot");
	cast_receive(t.a);
	nobody_publishes(&t);
	mf_stat now = stat_of(t.b, "p");
	cr_assert(now.ino == before.ino && now.mode == before.mode && now.ctime_ns == before.ctime_ns);
	has_mode(t.a, "p", 0644);
	no_trouble(&t);
	cast_end(&t.c);
}

Test(engine_xbit, a_bit_set_on_a_file_whose_snapshot_does_not_say_is_a_change, .timeout = 60)
{
	struct trio t;

	trio_init(&t, 27);
	python_writes(&t, "p", LONG1, NULL);
	cast_receive(t.a);
	cast_receive(t.b);
	has_mode(t.b, "p", 0644);
	struct head first = head_of(t.b, "p");
	mf_stat before = stat_of(t.b, "p");
	nobody_publishes(&t);
	mf_stat now = stat_of(t.b, "p");
	cr_assert(now.ino == before.ino && now.ctime_ns == before.ctime_ns, "touched");
	sim_chmod(t.b->h, cast_path("p"), 0640);
	nobody_publishes(&t);
	sim_chmod(t.b->h, cast_path("p"), 0750);
	cast_publish(t.b);
	struct head on = head_of(t.b, "p");
	is_only_the_bit(&on, &first, true);
	cast_receive(t.a);
	has_mode(t.a, "p", 0755);
	nobody_publishes(&t);
	has_mode(t.b, "p", 0750);
	sim_chmod(t.a->h, cast_path("p"), 0644);
	cast_publish(t.a);
	struct head off = head_of(t.a, "p");
	is_only_the_bit(&off, &on, false);
	cast_receive(t.b);
	has_mode(t.b, "p", 0640);
	nobody_publishes(&t);
	no_trouble(&t);
	cast_end(&t.c);
}

/* Bob's process dies at his n-th operation after the version appeared. @return false: it lived. */
static bool
replaced_by_python_with_a_crash(uint64_t n, enum sim_crash how)
{
	struct trio t;
	mf_folder_status st;

	cast_init(&t.c, 28);
	t.c.dark = true;
	t.a = cast_add(&t.c, "alice");
	t.carol = cast_add(&t.c, "carol");
	t.c.poll_s = t.c.scan_s = 5;
	t.b = cast_add(&t.c, "bob");
	python_writes(&t, "known", LONG3, NULL); /* so is her key, then */
	cast_write(t.b, "p", LONG1);
	sim_chmod(t.b->h, cast_path("p"), 0755);
	sim_run_for(t.c.w, 20000);
	struct head h = head_of(t.b, "p");
	sim_sync_disk(t.b->h);
	python_writes(&t, "p", LONG2, &h.cap);
	sim_crash_after(t.b->h, how, n);
	sim_run_for(t.c.w, 8000);
	bool died = sim_dead(t.b->h);
	sim_crash_after(t.b->h, how, 0);
	if (died) {
		cast_bury(t.b);
		cast_open(t.b);
	}
	sim_run_for(t.c.w, 60000);
	cr_assert(cast_has(t.b, "p", LONG2), "%d", (int)n);
	has_mode(t.b, "p", 0755);
	cr_assert(!head_of(t.b, "p").says, "a snapshot that nobody asked for, operation %d", (int)n);
	mf_folder_status_get(t.b->f, &st);
	cr_assert(st.errors == 0 && st.conflicts == 0, "%s", t.b->last_error);
	cast_end(&t.c);
	return died;
}

Test(engine_xbit, a_crash_while_a_version_without_the_key_comes_makes_no_snapshot, .timeout = 300)
{
	uint64_t n = 1;

	while (n < 200 && replaced_by_python_with_a_crash(n, SIM_CRASH_PROCESS))
		n++;
	cr_assert(n > 20, "died %d times only", (int)n);
	for (uint64_t i = 1; i < n; i += 3)
		cr_assert(replaced_by_python_with_a_crash(i, SIM_CRASH_POWER));
}

/* ---- "new files 0666 or 0777 minus umask; set-id bits never" ------------------------------------------------- */

static void
new_files(uint64_t seed, uint32_t mask)
{
	struct trio t;

	trio_init(&t, seed);
	sim_umask(t.b->h, mask);
	cast_write(t.a, "plain", LONG1);
	sim_chmod(t.a->h, cast_path("plain"), 0600);
	cast_write(t.a, "run", LONG2);
	sim_chmod(t.a->h, cast_path("run"), 07700);
	cast_publish(t.a);
	python_writes(&t, "python", LONG3, NULL);
	cast_receive(t.b);
	has_mode(t.b, "plain", 0666 & ~mask);
	has_mode(t.b, "run", 0777 & ~mask);
	has_mode(t.b, "python", 0666 & ~mask);
	cast_end(&t.c);
}

Test(engine_xbit, new_files_get_0666_or_0777_minus_umask, .timeout = 120)
{
	new_files(30, 022);
	new_files(31, 077);
	new_files(32, 0);
	new_files(33, 027);
	new_files(34, 026);
}

static void
replaced_by_ours(uint64_t seed, uint32_t theirs, uint32_t before, uint32_t after)
{
	struct trio t;

	trio_init(&t, seed);
	cast_write(t.a, "p", LONG1);
	sim_chmod(t.a->h, cast_path("p"), before & 0777);
	cast_publish(t.a);
	cast_receive(t.b);
	sim_chmod(t.b->h, cast_path("p"), before);
	nobody_publishes(&t);
	cast_write(t.a, "p", LONG2);
	sim_chmod(t.a->h, cast_path("p"), theirs);
	cast_publish(t.a);
	cast_receive(t.b);
	cr_assert(cast_has(t.b, "p", LONG2));
	has_mode(t.b, "p", after);
	nobody_publishes(&t);
	no_trouble(&t);
	cast_end(&t.c);
}

Test(engine_xbit, set_id_bits_are_never_set, .timeout = 120)
{
	replaced_by_ours(40, 0755, 06755, 0755);
	replaced_by_ours(41, 0644, 06755, 0644);
	replaced_by_ours(42, 0755, 02644, 0755);
	replaced_by_ours(43, 06755, 0700, 0700);
	replaced_by_ours(44, 01644, 0600, 0600);
}

Test(engine_xbit, b28_a_replaced_file_keeps_its_mode_where_the_owners_bit_agrees, .timeout = 120)
{
	replaced_by_ours(45, 0755, 0744, 0744);
	replaced_by_ours(46, 0644, 0654, 0654);
	replaced_by_ours(47, 0755, 0640, 0750);
	replaced_by_ours(48, 0644, 0750, 0640);
}

/* ---- other bits ------------------------------------------------------------------------------------------------ */

Test(engine_xbit, a_chmod_of_other_bits_makes_no_snapshot, .timeout = 60)
{
	static const uint32_t plain[] = {0600, 0640, 0666, 0655, 0611, 06644, 01644, 0400};
	static const uint32_t run[] = {0700, 0744, 0777, 0500, 06755, 01700};
	struct trio t;

	trio_init(&t, 50);
	cast_write(t.a, "plain", LONG1);
	cast_write(t.a, "run", LONG2);
	sim_chmod(t.a->h, cast_path("run"), 0755);
	cast_publish(t.a);
	cast_receive(t.b);
	struct head first = head_of(t.a, "plain");
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		sim_chmod(t.a->h, cast_path("plain"), plain[i]);
		sim_chmod(t.b->h, cast_path("plain"), plain[i]);
		nobody_publishes(&t);
	}
	for (size_t i = 0; i < sizeof(run) / sizeof(run[0]); i++) {
		sim_chmod(t.a->h, cast_path("run"), run[i]);
		sim_chmod(t.b->h, cast_path("run"), run[i]);
		nobody_publishes(&t);
	}
	has_mode(t.a, "plain", 0400);
	has_mode(t.b, "run", 01700);
	cr_assert(strcmp(head_of(t.a, "plain").cap.text, first.cap.text) == 0);
	no_trouble(&t);
	cast_end(&t.c);
}
