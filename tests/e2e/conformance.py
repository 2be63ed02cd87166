"""Conformance on real daemons: the numbered cases of the data model's list that one machine can show."""
import base64, json, os, socket, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import SLOW, Shared, World, check, main, program, read_cap, wait_equal, wait_for
from snapshots import Snapshot, entry, entry_after, forge, mangle, settle

V1, V2, V3 = b"one " * 50, b"two " * 60, b"three " * 70
pair = Shared()


def case_01():
    """1: a fresh folder has @metadata and the creator in its Collective, only @metadata in the Personal directory"""
    with World() as w:
        a = w.device("laptop")
        a.init()
        a.start()
        a.add()
        s = a.secrets()
        collective = a.entries(s["collective_dircap"])
        check(set(collective) == {"@metadata", "laptop"}, sorted(collective))
        check(collective["laptop"]["ro"] == read_cap(s["upload_dircap"]), "laptop is not our Personal read cap")
        check(a.cli("grid", "get", collective["@metadata"]["ro"]) == '{"version": 1}', "@metadata")
        check(set(a.entries(s["upload_dircap"])) == {"@metadata"}, "Personal directory is not empty")
        check(read_cap(s["collective_dircap"]) not in a.new_log(), "a capability in the log")
        w.stop()


def case_02():
    """2: a first publish has the mangled name, no parents and a signature over the unmangled path"""
    with pair as (a, b):
        a.write("dir/a@b.txt", V1)
        a.scan()
        s = Snapshot(a, entry(a, "dir/a@b.txt"))
        check(s.parents == [] and s.document["relpath"] == "dir/a@b.txt", s.document)
        check("dir@_a@@b.txt" in a.personal(), sorted(a.personal()))
        b.wait("dir/a@b.txt", V1)


def shape(x):
    """Which members of which JSON types."""
    return {k: shape(v) for k, v in x.items()} if isinstance(x, dict) else \
        [shape(v) for v in x] if isinstance(x, list) else type(x).__name__


def has_shape(ours, recorded, what):
    """What the Python program reads is there, as it is there; we may say more."""
    check({k: shape(v) for k, v in ours.items() if k in recorded} == shape(recorded), what, ours, "not as", recorded)


def case_03():
    """3: what is published has the members and types that Python's recorded snapshots have, and the same kinds of caps"""
    with open(os.path.join(os.environ.get("MF_SRC", "."), "tests/golden/snapshots.json")) as f:
        recorded = json.load(f)["snapshots"]
    later = [s for s in recorded if json.loads(s["metadata_text"])["parents"]]
    deletion = [s for s in later if s["is_delete"]][0]
    update = [s for s in later if (s["content_cap"] or "").startswith("URI:CHK:")][0]
    with pair as (a, b):
        a.write("py", V1)
        old = entry(a, "py")
        for data, want in ((V2, update), (None, deletion)):
            a.remove("py") if data is None else a.write("py", data)
            old = entry_after(a, "py", old)
            s, children = Snapshot(a, old), a.entries(old)
            has_shape(s.document, json.loads(want["metadata_text"]), "document")
            check(old.split(":")[1] == want["snapshot_dircap"].split(":")[1], old)
            check(s.metadata.startswith("URI:CHK:") and s.content[:8] == (want["content_cap"] or "")[:8], s.content)
            for name, child in want["snapshot_dir_t_json"][1]["children"].items():
                has_shape(children[name]["metadata"], {k: v for k, v in child[1]["metadata"].items() if k != "tahoe"}, name)


def case_04():
    """4: objects as Python makes them are taken over: same capability linked, nothing published anew"""
    with World() as w:
        a, b = w.pair()
        seed, author = b"\5" * 32, "python"
        personal = a.grid("mkdir")
        first = forge(a, "dir/p", V1, seed, author=author)
        caps = {"dir/p": forge(a, "dir/p", V2, seed, author=author, parents=[first]),
                "empty": forge(a, "empty", b"", seed, author=author),
                "small": forge(a, "small", b"literal", seed, author=author),
                "n\u0303": forge(a, "n\u0303", V3, seed, author=author)}
        gone = forge(a, "gone", None, seed, author=author, parents=[forge(a, "gone", V1, seed, author=author)])
        for relpath, cap in list(caps.items()) + [("gone", gone)]:
            a.grid("ln", personal, mangle(relpath), cap)
        a.api("POST", a.of("f", "participants"),
              {"author": {"name": author}, "personal_dmd": read_cap(personal)}, want=201)
        for d in (a, b):
            for relpath, data in (("dir/p", V2), ("empty", b""), ("small", b"literal"), ("n\u0303", V3)):
                d.wait(relpath, data)
            check(os.stat(d.path("dir/p")).st_mtime_ns == 1600000000 * 10**9, "mtime")
            wait_for("%s to link them" % d.name, lambda: len(d.personal()) == 5)
            settle(d)
            entries = d.personal()
            for relpath, cap in list(caps.items()) + [("gone", gone)]:
                check(entries[mangle(relpath)]["ro"] == cap, "another capability for", relpath)
            check(d.conflicts() == {} and d.read("gone") is None, d.conflicts())
        w.stop()


def case_05():
    """5: an update has the previous snapshot as parent, and the receiver links the same capability"""
    with pair as (a, b):
        a.write("update", V1)
        b.wait("update", V1)
        first = entry(a, "update")
        a.write("update", V2)
        b.wait("update", V2)
        second = entry_after(a, "update", first)
        check(Snapshot(a, second).parents == [first], "parents")
        wait_for("B to link A's capability", lambda: b.personal().get("update", {}).get("ro") == second)


def case_06():
    """6: an empty file is a literal and no deletion"""
    with pair as (a, b):
        a.write("empty", b"")
        check(Snapshot(a, entry(a, "empty")).content == "URI:LIT:", "content")
        b.wait("empty", b"")


def case_07():
    """7: a small file is a literal and arrives"""
    with pair as (a, b):
        a.write("small", b"fifty-five bytes at most")
        check(Snapshot(a, entry(a, "small")).content.startswith("URI:LIT:"), "content")
        b.wait("small", b"fifty-five bytes at most")


def case_08():
    """8: a deletion removes the file, is linked by the receiver and published by nobody again"""
    with pair as (a, b):
        a.write("deleted", V1)
        b.wait("deleted", V1)
        first = entry(a, "deleted")
        a.remove("deleted")
        b.wait("deleted", None)
        second = entry_after(a, "deleted", first)
        s = Snapshot(a, second)
        check(s.content == "" and s.parents == [first], "content %r" % s.content)
        wait_for("B to link the deletion", lambda: b.personal()["deleted"]["ro"] == second)
        wait_for(lambda: "a row of a deletion: %s" % b.file_status()["deleted"],
                 lambda: b.file_status()["deleted"]["size"] is b.file_status()["deleted"]["mtime"] is None)
        settle(a, b)
        check(b.personal()["deleted"]["ro"] == second == a.personal()["deleted"]["ro"], "published again")


def case_09():
    """9: the deletion of a file that a device never had is linked without error"""
    with pair as (a, b):
        b.stop()
        a.write("brief", V1)
        first = entry(a, "brief")
        a.remove("brief")
        second = entry_after(a, "brief", first)
        b.start()
        wait_for("B to link the deletion", lambda: b.personal().get("brief", {}).get("ro") == second)
        check(b.read("brief") is None and b.conflicts() == {}, "conflicts", b.conflicts())


def case_10():
    """10: a file made anew after an accepted deletion arrives without conflict"""
    with pair as (a, b):
        a.write("again", V1)
        b.wait("again", V1)
        old = entry(b, "again")
        a.remove("again")
        b.wait("again", None)
        gone = entry_after(b, "again", old)
        b.write("again", V2)
        a.wait("again", V2)
        check(Snapshot(b, entry_after(b, "again", gone)).parents == [gone], "parent is not the deletion")
        check(a.conflicts() == {} == b.conflicts(), "conflicts", a.conflicts(), b.conflicts())


def case_11():
    """11, 13, 14: three devices: the same update seen twice; whoever was away gets the newest; who stays behind is left alone"""
    with World() as w:
        a, b, c = w.pair(("alice", "bob", "carol"))
        c.stop()
        a.write("p", V1)
        b.wait("p", V1)
        c.start()  # hears the same capability from both
        c.wait("p", V1)
        settle(a, b, c)
        wait_for("one capability of all", lambda: len({d.personal().get("p", {}).get("ro") for d in (a, b, c)}) == 1)
        c.stop()
        a.write("p", V2)
        b.wait("p", V2)
        wait_for("B to link it", lambda: b.personal()["p"]["ro"] == a.personal()["p"]["ro"])
        b.stop()  # B stays at v2 from here on
        old = a.personal()["p"]["ro"]
        a.write("p", V3)
        newest = entry_after(a, "p", old)
        c.start()
        c.wait("p", V3)
        c.poll()
        wait_for("C to link the newest", lambda: c.personal()["p"]["ro"] == newest)
        check(c.read("p") == V3, "C is not at the newest")
        before = a.file_status()["p"]
        for _ in range(3):
            a.poll()
        check(a.file_status()["p"] == before and a.read("p") == V3, "A took something from a device that is behind")
        for d in (a, c):
            check(d.conflicts() == {}, d.name, d.conflicts())
        b.start()
        b.wait("p", V3)
        check(b.conflicts() == {}, b.conflicts())
        w.stop()


def case_18():
    """18: a file in the way becomes a conflict if it differs and is adopted if it is equal"""
    with pair as (a, b):
        b.stop()
        b.write("way/differs", V2)
        b.write("way/equal", V1)
        a.write("way/differs", V1)
        a.write("way/equal", V1)
        ours = entry(a, "way/equal")
        entry(a, "way/differs")
        b.start()
        b.wait("way/differs.conflict-alice", V1)
        check(b.read("way/differs") == V2, "the file in the way was touched")
        wait_for("the conflict", lambda: b.conflicts() == {"way/differs": ["alice"]})
        settle(b, a)
        check(b.read("way/equal.conflict-alice") is None and b.read("way/equal") == V1, "equal bytes conflict")
        check("way/equal" not in a.conflicts(), a.conflicts())
        check(mangle("way/differs.conflict-alice") not in b.personal(), "a conflict file was published")
        check(ours == a.personal()["way@_equal"]["ro"] or a.read("way/equal") == V1, "A's file changed")
    pair.end()  # the conflict stays: a fresh pair for the cases that follow


def case_35():
    """35: an unreadable file holds up nobody and is published when it becomes readable"""
    user = None
    if os.getuid() == 0:  # root can read everything
        user = 65534
        if subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "test", "-x", program("magic-folder")]).returncode:
            return "needs a user other than root who can run the programs"
    with World(user=user) as w:
        a, b = w.pair()
        a.write("closed/secret", V1)
        b.wait("closed/secret", V1)
        a.write("../staged", V1)
        os.chmod(a.path("../staged"), 0)
        os.rename(a.path("../staged"), a.path("closed/other"))
        os.chmod(a.path("closed/secret"), 0)
        a.write("closed/open", V2)
        a.scan()
        b.wait("closed/open", V2)
        check(b.read("closed/secret") == V1 and b.read("closed/other") is None, "unreadable files", sorted(b.tree()))
        os.chmod(a.path("closed/other"), 0o644)
        a.scan()
        b.wait("closed/other", V1)
        os.chmod(a.path("closed"), 0)
        a.scan()
        time.sleep(1)
        check(len(b.tree()) == 3, "an unreadable directory was taken for deleted")
        os.chmod(a.path("closed"), 0o755)
        os.chmod(a.path("closed/secret"), 0o644)
        a.write("closed/secret", V2)
        b.wait("closed/secret", V2)
        w.stop()


def vanish(device, at_once):
    """A new file, removed again; noted if nothing held this program up meanwhile."""
    device.serial = getattr(device, "serial", 0) + 1
    rel, begin = "vanish/%d" % device.serial, time.monotonic()
    device.write(rel, V1)
    device.remove(rel)
    if time.monotonic() - begin < 0.02:
        at_once.append(mangle(rel))


def case_36():
    """36: a file that vanishes at once is not published; made again, it is"""
    with pair as (a, b):
        at_once = []
        wait_for("this program to be quick", lambda: len(at_once) == 20 or vanish(a, at_once), step=0)
        a.scan()
        time.sleep(0.5)
        published = [n for n in a.personal() if n.startswith("vanish") and n in at_once]
        check(not published, published)
        a.write("vanish/0", V2)
        b.wait("vanish/0", V2)


def case_37():
    """37: symlinks, FIFOs and sockets are not published and stop nothing"""
    with pair as (a, b):
        a.write("links/target", V1)
        d = os.fsdecode(a.path("links"))
        os.symlink("target", d + "/to-file")
        os.symlink("/etc", d + "/to-outside")
        os.symlink("/", d + "/to-root")
        os.symlink("loop", d + "/loop")
        os.symlink(".", d + "/here")
        os.symlink("nothing", d + "/dangling")
        os.mkfifo(d + "/fifo")
        s = socket.socket(socket.AF_UNIX)
        at = os.getcwd()
        os.chdir(d)  # the path of a socket has 107 bytes at most
        s.bind("socket")
        os.chdir(at)
        a.write("links/after", V2)
        a.scan()
        b.wait("links/target", V1)
        b.wait("links/after", V2)
        names = sorted(n for n in a.personal() if n.startswith("links"))
        check(names == ["links@_after", "links@_target"], names)
        check(sorted(os.listdir(b.path("links"))) == [b"after", b"target"], os.listdir(b.path("links")))
        s.close()


def case_39():
    """39: a decomposed name is fetched once, keeps its bytes on disk and has the composed entry name"""
    with pair as (a, b):
        name = "e\u0301te\u0301"
        a.write(name, V1)
        b.wait(name, V1)
        check("\u00e9t\u00e9" in a.personal() and name not in a.personal(), sorted(a.personal()))
        check(Snapshot(a, entry(a, name)).document["relpath"] == name, "relpath")
        wait_for("B to link it", lambda: "\u00e9t\u00e9" in b.personal())
        settle(b, a)

        def seen():
            return b.file_status()[name], b.personal()["\u00e9t\u00e9"]
        before = seen()
        settle(b, a)
        check(seen() == before, "a second poll was not quiet")


def link(a, name, cap):
    a.grid("ln", a.secrets()["upload_dircap"], name, cap)


def case_43():
    """43: a malformed entry is one error and everything else arrives"""
    with World() as w:
        a, b = w.pair()
        a.write("before", V1)
        b.wait("before", V1)
        good = grid_cap = forge(a, "x", V1)
        link(a, "@x", good)                    # not a mangled path
        link(a, "garbage", "ro.URI:FOO:bar")   # not a snapshot
        link(a, "a-file", "URI:LIT:krugkidrovuwg2y")
        a.write("after", V2)
        b.wait("after", V2)
        b.write("mine", V3)
        a.wait("mine", V3)
        b.poll()
        check(sorted(b.tree()) == [b"after", b"before", b"mine"], sorted(b.tree()))
        check(b.read("x") is None, grid_cap)
        w.stop()


EVIL = ["../x", "/x", "a/../b", "", ".", "..", "a//b", "a/./b", "a/..", "nul\0byte", "/etc/x", "./x", "x/",
        "y" * 300, ".magic-folder-0123456789abcdef.tmp"]


def case_44():
    """44: properly signed evil paths are written nowhere"""
    with World() as w:
        a, b = w.pair()
        outside = sorted(os.listdir(b.base))
        for i, relpath in enumerate(EVIL):
            name = mangle(relpath) or "empty"
            if "\0" in name or len(name.encode()) > 255:
                name = "evil-%d" % i
            link(a, name, forge(a, relpath, V1))
        a.write("good", V2)
        b.wait("good", V2)
        b.poll()
        check(sorted(b.tree()) == [b"good"], sorted(b.tree()))
        check(sorted(os.listdir(b.base)) == outside, sorted(os.listdir(b.base)))
        check(not os.path.exists("/x") and not os.path.exists("/etc/x"), "written outside")
        w.stop()


def case_45():
    """45: an entry whose name is not its snapshot's path is rejected"""
    with World() as w:
        a, b = w.pair()
        link(a, "other", forge(a, "path", V1))
        a.write("good", V2)
        b.wait("good", V2)
        b.poll()
        check(sorted(b.tree()) == [b"good"], sorted(b.tree()))
        w.stop()


def case_46():
    """46, in part: a snapshot with a bad signature is not applied, nor is one signed by another key than it names"""
    with World() as w:
        a, b = w.pair()
        a.write("good", V1)
        b.wait("good", V1)
        link(a, "bad", forge(a, "bad", V1, signature=b"\1" * 64))
        link(a, "other-key", forge(a, "other-key", V1, seed=b"\7" * 32, tweak=lambda d: d["author"].update(
            verify_key=base64.b64encode(base64.b32decode(a.secrets()["author"]["verify_key"])).decode())))
        a.write("good", V2)
        b.wait("good", V2)
        b.poll()
        check(sorted(b.tree()) == [b"good"], sorted(b.tree()))
        w.stop()


def case_51():
    """51: chmod or touch alone publishes nothing, and is no reason for a conflict"""
    with pair as (a, b):
        a.write("touched", V1)
        b.wait("touched", V1)
        first = entry(a, "touched")
        wait_for("B to link it", lambda: b.personal().get("touched", {}).get("ro") == first)
        os.chmod(a.path("touched"), 0o640)
        os.utime(a.path("touched"), (1500000000, 1500000000))
        a.scan()
        time.sleep(0.6)
        check(a.personal()["touched"]["ro"] == first, "published")
        os.chmod(b.path("touched"), 0o640)
        a.write("touched", V2)
        b.wait("touched", V2)
        check("touched" not in b.conflicts(), b.conflicts())


def case_52():
    """52: the receiver has the time in whole seconds, and nobody publishes that again"""
    with pair as (a, b):
        path = a.path("../staged")
        with open(path, "wb") as f:
            f.write(V1)
        os.utime(path, ns=(1600000000987654321, 1600000000987654321))
        os.rename(path, a.path("timed"))
        b.wait("timed", V1)
        check(os.stat(b.path("timed")).st_mtime_ns == 1600000000 * 10**9, os.stat(b.path("timed")).st_mtime_ns)
        first = entry(a, "timed")
        wait_for("B to link it", lambda: b.personal().get("timed", {}).get("ro") == first)
        settle(b, a, b)
        check(a.personal()["timed"]["ro"] == first == b.personal()["timed"]["ro"], "published again")


def case_last():
    """both daemons of the shared pair end orderly within 2 s of SIGTERM"""
    with pair as devices:
        for d in devices:
            took = [d.stop()]
            while min(took) > 2 * SLOW and len(took) < 5:  # or is the machine busy with other things?
                d.start()
                took.append(d.stop())
            check(min(took) < 2 * SLOW, d.name, "took", took, "s")
    pair.end()


if __name__ == "__main__":
    try:
        main([f for name, f in sorted(globals().items()) if name.startswith("case_")])
    finally:
        pair.end()
