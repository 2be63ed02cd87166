"""One directory with very many files: first sync, memory, scans that find nothing, one change."""
import os, random, statistics, subprocess, time

import mf
from subjects import Ours, cpu_seconds, memory_mib

MIB = 1 << 20


def stage(path, files):
    os.makedirs(path)
    for i in range(files):
        with open(os.path.join(path, "f%06d.txt" % i), "w") as f:
            f.write("%d\n" % i)
    os.sync()


def count(path):
    try:
        return sum(not e.name.startswith(".") for e in os.scandir(path))
    except FileNotFoundError:
        return 0


def clear_peaks(pids):
    for p in pids:
        with open("/proc/%d/clear_refs" % p, "w") as f:
            f.write("5")


def rest_of(s, seconds):
    """The memory of both ends when nothing has been done for so long."""
    time.sleep(seconds)
    return [memory_mib(p, "VmRSS") for p in s.pids()]


def packed_mib(device):
    return os.path.getsize(device.world.share_path(device.secrets()["upload_dircap"])) / MIB


def first_sync(s, files):
    made = os.path.join(s.base, "stage")
    stage(made, files)
    time.sleep(2)
    idle = rest_of(s, 3)
    clear_peaks(s.pids())
    cpu, begin = cpu_seconds(s.pids()), time.perf_counter()
    os.rename(made, os.path.join(s.a, "wide"))
    while count(os.path.join(s.b, "wide")) < files:
        if time.perf_counter() > begin + 3600:
            raise SystemExit("%d of %d files after an hour" % (count(os.path.join(s.b, "wide")), files))
        time.sleep(0.5)
    wall = time.perf_counter() - begin
    for d in s.devices:
        mf.wait_for("all of it published", lambda: len(d.personal()) >= files, timeout=600, step=5)
    cpu = cpu_seconds(s.pids()) - cpu
    peak = [memory_mib(p, "VmHWM") for p in s.pids()]
    at_rest = rest_of(s, 30)
    packed = packed_mib(s.devices[0])
    print("first sync     wall %.1f s, CPU of both %.1f s (%.0f files/s)" % (wall, cpu, files / wall))
    for n, i, p, r in zip("AB", idle, peak, at_rest):
        print("memory %s       idle %.1f MiB, peak %.1f, at rest %.1f: %.0f bytes a file above idle (wanted <= 100)"
              % (n, i, p, r, (r - i) * MIB / files), flush=True)
    return packed, at_rest


def changes(s, packed, at_rest, times=20):
    rng, took = random.Random(5), []
    clear_peaks(s.pids())
    for i in range(times):
        time.sleep(rng.uniform(1.0, 2.5))
        name, data = "wide/f%06d.txt" % rng.randrange(1000), "changed %d\n" % i
        with open(os.path.join(s.a, name), "w") as f:
            f.write(data)
        begin = time.perf_counter()
        while open(os.path.join(s.b, name)).read() != data:
            if time.perf_counter() > begin + 60:
                raise SystemExit("a change did not arrive in a minute")
            time.sleep(0.002)
        took.append(time.perf_counter() - begin)
    peak = [memory_mib(p, "VmHWM") for p in s.pids()]
    print("one change     closed to visible: %.3f s median of %d (%.3f to %.3f; wanted <= 0.50)"
          % (statistics.median(took), times, min(took), max(took)))
    print("its memory     A %.1f and B %.1f MiB above rest; the packed directory is %.1f MiB (wanted <= %.1f)" % (
        peak[0] - at_rest[0], peak[1] - at_rest[1], packed, 2 * packed), flush=True)


def find_seconds(path):
    begin = time.perf_counter()
    subprocess.run(["find", path, "-printf", "%p %s %T@ %C@ %i\\n"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def scans(s, rounds):
    scan, find, cpu = [], [], []
    for _ in range(rounds):
        find.append(find_seconds(s.a))
        used, begin = cpu_seconds(s.pids()[:1]), time.perf_counter()
        s.devices[0].scan(timeout=600)
        scan.append(time.perf_counter() - begin)
        cpu.append(cpu_seconds(s.pids()[:1]) - used)
    print("no-op scan     %.3f s, CPU %.2f s; find -printf %.3f s: ratio %.2f of the least of %d rounds (wanted <= 3)" % (
        min(scan), min(cpu), min(find), min(scan) / min(find), rounds), flush=True)


def wide(benches, files, rounds=7):
    print("== %d files in one directory" % files, flush=True)
    s = benches.open(Ours)
    try:
        packed, at_rest = first_sync(s, files)
        changes(s, packed, at_rest)
        scans(s, rounds)
    finally:
        s.stop()
