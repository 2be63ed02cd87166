#!/usr/bin/env python3
"""Watching on real daemons and real inotify, without a periodic scan: crowds, directories filled before their watch is
there, renames that no event tells whole, lost events, too few watches, and programs that write in ways of their own.
MF_FILES gives the size of the crowd: 50,000 by hand."""
import json, mmap, os, random, shutil, signal, sqlite3, subprocess, sys, tarfile, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import SLOW, Failed, World, check, main, wait_equal, wait_for
from save_patterns import current, rest, snapshots

SOAK = os.environ.get("MF_SOAK") == "1"
FILES = int(os.environ.get("MF_FILES", "50000" if SOAK else "0"))
ROUNDS = 10 if SOAK else 1
INSIDE = "MF_FEW_WATCHES"


def pair(w):
    """Two daemons that share a folder and never scan by themselves."""
    a, b = w.pair()
    for d in (a, b):
        d.cli("set", "f", "scan_interval=never")
    wait_for("both well", lambda: is_well(a) and is_well(b))
    return a, b


def summary(d):
    return d.api("GET", "/v1/status-summary")["folders"]["f"]


def is_well(d):
    return summary(d)["state"] == "up-to-date"


def problems(d):
    return " ".join(p["text"] for p in summary(d)["problems"])


def settled(*devices):
    """Equal folders, nobody has a problem or a conflict, and all say that they are up to date."""
    time.sleep(0.3)
    for d in devices:
        wait_for(lambda: "%s is well: %s" % (d.name, summary(d)), lambda: is_well(d), 60, 0.05)
    wait_equal(devices, 60)
    for d in devices:
        wait_for(lambda: "%s is well: %s" % (d.name, summary(d)), lambda: is_well(d))
        check(d.conflicts() == {}, d.name, "conflicts", d.conflicts())


def one_version_each(device, below):
    many = {p: n for p, n in snapshots(device).items() if p.startswith(below) and n != 1}
    check(not many, "more than one version:", sorted(many.items())[:5])


def peak_mib(device):
    with open("/proc/%d/status" % device.process.pid) as f:
        return int([line for line in f if line.startswith("VmHWM")][0].split()[1]) // 1024


# -- crowds ----------------------------------------------------------------------------------------------

def case_crowd():
    """a directory of many files moved in: all of them, one version each, no event needed but its own"""
    if FILES == 0:
        return "many_files.py does it with 10,000; MF_FILES says how many here"
    with World() as w:
        a, b = pair(w)
        crowd = os.path.join(a.base, "crowd")
        for i in range(FILES):
            d = os.path.join(crowd, "d%03d" % (i // 500))
            if i % 500 == 0:
                os.makedirs(d)
            with open(os.path.join(d, "f%05d" % i), "wb") as f:
                f.write(b"%05d " % i * 20)
        begin = time.monotonic()
        os.rename(crowd, a.path("crowd"))
        wait_for("all at bob", lambda: sum(len(n) for _, _, n in os.walk(b.path("crowd"))) == FILES, 600, 0.2)
        print("# %d files moved in: at bob after %.1f s" % (FILES, time.monotonic() - begin), flush=True)
        for d in (a, b):
            wait_for(lambda: "%s is well: %s" % (d.name, summary(d)), lambda: is_well(d), 120, 0.5)
        wait_equal((a, b), 120)
        one_version_each(b, "crowd/")
        begin = time.monotonic()
        a.write("crowd/d000/f00000", b"changed afterwards " * 10)
        b.wait("crowd/d000/f00000", b"changed afterwards " * 10)
        print("# a change afterwards: %.2f s; peak %d and %d MiB" % (
            time.monotonic() - begin, peak_mib(a), peak_mib(b)), flush=True)
        w.stop()


# -- directories and renames that are quicker than their watches -----------------------------------------

def fill(a, rng, where):
    """Everything at once: directories made and filled, a tree copied, one unpacked, one moved into a new place."""
    for i in range(20):
        d = a.path("%s/made/%d/a/b/c" % (where, i))
        os.makedirs(d)
        with open(os.path.join(d, b"file"), "wb") as f:
            f.write(rng.randbytes(300))
    tree = os.path.join(a.base, "tree")
    for i in range(40):
        d = os.path.join(tree, *["%d" % rng.randrange(3) for _ in range(rng.randrange(6))])
        os.makedirs(d, exist_ok=True)
        with open(os.path.join(d, "f%d" % i), "wb") as f:
            f.write(rng.randbytes(200 + i))
    tar = os.path.join(a.base, "tree.tar")
    with tarfile.open(tar, "w") as t:
        t.add(tree, "unpacked")
    subprocess.run(["cp", "-r", tree, a.path(where + "/copied")], check=True)
    subprocess.run(["tar", "-xf", tar, "-C", a.path(where)], check=True)
    os.makedirs(a.path(where + "/new/place"))
    os.rename(tree, a.path(where + "/new/place/tree"))


def filled_before_watched(w, a, b):
    """directories filled before they have a watch: mkdir and write, cp -r, tar, a tree moved into a new directory"""
    for r in range(ROUNDS):
        fill(a, random.Random(r), "round%d" % r)
        settled(a, b)
        one_version_each(b, "round%d/" % r)
    # what was found by a walk has its watch from then on
    names = sorted(a.tree())
    for name in random.Random(5).sample(names, 12):
        a.write(name, b"afterwards " + name)
    settled(a, b)
    check(all(b.read(n) is not None for n in names), "all there")


def contents(world):
    """Storage indexes of immutable shares larger than any document: contents."""
    out = set()
    for d, _, names in os.walk(os.path.join(world.store, "shares")):
        for name in names:
            path = os.path.join(d, name)
            if os.path.getsize(path) > 15000:
                with open(path, "rb") as f:
                    if f.read(4) == b"\0\0\0\2":
                        out.add(os.path.basename(d))
    return out


def renames(w, a, b, moves):
    """Do moves() on a; bob follows, and no content is stored again."""
    before, caps = contents(w), {c for c in current(a).values() if c is not None}
    moves()
    settled(a, b)
    check(contents(w) <= before, "%d contents were stored again" % len(contents(w) - before))
    now = {c for c in current(a).values() if c is not None}
    check(now == caps, "other capabilities than before: %d of %d" % (len(now - caps), len(now)))


def moves_unseen(w, a, b):
    """renames into a directory made the same moment, and while the daemon is off: no content is stored again"""
    rng = random.Random(7)
    for i in range(30):
        a.write("tree/%d/f%d" % (i % 4, i), rng.randbytes(20000 + i))
    settled(a, b)

    def into_new():
        for i in range(0, 12):
            os.makedirs(a.path("fresh/%d/deep" % i))
            os.rename(a.path("tree/%d/f%d" % (i % 4, i)), a.path("fresh/%d/deep/g%d" % (i, i)))
        os.makedirs(a.path("other/place"))
        os.rename(a.path("tree/3"), a.path("other/place/3"))
    renames(w, a, b, into_new)

    def while_off():
        a.stop()
        os.rename(a.path("tree"), a.path("wood"))
        os.makedirs(a.path("elsewhere"))
        os.rename(a.path("fresh/0/deep/g0"), a.path("elsewhere/h0"))
        os.rename(a.path("other/place/3/f15"), a.path("other/f15"))
        a.start()
    renames(w, a, b, while_off)
    one_version_each(b, "elsewhere/")


# -- events that are lost, watches that are not to be had --------------------------------------------------

def limit(name):
    with open("/proc/sys/fs/inotify/" + name) as f:
        return int(f.read())


def overflow(w, a, b):
    """more events than the system's queue holds: seen, said, and nothing is missed"""
    if limit("max_queued_events") > 60000:
        return "the queue of this system is too long to be filled"
    for d in ("kept", "gone"):
        for i in range(30):
            a.write("%s/%d" % (d, i), b"%d " % i * 30)
    settled(a, b)
    # a stopped process reads no events
    a.process.send_signal(signal.SIGSTOP)
    one, events = a.path("restless"), 0
    fds = [os.open(one + b"%d" % i, os.O_WRONLY | os.O_CREAT, 0o644) for i in (0, 1)]
    while events < limit("max_queued_events") + 100:
        os.pwrite(fds[events % 2], b"%d" % events, 0)  # two in turn: equal events in a row are one
        events += 1
    for fd in fds:
        os.close(fd)
    # told by events that are lost
    a.write("kept/3", b"changed")
    a.write("new/dir/file", b"new")
    os.rename(a.path("kept/4"), a.path("kept/four"))
    for i in range(10):
        os.unlink(a.path("gone/%d" % i))
    said = []
    a.process.send_signal(signal.SIGCONT)

    def seen():
        s = summary(a)
        said.extend(p["text"] for p in s["problems"])
        return "more changed at once" in a.new_log() or any("max_queued_events" in t for t in said)
    wait_for("the overflow is said", seen)
    settled(a, b)
    check(b.read("kept/3") == b"changed" and b.read("new/dir/file") == b"new" and b.read("gone/3") is None)
    check(b.read("kept/four") is not None and b.read("kept/4") is None)
    # and watches are there as before
    a.write("new/dir/file", b"newer")
    a.write("new/dir/deeper/file", b"newest")
    settled(a, b)
    check(b.read("new/dir/deeper/file") == b"newest")


def few_watches(n):
    with open("/proc/sys/user/max_inotify_watches", "w") as f:
        f.write("%d\n" % n)


def case_watch_limit():
    """fewer watches than directories: said with the remedy, the scan finds the rest, and it is over with the lack"""
    if INSIDE not in os.environ:
        r = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c",
                            "echo 1000 > /proc/sys/user/max_inotify_watches"], stderr=subprocess.DEVNULL)
        if r.returncode != 0:
            return "no user namespace with limits of its own is to be had"
        env = dict(os.environ, **{INSIDE: "1"})
        r = subprocess.run(["unshare", "--user", "--map-root-user", sys.executable, "-B", os.path.abspath(__file__),
                            "watch_limit"], env=env, stdout=subprocess.PIPE)
        text = r.stdout.decode(errors="replace")
        check(r.returncode == 0, "in its namespace:\n" + text)
        return None
    with World() as w:
        a, b = pair(w)
        few_watches(30)  # of both daemons, and of their nudges
        for i in range(40):
            a.write("many/%d/file" % i, b"%d " % i * 30)
        wait_for(lambda: "the lack is said: %s" % summary(a), lambda: "max_user_watches" in problems(a))
        check(summary(a)["state"] == "problem", summary(a))
        wait_for("doctor to count all of them", lambda: "WRONG watching: 42 directories to watch, but the system"
                 " allows 30" in a.cli("doctor", code=1))
        a.scan()
        b.poll()
        wait_equal((a, b), 60)
        for i in range(40):
            a.write("many/%d/file" % i, b"again %d " % i * 30)
        a.scan()
        b.poll()
        wait_equal((a, b), 60)
        few_watches(5000)
        for d in (a, b):
            d.scan()
        settled(a, b)
        for i in range(40):
            a.write("many/%d/file" % i, b"seen %d " % i * 30)
        settled(a, b)
        check("WRONG watching" not in a.cli("doctor", code=None))
        w.stop()


# -- programs that write in ways of their own ----------------------------------------------------------------

def mapped(path, size, changes):
    """Written through a mapping: no write() that an event could tell of."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(fd, size)
    m = mmap.mmap(fd, size)
    os.close(fd)
    for i in range(changes):
        m[i * 37 % (size - 8):i * 37 % (size - 8) + 8] = b"%08d" % i
        if i % 16 == 0:
            m.flush()
            time.sleep(0.02)
    m.flush()
    m.close()


def git(cwd, *args):
    env = dict(os.environ, HOME=os.fsdecode(cwd), GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_DATE="2026-01-01T00:00:00Z",
               GIT_COMMITTER_DATE="2026-01-01T00:00:00Z")
    r = subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@x", "-c", "gc.auto=0"] + list(args), cwd=cwd,
                       env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(r.returncode == 0, "git", *args, r.stdout.decode(errors="replace"))
    return r.stdout.decode()


def works_with_git(a):
    if shutil.which("git") is None:
        return
    repo = a.path("repo")
    os.makedirs(repo)
    git(repo, "init", "-q", "-b", "main")
    for i in range(3):
        for n in range(6):
            a.write("repo/src/%d.c" % n, b"int f%d(void) { return %d; }\n" % (n, i))
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", "change %d" % i)
    git(repo, "checkout", "-q", "-b", "side", "HEAD~1")
    a.write("repo/src/side.c", b"int side;\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "on the side")
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "-m", "together", "side")
    git(repo, "gc", "-q", "--prune=now")
    git(repo, "checkout", "-q", "side")
    git(repo, "checkout", "-q", "main")


def works_with_sqlite(path, mode):
    db = sqlite3.connect(path, isolation_level=None)
    check(db.execute("PRAGMA journal_mode=" + mode).fetchone()[0] == mode, mode)
    db.execute("CREATE TABLE IF NOT EXISTS t(i INTEGER PRIMARY KEY, x BLOB)")
    for i in range(25):
        db.execute("BEGIN")
        for _ in range(4):
            db.execute("INSERT INTO t(x) VALUES (randomblob(900))")
        db.execute("COMMIT")
        if i % 5 == 0:
            db.execute("DELETE FROM t WHERE i % 7 = 3")
        time.sleep(0.02)
    db.close()


def installs_packages(a):
    """as npm does: staged under another name, moved in place, old ones moved aside and removed, links, deep nesting"""
    modules = a.path("app/node_modules")
    os.makedirs(os.path.join(modules, b".bin"))
    for version in (1, 2):
        for p in range(12):
            final = os.path.join(modules, b"pkg%d" % p)
            staged = os.path.join(modules, b".pkg%d-%06x" % (p, p * 7919 + version))
            os.makedirs(os.path.join(staged, b"lib", b"node_modules", b"dep"))
            for name in (b"package.json", b"index.js", b"lib/a.js", b"lib/node_modules/dep/index.js"):
                with open(os.path.join(staged, name), "wb") as f:
                    f.write(b"/* %s of %d, version %d */\n" % (name, p, version if p % 3 else 1) * 5)
            old = os.path.join(modules, b".pkg%d-old" % p)
            if version > 1:
                os.rename(final, old)
            os.rename(staged, final)
            if version > 1:
                shutil.rmtree(old)
            else:
                os.symlink(b"../pkg%d/index.js" % p, os.path.join(modules, b".bin", b"pkg%d" % p))
        with open(a.path("app/package-lock.json"), "wb") as f:
            f.write(b'{"version": %d}\n' % version * 40)


def judge_repository(w, repo):
    copy = os.path.join(w.base, "copy")  # not in the folder: git status refreshes the index
    shutil.copytree(os.fsdecode(repo), copy)
    os.makedirs(os.path.join(copy, ".git/refs"), exist_ok=True)  # empty after gc: not synced
    git(copy, "fsck", "--strict")
    check(git(copy, "status", "--porcelain") == "", "the checkout differs from its index")
    shutil.rmtree(copy)


def programs(w, a, b):
    """mmap, git, SQLite with WAL and with a journal, a package manager: the right bytes, no conflict with oneself"""
    for i in range(150):  # what git and the package manager remove is less than half of the folder
        a.write("others/%d" % i, b"%d" % i)
    for d in ("map", "db"):
        os.makedirs(a.path(d))
    settled(a, b)
    errors = []

    def run(work, *args):
        try:
            work(*args)
        except BaseException as e:
            errors.append("%s%r: %r" % (work.__name__, args, e))
    for _ in range(ROUNDS):
        shutil.rmtree(a.path("repo"), ignore_errors=True)
        shutil.rmtree(a.path("app"), ignore_errors=True)
        threads = [threading.Thread(target=run, args=job) for job in (
            (mapped, a.path("map/small"), 4096, 60), (mapped, a.path("map/large"), 3 << 20, 100),
            (works_with_git, a), (installs_packages, a), (works_with_sqlite, a.path("db/wal.sqlite"), "wal"),
            (works_with_sqlite, a.path("db/journal.sqlite"), "delete"),
            (works_with_sqlite, a.path("db/persists.sqlite"), "persist"))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        check(not errors, errors)
        settled(a, b)
        rest(a, b)
        settled(a, b)
        for name in ("wal", "journal", "persists"):
            db = sqlite3.connect("file:%s?mode=ro&immutable=1" % os.fsdecode(b.path("db/%s.sqlite" % name)),
                                 uri=True)
            check(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", name)
            db.close()
        if os.path.exists(b.path("repo")):
            judge_repository(w, b.path("repo"))
    names = [n for n in snapshots(b) if n.startswith("app/node_modules/.pkg")]
    print("# %d names of packages that were staged were published for a moment" % len(names), flush=True)


def case_quicker_than_watches():
    """directories filled before they are watched, renames that no event tells whole, lost events, mmap, git, SQLite"""
    with World() as w:
        a, b = pair(w)
        for part in (filled_before_watched, moves_unseen, overflow, programs):
            begin = time.monotonic()
            skip = part(w, a, b)
            print("# %s: %s %.1f s" % (part.__doc__, skip or "yes", time.monotonic() - begin), flush=True)
        w.stop()


if __name__ == "__main__":
    main([case_crowd, case_quicker_than_watches, case_watch_limit],
         3600 if SOAK or FILES > 10000 else 240)
