"""Who signs, and directories that are not what they were: real daemons, the command line, the API."""
import json, os, shutil, sqlite3, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, check, main, read_cap, wait_equal, wait_for
from snapshots import Snapshot, forge, mangle

V1, V2, V3 = b"one " * 50, b"two " * 60, b"three " * 70
STRANGER = b"stranger" * 4


def keys(device, folder="f"):
    return {p["name"]: p for p in device.api("GET", device.of(folder, "keys"))["participants"]}


def problems(device, folder="f"):
    return [(p["relpath"], p["text"]) for p in
            device.api("GET", "/v1/status-summary")["folders"][folder]["problems"]]


def both_published(a, b):
    a.write("from-a", V1)
    b.write("from-b", V1)
    wait_equal((a, b))
    wait_for("keys of both", lambda: keys(a)["bob"]["state"] == "pinned" and keys(b)["alice"]["state"] == "pinned")


def link(device, name, cap):
    device.grid("ln", "--replace", device.secrets()["upload_dircap"], name, cap)


def case_pinned():
    """keys are pinned, and both sides show the same fingerprints"""
    with World() as w:
        a, b = w.pair()
        wait_for("alice to know of bob", lambda: "bob" in keys(a))
        check(keys(a)["bob"]["state"] == "unknown", keys(a)["bob"])
        both_published(a, b)
        for here, there in ((a, b), (b, a)):
            theirs, mine = keys(here)[there.name], keys(there)[there.name]
            check(mine["self"] and theirs["fingerprint"] == mine["fingerprint"], theirs, mine)
            check(theirs["verify_key"] == there.secrets()["author"]["verify_key"], theirs)
        check(keys(b)["alice"]["how"] == "collective" and keys(a)["bob"]["how"] == "first-use", keys(a), keys(b))
        text = a.cli("participants")
        check("this device" in text and keys(a)["bob"]["fingerprint"] in text, text)
        check(json.loads(a.cli("participants", "--json"))["f"]["participants"][1]["name"] == "bob")
        a.cli("participants", "-n", "nothing", code=1)
        a.cli("trust", code=2)
        a.cli("trust", "bob", code=1)
        check("nothing to accept" in a.stderr, a.stderr)
        a.cli("trust", "eve", code=1)
        check("no participant" in a.stderr, a.stderr)
        a.api("POST", a.of("f", "trust"), {"participant": "bob"}, want=400)
        a.api("POST", a.of("f", "trust"), {"participant": "bob", "fingerprint": "x"}, want=404)
        w.stop()


def case_joined_with_key():
    """who joins is added with the key that the printed command names: no first use is needed"""
    with World() as w:
        a, b, c = (w.device(name) for name in ("alice", "bob", "carol"))
        for d in (a, b, c):
            d.init()
            d.start()
        a.add()
        said = b.cli("add", "--name", "f", "--author", "bob", "--collective", "-", b.folder,
                     stdin=a.collective_read().encode() + b"\n")
        words = [line for line in said.split("\n") if "magic-folder-api" in line][0].split()
        check(words[-2] == "-k", words)
        a.api_cli(*words[1:])
        c.join(a)
        for d in (a, c):
            wait_for("bob's key at " + d.name, lambda: keys(d).get("bob", {}).get("how") == "collective")
            check(keys(d)["bob"]["fingerprint"] == keys(b)["bob"]["fingerprint"], keys(d))
        cap = forge(b, "new", V2, seed=STRANGER, author="bob")
        link(b, "new", cap)
        wait_for("a word about it", lambda: keys(c)["bob"]["state"] == "changed")
        check(c.read("new") is None, "applied without a question")
        w.stop()


def case_changed():
    """what another key signed is reported and not applied until it is accepted"""
    with World() as w:
        a, b = w.pair()
        both_published(a, b)
        old = b.personal()["from-b"]["ro"]
        b.stop()
        b.start()
        edit = forge(b, "from-b", V2, seed=STRANGER, parents=[old])
        new = forge(b, "new", V3, seed=STRANGER)
        link(b, "from-b", edit)
        link(b, "new", new)
        wait_for("a word about it", lambda: keys(a)["bob"]["state"] == "changed")
        a.poll()
        check(a.read("from-b") == V1 and a.read("new") is None, "applied without a question")
        print_ = keys(a)["bob"]["changed"][0]
        check(print_["shown_by"] == "bob" and print_["files"] in (1, 2), print_)
        wait_for("both files", lambda: keys(a)["bob"]["changed"][0]["files"] == 2)
        check(len(problems(a)) == 1 and "magic-folder trust bob" in problems(a)[0][1], problems(a))
        check("magic-folder trust bob" in a.cli("status"), "status")
        check("magic-folder trust -n f bob" in a.cli("doctor", code=1), "doctor")
        check("CHANGED" in a.cli("participants"), "participants")
        a.write("goes on", V1)
        b.wait("goes on", V1)
        # a restart forgets nothing
        a.stop()
        a.start()
        wait_for("the word after a restart", lambda: keys(a)["bob"]["state"] == "changed")
        check(a.read("from-b") == V1 and a.read("new") is None, "applied after a restart")
        a.cli("trust", "--fingerprint", "aaaa-bbbb", "bob", code=1)
        check("no such key" in a.stderr, a.stderr)
        a.cli("trust", "bob", code=1)  # nothing on standard input
        check(a.read("new") is None, "applied by mistake")
        said = a.cli("trust", "bob", stdin=print_["fingerprint"].upper().replace("-", " ").encode() + b"\n")
        check("Accepted" in said, said)
        a.wait("from-b", V2)
        a.wait("new", V3)
        check(keys(a)["bob"]["state"] == "pinned" and keys(a)["bob"]["how"] == "user", keys(a)["bob"])
        wait_for("no problem left", lambda: problems(a) == [])
        w.stop()


def case_went_back():
    """a directory put back to an older version is not believed, and the error clears itself"""
    with World() as w:
        a, b = w.pair()
        both_published(a, b)
        path = w.share_path(b.secrets()["upload_dircap"])
        shutil.copy(path, path + ".old")
        os.rename(path + ".old", os.path.join(w.base, "old"))
        b.write("from-b", V2)
        a.wait("from-b", V2)
        wait_for("a poll", lambda: a.poll() is not None)
        b.stop()
        shutil.copy(path, os.path.join(w.base, "new"))
        shutil.copy(os.path.join(w.base, "old"), path)
        a.poll()
        wait_for("a word about it", lambda: any("went back" in text for _, text in problems(a)))
        check(a.read("from-b") == V2 and a.conflicts() == {}, a.conflicts())
        a.stop()
        a.start()
        wait_for("the word after a restart", lambda: any("went back" in text for _, text in problems(a)))
        check(a.read("from-b") == V2, "went back with it")
        shutil.copy(os.path.join(w.base, "new"), path)
        a.poll()
        wait_for("it to clear", lambda: problems(a) == [])
        b.start()
        b.write("from-b", V3)
        a.wait("from-b", V3)
        w.stop()


def case_exchanged():
    """another directory under the same name did not go back; who signs in it is asked about"""
    with World() as w:
        a, b = w.pair()
        both_published(a, b)
        for i in range(5):
            b.write("from-b", b"%d " % i * 100)
            a.wait("from-b", b"%d " % i * 100)
        b.stop()
        other = b.grid("mkdir")
        b.start()
        new = forge(b, "new", V2, seed=STRANGER, author="bob")
        b.grid("ln", other, "new", new)
        a.grid("ln", "--replace", a.secrets()["collective_dircap"], "bob", read_cap(other))
        wait_for("a word about the key", lambda: keys(a)["bob"]["state"] == "changed")
        check(not any("went back" in text for _, text in problems(a)), problems(a))
        check(a.read("new") is None and a.read("from-b") is not None, sorted(a.tree()))
        a.stop()
        a.start()
        wait_for("the word after a restart", lambda: keys(a)["bob"]["state"] == "changed")
        check(not any("went back" in text for _, text in problems(a)), problems(a))
        w.stop()


def clone(w, a):
    """A second device with a copy of a's configuration, as from a backup, and an empty folder of its own."""
    c = w.device("clone")
    a.stop()
    shutil.copytree(a.config, c.config)
    db = sqlite3.connect(os.path.join(c.config, "global.sqlite"))
    for name, where in db.execute("SELECT name, location FROM magic_folders").fetchall():
        there = where.replace(a.config, c.config)
        db.execute("UPDATE magic_folders SET location = ? WHERE name = ?", (there, name))
        state = sqlite3.connect(os.path.join(there, "state.sqlite"))
        state.execute("UPDATE config SET magic_directory = ?, stash_path = ?",
                      (c.folder, os.path.join(there, "stash")))
        state.execute("DELETE FROM mf_root")
        state.commit()
        state.close()
    db.commit()
    db.close()
    shutil.rmtree(c.folder)
    shutil.copytree(a.folder, c.folder)
    a.start()
    return c


def case_two_with_one_configuration():
    """two devices with one configuration: what one publishes is not published over by the other"""
    with World() as w:
        a, b = w.pair()
        both_published(a, b)
        c = clone(w, a)
        b.stop()
        c.start()
        wait_for("both to be read", lambda: c.poll() is not None)
        old = c.personal()["from-a"]["ro"]
        c.write("from-a", V2)
        c.write("only-clone", V3)
        c.scan()
        wait_for("the clone to publish", lambda: "only-clone" in c.personal() and c.personal()["from-a"]["ro"] != old)
        a.write("from-a", V3)
        a.scan()
        wait_for("a to see the other's edit", lambda: any(
            name.startswith(b"from-a.conflict-") and data == V2 for name, data in a.tree().items()), 30)
        check(a.read("from-a") == V3, "a's own edit")
        a.wait("only-clone", V3)
        b.start()
        b.wait("only-clone", V3)
        wait_for("what the clone published first, at bob", lambda: V2 in b.tree().values())
        w.stop()


if __name__ == "__main__":
    main([f for name, f in sorted(globals().items()) if name.startswith("case_")])
