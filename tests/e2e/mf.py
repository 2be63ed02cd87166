"""Real daemons on one embedded store, for tests and benchmarks.  Standard library only.

A World is a temporary directory with a store and devices; a Device is a configuration, a folder and a daemon.
Every process dies with the test (PR_SET_PDEATHSIG) and has its output in a file that failures print.
"""
import atexit, base64, ctypes, hashlib, http.client, json, os, shutil, signal, sqlite3, subprocess, sys, tempfile
import time, traceback, urllib.parse

BUILD = os.environ.get("MF_BUILD", os.getcwd())
SLOW = float(os.environ.get("MF_SLOW", "1"))
READY = "Completed initial Magic Folder setup"


def find(name):
    for path in (os.path.join(BUILD, name), os.path.join(BUILD, "daemon", name), os.path.join(BUILD, "tests/e2e", name)):
        if os.access(path, os.X_OK):
            return path
    return None


def program(name):
    path = find(name)
    if path is None:
        raise SystemExit("Bail out! no program %s below %s" % (name, BUILD))
    return path


def die_with_parent(user=None):
    os.setsid()
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; a change of user would clear it


class Failed(Exception):
    """An expectation that did not hold; the text says which."""


def check(condition, *what):
    if not condition:
        raise Failed(" ".join(str(w) for w in what))


def wait_for(what, test, timeout=30.0, step=0.01):
    """Ask test() until it answers something true, and return that.  At most half of the time is spent asking.  A turn
    counts for a second at most: a machine that stood still meanwhile has not had the time to do what is waited for."""
    left, begin = timeout * SLOW, time.monotonic()
    while True:
        got = test()
        if got:
            return got
        if left < 0:
            raise Failed("waited %g s for: %s" % (timeout, what() if callable(what) else what))
        time.sleep(max(step, min(time.monotonic() - begin, 1)))
        now = time.monotonic()
        left, begin = left - min(now - begin, 1), now


# -- Tahoe's notation, as far as tests need it ----------------------------------------------------------

def netstring(b):
    return b"%d:%s," % (len(b), b)


def tagged(tag, value):
    return hashlib.sha256(hashlib.sha256(netstring(tag) + value).digest()).digest()


def b32(b):
    return base64.b32encode(b).decode().rstrip("=").lower()


def unb32(s):
    return base64.b32decode(s.upper() + "=" * (-len(s) % 8))


def read_cap(cap):
    """The read-only form of a mutable directory's capability."""
    if not cap.startswith("URI:DIR2:"):
        return cap
    _, _, key, fingerprint = cap.split(":")
    read = tagged(b"allmydata_mutable_writekey_to_readkey_v1", unb32(key))[:16]
    return "URI:DIR2-RO:%s:%s" % (b32(read), fingerprint)


def storage_index(cap):
    """Where the shares of a capability lie: its name below shares/."""
    kind, key = cap.split(":")[1:3]
    if kind in ("CHK", "DIR2-CHK"):
        return b32(tagged(b"allmydata_immutable_key_to_storage_index_v1", unb32(key))[:16])
    key = unb32(read_cap(cap).split(":")[2])
    return b32(tagged(b"allmydata_mutable_readkey_to_storage_index_v1", key)[:16])


# -- devices --------------------------------------------------------------------------------------------

class Device:
    def __init__(self, world, name):
        self.world, self.name = world, name
        self.base = os.path.join(world.base, name)
        self.config = os.path.join(self.base, "config")
        self.folder = os.path.join(self.base, "folder")
        self.log = os.path.join(self.base, "daemon.log")
        self.process = None
        self.host = None
        os.makedirs(self.folder, exist_ok=True)
        if world.user is not None:
            for d in (self.base, self.folder):
                os.chown(d, world.user, world.user)

    def enter(self):
        die_with_parent(self.world.user)

    # -- command line
    def run(self, program_name, *args, code=0, stdin=None, timeout=240):
        """Run a client command; its standard output.  code=None: any exit code will do."""
        argv = [program(program_name), "--config", self.config] + [os.fsencode(a) for a in args]
        r = subprocess.run(argv, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=self.enter,
                           timeout=timeout * SLOW)
        self.stderr = r.stderr.decode(errors="replace")
        if b"ERROR: AddressSanitizer" in r.stderr or b"ERROR: LeakSanitizer" in r.stderr or \
                b"runtime error:" in r.stderr:
            raise Failed("sanitizer report from %s %s:\n%s" % (program_name, args, self.stderr))
        if code is not None and r.returncode != code:
            raise Failed("%s %s: exit code %d, not %d\n%s%s" % (
                program_name, " ".join(map(str, args)), r.returncode, code, r.stdout.decode(errors="replace"),
                self.stderr))
        self.code = r.returncode
        return r.stdout.decode(errors="surrogateescape")

    def cli(self, *args, **kw):
        return self.run("magic-folder", *args, **kw)

    def api_cli(self, *args, **kw):
        return self.run("magic-folder-api", *args, **kw)

    def grid(self, *args, **kw):
        return self.cli("grid", *args, **kw).strip()

    # -- life
    def init(self, *options):
        node = self.world.node
        where = ["--grid", "dir:" + self.world.store] if node is None else ["--node-directory", node.dir]
        self.cli("init", *where, "--listen-endpoint", "tcp:0:interface=127.0.0.1", *options)

    def launch(self, *options):
        """Start the daemon without waiting for it."""
        with open(self.log, "ab") as log:
            self.seen = log.tell()
            self.process = subprocess.Popen([program("magic-folder"), "--config", self.config, "run", *options],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=self.enter)

    def new_log(self):
        with open(self.log, "rb") as f:
            f.seek(self.seen)
            return f.read().decode(errors="replace")

    def start(self, *options):
        self.launch(*options)
        return self.wait_ready()

    def wait_ready(self):
        wait_for(lambda: "the daemon of %s: %s" % (self.name, self.new_log()[-2000:]), self.ready, 30)
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise Failed("daemon of %s ended with %s:\n%s" % (self.name, self.process.returncode,
                                                              self.new_log()[-3000:]))
        if READY not in self.new_log():
            return False
        with open(os.path.join(self.config, "api_client_endpoint")) as f:
            where = f.read().strip().split(":")
        with open(os.path.join(self.config, "api_token")) as f:
            self.token = f.read().strip()
        if where[0] == "tcp":
            self.host, self.port = where[1], int(where[2])
        return True

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self, within=30.0):
        """SIGTERM; the seconds it took."""
        if self.process is None:
            return 0.0
        self.terminate()
        return self.stopped(within)

    def stopped(self, within=30.0):
        """After SIGTERM, until it has ended; the seconds it took.  (A second SIGTERM would end it at once.)"""
        begin = time.monotonic()
        try:
            code = self.process.wait(within * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed("daemon of %s still alive %g s after SIGTERM" % (self.name, within))
        self.process = None
        text = self.new_log()
        if "AddressSanitizer" in text or "LeakSanitizer" in text or "runtime error:" in text:
            raise Failed("sanitizer report from the daemon of %s:\n%s" % (self.name, text[-4000:]))
        check(code == 0, "daemon of", self.name, "ended with", code, text[-2000:])
        return time.monotonic() - begin

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    # -- HTTP
    def request(self, method, path, body=None, timeout=240, headers=None):
        """(status, parsed JSON or bytes)"""
        c = http.client.HTTPConnection(self.host, self.port, timeout=timeout * SLOW)
        try:
            h = {"Authorization": "Bearer " + self.token}
            h.update(headers or {})
            c.request(method, path, None if body is None else json.dumps(body), h)
            r = c.getresponse()
            data = r.read()
        finally:
            c.close()
        try:
            return r.status, json.loads(data)
        except ValueError:
            return r.status, data

    def api(self, method, path, body=None, want=200, timeout=240):
        status, data = self.request(method, path, body, timeout)
        check(status == want, method, path, "answered", status, data)
        return data

    def of(self, folder, rest):
        return "/v1/magic-folder/%s/%s" % (urllib.parse.quote(folder, safe=""), rest)

    def scan(self, folder="f", **kw):
        return self.api("PUT", self.of(folder, "scan-local"), **kw)

    def poll(self, folder="f", **kw):
        return self.api("PUT", self.of(folder, "poll-remote"), **kw)

    def pause(self, on, folder="f"):
        self.api("PUT", self.of(folder, "settings"), {"paused": on})

    def summary(self, folder="f"):
        return self.api("GET", "/v1/status-summary")["folders"][folder]

    def file_status(self, folder="f"):
        return {e["relpath"]: e for e in self.api("GET", self.of(folder, "file-status"))}

    def conflicts(self, folder="f"):
        return self.api("GET", self.of(folder, "conflicts"))

    def participants(self, folder="f"):
        return self.api("GET", self.of(folder, "participants"))

    def secrets(self, folder="f"):
        return self.api("GET", "/v1/magic-folder?include_secret_information=1")[folder]

    # -- folders
    def add(self, folder="f", path=None, *options):
        self.cli("add", "--name", folder, "--author", self.name, *options, path or self.folder)

    def collective_read(self, folder="f"):
        return read_cap(self.secrets(folder)["collective_dircap"])

    def join(self, admin, folder="f", *options):
        """add --collective, then the admin's add-participant."""
        self.cli("add", "--name", folder, "--author", self.name, "--collective", "-", *options, self.folder,
                 stdin=admin.collective_read(folder).encode() + b"\n")
        personal = read_cap(self.secrets(folder)["upload_dircap"])
        admin.api_cli("add-participant", "--folder", folder, "--author-name", self.name, "--personal-dmd", personal)

    # -- the folder on disk
    def path(self, rel):
        return os.path.join(os.fsencode(self.folder), os.fsencode(rel))

    def write(self, rel, data):
        """Write in place.  Not truncated first: who is held up between the two for 0.2 s has saved an empty file."""
        with os.fdopen(self.open(self.path(rel)), "wb", 0) as f:
            left = memoryview(data)
            while left:
                left = left[f.write(left):]
            if os.fstat(f.fileno()).st_size > len(data):
                f.truncate()

    @staticmethod
    def open(path):
        for attempt in range(9, -1, -1):
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:  # a daemon removed the directory just now, for it was empty
                if attempt == 0:
                    raise

    def read(self, rel):
        try:
            with open(self.path(rel), "rb") as f:
                return f.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def remove(self, rel):
        os.unlink(self.path(rel))

    def tree(self):
        """relative path (bytes) -> content, of regular files; leftovers of ours included."""
        out = {}
        root = os.fsencode(self.folder)
        for d, _, names in os.walk(root):
            for n in names:
                p = os.path.join(d, n)
                try:
                    if os.path.isfile(p) and not os.path.islink(p):
                        with open(p, "rb") as f:
                            out[os.path.relpath(p, root)] = f.read()
                except (FileNotFoundError, PermissionError):
                    pass
        return out

    def wait(self, rel, data, timeout=30):
        """Until the file holds data (None: is absent)."""
        wait_for(lambda: "%s at %s to be %s; is %s" % (rel, self.name, brief(data), brief(self.read(rel))),
                 lambda: self.read(rel) == data, timeout)

    # -- the grid as this device sees it
    def entries(self, cap):
        """Children of a directory: name -> {"ro", "rw", "metadata"}."""
        return {e["name"]: e for e in json.loads(self.grid("ls", "--json", cap))}

    def personal(self, folder="f"):
        """Our Personal directory's entries without @metadata."""
        return {k: v for k, v in self.entries(self.secrets(folder)["upload_dircap"]).items() if k != "@metadata"}


def brief(data):
    if data is None:
        return "absent"
    return repr(data) if len(data) < 60 else "%d bytes %s" % (len(data), hashlib.sha256(data).hexdigest()[:12])


class Place:
    """A directory in which one World after another lives.  Devices that share a folder are made once and copied from
    then on: four pairs of RSA keys cost more than most cases, and what is copied knows its own path."""
    free = []

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="magic-folder-test-")
        self.made = {}  # what pair() was asked for -> where a copy lies
        atexit.register(self.remove, self.base)

    @staticmethod
    def remove(path):
        subprocess.run(["chmod", "-R", "u+rwX", path], stderr=subprocess.DEVNULL)
        shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def copy(src, dst):
        subprocess.run(["cp", "-a", src + "/.", dst], check=True)

    def empty(self):
        self.remove(self.base)
        os.mkdir(self.base, 0o700)

    def keep(self, key):
        """The World as it is now, at rest, for worlds to come."""
        to = tempfile.mkdtemp(prefix="magic-folder-made-")
        atexit.register(self.remove, to)
        self.copy(self.base, to)
        for d, _, names in os.walk(to):
            if "state.sqlite" in names:  # the folders will be other directories
                db = sqlite3.connect(os.path.join(d, "state.sqlite"))
                db.execute("DELETE FROM mf_root")
                db.commit()
                db.close()
        self.made[key] = to


class Node:
    """A stand-in for a Tahoe-LAFS node (tests/e2e/stand_in_node.c), which devices go through."""

    def __init__(self, world):
        self.dir, self.process = os.path.join(world.base, "node"), None

    def start(self):
        url = os.path.join(self.dir, "node.url")
        if os.path.exists(url):
            os.unlink(url)
        self.process = subprocess.Popen([program("stand_in_node"), self.dir], stdin=subprocess.DEVNULL,
                                        preexec_fn=die_with_parent)
        wait_for("the node's address", lambda: os.path.exists(url))

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def mood(self, trouble="well", servers=1, delay_ms=0):
        path = os.path.join(self.dir, "mood")
        with open(path + ".tmp", "w") as f:
            f.write("%s %d %d\n" % (trouble, servers, delay_ms))
        os.rename(path + ".tmp", path)

    def asked(self):
        """All that it was asked up to now, in order."""
        try:
            with open(os.path.join(self.dir, "asked")) as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []


class World:
    def __init__(self, base=None, user=None, node=False):
        """Without a base: a temporary directory that is emptied after the World.  With a user, its programs run as
        that user (a number).  With a node, its devices reach the store through it."""
        self.place = None if base else Place.free.pop() if Place.free else Place()
        self.base = base or self.place.base
        self.user = user
        if user is not None:
            os.chown(self.base, user, user)
        self.node = Node(self) if node else None
        self.store = os.path.join(self.base, "node/store" if node else "store")
        self.devices = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        for d in self.devices:
            if kind is not None and os.path.exists(d.log):
                with open(d.log, errors="replace") as f:
                    print("# --- %s\n%s" % (d.name, "".join("# " + line for line in f.readlines()[-40:])),
                          file=sys.stderr)
            d.kill()
        if self.node is not None:
            self.node.stop()
        if self.place is None:
            Place.remove(self.base)
        else:
            self.place.empty()
            Place.free.append(self.place)

    def device(self, name):
        d = Device(self, name)
        self.devices.append(d)
        return d

    def pair(self, names=("alice", "bob"), folder="f", *options):
        """Daemons that share one folder; the first is admin."""
        key = (tuple(names), folder, options, self.user, self.node is not None)
        fresh = self.place is not None and not self.devices and not os.path.exists(self.store)
        if fresh and key in self.place.made:
            Place.copy(self.place.made[key], self.base)
            if self.node is not None:  # the directory that the configuration names is where the copy lies
                self.node.start()
            out = [self.device(name) for name in names]
            self.start(out)
            return out
        if self.node is not None:
            self.node.start()
        out = [self.device(name) for name in names]
        for d in out:
            d.init()
        self.start(out)
        out[0].add(folder, None, *options)
        for d in out[1:]:
            d.join(out[0], folder, *options)
        if fresh:
            self.stop()
            if self.node is not None:
                self.node.stop()
            self.place.keep(key)
            if self.node is not None:
                self.node.start()
            self.start(out)
        return out

    def start(self, devices):
        for d in devices:
            d.launch()
        for d in devices:
            d.wait_ready()

    def stop(self):
        for d in self.devices:
            d.stop()

    def refuse_writes(self, on):
        """Nothing can be added to the store, or changed; all of it can be read."""
        incoming = os.path.join(self.store, "shares", "incoming")
        if on:
            os.rename(incoming, incoming + ".away")
            open(incoming, "w").close()
        else:
            os.unlink(incoming)
            os.rename(incoming + ".away", incoming)

    def share_path(self, cap):
        si = storage_index(cap)
        return os.path.join(self.store, "shares", si[:2], si, "0")


class Shared:
    """Devices in one folder for cases that leave no trace in each other: made at first use, again after a failure."""

    def __init__(self, names=("alice", "bob")):
        self.names, self.world = names, None

    def __enter__(self):
        if self.world is None:
            self.world = World()
            self.world.pair(self.names)
        return self.world.devices

    def __exit__(self, kind, value, tb):
        if kind is not None:
            self.end(kind, value, tb)

    def end(self, *why):
        world, self.world = self.world, None
        if world is not None:
            world.__exit__(*(why or (None, None, None)))


def wait_equal(devices, timeout=30):
    """Until all folders hold the same files, and none of our temporary ones."""
    def equal():
        trees = [d.tree() for d in devices]
        return all(t == trees[0] for t in trees) and not any(b".magic-folder-" in p for p in trees[0])

    def differences():
        trees = [d.tree() for d in devices]
        names = sorted({p for t in trees for p in t})
        rows = ["%r: %s" % (p, ", ".join(brief(t.get(p)) for t in trees)) for p in names
                if any(t.get(p) != trees[0].get(p) for t in trees)]
        return "equal folders; %d differ: %s" % (len(rows), "; ".join(rows[:5]))
    wait_for(differences, equal, timeout, 0.05)


# -- running cases --------------------------------------------------------------------------------------

def main(cases, seconds_per_case=240):
    """Run functions as TAP test points; with arguments, only those whose names contain one of them.  The time is for
    one that hangs, on a machine that is busy with other things."""
    wanted = sys.argv[1:]
    cases = [c for c in cases if not wanted or any(w in c.__name__ for w in wanted)]
    print("1..%d" % len(cases), flush=True)
    failed = 0

    left = 0

    def tick(signum, frame):  # these are lost while the machine stands still, unlike seconds
        nonlocal left
        left -= 1
        if left < 0:
            raise Failed("the case took longer than %g s" % (seconds_per_case * SLOW))
    signal.signal(signal.SIGALRM, tick)
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))
    for case in cases:
        begin = time.monotonic()
        left = seconds_per_case * SLOW
        signal.setitimer(signal.ITIMER_REAL, 1, 1)
        try:
            skip = case()
            print("ok - %s%s" % ((case.__doc__ or case.__name__).strip().split("\n")[0],
                                 " # SKIP " + skip if skip else ""), flush=True)
        except Exception as e:
            failed = 1
            if not isinstance(e, Failed):
                traceback.print_exc()
            print("not ok - %s" % (case.__doc__ or case.__name__).strip().split("\n")[0], flush=True)
            print("".join("# %s\n" % line for line in str(e).split("\n")), end="", flush=True)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        print("# %.1f s" % (time.monotonic() - begin), flush=True)
    sys.exit(failed)
