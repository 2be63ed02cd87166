-- index.sqlite as version 1 wrote it
CREATE TABLE snapshots ( id INTEGER PRIMARY KEY, cap TEXT NOT NULL UNIQUE, relpath TEXT NOT NULL, author TEXT NOT NULL, author_key BLOB NOT NULL, content TEXT, metadata TEXT NOT NULL, size INTEGER NOT NULL, sha256 BLOB, flags INTEGER NOT NULL, mtime_s INTEGER NOT NULL, depth INTEGER NOT NULL) STRICT;
CREATE TABLE parents ( child INTEGER NOT NULL REFERENCES snapshots, pos INTEGER NOT NULL, parent INTEGER NOT NULL REFERENCES snapshots, PRIMARY KEY (child, pos)) STRICT, WITHOUT ROWID;
CREATE TABLE participants ( id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seqnum INTEGER NOT NULL, root BLOB NOT NULL) STRICT;
CREATE TABLE heads ( participant INTEGER NOT NULL REFERENCES participants, relpath TEXT NOT NULL, snapshot INTEGER NOT NULL REFERENCES snapshots, PRIMARY KEY (participant, relpath)) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
INSERT INTO snapshots VALUES (1, 'URI:DIR2-CHK:aeaaaaaaaaaaaaaaaaaaaaaaaa:a4aqaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:1:401', 'a/x.txt', 'bob', zeroblob(32), 'URI:CHK:aeaaaaaaaaaaaaaaaaaaaaaaaa:a4aqaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:1:1001', 'URI:CHK:5ebqaaaaaaaaaaaaaaaaaaaaaa:a7uqgaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:1:200', 1001, NULL, 0, 1700000000, 0);
INSERT INTO snapshots VALUES (2, 'URI:DIR2-CHK:aiaaaaaaaaaaaaaaaaaaaaaaaa:a4baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:1:402', 'a/x.txt', 'laptop', zeroblob(32), 'URI:CHK:aiaaaaaaaaaaaaaaaaaaaaaaaa:a4baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:1:1002', 'URI:CHK:5ibqaaaaaaaaaaaaaaaaaaaaaa:a7vagaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:1:200', 1002, zeroblob(32), 7, 1700000600, 1);
INSERT INTO parents VALUES (2, 0, 1);
INSERT INTO participants VALUES (1, '', 3, zeroblob(32)), (2, 'bob', 4, zeroblob(32));
INSERT INTO heads VALUES (1, 'a/x.txt', 2), (2, 'a/x.txt', 1);
