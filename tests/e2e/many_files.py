"""Conformance cases 57 and 58 whole, on the plain build: their figures say nothing under sanitizers."""
import filecmp, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, check, main, wait_equal, wait_for

SOAK = bool(os.environ.get("MF_SOAK"))


def case_57():
    """57: many small files at once: bounded memory, batched directory updates, all present"""
    files = 10000
    with World() as w:
        a, b = w.pair()
        tree = os.path.join(a.base, "tree")
        for i in range(files):
            d = os.path.join(tree, "d%03d" % (i // 100))
            if i % 100 == 0:
                os.makedirs(d)
            with open(os.path.join(d, "f%05d" % i), "wb") as f:
                f.write(b"%05d" % i * 20)
        os.rename(tree, a.path("tree"))
        wait_for("all files", lambda: sum(len(n) for _, _, n in os.walk(b.path("tree"))) == files, 600, 0.2)
        wait_equal((a, b), 60)
        seqnum = sequence_number(w.share_path(a.secrets()["upload_dircap"]))
        check(seqnum < files / 20, "the directory was written %d times" % seqnum)
        for d in (a, b):
            with open("/proc/%d/status" % d.process.pid) as f:
                peak = int([line for line in f if line.startswith("VmHWM")][0].split()[1]) // 1024
            check(peak < 100, "%s: %d MiB at its peak" % (d.name, peak))
        w.stop()


def resident(device, what):
    """MiB of the daemon's memory: VmRSS now, VmHWM at its peak."""
    with open("/proc/%d/status" % device.process.pid) as f:
        return int([line for line in f if line.startswith(what)][0].split()[1]) // 1024


def case_58():
    """58: a large file: bounded memory in both directions (2 GiB in the soak)"""
    size = (2048 if SOAK else 192) << 20
    with World() as w:
        a, b = w.pair()
        before = [resident(d, "VmRSS") for d in (a, b)]
        large = os.path.join(a.base, "large")
        with open(large, "wb") as f:
            for i in range(size >> 20):
                f.write(b"%08d" % i * (1 << 17))
        os.rename(large, a.path("large"))
        wait_for("the file", lambda: os.path.exists(b.path("large")), 1800, 0.1)
        check(filecmp.cmp(a.path("large"), b.path("large"), shallow=False), "other bytes")
        for d, idle in zip((a, b), before):
            check(resident(d, "VmHWM") - idle < 48, d.name, "idle", idle, "MiB, peak", resident(d, "VmHWM"))
        print("# idle %s MiB, peak %s" % (before, [resident(d, "VmHWM") for d in (a, b)]))
        w.stop()


def sequence_number(path):
    with open(path, "rb") as f:
        f.seek(468 + 1)
        return int.from_bytes(f.read(8), "big")


if __name__ == "__main__":
    main([case_57, case_58], 3600 if SOAK else 900)
