#!/usr/bin/env python3
"""Real disks below a real folder: a tmpfs mounted inside it, and one that is the folder itself, unmounted and back; and
a configuration on a disk that may only be read.
Needs root and a mount namespace of its own; skipped elsewhere."""
import contextlib, glob, os, subprocess, sys, time

from kills import interrupt
from mf import World, Failed, check, wait_for

INSIDE = "MF_MOUNT_NAMESPACE"


@contextlib.contextmanager
def world():
    """A World in which nothing is mounted at its end, whatever happened."""
    with World() as w:
        try:
            yield w
        finally:
            with open("/proc/self/mounts") as f:
                for path in [line.split()[1] for line in f]:
                    if path.startswith(w.base + "/"):
                        subprocess.run(["umount", "-l", path], check=True)


def tmpfs(path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], check=True)


def move(a, b):
    subprocess.run(["mount", "--move", a, b], check=True)


def summary(d):
    return d.api("GET", "/v1/status-summary")["folders"]["f"]


def has_problem(d, text):
    wait_for(lambda: "%s says %r: %s" % (d.name, text, summary(d)),
             lambda: summary(d)["state"] == "problem" and text in json_text(summary(d)))


def is_well(d):
    return summary(d)["state"] == "up-to-date"


def names(d, rel=""):
    return sorted(os.listdir(os.path.join(d.folder, rel)))


def pair(w):
    a, b = w.device("alice"), w.device("bob")
    for d in (a, b):
        d.init()
        d.start()
    return a, b


def an_inner_disk():
    with world() as w:
        a, b = pair(w)
        disk, aside = os.path.join(a.folder, "disk"), os.path.join(w.base, "aside")
        os.mkdir(disk)
        os.mkdir(aside)
        tmpfs(disk)
        a.add()
        b.join(a)
        for n in "123":
            with open(os.path.join(disk, n), "w") as f:
                f.write("on the disk " + n)
        a.scan()
        wait_for("bob has them", lambda: os.path.isdir(b.path("disk")) and names(b, "disk") == ["1", "2", "3"])
        move(disk, aside)
        a.scan()
        has_problem(a, "mount it again")
        check(summary(a)["deletes_asked"] == 3, summary(a))
        old = a.personal()["disk@_1"]["ro"]
        b.write("disk/1", b"edited meanwhile, elsewhere")
        wait_for("bob's edit", lambda: b.personal().get("disk@_1", {}).get("ro") not in (None, old))
        a.stop()
        a.start()
        a.poll()
        a.scan()
        time.sleep(1)
        check(names(a, "disk") == [], "something was written beneath", names(a, "disk"))
        check(names(b, "disk") == ["1", "2", "3"], "something was deleted", names(b, "disk"))
        move(aside, disk)
        a.scan()
        wait_for(lambda: "alice is well: %s" % summary(a), lambda: is_well(a))
        check(summary(a)["deletes_asked"] == 0, summary(a))
        a.wait("disk/1", b"edited meanwhile, elsewhere")
        wait_for("three files", lambda: names(a, "disk") == ["1", "2", "3"])
        a.stop()
        b.stop()


def the_folder_itself():
    with world() as w:
        a, b = pair(w)
        aside = os.path.join(w.base, "aside")
        os.mkdir(aside)
        tmpfs(a.folder)
        a.add()
        b.join(a)
        for n in "123":
            with open(a.path(n), "w") as f:
                f.write("at the root " + n)
        a.scan()
        wait_for("bob has them", lambda: names(b) == ["1", "2", "3"])
        wait_for("alice is well", lambda: is_well(a))
        a.stop()
        move(a.folder, aside)
        a.start()
        a.scan()
        has_problem(a, "mount what is to be mounted")
        time.sleep(1)
        check(names(b) == ["1", "2", "3"] and names(a) == [], names(a), names(b))
        move(aside, a.folder)
        a.scan()
        wait_for(lambda: "alice is well: %s" % summary(a), lambda: is_well(a))
        check(names(a) == ["1", "2", "3"] and names(b) == ["1", "2", "3"])
        a.stop()
        b.stop()


def what_may_only_be_read():
    with world() as w:
        a, b = pair(w)
        b.add()
        w.stop()
        state = glob.glob(os.path.join(b.config, "folder-*"))[0]
        interrupt(os.path.join(state, "state.sqlite"))
        subprocess.run(["mount", "--bind", state, state], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", state], check=True)
        a.grid("gc", code=1)
        subprocess.run(["umount", state], check=True)
        check("was interrupted" in a.stderr and b.config in a.stderr and "start its daemon" in a.stderr, a.stderr)
        check("forget" not in a.stderr, a.stderr)
        w.start([b])
        w.stop()
        a.grid("gc")


def json_text(s):
    return " ".join(p["text"] for p in s["problems"])


CASES = [an_inner_disk, the_folder_itself, what_may_only_be_read]


def main():
    if INSIDE not in os.environ:
        if os.geteuid() != 0:
            print("1..0 # SKIP mounting needs root")
            return 0
        probe = subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if probe.returncode != 0:
            print("1..0 # SKIP nothing can be mounted here, not even in a namespace of its own")
            return 0
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, "-B", os.path.abspath(sys.argv[0])])
    print("1..%d" % len(CASES))
    failures = 0
    for i, case in enumerate(CASES, 1):
        try:
            case()
            print("ok %d - %s" % (i, case.__name__), flush=True)
        except Exception as e:  # a case that breaks is one that fails
            failures += 1
            print("not ok %d - %s\n# %s" % (i, case.__name__, str(e).replace("\n", "\n# ")), flush=True)
    return 1 if failures else 0


sys.exit(main())
