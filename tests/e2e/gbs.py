"""A client of Tahoe's storage protocol (GBS), for tests of our server.  Standard library only.

Client speaks through a pinned TLS connection; pack() and unpack() are as much CBOR as the protocol has.
"""
import base64, hashlib, http.client, os, ssl, subprocess

from mf import b32, check, die_with_parent, program, wait_for

RENEW, CANCEL = b"R" * 32, b"C" * 32


# -- CBOR ------------------------------------------------------------------------------------------------

def head(major, n):
    for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << (8 * size):
            return bytes([major << 5 | code]) + n.to_bytes(size, "big")


def pack(v):
    if v is None or isinstance(v, bool):
        return b"\xf6" if v is None else b"\xf5" if v else b"\xf4"
    if isinstance(v, int):
        return head(0, v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, set):
        return b"\xd9\x01\x02" + pack(sorted(v))
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(pack, v))
    return head(5, len(v)) + b"".join(pack(k) + pack(x) for k, x in v.items())


def unpack(b):
    def item(at):
        major, n = b[at] >> 5, b[at] & 31
        at += 1
        if n >= 24 and major != 7:
            size = 1 << (n - 24)
            n, at = int.from_bytes(b[at:at + size], "big"), at + size
        if major == 7:
            return {20: False, 21: True, 22: None}[n], at
        if major in (2, 3):
            return (b[at:at + n] if major == 2 else b[at:at + n].decode()), at + n
        if major == 6:
            v, at = item(at)
            return set(v), at
        if major == 0:
            return n, at
        out = []
        for _ in range(n * (2 if major == 5 else 1)):
            v, at = item(at)
            out.append(v)
        return (dict(zip(out[::2], out[1::2])) if major == 5 else out), at
    v, end = item(0)
    check(end == len(b), "bytes behind an answer")
    return v


# -- a server of ours --------------------------------------------------------------------------------------

class Server:
    """`magic-folder serve` on a store of its own."""

    def __init__(self, base, *options):
        self.store = os.path.join(base, "store")
        self.log = os.path.join(base, "serve.log")
        self.options = options
        self.start()

    def start(self):
        with open(self.log, "ab") as out:
            begin = out.tell()
            self.process = subprocess.Popen(
                [program("magic-folder"), "serve", "--store", self.store, "--listen", "tcp:0:interface=127.0.0.1",
                 *self.options], stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=die_with_parent)

        def ready():
            with open(self.log, "rb") as f:
                text = f.read()[begin:]
            check(self.process.poll() is None, "the server ended:", text.decode(errors="replace"))
            return b": Ready\n" in text
        wait_for("the server", ready)
        with open(os.path.join(self.store, "private", "storage.nurl")) as f:
            self.nurl = f.read().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=30)
        text = open(self.log, "rb").read()
        check(code == 0 and b"Sanitizer" not in text and b"runtime error" not in text, "exit code", code,
              text.decode(errors="replace"))

    def rss(self):
        """The most memory that it ever had, in MiB."""
        with open("/proc/%d/status" % self.process.pid) as f:
            return [int(line.split()[1]) for line in f if line.startswith("VmHWM")][0] >> 10

    def half_made(self):
        """What is below shares/ and no share: files and empty directories."""
        shares = os.path.join(self.store, "shares")
        found = []
        for d, dirs, files in os.walk(shares):
            rel = os.path.relpath(d, shares)
            if rel.startswith("incoming"):
                found += [os.path.join(rel, f) for f in files + dirs]
            found += [os.path.join(rel, f) for f in files if not f.isdigit()]
        return found


class Client:
    """One connection."""

    def __init__(self, nurl, timeout=60):
        self.pin, rest = nurl[len("pb://"):].split("@")
        self.place, rest = rest.split("/")
        self.host, port = self.place.rsplit(":", 1)
        self.port, self.swissnum, self.timeout = int(port), rest.split("#")[0], timeout
        self.http = None

    def connect(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.http = http.client.HTTPSConnection(self.host, self.port, context=context, timeout=self.timeout)
        self.http.connect()
        der = self.http.sock.getpeercert(True)
        spki = subprocess.run(["openssl", "x509", "-inform", "der", "-pubkey", "-noout"], input=der,
                              stdout=subprocess.PIPE, check=True).stdout if Client.check_pin else None
        if spki is not None:
            raw = base64.b64decode(b"".join(spki.split(b"\n")[1:-2]))
            pin = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
            check(pin == self.pin, "another key than the address says")

    check_pin = False

    def ask(self, method, path, body=b"", want=200, secrets=(), **headers):
        if self.http is None:
            self.connect()
        auth = base64.b64encode(self.swissnum.encode()).decode()
        self.http.putrequest(method, path)
        self.http.putheader("Authorization", "Tahoe-LAFS " + auth)
        for kind, value in secrets:
            self.http.putheader("X-Tahoe-Authorization", kind + " " + base64.b64encode(value).decode())
        self.http.putheader("Content-Length", str(len(body)))
        for k, v in headers.items():
            self.http.putheader(k.replace("_", "-"), v)
        self.http.endheaders(body)
        r = self.http.getresponse()
        got = r.read()
        if r.will_close:
            self.close()
        wants = want if isinstance(want, tuple) else (want,)
        check(r.status in wants, method, path, "got", r.status, "not", want, got[:200])
        self.status = r.status
        return got

    def close(self):
        if self.http is not None:
            self.http.close()
        self.http = None

    LEASE = (("lease-renew-secret", RENEW), ("lease-cancel-secret", CANCEL))

    def allocate(self, si, nums, size, secret=b"U" * 20):
        answer = self.ask("POST", "/storage/v1/immutable/" + si,
                          pack({"share-numbers": set(nums), "allocated-size": size}),
                          secrets=self.LEASE + (("upload-secret", secret),))
        return unpack(answer)

    def write(self, si, num, off, data, want=(200, 201), secret=b"U" * 20):
        return self.ask("PATCH", "/storage/v1/immutable/%s/%d" % (si, num), data, want,
                        (("upload-secret", secret),), Content_Range="bytes %d-%d/*" % (off, off + len(data) - 1))

    def put(self, si, num, data, chunk=1 << 20):
        if num not in self.allocate(si, [num], len(data))["allocated"]:
            return False
        for off in range(0, len(data), chunk):
            self.write(si, num, off, data[off:off + chunk])
        return self.status == 201

    def read(self, si, num, off=None, n=None, kind="immutable", want=(200, 206)):
        headers = {} if off is None else {"Range": "bytes=%d-%d" % (off, off + n - 1)}
        return self.ask("GET", "/storage/v1/%s/%s/%d" % (kind, si, num), b"", want, **headers)

    def rtw(self, si, enabler, shares, read=(), want=200):
        answer = self.ask("POST", "/storage/v1/mutable/%s/read-test-write" % si, pack({
            "test-write-vectors": {n: {
                "test": [{"offset": o, "size": s, "specimen": v} for o, s, v in t],
                "write": [{"offset": o, "data": d} for o, d in w],
                "new-length": length} for n, (t, w, length) in shares.items()},
            "read-vector": [{"offset": o, "size": s} for o, s in read]}), want,
            self.LEASE + (("write-enabler", enabler),))
        return unpack(answer) if self.status == 200 else None
