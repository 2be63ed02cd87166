"""SIGKILL at every Nth call that changes files, in scripted scenarios (kill_scenes.py): a daemon or command is killed
before its Nth such call (nth_call.c says what counts), everything is started again, and must come to the very end that
it comes to without a kill: trees, conflicts, every file's whole history as each device knows it, names of all that is
in configurations, folders and store.

In ./check some seconds of it; with MF_SOAK=1 every N of every scenario, and writes torn in the middle.  The seed is
printed.  One kill again, with the words that a failure prints: MF_KILL=receive:137, or receive:137h for half a write.
Threads run in another order each time, so it may take several attempts: MF_KILL=receive:137*20.
"""
import os, random, re, signal, sqlite3, subprocess, sys, time
from http.client import HTTPException

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kill_scenes import SCENES, Gone, Stage, at_rest, ended, ready_or_dead, state_of
from kills import databases_sound
from mf import SLOW, Failed, brief, check, main, program, wait_for

SOAK = bool(os.environ.get("MF_SOAK"))
SEED = int(os.environ.get("MF_SEED", random.randrange(10**6)))
SECONDS = 8       # of kills in ./check, all scenarios together
SAMPLE = 4        # scenarios in ./check
SLACK = 5         # threads run in another order each time: so many calls more may come
REPORTED = 20     # failures of a scenario before it is given up


class Outcome:
    """What there is when everybody is at rest and down: to be the same after each kill."""

    def __init__(self, stage):
        self.files = {d.name: stage.listing(d) for d in stage.devices}
        self.files["the store"] = stage.store_listing()
        self.histories = known(stage)

    def differences(self, other):
        for name in self.files:
            a, b = self.files[name], other.files[name]
            for path in sorted(a ^ b):
                yield "%s has %s %r" % (name, "lost" if path in b else "left", path)
        for name in sorted(set(self.histories) | set(other.histories)):
            a, b = self.histories.get(name, {}), other.histories.get(name, {})
            for key in sorted(set(a) | set(b)):
                if a.get(key) != b.get(key):
                    yield "%s of %s at %s is %s, not %s" % (key[1], key[0] or "itself", name, a.get(key), b.get(key))


def known(stage):
    """(device, folder) -> its histories"""
    return {(d.name, f): histories(state_of(d, f)) for d in stage.devices for f in stage.scene.folders
            if state_of(d, f)}


def histories(state):
    """(participant, path) -> the file's whole past as this device knows it, as text: author=content(parents)."""
    db = sqlite3.connect("file:%s?mode=ro" % os.path.join(state, "index.sqlite"), uri=True)
    try:
        rows = {r[0]: r[1:] for r in db.execute("SELECT id, author, content FROM snapshots")}
        parents, heads = {}, {}
        for child, parent in db.execute("SELECT child, parent FROM parents ORDER BY child, pos"):
            parents.setdefault(child, []).append(parent)
        for name, path, head in db.execute("SELECT name, relpath, snapshot FROM heads JOIN participants ON"
                                           " participants.id = heads.participant"):
            heads[(name, path)] = head
    finally:
        db.close()

    def past(n):
        author, content = rows[n]
        return "%s=%s(%s)" % (author, (content or "deleted")[-40:], ", ".join(map(past, parents.get(n, []))))
    return {key: past(n) for key, n in heads.items()}


def everyone_agrees(stage):
    """Does each device show of each other what that one shows of itself?"""
    called = stage.scene.called
    seen = {called.get(d, d): past for (d, f), past in known(stage).items() if f == "f"}
    heads = {(d, path, past) for d in seen for (owner, path), past in seen[d].items() if owner == ""}
    return all({(owner, path, past) for (owner, path), past in seen[d].items() if owner in seen} ==
               {h for h in heads if h[0] != d} for d in seen)


class Trial:
    """One scenario with one kill, or none."""

    def __init__(self, stage, scene, n=0, half=False):
        self.stage, self.scene, self.n, self.half = stage, scene, n, half
        self.victim = next(d for d in stage.devices if d.name == scene.victim)
        self.report = os.path.join(stage.base, "report")
        self.expected = None

    def traced(self, argv):
        options = ["-n", str(self.n)] + ["-h"] * self.half + ["-w"] * self.scene.late
        with open(self.victim.log, "ab") as log:
            self.victim.seen = log.tell()
            self.victim.process = subprocess.Popen(
                [program("tests/e2e/nth_call"), "-o", self.report] + options + argv, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=self.victim.enter)

    def first(self):
        """The part with the kill."""
        v = self.victim
        self.stage.up(*[d for d in self.stage.devices if d.name in self.scene.beside])
        if self.scene.command:
            self.traced([program("magic-folder"), "--config", v.config] + self.scene.command)
            ended(v)
            return
        self.traced([program("magic-folder"), "--config", v.config, "run"])
        try:
            ready_or_dead(v)
            if self.scene.late:
                at_rest(v)
                v.process.send_signal(signal.SIGUSR1)
            self.scene.act(self.stage)
            at_rest(v)
            v.process.send_signal(signal.SIGTERM)
        except Gone:
            pass
        ended(v)

    def after_kill(self):
        """What must hold at once: sound databases, and every file whole, old or new, or not there if it may be."""
        databases_sound(self.victim)
        for d in self.stage.devices:
            for path, values in self.scene.always(self.stage, d).items():
                check(d.read(path) in values, "%s at %s is %s" % (path, d.name, brief(d.read(path))))
        if self.n % 3 == 0:  # not always: it would repair what the daemon has to repair
            self.scene.store_sound(self.stage)

    def second(self):
        """Start again, without a kill, and come to rest."""
        devices = self.stage.devices
        self.scene.before(self.stage)
        for d in devices:
            if d.process is None:
                d.launch()
        for d in devices:
            wait_for("the daemon of " + d.name, d.ready, 30, 0.003)
        self.scene.again(self.stage)
        for d in devices:
            at_rest(d)
        for d in devices:
            wait_for(lambda: "%s to hold what it should; %s" % (d.name, self.scene.differing(self.stage, d)),
                     lambda: not self.scene.differing(self.stage, d), 60)
        wait_for("everybody to see what the others have", lambda: everyone_agrees(self.stage), 60)
        for d in devices:
            at_rest(d)
        self.scene.settled(self.stage)

    def stop(self):
        devices = [d for d in self.stage.devices if d.process is not None]
        for d in devices:
            d.terminate()
        for d in devices:
            d.stopped()

    def third(self):
        """Once more: nothing is left to do, so nothing is written to the grid."""
        before = self.stage.shares()
        for d in self.stage.devices:
            d.launch()
        for d in self.stage.devices:
            wait_for("the daemon of " + d.name, d.ready, 30, 0.003)
        for d in self.stage.devices:
            at_rest(d)
        self.stop()
        check(self.stage.shares() == before, "a start without news wrote to the grid")

    def run(self):
        """(calls counted, killed?, the line of the last one)"""
        self.stage.restore()
        self.first()
        with open(self.report) as f:
            lines = f.read().split("\n")[:-1]
        end = lines[-1].split(" ", 2)
        self.lines = lines[:-1]
        self.killed = end[2] == "killed"
        check(self.killed or end[2] == "0", "it ended with", end[2], self.victim.new_log()[-2000:])
        if self.killed:
            self.after_kill()
        self.second()
        self.stop()
        if self.scene.beside:
            self.stage.alice.grid("info")  # alone: what the killed one left in a store in use is swept now
        outcome = Outcome(self.stage)
        if self.expected is not None:
            wrong = list(outcome.differences(self.expected))
            check(not wrong, "; ".join(wrong[:6]))
        if self.n % 4 == 1 or self.n == 0:
            self.third()
        return int(end[1]), outcome


def worth_tearing(n, path):
    """All writes but those of SQLite, which has checksums: of them every fourth, and none to its shared memory."""
    return ".sqlite" not in path or (n % 4 == 0 and not path.endswith("-shm"))


class Player:
    """Runs a scenario's kills; knows how it ends without any."""

    def __init__(self, scene):
        self.scene, self.failures, self.kills, self.torn = scene, [], 0, 0

    def __enter__(self):
        self.stage = Stage(self.scene)
        self.stage.__enter__()
        try:
            self.prepare()
        except BaseException:
            self.stage.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *why):
        self.stage.__exit__(*why)

    def prepare(self):
        self.stage.prepare()
        plain = Trial(self.stage, self.scene)
        self.count, self.expected = plain.run()
        self.writes = {int(n) for n, call, path in (line.split(" ", 2) for line in plain.lines)
                       if call in ("write", "pwrite64") and worth_tearing(int(n), path)}
        for line in plain.lines:  # nothing is touched but what is ours
            path = line.split(" ", 2)[2]
            check(path.startswith(self.stage.base) or self.stage.base.startswith(path), "it changed", line)

    def kill(self, n, half):
        trial = Trial(self.stage, self.scene, n, half)
        trial.expected = self.expected
        try:
            trial.run()
        except (Failed, OSError, HTTPException, subprocess.SubprocessError) as e:
            at = trial.lines[-1] if getattr(trial, "lines", None) else "?"
            text = "MF_KILL=%s:%d%s (%s): %s" % (self.scene.name, n, "h" * half, at, e)
            print("# FAILED %s" % text, flush=True)
            self.failures.append(text)
            for d in self.stage.devices:
                d.kill()
        else:
            self.kills += trial.killed
            self.torn += trial.killed and half
        return trial

    def all(self):
        n = 0
        while len(self.failures) < REPORTED and n < self.count + SLACK:
            n += 1
            if not self.kill(n, False).killed and n > self.count:
                break
            if n in self.writes:
                self.kill(n, True)

    def some(self, rng, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.failures:
            n = rng.randint(1, self.count * 9 // 10)  # near the end it may not be reached
            self.kill(n, n in self.writes and rng.random() < 0.3)

    def say(self):
        print("# %s: %d calls, %d kills, %d of them in the middle of a write, %d failed" % (
            self.scene.name, self.count, self.kills, self.torn, len(self.failures)), flush=True)
        check(not self.failures, "%d failed; one again: MF_BUILD=$PWD %s python3 -B ../tests/e2e/kill_calls.py" % (
            len(self.failures), self.failures[0].split(" ")[0] if self.failures else ""))


def case_of(scene, play):
    def case():
        with Player(scene) as p:
            play(p)
            p.say()
    case.__name__ = scene.name
    case.__doc__ = "killed at any call: " + scene.__doc__.strip().split("\n")[0]
    return case


def chosen():
    rng = random.Random(SEED)
    one = os.environ.get("MF_KILL")
    if one:
        name, n, half, times = re.fullmatch(r"(\w+):(\d+)(h?)(?:\*(\d+))?", one).groups()
        return [case_of(next(s for s in SCENES if s.name == name),
                        lambda p: [p.kill(int(n), bool(half)) for _ in range(int(times or 1))])]
    if SOAK:
        return [case_of(s, Player.all) for s in SCENES]
    return [case_of(s, lambda p: p.some(rng, SECONDS / SAMPLE)) for s in rng.sample(SCENES, SAMPLE)]


def impossible():
    """Why it cannot be done here; None: it can."""
    if SLOW > 1:
        return "on the plain build only: what finds leaks does not work under a tracer"
    said = subprocess.run([program("tests/e2e/nth_call"), "-o", os.devnull, "true"], stderr=subprocess.PIPE)
    return None if said.returncode == 0 else said.stderr.decode(errors="replace").strip()


if __name__ == "__main__":
    if impossible():
        print("1..0 # SKIP " + impossible())
        sys.exit(0)
    print("# MF_SEED=%d" % SEED, flush=True)
    try:
        main(chosen(), 6 * 3600 if SOAK else 240)
    finally:
        Stage.end()
