#!/usr/bin/env python3
"""Faults of the Python implementation that must not be ours (docs/faults.md), where only a real daemon shows it."""
import os, sqlite3
from mf import World, check, main


def case_b23_a_unix_socket_is_found_again_after_a_stop():
    """the daemon listens on the same socket at its second start, and clients find it"""
    with World() as w:
        a = w.device("a")
        where = os.path.join(a.base, "api.sock")
        a.cli("init", "--grid", "dir:" + w.store, "--listen-endpoint", "unix:" + where)
        for _ in range(3):
            a.start()
            with open(os.path.join(a.config, "api_client_endpoint")) as f:
                check(f.read().strip() == "unix:" + where, "the endpoint's file is wrong")
            a.cli("status")
            a.cli("list")
            a.stop()
            check(not os.path.exists(where), "the socket is left behind")


def case_b33_commands_need_no_database():
    """commands ask the daemon: they work while all databases are locked by another program"""
    with World() as w:
        a, = w.pair(("alice",))
        a.write("f", b"x" * 100)
        a.scan()
        held = []
        for root, _, names in os.walk(a.config):
            for name in names:
                if name.endswith(".sqlite"):
                    db = sqlite3.connect(os.path.join(root, name), timeout=20, isolation_level=None)
                    db.execute("BEGIN IMMEDIATE")
                    held.append(db)
        check(len(held) >= 3, held)
        for words in (("list",), ("status",), ("conflicts",), ("participants",), ("status", "--json")):
            a.cli(*words)
            check("locked" not in a.stderr, words, a.stderr)
        for db in held:
            db.rollback()
            db.close()
        w.stop()


if __name__ == "__main__":
    main([f for name, f in sorted(globals().items()) if name.startswith("case_")])
