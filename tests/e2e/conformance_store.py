"""Conformance on real daemons: cases of a store that is away or refuses, restarts, and several things at once."""
import glob, os, sqlite3, sys, threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, check, main, wait_for
from snapshots import Snapshot, entry, entry_after, settle

V0, V1, V2, V3, V4 = (b"%s " % word * 50 for word in (b"none", b"one", b"two", b"three", b"four"))


def leftovers(device):
    """Rows of snapshots that are not published, and their copies."""
    found = []
    for path in glob.glob(os.path.join(device.config, "folder-*", "state.sqlite")):
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        for table in ("mf_pending", "local_snapshots"):
            found += db.execute("SELECT '%s', relpath FROM %s" % (table, table)).fetchall()
        db.close()
    return found + glob.glob(os.path.join(device.config, "folder-*", "stash", "*"))


def published(device, rel):
    """When the device published its version of a file, ns since 1970."""
    for path in glob.glob(os.path.join(device.config, "folder-*", "state.sqlite")):
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        rows = db.execute("SELECT last_updated_ns FROM current_snapshots WHERE relpath = ?", (rel,)).fetchall()
        db.close()
        if rows:
            return rows[0][0]
    return None


def history(device, cap):
    out = [cap]
    while True:
        parents = Snapshot(device, out[-1]).parents
        check(len(parents) <= 1, "a merge", parents)
        if not parents:
            return out
        out += parents


def contents(device, line):
    return [device.cli("grid", "get", Snapshot(device, cap).content).strip().encode() for cap in line]


def waiting(device, rel):
    """How many versions of the file are to be published."""
    (path,) = glob.glob(os.path.join(device.config, "folder-*", "state.sqlite"))
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    n = db.execute("SELECT (SELECT count(*) FROM mf_pending WHERE relpath = ?1)"
                   " + (SELECT count(*) FROM mf_local WHERE relpath = ?1 AND NOT taken)", (rel,)).fetchone()[0]
    db.close()
    return n


def save(device, rel, data, nth):
    """A save while the store refuses what is written to it: it is kept apart."""
    device.write(rel, data)
    wait_for("version %d of %s to wait" % (nth, rel), lambda: waiting(device, rel) == nth)


def case_28():
    """28, 49 in part: edits while the store refuses writes are published one by one when it takes them"""
    with World() as w:
        a, b = w.pair()
        a.write("p", V0)
        b.wait("p", V0)
        first = entry(a, "p")
        before = b.personal()
        w.refuse_writes(True)
        for nth, data in enumerate((V1, V2, V3)):
            save(a, "p", data, nth + 1)
        wait_for("A to say what is wrong", lambda: a.summary()["state"] == "problem")
        check(b.read("p") == V0 and a.summary()["uploads_queued"] == 1, a.summary())
        w.refuse_writes(False)
        b.wait("p", V3)
        line = history(a, entry_after(a, "p", first))
        check(len(line) == 4 and line[3] == first, line)
        check(contents(a, line) == [v.strip() for v in (V3, V2, V1, V0)], line)
        wait_for(lambda: "A to be at rest: %s" % a.summary(), lambda: a.summary()["state"] == "up-to-date")
        wait_for(lambda: "nothing to be left: %s" % leftovers(a), lambda: leftovers(a) == [])
        check(a.conflicts() == {} == b.conflicts() and set(b.personal()) == set(before), "conflicts")
        w.stop()


def case_29():
    """29: the same with restarts in between; the next edit has the last as its parent, and one more start changes nothing"""
    with World() as w:
        a, b = w.pair()
        a.write("p", V0)
        b.wait("p", V0)
        first = entry(a, "p")
        w.refuse_writes(True)
        save(a, "p", V1, 1)
        save(a, "p", V2, 2)
        a.stop()
        a.start()
        save(a, "p", V3, 3)
        a.kill()
        a.start()
        w.refuse_writes(False)
        b.wait("p", V3)
        newest = entry_after(a, "p", first)
        line = history(a, newest)
        check(contents(a, line) == [v.strip() for v in (V3, V2, V1, V0)] and line[3] == first, line)
        wait_for(lambda: "nothing to be left: %s" % leftovers(a), lambda: leftovers(a) == [])
        a.write("p", V4)
        b.wait("p", V4)
        last = entry_after(a, "p", newest)
        check(Snapshot(a, last).parents == [newest], "the next edit has another parent")
        a.stop()
        a.start()
        settle(a, b)
        check(entry(a, "p") == last == entry(b, "p"), "a restart changed the entry")
        wait_for(lambda: "nothing to be left: %s" % leftovers(a), lambda: leftovers(a) == [])
        check(a.conflicts() == {} == b.conflicts(), "conflicts")
        w.stop()


def case_19():
    """19: two edits that wait for the store are one conflict of each when it is back, and nothing is lost"""
    with World() as w:
        a, b = w.pair()
        a.write("p", V0)
        b.wait("p", V0)
        wait_for("one entry", lambda: a.personal()["p"]["ro"] == b.personal().get("p", {}).get("ro"))
        w.refuse_writes(True)
        for d, data in ((a, V1), (b, V2)):
            d.write("p", data)
            d.scan()
            wait_for("it to wait", lambda: d.summary()["state"] == "problem")
        w.refuse_writes(False)
        a.wait("p.conflict-bob", V2)
        b.wait("p.conflict-alice", V1)
        settle(a, b)
        check(a.read("p") == V1 and b.read("p") == V2, "an edit is gone")
        wait_for(lambda: "one conflict of each: %s, %s" % (a.conflicts(), b.conflicts()),
                 lambda: a.conflicts() == {"p": ["bob"]} and b.conflicts() == {"p": ["alice"]})
        w.stop()


def case_50():
    """50: a store that is away at the start is waited for, and no other is made in its place"""
    with World() as w:
        a, b = w.pair()
        a.write("p", V1)
        b.wait("p", V1)
        w.stop()
        os.rename(w.store, w.store + ".away")
        for empty in (False, True):
            if empty:  # the mount point of a disk that is not there
                os.mkdir(w.store)
            for d in (a, b):
                d.start()
                wait_for(lambda: "the lack to be said: %s" % d.summary(),
                         lambda: "no store at" in d.summary()["say"] and d.summary()["state"] == "problem")
                check(d.read("p") == V1, "a file is gone")
                d.grid("ls", d.secrets()["upload_dircap"] if not empty else "URI:DIR2-LIT:", code=1)
                check("is its disk mounted?" in d.stderr, d.stderr)
            b.write("q%d" % empty, V2)
            if not empty:
                check(not os.path.exists(w.store), "a store was made")
                w.stop()
        check(os.listdir(w.store) == [], os.listdir(w.store))
        os.rmdir(w.store)
        os.rename(w.store + ".away", w.store)
        for rel in ("q0", "q1"):
            a.wait(rel, V2)
        check(b.read("p") == V1 == a.read("p"), "a file is gone")
        w.stop()


def case_38():
    """38: a file becomes a directory with a file in it, and the other way, by itself and by what others do"""
    with World() as w:
        a, b = w.pair()
        a.write("x", V1)
        a.write("d/y", V1)
        for rel in ("x", "d/y"):
            b.wait(rel, V1)
        a.remove("x")
        a.write("x/y", V2)
        b.wait("x/y", V2)
        old = entry(a, "d/y")
        b.pause(True)  # and so that both arrive at once
        a.remove("d/y")
        os.rmdir(a.path("d"))
        a.write("d", V3)
        entry(a, "d")
        entry_after(a, "d/y", old)
        b.pause(False)
        b.wait("d", V3)
        settle(a, b)
        for d in (a, b):
            wait_for(lambda: "two files at %s: %s" % (d.name, sorted(d.tree())),
                     lambda: d.tree() == {b"x/y": V2, b"d": V3})
        check(a.conflicts() == {} == b.conflicts(), a.conflicts(), b.conflicts())
        w.stop()


def case_59():
    """59: who asks for a scan while one runs waits for one more, that sees what was written before"""
    with World() as w:
        a = w.device("alice")
        a.init()
        a.start()
        a.add()
        a.cli("set", "f", "scan_interval=never")
        for turn in range(5):
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(a.request("PUT", a.of("f", "scan-local"))[0]))
                       for _ in range(6)]
            for n, t in enumerate(threads):
                a.write("t%d/%d" % (turn, n), b"%d " % n * 50)
                t.start()
            for t in threads:
                t.join()
            check(answers == [200] * 6, answers)
            wait_for("all of them", lambda: sum(k.startswith("t%d/" % turn) for k in a.file_status()) == 6)
        w.stop()


def case_60():
    """60: a long upload in one folder does not hold up another folder"""
    with World() as w:
        a, b = w.pair()
        os.mkdir(os.path.join(a.base, "other"))
        a.add("g", os.path.join(a.base, "other"))
        with open(a.path("../large"), "wb") as f:
            f.write(os.urandom(1 << 20) * 160)
        os.rename(a.path("../large"), a.path("large"))
        a.write("../other/small", V1)
        wait_for("both", lambda: a.file_status("f") and a.file_status("g"), 60)
        check(published(a, "small") < published(a, "large"), "the long one was over first")
        w.stop()


if __name__ == "__main__":
    main([f for name, f in sorted(globals().items()) if name.startswith("case_")])
