"""Conformance on real daemons: cases of several people, who edit and delete at the same time or only receive."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import Shared, World, check, main, read_cap, wait_equal, wait_for
from snapshots import Snapshot, entry, entry_after, mangle, settle

V0, V1, V2, V3 = b"none " * 40, b"one " * 50, b"two " * 60, b"three " * 70
four = Shared(("alice", "bob", "carol", "dave"))


def pause(on, *devices):
    for d in devices:
        d.pause(on)


def all_have(devices, rel, data):
    """And link the same, without a conflict."""
    for d in devices:
        d.wait(rel, data)
    wait_for("one entry of all for " + rel,
             lambda: len({d.personal().get(mangle(rel), {}).get("ro") for d in devices}) == 1)
    settle(*devices)
    for d in devices:
        check(d.read(rel) == data and rel not in d.conflicts(), d.name, "has", d.read(rel), d.conflicts())


def content(device, cap):
    s = Snapshot(device, cap)
    return device.cli("grid", "get", s.content).encode() if s.content else None


def case_12():
    """12: who sees one deletion in two directories has no conflict, and the poll ends"""
    with four as (a, b, c, d):
        a.write("p12", V0)
        all_have((a, b, c, d), "p12", V0)
        old = entry(a, "p12")
        pause(True, c, d)
        a.remove("p12")
        gone = entry_after(b, "p12", old)
        check(gone == entry(a, "p12"), "B did not link A's deletion")
        pause(False, c, d)
        all_have((a, b, c, d), "p12", None)
        check(entry(d, "p12") == gone, "another deletion")


def case_15():
    """15, 16: two edits are a conflict of all, each with the other's marker; every entry points at what the file holds"""
    with four as (a, b, c, d):
        a.write("p15", V0)
        all_have((a, b, c, d), "p15", V0)
        old = entry(a, "p15")
        pause(True, a, b, c, d)
        a.write("p15", V1)
        b.write("p15", V2)
        pause(False, a, b)
        a.wait("p15.conflict-bob", V2)
        b.wait("p15.conflict-alice", V1)
        mine, theirs = entry_after(a, "p15", old), entry_after(b, "p15", old)
        pause(False, c, d)  # they hear both at once
        for who in (c, d):
            wait_for("a conflict of " + who.name, lambda: len(who.conflicts().get("p15", [])) == 1)
            other = who.conflicts()["p15"][0]
            check(other in ("alice", "bob"), other)
            who.wait("p15.conflict-" + other, V1 if other == "alice" else V2)
            check(who.read("p15") == (V2 if other == "alice" else V1), "neither of the two", who.read("p15"))
        settle(a, b, c, d)
        check(a.conflicts()["p15"] == ["bob"] and b.conflicts()["p15"] == ["alice"], a.conflicts(), b.conflicts())
        check(a.read("p15") == V1 and b.read("p15") == V2, "the file itself was changed")
        check((entry(a, "p15"), entry(b, "p15")) == (mine, theirs), "an entry changed with the conflict")
        check(Snapshot(a, mine).parents == [old] == Snapshot(b, theirs).parents, "parents")
        for who in (a, b, c, d):
            check(content(who, entry(who, "p15")) == who.read("p15"), who.name, "links something else than it has")
            check(not [n for n in who.personal() if "conflict-" in n], "a marker was published")
        a.cli("resolve", "--mine", a.path("p15"))
        all_have((a, b, c, d), "p15", V1)


def case_17():
    """17: an edit that no scan has seen is kept, and a remote update of it is a conflict"""
    with four as (a, b, c, d):
        a.write("p17", V0)
        all_have((a, b, c, d), "p17", V0)
        old = entry(a, "p17")
        b.stop()
        b.write("p17", V1)
        a.write("p17", V2)
        entry_after(a, "p17", old)
        b.start()
        b.wait("p17.conflict-alice", V2)
        check(b.read("p17") == V1, "the edit is gone")
        wait_for("the conflict in the list", lambda: b.conflicts().get("p17") == ["alice"])
        b.cli("resolve", "--theirs", b.path("p17"))
        all_have((a, b, c, d), "p17", V2)


def case_20():
    """20: deleted here and edited there, neither saw the other: the edit is kept by all"""
    with four as (a, b, c, d):
        for rel in ("p20/unseen", "p20/published"):
            a.write(rel, V0)
            all_have((a, b, c, d), rel, V0)
        old = entry(b, "p20/published")
        pause(True, a, b)
        for rel in ("p20/unseen", "p20/published"):
            a.write(rel, V1)
        b.remove("p20/published")
        pause(False, b)
        entry_after(b, "p20/published", old)
        c.wait("p20/published", None)
        pause(True, b)
        b.remove("p20/unseen")
        pause(False, a)
        c.wait("p20/unseen", V1)
        pause(False, b)
        for rel in ("p20/unseen", "p20/published"):
            all_have((a, b, c, d), rel, V1)


def case_21():
    """21: edited here and deleted there: the edit is kept, polls end, and what comes after arrives"""
    with four as (a, b, c, d):
        a.write("p21", V0)
        all_have((a, b, c, d), "p21", V0)
        old = entry(a, "p21")
        pause(True, b)
        b.write("p21", V1)
        a.remove("p21")
        entry_after(a, "p21", old)
        c.wait("p21", None)
        pause(False, b)
        all_have((a, b, c, d), "p21", V1)
        a.write("p21", V2)
        all_have((a, b, c, d), "p21", V2)


def case_22():
    """22: deleted by two who did not know of each other: no conflict, polls end"""
    with four as (a, b, c, d):
        a.write("p22", V0)
        all_have((a, b, c, d), "p22", V0)
        pause(True, a, b)
        a.remove("p22")
        b.remove("p22")
        pause(False, a, b)
        for who in (a, b, c, d):
            who.wait("p22", None)
        settle(a, b, c, d)
        for who in (a, b, c, d):
            check("p22" not in who.conflicts() and who.read("p22") is None, who.name, who.conflicts())
            wait_for(who.name + " to show a deletion", lambda: content(who, entry(who, "p22")) is None)
        b.write("p22", V2)
        all_have((a, b, c, d), "p22", V2)


def case_53():
    """53: our markers are never published; a user's file of such a name is, and is not written over by a marker"""
    with four as (a, b, c, d):
        a.write("x.conflict-y", V1)
        a.write("d.conflict-z/f", V2)
        a.write("p53", V0)
        b.write("p53.conflict-alice", V3)  # where bob's marker would be
        for rel, data in (("x.conflict-y", V1), ("d.conflict-z/f", V2), ("p53", V0), ("p53.conflict-alice", V3)):
            all_have((a, b, c, d), rel, data)
        old = entry(a, "p53")
        pause(True, a, b, c, d)
        a.write("p53", V1)
        b.write("p53", V2)
        pause(False, a, b)
        b.wait("p53.conflict-alice-2", V1)
        a.wait("p53.conflict-bob", V2)
        entry_after(a, "p53", old)
        settle(a, b)
        check(b.conflicts() == {"p53": ["alice-2"]}, b.conflicts())
        for who in (a, b, c, d):
            check(who.read("p53.conflict-alice") == V3, who.name, "lost a file to a marker")
        # one that comes while its name is a marker's waits, and is there when the conflict is settled
        c.write("p53.conflict-bob", V3)
        pause(False, c)
        b.wait("p53.conflict-bob", V3)
        a.poll()
        check(a.read("p53.conflict-bob") == V2, "a marker was written over")
        a.cli("resolve", "--mine", a.path("p53"))
        pause(False, d)
        all_have((a, b), "p53", V1)
        all_have((a, b, c, d), "p53.conflict-bob", V3)


def case_47():
    """47: a read-only participant, an empty literal directory in the Collective, receives and uploads nothing"""
    with World() as w:
        a, b = w.device("alice"), w.device("reader")
        for d in (a, b):
            d.init()
        w.start((a, b))
        a.add()
        a.write("p", V1)
        b.cli("add", "--name", "f", "--author", "reader", "--collective", "-", "--read-only", b.folder,
              stdin=a.collective_read().encode() + b"\n")
        b.wait("p", V1)
        a.api_cli("add-participant", "--folder", "f", "--author-name", "reader", "--personal-dmd", "URI:DIR2-LIT:")
        check(a.entries(a.secrets()["collective_dircap"])["reader"]["ro"] == "URI:DIR2-LIT:", "the entry")
        wait_for("A to be at rest", lambda: a.summary()["state"] == "up-to-date")
        entry(a, "p")
        before = sum(len(names) for _, _, names in os.walk(os.path.join(w.store, "shares")))
        b.write("mine", V2)
        b.write("p", V3)
        settle(b, a, b)
        wait_for("two files that are only here", lambda: b.summary()["local_only"] == 2)
        check(sum(len(names) for _, _, names in os.walk(os.path.join(w.store, "shares"))) == before, "it uploaded")
        check(a.read("mine") is None and a.read("p") == V1 and b.read("p") == V3, "something moved")
        a.write("q", V2)
        b.wait("q", V2)
        a.poll()
        w.stop()


def case_48():
    """48: who is not in the Collective receives, publishes to its own directory, and is heard when it is added"""
    with World() as w:
        a, b = w.device("alice"), w.device("bob")
        for d in (a, b):
            d.init()
        w.start((a, b))
        a.add()
        a.write("p", V1)
        b.cli("add", "--name", "f", "--author", "bob", "--collective", "-", b.folder,
              stdin=a.collective_read().encode() + b"\n")
        b.wait("p", V1)
        b.write("q", V2)
        old = entry(b, "p")
        b.write("p", V2)
        entry_after(b, "p", old)
        entry(b, "q")
        settle(b, a)
        wait_for(lambda: "B to say what it waits for: %s" % b.summary(),
                 lambda: not b.summary()["in_collective"] and "admin" in b.summary()["say"])
        check(a.read("q") is None and a.read("p") == V1, "who is not in the Collective was heard")
        a.write("r", V1)
        b.wait("r", V1)
        a.api("POST", a.of("f", "participants"),
              {"author": {"name": "bob"}, "personal_dmd": read_cap(b.secrets()["upload_dircap"])}, want=201)
        a.wait("q", V2)
        a.wait("p", V2)
        wait_equal((a, b))
        w.stop()


if __name__ == "__main__":
    try:
        main([f for name, f in sorted(globals().items()) if name.startswith("case_")])
    finally:
        four.end()
