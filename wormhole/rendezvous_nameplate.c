/* Nameplates: the numbers that lead to mailboxes. */
#include "wormhole/rendezvous_state_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base32.h"

enum {
	MAILBOX_BYTES = 8, /* of chance in a mailbox's name */
	SHORT_NAMES = 999, /* nameplates 1 to 999 are chosen among the free ones, longer ones tried */
	LONG_NAMES = 999000,
	TRIES = 1000,
};

static uint64_t
chance(struct mf_rv_state *s, uint64_t below)
{
	uint64_t v;

	s->env->ops->random(s->env, &v, sizeof(v));
	return v % below; /* of 64 bits for less than 20: no bias to speak of */
}

/* @p plate 0: there is none of that name; else q->mailbox and q->mailbox_name are set. */
static mf_code
find_plate(mf_rv_ask *q, mf_str name, int64_t *plate, mf_err *err)
{
	sqlite3_stmt *st = q->state->st[RV_PLATE];
	mf_code rc;

	*plate = 0;
	mf_db_bind_str(st, 1, q->app);
	mf_db_bind_str(st, 2, name);
	rc = mf_db_step(st, err);
	if (rc != MF_OK)
		return rc == MF_ENOTFOUND ? MF_OK : rc;
	mf_str mailbox = mf_db_col_str(st, 2);
	*plate = sqlite3_column_int64(st, 0);
	q->mailbox = sqlite3_column_int64(st, 1);
	(void)snprintf(q->mailbox_name, sizeof(q->mailbox_name), "%.*s", (int)mailbox.n, mailbox.p);
	mf_db_reset(st);
	return MF_OK;
}

static mf_code
make_plate(mf_rv_ask *q, mf_str name, int64_t *plate, mf_err *err)
{
	sqlite3_stmt *st = q->state->st[RV_PLATE_ADD];
	uint8_t bytes[MAILBOX_BYTES];
	mf_code rc;

	do { /* one that nobody has opened by a lucky guess */
		q->state->env->ops->random(q->state->env, bytes, sizeof(bytes));
		mf_b32(q->mailbox_name, bytes, sizeof(bytes));
		rc = mf_rv_find_mailbox(q, mf_strz(q->mailbox_name), err);
	} while (rc == MF_OK);
	if (rc != MF_ENOTFOUND)
		return rc;
	rc = mf_rv_make_mailbox(q, mf_strz(q->mailbox_name), err);
	if (rc != MF_OK)
		return rc;
	mf_db_bind_str(st, 1, q->app);
	mf_db_bind_str(st, 2, name);
	(void)sqlite3_bind_int64(st, 3, q->mailbox);
	rc = mf_db_run(st, err);
	*plate = sqlite3_last_insert_rowid(q->state->db);
	return rc;
}

static mf_code
claim(mf_rv_ask *q, mf_str name, mf_err *err)
{
	bool found = false, claimed = false;
	int64_t plate;
	mf_code rc = find_plate(q, name, &plate, err);

	if (rc == MF_OK && plate == 0)
		rc = make_plate(q, name, &plate, err);
	if (rc == MF_OK)
		rc = mf_rv_find_side(q, q->state->st[RV_PLATE_SIDES], plate, &found, &claimed, err);
	if (rc == MF_OK && found && !claimed)
		rc = mf_rv_refuse(q, MF_RV_RECLAIMED);
	if (rc == MF_OK && !found)
		rc = mf_rv_add_side(q, RV_PLATE_SIDE_ADD, plate, err);
	return rc == MF_OK ? mf_rv_enter(q, err) : rc;
}

static mf_code
claim_step(void *arg, mf_err *err)
{
	mf_rv_ask *q = arg;

	return claim(q, q->name, err);
}

mf_code
mf_rv_claim(mf_rv_ask *q, mf_err *err)
{
	mf_code rc = mf_rv_run(q, claim_step, err);

	mf_rv_note_crowded(q, mf_strz(q->mailbox_name));
	return rc;
}

/* Bit n - 1 of @p arg: nameplate n is in use. */
static void
note_used(void *arg, mf_str name)
{
	unsigned n = 0;

	if (name.n == 0 || name.n > 3 || name.p[0] == '0')
		return;
	for (size_t i = 0; i < name.n; i++)
		n = n * 10 + (unsigned)(name.p[i] - '0');
	((bool *)arg)[n] = true;
}

/* A free number of the shortest length that has one, all equally likely; 0: none below 1000. */
static unsigned
choose_short(struct mf_rv_state *s, const bool used[SHORT_NAMES + 1])
{
	for (unsigned first = 1; first < SHORT_NAMES; first *= 10) {
		unsigned n = 0, pick;
		for (unsigned i = first; i < first * 10; i++)
			n += !used[i];
		if (n == 0)
			continue;
		pick = (unsigned)chance(s, n);
		for (unsigned i = first; i < first * 10; i++)
			if (!used[i] && pick-- == 0)
				return i;
	}
	return 0;
}

static mf_code
choose(mf_rv_ask *q, mf_err *err)
{
	bool used[SHORT_NAMES + 1] = {false};
	mf_code rc = mf_rv_nameplates(q->state, q->app, note_used, used, err);
	unsigned n = choose_short(q->state, used);
	int64_t plate = 0;

	(void)snprintf(q->nameplate, sizeof(q->nameplate), "%u", n);
	for (int i = 0; n == 0 && rc == MF_OK && i < TRIES; i++) {
		unsigned one = SHORT_NAMES + 1 + (unsigned)chance(q->state, LONG_NAMES);
		(void)snprintf(q->nameplate, sizeof(q->nameplate), "%u", one);
		rc = find_plate(q, mf_strz(q->nameplate), &plate, err);
		if (plate == 0)
			n = one;
	}
	if (rc != MF_OK)
		return rc;
	return n != 0 ? MF_OK : mf_rv_refuse(q, MF_RV_NONE_FREE);
}

static mf_code
allocate_step(void *arg, mf_err *err)
{
	mf_rv_ask *q = arg;
	mf_code rc = choose(q, err);

	return rc == MF_OK ? claim(q, mf_strz(q->nameplate), err) : rc;
}

mf_code
mf_rv_allocate(mf_rv_ask *q, mf_err *err)
{
	return mf_rv_run(q, allocate_step, err);
}

static mf_code
release_step(void *arg, mf_err *err)
{
	mf_rv_ask *q = arg;
	struct mf_rv_state *s = q->state;
	int64_t plate;
	mf_code rc = find_plate(q, q->name, &plate, err);

	if (rc != MF_OK || plate == 0)
		return rc; /* not there, or not ours: released all the same */
	(void)sqlite3_bind_int64(s->st[RV_PLATE_RELEASE], 1, plate);
	mf_db_bind_str(s->st[RV_PLATE_RELEASE], 2, q->side);
	rc = mf_db_run(s->st[RV_PLATE_RELEASE], err);
	if (rc != MF_OK)
		return rc;
	(void)sqlite3_bind_int64(s->st[RV_PLATE_DROP], 1, plate);
	return mf_db_run(s->st[RV_PLATE_DROP], err);
}

mf_code
mf_rv_release(mf_rv_ask *q, mf_err *err)
{
	return mf_rv_run(q, release_step, err);
}

mf_code
mf_rv_nameplates(struct mf_rv_state *s, mf_str app, void (*each)(void *arg, mf_str name), void *arg, mf_err *err)
{
	sqlite3_stmt *st = s->st[RV_PLATES];
	mf_code rc;

	mf_db_bind_str(st, 1, app);
	while ((rc = mf_db_step(st, err)) == MF_OK)
		each(arg, mf_db_col_str(st, 0));
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}
