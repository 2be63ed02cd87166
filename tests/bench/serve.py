#!/usr/bin/env python3
"""Ranged reads over TLS from `magic-folder serve`, beside nginx serving the same bytes with the same key, in turns.

usage: serve.py [--clients N] [--mib N] [--rounds N] [--piece BYTES]
Clients are curl processes, each on one connection, reading pieces of a share of 64 MiB one after another.
"""
import argparse, base64, os, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from gbs import Client, Server, b32
from mf import die_with_parent, wait_for

SHARE = 64 << 20
SI = b32(b"benchmark" + bytes(7))

NGINX = """
daemon off; worker_processes 2; pid %(base)s/nginx.pid; error_log %(base)s/error.log;
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 1000000; default_type application/octet-stream;
  client_body_temp_path %(base)s/t1; proxy_temp_path %(base)s/t2; fastcgi_temp_path %(base)s/t3;
  uwsgi_temp_path %(base)s/t4; scgi_temp_path %(base)s/t5;
  server {
    listen 127.0.0.1:%(port)d ssl; ssl_certificate %(pem)s; ssl_certificate_key %(pem)s;
    ssl_protocols TLSv1.2 TLSv1.3; root %(base)s/www;
  }
}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_nginx(base, pem, data):
    port = free_port()
    os.mkdir(os.path.join(base, "www"), 0o755)
    os.chmod(base, 0o755)
    with open(os.path.join(base, "www", "share"), "wb") as f:
        f.write(data)
    with open(os.path.join(base, "nginx.conf"), "w") as f:
        f.write(NGINX % {"base": base, "port": port, "pem": pem})
    p = subprocess.Popen(["nginx", "-c", os.path.join(base, "nginx.conf")], preexec_fn=die_with_parent,
                         stderr=subprocess.DEVNULL)

    def up():
        if p.poll() is not None:
            raise SystemExit("nginx ended: " + open(os.path.join(base, "error.log")).read())
        return socket.socket().connect_ex(("127.0.0.1", port)) == 0
    wait_for("nginx", up)
    return p, "https://127.0.0.1:%d/share" % port


def cpu_of(pid):
    """Seconds of CPU of a process and of its children that live."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = open("/proc/%s/stat" % name).read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(name) == pid or int(fields[1]) == pid:
                total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def read_all(base, url, header, pid, a):
    """All clients at once; MiB per second, and the server's seconds of CPU per GiB."""
    pieces = (a.mib << 20) // a.clients // a.piece
    configs = []
    for i in range(a.clients):
        path = os.path.join(base, "curl%d" % i)
        with open(path, "w") as f:
            for k in range(pieces):
                off = ((i * 977 + k) * a.piece) % (SHARE - a.piece)
                f.write('%surl = "%s"\nrange = "%d-%d"\noutput = "/dev/null"\nheader = "%s"\ninsecure\nsilent\nfail\n'
                        % ("next\n" if k else "", url, off, off + a.piece - 1, header))
        configs.append(path)
    cpu, begin = cpu_of(pid), time.monotonic()
    clients = [subprocess.Popen(["curl", "-K", c], preexec_fn=die_with_parent) for c in configs]
    if any(c.wait() != 0 for c in clients):
        raise SystemExit("a client failed")
    took = time.monotonic() - begin
    mib = pieces * a.clients * a.piece / (1 << 20)
    return mib / took, (cpu_of(pid) - cpu) / (mib / 1024)


def main():
    p = argparse.ArgumentParser()
    for name, value in (("clients", 8), ("mib", 1024), ("rounds", 5), ("piece", 1 << 20)):
        p.add_argument("--" + name, type=int, default=value)
    a = p.parse_args()
    for tool in ("nginx", "curl"):
        if shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin") is None:
            raise SystemExit("the benchmark of the server needs %s: it is what it is measured beside" % tool)
    os.environ["PATH"] += ":/usr/sbin"
    base = tempfile.mkdtemp(prefix="magic-folder-bench-")
    nginx = None
    try:
        data = os.urandom(1 << 20) * (SHARE >> 20)
        ours = Server(base)
        client = Client(ours.nurl)
        client.put(SI, 0, data)
        auth = "Authorization: Tahoe-LAFS " + base64.b64encode(client.swissnum.encode()).decode()
        nginx, url = start_nginx(base, os.path.join(ours.store, "private", "node.pem"), data)
        subjects = {
            "nginx": (url, "X: y", nginx.pid),
            "ours": ("https://%s/storage/v1/immutable/%s/0" % (client.place, SI), auth, ours.process.pid),
        }
        ratios, cpu = [], {"nginx": [], "ours": []}
        for turn in range(a.rounds + 1):
            speed = {}
            for name in sorted(subjects, reverse=turn % 2 == 0):
                speed[name], seconds = read_all(base, *subjects[name], a)
                if turn > 0:  # the first is for warmth
                    cpu[name].append(seconds)
            if turn > 0:
                ratios.append(speed["ours"] / speed["nginx"])
                print("round %d: ours %.0f MiB/s, nginx %.0f MiB/s, ratio %.2f" % (
                    turn, speed["ours"], speed["nginx"], ratios[-1]), flush=True)
        print("reads of %d KiB by %d clients: median ratio %.2f (wanted: at least 0.50); "
              "CPU of the server per GiB: ours %.2f s, nginx %.2f s; most memory %d MiB" % (
                  a.piece >> 10, a.clients, statistics.median(ratios), statistics.median(cpu["ours"]),
                  statistics.median(cpu["nginx"]), ours.rss()))
        ours.stop()
    finally:
        if nginx is not None:
            nginx.send_signal(signal.SIGTERM)
            nginx.wait()
        shutil.rmtree(base, ignore_errors=True)


main()
