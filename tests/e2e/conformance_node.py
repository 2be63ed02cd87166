"""Conformance on real daemons that reach the grid through a Tahoe-LAFS node; the node is a stand-in."""
import json, os, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, check, main, wait_equal, wait_for
from snapshots import Snapshot, entry

V0, V1, V2 = (b"%s " % word * 50 for word in (b"none", b"one", b"two"))
WRITES = ("POST mkdir", "POST set_children", "PUT link")


def grid_of(device):
    return device.api("GET", "/v1/status-summary")["grids"][0]


def writes(node):
    return [line for line in node.asked() if line in WRITES]


def document(device, cap):
    """A snapshot's metadata as it was stored, and its entries."""
    listing = device.entries(cap)
    return json.loads(device.grid("get", listing["metadata"]["ro"])), listing


def case_two_daemons():
    """two daemons sync through one node: edits, deletions, a hundred files in few directory writes; no key that the
    reference does not write, unless it says something"""
    with World(node=True) as w:
        a, b = w.pair(("alice", "bob"), "f", "--poll-interval", "1")
        check(w.node.dir == json.loads(a.cli("show-config"))["tahoe_node_directory"])
        a.write("dir/hello", V1)
        b.wait("dir/hello", V1)
        b.write("dir/hello", V2)
        a.wait("dir/hello", V2)
        before = len(writes(w.node))
        for i in range(100):
            a.write("many/%02d" % i, b"%d " % i * 100)
        wait_equal((a, b))
        wait_for("B to link them", lambda: len(b.personal()) == 101)
        check(len(writes(w.node)) - before <= 40, len(writes(w.node)) - before, "directory writes for 100 files twice")
        a.remove("many/00")
        b.wait("many/00", None)
        said, _ = document(a, entry(a, "dir/hello"))
        check(set(said) == {"snapshot_version", "relpath", "author", "modification_time", "parents"}, said)
        a.write("tool", V1)
        b.wait("tool", V1)
        for mode, mark in ((0o755, True), (0o644, False)):
            first = entry(a, "tool")
            os.chmod(a.path("tool"), mode)
            wait_for("the bit to be published", lambda: entry(a, "tool") != first)
            said, _ = document(a, entry(a, "tool"))
            check(said.get("executable") is mark and "content_sha256" not in said, said)
            wait_for("the bit at B", lambda: os.stat(b.path("tool")).st_mode & 0o100 == mode & 0o100)
        a.write("tool", V2)
        b.wait("tool", V2)
        said, _ = document(a, entry(a, "tool"))
        check("executable" not in said, "it says nothing any more", said)
        check("1 of 1 storage servers wanted are connected" in a.cli("status"), a.cli("status"))
        check("it answers, and reaches 1 storage servers of 1" in a.cli("doctor", code=None))
        check(a.conflicts() == {} == b.conflicts())
        w.stop()


def case_49():
    """49: below shares.happy no directory is made or written, files may be stored; all resumes by itself"""
    with World(node=True) as w:
        a, b = w.pair(("alice", "bob"), "f", "--poll-interval", "1")
        a.write("p", V0)
        b.wait("p", V0)
        wait_for("B to link it", lambda: "p" in b.personal())
        w.node.mood(servers=0)
        wait_for("A to notice", lambda: not grid_of(a)["happy"])
        check(grid_of(a)["connected"] == 0 and grid_of(a)["wanted"] == 1, grid_of(a))
        wait_for("the change to be said", lambda: "tahoe-connection-changed" in a.new_log() and "not happy" in a.new_log())
        before = writes(w.node)
        a.write("p", V1)
        a.write("q", V1)
        wait_for("A to say so", lambda: "Wanted 1 storage-servers but have 0" in json.dumps(a.summary()))
        check("nothing is published" in a.cli("status"), a.cli("status"))
        os.mkdir(a.path("../other"))
        said = a.cli("add", "--name", "other", "--author", "alice", a.path("../other").decode(), code=1) + a.stderr
        check("Wanted 1 storage-servers but have 0" in said, said)
        check("reaches 0 storage servers" in a.cli("doctor", code=1))
        check(writes(w.node) == before, "a directory was written", writes(w.node)[len(before):])
        check(b.read("p") == V0)
        w.node.mood(servers=1)
        b.wait("p", V1)
        b.wait("q", V1)
        wait_for("A to be content", lambda: a.summary()["state"] == "up-to-date" and grid_of(a)["happy"])
        w.stop()


def case_50():
    """50: a node that is down at the start is waited for; the address it has when it comes back is honoured"""
    with World(node=True) as w:
        a, b = w.pair(("alice", "bob"), "f", "--poll-interval", "1")
        a.write("p", V0)
        b.wait("p", V0)
        w.stop()
        w.node.stop()
        a.write("p", V1)
        a.start()  # the API is up
        b.start()
        wait_for("A to say what is wrong", lambda: a.summary()["state"] == "problem" and not grid_of(a)["happy"])
        check(grid_of(a)["error"] is not None and "cannot be used" in a.cli("status"), grid_of(a))
        check("Is the node running" in a.cli("doctor", code=1))
        was = open(os.path.join(w.node.dir, "node.url")).read()
        w.node.start()
        check(open(os.path.join(w.node.dir, "node.url")).read() != was, "the same port")
        b.wait("p", V1)
        w.node.stop()  # and once more under the running daemons
        a.write("p", V2)
        wait_for("A to notice", lambda: not grid_of(a)["happy"])
        w.node.start()
        b.wait("p", V2)
        wait_for("A to be content", lambda: a.summary()["state"] == "up-to-date")
        w.stop()


def case_bad_node():
    """a node that answers with pages, errors, redirects, halves, wrong types, nothing: nothing is lost, the daemon
    goes on, and ends when it is told to"""
    with World(node=True) as w:
        a, b = w.pair(("alice", "bob"), "f", "--poll-interval", "1")
        a.write("p", V0)
        b.wait("p", V0)
        for trouble in ("html", "error", "redirect", "half", "types", "gone"):
            w.node.mood(trouble)
            a.write("p", trouble.encode() * 50)
            wait_for("A to have met " + trouble, lambda: a.summary()["state"] == "problem")
            check(b.read("p") is not None and a.read("p") == trouble.encode() * 50, trouble)
            w.node.mood()
            b.wait("p", trouble.encode() * 50)
        check(a.conflicts() == {} == b.conflicts() and sorted(b.tree()) == [b"p"], b.tree())
        w.node.mood("silent")
        a.write("p", V1)
        time.sleep(0.5)
        for d in (a, b):
            check(d.stop() < 2 * float(os.environ.get("MF_SLOW", "1")), "it took long to end beside a silent node")
        w.node.mood()
        for d in (a, b):
            d.start()
        b.wait("p", V1)
        w.stop()


if __name__ == "__main__":
    main([f for name, f in sorted(globals().items()) if name.startswith("case_")])
