"""Benchmarks beside the floor, Syncthing, Unison, cp and rsync, in one run:
    run.py [--files N] [--rounds N] [--base DIR] [many] [written] [latency] [big] [idle] [wide]

Fresh directories for everything, deleted only at the end (ext4 avoids inodes deleted a moment ago, which makes
whatever runs next three times slower); subjects interleaved; ranges over the rounds are printed beside medians.
"""
import argparse, os, random, shutil, signal, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from subjects import FLOOR, ONCE, PAIRS, Ours, cpu_seconds, memory_mib, wakeups
import mf, wide

GIB = 1 << 30


def write_tree(path, files, seed):
    rng = random.Random(seed)
    for i in range(files):
        d = os.path.join(path, "d%04d" % (i // 100))
        if i % 100 == 0:
            os.makedirs(d)
        with open(os.path.join(d, "f%06d.bin" % i), "wb") as f:
            f.write(rng.randbytes(4096))


def make_tree(path, files, seed):
    write_tree(path, files, seed)
    os.sync()


def count(path):
    try:
        return sum(count(e.path) if e.is_dir(follow_symlinks=False) else e.name[0] != "." for e in os.scandir(path))
    except FileNotFoundError:
        return 0


def same(a, b):
    return subprocess.run(["diff", "-rq", a, b], stdout=subprocess.DEVNULL).returncode == 0


def arrived(path, files, timeout=600):
    """When all files are there.  Looking takes a third of a core at most."""
    end = time.perf_counter() + timeout
    while time.perf_counter() < end:
        t = time.perf_counter()
        n = count(path)
        now = time.perf_counter()
        if n >= files:
            return now
        time.sleep(max(0.01, 2 * (now - t)))
    raise SystemExit("%s: %d of %d files after %d s" % (path, count(path), files, timeout))


def figures(values, unit=""):
    return "%.2f%s (%.2f to %.2f)" % (statistics.median(values), unit, min(values), max(values))


def rest(seconds):
    """Let the disk finish what the last subject left to it."""
    os.sync()
    time.sleep(seconds)


class Benches:
    def __init__(self, base, files, rounds):
        self.base, self.files, self.rounds, self.n = base, files, rounds, 0

    def fresh(self):
        self.n += 1
        path = os.path.join(self.base, "%03d" % self.n)
        os.mkdir(path)
        return path

    def open(self, kind):
        subject = kind(self.fresh())
        subject.start()
        return subject

    # -- 10,000 small files
    def pair(self, kind, prepare, bring):
        """Wall from when everything lies in A, CPU from before that."""
        s = self.open(kind)
        try:
            stage, tree = os.path.join(s.base, "stage"), os.path.join(s.a, "tree")
            prepare(stage)
            rest(1)
            cpu = cpu_seconds(s.pids())
            bring(stage, tree)
            begin = time.perf_counter()
            wall = arrived(os.path.join(s.b, "tree"), self.files) - begin
            time.sleep(2)  # what is left to do behind the last file counts as work too
            cpu = cpu_seconds(s.pids()) - cpu
            if not same(tree, os.path.join(s.b, "tree")):
                raise SystemExit("%s: the trees differ" % kind.name)
            return wall, cpu
        finally:
            s.stop()

    def pair_many(self, kind, seed):
        return self.pair(kind, lambda stage: make_tree(stage, self.files, seed), os.rename)

    def pair_written(self, kind, seed):
        return self.pair(kind, lambda stage: None, lambda stage, tree: write_tree(tree, self.files, seed))

    def once_many(self, once, seed):
        base = self.fresh()
        stage = os.path.join(base, "A")
        make_tree(stage, self.files, seed)
        rest(1)
        wall_cpu = once.run(stage, base)
        if not same(stage, os.path.join(base, "B")):
            raise SystemExit("%s: the trees differ" % once.name)
        return wall_cpu

    def many(self):
        """A tree is moved in: a burst."""
        self.side_by_side("moved", [(s, self.pair_many) for s in PAIRS] + [(s, self.once_many) for s in ONCE],
                          "ours / floor wall <= 1.50, CPU <= 1.60")

    def written(self):
        """A program writes them one by one, as an archive is unpacked: what counts is the time after the last one."""
        self.side_by_side("written one by one, after the last one,", [(s, self.pair_written) for s in PAIRS],
                          "ours / syncthing wall <= 0.33, CPU <= 0.50")

    def side_by_side(self, how, subjects, wanted):
        print("== %d files of 4 KiB %s from A to B, durable where the subject is; seconds, median and range of %d"
              % (self.files, how, self.rounds), flush=True)
        results = {}
        for r in range(self.rounds):
            for subject, measure in subjects[r:] + subjects[:r]:
                if subject.missing():
                    results[subject.name] = subject.missing()
                    continue
                results.setdefault(subject.name, []).append(measure(subject, r))
                print("  round %d %-14s wall %6.2f  CPU %6.2f" % ((r + 1, subject.name) + results[subject.name][-1]),
                      flush=True)
        for name, got in results.items():
            print("%-14s %s" % (name, "skipped: " + got if isinstance(got, str) else "wall %s  CPU %s" % (
                figures([g[0] for g in got]), figures([g[1] for g in got]))))
        ours = results[Ours.name]
        for name, got in results.items():
            if name != Ours.name and not isinstance(got, str) and not isinstance(ours, str):
                print("ours / %-12s wall %s  CPU %s" % (name,
                      figures([o[0] / g[0] for o, g in zip(ours, got)]),
                      figures([o[1] / g[1] for o, g in zip(ours, got)])), flush=True)
        print("wanted: " + wanted)

    # -- one saved file
    def latency_with(self, kind, files):
        s = self.open(kind)
        try:
            stage = os.path.join(s.base, "stage")
            make_tree(stage, files, 7)
            os.rename(stage, os.path.join(s.a, "tree"))
            arrived(os.path.join(s.b, "tree"), files)
            rest(2)
            rng, times = random.Random(5), []
            for i in range(20):
                time.sleep(rng.uniform(0.3, 1.3))  # not in step with any poll
                data, name = rng.randbytes(4096 + i), "d0000/saved-%d" % i
                with open(os.path.join(s.a, "tree", name), "wb") as f:
                    f.write(data)
                begin = time.perf_counter()
                times.append(seen(os.path.join(s.b, "tree", name), data) - begin)
            return times
        finally:
            s.stop()

    def latency(self):
        for files in (100, self.files):
            print("== a saved file, closed to visible, with %d files in the folder; seconds, median of 20" % files, flush=True)
            for kind in PAIRS:
                text = "skipped: " + kind.missing() if kind.missing() else figures(self.latency_with(kind, files))
                print("%-14s %s" % (kind.name, text), flush=True)
        print("wanted: magic-folder <= 0.10")

    # -- one large file
    def big(self, size=GIB):
        print("== %d MiB from A to B" % (size >> 20), flush=True)
        s = self.open(Ours)
        try:
            stage = os.path.join(s.base, "big")
            rng = random.Random(3)
            with open(stage, "wb") as f:
                for _ in range(size >> 20):
                    f.write(rng.randbytes(1 << 20))
            rest(2)
            copies = []
            for i in range(2):
                begin = time.perf_counter()
                subprocess.run(["cp", stage, os.path.join(s.base, "copy%d" % i)], check=True)
                copies.append(time.perf_counter() - begin)
            rest(2)
            idle = [memory_mib(p, "VmRSS") for p in s.pids()]
            for p in s.pids():
                with open("/proc/%d/clear_refs" % p, "w") as f:
                    f.write("5")  # the peak starts anew
            cpu, begin = cpu_seconds(s.pids()), time.perf_counter()
            os.rename(stage, os.path.join(s.a, "big"))
            target = os.path.join(s.b, "big")
            while not os.path.exists(target) and time.perf_counter() < begin + 600:
                time.sleep(0.01)
            wall = time.perf_counter() - begin
            above = [memory_mib(p, "VmHWM") - i for p, i in zip(s.pids(), idle)]
            cpu = cpu_seconds(s.pids()) - cpu
            if subprocess.run(["cmp", os.path.join(s.a, "big"), target]).returncode != 0:
                raise SystemExit("the large file differs")
            print("magic-folder   %.2f s, CPU %.2f s, peak above idle %s MiB (wanted <= 32)" % (
                wall, cpu, " and ".join("%.1f" % a for a in above)))
            print("two cp         %.2f s (%.2f and %.2f); ours / two cp %.2f" % (
                sum(copies), copies[0], copies[1], wall / sum(copies)), flush=True)
        finally:
            s.stop()

    # -- nothing to do
    def idle(self, seconds=60):
        print("== idle for %d s with %d files" % (seconds, self.files), flush=True)
        s = self.open(Ours)
        try:
            stage = os.path.join(s.base, "stage")
            make_tree(stage, self.files, 7)
            os.rename(stage, os.path.join(s.a, "tree"))
            arrived(os.path.join(s.b, "tree"), self.files)
            time.sleep(10)
            before, cpu = [wakeups(p) for p in s.pids()], cpu_seconds(s.pids())
            time.sleep(seconds)
            for d, p, b in zip(("A", "B"), s.pids(), before):
                print("magic-folder %s %.2f wake-ups/s (wanted <= 1), resident %.1f MiB (wanted < 30)" % (
                    d, (wakeups(p) - b) / seconds, memory_mib(p, "VmRSS")))
            print("both           %.3f %% of a core" % (100 * (cpu_seconds(s.pids()) - cpu) / seconds), flush=True)
        finally:
            s.stop()


    # -- one directory with very many files
    def wide(self):
        wide.wide(self, 10 * self.files)


def seen(path, data, timeout=30):
    end = time.perf_counter() + timeout
    while time.perf_counter() < end:
        try:
            if os.stat(path).st_size == len(data):
                now = time.perf_counter()
                with open(path, "rb") as f:
                    if f.read() == data:
                        return now
        except FileNotFoundError:
            pass
        time.sleep(0.001)
    raise SystemExit("%s did not arrive in %d s" % (path, timeout))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--files", type=int, default=10000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--base", help="where to work: about 2 GB of a disk, not tmpfs; default: the build directory")
    p.add_argument("what", nargs="*", default=["many", "written", "latency", "big", "idle", "wide"])
    args = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))
    if not os.access(FLOOR, os.X_OK):
        raise SystemExit("build tests/bench/floor first, or set MF_BUILD: %s is missing" % FLOOR)
    base = tempfile.mkdtemp(prefix="bench-", dir=args.base or mf.BUILD)
    print("load average %s, %d cores, %s" % (" ".join("%.1f" % x for x in os.getloadavg()), os.cpu_count(),
                                             subprocess.getoutput("df --output=fstype '%s' | tail -1" % base)))
    try:
        b = Benches(base, args.files, args.rounds)
        for what in args.what:
            getattr(b, what)()
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
