"""Configurations as the Python program makes them (tables, files, times), and what it would do with one."""
import base64, hashlib, os, sqlite3

GLOBAL = """
CREATE TABLE magic_folders (name TEXT PRIMARY KEY, location TEXT);
CREATE TABLE config (api_endpoint TEXT, tahoe_node_directory TEXT, api_client_endpoint TEXT, wormhole_uri TEXT);
CREATE TABLE features (name TEXT, enabled BOOL);
PRAGMA user_version = 3;
"""
STATE = """
CREATE TABLE [config] ([author_name] TEXT PRIMARY KEY, [author_private_key] TEXT, [stash_path] TEXT,
  [collective_dircap] TEXT, [upload_dircap] TEXT, [magic_directory] TEXT, [poll_interval] INTEGER NOT NULL,
  [scan_interval] INTEGER CHECK ([scan_interval] > 0));
CREATE TABLE [local_snapshots] ([identifier] TEXT PRIMARY KEY, [relpath] TEXT, [content_path] TEXT);
CREATE TABLE [local_snapshot_metadata] ([snapshot_identifier] TEXT NOT NULL, [key] TEXT NOT NULL,
  [value] BLOB NOT NULL, FOREIGN KEY([snapshot_identifier]) REFERENCES [local_snapshot]([identifier]));
CREATE TABLE [local_snapshot_parent] ([snapshot_identifier] TEXT NOT NULL,
  [index] INTEGER CHECK ([index] >= 0) NOT NULL, [local_only] BOOL NOT NULL, [parent_identifier] TEXT NOT NULL,
  FOREIGN KEY([snapshot_identifier]) REFERENCES [local_snapshot]([identifier]));
CREATE TABLE [current_snapshots] ([relpath] TEXT PRIMARY KEY, [snapshot_cap] TEXT, [content_cap] TEXT,
  [metadata_cap] TEXT, [mtime_ns] INTEGER, [ctime_ns] INTEGER, [size] INTEGER, [last_updated_ns] INTEGER NOT NULL,
  [upload_duration_ns] INTEGER);
CREATE TABLE [conflicted_files] ([relpath] TEXT NOT NULL, [conflict_author] TEXT NOT NULL, [snapshot_cap] TEXT,
  PRIMARY KEY([relpath], [conflict_author]));
PRAGMA user_version = 1;
"""
PYTHONS = ("config", "local_snapshots", "local_snapshot_metadata", "local_snapshot_parent", "current_snapshots",
           "conflicted_files")


def ns(seconds):
    """A time as the program keeps it: it goes through a double."""
    return int(seconds * 1e9)


class PythonConfig:
    """The configuration of a device, with one folder."""

    def __init__(self, device, author, seed, collective, upload, folder="f"):
        self.device, self.folder = device, device.folder
        os.makedirs(device.config)
        self.state_dir = os.path.join(device.config, "folder-" + base64.urlsafe_b64encode(
            hashlib.sha256(folder.encode()).digest()).decode())
        self.stash = os.path.join(self.state_dir, "stash")
        os.makedirs(self.stash)
        self.node = os.path.join(device.base, "node")
        os.makedirs(self.node)
        for name, text in (("node.url", "http://127.0.0.1:1/\n"), ("tahoe.cfg", "[client]\nshares.happy = 1\n")):
            with open(os.path.join(self.node, name), "w") as f:
                f.write(text)
        with open(os.path.join(device.config, "api_token"), "wb") as f:
            f.write(base64.urlsafe_b64encode(b"t" * 32))
        for name, text in (("README", "This is a Magic Folder daemon configuration\n"),
                           ("api_client_endpoint", "not running\n"), ("running.process", "999999 1795422556.19\n"),
                           ("running.process.lock", "")):
            with open(os.path.join(device.config, name), "w") as f:
                f.write(text)
        self.db("global.sqlite", GLOBAL)
        self.db("global.sqlite", "INSERT INTO magic_folders VALUES (?, ?)", (folder, self.state_dir))
        self.db("global.sqlite", "INSERT INTO config VALUES (?, ?, NULL, ?)", (
            "tcp:0:interface=127.0.0.1", self.node, "ws://relay.magic-wormhole.io:4000/v1"))
        self.state(STATE)
        self.state("INSERT INTO config VALUES (?, ?, ?, ?, ?, ?, 60, 60)", (
            author, base64.b32encode(seed), self.stash, collective, upload, device.folder))

    def db(self, name, sql, args=None):
        db = sqlite3.connect(os.path.join(self.device.config, name))
        try:
            rows = db.executescript(sql) if args is None else db.execute(sql, args).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def state(self, sql, args=None):
        return self.db(os.path.join(os.path.basename(self.state_dir), "state.sqlite"), sql, args)

    def use_store(self):
        """The folder's grid is a store, for us; the program's own tables say nothing of it."""
        self.db("global.sqlite", "CREATE TABLE IF NOT EXISTS mf_config (key TEXT PRIMARY KEY, value TEXT) STRICT")
        self.db("global.sqlite", "INSERT OR REPLACE INTO mf_config VALUES ('grid', ?)",
                ("dir:" + self.device.world.store,))

    # -- what the program writes

    def disk(self, relpath):
        try:
            st = os.lstat(os.path.join(self.folder, relpath))
        except FileNotFoundError:
            return None, None, None
        return ns(st.st_mtime), ns(st.st_ctime), st.st_size

    def published(self, relpath, cap, content, metadata, by_us=True):
        """It has published, or received, what lies on the disk."""
        self.state("INSERT OR REPLACE INTO current_snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (
            relpath, cap, content, metadata, *self.disk(relpath), ns(1795422572.5), 231381504 if by_us else None))

    def waits(self, relpath, name, parent):
        """Its scan has found what lies on the disk: a snapshot in the stash."""
        mtime, ctime, size = self.disk(relpath)
        path = None if size is None else os.path.join(self.stash, "snap" + name)
        if path:
            with open(os.path.join(self.folder, relpath), "rb") as f, open(path, "wb") as to:
                to.write(f.read())
        self.state("INSERT INTO local_snapshots VALUES (?, ?, ?)", (name, relpath, path))
        for key in ("mtime", "ctime"):
            self.state("INSERT INTO local_snapshot_metadata VALUES (?, ?, ?)", (name, key, 1700000000))
        if parent:
            self.state("INSERT INTO local_snapshot_parent VALUES (?, 0, ?, ?)", (
                name, not parent.startswith("URI:"), parent))
        self.state("INSERT OR IGNORE INTO current_snapshots (relpath, last_updated_ns) VALUES (?, 5)", (relpath,))
        self.state("UPDATE current_snapshots SET mtime_ns = ?, ctime_ns = ?, size = ? WHERE relpath = ?",
                   (mtime, ctime, size, relpath))

    # -- what it reads

    def rows(self):
        """All that it can see."""
        out = {t: sorted(self.state("SELECT * FROM [%s]" % t, ()), key=repr) for t in PYTHONS}
        out["versions"] = self.state("PRAGMA user_version", ()), self.db("global.sqlite", "PRAGMA user_version", ())
        out["folders"] = self.db("global.sqlite", "SELECT * FROM magic_folders", ())
        out["global"] = self.db("global.sqlite",
                                "SELECT api_endpoint, tahoe_node_directory, wormhole_uri FROM config", ())
        return out

    def would_upload(self):
        """Paths in which its scan would see a change, or that wait."""
        found = {r[0] for r in self.state("SELECT relpath FROM local_snapshots", ())}
        known = {r[0]: r[1:] for r in self.state(
            "SELECT relpath, mtime_ns, ctime_ns, size, content_cap, snapshot_cap FROM current_snapshots", ())}
        for d, _, names in os.walk(self.folder):
            for n in names:
                relpath = os.path.relpath(os.path.join(d, n), self.folder)
                if ".conflict-" not in relpath and known.get(relpath, (0, 0, 0))[:3] != self.disk(relpath):
                    found.add(relpath)
        for relpath, row in known.items():
            deleted = row[3] is None and row[4] is not None
            if not deleted and not os.path.exists(os.path.join(self.folder, relpath)):
                found.add(relpath)
        return sorted(found)

    def would_download(self, listings):
        """Entries of others, {relpath: cap}, that its poll would look at: their capability is not its own."""
        known = dict(self.state("SELECT relpath, snapshot_cap FROM current_snapshots", ()))
        return sorted({p for listing in listings for p, cap in listing.items() if known.get(p) != cap})
