/** @file
 * All SQL of a folder's databases.  Private to this room; meaning of the columns: docs/database.md.
 *
 * state.sqlite is `main`, index.sqlite is `idx`.  The statements that create tables in index.sqlite run on a
 * connection of their own, before it is attached, and therefore name no schema. */
#ifndef MF_SYNC_STATE_SQL_H
#define MF_SYNC_STATE_SQL_H

/* ---- schemas ------------------------------------------------------------------------------------------ */

enum { STATE_PYTHON_VERSION = 1, STATE_OURS_VERSION = 7, INDEX_VERSION = 3 };

/* Python's tables (datamodel-and-sync.md 6.3).  The foreign keys name a table that does not exist, as the
 * reference's do: they must never be switched on. */
#define SQL_PYTHON_SCHEMA \
	"CREATE TABLE [config] (" \
	" [author_name] TEXT PRIMARY KEY," \
	" [author_private_key] TEXT," \
	" [stash_path] TEXT," \
	" [collective_dircap] TEXT," \
	" [upload_dircap] TEXT," \
	" [magic_directory] TEXT," \
	" [poll_interval] INTEGER NOT NULL," \
	" [scan_interval] INTEGER CHECK ([scan_interval] > 0));" \
	"CREATE TABLE [local_snapshots] (" \
	" [identifier] TEXT PRIMARY KEY," \
	" [relpath] TEXT," \
	" [content_path] TEXT);" \
	"CREATE TABLE [local_snapshot_metadata] (" \
	" [snapshot_identifier] TEXT NOT NULL," \
	" [key] TEXT NOT NULL," \
	" [value] BLOB NOT NULL," \
	" FOREIGN KEY([snapshot_identifier]) REFERENCES [local_snapshot]([identifier]));" \
	"CREATE TABLE [local_snapshot_parent] (" \
	" [snapshot_identifier] TEXT NOT NULL," \
	" [index] INTEGER CHECK ([index] >= 0) NOT NULL," \
	" [local_only] BOOL NOT NULL," \
	" [parent_identifier] TEXT NOT NULL," \
	" FOREIGN KEY([snapshot_identifier]) REFERENCES [local_snapshot]([identifier]));" \
	"CREATE TABLE [current_snapshots] (" \
	" [relpath] TEXT PRIMARY KEY," \
	" [snapshot_cap] TEXT," \
	" [content_cap] TEXT," \
	" [metadata_cap] TEXT," \
	" [mtime_ns] INTEGER," \
	" [ctime_ns] INTEGER," \
	" [size] INTEGER," \
	" [last_updated_ns] INTEGER NOT NULL," \
	" [upload_duration_ns] INTEGER);" \
	"CREATE TABLE [conflicted_files] (" \
	" [relpath] TEXT NOT NULL," \
	" [conflict_author] TEXT NOT NULL," \
	" [snapshot_cap] TEXT," \
	" PRIMARY KEY([relpath], [conflict_author]));" \
	"PRAGMA user_version = 1"

/* Ours in state.sqlite, version 1. */
#define SQL_OURS_1 \
	"CREATE TABLE mf_path (" \
	" relpath TEXT PRIMARY KEY, cap TEXT NOT NULL, sha256 BLOB, ino INTEGER NOT NULL," \
	" executable INTEGER NOT NULL, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER) WITHOUT ROWID;" \
	"CREATE TABLE mf_pending (" \
	" relpath TEXT NOT NULL, id INTEGER NOT NULL, cap TEXT NOT NULL, present INTEGER NOT NULL," \
	" size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, ino INTEGER NOT NULL," \
	" made_ns INTEGER NOT NULL, merge INTEGER NOT NULL, PRIMARY KEY (relpath, id)) WITHOUT ROWID;" \
	"CREATE TABLE mf_intent (" \
	" relpath TEXT PRIMARY KEY, target TEXT NOT NULL, flags INTEGER NOT NULL, tmp_name TEXT NOT NULL," \
	" ino INTEGER NOT NULL, btime_ns INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL," \
	" ctime_ns INTEGER NOT NULL, expect_ino INTEGER NOT NULL, made_ns INTEGER NOT NULL) WITHOUT ROWID;" \
	"CREATE TABLE mf_conflict (" \
	" relpath TEXT NOT NULL, slot TEXT NOT NULL, cap TEXT NOT NULL, closing INTEGER NOT NULL," \
	" written INTEGER NOT NULL, sha256 BLOB, marker_size INTEGER NOT NULL, present INTEGER NOT NULL," \
	" size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, ino INTEGER NOT NULL," \
	" PRIMARY KEY (relpath, slot)) WITHOUT ROWID;" \
	"CREATE TABLE mf_known (" \
	" relpath TEXT NOT NULL, cap TEXT NOT NULL, PRIMARY KEY (relpath, cap)) WITHOUT ROWID;" \
	"CREATE TABLE mf_key (" \
	" participant TEXT PRIMARY KEY, verify_key BLOB NOT NULL) WITHOUT ROWID;" \
	"CREATE TABLE mf_dir (relpath TEXT PRIMARY KEY) WITHOUT ROWID;" \
	"CREATE TABLE mf_schema (version INTEGER NOT NULL);" \
	"INSERT INTO mf_schema VALUES (1)"

/* Version 2: which directory is the folder's root. */
#define SQL_OURS_2 \
	"CREATE TABLE mf_root (ino INTEGER NOT NULL);" \
	"UPDATE mf_schema SET version = 2"

/* Version 3: what the user chose for the folder. */
#define SQL_OURS_3 \
	"CREATE TABLE mf_setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;" \
	"UPDATE mf_schema SET version = 3"

/* Version 4: deletions that wait for the user's word; which directories are on devices of their own. */
#define SQL_OURS_4 \
	"CREATE TABLE mf_held (relpath TEXT PRIMARY KEY, word INTEGER NOT NULL) WITHOUT ROWID;" \
	"CREATE TABLE mf_mount (relpath TEXT PRIMARY KEY, dev INTEGER NOT NULL) WITHOUT ROWID;" \
	"UPDATE mf_schema SET version = 4"

/* Version 5: keys that sign, not only one a participant; whose directory was read through.  Nobody has written to
 * the table that goes. */
#define SQL_OURS_5 \
	"DROP TABLE mf_key;" \
	"CREATE TABLE mf_key (" \
	" verify_key BLOB PRIMARY KEY, participant TEXT NOT NULL, current INTEGER NOT NULL, author TEXT NOT NULL," \
	" how INTEGER NOT NULL, since_ns INTEGER NOT NULL) WITHOUT ROWID;" \
	"CREATE TABLE mf_met (participant TEXT PRIMARY KEY, since_ns INTEGER NOT NULL) WITHOUT ROWID;" \
	"UPDATE mf_schema SET version = 5"

/* Version 6: what Python made and did not publish, by path; taken: it stands in mf_pending, too. */
#define SQL_OURS_6 \
	"CREATE TABLE mf_local (" \
	" relpath TEXT NOT NULL, pos INTEGER NOT NULL, identifier TEXT NOT NULL UNIQUE, stash TEXT," \
	" mtime_s INTEGER NOT NULL, taken INTEGER NOT NULL, PRIMARY KEY (relpath, pos)) WITHOUT ROWID;" \
	"CREATE TABLE mf_local_parent (" \
	" identifier TEXT NOT NULL, pos INTEGER NOT NULL, local INTEGER NOT NULL, parent TEXT NOT NULL," \
	" PRIMARY KEY (identifier, pos)) WITHOUT ROWID;" \
	"UPDATE mf_schema SET version = 6"

/* Version 7: of a version that is in the stash because the grid was away, what Python's tables do not say. */
#define SQL_OURS_7 \
	"ALTER TABLE mf_local ADD COLUMN size INTEGER;" \
	"ALTER TABLE mf_local ADD COLUMN sha256 BLOB;" \
	"ALTER TABLE mf_local ADD COLUMN ino INTEGER;" \
	"ALTER TABLE mf_local ADD COLUMN executable INTEGER;" \
	"UPDATE mf_schema SET version = 7"

/* index.sqlite, version 1. */
#define SQL_INDEX_1 \
	"CREATE TABLE snapshots (" \
	" id INTEGER PRIMARY KEY, cap TEXT NOT NULL UNIQUE, relpath TEXT NOT NULL, author TEXT NOT NULL," \
	" author_key BLOB NOT NULL, content TEXT, metadata TEXT NOT NULL, size INTEGER NOT NULL, sha256 BLOB," \
	" flags INTEGER NOT NULL, mtime_s INTEGER NOT NULL, depth INTEGER NOT NULL) STRICT;" \
	"CREATE TABLE parents (" \
	" child INTEGER NOT NULL REFERENCES snapshots, pos INTEGER NOT NULL," \
	" parent INTEGER NOT NULL REFERENCES snapshots, PRIMARY KEY (child, pos)) STRICT, WITHOUT ROWID;" \
	"CREATE TABLE participants (" \
	" id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seqnum INTEGER NOT NULL, root BLOB NOT NULL) STRICT;" \
	"CREATE TABLE heads (" \
	" participant INTEGER NOT NULL REFERENCES participants, relpath TEXT NOT NULL," \
	" snapshot INTEGER NOT NULL REFERENCES snapshots, PRIMARY KEY (participant, relpath)) STRICT, WITHOUT ROWID;" \
	"PRAGMA user_version = 1"

/* Version 2: which directory a participant's heads and version are of. */
#define SQL_INDEX_2 \
	"ALTER TABLE participants ADD COLUMN cap TEXT NOT NULL DEFAULT '';" \
	"PRAGMA user_version = 2"

/* What snapshots with a child are found by: their path, and of each kind of equality a piece. */
#define SQL_PAST_OF(which) \
	"INSERT OR IGNORE INTO past (relpath, piece, snapshot)" \
	" SELECT relpath, CAST(substr(content, 9, 13) AS BLOB), id FROM snapshots WHERE content IS NOT NULL " \
	"AND " which " UNION ALL SELECT relpath, substr(sha256, 1, 8), id FROM snapshots" \
	" WHERE content IS NOT NULL AND sha256 IS NOT NULL AND " which \
	" UNION ALL SELECT relpath, x'', id FROM snapshots WHERE content IS NULL AND " which

/* Version 3: chains (state/chain.h).  What earlier versions wrote is put in order here; a first child is the one with
 * the smallest id. */
#define SQL_INDEX_3 \
	"ALTER TABLE snapshots ADD COLUMN chain INTEGER NOT NULL DEFAULT 0;" \
	"CREATE TABLE exits (" \
	" chain INTEGER NOT NULL, depth INTEGER NOT NULL, to_chain INTEGER NOT NULL, to_depth INTEGER NOT NULL," \
	" PRIMARY KEY (chain, depth, to_chain, to_depth)) STRICT, WITHOUT ROWID;" \
	"CREATE TABLE past (" \
	" relpath TEXT NOT NULL, piece BLOB NOT NULL, snapshot INTEGER NOT NULL REFERENCES snapshots," \
	" PRIMARY KEY (relpath, piece, snapshot)) STRICT, WITHOUT ROWID;" \
	"CREATE TABLE follows AS SELECT min(child) AS child, parent FROM (" \
	" SELECT p.child, p.parent, row_number() OVER (PARTITION BY p.child ORDER BY s.depth DESC, p.pos) AS n" \
	"  FROM parents p JOIN snapshots s ON s.id = p.parent) WHERE n = 1 GROUP BY parent;" \
	"CREATE UNIQUE INDEX follows_child ON follows (child);" \
	"CREATE UNIQUE INDEX follows_parent ON follows (parent);" \
	"CREATE TABLE chains (id INTEGER PRIMARY KEY, chain INTEGER NOT NULL);" \
	"WITH RECURSIVE walk (id, chain) AS (" \
	" SELECT id, id FROM snapshots WHERE NOT EXISTS (SELECT 1 FROM follows WHERE child = id)" \
	" UNION ALL SELECT f.child, w.chain FROM walk w JOIN follows f ON f.parent = w.id)" \
	" INSERT INTO chains SELECT id, chain FROM walk;" \
	"INSERT OR IGNORE INTO exits SELECT a.chain, c.depth, b.chain, s.depth FROM parents p" \
	" JOIN chains a ON a.id = p.child JOIN chains b ON b.id = p.parent" \
	" JOIN snapshots c ON c.id = p.child JOIN snapshots s ON s.id = p.parent" \
	" WHERE NOT EXISTS (SELECT 1 FROM follows WHERE child = p.child AND parent = p.parent);" \
	"UPDATE snapshots SET chain = (SELECT nullif(chain, id) FROM chains WHERE id = snapshots.id)" \
	" WHERE EXISTS (SELECT 1 FROM follows WHERE child = id);" \
	"UPDATE snapshots SET flags = flags | 16 WHERE id IN (SELECT parent FROM parents);" \
	"UPDATE snapshots SET flags = flags | 8 WHERE id IN (SELECT parent FROM follows);" SQL_PAST_OF( \
		"flags & 16") ";" \
			      "DROP TABLE follows;" \
			      "DROP TABLE chains;" \
			      "PRAGMA user_version = 3"

#define SQL_USER_VERSION "PRAGMA user_version"
#define SQL_HAS_OURS "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'mf_schema'"
#define SQL_OURS_VERSION "SELECT max(version) FROM mf_schema"
#define SQL_HAS_PYTHON \
	"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN (" \
	"'config', 'local_snapshots', 'local_snapshot_metadata', 'local_snapshot_parent', 'current_snapshots'," \
	" 'conflicted_files')"
#define SQL_ATTACH "ATTACH ?1 AS idx"
#define SQL_IDX_SETTINGS "PRAGMA idx.synchronous = NORMAL; PRAGMA idx.cache_size = -1024"

/* Snapshots that Python made and did not publish.  In a read-only folder they are forgotten: the disk says what is
 * local only.  Elsewhere mf_local and mf_local_parent become a copy that can be looked up by path; what Python has
 * published or forgotten since we took it is not ours to publish any more. */
#define SQL_HAS_LOCAL \
	"SELECT EXISTS (SELECT 1 FROM local_snapshots) OR EXISTS (SELECT 1 FROM mf_local)" \
	" OR EXISTS (SELECT 1 FROM local_snapshot_metadata) OR EXISTS (SELECT 1 FROM local_snapshot_parent)"
#define SQL_IS_READ_ONLY "SELECT EXISTS (SELECT 1 FROM config WHERE upload_dircap IS NULL)"
#define SQL_LOCAL_DOUBT(which) \
	"DELETE FROM current_snapshots WHERE snapshot_cap IS NULL AND relpath " which ";" \
	"UPDATE current_snapshots SET size = -1, mtime_ns = -1, ctime_ns = -1 WHERE relpath " which
#define SQL_LOCAL_FORGET \
	SQL_LOCAL_DOUBT("IN (SELECT relpath FROM local_snapshots)") \
	";" \
	"DELETE FROM local_snapshot_metadata;" \
	"DELETE FROM local_snapshot_parent;" \
	"DELETE FROM local_snapshots;" \
	"DELETE FROM mf_local"
#define SQL_LOCAL_GONE \
	"(SELECT relpath FROM mf_local m WHERE taken" \
	" AND NOT EXISTS (SELECT 1 FROM local_snapshots WHERE identifier = m.identifier))"
#define SQL_LOCAL_COPY \
	"DELETE FROM mf_pending WHERE relpath IN " SQL_LOCAL_GONE ";" \
	"UPDATE mf_local SET taken = 0 WHERE relpath IN " SQL_LOCAL_GONE ";" \
	"DELETE FROM mf_local WHERE NOT EXISTS (" \
	" SELECT 1 FROM local_snapshots WHERE identifier = mf_local.identifier);" \
	"INSERT OR IGNORE INTO mf_local (relpath, pos, identifier, stash, mtime_s, taken)" \
	" SELECT l.relpath, l.rowid, l.identifier, l.content_path, coalesce(m.mtime, 0), 0 FROM local_snapshots l" \
	" LEFT JOIN (SELECT snapshot_identifier, max(CAST(value AS INTEGER)) AS mtime FROM local_snapshot_metadata" \
	"  WHERE key = 'mtime' GROUP BY snapshot_identifier) m ON m.snapshot_identifier = l.identifier" \
	" WHERE l.relpath IS NOT NULL AND l.identifier IS NOT NULL ORDER BY l.rowid;" \
	"DELETE FROM mf_local_parent;" \
	"INSERT OR IGNORE INTO mf_local_parent (identifier, pos, local, parent)" \
	" SELECT p.snapshot_identifier, p.[index], p.local_only, p.parent_identifier FROM local_snapshot_parent p" \
	" JOIN mf_local m ON m.identifier = p.snapshot_identifier"
#define SQL_LOCAL_TIDY \
	"DELETE FROM local_snapshot_metadata WHERE NOT EXISTS (" \
	" SELECT 1 FROM local_snapshots WHERE identifier = snapshot_identifier);" \
	"DELETE FROM local_snapshot_parent WHERE NOT EXISTS (" \
	" SELECT 1 FROM local_snapshots WHERE identifier = snapshot_identifier);" \
	"DELETE FROM mf_local_parent WHERE NOT EXISTS (SELECT 1 FROM mf_local m WHERE m.identifier =" \
	" mf_local_parent.identifier)"

#define SQL_CONFIG_INSERT \
	"INSERT INTO config (author_name, author_private_key, stash_path, collective_dircap, upload_dircap," \
	" magic_directory, poll_interval, scan_interval) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"

/* The newest row of what was left of a path, taken or not. */
#define SQL_LOCAL_NEWEST(relpath) "(SELECT max(pos) FROM mf_local WHERE relpath = " relpath ")"

/* ---- statements that are prepared once ------------------------------------------------------------------- */

/* The newest pending snapshot of a path. */
#define SQL_NEWEST(relpath) "(SELECT max(id) FROM mf_pending WHERE relpath = " relpath ")"

#define STATE_QUERIES(Q) \
	Q(BEGIN, "BEGIN IMMEDIATE") \
	Q(COMMIT, "COMMIT") \
	Q(ROLLBACK, "ROLLBACK") \
	Q(DATA_VERSION, "PRAGMA main.data_version") \
	Q(CONFIG, \
		"SELECT author_name, author_private_key, stash_path, collective_dircap, upload_dircap," \
		" magic_directory, poll_interval, scan_interval FROM config LIMIT 1") \
\
	Q(PATH_GET, \
		"SELECT c.snapshot_cap, c.content_cap, c.metadata_cap, c.last_updated_ns, c.upload_duration_ns," \
		" m.cap, m.sha256, m.executable, p.cap IS NOT NULL, p.present, p.size, p.mtime_ns, p.ctime_ns, p.ino," \
		" c.size, c.mtime_ns, c.ctime_ns, m.ino, m.size, m.mtime_ns, m.ctime_ns, m.ino" \
		" FROM (SELECT ?1 AS relpath) r" \
		" LEFT JOIN current_snapshots c ON c.relpath = r.relpath AND c.snapshot_cap IS NOT NULL" \
		" LEFT JOIN mf_path m ON m.relpath = r.relpath AND m.cap = coalesce(c.snapshot_cap, '')" \
		" LEFT JOIN mf_pending p ON p.relpath = r.relpath AND p.id = " SQL_NEWEST("r.relpath")) \
	Q(PATH_PUT_PYTHON, \
		"INSERT INTO current_snapshots (relpath, snapshot_cap, content_cap, metadata_cap, size, mtime_ns," \
		" ctime_ns, last_updated_ns, upload_duration_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)" \
		" ON CONFLICT (relpath) DO UPDATE SET snapshot_cap = excluded.snapshot_cap," \
		" content_cap = excluded.content_cap, metadata_cap = excluded.metadata_cap," \
		" mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, size = excluded.size," \
		" last_updated_ns = excluded.last_updated_ns, upload_duration_ns = excluded.upload_duration_ns") \
	Q(PATH_DROP_PYTHON, "DELETE FROM current_snapshots WHERE relpath = ?1") \
	Q(PATH_PUT_OURS, \
		"INSERT INTO mf_path (relpath, cap, sha256, ino, executable, size, mtime_ns, ctime_ns)" \
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" \
		" ON CONFLICT (relpath) DO UPDATE SET cap = excluded.cap, sha256 = excluded.sha256," \
		" ino = excluded.ino, executable = excluded.executable, size = excluded.size," \
		" mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns") \
	Q(PATH_LEARN, \
		"INSERT OR REPLACE INTO mf_path (relpath, cap, ino, executable)" \
		" SELECT c.relpath, c.snapshot_cap, ?2, ?3 FROM current_snapshots c" \
		" WHERE c.relpath = ?1 AND c.snapshot_cap IS NOT NULL AND c.content_cap IS NOT NULL" \
		" AND NOT EXISTS (SELECT 1 FROM mf_pending WHERE relpath = ?1)" \
		" AND NOT EXISTS (SELECT 1 FROM mf_local WHERE relpath = ?1)" \
		" AND NOT EXISTS (SELECT 1 FROM mf_path WHERE relpath = ?1 AND cap = c.snapshot_cap)") \
	Q(TOUCH_PENDING, \
		"UPDATE mf_pending SET present = ?2, size = ?3, mtime_ns = ?4, ctime_ns = ?5, ino = ?6" \
		" WHERE relpath = ?1 AND id = " SQL_NEWEST("?1")) \
	Q(TOUCH_PYTHON, \
		"UPDATE current_snapshots SET size = ?2, mtime_ns = ?3, ctime_ns = ?4" \
		" WHERE relpath = ?1 AND snapshot_cap IS NOT NULL") \
	Q(TOUCH_OURS, \
		"UPDATE mf_path SET ino = ?5, size = CASE WHEN cap = '' THEN ?2 END," \
		" mtime_ns = CASE WHEN cap = '' THEN ?3 END, ctime_ns = CASE WHEN cap = '' THEN ?4 END" \
		" WHERE relpath = ?1 AND cap = coalesce(" \
		"  (SELECT snapshot_cap FROM current_snapshots WHERE relpath = ?1), '')") \
	Q(PATH_NTH, "SELECT relpath FROM current_snapshots WHERE relpath > ?1 ORDER BY relpath LIMIT 1 OFFSET ?2") \
	Q(PATH_EACH, \
		"SELECT c.relpath, 1, c.content_cap IS NULL, p.cap IS NOT NULL," \
		" p.present, p.size, p.mtime_ns, p.ctime_ns, p.ino, c.size, c.mtime_ns, c.ctime_ns, m.ino" \
		" FROM current_snapshots c" \
		" LEFT JOIN mf_path m ON m.relpath = c.relpath AND m.cap = c.snapshot_cap" \
		" LEFT JOIN mf_pending p ON p.relpath = c.relpath AND p.id = " SQL_NEWEST( \
			"c.relpath") " WHERE c.relpath > ?1 AND c.relpath <= ?2 AND c.snapshot_cap IS NOT NULL" \
				     " UNION ALL" \
				     " SELECT m.relpath, 0, 0, 0, 0, 0, 0, 0, 0, m.size, m.mtime_ns, m.ctime_ns, " \
				     "m.ino FROM mf_path m" \
				     " WHERE m.relpath > ?1 AND m.relpath <= ?2 AND m.cap = ''" \
				     " AND NOT EXISTS (SELECT 1 FROM current_snapshots WHERE relpath = m.relpath" \
				     "  AND snapshot_cap IS NOT NULL)" \
				     " AND NOT EXISTS (SELECT 1 FROM mf_pending WHERE relpath = m.relpath)" \
				     " UNION ALL" \
				     " SELECT p.relpath, 0, 0, 1, p.present, p.size, p.mtime_ns, p.ctime_ns, p.ino, " \
				     "0, 0, 0, 0" \
				     " FROM mf_pending p" \
				     " WHERE p.relpath > ?1 AND p.relpath <= ?2 AND p.id = " SQL_NEWEST( \
					     "p.relpath") " AND NOT EXISTS (SELECT 1 FROM current_snapshots WHERE " \
							  "relpath = p.relpath" \
							  "  AND snapshot_cap IS NOT NULL) ORDER BY 1") \
	Q(PATH_BELOW, \
		"SELECT relpath FROM current_snapshots WHERE relpath > ?1 AND relpath < ?2" \
		" AND content_cap IS NOT NULL UNION" \
		" SELECT relpath FROM mf_pending WHERE relpath > ?1 AND relpath < ?2 AND present UNION" \
		" SELECT relpath FROM mf_path WHERE relpath > ?1 AND relpath < ?2 AND size IS NOT NULL ORDER BY 1") \
	Q(PATH_COUNT, \
		"SELECT (SELECT count(*) FROM current_snapshots c WHERE c.snapshot_cap IS NOT NULL" \
		"  AND c.content_cap IS NOT NULL AND NOT EXISTS (SELECT 1 FROM mf_pending WHERE relpath = c.relpath))" \
		" + (SELECT count(*) FROM mf_pending p WHERE p.present AND p.id = " SQL_NEWEST("p.relpath") ")") \
	Q(FILE_STATUS, \
		"SELECT relpath, content_cap IS NULL, mtime_ns, size, last_updated_ns, upload_duration_ns" \
		" FROM current_snapshots WHERE snapshot_cap IS NOT NULL ORDER BY last_updated_ns DESC, relpath") \
\
	Q(PENDING_ADD, \
		"INSERT INTO mf_pending (relpath, id, cap, present, size, mtime_ns, ctime_ns, ino, made_ns, merge)" \
		" VALUES (?1, coalesce(" SQL_NEWEST("?1") ", 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)") \
	Q(PENDING_GET, \
		"SELECT id, cap, present, size, mtime_ns, ctime_ns, ino, made_ns, merge FROM mf_pending" \
		" WHERE relpath = ?1 ORDER BY id") \
	Q(PENDING_CLEAR, "DELETE FROM mf_pending WHERE relpath = ?1") \
	Q(PENDING_EACH, "SELECT DISTINCT relpath FROM mf_pending ORDER BY relpath") \
	Q(LOCAL_ANY, "SELECT EXISTS (SELECT 1 FROM mf_local)") \
	Q(LOCAL_EACH, "SELECT DISTINCT relpath FROM mf_local WHERE NOT taken ORDER BY relpath") \
	Q(LOCAL_GET, \
		"SELECT identifier, stash, mtime_s, sha256, executable FROM mf_local" \
		" WHERE relpath = ?1 AND NOT taken ORDER BY pos") \
	Q(STASH_NEWEST, \
		"SELECT stash IS NULL, size, sha256, executable, coalesce(ino, 0)," \
		" (SELECT count(*) FROM mf_local WHERE relpath = ?1 AND NOT taken)" \
		" FROM mf_local WHERE relpath = ?1 AND NOT taken ORDER BY pos DESC LIMIT 1") \
	Q(STASH_BYTES, "SELECT coalesce(sum(size), 0) FROM mf_local") \
	Q(STASH_ADD, "INSERT INTO local_snapshots (identifier, relpath, content_path) VALUES (?1, ?2, ?3)") \
	Q(STASH_ADD_TIMES, \
		"INSERT INTO local_snapshot_metadata (snapshot_identifier, [key], value)" \
		" VALUES (?1, 'mtime', ?2), (?1, 'ctime', ?3)") \
	Q(STASH_ADD_PARENT, \
		"INSERT INTO local_snapshot_parent (snapshot_identifier, [index], local_only, parent_identifier)" \
		" SELECT ?1, 0, l.id IS NOT NULL, coalesce(l.id, ?3) FROM (SELECT (SELECT identifier FROM mf_local" \
		"  WHERE relpath = ?2 AND pos = " SQL_LOCAL_NEWEST("?2") ") AS id) l" \
									 " WHERE coalesce(l.id, ?3) IS NOT NULL") \
	Q(STASH_ADD_STATE, \
		"INSERT INTO current_snapshots (relpath, size, mtime_ns, ctime_ns, last_updated_ns)" \
		" VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (relpath) DO UPDATE SET" \
		" size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns") \
	Q(STASH_ADD_OURS, \
		"INSERT INTO mf_local (relpath, pos, identifier, stash, mtime_s, taken, size, sha256, ino, " \
		"executable)" \
		" SELECT relpath, rowid, identifier, content_path, ?2, 0, ?3, ?4, ?5, ?6 FROM local_snapshots" \
		" WHERE identifier = ?1") \
	Q(STASH_ADD_PARENT_OURS, \
		"INSERT INTO mf_local_parent (identifier, pos, local, parent)" \
		" SELECT snapshot_identifier, [index], local_only, parent_identifier FROM local_snapshot_parent" \
		" WHERE snapshot_identifier = ?1") \
	Q(STASH_TOUCH, "UPDATE current_snapshots SET size = ?2, mtime_ns = ?3, ctime_ns = ?4 WHERE relpath = ?1") \
	Q(STASH_TOUCH_OURS, "UPDATE mf_local SET ino = ?2 WHERE relpath = ?1 AND pos = " SQL_LOCAL_NEWEST("?1")) \
	Q(STASH_FORGET, \
		"DELETE FROM local_snapshots WHERE identifier IN (" \
		"SELECT identifier FROM mf_local WHERE relpath = ?1 AND NOT taken)") \
	Q(STASH_FORGET_OURS, "DELETE FROM mf_local WHERE relpath = ?1 AND NOT taken") \
	Q(LOCAL_PARENT_GET, "SELECT local, parent FROM mf_local_parent WHERE identifier = ?1 ORDER BY pos") \
	Q(LOCAL_STATE, \
		"SELECT size, mtime_ns, ctime_ns, coalesce((SELECT ino FROM mf_local WHERE relpath = ?1" \
		"  AND pos = " SQL_LOCAL_NEWEST("?1") "), 0) FROM current_snapshots WHERE relpath = ?1") \
	Q(LOCAL_TAKE, "UPDATE mf_local SET taken = 1 WHERE identifier = ?1") \
	Q(LOCAL_UNTAKE, "UPDATE mf_local SET taken = 0 WHERE relpath = ?1") \
	Q(LOCAL_DROP, "DELETE FROM local_snapshots WHERE identifier = ?1") \
	Q(LOCAL_DROP_OURS, "DELETE FROM mf_local WHERE identifier = ?1") \
	Q(LOCAL_DONE, \
		"DELETE FROM local_snapshots WHERE identifier IN (" \
		"SELECT identifier FROM mf_local WHERE relpath = ?1 AND taken)") \
	Q(LOCAL_DONE_OURS, "DELETE FROM mf_local WHERE relpath = ?1 AND taken") \
	Q(LOCAL_NO_BASE, "DELETE FROM current_snapshots WHERE relpath = ?1 AND snapshot_cap IS NULL") \
	Q(LOCAL_DOUBT, "UPDATE current_snapshots SET size = -1, mtime_ns = -1, ctime_ns = -1 WHERE relpath = ?1") \
	Q(STASH_EACH, "SELECT content_path FROM local_snapshots WHERE content_path IS NOT NULL") \
\
	Q(INTENT_PUT, \
		"INSERT OR REPLACE INTO mf_intent (relpath, target, flags, tmp_name, ino, btime_ns, size, mtime_ns," \
		" ctime_ns, expect_ino, made_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)") \
	Q(INTENT_GET, \
		"SELECT target, flags, tmp_name, ino, btime_ns, size, mtime_ns, ctime_ns, expect_ino, made_ns" \
		" FROM mf_intent WHERE relpath = ?1") \
	Q(INTENT_DROP, "DELETE FROM mf_intent WHERE relpath = ?1") \
	Q(INTENT_EACH, "SELECT relpath FROM mf_intent ORDER BY relpath") \
\
	Q(CONFLICT_PUT_PYTHON, \
		"INSERT INTO conflicted_files (relpath, conflict_author, snapshot_cap) VALUES (?1, ?2, ?3)" \
		" ON CONFLICT (relpath, conflict_author) DO UPDATE SET snapshot_cap = excluded.snapshot_cap") \
	Q(CONFLICT_PUT_OURS, \
		"INSERT OR REPLACE INTO mf_conflict (relpath, slot, cap, closing, written, sha256, marker_size, " \
		"present," \
		" size, mtime_ns, ctime_ns, ino) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)") \
	Q(CONFLICT_GET, \
		"SELECT c.conflict_author, c.snapshot_cap, m.closing, m.written, m.sha256, m.marker_size, m.present," \
		" m.size, m.mtime_ns, m.ctime_ns, m.ino FROM conflicted_files c LEFT JOIN mf_conflict m" \
		" ON m.relpath = c.relpath AND m.slot = c.conflict_author AND m.cap = c.snapshot_cap" \
		" WHERE c.relpath = ?1 AND c.snapshot_cap IS NOT NULL ORDER BY c.conflict_author") \
	Q(CONFLICT_DROP_PYTHON, "DELETE FROM conflicted_files WHERE relpath = ?1 AND conflict_author = ?2") \
	Q(CONFLICT_DROP_OURS, "DELETE FROM mf_conflict WHERE relpath = ?1 AND slot = ?2") \
	Q(CONFLICT_EACH, \
		"SELECT relpath, conflict_author FROM conflicted_files WHERE snapshot_cap IS NOT NULL" \
		" ORDER BY relpath, conflict_author") \
\
	Q(KNOWN_GET, "SELECT cap FROM mf_known WHERE relpath = ?1 ORDER BY cap") \
	Q(KNOWN_ANY, "SELECT EXISTS (SELECT 1 FROM mf_known)") \
	Q(KNOWN_ADD, "INSERT OR IGNORE INTO mf_known (relpath, cap) VALUES (?1, ?2)") \
	Q(KNOWN_CLEAR, "DELETE FROM mf_known WHERE relpath = ?1") \
	Q(ROOT_GET, "SELECT ino FROM mf_root") \
	Q(ROOT_DROP, "DELETE FROM mf_root") \
	Q(ROOT_PUT, "INSERT INTO mf_root (ino) VALUES (?1)") \
	Q(SETTING_EACH, "SELECT key, value FROM mf_setting ORDER BY key") \
	Q(SETTING_PUT, "INSERT OR REPLACE INTO mf_setting (key, value) VALUES (?1, ?2)") \
	Q(INTERVALS_PUT, "UPDATE config SET poll_interval = ?1, scan_interval = ?2") \
	Q(HELD_ADD, "INSERT OR IGNORE INTO mf_held (relpath, word) VALUES (?1, 0)") \
	Q(HELD_DROP, "DELETE FROM mf_held WHERE relpath = ?1") \
	Q(HELD_GET, "SELECT word FROM mf_held WHERE relpath = ?1") \
	Q(HELD_ANSWER, "UPDATE mf_held SET word = ?1 WHERE word = 0") \
	Q(HELD_COUNT, "SELECT word, count(*) FROM mf_held GROUP BY word") \
	Q(HELD_EACH, "SELECT relpath, word FROM mf_held ORDER BY relpath") \
	Q(MOUNT_PUT, "INSERT OR REPLACE INTO mf_mount (relpath, dev) VALUES (?1, ?2)") \
	Q(MOUNT_DROP, "DELETE FROM mf_mount WHERE relpath = ?1") \
	Q(MOUNT_EACH, "SELECT relpath, dev FROM mf_mount ORDER BY relpath") \
	Q(DIR_MADE, "INSERT OR IGNORE INTO mf_dir (relpath) VALUES (?1)") \
	Q(DIR_OURS, "SELECT 1 FROM mf_dir WHERE relpath = ?1") \
	Q(DIR_FORGET, "DELETE FROM mf_dir WHERE relpath = ?1") \
	Q(KEY_GET, "SELECT verify_key, participant, current, author, how, since_ns FROM mf_key WHERE verify_key = ?1") \
	Q(KEY_OF, \
		"SELECT verify_key, participant, current, author, how, since_ns FROM mf_key" \
		" WHERE participant = ?1 AND current") \
	Q(KEY_EACH, \
		"SELECT verify_key, participant, current, author, how, since_ns FROM mf_key" \
		" ORDER BY participant, since_ns, verify_key") \
	Q(KEY_PUT, \
		"INSERT OR REPLACE INTO mf_key (verify_key, participant, current, author, how, since_ns)" \
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)") \
	Q(KEY_RETIRE, "UPDATE mf_key SET current = 0 WHERE participant = ?1 AND current AND verify_key <> ?2") \
	Q(MET_GET, "SELECT 1 FROM mf_met WHERE participant = ?1") \
	Q(MET_ANY, "SELECT 1 FROM mf_met LIMIT 1") \
	Q(MET_PUT, "INSERT OR IGNORE INTO mf_met (participant, since_ns) VALUES (?1, ?2)") \
\
	Q(SNAP_SPOT, "SELECT id, chain, depth, flags FROM idx.snapshots WHERE cap = ?1") \
	Q(SNAP_CAP, "SELECT cap FROM idx.snapshots WHERE id = ?1") \
	Q(SNAP_FLAG, "UPDATE idx.snapshots SET flags = flags | ?2 WHERE id = ?1") \
	Q(PAST_ADD, SQL_PAST_OF("id = ?1")) \
	Q(PAST_ADD_LATE, SQL_PAST_OF("id = ?1 AND flags & 16")) \
	Q(PAST_ALIKE, \
		"SELECT DISTINCT s.id, iif(s.chain = 0, s.id, s.chain), s.depth FROM idx.past p" \
		" CROSS JOIN idx.snapshots s ON s.id = p.snapshot WHERE p.relpath = ?1" \
		" AND p.piece IN (iif(?2, x'', NULL), CAST(substr(?3, 9, 13) AS BLOB), substr(?4, 1, 8))" \
		" AND iif(?2, s.content IS NULL, s.content = ?3 OR (s.content IS NOT NULL AND s.size = ?5 AND " \
		"s.sha256 = ?4))" \
		" ORDER BY s.depth DESC, s.id") \
	Q(EXIT_ADD, "INSERT OR IGNORE INTO idx.exits (chain, depth, to_chain, to_depth) VALUES (?1, ?2, ?3, ?4)") \
	Q(EXIT_EACH, "SELECT to_chain, to_depth FROM idx.exits WHERE chain = ?1 AND depth > ?2 AND depth <= ?3") \
	Q(SNAP_INSERT, \
		"INSERT INTO idx.snapshots (cap, relpath, author, author_key, content, metadata, size, sha256, flags," \
		" mtime_s, depth, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)") \
	Q(SNAP_GET, \
		"SELECT id, relpath, author, author_key, content, metadata, size, sha256, flags, mtime_s, depth" \
		" FROM idx.snapshots WHERE cap = ?1") \
	Q(SNAP_SET_SHA, "UPDATE idx.snapshots SET sha256 = ?2 WHERE cap = ?1") \
	Q(PARENT_ADD, "INSERT INTO idx.parents (child, pos, parent) VALUES (?1, ?2, ?3)") \
	Q(PARENT_GET, \
		"SELECT s.cap FROM idx.parents p JOIN idx.snapshots s ON s.id = p.parent WHERE p.child = ?1" \
		" ORDER BY p.pos") \
\
	Q(PARTICIPANT_ADD, \
		"INSERT INTO idx.participants (name, seqnum, root) VALUES (?1, 0, zeroblob(32))" \
		" ON CONFLICT (name) DO NOTHING") \
	Q(DIR_GET, "SELECT cap FROM idx.participants WHERE name = ?1") \
	Q(DIR_PUT, "UPDATE idx.participants SET cap = ?2 WHERE name = ?1") \
	Q(DIR_EACH, "SELECT name, cap FROM idx.participants WHERE cap <> '' ORDER BY name") \
	Q(DIRVER_GET, "SELECT seqnum, root FROM idx.participants WHERE name = ?1") \
	Q(DIRVER_PUT, "UPDATE idx.participants SET seqnum = ?2, root = ?3 WHERE name = ?1") \
	Q(HEAD_PUT, \
		"INSERT INTO idx.heads (participant, relpath, snapshot)" \
		" SELECT p.id, ?2, s.id FROM idx.participants p, idx.snapshots s WHERE p.name = ?1 AND s.cap = ?3" \
		" ON CONFLICT (participant, relpath) DO UPDATE SET snapshot = excluded.snapshot") \
	Q(HEAD_DROP, \
		"DELETE FROM idx.heads WHERE relpath = ?2" \
		" AND participant = (SELECT id FROM idx.participants WHERE name = ?1)") \
	Q(HEAD_DROP_ALL, \
		"DELETE FROM idx.heads WHERE participant = (SELECT id FROM idx.participants WHERE name = ?1)") \
	Q(HEAD_GET, \
		"SELECT p.name, s.cap FROM idx.participants p" \
		" CROSS JOIN idx.heads h ON h.participant = p.id AND h.relpath = ?1" \
		" CROSS JOIN idx.snapshots s ON s.id = h.snapshot ORDER BY p.name") \
	Q(HEAD_AT_REST, \
		"SELECT 1 FROM current_snapshots c WHERE c.relpath = ?1 AND c.snapshot_cap = ?2" \
		" AND NOT EXISTS (SELECT 1 FROM mf_pending WHERE relpath = ?1)" \
		" AND NOT EXISTS (SELECT 1 FROM mf_intent WHERE relpath = ?1)" \
		" AND NOT EXISTS (SELECT 1 FROM conflicted_files WHERE relpath = ?1)" \
		" AND EXISTS (SELECT 1 FROM idx.participants p" \
		"  CROSS JOIN idx.heads h ON h.participant = p.id AND h.relpath = ?1" \
		"  CROSS JOIN idx.snapshots s ON s.id = h.snapshot WHERE p.name = '' AND s.cap = ?2)") \
	Q(HEAD_EACH, \
		"SELECT h.relpath, s.cap FROM idx.heads h CROSS JOIN idx.snapshots s ON s.id = h.snapshot" \
		" WHERE h.participant = (SELECT id FROM idx.participants WHERE name = ?1) ORDER BY h.relpath") \
	Q(HEAD_NOT_ASCII, \
		"SELECT relpath FROM idx.heads WHERE participant = (SELECT id FROM idx.participants WHERE name = '')" \
		" AND relpath GLOB '*[^' || char(1) || '-' || char(127) || ']*'") \
	Q(HEAD_KEYS, \
		"SELECT DISTINCT s.author_key, s.author FROM idx.heads h CROSS JOIN idx.snapshots s ON s.id = " \
		"h.snapshot" \
		" WHERE h.participant = (SELECT id FROM idx.participants WHERE name = ?1)") \
	Q(HEAD_UNSETTLED, \
		"SELECT h.relpath FROM idx.heads h CROSS JOIN idx.snapshots s ON s.id = h.snapshot" \
		" LEFT JOIN current_snapshots c ON c.relpath = h.relpath WHERE c.snapshot_cap IS NOT s.cap" \
		" UNION" \
		" SELECT c.relpath FROM current_snapshots c WHERE c.snapshot_cap IS NOT NULL AND NOT EXISTS (" \
		"  SELECT 1 FROM idx.heads h WHERE h.relpath = c.relpath" \
		"  AND h.participant = (SELECT id FROM idx.participants WHERE name = ''))") \
	Q(HEAD_PARTICIPANTS, \
		"SELECT name FROM idx.participants p WHERE name <> ''" \
		" AND EXISTS (SELECT 1 FROM idx.heads WHERE participant = p.id) ORDER BY name")

#endif
