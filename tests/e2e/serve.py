#!/usr/bin/env python3
"""`magic-folder serve` over real TLS: large and many uploads, kills, crowds, a full disk, a local client beside it."""
import hashlib, os, random, socket, subprocess, sys, threading, time
from http.client import HTTPException

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gbs import Client, Server, b32
from mf import SLOW, Failed, World, check, main, storage_index, wait_for

SOAK = os.environ.get("MF_SOAK") == "1"
SEED = int(os.environ.get("MF_SEED", "4711"))
Client.check_pin = False


def si_of(text):
    return b32(hashlib.sha256(str(text).encode()).digest()[:16])


def in_threads(work, n):
    """work(i) in n threads; the first failure is ours."""
    problems = []

    def one(i):
        try:
            work(i)
        except Exception as e:
            problems.append(e)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if problems:
        raise problems[0]


def share_file(server, si, num):
    return os.path.join(server.store, "shares", si[:2], si, str(num))


def case_large_share():
    """a large share goes in and out through pinned TLS, in pieces and whole, and memory stays flat"""
    size = (1 << 30 if SOAK else 48 << 20) + 12345
    data = random.Random(SEED).randbytes(1 << 20)
    data = data * (size // len(data) + 1)
    data = data[:size]
    with World() as w:
        s = Server(w.base)
        Client.check_pin = True
        c = Client(s.nurl)
        c.ask("GET", "/storage/v1/version")
        Client.check_pin = False
        before = s.rss()
        check(c.put(si_of("large"), 0, data, 4 << 20), "the upload")
        check(hashlib.sha256(c.read(si_of("large"), 0)).digest() == hashlib.sha256(data).digest(), "the whole share")
        for off, n in ((0, 1), (size - 10, 100), (12345, 3 << 20), (size - 1, 1)):
            check(c.read(si_of("large"), 0, off, n) == data[off:off + n], "bytes", off, n)
        c.read(si_of("large"), 0, size, 1, want=204)
        grown = s.rss() - before
        if SLOW == 1:  # what finds leaks keeps what was freed
            check(grown < 24, "memory grew by", grown, "MiB")
        stat = os.stat(share_file(s, si_of("large"), 0))
        check(stat.st_size == size + 12 + 72 and stat.st_mode & 0o777 == 0o600, stat)
        s.stop()


def case_kill():
    """killed in the middle of uploads it starts again with the same address, and nothing half made"""
    with World() as w:
        s = Server(w.base)
        nurl = s.nurl.rsplit("@", 1)
        for turn in range(8 if SOAK else 2):
            left = threading.Event()

            def upload(i):
                c = Client(s.nurl)
                try:
                    c.put(si_of("whole %d %d" % (turn, i)), 0, b"w" * 5000)
                    for k in range(1000):
                        c.put(si_of("kill %d %d %d" % (turn, i, k)), 0, bytes([k % 256]) * 300000, 65536)
                        left.set()
                except (OSError, Failed, HTTPException):
                    pass
            threads = [threading.Thread(target=upload, args=(i,)) for i in range(4)]
            for t in threads:
                t.start()
            check(left.wait(60), "no upload ended")
            time.sleep(0.02 * turn)
            s.kill()
            for t in threads:
                t.join()
            s.start()
            check(s.nurl.split("@")[0] == nurl[0] and s.nurl.rsplit("/", 1)[1] == nurl[1].rsplit("/", 1)[1],
                  "another identity")
            check(s.half_made() == [], s.half_made())
            c, whole = Client(s.nurl), 0
            for i in range(4):
                for k in range(1000):
                    si = si_of("kill %d %d %d" % (turn, i, k))
                    if not os.path.exists(share_file(s, si, 0)):
                        break
                    check(c.read(si, 0) == bytes([k % 256]) * 300000, "a share that is not whole")
                    whole += 1
                check(c.put(si, 0, bytes([k % 256]) * 300000), "the one that was cut off goes up again")
            check(whole > 0)
        s.stop()


def case_crowd():
    """sixty-four clients at once, beside hundreds who only connect"""
    with World() as w:
        s = Server(w.base)
        idle = []
        for i in range(300):
            k = socket.create_connection((Client(s.nurl).host, Client(s.nurl).port))
            idle.append(k)
            if i % 3 == 0:
                k.sendall(b"\x16\x03\x01" if i % 2 else b"GET / HTTP/1.1\r\n\r\n")

        def work(i):
            c = Client(s.nurl)
            rnd = random.Random(SEED + i)
            for k in range(20 if SOAK else 3):
                data = rnd.randbytes(rnd.choice([1, 100, 4096, 70000]))
                si = si_of("crowd %d %d" % (i, k))
                check(c.put(si, k, data, 30000), "an upload")
                check(c.read(si, k) == data)
                shared = si_of("shared %d" % k)  # everybody wants this one: one uploads it, all may read it
                c.put(shared, 0, b"s" * 50000, 30000)
            c.close()
        in_threads(work, 64)
        c = Client(s.nurl)
        check(c.read(si_of("shared 0"), 0) == b"s" * 50000)
        for k in idle:
            k.close()
        check(s.half_made() == [], s.half_made())
        s.stop()


def case_full_disk():
    """a disk that fills up: 507, nothing damaged, and it goes on when there is room"""
    with World() as w:
        disk = os.path.join(w.base, "disk")
        os.mkdir(disk)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk],
                                               stderr=subprocess.DEVNULL).returncode != 0:
            return "nothing can be mounted here"
        try:
            s = Server(disk, "--reserve", "0")
            c = Client(s.nurl)
            check(c.put(si_of("good"), 0, b"g" * 100000))
            c.rtw(si_of("slot"), b"E" * 32, {0: ([], [(0, b"old" * 1000)], None)})
            check(c.allocate(si_of("too large"), [0], 100 << 20)["allocated"] == set(), "more than the disk has")
            check(c.allocate(si_of("middle"), [0], 5 << 20)["allocated"] == {0})
            check(c.allocate(si_of("second"), [0], 5 << 20)["allocated"] == set(), "it was promised to another")
            filler = os.path.join(disk, "filler")
            with open(filler, "wb") as f:
                try:
                    while True:
                        f.write(b"f" * 65536)
                except OSError:
                    pass
            c.write(si_of("middle"), 0, 0, b"m" * (2 << 20), want=507)
            c.rtw(si_of("slot"), b"E" * 32, {0: ([], [(0, b"new" * 100000)], None)}, want=507)
            check(c.read(si_of("slot"), 0, kind="mutable") == b"old" * 1000, "the slot was damaged")
            check(c.read(si_of("good"), 0) == b"g" * 100000)
            os.remove(filler)
            for off in range(0, 5 << 20, 1 << 20):
                c.write(si_of("middle"), 0, off, b"m" * (1 << 20))
            check(c.status == 201, "the upload cannot go on")
            c.rtw(si_of("slot"), b"E" * 32, {0: ([], [(0, b"new" * 1000)], None)})
            check(c.read(si_of("slot"), 0, kind="mutable") == b"new" * 1000)
            check(s.half_made() == [], s.half_made())
            s.stop()
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


def case_beside_a_daemon():
    """`run --serve`: its daemon and the command line use the directory while others use it through the server"""
    with World() as w:
        a = w.device("alice")
        a.init()
        a.start("--serve", "tcp:0:interface=127.0.0.1")
        with open(os.path.join(w.store, "private", "storage.nurl")) as f:
            nurl = f.read().strip()
        cap = a.grid("mkdir").strip()
        si, stop, seen, problems = storage_index(cap), threading.Event(), [], []

        def watch():
            c = Client(nurl)
            while not stop.is_set():
                share = c.read(si, 0, kind="mutable")
                seqnum, end = int.from_bytes(share[1:9], "big"), int.from_bytes(share[99:107], "big")
                check(end <= len(share), "half a version")
                check(not seen or seqnum >= seen[-1], "a version goes back")
                seen.append(seqnum)
                c.rtw(si, b"guessed".ljust(32), {0: ([], [(0, b"x")], None)}, want=401)
                check(c.put(si_of("beside %d" % len(seen)), 0, b"b" * 2000), "an upload")

        def watcher():
            try:
                watch()
            except Exception as e:
                problems.append(e)
        t = threading.Thread(target=watcher)
        t.start()
        a.add()
        for i in range(5):
            a.grid("ln", cap, "f%d" % i, "URI:LIT:nbswy3dp")
            a.write("g%d" % i, b"a file of the folder")
        wait_for("the folder's files", lambda: len(a.personal()) == 5)
        stop.set()
        t.join()
        check(not problems, problems[:1])
        check(seen[-1] > seen[0], "the server shows the first version for ever")
        check(len(a.entries(cap)) == 5)
        check(a.stop() < 5, "it does not stop in time")


main([case_large_share, case_kill, case_crowd, case_full_disk, case_beside_a_daemon], 120)
