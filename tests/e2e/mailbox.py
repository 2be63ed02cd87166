"""`magic-folder mailbox` with others' clients: Debian's magic-wormhole and python3-websockets."""
import os, sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [p for p in sys.path if os.path.abspath(p) != here]  # our wormhole.py is not the library
try:
    import websockets, wormhole
except ImportError:  # another Python stands before the system's in PATH
    if sys.executable != "/usr/bin/python3":
        os.execv("/usr/bin/python3", ["/usr/bin/python3", "-B"] + sys.argv)
    raise
import asyncio, json, re, shutil, signal, socket, subprocess, tempfile, threading, time

sys.path.insert(0, here)
from mf import SLOW, Failed, check, die_with_parent, main, program, wait_for

from twisted.internet import endpoints, reactor
from twisted.internet.threads import blockingCallFromThread
from twisted.protocols.portforward import ProxyFactory

APP = "magic-folder.test/mailbox"
LIMIT = 30 * SLOW


class Server:
    """One mailbox server; what it says is in a file."""

    def __init__(self, *options, state=None):
        self.base = tempfile.mkdtemp(prefix="magic-folder-mailbox-")
        self.log = os.path.join(self.base, "log")
        self.state = state or os.path.join(self.base, "state")
        self.options = options
        self.start()

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [program("magic-folder"), "mailbox", "--listen", "tcp:0:interface=127.0.0.1", "--state", self.state,
                 *self.options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
        found = wait_for(lambda: "the mailbox server: " + self.said(), self.ready)
        self.port = int(found.group(1))
        self.url = "ws://127.0.0.1:%d/v1" % self.port

    def said(self):
        with open(self.log) as f:
            return f.read()

    def ready(self):
        check(self.process.poll() is None, "the server ended:", self.said())
        return re.search(r"Mailbox server ready at ws://127\.0\.0\.1:(\d+)/v1\n", self.said())

    def stop(self, within=2.0):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(within * SLOW)
        except subprocess.TimeoutExpired:
            raise Failed("the server is there %g s after SIGTERM: %s" % (within, self.said()))
        check(code == 0 and "Sanitizer" not in self.said(), "the server ended with", code, self.said())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        try:
            if kind is None:
                self.stop()
        finally:
            self.kill()
            shutil.rmtree(self.base)


# -- Debian's client as a library, in a thread of its own ------------------------------------------------

class Twisted:
    """Begun with the first case that needs it."""
    thread = None

    @classmethod
    def call(cls, fn, *args):
        """Run fn there; the result of what it returns, also if that comes later."""
        if cls.thread is None:
            cls.thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
            cls.thread.start()

        def limited():
            d = fn(*args)
            if hasattr(d, "addTimeout"):
                d.addTimeout(LIMIT, reactor)
            return d
        return blockingCallFromThread(reactor, limited)


class Party:
    """One side of a wormhole; every call waits for its result."""

    def __init__(self, url, code=None):
        self.w = Twisted.call(wormhole.create, APP, url, reactor)
        Twisted.call(self.w.allocate_code, 2) if code is None else Twisted.call(self.w.set_code, code)

    def __getattr__(self, name):
        return lambda *args: Twisted.call(getattr(self.w, name), *args)

    def fails(self, name, *args):
        """The kind of error that the call ends with."""
        try:
            got = getattr(self, name)(*args)
        except Exception as e:
            return type(e).__name__, str(e)
        raise Failed("%s gave %r" % (name, got))


def exchange(a, b, text):
    a.send_message(text + b"1")
    b.send_message(text + b"2")
    check(b.get_message() == text + b"1", "a's message")
    check(a.get_message() == text + b"2", "b's message")


def case_texts():
    """a text from one to the other with the program as people use it"""
    with Server() as s:
        def begin(*args):
            return subprocess.Popen(["/usr/bin/wormhole", "--relay-url", s.url, *args], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        sender = begin("send", "--code", "7-crossover-clockwork", "--text", "gr\u00fc\u00dfe")
        receiver = begin("receive", "7-crossover-clockwork")
        got = receiver.communicate(timeout=LIMIT)[0].decode()
        sent = sender.communicate(timeout=LIMIT)[0].decode()
        check(receiver.returncode == 0 and "gr\u00fc\u00dfe" in got, got)
        check(sender.returncode == 0 and "text message sent" in sent, sent)


def case_library():
    """allocated codes, several at once, a wrong code, a third side, list and motd"""
    with Server("--motd", "h\u00e9") as s:
        first = [Party(s.url) for _ in range(5)]
        check(first[0].get_welcome() == {"motd": "h\u00e9"}, "the welcome is", first[0].get_welcome())
        check(len({a.get_code().split("-")[0] for a in first}) == 5, "one number for two")
        pairs = [(a, Party(s.url, a.get_code())) for a in first]
        for i, (a, b) in enumerate(pairs):
            exchange(a, b, b"pair %d " % i)
        a, b = pairs[0]
        third = Party(s.url, a.get_code())  # the number is free again: it waits there alone
        fourth = Party(s.url, a.get_code().split("-")[0] + "-wrong-code")
        check(third.fails("get_verifier")[0] == "WrongPasswordError", "a wrong code")
        check(fourth.fails("get_verifier")[0] == "WrongPasswordError", "a wrong code")
        for a, b in pairs:
            check([a.close(), b.close()] == ["happy", "happy"], "moods")
        check([third.fails("close")[0], fourth.fails("close")[0]] == ["WrongPasswordError"] * 2, "moods")


def ask(url, *messages):
    """A connection of python3-websockets that says these and hears as much as is wanted: used with `async with`."""
    class Asking:
        async def __aenter__(self):
            self.ws = await (websockets.unix_connect(url[1], url[0], max_size=None) if isinstance(url, tuple)
                             else websockets.connect(url, max_size=None, ping_interval=None))
            check(json.loads(await self.ws.recv())["type"] == "welcome", "no welcome")
            for m in messages:
                await self.say(m)
            return self

        async def say(self, m):
            await self.ws.send(json.dumps(m))
            check((await self.hear())["type"] == "ack", "no ack")

        async def hear(self):
            return json.loads(await asyncio.wait_for(self.ws.recv(), LIMIT))

        async def __aexit__(self, *why):
            await self.ws.close()
    return Asking()


def bind(side):
    return {"type": "bind", "appid": APP, "side": side}


def case_crowded():
    """a third side is crowded, and the two go on over a restart of the server, kill and all"""
    with Server() as s:
        proxy = ProxyFactory("127.0.0.1", s.port)
        listening = Twisted.call(endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen, proxy)
        url = "ws://127.0.0.1:%d/v1" % listening.getHost().port
        a = Party(url, "4-x")
        a.get_welcome()

        async def meddle():
            async with ask(s.url, bind("x")) as x, ask(s.url, bind("y")) as y:
                await x.say({"type": "claim", "nameplate": "4"})
                mailbox = (await x.hear())["mailbox"]
                await y.say({"type": "claim", "nameplate": "4"})
                check((await y.hear())["error"] == "crowded", "the third side")
                await x.say({"type": "release"})
                return mailbox
        asyncio.run(meddle())
        b = Party(url, "5-y")  # undisturbed
        c = Party(url, b.get_code())
        exchange(b, c, b"before ")
        for how in (s.kill, s.stop):
            how()
            s.start()
            proxy.port = s.port
            exchange(b, c, how.__name__.encode())
        check([b.close(), c.close()] == ["happy", "happy"], "moods")
        check(a.fails("close")[0] == "LonelyError", "who waited alone")
        Twisted.call(listening.stopListening)


def case_websockets():
    """python3-websockets: pieces, pings, closing, messages of every size, over TCP and a unix socket"""
    async def talk(url, stop):
        async with ask(url, bind("a")) as a:
            await a.ws.send(['{"type": "open", ', '"mailbox": ', '"m"}'])
            check((await a.hear())["type"] == "ack", "pieces")
            await asyncio.wait_for(await a.ws.ping(), LIMIT)
            body = "ab" * 500000
            await a.say({"type": "add", "phase": "0", "body": body})
            check((await a.hear())["body"] == body, "a large message")
            await a.ws.send(b'{"type": "ping", "ping": 1}')
            check([(await a.hear())["type"], (await a.hear())["type"]] == ["ack", "pong"], "a binary frame")
            await a.ws.send("x")
            check((await a.hear())["type"] == "error", "no JSON")
            try:
                await a.ws.send(json.dumps({"type": "add", "phase": "0", "body": "a" * (1 << 20)}))
                await a.hear()
                raise Failed("more than 1 MiB is taken")
            except websockets.ConnectionClosed as e:
                check(e.rcvd is not None and e.rcvd.code == 1009, "closed with", e)
        async with ask(url, bind("a"), {"type": "open", "mailbox": "m"}) as a:
            check((await a.hear())["body"] == body, "what was added is gone")
            await a.ws.close(1000, "bye")
            check(a.ws.close_code == 1000 and a.ws.close_reason == "bye", "the close came back as", a.ws.close_code)
        async with ask(url, bind("b")) as a:
            if stop:
                stop()
                try:
                    await a.hear()
                except websockets.ConnectionClosed:
                    pass
    with Server() as s:
        asyncio.run(talk(s.url, None))
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "sock")
            with open(os.path.join(d, "log"), "wb") as log:
                p = subprocess.Popen([program("magic-folder"), "mailbox", "-l", "unix:" + path, "--memory"],
                                     stdout=log, stderr=log, preexec_fn=die_with_parent)
            try:
                wait_for("the socket", lambda: os.path.exists(path))
                begin = []
                asyncio.run(talk(("ws://x/v1", path), lambda: (begin.append(time.monotonic()), p.terminate())))
                check(p.wait(LIMIT) == 0 and time.monotonic() - begin[0] < 2 * SLOW, "a slow end", p.returncode)
                check(not os.path.exists(path), "the socket is left")
            finally:
                p.kill()


def case_connections():
    """as many connections as are allowed, and many more that are not; what is inside does not suffer"""
    def connect(port):
        c = socket.create_connection(("127.0.0.1", port), LIMIT)
        c.sendall(b"GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        return c

    async def inside(s):
        async with ask(s.url, bind("a")) as a:
            held = [connect(s.port) for _ in range(19)]
            for c in held:
                check(b" 101 " in c.recv(100), "one of the allowed")
            refused = 0
            for _ in range(300):
                with connect(s.port) as c:
                    try:
                        got = c.recv(100)
                    except ConnectionResetError:
                        got = b""
                    check(got == b"" or b" 503 " in got, "the 21st got", got)
                    refused += 1
            await a.say({"type": "ping", "ping": refused})
            check((await a.hear())["pong"] == 300, "who is inside")
            for c in held:
                c.sendall(b"\x81\x01x")  # unmasked
                c.close()

    with Server("--connections", "20") as s:
        asyncio.run(inside(s))

        def free():
            with connect(s.port) as c:
                return b" 101 " in c.recv(100)
        wait_for("places to be free again", free)


def case_usage():
    """what cannot be is said: a second server, an address in use, wrong words"""
    def run(*args):
        r = subprocess.run([program("magic-folder"), "mailbox", *args], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_parent,
                           env={"PATH": "/usr/bin"}, timeout=LIMIT)
        return r.returncode, r.stderr.decode()
    with Server() as s:
        code, text = run("-l", "tcp:0:interface=127.0.0.1", "-s", s.state)
        check(code == 1 and text == "Error: another mailbox server uses %s\n" % s.state, code, text)
        code, text = run("-l", "tcp:%d:interface=127.0.0.1" % s.port, "--memory")
        check(code == 1 and "Couldn't listen on 127.0.0.1:%d" % s.port in text, code, text)
        for args in (["-l", "tcp:x"], ["--connections", "0"], ["--log-format", "x", "--memory"], ["word"],
                     ["--memory", "--state", "/x"], []):
            code, text = run(*args)
            check(code == 2 and text.startswith("Error: "), args, code, text)
        check(os.stat(s.state).st_mode & 0o77 == 0, "others may read the state")


main([case_texts, case_library, case_crowded, case_websockets, case_connections, case_usage])
