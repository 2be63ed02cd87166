"""Conflicts on real daemons, settled by command, by API, by plain file operations and by themselves."""
import json, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import Shared, World, check, main, wait_equal, wait_for
from snapshots import Snapshot, mangle

V0, V1, V2, V3 = b"one " * 50, b"two " * 60, b"three " * 70, b"four " * 80
TEXT = b"".join(b"line %d of a text that is long enough\n" % n for n in range(1, 21))
pair = Shared()


def conflict(devices, rel, base, *texts):
    """All had base and then wrote their own text without seeing the others'."""
    devices[0].write(rel, base)
    for d in devices[1:]:
        d.wait(rel, base)
    for d in devices:
        d.cli("pause", "f")
    for d, text in zip(devices, texts):
        d.write(rel, text)
    for d in devices:
        d.cli("resume", "f")
    for d in devices:
        for o, text in zip(devices, texts):
            if o is not d:
                d.wait("%s.conflict-%s" % (rel, o.name), text)
        wait_for("the conflict at " + d.name, lambda: len(d.conflicts().get(rel, [])) == len(devices) - 1)
        d.scan()  # a marker removed before it is recorded as written would be written again


def settled(devices, rel, text):
    for d in devices:
        d.wait(rel, text)
        wait_for("no conflict at " + d.name, lambda: rel not in d.conflicts())
        wait_for("no marker at " + d.name, lambda: not [p for p in d.tree() if p.startswith(os.fsencode(rel) + b".")])
    wait_for("one head", lambda: len({d.personal()[mangle(rel)]["ro"] for d in devices}) == 1)


def head(device, rel):
    return Snapshot(device, device.personal()[mangle(rel)]["ro"])


def case_command():
    """23, 24: resolve --mine, --theirs and --use settle a conflict for everybody"""
    with pair as (a, b):
        conflict((a, b), "dir/p", V0, V1, V2)
        check(a.cli("conflicts") == "f: dir/p (bob)\n", a.cli("conflicts"))
        check(json.loads(a.cli("conflicts", "--json")) == {"f": {"dir/p": ["bob"]}}, "conflicts --json")
        mine, theirs = a.personal()[mangle("dir/p")]["ro"], b.personal()[mangle("dir/p")]["ro"]
        check(a.cli("resolve", "--mine", "dir/p") == "f: dir/p is settled\n", "resolve")
        check(a.read("dir/p.conflict-bob") is None and a.read("dir/p") == V1, "the marker stayed")
        settled((a, b), "dir/p", V1)
        check(head(a, "dir/p").parents == [mine, theirs], head(a, "dir/p").parents)
        check(a.cli("conflicts") == "No conflicts\n", "conflicts are left")
        conflict((a, b), "q", V0, V1, V2)
        a.cli("resolve", "--theirs", a.path("q"))
        check(a.read("q") == V2 and a.read("q.conflict-bob") is None, "not theirs")
        settled((a, b), "q", V2)
        conflict((a, b), "r", V0, V1, V2)
        b.cli("resolve", "--use", "alice", "-n", "f", "r")
        settled((a, b), "r", V1)
        conflict((a, b), "gone", V0, V1, V2)
        a.remove("gone")
        a.cli("resolve", "--mine", a.path("gone"))
        settled((a, b), "gone", None)


def case_refused():
    """what cannot be settled so is said, and nothing changes"""
    with pair as (a, b):
        conflict((a, b), "s", V0, V1, V2)
        before = a.tree()
        a.cli("resolve", "s", code=2)
        a.cli("resolve", "--mine", "--theirs", "s", code=2)
        a.cli("resolve", "--mine", "nowhere", code=1)
        check("is in no folder" in a.stderr, a.stderr)
        a.cli("resolve", "--mine", "-n", "g", "s", code=1)
        check('no folder "g"' in a.stderr, a.stderr)
        a.cli("resolve", "--use", "carol", "s", code=1)
        check('"s" is not conflicted with "carol"' in a.stderr and "In conflict: bob" in a.stderr, a.stderr)
        a.cli("resolve", "--mine", "-n", "f", "t", code=1)
        check('No conflicts for "t"' in a.stderr, a.stderr)
        a.cli("resolve", "--merge", "s", code=1)
        check("the merge is not clean: 1 conflict, in our line 1" in a.stderr and "Nothing was changed" in a.stderr,
              a.stderr)
        status, body = a.request("POST", a.of("f", "resolve-conflict"), {"relpath": "s", "merge": True})
        check(status == 409 and body["merge_conflicts"] == [{"line": 1, "lines": 1}], status, body)
        a.cli("pause", "f")
        a.cli("resolve", "--mine", "s", code=1)
        check("the folder is paused" in a.stderr, a.stderr)
        a.cli("resume", "f")
        check(a.tree() == before and a.conflicts() == {"s": ["bob"]}, "something changed")
        check(a.api("POST", a.of("f", "resolve-conflict"), {"relpath": "s", "take": "mine"}) == {"s": ["bob"]}, "API")
        settled((a, b), "s", V1)


def case_files():
    """25: a removed marker is mine, one moved over the file is theirs, edited and moved over is that text"""
    with pair as (a, b):
        conflict((a, b), "u", V0, V1, V2)
        a.remove("u.conflict-bob")
        settled((a, b), "u", V1)
        conflict((a, b), "v", V0, V1, V2)
        os.rename(a.path("v.conflict-bob"), a.path("v"))
        settled((a, b), "v", V2)
        conflict((a, b), "w", V0, V1, V2)
        a.write("w.conflict-bob", V3)
        a.scan()
        check(a.conflicts() == {"w": ["bob"]} and a.read("w") == V1, "an edit of the marker decided something")
        os.rename(a.path("w.conflict-bob"), a.path("w"))
        settled((a, b), "w", V3)


def case_edited_marker():
    """a marker that was edited outlives the decision, as a file like any other"""
    with pair as (a, b):
        conflict((a, b), "x", V0, V1, V2)
        a.write("x.conflict-bob", V3)
        a.cli("resolve", "--mine", a.path("x"))
        check(a.read("x") == V1 and a.read("x.conflict-bob-edited") == V3, "the edited marker", a.tree())
        b.wait("x.conflict-bob-edited", V3)
        a.remove("x.conflict-bob-edited")
        settled((a, b), "x", V1)


def case_merge():
    """a clean merge is taken by --merge, and by itself where the folder says so"""
    with pair as (a, b):
        ours, theirs = TEXT.replace(b"line 3 ", b"LINE 3 "), TEXT.replace(b"line 17 ", b"LINE 17 ")
        both = ours.replace(b"line 17 ", b"LINE 17 ")
        conflict((a, b), "text", TEXT, ours, theirs)
        a.cli("resolve", "--merge", a.path("text"))
        check(a.read("text") == both, "not merged", a.read("text"))
        settled((a, b), "text", both)
        for d in (a, b):
            d.cli("set", "f", "merge=text")
            d.cli("pause", "f")
        a.write("text", both.replace(b"line 5 ", b"line five "))
        b.write("text", both.replace(b"line 11 ", b"line eleven "))
        for d in (a, b):
            d.cli("resume", "f")
        settled((a, b), "text", both.replace(b"line 5 ", b"line five ").replace(b"line 11 ", b"line eleven "))
        for d in (a, b):
            d.cli("set", "f", "merge=ask")


def case_three():
    """26, 27: a resolution by another is followed by who did not touch the file, and kept apart from an edit"""
    with World() as w:
        a, b, c = w.pair(("alice", "bob", "carol"))
        conflict((a, b, c), "p", V0, V1, V2, V3)
        a.cli("resolve", "--theirs", "p", code=1)
        check("with 2 conflicts" in a.stderr and "In conflict: bob, carol" in a.stderr, a.stderr)
        c.write("p", V0 + b"edited meanwhile")
        a.cli("resolve", "--use", "bob", a.path("p"))
        settled((a, b), "p", V2)
        # bob's directory may show the resolution before alice's does
        wait_for("carol's conflict with the resolution", lambda: len(c.conflicts().get("p", [])) == 1 and
                 [p for p, v in c.tree().items() if p.startswith(b"p.conflict-")] and
                 all(v == V2 for p, v in c.tree().items() if p.startswith(b"p.conflict-")))
        check(c.read("p") == V0 + b"edited meanwhile", "the edit is gone")
        c.cli("resolve", "--mine", c.path("p"))
        settled((a, b, c), "p", V0 + b"edited meanwhile")
        wait_equal((a, b, c))
        w.stop()


if __name__ == "__main__":
    try:
        main([f for name, f in sorted(globals().items()) if name.startswith("case_")])
    finally:
        pair.end()
