"""`grid put` of a vector's plaintext prints the vector's capability, and `grid get` gives it back."""
import base64, json, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mf import World, check, main

GOLDEN = os.path.join(os.environ.get("MF_SRC", os.path.join(os.path.dirname(__file__), "..", "..")), "tests/golden/lafs")
LARGEST = 5 << 20  # bytes of plaintext: larger vectors are for the encoder's own tests


def load(name):
    with open(os.path.join(GOLDEN, name)) as f:
        return json.load(f)


def repeated(seed, size):
    return (seed * (size // len(seed) + 1))[:size]


def put(device, plaintext, convergence, k, n, segment):
    return device.grid("put", "--convergence", convergence.hex(), "--shares", "%s/%s" % (k, n),
                       "--segment-size", str(segment), "-", stdin=plaintext)


def case_complete():
    """the complete uploads of chk.json"""
    with World() as w:
        d = w.device("d")
        d.init()
        for c in load("chk.json")["cases"]:
            plain = repeated(bytes.fromhex(c["seed_hex"]), c["size"])
            cap = put(d, plain, bytes.fromhex(c["convergence_hex"]), c["k"], c["n"], c["max_segment_size"])
            check(cap == c["cap"], c["name"], "gave", cap)
            check(d.cli("grid", "get", cap).encode(errors="surrogateescape") == plain, "get of", c["name"])


def case_tahoe():
    """Tahoe's own vectors, every k and n once"""
    with World() as w:
        d = w.device("d")
        d.init()
        vectors, seen = load("tahoe-vectors.json"), set()
        for v in vectors["vectors"]:
            seed, size = vectors["samples"][int(v["s"])]
            kind = (v["k"], v["n"], v["seg"], v["c"])
            if v["f"] != "chk" or size > LARGEST or kind in seen:
                continue
            seen.add(kind)
            plain = repeated(base64.b64decode(seed), size)
            cap = put(d, plain, base64.b64decode(vectors["convergence"][int(v["c"])]), v["k"], v["n"], v["seg"])
            check(cap == v["cap"], "%s: %s, not %s" % (kind, cap, v["cap"]))
        check(len(seen) >= 10, "only %d vectors" % len(seen))


if __name__ == "__main__":
    main([case_complete, case_tahoe])
