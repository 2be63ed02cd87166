"""How programs save, as system calls on real daemons: each save is one snapshot of the right name, none of a temporary
one, and no conflict; alone, and while the other device's updates arrive."""
import mmap, os, random, sqlite3, string, sys, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import SLOW, World, check, main, wait_for

SOAK = os.environ.get("MF_SOAK") == "1"
ROUNDS = 10 if SOAK else 1
HELD_UP = 0.1  # seconds that a program may have been kept from running, in all


# -- system calls ----------------------------------------------------------------------------------------

class Place:
    """A directory in which one program saves one file."""

    def __init__(self, root, name):
        self.dir, self.rng = os.path.join(root, name), random.Random(name)
        self.asleep = 0.0  # seconds

    def sleep(self, seconds):
        self.asleep += seconds
        time.sleep(seconds)

    def __call__(self, name):
        return os.path.join(self.dir, name)

    def letters(self, n=6):
        return "".join(self.rng.choice(string.ascii_letters) for _ in range(n))

    def put(self, name, data, flags=os.O_CREAT | os.O_TRUNC, mode=0o644, sync=False, pause=0.0):
        """Open, write in two halves, close."""
        fd = os.open(self(name), os.O_WRONLY | flags, mode)
        half = len(data) // 2
        os.write(fd, data[:half])
        self.sleep(pause)
        os.write(fd, data[half:])
        if sync:
            os.fsync(fd)
        os.close(fd)

    def move(self, a, b):
        os.rename(self(a), self(b))

    def remove(self, name):
        os.unlink(self(name))

    def copy(self, a, b):
        with open(self(a), "rb") as f:
            self.put(b, f.read())


# -- programs: save(place, name, data) -------------------------------------------------------------------

def vim(p, f, data):
    swap = os.open(p(".%s.swp" % f), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    for i in range(3):  # somebody is typing
        os.pwrite(swap, b"b0VIM 9.0" + bytes(4087), 4096 * i)
        p.sleep(0.3)
    p.put("4913", b"")
    p.remove("4913")
    p.move(f, f + "~")
    p.sleep(0.02)
    p.put(f, data, sync=True)
    os.chmod(p(f), 0o644)
    p.remove(f + "~")
    os.close(swap)
    p.remove(".%s.swp" % f)


def vim_copies(p, f, data):
    p.copy(f, f + "~")
    p.put(f, data, os.O_TRUNC, sync=True)
    p.remove(f + "~")


def in_place(p, f, data):
    """nano, gedit, many others"""
    p.put(f, data, os.O_TRUNC)


def in_place_slowly(p, f, data):
    p.put(f, data, os.O_TRUNC, pause=0.8)


def append(p, f, data):
    with open(p(f), "rb") as old:
        have = old.read()
    check(data.startswith(have), "a case for echo >>")
    p.put(f, data[len(have):], os.O_APPEND)


def emacs(p, f, data):
    os.symlink("user@host.1234:1600000000", p(".#" + f))
    p.put("#%s#" % f, data[:10])
    p.sleep(0.5)  # auto-saved while somebody types on
    p.put("#%s#" % f, data)
    p.sleep(0.3)
    p.move(f, f + "~")
    p.put(f, data, os.O_CREAT | os.O_EXCL, sync=True)
    p.remove("#%s#" % f)
    p.remove(".#" + f)


def gnome(p, f, data):
    t = ".goutputstream-" + p.letters()
    p.put(t, data, os.O_CREAT | os.O_EXCL, 0o666, sync=True, pause=0.3)
    p.move(t, f)


def kde(p, f, data):
    t = "%s.%s" % (f, p.letters())
    p.put(t, data, os.O_CREAT | os.O_EXCL, 0o600, sync=True, pause=0.3)
    os.chmod(p(t), 0o644)
    p.sleep(0.1)
    p.move(t, f)


def kde_unnamed(p, f, data):
    t = "%s.%s" % (f, p.letters())
    fd = os.open(p.dir, os.O_TMPFILE | os.O_WRONLY, 0o644)
    os.write(fd, data)
    os.fsync(fd)
    root = os.open("/", os.O_PATH)  # with a descriptor it is linkat with AT_SYMLINK_FOLLOW
    os.link("proc/self/fd/%d" % fd, p(t), src_dir_fd=root)
    os.close(root)
    os.close(fd)
    p.move(t, f)


def libre_office(p, f, data):
    p.put(".~lock.%s#" % f, b",user,host,01.01.2026 10:00,file:///home/user/.config/libreoffice/4;")
    p.sleep(0.6)
    t = "lu%s.tmp" % p.letters(8)
    p.put(t, data, os.O_CREAT | os.O_EXCL, 0o600, pause=0.5)
    p.sleep(0.3)
    p.move(t, f)
    p.remove(".~lock.%s#" % f)


def libre_office_copies(p, f, data):
    p.put(".~lock.%s#" % f, b",user,host,01.01.2026 10:00,file:///home/user/.config/libreoffice/4;")
    t = "lu%s.tmp" % p.letters(8)
    p.put(t, data, os.O_CREAT | os.O_EXCL, 0o600)
    p.sleep(0.4)
    p.put(f, data, os.O_TRUNC, pause=0.4)
    p.remove(t)
    p.remove(".~lock.%s#" % f)


def ms_office(p, f, data):
    p.put("~$" + f, b"\4user" + bytes(160))
    p.sleep(0.5)
    t, old = "%08X.tmp" % p.rng.getrandbits(32), "%08X.tmp" % p.rng.getrandbits(32)
    p.put(t, data, pause=0.2)
    p.sleep(0.1)
    p.move(f, old)
    p.sleep(0.05)
    p.move(t, f)
    p.sleep(0.05)
    p.remove(old)
    p.remove("~$" + f)


def excel(p, f, data):
    t = "%08X" % p.rng.getrandbits(32)
    p.put(t, data)
    p.sleep(0.1)
    p.remove(f)
    p.sleep(0.1)
    p.move(t, f)


def deletes_first(p, f, data):
    p.remove(f)
    p.sleep(0.3)
    p.put(f, data)


def keepassxc(p, f, data):
    t = "%s.%s" % (f, p.letters())
    p.put(t, data, os.O_CREAT | os.O_EXCL, 0o600, sync=True)
    p.move(t, f)
    p.sleep(1)
    p.put(f, data)  # opened again: written again


def sed(p, f, data):
    t = "sed" + p.letters()
    p.put(t, data, os.O_CREAT | os.O_EXCL, 0o600)
    os.chmod(p(t), 0o644)
    p.move(t, f)


def jetbrains(p, f, data):
    p.put(f + "___jb_tmp___", data, sync=True)
    p.move(f, f + "___jb_old___")
    p.move(f + "___jb_tmp___", f)
    p.remove(f + "___jb_old___")


def hard_link(p, f, data):
    """keeps the old one under a second name for a moment"""
    os.link(p(f), p(f + ".bak~"))
    t = ".%s.%s" % (f, p.letters())
    p.put(t, data, os.O_CREAT | os.O_EXCL)
    p.move(t, f)
    p.remove(f + ".bak~")


def browser(p, f, data):
    fd = os.open(p(f + ".part"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    for i in range(0, len(data), len(data) // 6):
        os.write(fd, data[i:i + len(data) // 6])
        p.sleep(0.3)
    os.close(fd)
    p.sleep(0.5)  # looked at by a virus scanner
    p.move(f + ".part", f)


def chromium(p, f, data):
    t = "Unconfirmed %d.crdownload" % p.rng.getrandbits(20)
    p.put(t, data, pause=1.5)
    p.sleep(0.3)
    p.move(t, f)


OLD = 1234567890 * 10**9


def rsync(p, f, data):
    t = ".%s.%s" % (f, p.letters())
    p.put(t, data, os.O_CREAT | os.O_EXCL, 0o600)
    os.utime(p(t), ns=(OLD, OLD))
    os.chmod(p(t), 0o644)
    p.move(t, f)


def camera(p, f, data):
    """cp -p, camera import: the old time is set after the close"""
    p.put(f, data)
    p.sleep(0.02)
    os.utime(p(f), ns=(OLD, OLD))


def makes_executable(p, f, data):
    p.put(f, data)
    p.sleep(0.02)
    os.chmod(p(f), 0o755)


def grows(p, f, data):
    """a download that stalls, written under its own name"""
    fd = os.open(p(f), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for i in range(0, len(data), len(data) // 5):
        os.write(fd, data[i:i + len(data) // 5])
        p.sleep(0.6)
    os.close(fd)


def touches(p, f, data):
    p.put(f, data)
    p.sleep(0.6)
    for _ in range(3):
        os.utime(p(f))
        p.sleep(0.3)


PROGRAMS = [vim, vim_copies, in_place, in_place_slowly, append, emacs, gnome, kde, kde_unnamed, libre_office,
            libre_office_copies, ms_office, excel, deletes_first, keepassxc, sed, jetbrains, hard_link, browser,
            chromium, rsync, camera, makes_executable, grows, touches]


# -- what came of it -------------------------------------------------------------------------------------

def snapshots(device):
    """relpath -> how many snapshots of it this device knows."""
    for root, _, names in os.walk(device.config):
        if "index.sqlite" in names:
            db = sqlite3.connect("file:%s?mode=ro" % os.path.join(root, "index.sqlite"), uri=True)
            try:
                return dict(db.execute("SELECT relpath, count(*) FROM snapshots GROUP BY relpath"))
            finally:
                db.close()
    return {}


def relpath(program):
    return "%s/report.txt" % program.__name__


def text(program, version):
    return b"%s says %d\n" % (program.__name__.encode(), version) * 400


def content(program, version):
    """Every version begins with the one before: append can make them all."""
    return b"".join(text(program, v) for v in range(1, version + 1))


def save_all(device, version):
    """All programs at once; those that were held up between two calls, so that one may have looked like two saves."""
    threads, errors, held_up = [], [], set()

    def run(program):
        place, begin = Place(device.folder, program.__name__), time.monotonic()
        try:
            program(place, "report.txt", content(program, version))
        except BaseException as e:
            errors.append("%s: %r" % (program.__name__, e))
        if time.monotonic() - begin - place.asleep > HELD_UP:
            held_up.add(program)
    for program in PROGRAMS:
        threads.append(threading.Thread(target=run, args=(program,)))
        threads[-1].start()
    for t in threads:
        t.join()
    check(not errors, errors)
    return held_up


def rest(*devices):
    """Until nothing is queued anywhere, and longer than any settling takes."""
    def quiet():
        for d in devices:
            f = d.api("GET", "/v1/status-summary")["folders"]["f"]
            if f["uploads_queued"] or f["downloads_queued"] or f["scanning"]:
                return False
        return True
    for _ in range(2):
        time.sleep(0.8 * min(SLOW, 2))
        wait_for("rest", quiet)


def all_arrived(device, version):
    for program in PROGRAMS:
        device.wait(relpath(program), content(program, version))


def judge(a, b, number, held_up):
    """Each file has so many snapshots, on both devices, and there are none of other names."""
    want = {relpath(program): number for program in PROGRAMS if program not in held_up}
    excused = tuple(program.__name__ + "/" for program in held_up)
    for d in (a, b):
        got = {k: n for k, n in snapshots(d).items() if "/remote-" not in k and not k.startswith(excused)}
        wrong = {k: got.get(k, 0) for k in set(got) | set(want) if got.get(k, 0) != want.get(k, 0)}
        check(not wrong, d.name, "has other numbers of snapshots than", number, "each:", wrong)
        check(d.conflicts() == {}, d.name, "conflicts", d.conflicts())
        problems = d.api("GET", "/v1/status-summary")["folders"]["f"]["problems"]
        check(not problems, d.name, "problems", problems)
    old = [p for p in ("rsync/report.txt", "camera/report.txt") if os.stat(b.path(p)).st_mtime_ns != OLD]
    check(not old, "another mtime:", old)
    check(os.stat(b.path("makes_executable/report.txt")).st_mode & 0o100, "not executable")


class Remote(threading.Thread):
    """The other device changes other files in the same directories, all the time."""

    def __init__(self, device):
        super().__init__()
        self.device, self.ends, self.written = device, False, {}

    def run(self):
        rng, n = random.Random(1), 0
        while not self.ends:
            program = rng.choice(PROGRAMS)
            name, n = "%s/remote-%d" % (program.__name__, n % 20), n + 1
            self.written[name] = b"%d " % n * 500
            self.device.write(name, self.written[name])
            time.sleep(0.05)


def case_all():
    """save patterns of 25 programs, alone and during remote updates: one snapshot each, of no other name"""
    with World() as w:
        a, b = w.pair()
        for program in PROGRAMS:
            a.write(relpath(program), content(program, 1))
        all_arrived(b, 1)
        rest(a, b)
        version, held_up = 1, set()
        for _ in range(ROUNDS):
            version += 1
            held_up |= save_all(a, version)
            all_arrived(b, version)
            rest(a, b)
            judge(a, b, version, held_up)
        for _ in range(ROUNDS):
            # each file is replaced from afar, and saved here the moment it has come
            version += 1
            for program in PROGRAMS:
                b.write(relpath(program), content(program, version))
            all_arrived(a, version)
            version += 1
            remote = Remote(b)
            remote.start()
            held_up |= save_all(a, version)
            remote.ends = True
            remote.join()
            all_arrived(b, version)
            rest(a, b)
            for name, data in remote.written.items():
                a.wait(name, data)
        rest(a, b)
        judge(a, b, version, held_up)
        if held_up:
            print("# held up by other work of the machine: %s" % ", ".join(sorted(p.__name__ for p in held_up)))
        w.stop()


# -- renames, trees, crowds ---------------------------------------------------------------------------------

def shares(world):
    """Files in the store, and their bytes."""
    n = size = 0
    for d, _, names in os.walk(os.path.join(world.store, "shares")):
        for name in names:
            n, size = n + 1, size + os.path.getsize(os.path.join(d, name))
    return n, size


def current(device):
    """relpath -> content capability of the newest snapshot, None for a deletion"""
    for root, _, names in os.walk(device.config):
        if "state.sqlite" in names:
            db = sqlite3.connect("file:%s?mode=ro" % os.path.join(root, "state.sqlite"), uri=True)
            try:
                return dict(db.execute("SELECT relpath, content_cap FROM current_snapshots"))
            finally:
                db.close()
    return {}


class Torn(threading.Thread):
    """Looks at a device's entries all the time: is there ever one of a pair without the other?"""

    def __init__(self, device, pairs):
        super().__init__()
        self.device, self.pairs, self.ends, self.torn, self.looks = device, pairs, False, set(), 0

    def run(self):
        while not self.ends:
            now = current(self.device)
            self.looks += 1
            self.torn |= {(old, new) for old, new in self.pairs if (now.get(old) is None) != (now.get(new) is not None)}


def renamed(w, a, b, pairs, rename):
    """rename() on a gives each (old, new) of pairs the other name: four small shares each, no content."""
    caps, before = current(a), shares(w)
    torn = Torn(a, pairs)
    torn.start()
    rename()
    for old, new in pairs:
        wait_for("%s at bob" % new, lambda: b.read(old) is None and b.read(new) is not None)
    rest(a, b)
    torn.ends = True
    torn.join()
    after, now = shares(w), current(a)
    check(torn.looks > 5 and not torn.torn, "published one half before the other:", torn.torn)
    check(after[0] - before[0] == 4 * len(pairs), "shares for %d renames:" % len(pairs), after[0] - before[0])
    check(after[1] - before[1] < 16000 * len(pairs), "bytes for %d renames:" % len(pairs), after[1] - before[1])
    for old, new in pairs:
        check(now[old] is None and now[new] == caps[old], "content of", old, caps[old] == now[new])
    check(a.api("GET", "/v1/status-summary")["folders"]["f"]["problems"] == [], "problems")
    print("# %d renamed: %d shares, %d bytes written" % (
        len(pairs), after[0] - before[0], after[1] - before[1]), flush=True)


def case_renames():
    """a renamed file, a renamed tree: the same content capability, no content stored again, nothing asked"""
    with World() as w:
        a, b = w.pair()
        rng = random.Random(3)
        for i in range(40):
            a.write("tree/%s/%d" % ("abc"[i % 3], i), rng.randbytes(20000 + i))
        a.write("other/small", b"small")
        a.write("large", rng.randbytes(3 << 20))
        for i in range(40):
            wait_for("tree", lambda: b.read("tree/%s/%d" % ("abc"[i % 3], i)) is not None)
        wait_for("large", lambda: b.read("large") is not None)
        rest(a, b)
        renamed(w, a, b, [("large", "other/larger")], lambda: os.rename(a.path("large"), a.path("other/larger")))
        names = ["%s/%d" % ("abc"[i % 3], i) for i in range(40)]
        renamed(w, a, b, [("tree/" + n, "wood/" + n) for n in names],
                lambda: os.rename(a.path("tree"), a.path("wood")))
        # what bob received is bob's to rename, too
        renamed(w, b, a, [("wood/" + n, "forest/" + n) for n in names],
                lambda: os.rename(b.path("wood"), b.path("forest")))
        w.stop()


if __name__ == "__main__":
    main([case_all, case_renames], 3600 if SOAK else 240)
