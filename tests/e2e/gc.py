#!/usr/bin/env python3
"""What nothing reaches leaves the store; what a folder needs stays.  Real daemons on one store."""
import json, os, random, shutil, signal, subprocess, threading, time

import mf
from kills import databases_of, interrupt
from mf import Failed, World, check, main, storage_index, wait_equal, wait_for

DAY = 86400


def shares(world):
    """Path below shares/ -> bytes."""
    out, root = {}, os.path.join(world.store, "shares")
    for d, dirs, names in os.walk(root):
        if d == root and "incoming" in dirs:
            dirs.remove("incoming")
        for n in names:
            p = os.path.join(d, n)
            try:
                out[os.path.relpath(p, root)] = os.path.getsize(p)
            except FileNotFoundError:
                pass
    return out


def age(world, days, only=None):
    """As if everything had been stored so many days ago: times of files, and of leases."""
    root = os.path.join(world.store, "shares")
    when = time.time() - days * DAY
    for rel in shares(world):
        p = os.path.join(root, rel)
        if only is not None and rel not in only:
            continue
        try:
            f = open(p, "r+b")
        except FileNotFoundError:  # collected since it was listed
            continue
        with f:
            head = f.read(12)
            if head[:4] in (b"\0\0\0\1", b"\0\0\0\2"):
                n = int.from_bytes(head[8:12], "big")
                size = os.fstat(f.fileno()).st_size
                places = [size - 72 * i - 4 for i in range(n)]
            else:
                places = []
                for i in range(4):
                    f.seek(100 + 92 * i)
                    if f.read(4) != b"\0\0\0\0":
                        places.append(104 + 92 * i)
            for at in places:
                f.seek(at)
                f.write(int(when + 31 * DAY).to_bytes(4, "big"))
            f.flush()
            os.utime(f.fileno(), (when, when))


def gc(device, *options, code=0):
    return json.loads(device.grid("gc", "--json", *options, code=code))


def fresh(world, admin, name="carol"):
    """A device that has never seen anything gets everything, and reads every version of it."""
    c = world.device(name)
    c.init()
    c.start()
    c.join(admin)
    wait_equal([admin, c])
    return c


def settled(device, folder="f"):
    """Nothing waits to go up or to come down."""
    def test():
        s = device.summary(folder)
        return s["uploads_queued"] == 0 and s["downloads_queued"] == 0 and s["errors"] == 0
    wait_for("%s to be at rest" % device.name, test)


def history(device, rel, n, size=3000):
    for i in range(n):
        device.write(rel, random.Random(rel + str(i)).randbytes(size))
        device.scan()
    settled(device)


def case_history_and_orphans():
    """old contents go when asked, orphans always, and everything works on"""
    with World() as w:
        a, b = w.pair()
        history(a, "grows.bin", 6)
        a.write("stays.txt", b"x" * 500)
        b.write("d/of-bob.txt", b"y" * 800)
        a.scan(), b.scan()
        wait_equal([a, b])
        settled(a), settled(b)
        hand = a.grid("put", "-", stdin=b"by hand " * 50)
        # what a daemon stored and never linked: a folder that was left
        a.write("../other/only.bin", b"o" * 5000)
        a.cli("add", "--name", "other", "--author", "a", os.path.join(a.base, "other"))
        wait_for("the other folder's file", lambda: a.personal("other"))
        settled(a, "other")
        a.cli("leave", "--name", "other", "--really-delete-write-capability")
        young = gc(a)
        check(young["garbage"]["shares"] == 0, "the grace counts", young)
        check(young["configurations"] == 2, "both configurations are asked", young)
        age(w, 10)
        before = shares(w)
        found = gc(a)
        # a Collective, a Personal directory, two @metadata at most, content, document, snapshot
        check(5 <= found["garbage"]["shares"] <= 7, "the left folder is found", found)
        check(shares(w) == before, "a dry run changes nothing")
        check(found["foreign"]["shares"] == 1, "what was stored by hand is nobody's", found)
        text = a.cli("grid", "gc")
        check("reached by nothing" in text and "--delete" in text, text)
        did = gc(a, "--delete")
        check(did["removed"] == found["garbage"] or did["removed"]["shares"] == found["garbage"]["shares"], did)
        check(len(shares(w)) == len(before) - did["removed"]["shares"], "they are gone")
        check(a.grid("get", hand) == ("by hand " * 50).strip(), "stored by hand")
        kept = gc(a, "--keep-history", "1h")
        check(kept["garbage"]["shares"] == 0, "versions of this hour, as their documents say, stay", kept)
        old = gc(a, "--keep-history", "0h", "--delete")
        check(old["removed"]["shares"] == 5, "five old contents", old)
        check(old["removed"]["bytes"] > 5 * 3000, old)
        check(gc(a)["garbage"]["shares"] == 0, "and that is all")
        c = fresh(w, a)
        check(c.read("grows.bin") == a.read("grows.bin"), "the newest version")
        c.write("grows.bin", b"from carol" * 30)
        c.scan()
        b.write("stays.txt", b"from bob" * 30)
        b.scan()
        wait_equal([a, b, c])
        check(a.read("grows.bin") == b"from carol" * 30, "it goes on")
        w.stop()


def case_undecided():
    """a conflict keeps all of its history"""
    with World() as w:
        a, b = w.pair()
        history(a, "p", 3)
        wait_equal([a, b])
        settled(b)
        b.stop()
        b.write("p", b"bob's" * 100)
        a.write("p", b"alice's" * 100)
        a.scan()
        b.start()
        b.scan()
        wait_for("a conflict", lambda: a.conflicts() and b.conflicts())
        settled(a), settled(b)
        age(w, 10)
        check(gc(a, "--keep-history", "0h")["garbage"]["shares"] == 0, "all of it may be needed to decide")
        w.stop()


def case_unreadable_configuration():
    """a configuration that is gone stops it, until it is forgotten"""
    with World() as w:
        a, b = w.pair()
        a.write("f", b"1" * 300)
        b.write("g", b"2" * 300)
        a.scan(), b.scan()
        wait_equal([a, b])
        settled(a), settled(b)
        b.stop()
        age(w, 10)
        os.rename(b.config, b.config + ".away")
        out = gc(a, "--delete", code=1)
        check(out["removed"]["shares"] == 0 and b.config in out["error"] and "--forget" in out["error"], out)
        os.mkdir(b.config)  # the mount point of a disk that is not there
        check("cannot be read" in gc(a, code=1)["error"], "an empty directory is no configuration")
        os.rmdir(b.config)
        os.rename(b.config + ".away", b.config)
        check(gc(a)["error"] is None, "it is back")
        for path in databases_of(b):
            interrupt(path)
            found = gc(a)
            check(found["error"] is None and found["configurations"] == 2, "a change is undone, as by its daemon", found)
            check(not os.path.exists(path + "-journal"), path, "is still half changed")
        # moved: known under its old name until it runs again
        os.rename(b.config, b.config + "2")
        gc(a, code=1)
        out = gc(a, "--forget", b.config, "--delete")
        check(out["error"] is None and out["configurations"] == 1, out)
        check(out["garbage"]["shares"] == 0, "what bob stored is his, and the folder's", out)
        check("knows no configuration" in gc(a, "--forget", b.config, code=1)["error"], "twice")
        fresh(w, a)
        w.stop()


def case_damage():
    """what cannot be read stops removing; bad shares and strange files are left"""
    with World() as w:
        a = w.device("alice")
        a.init()
        a.start()
        a.add()
        history(a, "p", 2)
        cap = a.personal()["p"]["ro"]
        with open(os.path.join(w.store, "shares", "notes.txt"), "w") as f:
            f.write("mine")
        os.mkdir(os.path.join(w.store, "shares", "zz"))
        with open(os.path.join(w.store, "shares", "zz", "hello"), "w") as f:
            f.write("mine, too")
        age(w, 10, {rel for rel in shares(w) if rel.count("/") == 2})
        out = gc(a)
        check(out["unknown"]["shares"] == 2, out)
        a.stop()
        state = [d for d in os.listdir(a.config) if d.startswith("folder-")][0]
        for n in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
            if os.path.exists(os.path.join(a.config, state, n)):
                os.unlink(os.path.join(a.config, state, n))
        with open(w.share_path(cap), "r+b") as f:
            f.truncate(5)
        out = gc(a, "--delete", code=1)
        check(out["removed"]["shares"] == 0 and out["bad"]["shares"] == 1 and len(out["damage"]) == 1, out)
        check("--despite-damage" in out["error"], out)
        n = len(shares(w))
        out = gc(a, "--delete", "--despite-damage")
        check(out["error"] is None and out["removed"]["shares"] > 0, out)
        check(len(shares(w)) == n - out["removed"]["shares"], "the rest went")
        check(os.path.exists(w.share_path(cap)), "the bad share stays")
        check(os.path.exists(os.path.join(w.store, "shares", "zz", "hello")), "strange files stay")


def case_kills():
    """kill -9 in the middle harms nothing"""
    with World() as w:
        a, b = w.pair()
        history(a, "p", 30, 200)
        for i in range(30):
            b.write("q%d" % i, os.urandom(200))
        b.scan()
        wait_equal([a, b])
        settled(a), settled(b)
        age(w, 10)
        chance = random.Random(int(os.environ.get("MF_SEED", "1")))
        begin = time.monotonic()
        gc(a, "--keep-history", "0h")
        took = time.monotonic() - begin
        argv = [mf.program("magic-folder"), "--config", a.config, "grid", "gc", "--delete", "--keep-history", "0h"]
        for _ in range(25):
            p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, preexec_fn=a.enter)
            time.sleep(chance.random() * took * 1.2)
            p.send_signal(signal.SIGKILL)
            p.wait()
        out = gc(a, "--delete", "--keep-history", "0h")
        check(out["error"] is None and out["damage"] == [], out)
        check(gc(a, "--keep-history", "0h")["garbage"]["shares"] == 0, "all that could go went")
        left = [n for _, _, names in os.walk(os.path.join(w.store, "trash")) for n in names]
        check(left == [], "nothing is left in the trash", left)
        fresh(w, a)
        w.stop()


def case_race():
    """the same contents go up while it runs: none is lost"""
    with World() as w:
        a, b = w.pair()
        rounds = [[random.Random("%d.%d" % (i, k)).randbytes(400) for k in range(8)] for i in range(3)]
        for r in rounds:
            for k, data in enumerate(r):
                a.write("p%d" % k, data)
            a.scan()
        wait_equal([a, b])
        settled(a), settled(b)
        stop, problems = threading.Event(), []

        def sweeper():
            while not stop.is_set():
                try:
                    out = gc(a, "--delete", "--keep-history", "0h")
                    removed.append(out["removed"]["shares"])
                except (Failed, ValueError) as e:
                    problems.append(e)
        removed = []
        t = threading.Thread(target=sweeper)
        t.start()
        try:
            turn = 0
            while turn < 12 or (sum(removed) <= 8 and turn < 200):  # collecting may be slower than storing
                turn += 1
                age(w, 10)  # the contents of the other two rounds may go from now on
                for k, data in enumerate(rounds[turn % 3]):
                    a.write("p%d" % k, data)
                a.scan()
                settled(a)
        finally:
            stop.set()
            t.join()
        check(not problems, problems[:1])
        check(sum(removed) > 8, "something was taken away meanwhile", removed)
        wait_equal([a, b])
        fresh(w, a)
        w.stop()


main([case_history_and_orphans, case_undecided, case_unreadable_configuration, case_damage, case_kills, case_race])
