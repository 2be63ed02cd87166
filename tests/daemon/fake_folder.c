/* A folder that does nothing. */
#include "tests/daemon/fake_folder.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_PEOPLE = 8, MAX_WAITING = 32 };

unsigned fake_forgotten, fake_open, fake_rows, fake_key;
int fake_deletes_word = -1;

struct waiting {
	uint64_t ticket; /* 0 = free */
	mf_folder_done *done;
	void *arg;
	bool people;
	mf_participant_each *each;
	mf_folder_resolved *resolved; /* instead of done */
	bool clash;
	mf_err err;
};

struct mf_folder {
	struct mf_env *env;
	mf_folder_conf conf;
	mf_settings set;
	struct mf_timer *timer;
	struct waiting waiting[MAX_WAITING];
	uint64_t last;
	char person[MAX_PEOPLE][64];
	mf_dirread cap[MAX_PEOPLE];
	size_t people;
	bool slow;
	void (*closed)(void *arg);
	void *closed_arg;
};

static void
answer(struct mf_folder *f, struct waiting *w, mf_code code)
{
	struct waiting one = *w;

	w->ticket = 0;
	if (code != MF_OK)
		(void)mf_fail(&one.err, code, 0, "closed");
	if (one.resolved != NULL) {
		static const char *const names[] = {"alice", "carol"};
		static const struct mf_lines lines[] = {{3, 2}};
		mf_resolution r = {names, 2, lines, one.clash ? 1 : 0};
		one.resolved(one.arg, &one.err, &r);
		return;
	}
	for (size_t i = 0; one.people && code == MF_OK && i < f->people; i++)
		one.each(one.arg, f->person[i], &f->cap[i], i == 0);
	one.done(one.arg, &one.err);
}

static void
on_timer(void *arg)
{
	struct mf_folder *f = arg;
	void (*closed)(void *) = f->closed;
	void *closed_arg = f->closed_arg;

	for (size_t i = 0; i < MAX_WAITING; i++)
		if (f->waiting[i].ticket != 0 && (closed != NULL || !f->slow))
			answer(f, &f->waiting[i], closed != NULL ? MF_ECANCELED : MF_OK);
	if (closed == NULL)
		return;
	f->env->ops->timer_free(f->timer);
	mf_folder_conf_clear(&f->conf);
	free(f);
	fake_open--;
	closed(closed_arg);
}

mf_code
mf_folder_open(struct mf_env *env, struct mf_grid *grid, const char *name, const char *state_dir,
	mf_folder_listener *listen, void *arg, struct mf_folder **out, mf_err *err)
{
	struct mf_folder *f = mf_alloc(sizeof(*f));
	struct mf_state *state;
	mf_code rc = mf_state_open(env, state_dir, name, &state, err);

	(void)grid;
	(void)listen;
	(void)arg;
	if (rc == MF_OK) {
		rc = mf_state_conf(state, &f->conf, err);
		f->set = mf_settings_standard();
		mf_state_close(state);
	}
	if (rc != MF_OK) {
		free(f);
		return rc;
	}
	f->env = env;
	f->slow = strncmp(name, "slow", 4) == 0;
	f->timer = env->ops->timer_new(env, on_timer, f);
	f->people = 1;
	(void)snprintf(f->person[0], sizeof(f->person[0]), "%s", f->conf.author);
	mf_dirwrite_read(&f->conf.personal, &f->cap[0]);
	fake_open++;
	*out = f;
	return MF_OK;
}

void
mf_folder_start(struct mf_folder *f)
{
	(void)f;
}

void
mf_folder_close(struct mf_folder *f, void (*done)(void *arg), void *arg)
{
	f->closed = done;
	f->closed_arg = arg;
	f->env->ops->timer_start(f->timer, 1);
}

const mf_folder_conf *
mf_folder_config(const struct mf_folder *f)
{
	return &f->conf;
}

const mf_settings *
mf_folder_settings(const struct mf_folder *f)
{
	return &f->set;
}

mf_code
mf_folder_set_all(struct mf_folder *f, const mf_assignment *list, size_t n, mf_err *err)
{
	mf_settings now = f->set;
	const mf_setting *which;

	if (strcmp(f->conf.name, "locked") == 0)
		return mf_fail(err, MF_EBUSY, 0, "locked");
	for (size_t i = 0; i < n; i++)
		if (mf_setting_find(list[i].key, &which, err) != MF_OK ||
			mf_setting_parse(which, list[i].value, &now, err) != MF_OK)
			return err->code;
	f->set = now;
	return MF_OK;
}

static struct waiting *
wait_for(struct mf_folder *f, mf_folder_done *done, void *arg, uint64_t *ticket)
{
	struct waiting *w = f->waiting;

	while (w->ticket != 0)
		w++;
	*w = (struct waiting){.ticket = ++f->last, .done = done, .arg = arg};
	if (ticket != NULL)
		*ticket = w->ticket;
	f->env->ops->timer_start(f->timer, 1);
	return w;
}

void
mf_folder_scan(struct mf_folder *f, mf_folder_done *done, void *arg, uint64_t *ticket)
{
	(void)wait_for(f, done, arg, ticket);
}

void
mf_folder_poll(struct mf_folder *f, mf_folder_done *done, void *arg, uint64_t *ticket)
{
	(void)wait_for(f, done, arg, ticket);
}

void
mf_folder_grid_back(struct mf_folder *f)
{
	(void)f; /* it has nothing that waits */
}

void
mf_folder_forget(struct mf_folder *f, uint64_t ticket)
{
	for (size_t i = 0; i < MAX_WAITING; i++) {
		if (f->waiting[i].ticket != ticket)
			continue;
		f->waiting[i].ticket = 0;
		fake_forgotten++;
	}
}

void
mf_folder_participants(
	struct mf_folder *f, mf_participant_each *each, mf_folder_done *done, void *arg, uint64_t *ticket)
{
	struct waiting *w = wait_for(f, done, arg, ticket);

	w->people = true;
	w->each = each;
}

void
mf_folder_add_participant(struct mf_folder *f, const char *name, const mf_dirread *personal, const uint8_t *verify_key,
	mf_folder_done *done, void *arg, uint64_t *ticket)
{
	struct waiting *w = wait_for(f, done, arg, ticket);

	fake_key = verify_key == NULL ? 0 : verify_key[0];

	for (size_t i = 0; i < f->people; i++) {
		if (strcmp(f->cap[i].text, personal->text) == 0)
			(void)mf_fail(
				&w->err, MF_EINVAL, 0, "Already have a participant with Personal DMD '[REDACTED]'");
		else if (strcmp(f->person[i], name) == 0)
			(void)mf_fail(&w->err, MF_EINVAL, 0, "Already have a participant called '%s'", name);
	}
	if (w->err.code != MF_OK || f->people == MAX_PEOPLE)
		return;
	(void)snprintf(f->person[f->people], sizeof(f->person[0]), "%s", name);
	f->cap[f->people++] = *personal;
}

static const uint8_t fake_keys[3][32] = {{1}, {2}, {3}};
static bool fake_trusted;

mf_code
mf_folder_keys(struct mf_folder *f, const mf_key_visitor *v, mf_err *err)
{
	mf_person self = {.name = f->conf.author, .author = f->conf.author, .is_self = true, .has_key = true};
	mf_person bob = {.name = "bob",
		.author = "robert",
		.has_key = true,
		.how = MF_KEY_FIRST_USE,
		.since_ns = 1700000000500000000};
	mf_new_key other = {
		.participant = "bob", .author = "bob", .shown_by = "bob", .files = 2, .since_ns = 1800000000000000000};

	(void)err;
	memcpy(self.key, fake_keys[0], 32);
	memcpy(bob.key, fake_keys[fake_trusted ? 2 : 1], 32);
	memcpy(other.key, fake_keys[2], 32);
	if (v->person != NULL)
		v->person(v->arg, &self);
	if (v->person != NULL)
		v->person(v->arg, &bob);
	if (v->changed != NULL && !fake_trusted)
		v->changed(v->arg, &other);
	if (v->person != NULL)
		v->person(v->arg, &(mf_person){.name = "carol"});
	if (v->other != NULL)
		v->other(v->arg, fake_keys[1], "", "dave", 1700000000000000000);
	return MF_OK;
}

mf_code
mf_folder_trust(struct mf_folder *f, const char *participant, const uint8_t *key, mf_err *err)
{
	(void)f;
	if (strcmp(participant, "bob") != 0 || fake_trusted)
		return mf_fail(err, MF_ENOTFOUND, 0, "there is nothing to accept: '%s' has no other key", participant);
	if (memcmp(key, fake_keys[2], 32) != 0)
		return mf_fail(err, MF_ECHANGED, 0, "'%s' has no such key; look again at what is shown", participant);
	fake_trusted = true;
	return MF_OK;
}

mf_code
mf_folder_file_status(struct mf_folder *f, mf_code (*each)(void *arg, const mf_file_status *), void *arg, mf_err *err)
{
	char name[32];

	(void)f;
	(void)err;
	for (unsigned i = 0; i < fake_rows; i++) {
		(void)snprintf(name, sizeof(name), "d\"\xc3\xbc/%u", i);
		mf_file_status s = {.relpath = name,
			.deleted = i % 2 == 1,
			.mtime_s = 1700000600,
			.size = 99,
			.last_updated_s = 1795422539,
			.upload_duration_ns = i % 3 == 0 ? 352162816 : -1};
		mf_code rc = each(arg, &s);
		if (rc != MF_OK)
			return rc;
	}
	return MF_OK;
}

mf_code
mf_folder_conflicts(struct mf_folder *f, mf_code (*each)(void *arg, const char *relpath, const char *participant),
	void *arg, mf_err *err)
{
	(void)err;
	if (strcmp(f->conf.name, "conflicted") != 0)
		return MF_OK;
	(void)each(arg, "hello.txt", "alice");
	return each(arg, "hello.txt", "carol");
}

mf_code
mf_folder_deletes(struct mf_folder *f, size_t first, void (*each)(void *arg, const char *relpath), void *arg,
	uint64_t *asked, mf_err *err)
{
	(void)err;
	*asked = strcmp(f->conf.name, "asking") == 0 && fake_deletes_word < 0 ? 25 : 0;
	for (size_t i = 0; i < first && i < *asked; i++)
		each(arg, "some/file");
	return MF_OK;
}

mf_code
mf_folder_deletes_answer(struct mf_folder *f, enum mf_deletes_answer what, mf_err *err)
{
	if (strcmp(f->conf.name, "asking") != 0 || fake_deletes_word >= 0)
		return mf_fail(err, MF_ENOTFOUND, 0, "no deletions of this folder wait for a word");
	fake_deletes_word = (int)what;
	return MF_OK;
}

void
mf_folder_resolve(struct mf_folder *f, const char *relpath, enum mf_take take, const char *use,
	mf_folder_resolved *done, void *arg, uint64_t *ticket)
{
	struct waiting *w = wait_for(f, NULL, arg, ticket);

	w->resolved = done;
	if (strcmp(relpath, "hello.txt") != 0)
		(void)mf_fail(&w->err, MF_ECHANGED, 0, "%s was changed meanwhile", relpath);
	else if (take == MF_TAKE_THEIRS)
		(void)mf_fail(&w->err, MF_EINVAL, 0, "Cannot use \"theirs\" with 2 conflicts");
	else if (take == MF_TAKE_USE && strcmp(use, "carol") != 0)
		(void)mf_fail(&w->err, MF_EINVAL, 0, "\"hello.txt\" is not conflicted with \"%s\"", use);
	else if (take == MF_TAKE_MERGE)
		(void)mf_fail(&w->err, MF_EUNSUPPORTED, 0, "the merge is not clean");
	w->clash = take == MF_TAKE_MERGE;
}

void
mf_folder_status_get(struct mf_folder *f, mf_folder_status *out)
{
	(void)f;
	*out = (mf_folder_status){.files = 3,
		.uploads_queued = 1,
		.errors = 1,
		.watching = true,
		.in_collective = true,
		.state = MF_SYNC_PROBLEM,
		.say = "problem: cannot be read"};
}

void
mf_folder_errors(
	struct mf_folder *f, void (*each)(void *arg, const char *relpath, const char *text, int64_t at_ns), void *arg)
{
	(void)f;
	each(arg, "bad.txt", "cannot be read", 1700000000000000000);
}
