"""Three daemons and the command line on one store: 12 s of work, a minute with MF_SOAK."""
import os, random, sys, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, check, main, wait_equal

SECONDS = 60 if os.environ.get("MF_SOAK") else 12


def each(threads):
    failures = []

    def guarded(work):
        try:
            work()
        except Exception as e:
            failures.append(e)
    all_threads = [threading.Thread(target=guarded, args=(t,)) for t in threads]
    for t in all_threads:
        t.start()
    for t in all_threads:
        t.join()
    if failures:
        raise failures[0]


def edits(device, until, seed):
    rng, n = random.Random(seed), 0
    while time.monotonic() < until:
        path = "%s/%d" % (device.name, rng.randrange(40))
        if rng.random() < 0.2 and device.read(path) is not None:
            device.remove(path)
        else:
            n += 1
            device.write(path, b"%s %d " % (device.name.encode(), n) * rng.choice((1, 100, 20000)))
        time.sleep(rng.random() * 0.1)


def command_line(device, directory, until, label, names):
    """Puts, links, lists and gets, as a script would beside the daemons."""
    while time.monotonic() < until:
        name = "%s-%d" % (label, len(names))
        data = name.encode() * 50
        cap = device.grid("put", "-", stdin=data)
        device.grid("ln", directory, name, cap)
        check(device.cli("grid", "get", cap).encode() == data, "get of", name)
        names.append(name)


def case_crowd():
    """three daemons and two command lines on one store"""
    with World() as w:
        devices = w.pair(("alice", "bob", "carol"))
        directory = devices[0].grid("mkdir")
        until = time.monotonic() + SECONDS
        names = ([], [])
        each([lambda d=d, i=i: edits(d, until, i) for i, d in enumerate(devices)] +
             [lambda: command_line(devices[0], directory, until, "one", names[0]),
              lambda: command_line(devices[1], directory, until, "two", names[1])])
        wait_equal(devices, 60)
        check(sorted(devices[2].entries(directory)) == sorted(names[0] + names[1]), "entries were lost")
        for d in devices:
            check(d.conflicts() == {}, d.name, d.conflicts())
        w.stop()
        print("# %d files, %d links" % (len(devices[0].tree()), len(names[0] + names[1])))


if __name__ == "__main__":
    main([case_crowd], SECONDS + 120)
