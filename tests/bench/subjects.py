"""What is measured: pairs of endpoints that keep directory A equal to directory B, all on one machine.

A subject starts, says when it is ready, and lets its processes be counted; run.py knows nothing else about it.
Processes are children of ours, ended by their ids.
"""
import json, os, re, shutil, signal, socket, subprocess, sys, time, urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import mf

CLOCK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fields(path):
    with open(path) as f:
        return dict(line.split(":", 1) for line in f if ":" in line)


def descend(pids):
    """The processes and all their descendants."""
    children = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                with open("/proc/%s/stat" % d) as f:
                    children.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(d))
            except OSError:
                pass
    out = []
    todo = list(pids)
    while todo:
        pid = todo.pop()
        out.append(pid)
        todo += children.get(pid, [])
    return out


def cpu_seconds(pids):
    """User and system time so far, ended and reaped children included."""
    total = 0
    for pid in descend(pids):
        try:
            with open("/proc/%d/stat" % pid) as f:
                total += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:15]))
        except OSError:
            pass
    return total / CLOCK


def wakeups(pid):
    """Times that any thread of the process gave up the processor by itself."""
    total = 0
    for t in os.listdir("/proc/%d/task" % pid):
        try:
            total += int(fields("/proc/%d/task/%s/status" % (pid, t))["voluntary_ctxt_switches"])
        except OSError:
            pass
    return total


def memory_mib(pid, key):
    """VmRSS or VmHWM."""
    return int(fields("/proc/%d/status" % pid)[key].split()[0]) / 1024


class Subject:
    """A and B are empty directories; work is for everything else."""
    name = None
    skip_names = ()  # what the subject itself leaves in A and B

    def __init__(self, base):
        self.base, self.processes = base, []
        self.a, self.b, self.work = (os.path.join(base, n) for n in ("A", "B", "work"))
        for d in (self.a, self.b, self.work):
            os.makedirs(d)

    @classmethod
    def missing(cls):
        """Why it cannot run here, or None."""
        return None if shutil.which(cls.name) else "not installed"

    def spawn(self, argv, log, **env):
        with open(os.path.join(self.work, log), "ab") as f:
            p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=dict(os.environ, **env),
                                 preexec_fn=mf.die_with_parent)
        self.processes.append(p)

    def pids(self):
        return [p.pid for p in self.processes]

    def stop(self):
        for p in self.processes:
            os.killpg(p.pid, signal.SIGTERM)
        for p in self.processes:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
        self.processes = []


class Ours(Subject):
    name = "magic-folder"

    @classmethod
    def missing(cls):
        return None if mf.find("magic-folder") else "not built"

    def start(self):
        self.world = mf.World(self.work)
        self.devices = [self.world.device(n) for n in ("alice", "bob")]
        for d, folder in zip(self.devices, (self.a, self.b)):
            os.rmdir(d.folder)
            d.folder = folder
            d.init()
            d.start()
        self.devices[0].add()
        self.devices[1].join(self.devices[0])
        mf.wait_for("B to be in the folder", lambda: len(self.devices[1].participants()) == 2)

    def pids(self):
        return [d.process.pid for d in self.devices]

    def stop(self):
        self.world.stop()


class Syncthing(Subject):
    """Two instances, watching with 1 s delay, everything that leaves the machine off, normal priority."""
    name = "syncthing"
    skip_names = (".stfolder",)

    OPTIONS = """<options><listenAddress>tcp://127.0.0.1:%d</listenAddress>
 <globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
 <relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><stunKeepaliveStartS>0</stunKeepaliveStartS>
 <startBrowser>false</startBrowser><urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH>
 <crashReportingEnabled>false</crashReportingEnabled><reconnectionIntervalS>5</reconnectionIntervalS>
 <setLowPriority>false</setLowPriority></options>"""
    FOLDER = """<folder id="bench" path="%s" type="sendreceive" rescanIntervalS="3600" fsWatcherEnabled="true"
 fsWatcherDelayS="1"><device id="%s"></device><device id="%s"></device><minDiskFree unit="%%">1</minDiskFree></folder>"""

    def start(self):
        self.ends = []
        for n, folder in (("a", self.a), ("b", self.b)):
            home = os.path.join(self.work, n)
            quiet = dict(stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
                         env=dict(os.environ, STNOUPGRADE="1", HOME=self.work))
            subprocess.run(["syncthing", "generate", "--home=" + home, "--no-default-folder",
                            "--skip-port-probing"], **quiet)
            device = subprocess.run(["syncthing", "serve", "--device-id", "--home=" + home], **quiet).stdout.split()[-1]
            os.makedirs(os.path.join(folder, ".stfolder"))
            self.ends.append((home, folder, device, free_port(), free_port()))
        ids = tuple(e[2] for e in self.ends)
        for home, folder, _, listen, gui in self.ends:
            with open(os.path.join(home, "config.xml"), "w") as f:
                f.write('<configuration version="36">' + self.FOLDER % ((folder,) + ids))
                for e in self.ends:
                    f.write('<device id="%s"><address>tcp://127.0.0.1:%d</address></device>' % (e[2], e[3]))
                f.write('<gui enabled="true" tls="false"><address>127.0.0.1:%d</address><apikey>bench</apikey></gui>'
                        % gui + self.OPTIONS % listen + "</configuration>")
            self.spawn(["syncthing", "serve", "--home=" + home, "--no-browser", "--no-restart", "--no-upgrade"],
                       "log", HOME=self.work, STNOUPGRADE="1", STNODEFAULTFOLDER="1")
        mf.wait_for("syncthing", self.connected, 120, 0.1)

    def connected(self):
        try:
            for i, (_, _, _, _, gui) in enumerate(self.ends):
                peer = self.ends[1 - i][2]
                if not self.ask(gui, "system/connections")["connections"][peer]["connected"] or \
                        self.ask(gui, "db/status?folder=bench")["state"] != "idle":
                    return False
            return True
        except (OSError, KeyError):
            return False

    @staticmethod
    def ask(port, what):
        r = urllib.request.Request("http://127.0.0.1:%d/rest/%s" % (port, what), headers={"X-API-Key": "bench"})
        with urllib.request.urlopen(r, timeout=10) as f:
            return json.load(f)


class Unison(Subject):
    """A client that looks once a second and a socket server: Debian's has no file watcher."""
    name = "unison"

    def start(self):
        port = free_port()
        self.spawn(["unison", "-socket", str(port), "-listen", "127.0.0.1"], "log-b",
                   UNISON=os.path.join(self.work, "b"), HOME=self.work)
        time.sleep(0.5)
        self.spawn(["unison", self.a, "socket://127.0.0.1:%d/%s" % (port, self.b), "-ui", "text", "-dumbtty", "-batch",
                    "-auto", "-times", "-confirmbigdel=false", "-log=false", "-perms", "-1", "-fastcheck", "true",
                    "-repeat", "1"], "log-a", UNISON=os.path.join(self.work, "a"), HOME=self.work)

        def looked():
            with open(os.path.join(self.work, "log-a"), "rb") as f:
                return b"Nothing to do" in f.read()
        mf.wait_for("unison", looked, 60, 0.05)


class Once:
    """A program that runs once from a tree to B: run(tree, base) gives wall and CPU seconds."""

    def __init__(self, name, argv_of, needs):
        self.name, self.argv_of, self.needs = name, argv_of, needs

    def missing(self):
        return None if all(shutil.which(n) or os.access(n, os.X_OK) for n in self.needs) else "not installed"

    def run(self, tree, base):
        for d in ("B", "work"):
            os.makedirs(os.path.join(base, d))
        argv = self.argv_of(tree, os.path.join(base, "B"), os.path.join(base, "work"))
        before, begin = os.times(), time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, preexec_fn=mf.die_with_parent)
        wall, after = time.perf_counter() - begin, os.times()
        return wall, after[2] + after[3] - before[2] - before[3]


FLOOR = os.path.join(mf.BUILD, "tests", "bench", "floor")
ONCE = [
    Once("floor", lambda tree, b, work: [FLOOR, tree, b, work], [FLOOR]),
    Once("cp -r + sync", lambda tree, b, work: ["sh", "-c", 'cp -r "$0/." "$1" && sync -f "$1"', tree, b], ["cp"]),
    Once("rsync -a", lambda tree, b, work: ["rsync", "-a", tree + "/", b], ["rsync"]),
]
PAIRS = [Ours, Syncthing, Unison]
