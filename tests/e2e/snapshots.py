"""Snapshots made and read by hand: what no daemon would publish, and what one did publish."""
import base64, json, unicodedata

import ed25519
from mf import check, netstring, wait_for


def mangle(relpath):
    return unicodedata.normalize("NFC", relpath.replace("@", "@@").replace("/", "@_"))


def signed_text(content, metadata, relpath):
    return ("magic-folder-snapshot-v1\n%s\n%s\n%s\n" % (content, metadata, relpath)).encode()


def grid_put(device, data):
    """A capability for data, stored through the command line."""
    return device.grid("put", "-", stdin=data)


def forge(device, relpath, data, seed=None, folder="f", parents=(), author=None, tweak=None, signature=None):
    """Store a snapshot of relpath with content data (None: a deletion), signed as the device unless a seed is given;
    tweak(document) changes the metadata document.  The snapshot's capability."""
    secrets = device.secrets(folder)
    if seed is None:
        seed = base64.b32decode(secrets["author"]["signing_key"])
    content = "" if data is None else grid_put(device, data)
    document = {"snapshot_version": 1, "relpath": relpath,
                "author": {"name": author or secrets["author"]["name"],
                           "verify_key": base64.b64encode(ed25519.public(seed)).decode()},
                "modification_time": 1600000000, "parents": list(parents)}
    if tweak:
        tweak(document)
    metadata = grid_put(device, json.dumps(document).encode())
    if signature is None:
        signature = ed25519.sign(seed, signed_text(content, metadata, relpath))
    edge = {"magic_folder": {"author_signature": base64.b64encode(signature).decode()}}
    packed = b"".join(netstring(b"".join(netstring(part) for part in entry)) for entry in (
        (b"content", content.encode(), b"", json.dumps({"mtime": 1600000000, "ctime": 1600000000}).encode()),
        (b"metadata", metadata.encode(), b"", json.dumps(edge).encode())))
    cap = grid_put(device, packed)
    check(cap.startswith("URI:CHK:"), cap)
    return "URI:DIR2-CHK:" + cap[len("URI:CHK:"):]


class Snapshot:
    """A published snapshot, taken apart and verified."""

    def __init__(self, device, cap):
        children = device.entries(cap)
        check(set(children) == {"content", "metadata"}, "children", sorted(children))
        self.cap = cap
        self.content = children["content"]["ro"] or ""
        self.metadata = children["metadata"]["ro"]
        self.document = json.loads(device.cli("grid", "get", self.metadata))
        edge = children["metadata"]["metadata"]["magic_folder"]
        key = base64.b64decode(self.document["author"]["verify_key"])
        check(ed25519.verify(key, signed_text(self.content, self.metadata, self.document["relpath"]),
                             base64.b64decode(edge["author_signature"])), "signature of", self.document["relpath"])
        self.parents = self.document["parents"]


def entry(device, rel, timeout=30):
    """The device's own entry for rel, once there is one."""
    return wait_for("an entry of %s for %s" % (device.name, rel), lambda: device.personal().get(mangle(rel)), timeout)["ro"]


def entry_after(device, rel, old, timeout=30):
    return wait_for("a newer entry of %s for %s" % (device.name, rel),
                    lambda: (lambda e: e and e["ro"] != old and e["ro"])(device.personal().get(mangle(rel))), timeout)


def settle(*devices):
    for d in devices:
        d.scan()
    for d in devices:
        d.poll()
