/* Mailboxes: who is in them, what is put into them. */
#include "wormhole/rendezvous_state_impl.h"

mf_code
mf_rv_find_mailbox(mf_rv_ask *q, mf_str name, mf_err *err)
{
	sqlite3_stmt *st = q->state->st[RV_BOX];
	mf_code rc;

	mf_db_bind_str(st, 1, q->app);
	mf_db_bind_str(st, 2, name);
	rc = mf_db_step(st, err);
	if (rc == MF_OK) {
		q->mailbox = sqlite3_column_int64(st, 0);
		mf_db_reset(st);
	}
	return rc;
}

mf_code
mf_rv_make_mailbox(mf_rv_ask *q, mf_str name, mf_err *err)
{
	struct mf_rv_state *s = q->state;
	sqlite3_stmt *st = s->st[RV_BOX_ADD];
	mf_code rc;

	if (s->held.mailboxes >= s->most.mailboxes)
		return mf_rv_refuse(q, MF_RV_FULL);
	mf_db_bind_str(st, 1, q->app);
	mf_db_bind_str(st, 2, name);
	(void)sqlite3_bind_int64(st, 3, q->now_ms);
	rc = mf_db_run(st, err);
	if (rc == MF_OK) {
		q->mailbox = sqlite3_last_insert_rowid(s->db);
		s->held.mailboxes++;
	}
	return rc;
}

mf_code
mf_rv_find_side(mf_rv_ask *q, sqlite3_stmt *st, int64_t room, bool *found, bool *second, mf_err *err)
{
	unsigned others = 0;
	mf_code rc;

	*found = false;
	(void)sqlite3_bind_int64(st, 1, room);
	while ((rc = mf_db_step(st, err)) == MF_OK) {
		if (!mf_str_eq(mf_db_col_str(st, 0), q->side)) {
			others++;
			continue;
		}
		*found = true;
		*second = sqlite3_column_int(st, 1) != 0;
	}
	if (rc != MF_ENOTFOUND)
		return rc;
	return !*found && others >= MF_RV_SIDES ? mf_rv_refuse(q, MF_RV_CROWDED) : MF_OK;
}

mf_code
mf_rv_add_side(mf_rv_ask *q, enum mf_rv_sql sql, int64_t room, mf_err *err)
{
	(void)sqlite3_bind_int64(q->state->st[sql], 1, room);
	mf_db_bind_str(q->state->st[sql], 2, q->side);
	return mf_db_run(q->state->st[sql], err);
}

mf_code
mf_rv_enter(mf_rv_ask *q, mf_err *err)
{
	bool found, waste;
	mf_code rc = mf_rv_find_side(q, q->state->st[RV_BOX_SIDES], q->mailbox, &found, &waste, err);

	if (rc == MF_OK && !found)
		rc = mf_rv_add_side(q, RV_BOX_SIDE_ADD, q->mailbox, err);
	if (rc == MF_OK)
		rc = mf_rv_touch(q->state, q->mailbox, q->now_ms, err);
	return rc;
}

static mf_code
open_step(void *arg, mf_err *err)
{
	mf_rv_ask *q = arg;
	mf_code rc = mf_rv_find_mailbox(q, q->name, err);

	if (rc == MF_ENOTFOUND)
		rc = mf_rv_make_mailbox(q, q->name, err);
	return rc == MF_OK ? mf_rv_enter(q, err) : rc;
}

void
mf_rv_note_crowded(mf_rv_ask *q, mf_str mailbox)
{
	sqlite3_stmt *st = q->state->st[RV_BOX_CROWDED];

	if (q->no != MF_RV_CROWDED)
		return;
	mf_db_bind_str(st, 1, q->app);
	mf_db_bind_str(st, 2, mailbox);
	(void)mf_db_run(st, NULL);
}

mf_code
mf_rv_open(mf_rv_ask *q, mf_err *err)
{
	mf_code rc = mf_rv_run(q, open_step, err);

	mf_rv_note_crowded(q, q->name);
	return rc;
}

struct add {
	const mf_rv_message *m;
	size_t size;
};

static mf_code
may_grow(mf_rv_ask *q, size_t by, mf_err *err)
{
	struct mf_rv_state *s = q->state;
	sqlite3_stmt *st = s->st[RV_BOX_SIZE];
	mf_code rc;

	(void)sqlite3_bind_int64(st, 1, q->mailbox);
	rc = mf_db_step(st, err);
	if (rc != MF_OK)
		return rc;
	bool full = sqlite3_column_int64(st, 0) >= s->most_messages ||
		sqlite3_column_int64(st, 1) + (int64_t)by > s->most_bytes;
	mf_db_reset(st);
	if (full)
		return mf_rv_refuse(q, MF_RV_MAILBOX_FULL);
	return s->held.bytes + (int64_t)by > s->most.bytes ? mf_rv_refuse(q, MF_RV_FULL) : MF_OK;
}

static mf_code
add_step(void *arg, mf_err *err)
{
	mf_rv_ask *q = arg;
	const struct add *a = q->with;
	sqlite3_stmt *st = q->state->st[RV_MESSAGE_ADD], *grew = q->state->st[RV_BOX_GREW];
	mf_code rc = mf_rv_find_mailbox(q, q->name, err);

	if (rc == MF_OK)
		rc = may_grow(q, a->size, err);
	if (rc != MF_OK)
		return rc;
	(void)sqlite3_bind_int64(st, 1, q->mailbox);
	mf_db_bind_str(st, 2, a->m->side);
	mf_db_bind_str(st, 3, a->m->phase);
	mf_db_bind_str(st, 4, a->m->body);
	(void)sqlite3_bind_double(st, 5, a->m->received);
	mf_db_bind_str(st, 6, a->m->id);
	rc = mf_db_run(st, err);
	if (rc != MF_OK)
		return rc;
	(void)sqlite3_bind_int64(grew, 1, (int64_t)a->size);
	(void)sqlite3_bind_int64(grew, 2, q->now_ms);
	(void)sqlite3_bind_int64(grew, 3, q->mailbox);
	q->state->held.bytes += (int64_t)a->size;
	return mf_db_run(grew, err);
}

mf_code
mf_rv_add(mf_rv_ask *q, const mf_rv_message *m, size_t size, mf_err *err)
{
	const struct add a = {m, size};

	q->with = &a;
	return mf_rv_run(q, add_step, err);
}

static mf_code
close_step(void *arg, mf_err *err)
{
	mf_rv_ask *q = arg;
	sqlite3_stmt *st = q->state->st[RV_BOX_CLOSE], *opened = q->state->st[RV_BOX_OPENED];
	const mf_str *mood = q->with;
	mf_code rc = mf_rv_find_mailbox(q, q->name, err);

	if (rc == MF_ENOTFOUND)
		return MF_OK; /* closing what is gone is fine */
	if (rc == MF_OK)
		rc = mf_rv_enter(q, err);
	if (rc != MF_OK)
		return rc;
	if (mood->n > 0)
		mf_db_bind_str(st, 1, *mood);
	(void)sqlite3_bind_int64(st, 2, q->mailbox);
	mf_db_bind_str(st, 3, q->side);
	rc = mf_db_run(st, err);
	if (rc != MF_OK)
		return rc;
	(void)sqlite3_bind_int64(opened, 1, q->mailbox);
	rc = mf_db_step(opened, err);
	if (rc != MF_OK)
		return rc;
	bool last = sqlite3_column_int(opened, 0) == 0;
	mf_db_reset(opened);
	if (!last)
		return MF_OK;
	q->ended = q->mailbox;
	q->mailbox = 0;
	return mf_rv_drop(q->state, q->ended, false, err);
}

mf_code
mf_rv_close(mf_rv_ask *q, mf_str mood, mf_err *err)
{
	q->with = &mood;
	mf_code rc = mf_rv_run(q, close_step, err);
	mf_rv_note_crowded(q, q->name);
	return rc;
}

mf_code
mf_rv_messages(
	struct mf_rv_state *s, int64_t mailbox, void (*each)(void *arg, const mf_rv_message *m), void *arg, mf_err *err)
{
	sqlite3_stmt *st = s->st[RV_MESSAGES];
	mf_code rc;

	(void)sqlite3_bind_int64(st, 1, mailbox);
	while ((rc = mf_db_step(st, err)) == MF_OK) {
		const mf_rv_message m = {mf_db_col_str(st, 0), mf_db_col_str(st, 1), mf_db_col_str(st, 2),
			sqlite3_column_double(st, 3), mf_db_col_str(st, 4)};
		each(arg, &m);
	}
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}
