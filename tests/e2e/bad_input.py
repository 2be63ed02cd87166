"""What bad input gets: an error that names the thing, nothing lost, and the rest goes on."""
import os, signal, socket, sqlite3, subprocess, sys, threading, time, unicodedata

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, check, main, program, read_cap, wait_equal, wait_for, die_with_parent
from snapshots import Snapshot, mangle

V1, V2 = b"one " * 50, b"two " * 60


def damaged(data, swapped):
    return {"truncated": data[:len(data) // 2],
            "bit-flipped": data[:100] + bytes([data[100] ^ 4]) + data[101:],
            "swapped": swapped,
            "oversized": data[:-72] + b"\0" * 100000 + data[-72:],
            "empty": b"",
            "torn": data[:60] + b"\0" * (len(data) - 60)}


def replace(path, data):
    os.unlink(path)
    with open(path, "wb") as f:
        f.write(data)


def case_shares():
    """shares truncated, bit-flipped, swapped, empty, torn: their files wait, all else arrives, and they when mended"""
    with World() as w:
        a, b = w.pair()
        b.stop()
        kinds = sorted(damaged(bytes(200), b""))
        for kind in kinds:
            a.write(kind, kind.encode() * 50)
        a.write("good", V2)
        wait_for("all entries", lambda: set(kinds + ["good"]) <= set(a.personal()))
        good = w.share_path(Snapshot(a, a.personal()["good"]["ro"]).content)
        whole = {}
        for kind in kinds:
            path = w.share_path(Snapshot(a, a.personal()[kind]["ro"]).content)
            with open(path, "rb") as f, open(good, "rb") as other:
                whole[path] = f.read()
                replace(path, damaged(whole[path], other.read())[kind])
        b.start()
        b.wait("good", V2)
        b.wait("oversized", b"oversized" * 50)  # what follows the share's own end is nobody's business
        b.poll()
        check(set(b.tree()) == {b"good", b"oversized"}, "a damaged share was applied:", sorted(b.tree()))
        for kind in kinds:
            if kind != "oversized":
                a.grid("check", Snapshot(a, a.personal()[kind]["ro"]).content, code=1)
        for path, data in whole.items():
            replace(path, data)
        b.poll()
        for kind in kinds:
            b.wait(kind, kind.encode() * 50)
        w.stop()


def case_directory_share():
    """a damaged share of somebody's directory: we keep what we have, and go on when it is repaired"""
    with World() as w:
        a, b = w.pair()
        a.write("first", V1)
        b.wait("first", V1)
        path = w.share_path(a.secrets()["upload_dircap"])
        a.stop()
        with open(path, "rb") as f:
            whole = f.read()
        with open(path, "wb") as f:
            f.write(whole[:700])
        b.poll()
        check(b.read("first") == V1, "a file was lost")
        b.write("mine", V2)
        wait_for("B to publish", lambda: "mine" in b.personal())
        with open(path, "wb") as f:
            f.write(whole)
        a.start()
        a.wait("mine", V2)
        w.stop()


def case_store_vanishes():
    """a store that vanishes for a while: nothing is deleted, work resumes when it is back"""
    with World() as w:
        a, b = w.pair()
        a.write("kept", V1)
        b.wait("kept", V1)
        os.rename(w.store, w.store + ".away")
        a.write("meanwhile", V2)
        time.sleep(1.5)
        check(a.read("kept") == V1 == b.read("kept"), "a file vanished with the store")
        check(not os.path.exists(os.path.join(w.store, "shares")), "a new store was made in its place")
        os.rename(w.store + ".away", w.store)
        b.wait("meanwhile", V2, 60)
        w.stop()


def case_store_read_only():
    """a store on a read-only or full file system: an error, nothing lost, and it goes on afterwards"""
    if os.getuid() != 0:
        return "needs root, to mount a small file system"
    with World() as w:
        os.mkdir(w.store)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", w.store],
                          stderr=subprocess.DEVNULL).returncode != 0:
            return "cannot mount here"
        try:
            a, b = w.pair()
            a.write("small", V1)
            b.wait("small", V1)
            a.write("large", os.urandom(30 << 20))
            a.write("after", V2)
            time.sleep(3)
            check(a.process.poll() is None and b.process.poll() is None, "a daemon ended")
            check(b.read("small") == V1, "a file was lost")
            subprocess.run(["mount", "-o", "remount,size=200m", w.store], check=True)
            wait_equal((a, b), 90)
            w.stop()  # a file system with open files cannot be made read-only
            subprocess.run(["mount", "-o", "remount,ro", w.store], check=True)
            a.start()
            b.start()
            a.write("late", V2)
            time.sleep(2)
            check(a.process.poll() is None and b.read("late") is None, "a read-only store was written")
            subprocess.run(["mount", "-o", "remount,rw", w.store], check=True)
            b.wait("late", V2, 90)
            w.stop()
        finally:
            for d in w.devices:
                d.kill()
            subprocess.run(["umount", "-l", w.store])


def case_names():
    """names that are not UTF-8 or collide are named and skipped; long, odd and awkward ones arrive"""
    with World() as w:
        a, b = w.pair()
        fine = ["n" * 255, "new\nline", " blank ", "-dash", "%2F", "back\\slash", "quote\"'", "\u202e\u4e2d\U0001f600",
                "@metadata", "x.conflict-2019/kept", ".hidden", "a@_b", "tab\there", "con", "\x7f\x01"]
        for name in fine:
            a.write(name, name.encode())
        a.write(b"not\xffutf8", V1)
        composed, decomposed = "\u00e9", "e\u0301"
        a.write(composed, V1)
        wait_for("the first of two equal names", lambda: composed in a.personal())
        a.write(decomposed, V2)
        a.scan()
        for name in fine:
            b.wait(name, name.encode())
        b.wait(composed, V1)
        check(a.read(b"not\xffutf8") == V1 and a.read(decomposed) == V2, "a file was lost")
        check(len(b.tree()) == len(fine) + 1, sorted(b.tree()))
        w.stop()


def case_conflicting_daemon():
    """56: a second daemon is refused while one runs; a pid file of a dead process or of another one is in nobody's way"""
    with World() as w:
        a = w.device("a")
        a.init()
        a.start()
        a.cli("run", code=1)
        check("PID %d" % a.process.pid in a.stderr or "locking" in a.stderr, a.stderr)
        a.api("GET", "/v1/magic-folder")
        path = os.path.join(a.config, "running.process")
        for _ in range(2):
            with open(path) as f:
                pid, started = f.read().split()
            check(int(pid) == a.process.pid and abs(float(started) - time.time()) < 300, pid, started)
            a.kill()
            check(os.path.exists(path), "the pid file went with a kill")
            a.start()
        a.kill()
        with open(path, "w") as f:
            f.write("%d 1600000000.0\n" % os.getpid())  # somebody else has that number now
        a.start()
        w.stop()


def case_port_in_use():
    """a port in use is named, and nothing is left behind"""
    with World() as w:
        a = w.device("a")
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        a.cli("init", "--grid", "dir:" + w.store, "--listen-endpoint", "tcp:%d:interface=127.0.0.1" % port)
        a.cli("run", code=1)
        check(str(port) in a.stderr, a.stderr)
        check(not os.path.exists(os.path.join(a.config, "running.process")), "a pid file was left")
        s.close()
        a.start()
        w.stop()


def case_newer_schema():
    """a configuration or folder written by a newer program is refused with both numbers, and not touched"""
    with World() as w:
        a = w.device("a")
        a.init()
        path = os.path.join(a.config, "global.sqlite")
        db = sqlite3.connect(path)
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if "version" in tables:
            db.execute("UPDATE version SET version = 99")
        db.execute("PRAGMA user_version = 99")
        db.commit()
        db.close()
        a.cli("run", code=1)
        check("99" in a.stderr and "global.sqlite" in a.stderr or "99" in a.stderr and a.config in a.stderr, a.stderr)


def case_database_held():
    """another program holding the database for ten seconds: the API answers, and the work is done afterwards"""
    with World() as w:
        a, b = w.pair()
        a.write("before", V1)
        b.wait("before", V1)
        state = [os.path.join(r, "state.sqlite") for r, _, n in os.walk(a.config) if "state.sqlite" in n][0]
        db = sqlite3.connect(state, timeout=20)
        db.execute("BEGIN EXCLUSIVE")
        a.write("meanwhile", V2)
        for _ in range(20):
            a.api("GET", "/v1/magic-folder", timeout=30)  # it is held until all have their answers
            time.sleep(0.5)
        db.rollback()
        db.close()
        b.wait("meanwhile", V2)
        check(a.conflicts() == {}, a.conflicts())
        w.stop()


def case_join_checks():
    """add --collective refuses what is no folder, a taken name, and says why before anything is made"""
    with World() as w:
        a = w.device("alice")
        a.init()
        a.start()
        a.add()
        b = w.device("bob")
        b.init()
        b.start()
        empty = read_cap(a.grid("mkdir"))
        for what, cap in (("garbage", "URI:DIR2-RO:nonsense"), ("a file", "URI:LIT:krugkidrovuwg2y"),
                          ("nowhere", "URI:DIR2-RO:%s:%s" % ("a" * 26, "a" * 52)),
                          ("an empty directory", empty), ("nothing", "")):
            b.cli("add", "--name", "f", "--author", "bob", "--collective", "-", b.folder, stdin=cap.encode(), code=None)
            if what == "an empty directory":
                b.cli("leave", "--name", "f", "--really-delete-write-capability", code=None) if b.code == 0 else None
                continue  # @metadata may be missing: absence is fine
            check(b.code == 1 and b.stderr.strip(), what, "was accepted", b.code, b.stderr)
            check("Traceback" not in b.stderr, b.stderr)
        b.cli("add", "--name", "f", "--author", "alice", "--collective", "-", b.folder,
              stdin=a.collective_read().encode(), code=1)
        check("alice" in b.stderr, b.stderr)
        check(b.api("GET", "/v1/magic-folder") == {}, "a folder was made")
        w.stop()


def case_vanished_root():
    """a folder whose directory vanishes publishes no deletions"""
    with World() as w:
        a, b = w.pair()
        for i in range(5):
            a.write("f%d" % i, V1)
        wait_equal((a, b))
        os.rename(a.folder, a.folder + ".away")
        time.sleep(1.5)
        a.request("PUT", a.of("f", "scan-local"))
        time.sleep(0.5)
        check(len(b.tree()) == 5, "files vanished with the other's directory:", sorted(b.tree()))
        os.rename(a.folder + ".away", a.folder)
        a.write("back", V2)
        b.wait("back", V2, 90)
        check(len(b.tree()) == 6, sorted(b.tree()))
        w.stop()


if __name__ == "__main__":
    main([f for name, f in sorted(globals().items()) if name.startswith("case_")])
