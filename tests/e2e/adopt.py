#!/usr/bin/env python3
"""Configurations of the Python program, taken over by real daemons and given back: nothing goes up or down for it.

The objects on the grid have the form that the program gives them; what it would do afterwards is computed from the
tables and files that it reads (pyconfig.py)."""
import hashlib, os, random, sqlite3, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, check, main, read_cap, wait_for
from pyconfig import PythonConfig
from snapshots import Snapshot, forge, mangle

V0, V1, V2, V3 = (b"version %d, which does not fit into its capability " % n * 3 for n in range(4))
SEED = b"alice the python" * 2
FILES = int(os.environ.get("MF_ADOPT_FILES", "10000" if os.environ.get("MF_SOAK") else "150"))


def shares(w):
    """All that is in the store."""
    out = {}
    for d, _, names in os.walk(os.path.join(w.store, "shares")):
        for n in names:
            with open(os.path.join(d, n), "rb") as f:
                out[os.path.relpath(os.path.join(d, n), w.store)] = hashlib.sha256(f.read()).hexdigest()
    return out


class Adoption:
    """Bob's daemon has the folder; alice is in it with a configuration of the Python program."""

    def __init__(self, w):
        self.w, self.bob, self.alice = w, w.device("bob"), w.device("alice")
        self.bob.init()
        self.bob.start()
        self.bob.add()
        self.personal = self.bob.grid("mkdir")
        self.config = PythonConfig(self.alice, "alice", SEED, self.bob.collective_read(), self.personal)
        self.heads = {}

    def publish(self, relpath, data, parents=(), by_us=True, mode=0o644):
        """The program at alice's has published this."""
        if data is not None:
            self.alice.write(relpath, data)
            os.chmod(self.alice.path(relpath), mode)
        elif self.alice.read(relpath) is not None:
            self.alice.remove(relpath)
        cap = forge(self.bob, relpath, data, SEED, author="alice", parents=parents)
        self.bob.grid("ln", "--replace", self.personal, mangle(relpath), cap)
        s = Snapshot(self.bob, cap)
        self.heads[relpath] = cap
        self.config.published(relpath, cap, s.content or None, s.metadata, by_us)
        return cap

    def joined(self):
        """From now on bob sees alice's directory."""
        self.bob.api("POST", self.bob.of("f", "participants"),
                     {"author": {"name": "alice"}, "personal_dmd": read_cap(self.personal)}, want=201)

    def others(self):
        return [{Snapshot(self.bob, e["ro"]).document["relpath"]: e["ro"] for e in self.bob.personal().values()}]

    def python_is_content(self):
        check(self.config.would_upload() == [], "it would upload", self.config.would_upload())
        check(self.config.would_download(self.others()) == [], "it would download", self.others())

    def up_to_date(self):
        self.alice.poll()
        self.alice.scan()
        wait_for(lambda: self.alice.cli("status"), lambda: "up to date" in self.alice.cli("status"))

    def history(self, relpath):
        """Contents from the first version to the one that alice's entry shows."""
        cap, out = self.alice.personal()[mangle(relpath)]["ro"], []
        while cap:
            s = Snapshot(self.alice, cap)
            out.insert(0, self.alice.cli("grid", "get", s.content).encode() if s.content else None)
            check(len(s.parents) < 2, relpath, "has parents", s.parents)
            cap = s.parents[0] if s.parents else None
        return out


def case_54_adopted_and_given_back():
    """54: a configuration of Python's starts without an upload or a download, again, and there again afterwards"""
    with World() as w:
        x = Adoption(w)
        first = x.publish("dir/a@b", V0)
        x.publish("dir/a@b", V1, [first])
        x.publish("empty", b"")
        x.publish("small", b"fits into its capability")
        x.publish("n\u0303", V2)
        x.publish("tool", V2, mode=0o755)
        x.publish("gone", None, [x.publish("gone", V1)])
        x.publish("cut", V0)
        x.joined()
        for relpath, data in (("dir/a@b", V1), ("empty", b""), ("small", b"fits into its capability"), ("tool", V2),
                              ("n\u0303", V2), ("cut", V0)):
            x.bob.wait(relpath, data)
        wait_for("bob to link them", lambda: len(x.bob.personal()) == 7)
        # alice has bob's answer to one file; and both have edited another: the row is named after the author
        x.bob.write("cut", V3)
        wait_for("bob's edit", lambda: x.bob.personal()["cut"]["ro"] != x.heads["cut"])
        x.publish("cut", V2, [x.heads["cut"]])
        theirs = x.bob.personal()["cut"]["ro"]
        x.alice.write("cut.conflict-bob", V3)
        x.config.state("INSERT INTO conflicted_files VALUES ('cut', 'robert', ?)", (theirs,))
        x.bob.wait("cut.conflict-alice", V2)
        x.bob.write("from-bob", V1)
        wait_for("bob's file", lambda: "from-bob" in x.bob.personal())
        got = Snapshot(x.bob, x.bob.personal()["from-bob"]["ro"])
        x.alice.write("from-bob", V1)
        x.config.published("from-bob", got.cap, got.content, got.metadata, by_us=False)
        x.bob.grid("ln", x.personal, "from-bob", got.cap)
        x.bob.stop()
        before, tree, stored = x.config.rows(), x.alice.tree(), shares(w)

        os.rename(x.config.node, x.config.node + ".away")
        x.alice.start()  # the node that it names is not there: it opens, and waits
        wait_for(lambda: "the reason: " + x.alice.cli("status"),
                 lambda: "not running: the Tahoe-LAFS node's directory" in x.alice.cli("status"))
        status, said = x.alice.request("PUT", x.alice.of("f", "scan-local"))
        check(status == 500 and "not running" in said["reason"], status, said)
        check("running as PID" in x.alice.cli("doctor", code=1))
        x.alice.stop()
        check(x.config.rows() == before, "rows were changed without a grid")
        x.config.use_store()
        for _ in range(2):
            x.alice.start()
            x.up_to_date()
            check(x.alice.conflicts() == {"cut": ["bob"]}, x.alice.conflicts())
            x.alice.stop()
            after = x.config.rows()
            check(after.pop("conflicted_files") == [("cut", "bob", theirs)])
            check(after == {k: v for k, v in before.items() if k != "conflicted_files"}, "rows:", before, after)
            check(x.alice.tree() == tree, sorted(x.alice.tree()), sorted(tree))
            check(shares(w) == stored, "the store was written to")
        check([p for p in x.config.would_upload() if p != "cut"] == [], x.config.would_upload())

        x.alice.start()
        x.bob.start()
        os.chmod(x.alice.path("tool"), 0o644)  # the bit counts now
        os.utime(x.alice.path("n\u0303"))      # a touch does not
        x.alice.write("dir/a@b", V3)
        x.bob.write("from-bob", V2)
        x.bob.wait("dir/a@b", V3)
        x.alice.wait("from-bob", V2)
        wait_for("the bit", lambda: x.alice.personal()["tool"]["ro"] != x.heads["tool"])
        check(x.alice.personal()[mangle("n\u0303")]["ro"] == x.heads["n\u0303"], "a touch was published")
        x.alice.cli("resolve", "--mine", x.alice.path("cut"))
        x.bob.wait("cut", V2)
        wait_for("the same entries", lambda: {k: v["ro"] for k, v in x.alice.personal().items()} ==
                 {k: v["ro"] for k, v in x.bob.personal().items()})
        x.up_to_date()
        listing = x.others()
        w.stop()
        check(x.config.would_upload() == [] and x.config.would_download(listing) == [], x.config.would_upload(),
              x.config.would_download(listing))


def case_55_newer_schemas_are_refused():
    """55: databases of a newer program are refused by both versions, and left alone"""
    with World() as w:
        x = Adoption(w)
        x.publish("file", V1)
        x.joined()
        x.config.use_store()
        x.config.state("PRAGMA user_version = 2", ())
        before = x.config.rows()
        x.alice.start()
        wait_for(lambda: x.alice.cli("status"),
                 lambda: "state.sqlite has schema version 2, this program knows 1" in x.alice.cli("status"))
        x.alice.stop()
        check(x.config.rows() == before, "changed")
        x.config.state("PRAGMA user_version = 1", ())
        x.config.db("global.sqlite", "PRAGMA user_version = 4", ())
        before = x.config.rows()
        x.alice.cli("run", code=1)
        check("schema version 4, this program knows up to 3" in x.alice.stderr, x.alice.stderr)
        check(x.config.rows() == before, "changed")
        x.config.db("global.sqlite", "PRAGMA user_version = 3", ())
        x.alice.start()
        x.up_to_date()
        w.stop()


def case_29_pending_through_kills():
    """28, 29, 32: versions that waited in Python's stash are published in order, once, through kills"""
    with World() as w:
        x = Adoption(w)
        base = x.publish("p", V0)
        gone = x.publish("gone", V0)
        x.joined()
        x.bob.wait("p", V0)
        for n, data in enumerate((V1, V2, V3)):
            x.alice.write("p", data)
            x.config.waits("p", "aaaaaaa%d" % n, "aaaaaaa%d" % (n - 1) if n else base)
            x.alice.write("new", data)
            x.config.waits("new", "bbbbbbb%d" % n, "bbbbbbb%d" % (n - 1) if n else None)
        x.alice.remove("gone")
        x.config.waits("gone", "ccccccc0", gone)
        os.unlink(os.path.join(x.config.stash, "snapbbbbbbb1"))
        x.config.use_store()
        rng = random.Random(int(os.environ.get("MF_SEED", "29")))
        for _ in range(4):
            x.alice.launch()
            time.sleep(rng.uniform(0, 0.25))
            x.alice.kill()
        x.alice.start()
        x.bob.wait("p", V3)
        x.bob.wait("new", V3)
        x.bob.wait("gone", None)
        x.alice.poll()
        x.alice.scan()
        check(x.history("p") == [V0, V1, V2, V3], "history of p")
        check(x.history("new") == [V1, V3], "history of new")
        check(x.history("gone") == [V0, None], "history of gone")
        check(x.alice.conflicts() == {} and x.bob.conflicts() == {})
        wait_for("the stash to be empty", lambda: os.listdir(x.config.stash) == [])
        with open(x.alice.log) as f:
            check("snapbbbbbbb1 is missing" in f.read(), "nothing was said of the missing copy")
        x.alice.stop()
        for table in ("local_snapshots", "local_snapshot_metadata", "local_snapshot_parent"):
            check(x.config.state("SELECT count(*) FROM " + table, ()) == [(0,)], table)
        stored = shares(w)
        x.alice.start()
        x.up_to_date()
        x.alice.stop()
        check(shares(w) == stored, "a second start published something")
        x.python_is_content()
        w.stop()


def case_many_rows():
    """many rows are taken over without reading a file"""
    files, size = FILES, 100000
    with World() as w:
        d = w.device("device")
        d.init()
        d.start()
        for i in range(files):
            d.write("%d/%d" % (i % 40, i), os.urandom(size))
        d.add()
        wait_for("all published", lambda: len(d.personal()) == files, 120 + files / 10, 0.2)
        d.scan(timeout=600)
        d.stop()
        conf = d.config
        state = os.path.dirname([os.path.join(conf, f, "state.sqlite") for f in os.listdir(conf)
                                 if f.startswith("folder-")][0])
        db = sqlite3.connect(os.path.join(state, "state.sqlite"))
        for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'mf\\_%' ESCAPE '\\' AND"
                                   " type = 'table'").fetchall():
            db.execute("DROP TABLE " + table)
        db.commit()
        before = db.execute("SELECT * FROM current_snapshots ORDER BY 1").fetchall()
        db.close()
        check(len(before) == files, len(before))
        for name in os.listdir(state):
            if name.startswith("index.sqlite"):
                os.unlink(os.path.join(state, name))
        stored = shares(w)
        begin = time.monotonic()
        d.start()
        d.poll(timeout=600)
        d.scan(timeout=600)
        took = time.monotonic() - begin
        with open("/proc/%d/io" % d.process.pid) as f:
            read = int(f.readline().split()[1])
        print("# %d files of %d bytes: %.1f s, %d bytes read" % (files, size, took, read))
        check(read < files * size / 2, read, "bytes read: files were")
        wait_for(lambda: d.cli("status"), lambda: "up to date" in d.cli("status"))
        d.stop()
        db = sqlite3.connect(os.path.join(state, "state.sqlite"))
        check(db.execute("SELECT * FROM current_snapshots ORDER BY 1").fetchall() == before, "rows were changed")
        noted = db.execute("SELECT count(*) FROM mf_path WHERE ino <> 0").fetchone()[0]
        check(min(files, 4096) <= noted <= files, noted, "inodes were noted: a walk notes 4096 at most")
        db.close()
        check(shares(w) == stored, "the store was written to")


if __name__ == "__main__":
    main([case_54_adopted_and_given_back, case_55_newer_schemas_are_refused, case_29_pending_through_kills,
          case_many_rows], 240 if FILES < 1000 else 3600)
