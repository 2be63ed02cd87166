"""Our wormhole and the real programs: Debian's magic-wormhole and its mailbox server, through a gate that can cut
connections, speak TLS, and be talked to as a proxy.  tests/wormhole/talk is our side."""
import atexit, base64, hashlib, json, os, re, shutil, socket, sqlite3, ssl, struct, subprocess, tempfile, threading

from mf import Failed, SLOW, check, die_with_parent, main, program, wait_for

APPID = "private.storage/magic-folder/invites"
TMP = tempfile.mkdtemp(prefix="mf-wormhole-")


class Process:
    """A program with its output in a file, and lines to its input."""

    def __init__(self, name, argv, **env):
        self.path = os.path.join(TMP, name)
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=open(self.path, "wb"), stderr=subprocess.STDOUT,
                                      preexec_fn=die_with_parent, cwd=TMP, env={**os.environ, "HOME": TMP, **env})

    def output(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def say(self, line):
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()

    def hear(self, pattern):
        """The first match in what it printed; waited for."""
        return wait_for(lambda: "%s, but it printed:\n%s" % (pattern, self.output()),
                        lambda: re.search(pattern, self.output(), re.M), 60)

    def end(self, code=0):
        try:
            got = self.child.wait(60 * SLOW)
        except subprocess.TimeoutExpired:
            raise Failed("does not end; printed:\n%s" % self.output())
        check(got == code, "ended with", got, "and printed:\n", self.output())

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


class Gate:
    """Accepts connections and carries them to the server: plainly, as a TLS end, or as a proxy (CONNECT)."""

    def __init__(self, port, tls=None, proxy=False):
        self.to, self.tls, self.proxy, self.pairs, self.asked = port, tls, proxy, [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            a, _ = self.listener.accept()
            threading.Thread(target=self.carry, args=(a,), daemon=True).start()

    def carry(self, a):
        try:
            if self.tls is not None:
                a = self.tls.wrap_socket(a, server_side=True)
            if self.proxy:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += a.recv(4096)
                self.asked.append(head.split(b"\r\n")[0].decode())
                a.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
            b = socket.create_connection(("127.0.0.1", self.to))
            self.pairs.append((a, b))
            threading.Thread(target=self.pump, args=(b, a), daemon=True).start()
            self.pump(a, b)
        except OSError:
            a.close()

    @staticmethod
    def pump(a, b):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                b.sendall(data)
        except (OSError, ValueError):
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def url(self):
        return "%s://127.0.0.1:%d/v1" % ("ws" if self.tls is None else "wss", self.port)


class Server:
    """The mailbox server of Debian, on one database."""
    count = 0

    def __init__(self):
        Server.count += 1
        self.process = Process("server%d" % Server.count, [
            "twistd3", "--nodaemon", "--pidfile=", "wormhole-mailbox", "--port", "tcp:0:interface=127.0.0.1",
            "--channel-db", os.path.join(TMP, "channel.sqlite"), "--usage-db", os.path.join(TMP, "usage.sqlite")])
        self.port = int(self.process.hear(r"starting on (\d+)")[1])

    def mood(self):
        """How the last mailbox ended, as the server has noted it."""
        with sqlite3.connect(os.path.join(TMP, "usage.sqlite")) as db:
            rows = db.execute("SELECT result FROM mailboxes ORDER BY rowid").fetchall()
        return rows[-1][0] if rows else None


SERVER = Server() if shutil.which("wormhole") and shutil.which("twistd3") else None
GATE = Gate(SERVER.port) if SERVER else None
SERIAL = [0]


def ours(url=None, *options, appid=APPID, **env):
    SERIAL[0] += 1
    return Process("ours%d" % SERIAL[0], [program("tests/wormhole/talk"), *options, url or GATE.url(), appid], **env)


def theirs(*args):
    SERIAL[0] += 1
    return Process("theirs%d" % SERIAL[0], ["wormhole", "--relay-url", GATE.url(), "--appid", APPID, *args])


def two_of_ours(a, b, code=None):
    """From a code to the end; @return what both printed."""
    if code is None:
        a.say("allocate")
        code = a.hear(r"^code (.+)$")[1]
    else:
        a.say("code " + code)
    b.say("code " + code)
    a.say("send one from a")
    b.say("send one from b")
    check(a.hear("^verified (.+)$")[1] == b.hear("^verified (.+)$")[1], "two verifiers")
    a.hear("^message one from b$")
    b.hear("^message one from a$")
    a.say("close")
    b.say("close")
    a.hear("^closed happy 0")
    b.hear("^closed happy 0")
    a.end()
    b.end()


def ours_and_ours():
    """two of ours through their server: code, list, messages both ways, a happy end that the server notes"""
    a, b = ours(), ours()
    a.say("allocate")
    code = a.hear(r"^code (.+)$")[1]
    check(re.fullmatch(r"\d+-[a-z]+-[a-z]+", code), "no code:", code)
    b.say("list")
    check(code.split("-")[0] in json.loads(b.hear("^nameplates (.*)$")[1]), "not listed")
    b.say("code foo-bar")
    b.hear("^refused the code must begin with a number")
    b.say("code " + code)
    a.say("send größer, " + "x" * 100000)
    b.hear("^message größer, x{100000}$")
    b.say("send 2")
    a.hear("^message 2$")
    for p in (a, b):
        p.say("close")
        p.hear("^closed happy 0")
        p.end()
    wait_for("the server notes it", lambda: SERVER.mood() == "happy")


def texts_of_theirs():
    """their send against our receiving, our sending against their receive"""
    a = ours()
    a.say("code 701-foo-bar")
    sender = theirs("send", "--code", "701-foo-bar", "--text", "hello from python")
    b = ours()
    b.say("allocate")
    receiver = theirs("receive", "--only-text", b.hear("^code (.+)$")[1])
    check(json.loads(a.hear("^message (.*)$")[1]) == {"offer": {"message": "hello from python"}}, "what came")
    a.say('send {"answer": {"message_ack": "ok"}}')
    a.say("close")
    a.hear("^closed happy 0")
    sender.end()
    check("text message sent" in sender.output(), sender.output())
    b.say('send {"offer": {"message": "hello from C"}}')
    check(json.loads(b.hear("^message (.*)$")[1]) == {"answer": {"message_ack": "ok"}}, "what came back")
    b.say("close")
    b.hear("^closed happy 0")
    receiver.end()
    check("hello from C" in receiver.output(), receiver.output())
    a.end()
    b.end()


def wrong_codes():
    """a wrong code on their side, and on ours: scary on both"""
    a, b = ours(), ours()
    a.say("code 702-right-code")
    sender = theirs("send", "--code", "702-wrong-code", "--text", "nobody reads this")
    b.say("allocate")
    plate = b.hear(r"^code (\d+)-")[1]
    receiver = theirs("receive", "--only-text", plate + "-wrong-code")
    for p in (a, b):
        check("wrong code" in p.hear("^closed scary 0 (.*)$")[1], p.output())
        check("message" not in p.output(), p.output())
        p.end()
    for p in (sender, receiver):
        p.end(1)
        check("authenticate" in p.output() or "onfirmation" in p.output(), p.output())
    wait_for("the server notes it", lambda: SERVER.mood() == "scary")


def connections_cut():
    """connections cut again and again: everything arrives, once"""
    a, b = ours(), ours()
    a.say("allocate")
    b.say("code " + a.hear("^code (.+)$")[1])
    a.hear("^verified")
    for i in range(3):
        GATE.cut()
        a.say("send %d from a" % i)
        b.say("send %d from b" % i)
        a.hear("^message %d from b$" % i)
        b.hear("^message %d from a$" % i)
    for p in (a, b):
        check(len(re.findall("^message", p.output(), re.M)) == 3, p.output())
        check(len(re.findall("^down", p.output(), re.M)) >= 3, p.output())
        p.say("close")
    for p in (a, b):
        p.hear("^closed happy 0")
        p.end()


def server_restarted():
    """the server restarted between the two, our process too, with what it had saved; a mailbox forgotten meanwhile is noticed"""
    global SERVER
    saved = os.path.join(TMP, "saved")
    a, forgotten = ours(None, "--saved", saved), ours(appid="forgotten")
    for p in (a, forgotten):
        p.say("allocate")
    code = a.hear("^code (.+)$")[1]
    for p in (a, forgotten):
        wait_for("our pake is there", lambda: p.output().count("changed") >= 2)
    a.say("send before the restart")
    wait_for("it is saved", lambda: b"before the restart".hex() in open(saved).read())
    a.say("quit")
    a.end()
    SERVER.process.kill()
    with sqlite3.connect(os.path.join(TMP, "channel.sqlite")) as db:  # as the pruner does after eleven minutes
        for table in ("nameplate_sides", "nameplates", "mailbox_sides", "messages", "mailboxes"):
            key = {"nameplate_sides": "nameplates_id IN (SELECT id FROM nameplates WHERE app_id = 'forgotten')",
                   "mailbox_sides": "mailbox_id IN (SELECT id FROM mailboxes WHERE app_id = 'forgotten')"}
            db.execute("DELETE FROM %s WHERE %s" % (table, key.get(table, "app_id = 'forgotten'")))
    a = ours(None, "--saved", saved)  # nobody is there yet: it goes on trying
    SERVER = Server()
    GATE.to = SERVER.port
    b = ours()
    b.say("code " + code)
    b.hear("^message before the restart$")
    b.say("send after it")
    a.hear("^message after it$")
    for p in (a, b):
        p.say("close")
        p.hear("^closed happy 0")
        p.end()
    check("expired" in forgotten.hear("^closed expired 0 (.*)$")[1], forgotten.output())
    forgotten.end()


def crowded():
    """a third side is told, and the two that were there go on"""
    a, b, c = ours(), ours(), ours()
    a.say("code 703-a-b")
    b.say("code 703-a-b")
    a.hear("^verified")
    b.hear("^verified")
    c.say("code 703-a-b")  # the nameplate was released: a new mailbox, and nobody comes
    c.hear("^changed")
    c.say("close")
    c.hear("^closed lonely 0")
    a.say("send still here")
    b.hear("^message still here$")
    for p in (a, b):
        p.say("close")
        p.hear("^closed happy 0")
    for p in (a, b, c):
        p.end()
    d, e, f = ours(appid="x"), ours(appid="x"), ours(appid="x")
    d.say("code 704-a-b")
    d.hear("^changed")
    other = socket.create_connection(("127.0.0.1", SERVER.port))  # a second side that claims and says nothing
    try:
        lonely_side(other, "704")
        e.say("code 704-a-b")
        check("nameplate" in e.hear("^closed crowded 0 (.*)$")[1], e.output())
    finally:
        other.close()
    for p in (d, f):
        p.say("close")
        p.hear("^closed (lonely|crowded) 0")
    for p in (d, e, f):
        p.end()


def lonely_side(s, nameplate):
    """By hand: bind and claim."""
    s.sendall(b"GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n" % SERVER.port)
    until(s, b'"welcome"')
    for o in ({"type": "bind", "appid": "x", "side": "0000000000"}, {"type": "claim", "nameplate": nameplate}):
        text = json.dumps(o).encode()
        s.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
    until(s, b'"claimed"')


def until(s, word):
    s.settimeout(20 * SLOW)
    got = b""
    while word not in got:
        data = s.recv(4096)
        check(data, "the server said", got)
        got += data


def tls_and_proxy():
    """wss with a certificate that is believed, wss with one that is not, ws and wss through a proxy"""
    cert, key = os.path.join(TMP, "cert.pem"), os.path.join(TMP, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    gate, proxy = Gate(SERVER.port, tls=context), Gate(None, proxy=True)
    two_of_ours(ours(gate.url(), "--ca", cert), ours(gate.url(), "--ca", cert))
    stranger = ours(gate.url())
    check("certificate" in stranger.hear("^closed unreachable 0 (.*)$")[1], stranger.output())
    stranger.end()
    via = {"http_proxy": "http://127.0.0.1:%d" % proxy.port, "https_proxy": "http://127.0.0.1:%d" % proxy.port, "no_proxy": ""}
    proxy.to = GATE.port
    two_of_ours(ours(**via), ours())
    check(proxy.asked == ["CONNECT 127.0.0.1:%d HTTP/1.1" % GATE.port], "the proxy was asked:", proxy.asked)
    proxy.to = gate.port
    two_of_ours(ours(gate.url(), "--ca", cert, **via), ours())
    check(len(proxy.asked) == 2, "the proxy was asked:", proxy.asked)


ACCEPT = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
          b"Sec-WebSocket-Accept: %s\r\n\r\n")


class Nonsense:
    """A server that answers the upgrade, if at all, and then says what it was made to say."""

    def __init__(self, answer, then=b"", linger=True):
        self.answer, self.then, self.linger = answer, then, linger
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "ws://127.0.0.1:%d/v1" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        s, _ = self.listener.accept()
        self.listener.close()
        head = b""
        while b"\r\n\r\n" not in head:
            head += s.recv(4096)
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        try:
            s.sendall(self.answer % accept if b"%s" in self.answer else self.answer)
            s.sendall(self.then)
            while self.linger and s.recv(4096):
                pass
        except OSError:
            pass
        s.close()


def frame(opcode, data, fin=0x80):
    n = len(data)
    return bytes([fin | opcode]) + (bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n)) + data


def servers_that_make_no_sense():
    """servers that answer nonsense, too much, or nothing: each ends with a reason, and in time"""
    before = [
        (Nonsense(b"HTTP/1.1 404 Not Found\r\n\r\n"), "HTTP status 404"),
        (Nonsense(b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP"),
        (Nonsense(b"", linger=False), "closed the connection"),
        (Nonsense(ACCEPT.replace(b"%s", b"AAAAAAAAAAAAAAAAAAAAAAAAAAA=")), "does not accept"),
        (Nonsense(ACCEPT.replace(b"Upgrade: websocket", b"Upgrade: smtp")), "does not accept"),
        (Nonsense(b"HTTP/1.1 101 x\r\n" + b"x: y\r\n" * 4000), "too long"),
        (Nonsense(b"HTTP/1.1 401 Unauthorized\r\n\r\n"), "HTTP status 401"),
    ]
    for server, why in before:
        p = ours(server.url)
        check(why in p.hear("^closed unreachable 0 (.*)$")[1], why, ":", p.output())
        p.end()
    welcome = frame(1, b'{"type": "welcome", "welcome": {}}')
    broken = [
        (frame(2, b"binary"), "binary"),
        (frame(1, b"\xff\xfe"), "no websocket message"),
        (b"\xf1\x01x", "no websocket message"),  # reserved bits
        (frame(8, struct.pack(">H", 1001)), "closed the websocket"),
        (b"\x81\x7f" + struct.pack(">Q", 1 << 40) + b"x", "too large"),
    ]
    for data, why in broken:
        p = ours(Nonsense(ACCEPT, welcome + data).url)
        p.hear("^welcome")
        check(why in p.hear("^down (.*)$")[1], why, ":", p.output())
        p.say("close")
        p.hear("^closed lonely 0")
        p.end()
    told = [
        (b"no JSON", "closed server 0 the mailbox server makes no sense"),
        (b"[]", "closed server 0 the mailbox server makes no sense"),
        (b'{"type": 5}', "closed server 0 the mailbox server makes no sense"),
        (b'{"type": "welcome", "welcome": {"error": "go\\u001b[31m away"}}', "closed unwelcome 0 the mailbox server says: go"),
        (b'{"type": "welcome", "welcome": {"permission-required": {"hashcash": {"bits": 20, "resource": "r"}}}}',
         "closed permission 0 .* hashcash$"),
        (b'{"type": "error", "error": "no more"}', "closed server 0 the mailbox server says: no more"),
    ]
    for text, line in told:
        p = ours(Nonsense(ACCEPT, frame(1, text)).url)
        p.hear("^" + line)
        check("\x1b" not in p.output(), "a control character came through")
        p.end()
    nobody = socket.create_server(("127.0.0.1", 0))
    port = nobody.getsockname()[1]
    nobody.close()
    for url in ("ws://127.0.0.1:%d/v1" % port, "ws://nobody.invalid/v1", "ws://[::1/v1"):
        p = ours(url)
        p.hear("^closed unreachable 0 .+")
        p.end()
    p = ours("http://127.0.0.1/v1")
    p.hear("^refused .*ws://")
    p.end(1)


if __name__ == "__main__":
    if SERVER is None:
        print("1..0 # SKIP magic-wormhole and its mailbox server are not installed")
        raise SystemExit(0)
    atexit.register(shutil.rmtree, TMP, True)
    main([ours_and_ours, texts_of_theirs, wrong_codes, connections_cut, server_restarted, crowded,
          tls_and_proxy, servers_that_make_no_sense], 240)
