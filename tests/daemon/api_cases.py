"""The control surface, by the cases of golden/api-cases.json (recorded from the Python program), on real daemons.

`ours` counts where it is given.  Cases of later versions' commands and calls are left out by name; those that our
`init` answers differently (it has defaults) are in OURS below.
"""
import json, os, re, socket, sys, time

SRC = os.environ.get("MF_SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(SRC, "tests", "e2e"))
from mf import SLOW, World, check, main, wait_for

with open(os.path.join(SRC, "tests", "golden", "api-cases.json")) as f:
    CASES = json.load(f)["cases"]

# Words in a case's name or path that belong to later versions.
LATER_PATHS = ("/snapshot", "/recent-changes", "/tahoe-objects", "/config/", "/experimental/magic-folder")
LATER_COMMANDS = ("invite", "join", "set-config", "add-snapshot", "dump-state", "monitor", "create-invite",
                  "list-invites", "await-invite", "cancel-invite", "accept-invite")
# The recording is ahead of these: their files come from snapshot calls.
LATER_IDS = {"file-status-after-snapshot", "file-status-after-scan", "file-status-deleted"}
# `init` has defaults for both options now (docs/api.md).
OURS = {"cli-init-no-listen", "cli-init-no-node"}

SHAPES = {
    "$str": lambda v: isinstance(v, str),
    "$int": lambda v: type(v) is int,
    "$number": lambda v: type(v) in (int, float),
    "$bool": lambda v: type(v) is bool,
    "$base32": lambda v: isinstance(v, str) and re.fullmatch("[A-Z2-7]{52}====", v),
    "$dir2": lambda v: isinstance(v, str) and v.startswith("URI:DIR2:"),
    "$dir2-ro": lambda v: isinstance(v, str) and v.startswith("URI:DIR2-RO:"),
}


def fill(v, names):
    """Replace {{placeholders}} in all strings."""
    if isinstance(v, str):
        return re.sub(r"\{\{(.*?)\}\}", lambda m: names[m.group(1)], v)
    if isinstance(v, list):
        return [fill(x, names) for x in v]
    if isinstance(v, dict):
        return {fill(k, names): fill(x, names) for k, x in v.items()}
    return v


def shaped(v, shape):
    if isinstance(shape, str) and shape in SHAPES:
        return bool(SHAPES[shape](v))
    if isinstance(shape, dict):
        return isinstance(v, dict) and v.keys() == shape.keys() and all(shaped(v[k], shape[k]) for k in shape)
    return v == shape


def raw_request(device, r):
    """Exactly the bytes that the case asks for: http.client would mend them."""
    auth = r.get("auth", ["Bearer " + device.token])
    body = r.get("body", "")
    if "json" in r:
        body = json.dumps(r["json"])
    body = body.encode("utf-8", "surrogatepass")
    head = "%s %s HTTP/%s\r\nHost: invalid.\r\nConnection: close\r\n" % (
        r["method"], "".join(c if ord(c) < 128 else "".join("%%%02X" % b for b in c.encode()) for c in r["path"]),
        r.get("version", "1.1"))
    for a in auth or []:
        head += "Authorization: %s\r\n" % a
    for k, v in r.get("headers", {}).items():
        head += "%s: %s\r\n" % (k, v)
    if body or r["method"] in ("POST", "PUT", "DELETE"):
        head += "Content-Length: %d\r\n" % len(body)
    with socket.create_connection((device.host, device.port), timeout=30 * SLOW) as s:
        s.sendall(head.encode("latin-1") + b"\r\n" + body)
        data = b""
        while True:
            chunk = s.recv(65536)
            if not chunk:
                break
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        k, _, v = line.partition(": ")
        fields[k.lower()] = v
    return int(lines[0].split()[1]), fields, body


def path_in(v, path):
    for k in path:
        if not isinstance(v, dict) or k not in v:
            return False
        v = v[k]
    return True


def judge_http(want, status, fields, body, is_head):
    if "status" in want:
        check(status == want["status"], "status", status, body)
    if "status_any" in want:
        check(status in want["status_any"], "status", status, body)
    if not is_head:
        check(int(fields["content-length"]) == len(body), "Content-Length", fields, len(body))
    if want.get("empty"):
        check(body == b"", body)
    if "content_type" in want:
        check(fields.get("content-type", "").split(";")[0] == want["content_type"], fields)
    for name in want.get("absent_headers", []):
        check(name not in fields, fields)
    if "allow" in want:
        check({a.strip() for a in fields["allow"].split(",")} == set(want["allow"]), fields)
    if "body" in want:
        check(body.decode() == want["body"], body)
    if want.get("ascii"):
        check(body.isascii(), body)
    known = {"json", "json_shape", "json_has_path", "json_lacks_path", "json_key_order", "reason_prefix",
             "reason_contains", "has_reason", "json_length", "json_contains_item"}
    if not known & want.keys():
        return
    v = json.loads(body)
    if "json" in want:
        check(v == want["json"], v)
    if "json_shape" in want:
        check(shaped(v, want["json_shape"]), v)
    if "json_key_order" in want:
        check(list(v) == want["json_key_order"], list(v))
    if "json_has_path" in want:
        check(path_in(v, want["json_has_path"]), v)
    if "json_lacks_path" in want:
        check(not path_in(v, want["json_lacks_path"]), v)
    if "reason_prefix" in want:
        check(v["reason"].startswith(want["reason_prefix"]), v)
    if "reason_contains" in want:
        check(want["reason_contains"] in v["reason"], v)
    if want.get("has_reason"):
        check(isinstance(v["reason"], str) and v["reason"], v)
    if "json_length" in want:
        check(len(v) == want["json_length"], v)


def before(device, steps, names):
    for step in fill(steps, names):
        what = step["do"]
        if what == "mkdir":
            os.makedirs(step["path"], exist_ok=True)
        elif what == "write":
            os.makedirs(os.path.dirname(step["path"]), exist_ok=True)
            with open(step["path"], "w") as f:
                f.write(step["text"])
        elif what == "unlink":
            os.unlink(step["path"])
        elif what == "add":
            device.api("POST", "/v1/magic-folder", {
                "name": step["name"], "author_name": step["author"], "local_path": step["path"],
                "poll_interval": step["poll"], "scan_interval": step["scan"]})
        elif what == "scan":
            device.scan(step["folder"])
        elif what == "assert-exists":
            check(os.path.exists(step["path"]), "gone:", step["path"])
        elif what == "sleep":
            pass  # the recording waited for Tahoe
        elif what == "wait-uploads":
            wait_for("uploads", lambda: device.api("GET", "/v1/status-summary")["folders"][step["folder"]]
                     ["uploads_queued"] == 0)
        else:
            raise AssertionError(what)


def http_group(group):
    failures, ran = [], 0
    with World() as w:
        d = w.device("device")
        d.init()
        d.start()
        names = {"token": d.token, "dir": d.base, "cfg": d.config}
        for c in (c for c in CASES if c["kind"] == "http" and c["group"] == group):
            try:
                if c["id"] in LATER_IDS or any(p in c["request"]["path"] for p in LATER_PATHS):
                    continue
                before(d, c.get("before", []), names)
                r = fill(c["request"], names)
                want = fill(c.get("ours", c["expect"]), names)
                judge_http(want, *raw_request(d, r), r["method"] == "HEAD")
                ran += 1
            except Exception as e:
                failures.append("%s: %s %s" % (c["id"], type(e).__name__, e))
        w.stop()
    check(not failures, "\n".join(failures))
    return ran


def case_auth():
    """the token is asked for, exactly"""
    check(http_group("auth") == 17)


def case_routing():
    """routes, methods, HEAD, HTTP/1.0"""
    check(http_group("routing") >= 24)


def case_add_folder():
    """POST and GET /v1/magic-folder"""
    check(http_group("add-folder") == 37)


def case_folder():
    """calls on one folder, and leaving it"""
    check(http_group("folder") >= 25)


def cli_group(group, device, names):
    failures, ran = [], 0
    for c in (c for c in CASES if c["kind"] == "cli" and c["group"] == group):
        argv = fill(c["argv"], names)
        if any(a in LATER_COMMANDS for a in argv) or c["id"] in OURS:
            continue
        before(device, c.get("before", []), names)
        want = fill(c.get("ours", c["expect"]), names)
        # Device.run() puts --config before; the case's own --config, coming later, wins
        out = device.run(c["tool"], *argv, code=None)
        try:
            check(device.code == want["rc"], "exit", device.code, out, device.stderr)
            if "stdout" in want:
                check(out == want["stdout"], repr(out))
            if "stdout_prefix" in want:
                check(out.startswith(want["stdout_prefix"]), repr(out))
            if "stdout_regex" in want:
                check(re.search(want["stdout_regex"], out), repr(out))
            if "stderr" in want:
                check(device.stderr == want["stderr"], repr(device.stderr))
            if "stdout_json_shape" in want:
                got = json.loads(out)
                got.pop("grid", None)  # ours
                check(shaped(got, want["stdout_json_shape"]), out)
            for path in want.get("files", []):
                check(os.path.exists(path), path)
            for path in want.get("absent", []):
                check(not os.path.exists(path), path)
            for word in want.get("stdout_json_has", []):
                check(word in json.dumps(json.loads(out)), out)
            ran += 1
        except Exception as e:
            failures.append("%s: %s" % (c["id"], e))
    check(not failures, "\n".join(failures))
    return ran


def cli_names(d):
    with open(os.path.join(d.config, "api_token")) as f:
        return {"token": f.read(), "dir": d.base, "cfg": d.config, "node": os.path.join(d.base, "node")}


def case_cli_without_daemon():
    """commands, options, texts and exit codes without a daemon"""
    with World() as w:
        d = w.device("device")
        d.init("--node-directory", os.path.join(d.base, "node"))
        check(cli_group("cli-none", d, cli_names(d)) >= 35)


def case_cli_with_daemon():
    """commands against a running daemon"""
    with World() as w:
        d = w.device("device")
        d.init()
        d.start()
        check(cli_group("cli-running", d, cli_names(d)) >= 12)
        w.stop()


def case_empty_environment():
    """nothing depends on the environment; GridSync's way of starting"""
    import subprocess
    from mf import program
    with World() as w:
        d = w.device("device")
        argv = [program("magic-folder"), "--eliot-fd=2", "--config=" + d.config]
        r = subprocess.run(argv + ["--version"], env={}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        check(r.returncode == 0 and re.fullmatch(rb"Magic Folder version [0-9.]+\n", r.stdout), r)
        r = subprocess.run(argv + ["init", "-l", "tcp:0:interface=127.0.0.1", "--grid", "dir:" + w.store], env={},
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(r.returncode == 0, r)
        p = subprocess.Popen(argv + ["run"], env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        try:
            text = b""
            while b"Completed initial Magic Folder setup" not in text:
                chunk = os.read(p.stdout.fileno(), 65536)
                check(chunk, "it ended:", text)
                text += chunk
            with open(os.path.join(d.config, "api_client_endpoint")) as f:
                check(re.fullmatch(r"tcp:127\.0\.0\.1:\d+\n", f.read()))
            begin = time.monotonic()
            p.stdin.close()  # GridSync is gone
            check(p.wait(5 * SLOW) == 0)
            check(time.monotonic() - begin < 2 * SLOW, "slow to end")
        finally:
            p.kill()
        with open(os.path.join(d.config, "api_client_endpoint")) as f:
            check(f.read() == "not running\n")
        check(not os.path.exists(os.path.join(d.config, "running.process")))


def case_node_grid_waits():
    """a Tahoe node as grid that is not there: the daemon runs and says so, and no folder is added"""
    with World() as w:
        d = w.device("device")
        d.cli("init", "-l", "tcp:0:interface=127.0.0.1", "-n", "/nonexistent/node")
        d.start()
        sentence = "the Tahoe-LAFS node's directory /nonexistent/node: No such file or directory"
        check(sentence in d.cli("status"), d.cli("status"))
        check(d.cli("list").strip() == "No magic-folders", d.cli("list"))
        d.cli("add", "--name", "f", "--author", "x", d.folder, code=1)
        check(sentence in d.stderr, d.stderr)
        check(d.api("GET", "/v1/magic-folder") == {}, "added all the same")
        check(not [n for n in os.listdir(d.config) if n.startswith("folder-")], os.listdir(d.config))
        d.stop()


def case_configuration_held():
    """another program holding global.sqlite for ten seconds: a folder is added afterwards, and stopping works"""
    import sqlite3, threading
    with World() as w:
        d = w.device("device")
        d.init()
        d.start()
        db = sqlite3.connect(os.path.join(d.config, "global.sqlite"), timeout=20)
        db.execute("BEGIN IMMEDIATE")
        adding = threading.Thread(target=lambda: d.add())
        begin = time.monotonic()
        adding.start()
        while time.monotonic() - begin < 10:
            asked = time.monotonic()
            check(d.api("GET", "/v1/magic-folder") == {}, "added while locked?")
            check(time.monotonic() - asked < 0.5 * SLOW, "the API waits for the lock")
            time.sleep(0.5)
        db.rollback()
        db.close()
        adding.join(20 * SLOW)
        check(list(d.api("GET", "/v1/magic-folder")) == ["f"])
        db = sqlite3.connect(os.path.join(d.config, "global.sqlite"), timeout=20)
        db.execute("BEGIN IMMEDIATE")
        check(d.stop() < 0.5 * SLOW, "slow to end beside a lock")
        db.rollback()
        db.close()
        with open(os.path.join(d.config, "api_client_endpoint")) as f:
            check(f.read() == "not running\n")


def case_python_made_configuration():
    """a configuration without our own files and tables gets them"""
    import shutil, sqlite3
    with World() as w:
        d = w.device("device")
        d.init()
        shutil.rmtree(os.path.join(d.config, "private"))
        os.unlink(os.path.join(d.config, "api_token"))
        db = sqlite3.connect(os.path.join(d.config, "global.sqlite"))
        db.execute("PRAGMA journal_mode = delete")
        db.executescript("DELETE FROM mf_config; DROP TABLE mf_folder_grid")
        db.execute("INSERT INTO mf_config VALUES ('grid', ?)", ("dir:" + w.store,))
        db.commit()
        db.close()
        d.start()
        d.add()
        w.stop()


def case_store_comes_back():
    """a store that cannot be opened at start: the API says so, and work resumes when it is back"""
    with World() as w:
        d = w.device("device")
        d.init()
        d.start()
        d.add()
        d.stop()
        os.rename(w.store, w.store + ".away")
        open(w.store, "w").close()
        d.start()
        status, said = d.request("PUT", d.of("f", "scan-local"))
        check(status == 500 and "not running" in said["reason"], status, said)
        check(list(d.api("GET", "/v1/magic-folder")) == ["f"])
        check("cannot be used" in d.cli("status") and "WRONG" in d.cli("doctor", code=1))
        os.unlink(w.store)
        os.rename(w.store + ".away", w.store)
        wait_for("the folder to run", lambda: d.request("PUT", d.of("f", "scan-local"))[0] == 200, 20)
        w.stop()


def case_closed_input():
    """a closed standard input is watched by nobody, and its number is not given to something else"""
    import signal, subprocess
    from mf import die_with_parent, program
    with World() as w:
        d = w.device("device")
        d.init()

        def close_input():
            die_with_parent()
            os.close(0)
        with open(d.log, "wb") as log:
            d.seen = 0
            d.process = subprocess.Popen([program("magic-folder"), "--config", d.config, "run"], stdout=log, stderr=log,
                                         preexec_fn=close_input)
        wait_for("readiness", d.ready)
        check(os.readlink("/proc/%d/fd/0" % d.process.pid) == "/dev/null")
        time.sleep(0.3)
        d.api("GET", "/v1/magic-folder")
        w.stop()


def case_unix_socket():
    """the same over a unix socket, twice"""
    with World() as w:
        d = w.device("device")
        sock = os.path.join(w.base, "sock")
        d.cli("init", "--grid", "dir:" + w.store, "-l", "unix:" + sock)
        for _ in range(2):
            d.launch()
            wait_for("readiness", lambda: "Completed initial" in d.new_log())
            check(d.cli("list") == "No magic-folders")
            check(os.stat(sock).st_mode & 0o777 == 0o600)
            d.stop()
            check(not os.path.exists(sock))


def case_show_config_and_doctor():
    """show-config and doctor with and without the daemon"""
    with World() as w:
        d = w.device("device")
        d.cli("doctor", code=1)
        d.init()
        d.cli("doctor")
        d.start()
        d.add()
        shown = json.loads(d.cli("show-config"))
        check(shown["magic_folders"]["f"]["author_name"] == "device", shown)
        check(shown["grid"] == "dir:" + w.store, shown)
        report = json.loads(d.cli("doctor", "--json"))
        check(report["ok"] and {f["check"] for f in report["findings"]} >= {
            "configuration", "permissions", "secrets", "databases", "endpoint", "daemon", "store", "folders",
            "watching", "clock"}, report)
        os.chmod(os.path.join(d.config, "api_token"), 0o644)
        os.rename(d.folder, d.folder + ".away")
        out = d.cli("doctor", code=1)
        check("WRONG permissions" in out and "WRONG folders" in out, out)
        check("magic-folder-" not in "".join(os.listdir(d.folder + ".away")), "leftovers")
        status = json.loads(d.cli("status", "--json"))
        check(status["folders"]["f"]["error"] is None and "bytes_used" in status["grids"][0], status)
        check("up to date" not in d.cli("status"))
        w.stop()


def case_settings_by_either_way():
    """each setting: set by the command and by the API, shown by both, kept over a restart; refused by both alike"""
    chosen = {"merge": ("text", "text"), "paused": ("yes", True), "poll_interval": ("31", 31),
              "scan_interval": ("never", None), "confirm_deletes": ("never", "never")}
    with World() as w:
        d = w.device("device")
        d.init()
        d.start()
        d.add()

        def shown():
            s = d.api("GET", d.of("f", "settings"))
            check(s == json.loads(d.cli("set", "--json", "f")), "command and API differ")
            return {k: v["value"] for k, v in s.items()}
        standard = {k: v["default"] for k, v in d.api("GET", d.of("f", "settings")).items()}
        check(set(standard) == set(chosen) and shown() == standard, standard)
        for key, (text, value) in chosen.items():
            d.cli("set", "f", "%s=%s" % (key, text))
            check(shown() == dict(standard, **{key: value}), key, shown())
            check(re.search(r"^%s\W+%s\b" % (key, text), d.cli("set", "f"), re.M), d.cli("set", "f"))
            d.api("PUT", d.of("f", "settings"), {key: standard[key]})
            check(shown() == standard, key, shown())
        d.api("PUT", d.of("f", "settings"), {k: v for k, (_, v) in chosen.items()})
        d.stop()
        d.start()
        check(shown() == {k: v for k, (_, v) in chosen.items()}, shown())
        folder = d.api("GET", "/v1/magic-folder")["f"]
        check(folder["poll_interval"] == 31 and folder["scan_interval"] is None, folder)
        check(json.loads(d.cli("status", "--json"))["folders"]["f"]["paused"], "paused")
        d.cli("resume", "f")
        now = shown()
        check(now["paused"] is False, now)
        for key, text in (("poll_interval", "0"), ("merge", "yes"), ("no_such", "1"), ("executable", "no")):
            d.cli("set", "f", "merge=ask", "%s=%s" % (key, text), code=1)
            answer = d.api("PUT", d.of("f", "settings"), {"merge": "ask", key: text}, want=400)
            check(answer["reason"] in d.stderr, answer, d.stderr)
        check(shown() == now, "half of a refused change was made")
        w.stop()


def case_help_teaches():
    """every command has a help, on standard output, with exit 0"""
    with World() as w:
        d = w.device("device")
        for tool in ("magic-folder", "magic-folder-api"):
            text = d.run(tool, "--help")
            commands = re.findall(r"^  ([a-z-]+)  +\S", text.split("Commands:")[1], re.M)
            check(len(commands) >= 6, text)
            with open(os.path.join(SRC, "docs", tool + ".1")) as f:
                page = f.read().replace("\\-", "-")
            for c in commands:
                usage = d.run(tool, c, "--help")
                check(usage.startswith("Usage: %s " % tool), c)
                check(re.search(r'^\.SS "?%s\b' % c, page, re.M), "not in the manual:", c)
                for option in re.findall(r"--([a-z-]+)", usage.split("Options:")[-1]):
                    check("--" + option in page, "not in the manual:", c, option)
        for verb in ("put", "get", "ls", "mkdir", "ln", "info", "check"):
            check(d.cli("grid", verb, "--help").startswith("Usage: magic-folder grid"), verb)
        d.cli("grid", "put", code=2)
        check(d.stderr.startswith("Error: "), d.stderr)


def case_grid_commands():
    """grid mkdir, put, ln, ls, get, info, check"""
    with World() as w:
        d = w.device("device")
        d.init()
        root = d.grid("mkdir")
        big = os.path.join(w.base, "big")
        with open(big, "wb") as f:
            f.write(b"0123456789" * 30000)
        cap = d.grid("put", big)
        check(cap == d.cli("grid", "put", "-", stdin=b"0123456789" * 30000).strip(), "stdin differs")
        d.grid("ln", root, "big", cap)
        d.grid("ln", root, "big", cap, code=1)
        d.grid("ln", "--replace", root, "big", cap)
        read = json.loads(d.grid("info", "--json", root))["read_capability"]
        check(d.cli("grid", "ls", "-", stdin=read.encode() + b"\n") == "big\t%s\n" % cap)
        check(d.cli("grid", "get", cap) == "0123456789" * 30000)
        check(d.cli("grid", "get", "--offset", "9", "--length", "3", cap) == "901")
        out = os.path.join(w.base, "out")
        d.grid("get", cap, out)
        with open(out, "rb") as f:
            check(f.read() == b"0123456789" * 30000)
        check("healthy: yes" in d.grid("check", cap))
        check("healthy: yes" in d.grid("check", root))
        d.grid("ln", "--remove", root, "big")
        check(d.cli("grid", "ls", root) == "")
        share = w.share_path(cap)
        with open(share, "r+b") as f:
            f.seek(2000)
            f.write(b"damage")
        check("healthy: no" in d.grid("check", cap, code=1))
        os.unlink(out)
        d.grid("get", cap, out, code=1)
        check(d.stderr and not os.path.exists(out), "a half file was left")
        check("bytes_free" in d.grid("info"))


if __name__ == "__main__":
    main([f for name, f in sorted(globals().items()) if name.startswith("case_")])
