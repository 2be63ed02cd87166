"""SIGKILL to either daemon at random moments: afterwards both folders hold exactly what was written, nothing in
conflict, no database or share damaged.  The seed is printed; MF_SEED repeats a run's choices."""
import os, random, shutil, sqlite3, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, check, main, wait_equal, wait_for

SOAK = bool(os.environ.get("MF_SOAK"))
SECONDS = 25  # for each of the three ways in ./check
KILLS = 67    # for each of the three ways in `make soak`: 200 in all


class Scenario:
    """Edits of two devices that never meet on one path, and what the folders must hold afterwards."""

    def __init__(self, seed, devices):
        self.rng, self.devices, self.want, self.serial = random.Random(seed), devices, {}, 0

    def edit(self, taken):
        d = self.rng.choice(self.devices)
        self.serial += 1
        kind = self.rng.random()
        known = sorted(p for p in self.want if p not in taken)
        if known and kind < 0.25:
            path = self.rng.choice(known)
            d.remove(path)
            del self.want[path]
        else:
            path = self.rng.choice(known) if known and kind < 0.55 else \
                "%s/%d" % (self.rng.choice(("a", "b/c", "d e")), self.serial)
            data = b"%d " % self.serial * self.rng.choice((0, 5, 300, 30000, 400000))
            if self.rng.random() < 0.5 and path in self.want:
                d.write("../staged", data)
                os.replace(d.path("../staged"), d.path(path))
            else:
                d.write(path, data)
            self.want[path] = data
        taken.add(path)

    def verify(self):
        want = {os.fsencode(p): data for p, data in self.want.items()}
        for d in self.devices:
            wait_for(lambda: "%s to hold what was written; differs in %s" % (d.name, differing(d.tree(), want)),
                     lambda: d.tree() == want, 60, 0.05)
            check(d.conflicts() == {}, d.name, "conflicts", d.conflicts())


def differing(a, b):
    return sorted(p for p in set(a) | set(b) if a.get(p) != b.get(p))[:8]


def interrupt(path):
    """Leave a database as a program that was killed in the middle of a change: with a hot journal."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = delete")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE half (x)")
    db.executemany("INSERT INTO half VALUES (?)", [(b"x" * 3000,)] * 50)
    for suffix in ("", "-journal"):
        shutil.copy(path + suffix, path + suffix + ".then")
    db.execute("ROLLBACK")
    db.close()
    for suffix in ("", "-journal"):
        os.rename(path + suffix + ".then", path + suffix)


def databases_of(device):
    return [os.path.join(root, name) for root, _, names in os.walk(device.config) for name in sorted(names)
            if name.endswith(".sqlite")]


def databases_sound(device):
    """integrity_check of each database as the killed daemon left it, on copies: opening repairs."""
    for path in databases_of(device):
        with tempfile.TemporaryDirectory() as t:
            for suffix in ("", "-wal", "-journal"):
                if os.path.exists(path + suffix):
                    shutil.copy(path + suffix, t)
            db = sqlite3.connect(os.path.join(t, os.path.basename(path)))
            got = db.execute("PRAGMA integrity_check").fetchall()
            db.close()
            check(got == [("ok",)], path, got)


def store_sound(world, device):
    """Everything that the Personal directories name can be read and verifies."""
    for d in world.devices:
        personal = d.secrets()["upload_dircap"]
        d.grid("check", personal)
        for name, child in d.entries(personal).items():
            d.grid("check", child["ro"])


def kill_rounds(victims, seed):
    with World() as w:
        devices = w.pair()
        scenario = Scenario(seed, devices)
        end, kills = time.monotonic() + SECONDS, 0
        while kills < KILLS if SOAK else time.monotonic() < end:
            taken = set()
            for _ in range(scenario.rng.randint(1, 8)):
                scenario.edit(taken)
                time.sleep(scenario.rng.choice((0, 0, 0.02, 0.1)))
            time.sleep(scenario.rng.random() ** 2)
            dead = [devices[i] for i in victims(scenario.rng)]
            for d in dead:
                d.kill()
                kills += 1
            for d in dead:
                databases_sound(d)
                scenario.edit(taken)  # work goes on while it is down
                d.start()
            scenario.verify()
        store_sound(w, devices[0])
        w.stop()
        print("# %d kills, seed %d, %d files left" % (kills, seed, len(scenario.want)), flush=True)


SEED = int(os.environ.get("MF_SEED", random.randrange(10**6)))


def case_sender():
    """SIGKILL to the device that mostly sends"""
    kill_rounds(lambda rng: [0], SEED)


def case_receiver():
    """SIGKILL to the other device"""
    kill_rounds(lambda rng: [1], SEED + 1)


def case_either():
    """SIGKILL to either or both"""
    kill_rounds(lambda rng: rng.choice(([0], [1], [0, 1])), SEED + 2)


if __name__ == "__main__":
    print("# MF_SEED=%d" % SEED, flush=True)
    main([case_sender, case_receiver, case_either], 3600 if SOAK else 240)
