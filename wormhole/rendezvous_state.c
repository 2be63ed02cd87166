/* The mailbox server's database: schema, statements, age, results. */
#include "wormhole/rendezvous_state_impl.h"

#include <stdlib.h>

enum { SCHEMA = 1 };

static const char schema[] =
	"CREATE TABLE mailboxes(id INTEGER PRIMARY KEY, app TEXT NOT NULL, name TEXT NOT NULL,"
	" updated_ms INTEGER NOT NULL, messages INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,"
	" crowded INTEGER NOT NULL DEFAULT 0, UNIQUE(app, name)) STRICT;"
	"CREATE INDEX mailboxes_by_age ON mailboxes(updated_ms);"
	"CREATE TABLE mailbox_sides(mailbox INTEGER NOT NULL REFERENCES mailboxes(id) ON DELETE CASCADE,"
	" side TEXT NOT NULL, opened INTEGER NOT NULL, mood TEXT, PRIMARY KEY(mailbox, side)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE messages(id INTEGER PRIMARY KEY,"
	" mailbox INTEGER NOT NULL REFERENCES mailboxes(id) ON DELETE CASCADE, side TEXT NOT NULL,"
	" phase TEXT NOT NULL, body TEXT NOT NULL, received REAL NOT NULL, tag TEXT NOT NULL) STRICT;"
	"CREATE INDEX messages_of_mailbox ON messages(mailbox, id);"
	"CREATE TABLE nameplates(id INTEGER PRIMARY KEY, app TEXT NOT NULL, name TEXT NOT NULL,"
	" mailbox INTEGER NOT NULL REFERENCES mailboxes(id) ON DELETE CASCADE, UNIQUE(app, name)) STRICT;"
	"CREATE INDEX nameplates_of_mailbox ON nameplates(mailbox);"
	"CREATE TABLE nameplate_sides(nameplate INTEGER NOT NULL REFERENCES nameplates(id) ON DELETE CASCADE,"
	" side TEXT NOT NULL, claimed INTEGER NOT NULL, PRIMARY KEY(nameplate, side)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE tally(result TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"PRAGMA user_version = 1";

static const char *const statements[RV_STATEMENTS] = {
	[RV_PLATE] = "SELECT p.id, p.mailbox, m.name FROM nameplates p JOIN mailboxes m ON m.id = p.mailbox"
		     " WHERE p.app = ? AND p.name = ?",
	[RV_PLATE_ADD] = "INSERT INTO nameplates(app, name, mailbox) VALUES(?, ?, ?)",
	[RV_PLATE_SIDES] = "SELECT side, claimed FROM nameplate_sides WHERE nameplate = ?",
	[RV_PLATE_SIDE_ADD] = "INSERT INTO nameplate_sides(nameplate, side, claimed) VALUES(?, ?, 1)",
	[RV_PLATE_RELEASE] = "UPDATE nameplate_sides SET claimed = 0 WHERE nameplate = ? AND side = ?",
	[RV_PLATE_DROP] = "DELETE FROM nameplates WHERE id = ?1 AND NOT EXISTS"
			  " (SELECT 1 FROM nameplate_sides WHERE nameplate = ?1 AND claimed = 1)",
	[RV_PLATES] = "SELECT name FROM nameplates WHERE app = ? ORDER BY name",
	[RV_BOX] = "SELECT id FROM mailboxes WHERE app = ? AND name = ?",
	[RV_BOX_ADD] = "INSERT INTO mailboxes(app, name, updated_ms) VALUES(?, ?, ?)",
	[RV_BOX_SIDES] = "SELECT side, opened FROM mailbox_sides WHERE mailbox = ?",
	[RV_BOX_SIDE_ADD] = "INSERT INTO mailbox_sides(mailbox, side, opened) VALUES(?, ?, 1)",
	[RV_BOX_TOUCH] = "UPDATE mailboxes SET updated_ms = ? WHERE id = ?",
	[RV_BOX_CLOSE] = "UPDATE mailbox_sides SET opened = 0, mood = ? WHERE mailbox = ? AND side = ?",
	[RV_BOX_OPENED] = "SELECT count(*) FROM mailbox_sides WHERE mailbox = ? AND opened = 1",
	[RV_BOX_SIZE] = "SELECT messages, bytes FROM mailboxes WHERE id = ?",
	[RV_BOX_GREW] = "UPDATE mailboxes SET messages = messages + 1, bytes = bytes + ?, updated_ms = ? WHERE id = ?",
	[RV_BOX_CROWDED] = "UPDATE mailboxes SET crowded = 1 WHERE app = ? AND name = ?",
	/* One side was lonely, two were happy; what a side said of itself counts more, the worst most. */
	[RV_BOX_RESULT] =
		"SELECT CASE WHEN m.crowded THEN 'crowded' WHEN ?2 THEN 'pruney'"
		" WHEN total(s.mood = 'scary') > 0 THEN 'scary'"
		" WHEN total(s.mood = 'errory') > 0 THEN 'errory'"
		" WHEN total(s.mood = 'lonely') > 0 THEN 'lonely'"
		" WHEN count(s.side) = 0 THEN 'quiet' WHEN count(s.side) = 1 THEN 'lonely'"
		" ELSE 'happy' END, m.bytes"
		" FROM mailboxes m LEFT JOIN mailbox_sides s ON s.mailbox = m.id WHERE m.id = ?1 GROUP BY m.id",
	[RV_BOX_DROP] = "DELETE FROM mailboxes WHERE id = ?",
	[RV_BOX_OLD] = "SELECT id FROM mailboxes WHERE updated_ms <= ? ORDER BY updated_ms LIMIT 1",
	[RV_BOX_FUTURE] = "UPDATE mailboxes SET updated_ms = ?1 WHERE updated_ms > ?1",
	[RV_MESSAGE_ADD] = "INSERT INTO messages(mailbox, side, phase, body, received, tag) VALUES(?, ?, ?, ?, ?, ?)",
	[RV_MESSAGES] = "SELECT side, phase, body, received, tag FROM messages WHERE mailbox = ? ORDER BY id",
	[RV_TALLY_ADD] = "INSERT INTO tally(result, n) VALUES(?, 1) ON CONFLICT(result) DO UPDATE SET n = n + 1",
	[RV_TALLY] = "SELECT result, n FROM tally ORDER BY result",
};

static mf_code
make_schema(void *arg, mf_err *err)
{
	return mf_db_exec(arg, schema, err);
}

/* A connection with our settings, and the schema in it. */
static mf_code
open_db(struct mf_rv_state *s, const char *path, mf_err *err)
{
	int64_t version = 0;
	mf_code rc = MF_OK;

	if (path != NULL)
		rc = s->env->ops->db_open(s->env, path, &s->db, err);
	else if (sqlite3_open_v2(":memory:", &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		rc = mf_db_fail(err, s->db, sqlite3_errcode(s->db), "database in memory");
	/* Nothing of what was forgotten stays on the disk longer than the database's own log. */
	if (rc == MF_OK)
		rc = mf_db_exec(s->db, "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON", err);
	if (rc == MF_OK)
		rc = mf_db_int(s->db, "PRAGMA user_version", &version, err);
	if (rc == MF_OK && version == 0)
		rc = mf_db_txn(s->db, make_schema, s->db, err);
	else if (rc == MF_OK && version != SCHEMA)
		rc = mf_fail(err, MF_EUNSUPPORTED, 0, "%s is of a newer version of this program", path);
	return rc;
}

static int
on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct mf_rv_state *s = arg;

	(void)db;
	(void)name;
	s->wal_pages = pages;
	return SQLITE_OK;
}

mf_code
mf_rv_state_open(struct mf_env *env, const mf_rendezvous_conf *conf, struct mf_rv_state **out, mf_err *err)
{
	struct mf_rv_state *s = mf_alloc(sizeof(*s));
	mf_code rc;

	s->env = env;
	s->most.mailboxes = conf->mailboxes;
	s->most.bytes = (int64_t)conf->bytes;
	s->most_messages = conf->mailbox_messages;
	s->most_bytes = (int64_t)conf->mailbox_bytes;
	rc = open_db(s, conf->path, err);
	if (rc == MF_OK)
		rc = mf_db_prepare(s->db, statements, s->st, RV_STATEMENTS, err);
	if (rc == MF_OK)
		rc = mf_db_int(s->db, "SELECT count(*) FROM mailboxes", &s->held.mailboxes, err);
	if (rc == MF_OK)
		rc = mf_db_int(s->db, "SELECT coalesce(sum(bytes), 0) FROM mailboxes", &s->held.bytes, err);
	if (rc != MF_OK) {
		mf_rv_state_close(s);
		return rc;
	}
	(void)sqlite3_wal_hook(s->db, on_commit, s);
	*out = s;
	return MF_OK;
}

void
mf_rv_state_close(struct mf_rv_state *s)
{
	mf_db_finalize(s->st, RV_STATEMENTS);
	(void)sqlite3_close(s->db);
	free(s);
}

int
mf_rv_state_wal(const struct mf_rv_state *s)
{
	return s->wal_pages;
}

/* -- transactions ------------------------------------------------------------------------------------- */

mf_code
mf_rv_run(mf_rv_ask *q, mf_code (*step)(void *q, mf_err *err), mf_err *err)
{
	struct mf_rv_state *s = q->state;
	const mf_rv_totals before = s->held;
	mf_code rc;

	q->no = MF_RV_YES;
	q->mailbox = q->ended = 0;
	rc = mf_db_txn(s->db, step, q, err);
	if (rc != MF_OK)
		s->held = before;
	return rc == MF_ECANCELED && q->no != MF_RV_YES ? MF_OK : rc;
}

mf_code
mf_rv_refuse(mf_rv_ask *q, enum mf_rv_no no)
{
	q->no = no;
	return MF_ECANCELED;
}

mf_code
mf_rv_drop(struct mf_rv_state *s, int64_t mailbox, bool pruned, mf_err *err)
{
	sqlite3_stmt *st = s->st[RV_BOX_RESULT];
	int64_t bytes;
	mf_code rc;

	(void)sqlite3_bind_int64(st, 1, mailbox);
	(void)sqlite3_bind_int(st, 2, pruned);
	rc = mf_db_step(st, err);
	if (rc != MF_OK)
		return rc == MF_ENOTFOUND ? MF_OK : rc;
	bytes = sqlite3_column_int64(st, 1);
	mf_db_bind_str(s->st[RV_TALLY_ADD], 1, mf_db_col_str(st, 0));
	rc = mf_db_run(s->st[RV_TALLY_ADD], err);
	mf_db_reset(st);
	if (rc == MF_OK) {
		(void)sqlite3_bind_int64(s->st[RV_BOX_DROP], 1, mailbox);
		rc = mf_db_run(s->st[RV_BOX_DROP], err);
	}
	if (rc == MF_OK) {
		s->held.mailboxes--;
		s->held.bytes -= bytes;
	}
	return rc;
}

/* -- age ------------------------------------------------------------------------------------------------ */

mf_code
mf_rv_touch(struct mf_rv_state *s, int64_t mailbox, int64_t now_ms, mf_err *err)
{
	(void)sqlite3_bind_int64(s->st[RV_BOX_TOUCH], 1, now_ms);
	(void)sqlite3_bind_int64(s->st[RV_BOX_TOUCH], 2, mailbox);
	return mf_db_run(s->st[RV_BOX_TOUCH], err);
}

struct prune {
	struct mf_rv_state *s;
	int64_t before_ms;
	unsigned n;
};

static mf_code
prune(void *arg, mf_err *err)
{
	struct prune *p = arg;
	sqlite3_stmt *st = p->s->st[RV_BOX_OLD];
	mf_code rc;

	for (;;) {
		(void)sqlite3_bind_int64(st, 1, p->before_ms);
		rc = mf_db_step(st, err);
		if (rc != MF_OK)
			return rc == MF_ENOTFOUND ? MF_OK : rc;
		int64_t id = sqlite3_column_int64(st, 0);
		mf_db_reset(st);
		rc = mf_rv_drop(p->s, id, true, err);
		if (rc != MF_OK)
			return rc;
		p->n++;
	}
}

mf_code
mf_rv_prune(struct mf_rv_state *s, int64_t before_ms, int64_t now_ms, unsigned *n, mf_err *err)
{
	struct prune p = {s, before_ms, 0};
	const mf_rv_totals held = s->held;
	mf_code rc;

	(void)sqlite3_bind_int64(s->st[RV_BOX_FUTURE], 1, now_ms);
	rc = mf_db_run(s->st[RV_BOX_FUTURE], err);
	if (rc == MF_OK)
		rc = mf_db_txn(s->db, prune, &p, err);
	if (rc != MF_OK)
		s->held = held;
	*n = rc == MF_OK ? p.n : 0;
	return rc;
}

mf_code
mf_rv_tally(struct mf_rv_state *s, void (*each)(void *arg, mf_str result, int64_t n), void *arg, mf_err *err)
{
	sqlite3_stmt *st = s->st[RV_TALLY];
	mf_code rc;

	while ((rc = mf_db_step(st, err)) == MF_OK)
		each(arg, mf_db_col_str(st, 0), sqlite3_column_int64(st, 1));
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}
