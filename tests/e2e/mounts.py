#!/usr/bin/env python3
"""Real disks below a real folder: a tmpfs mounted inside it, and one that is the folder itself, unmounted and back.
Needs root and a mount namespace of its own; skipped elsewhere."""
import os, subprocess, sys, time

from mf import World, Failed, check, wait_for

INSIDE = "MF_MOUNT_NAMESPACE"


def tmpfs(path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], check=True)


def move(a, b):
    subprocess.run(["mount", "--move", a, b], check=True)


def summary(d):
    return d.api("GET", "/v1/status-summary")["folders"]["f"]


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


def an_inner_disk(base):
    with World(base) as w:
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
        s = summary(a)
        check(s["state"] == "problem" and s["deletes_asked"] == 3, s)
        check("mount it again" in json_text(s), s)
        with open(b.path("disk/1"), "w") as f:
            f.write("edited meanwhile, elsewhere")
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
        check(names(a, "disk") == ["1", "2", "3"] and summary(a)["deletes_asked"] == 0)
        with open(a.path("disk/1")) as f:
            check(f.read() == "edited meanwhile, elsewhere", "what came meanwhile is there")
        a.stop()
        b.stop()
        subprocess.run(["umount", disk], check=True)


def the_folder_itself(base):
    with World(base) as w:
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
        s = summary(a)
        check(s["state"] == "problem" and "mount what is to be mounted" in json_text(s), s)
        time.sleep(1)
        check(names(b) == ["1", "2", "3"] and names(a) == [], names(a), names(b))
        move(aside, a.folder)
        a.scan()
        wait_for(lambda: "alice is well: %s" % summary(a), lambda: is_well(a))
        check(names(a) == ["1", "2", "3"] and names(b) == ["1", "2", "3"])
        a.stop()
        b.stop()
        subprocess.run(["umount", a.folder], check=True)


def json_text(s):
    return " ".join(p["text"] for p in s["problems"])


CASES = [an_inner_disk, the_folder_itself]


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
            case(None)
            print("ok %d - %s" % (i, case.__name__), flush=True)
        except Exception as e:  # a case that breaks is one that fails
            failures += 1
            print("not ok %d - %s\n# %s" % (i, case.__name__, str(e).replace("\n", "\n# ")), flush=True)
    return 1 if failures else 0


sys.exit(main())
