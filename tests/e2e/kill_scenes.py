"""The scenarios of kill_calls.py, and the stage they are played on: three devices whose files can be put back as they
were, so that a scenario is prepared once and played hundreds of times."""
import base64, hashlib, http.client, json, os, random, shutil, sqlite3, stat, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, brief, check, read_cap, wait_equal, wait_for

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "db")
BIG = random.Random(7).randbytes(300000)  # three segments
T0 = {"small.txt": b"one line\n" * 30, "empty": b"", "literal": b"few bytes", "big.bin": BIG,
      "run.sh": b"#!/bin/sh\n" * 20, "doc/a.txt": b"a" * 400, "doc/b.txt": b"b" * 500, "doc/sub/c.txt": b"c" * 600}


class Gone(Exception):
    """The daemon was killed meanwhile."""


# -- a daemon that may be killed at any moment ----------------------------------------------------------------

def ended(d):
    wait_for("the end of " + d.name, lambda: d.process.poll() is not None, 60, 0.003)
    d.process = None


def ready_or_dead(d):
    def test():
        try:
            return d.process.poll() is None and d.ready()
        finally:
            if d.process.poll() is not None:  # killed also while it was asked
                raise Gone()
    wait_for(lambda: "the daemon of %s: %s" % (d.name, d.new_log()[-2000:]), test, 30, 0.003)


def ask(d, method, path, body=None, want=200):
    try:
        return d.api(method, path, body, want)
    except (OSError, http.client.HTTPException) as e:
        wait_for(lambda: "the end of %s, who does not answer: %s" % (d.name, e), lambda: d.process.poll() is not None)
        raise Gone()


def at_rest(d):
    """Everything that it knows of is done, in each of its folders."""
    last = []

    def test():
        last[:] = [ask(d, "GET", "/v1/status-summary")["folders"]]
        return all(f["state"] == "up-to-date" and not f["uploads_queued"] and not f["downloads_queued"]
                   for f in last[0].values())
    if d.process is not None:
        wait_for(lambda: "%s to be at rest: %s" % (d.name, json.dumps(last)), test, 60, 0.005)


# -- the stage --------------------------------------------------------------------------------------------------

def state_of(d, folder):
    """The directory of a folder's databases; None: there is none."""
    name = base64.urlsafe_b64encode(hashlib.sha256(folder.encode()).digest()).decode()
    path = os.path.join(d.config, "folder-" + name)
    return path if os.path.exists(path) else None


def photograph(base):
    """relative path -> (stat, content; None: a directory), for everything below."""
    out = {}
    for root, dirs, names in os.walk(base):
        for n in dirs + names:
            path = os.path.join(root, n)
            st = os.lstat(path)
            with open(path, "rb") if stat.S_ISREG(st.st_mode) else open(os.devnull, "rb") as f:
                out[os.path.relpath(path, base)] = (st, f.read() if stat.S_ISREG(st.st_mode) else None)
    return out


def same(a, b):
    return (a.st_ino, a.st_size, a.st_mtime_ns, a.st_ctime_ns, a.st_mode) == (
        b.st_ino, b.st_size, b.st_mtime_ns, b.st_ctime_ns, b.st_mode)


def put_back(base, photo):
    """Make base what it was.  What has not changed stays as it is, so directories keep their inodes."""
    for root, dirs, names in os.walk(base, topdown=False):
        for n in names + dirs:
            path = os.path.join(root, n)
            rel = os.path.relpath(path, base)
            if n in names and (rel not in photo or photo[rel][1] is None or
                               not same(os.lstat(path), photo[rel][0])):
                os.unlink(path)
            elif n in dirs and (rel not in photo or photo[rel][1] is not None):
                os.rmdir(path)
    for rel, (st, content) in sorted(photo.items()):
        path = os.path.join(base, rel)
        if content is None:
            if not os.path.isdir(path):
                os.mkdir(path)
            os.chmod(path, stat.S_IMODE(st.st_mode))
        elif not os.path.exists(path):
            with open(path, "wb") as f:
                f.write(content)
            os.chmod(path, stat.S_IMODE(st.st_mode))
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
            photo[rel] = (os.lstat(path), content)


def renumber(d):
    """Files that were put back have other inodes than the database of their folder says."""
    state = state_of(d, "f")
    if state is None:
        return
    db = sqlite3.connect(os.path.join(state, "state.sqlite"))
    if db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'mf_path'").fetchone()[0]:
        for table, names in (("mf_path", "relpath"), ("mf_conflict", "relpath || '.conflict-' || slot")):
            for path, ino in db.execute("SELECT %s, ino FROM %s" % (names, table)).fetchall():
                now = os.lstat(d.path(path)).st_ino if os.path.lexists(d.path(path)) else ino
                if now != ino:
                    db.execute("UPDATE %s SET ino = ? WHERE %s = ?" % (table, names), (now, path))
    db.commit()
    db.close()


class Stage:
    """Alice and Bob in folder f, which holds T0, and Carol who has a configuration only; all of them down."""
    world = photo = None  # made once

    def __init__(self, scene):
        self.scene = scene

    def __enter__(self):
        if Stage.world is None:
            shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
            Stage.world = World(tempfile.mkdtemp(prefix="magic-folder-test-", dir=shm))
            for name in ("alice", "bob", "carol"):
                Stage.world.device(name)
        self.base, self.store = self.world.base, self.world.store
        self.alice, self.bob, self.carol = self.world.devices
        self.devices = [getattr(self, name) for name in self.scene.devices]
        if Stage.photo is None:
            self.build()
            Stage.photo = photograph(self.base)
        return self

    def __exit__(self, kind, value, tb):
        for d in self.world.devices:
            d.kill()

    @staticmethod
    def end():
        if Stage.world is not None:
            Stage.world.__exit__(None, None, None)
            Stage.world = Stage.photo = None

    def build(self):
        for d in self.world.devices:
            d.init()
        self.up(self.alice, self.bob)
        self.alice.add()
        self.bob.join(self.alice)
        write_all(self.alice, T0)
        os.chmod(self.alice.path("run.sh"), 0o755)
        self.alice.scan()
        wait_equal([self.alice, self.bob])
        self.down()

    def up(self, *devices):
        for d in devices:
            d.launch()
        for d in devices:
            ready_or_dead(d)
            at_rest(d)

    def down(self, *devices):
        for d in devices or self.world.devices:
            if d.process is not None:
                at_rest(d)
        for d in devices or self.world.devices:
            d.stop()

    def prepare(self):
        put_back(self.base, Stage.photo)
        for d in self.world.devices:
            renumber(d)
        self.scene.prepare(self)
        self.down()
        self.prepared = photograph(self.base)

    def restore(self):
        put_back(self.base, self.prepared)
        for d in self.devices:
            renumber(d)

    def listing(self, d):
        """Names of everything that a device has."""
        out = set()
        for root, dirs, names in os.walk(d.base):
            out |= {os.path.relpath(os.path.join(root, n), d.base) + "/" * (n in dirs) for n in dirs + names}
        return out - {"daemon.log"}

    def store_listing(self):
        """Names in the store, without those of locks and, unless the scenario says so, of shares."""
        out = set()
        for root, dirs, names in os.walk(self.store):
            rel = os.path.relpath(root, self.store)
            if rel == "." and "locks" in dirs:
                dirs.remove("locks")
            share = rel.startswith("shares/") and rel.count("/") == 2
            names = ["%d of %d" % (i, len(names)) for i in range(len(names))] if rel == "users" else names
            out |= {os.path.join(rel, n) for n in names if not (share and n == "0") or self.scene.exact}
        return out

    def shares(self):
        """What shares there are, and of which time."""
        out = {}
        for root, _, names in os.walk(os.path.join(self.store, "shares")):
            for n in names:
                st = os.lstat(os.path.join(root, n))
                out[os.path.relpath(os.path.join(root, n), self.store)] = (st.st_size, st.st_mtime_ns, st.st_ino)
        return out


def write_all(d, files):
    for path, data in files.items():
        if data is None:
            d.remove(path)
            if not os.listdir(os.path.dirname(d.path(path))):
                os.rmdir(os.path.dirname(d.path(path)))
        else:
            d.write("../staged", data)  # whole at once, whenever somebody looks
            os.makedirs(os.path.dirname(d.path(path)), exist_ok=True)
            os.replace(d.path("../staged"), d.path(path))


# -- scenarios --------------------------------------------------------------------------------------------------

class Scene:
    victim, devices, beside = "alice", ("alice", "bob"), ()
    late = True         # count from act(), with the daemon at rest; else from the start of the program
    command = None      # kill a command, not the daemon
    exact = False       # the same shares must be left, too
    folders = ("f",)
    called = {}         # device -> its name in f at the end, if that is another
    changed = {}        # what comes on top of T0; None: goes
    markers = {}        # device -> path -> content of what only it has
    conflicts = {}      # device -> its conflicts

    def __init__(self):
        self.name = type(self).__name__.lower()

    def prepare(self, s):
        """Once, from the stage as built; daemons started here end by themselves."""

    def act(self, s):
        """With the victim running: what makes it do what it is killed in."""

    def before(self, s):
        """After the kill, before the daemons start again."""

    def again(self, s):
        """After the kill, with the daemons up: what somebody would do again who got no answer."""

    def settled(self, s):
        """What must hold at the end beside trees, conflicts and histories."""
        for d in s.devices:
            check(d.conflicts() == self.conflicts.get(d.name, {}), d.name, "has conflicts", d.conflicts())

    def tree(self, d):
        want = {p: data for p, data in {**T0, **self.changed}.items() if data is not None}
        return {os.fsencode(p): data for p, data in {**want, **self.markers.get(d.name, {})}.items()}

    def differing(self, s, d):
        have, want = d.tree(), self.tree(d)
        return ", ".join("%s is %s" % (os.fsdecode(p), brief(have.get(p))) for p in sorted(set(have) | set(want))
                         if have.get(p) != want.get(p))

    def always(self, s, d):
        """path -> contents it may have at any time: what it had or is to have, None for no file."""
        want = {os.fsdecode(p): data for p, data in self.tree(d).items()}
        start = {os.path.relpath(p, d.name + "/folder"): data for p, (_, data) in s.prepared.items()
                 if data is not None and p.startswith(d.name + "/folder/")}
        return {p: {start.get(p), want.get(p)} for p in set(start) | set(want)}

    def store_sound(self, s):
        found = json.loads(s.alice.grid("gc", "--json", code=None))
        check(found["error"] is None and not found["damage"] and not found["bad"]["shares"], "the store:", found)


NEW = {"new/one.txt": b"1" * 700, "new/literal": b"short", "new/nothing": b"", "new/deep/er/big.bin": BIG[:200000],
       "a@b": b"at " * 50, "caf\u00e9": b"accent " * 40}
EDITS = {"small.txt": b"another line\n" * 40, "big.bin": BIG[:150000] + b"edited" + BIG[150000:],
         "doc/a.txt": b"A" * 400, "empty": b"not any more " * 9, "literal": b""}
GOING = {"small.txt": None, "big.bin": None, "doc/sub/c.txt": None}
MOVED = {"small.txt": None, "moved.txt": T0["small.txt"], "big.bin": None, "new/big.bin": BIG,
         "doc/a.txt": None, "doc/b.txt": None, "doc/sub/c.txt": None,
         "docs/a.txt": T0["doc/a.txt"], "docs/b.txt": T0["doc/b.txt"], "docs/sub/c.txt": T0["doc/sub/c.txt"]}


def move(d):
    os.rename(d.path("small.txt"), d.path("moved.txt"))
    os.mkdir(d.path("new"))
    os.rename(d.path("big.bin"), d.path("new/big.bin"))
    os.rename(d.path("doc"), d.path("docs"))


class Publish(Scene):
    """a tree of new files goes up"""
    late, changed = False, NEW

    def prepare(self, s):
        write_all(s.alice, NEW)
        os.chmod(s.alice.path("new/one.txt"), 0o755)


class Change(Scene):
    """files are changed while the daemon runs"""
    changed = EDITS

    def act(self, s):
        write_all(s.alice, EDITS)
        os.chmod(s.alice.path("doc/b.txt"), 0o755)
        ask(s.alice, "PUT", "/v1/magic-folder/f/scan-local")


class Delete(Scene):
    """files are deleted, one of them the last of its directory"""
    changed = GOING

    def act(self, s):
        write_all(s.alice, GOING)
        ask(s.alice, "PUT", "/v1/magic-folder/f/scan-local")


class Rename(Scene):
    """files and a directory are renamed"""
    changed = MOVED

    def act(self, s):
        move(s.alice)
        ask(s.alice, "PUT", "/v1/magic-folder/f/scan-local")


class Receive(Scene):
    """a tree of new files comes down"""
    victim, late, changed = "bob", False, NEW

    def prepare(self, s):
        write_all(s.alice, NEW)
        os.chmod(s.alice.path("new/one.txt"), 0o755)
        s.up(s.alice)


class Update(Scene):
    """changes come down over files that are there"""
    victim, late, changed = "bob", False, EDITS

    def prepare(self, s):
        write_all(s.alice, EDITS)
        os.chmod(s.alice.path("doc/b.txt"), 0o755)
        s.up(s.alice)


class Vanish(Scene):
    """deletions come down, and what looks like them: renames"""
    victim, late, changed = "bob", False, MOVED

    def prepare(self, s):
        move(s.alice)
        s.up(s.alice)


class Live(Scene):
    """changes come down as they are made, and others go up meanwhile"""
    victim, beside = "bob", ("alice",)
    changed = {**EDITS, **{"from-bob/%d" % i: b"%d " % i * 300 for i in range(4)}, "doc/sub/c.txt": None}

    def act(self, s):
        write_all(s.alice, EDITS)
        write_all(s.bob, {"from-bob/%d" % i: b"%d " % i * 300 for i in range(4)})
        write_all(s.alice, {"doc/sub/c.txt": None})
        s.alice.scan()
        ask(s.bob, "PUT", "/v1/magic-folder/f/scan-local")
        ask(s.bob, "PUT", "/v1/magic-folder/f/poll-remote")


TEXT = [b"line %d of a text that is long enough\n" % n for n in range(20)]
ALICES = {"small.txt": b"alice's " * 50, "big.bin": BIG[:100000] + b"alice", "doc/a.txt": b"alice's a " * 30,
          "text": b"".join([b"alice\n"] + TEXT), "doc/b.txt": b"alice's b " * 30, "fresh": b"made by alice " * 20,
          "both": b"the same by both " * 20}
BOBS = {"small.txt": b"bob's " * 60, "big.bin": BIG[:200000] + b"bob", "doc/a.txt": b"bob's a " * 40,
        "text": b"".join(TEXT + [b"bob\n"]), "fresh": b"made by bob " * 20, "both": b"the same by both " * 20,
        "doc/b.txt": None}
DISPUTED = ("small.txt", "big.bin", "doc/a.txt", "text", "fresh")


def dispute(s):
    """Both have T0 and a text; then both edit, and Alice's is on the grid."""
    s.up(s.alice, s.bob)
    write_all(s.alice, {"text": b"".join(TEXT)})
    s.alice.scan()
    wait_equal([s.alice, s.bob])
    s.down()
    write_all(s.alice, ALICES)
    write_all(s.bob, BOBS)
    s.up(s.alice)
    s.down()


def quarrel(s):
    """The conflicts of both are there."""
    dispute(s)
    s.up(s.bob)
    s.down()
    s.up(s.alice)
    s.down()


class Conflict(Scene):
    """two different edits become a conflict; an edit beats a deletion"""
    victim, late = "bob", False
    conflicts = {"alice": {p: ["bob"] for p in DISPUTED}, "bob": {p: ["alice"] for p in DISPUTED}}
    markers = {"alice": {**ALICES, **{p + ".conflict-bob": BOBS[p] for p in DISPUTED}},
               "bob": {**BOBS, "doc/b.txt": ALICES["doc/b.txt"],
                       **{p + ".conflict-alice": ALICES[p] for p in DISPUTED}}}
    prepare = staticmethod(dispute)


class Settle(Scene):
    """conflicts are settled by request: mine, theirs, by name, merged"""
    choices = {"small.txt": {"take": "mine"}, "big.bin": {"take": "theirs"}, "doc/a.txt": {"use": "bob"},
               "text": {"merge": True}, "fresh": {"take": "mine"}}
    changed = {**ALICES, "big.bin": BOBS["big.bin"], "doc/a.txt": BOBS["doc/a.txt"],
               "text": b"".join([b"alice\n"] + TEXT + [b"bob\n"])}
    prepare = staticmethod(quarrel)

    def act(self, s):
        with ThreadPoolExecutor() as together:
            for f in [together.submit(ask, s.alice, "POST", "/v1/magic-folder/f/resolve-conflict",
                                      {"relpath": path, **self.choices[path]}) for path in DISPUTED]:
                f.result()

    def again(self, s):
        refused = []

        def settle():
            """Not at once, perhaps: its directory is not read yet, or what was begun is carried through meanwhile."""
            for path in s.alice.conflicts():
                status, said = s.alice.request("POST", s.alice.of("f", "resolve-conflict"),
                                               {"relpath": path, **self.choices[path]})
                check(status in (200, 409) or said["reason"].startswith("No conflicts"), path, status, said)
                refused[:] = [said] if status == 409 else []
            return not s.alice.conflicts()
        wait_for(lambda: "the conflicts to be settled: %s" % refused, settle, step=0.1)


class Markers(Scene):
    """conflicts are settled by moving and removing the files beside"""
    changed = {**ALICES, "big.bin": BOBS["big.bin"], "doc/a.txt": BOBS["doc/a.txt"]}
    prepare = staticmethod(quarrel)

    def act(self, s):
        for path in ("small.txt", "text", "fresh"):
            s.alice.remove(path + ".conflict-bob")
        for path in ("big.bin", "doc/a.txt"):
            os.replace(s.alice.path(path + ".conflict-bob"), s.alice.path(path))
        for _ in range(2):
            ask(s.alice, "PUT", "/v1/magic-folder/f/scan-local")
        wait_for("the conflicts to go", lambda: not ask(s.alice, "GET", "/v1/magic-folder/f/conflicts"))

    def again(self, s):
        for _ in range(2):
            s.alice.scan()
        wait_for("the conflicts to go", lambda: not s.alice.conflicts())


class Follow(Scene):
    """conflicts that the other has settled"""
    victim, late, changed = "bob", False, Settle.changed

    def prepare(self, s):
        quarrel(s)
        s.up(s.alice)
        Settle.act(SETTLE, s)


SETTLE = Settle()


def folders(d):
    return d.api("GET", "/v1/magic-folder")


class Add(Scene):
    """a folder is made, and its first files go up"""
    devices, folders = ("alice",), ("f", "g")
    files = {"x.txt": b"x" * 300, "sub/y.bin": BIG[:140000], "z": b""}

    def prepare(self, s):
        for path, data in self.files.items():
            s.alice.write("../other/" + path, data)

    def body(self, s):
        return {"name": "g", "author_name": "alice", "local_path": os.path.join(s.alice.base, "other"),
                "poll_interval": 60, "scan_interval": 60}

    def act(self, s):
        ask(s.alice, "POST", "/v1/magic-folder", self.body(s))

    def again(self, s):
        if "g" not in folders(s.alice):
            s.alice.api("POST", "/v1/magic-folder", self.body(s))

    def settled(self, s):
        check(set(s.alice.personal("g")) == {"x.txt", "sub@_y.bin", "z"}, s.alice.personal("g"))


def join(s, d, name, request):
    """What is missing of joining f."""
    if "f" not in folders(d):
        request(d, "POST", "/v1/magic-folder", {
            "name": "f", "author_name": name, "local_path": d.folder, "poll_interval": 60, "scan_interval": 60,
            "collective": s.collective})
    if name not in s.alice.participants():
        secret = request(d, "GET", "/v1/magic-folder?include_secret_information=1")["f"]
        s.alice.api("POST", s.alice.of("f", "participants"), {
            "author": {"name": name}, "personal_dmd": read_cap(secret["upload_dircap"])}, want=201)
    request(d, "PUT", "/v1/magic-folder/f/poll-remote")


class Join(Scene):
    """a device joins a folder and gets its files"""
    victim, devices, beside = "carol", ("alice", "carol"), ("alice",)

    def prepare(self, s):
        s.up(s.alice)
        s.collective = s.alice.collective_read()

    def act(self, s):
        join(s, s.carol, "carol", ask)

    def again(self, s):
        join(s, s.carol, "carol", lambda d, *what: d.api(*what))


class Leave(Scene):
    """a device leaves a folder, and joins it again under another name"""
    victim, called = "bob", {"bob": "bob2"}

    def prepare(self, s):
        s.up(s.alice)
        s.collective = s.alice.collective_read()

    def act(self, s):
        ask(s.bob, "DELETE", "/v1/magic-folder/f", {})

    def again(self, s):
        if "f" in folders(s.bob):
            s.bob.api("DELETE", s.bob.of("f", "")[:-1], {})
        check(state_of(s.bob, "f") is None, "the state directory is still there")
        join(s, s.bob, "bob2", lambda d, *what: d.api(*what))


class Init(Scene):
    """a configuration is made"""
    victim, devices, late, folders = "carol", ("carol",), False, ()

    def prepare(self, s):
        shutil.rmtree(s.carol.config)
        self.command = ["init", "--grid", "dir:" + s.store, "--listen-endpoint", "tcp:0:interface=127.0.0.1"]

    def before(self, s):
        said = s.carol.cli(*self.command, code=None) + s.carol.stderr
        check(s.carol.code == 0 or "already exists" in said, said)

    def tree(self, d):
        return {}

    def settled(self, s):
        pass

    def store_sound(self, s):
        pass


class First(Init):
    """a daemon's first start, with a new store"""

    def prepare(self, s):
        shutil.rmtree(s.carol.config)
        s.carol.cli("init", "--grid", "dir:" + os.path.join(s.carol.base, "store"),
                    "--listen-endpoint", "tcp:0:interface=127.0.0.1")

    def before(self, s):
        pass


class Python(Scene):
    """the databases are Python's"""
    late = False

    def prepare(self, s):
        state = state_of(s.alice, "f")
        db = sqlite3.connect(os.path.join(state, "state.sqlite"))
        for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'mf_%'").fetchall():
            db.execute("DROP TABLE " + name)
        db.commit()
        db.close()
        os.unlink(os.path.join(state, "index.sqlite"))


class Old(Scene):
    """the databases are of an older version"""
    late = False

    def prepare(self, s):
        for name, version in (("state", 1), ("index", 1)):
            path = os.path.join(state_of(s.alice, "f"), name + ".sqlite")
            os.rename(path, path + ".new")
            db = sqlite3.connect(path)
            with open(os.path.join(GOLDEN, "%s-v%d.sql" % (name, version))) as f:
                db.executescript("".join(line for line in f if line.startswith(("CREATE", "PRAGMA"))))
            db.execute("ATTACH ? AS new", (path + ".new",))
            for table, in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
                columns = [{r[1] for r in db.execute("PRAGMA %s.table_info(%s)" % (which, table))}
                           for which in ("main", "new")]
                names = ", ".join("[%s]" % c for c in columns[0] & columns[1])
                db.execute("INSERT INTO main.%s (%s) SELECT %s FROM new.%s" % (table, names, names, table))
            if name == "state":
                db.execute("UPDATE mf_schema SET version = 1")
            db.execute("PRAGMA main.journal_mode = WAL")
            db.commit()
            db.close()
            os.unlink(path + ".new")


def age(s, days):
    """As if everything had been stored so many days ago: times of files, and of leases."""
    when = time.time() - days * 86400
    for rel in s.shares():
        path = os.path.join(s.store, rel)
        with open(path, "r+b") as f:
            head = f.read(12)
            size = os.fstat(f.fileno()).st_size
            if head[:4] in (b"\0\0\0\1", b"\0\0\0\2"):
                places = [size - 72 * i - 4 for i in range(int.from_bytes(head[8:12], "big"))]
            else:
                places = [104 + 92 * i for i in range(4)]
            for at in places:
                f.seek(at)
                f.write(int(when + 31 * 86400).to_bytes(4, "big"))
            f.flush()
            os.utime(f.fileno(), (when, when))


class Gc(Scene):
    """what nothing needs is removed from the store"""
    late, exact = False, True
    changed = {"small.txt": b"version 3 " * 40, "doc/a.txt": b"version 3 of a " * 30}
    command = ["grid", "gc", "--delete", "--keep-history", "0h", "--json"]

    def prepare(self, s):
        s.up(s.alice, s.bob)
        for n in (1, 2, 3):
            write_all(s.alice, {"small.txt": b"version %d " % n * 40, "doc/a.txt": b"version %d of a " % n * 30})
            s.alice.scan()
            at_rest(s.alice)
        s.alice.write("../other/only.bin", b"o" * 5000)
        s.alice.cli("add", "--name", "other", "--author", "a", os.path.join(s.alice.base, "other"))
        at_rest(s.alice)
        s.alice.cli("leave", "--name", "other", "--really-delete-write-capability")
        wait_equal([s.alice, s.bob])
        s.down()
        age(s, 10)

    def before(self, s):
        out = json.loads(s.alice.cli(*self.command))
        check(out["error"] is None and not out["damage"] and not out["bad"]["shares"], out)


SCENES = [Publish(), Change(), Delete(), Rename(), Receive(), Update(), Vanish(), Live(), Conflict(), SETTLE,
          Markers(), Follow(), Add(), Join(), Leave(), Init(), First(), Python(), Old(), Gc()]
