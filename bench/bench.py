"""bench.py - Croft against its yardstick, nginx and PocketBase, in one interleaved run.

    script/bench [--seconds 2] [--rounds 5] [--rows 100000] [--peers] [--only view,...,realtime,signin]

The figure to trust is server CPU per request (utime + stime of the server's processes over
the requests answered): other work on the machine hardly moves it. Every server is started
first; rounds go A B A B ...; the first round is dropped; medians are shown.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import string
import subprocess
import sys
import tempfile
import time

import backup
import signin
import sse
import thumbs

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
GOALS = {
    "view": "<= 1.5 x CPU", "list": "<= 1.5 x CPU", "create": "<= 1.7 x CPU, >= 0.7 x RPS",
    "static": "<= 1.0 x nginx's CPU",
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children(pid):
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += children(int(child))
    return found


def cpu_seconds(pid):
    total = 0
    for p in children(pid):
        fields = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def rss_kib(pid):
    worst = 0
    for p in children(pid):
        for line in pathlib.Path(f"/proc/{p}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                worst = max(worst, int(line.split()[1]))
    return worst


class Server:
    """A running process that listens on `port`."""

    def __init__(self, name, argv, port, env=None, log=None):
        self.name, self.port = name, port
        self.started = time.perf_counter()
        self.process = subprocess.Popen(argv, env=env, stdout=log or subprocess.DEVNULL,
                                        stderr=subprocess.STDOUT)

    def wait(self, path="/", seconds=30):
        """Seconds from exec to the first answer."""
        end = time.perf_counter() + seconds
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        while time.perf_counter() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                    s.sendall(request)
                    if s.recv(16).startswith(b"HTTP/1.1"):
                        return time.perf_counter() - self.started
            except OSError:
                time.sleep(0.0005)
        sys.exit(f"bench: {self.name} did not answer on port {self.port}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Client:
    """The JSON API of one server."""

    def __init__(self, port):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.token = ""

    def call(self, method, path, body=None):
        headers = {"Authorization": self.token} if self.token else {}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        self.http.request(method, path, data, headers)
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status >= 400:
            sys.exit(f"bench: {method} {path}: {answer.status} {text[:400]}")
        return json.loads(text) if text else None

    def sign_in(self, collection, identity, password):
        self.token = ""
        answer = self.call("POST", f"/api/collections/{collection}/auth-with-password",
                           {"identity": identity, "password": password})
        self.token = answer["token"]
        return answer


def seed(port, rows):
    """Users, posts with rules that use @request.auth.id, and `rows` posts; a user's token."""
    c = Client(port)
    c.sign_in("_superusers", "bench@example.com", "bench-password")
    rule = '@request.auth.id != ""'
    c.call("PATCH", "/api/settings", {"batch": {"enabled": True, "maxRequests": 500, "timeout": 60}})
    users = c.call("GET", "/api/collections/users")
    text = lambda name: {"name": name, "type": "text"}
    c.call("POST", "/api/collections", {
        "name": "posts", "type": "base", "listRule": rule, "viewRule": rule,
        "createRule": rule + " && @request.body.author = @request.auth.id", "updateRule": rule,
        "fields": [text("title"), text("body"), text("category"),
                   {"name": "views", "type": "number"},
                   {"name": "author", "type": "relation", "collectionId": users["id"],
                    "maxSelect": 1},
                   {"name": "created", "type": "autodate", "onCreate": True},
                   {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True}],
        "indexes": ["CREATE INDEX idx_posts_category ON posts (category, created)"]})
    user = c.call("POST", "/api/collections/users/records", {
        "email": "reader@example.com", "password": "reader-password",
        "passwordConfirm": "reader-password"})
    body = "Some words of a post. " * 18
    ids = []
    for start in range(0, rows, 500):
        requests = [{"method": "POST", "url": "/api/collections/posts/records",
                     "body": {"title": f"Post number {i} of the whole lot", "body": body,
                              "category": f"cat{i % 100}", "views": i, "author": user["id"]}}
                    for i in range(start, min(start + 500, rows))]
        ids += [r["body"]["id"] for r in c.call("POST", "/api/batch", {"requests": requests})]
        print(f"\r  {len(ids)} of {rows} posts", end="", file=sys.stderr)
    print(file=sys.stderr)
    answer = c.sign_in("users", "reader@example.com", "reader-password")
    return answer["token"], user["id"], ids


def wrk(port, seconds, **env):
    out = subprocess.run(
        ["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", str(ROOT / "bench/wrk/work.lua"),
         f"http://127.0.0.1:{port}"],
        env={**os.environ, **env}, capture_output=True, text=True, check=True).stdout
    line = next(x for x in out.splitlines() if x.startswith("RESULT"))
    n, duration, p50, p99, bad = map(int, line.split()[1:])
    return {"n": n, "seconds": duration / 1e6, "p50": p50 / 1000, "p99": p99 / 1000, "bad": bad}


def measure(cases, seconds, rounds):
    """cases: [(label, server, env)] measured round-robin. Medians by label."""
    results = {label: [] for label, _, _ in cases}
    for turn in range(rounds + 1):
        for label, server, env in cases:
            before = cpu_seconds(server.process.pid)
            r = wrk(server.port, seconds, **env)
            r["cpu"] = (cpu_seconds(server.process.pid) - before) * 1e6 / max(r["n"], 1)
            r["rps"] = r["n"] / r["seconds"]
            if turn:
                results[label].append(r)
    return {label: {k: statistics.median(r[k] for r in rs) for k in rs[0]}
            for label, rs in results.items()}


def croft(binary, folder, port, *extra):
    env = {**os.environ, "CROFT_DIR": str(folder)}
    return Server("croft", [binary, "serve", "--http", f"127.0.0.1:{port}", *extra], port, env)


def nginx_config(folder, port):
    (folder / "nginx.conf").write_text(f"""
user {"root" if os.getuid() == 0 else "nobody"}; worker_processes 2; daemon off; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5; open_file_cache max=100;
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port} reuseport; root {folder}/public; }} }}
""")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--croft", default=str(ROOT / "build/croft"))
    ap.add_argument("--yardstick", default=str(ROOT / "build-bench/bench/yardstick"))
    ap.add_argument("--pocketbase", default="")
    ap.add_argument("--seconds", type=int, default=2)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--rows", type=int, default=100000)
    ap.add_argument("--threads", default="2")
    ap.add_argument("--only", default="view,list,create,static,start,realtime,thumbs,signin")
    args = ap.parse_args()
    only = args.only.split(",")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="croft-bench-"))
    servers, table = [], []
    try:
        run(args, only, folder, servers, table)
    finally:
        for s in servers:
            s.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print("\n| work | server | CPU µs/request | ratio | requests/s | ratio | p50 ms | p99 ms | errors | goal |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in table:
        print("| " + " | ".join(row) + " |")


def rows_for(work, medians, base, table):
    for label, m in medians.items():
        ratio = f"{m['cpu'] / medians[base]['cpu']:.2f}" if label != base else "1"
        rate = f"{m['rps'] / medians[base]['rps']:.2f}" if label != base else "1"
        table.append([work, label, f"{m['cpu']:.1f}", ratio, f"{m['rps']:.0f}", rate,
                      f"{m['p50']:.2f}", f"{m['p99']:.2f}", f"{m['bad']:.0f}",
                      GOALS.get(work, "") if label == "croft" else ""])


def run(args, only, folder, servers, table):
    (folder / "public").mkdir()
    name = "".join(random.choices(string.ascii_lowercase, k=8)) + ".bin"
    (folder / "public" / name).write_bytes(random.randbytes(10240))

    if "start" in only:
        starts, rss = [], 0
        for i in range(7):
            s = croft(args.croft, folder / f"empty{i}", free_port())
            starts.append(s.wait("/api/health") * 1000)
            time.sleep(0.3)
            rss = max(rss, rss_kib(s.process.pid))
            s.stop()
        table.append(["start on an empty folder", "croft",
                      f"{statistics.median(starts):.0f} ms", "", "", "", "", "", "", "<= 50 ms"])
        table.append(["idle worker RSS", "croft", f"{rss / 1024:.1f} MB", "", "", "", "", "", "",
                      "<= 15 MB"])
    if "realtime" in only:
        print("realtime", file=sys.stderr)
        sse.run(args, sys.modules[__name__], folder, servers, table)
        servers.pop().stop()
    if "thumbs" in only:
        print("thumbs", file=sys.stderr)
        thumbs.run(args, sys.modules[__name__], folder, servers, table)
        servers.pop().stop()
    if "backup" in only:
        print("backup", file=sys.stderr)
        backup.run(args, sys.modules[__name__], folder, servers, table)
        servers.pop().stop()
    if "signin" in only:
        print("signin", file=sys.stderr)
        signin.run(args, sys.modules[__name__], folder, servers, table)
        servers.pop().stop()
    if not set(only) & {"view", "list", "create", "static"}:
        return

    data = folder / "data"
    subprocess.run([args.croft, "superuser", "upsert", "bench@example.com", "bench-password",
                    "--dir", str(data)], check=True, stdout=subprocess.DEVNULL)
    c = croft(args.croft, data, free_port(), "--public", str(folder / "public"), "--threads",
              args.threads)
    servers.append(c)
    c.wait("/api/health")
    print("seeding croft", file=sys.stderr)
    token, author, ids = seed(c.port, args.rows)
    (folder / "ids").write_text("\n".join(random.sample(ids, min(20000, len(ids)))) + "\n")

    # The yardstick works on a copy of the same file.
    c.stop()
    servers.clear()
    (folder / "yard").mkdir()
    shutil.copy(data / "data.db", folder / "yard/data.db")
    c = croft(args.croft, data, free_port(), "--public", str(folder / "public"), "--threads",
              args.threads)
    port = free_port()
    y = Server("yardstick", [args.yardstick, str(folder / "yard/data.db"), str(port), args.threads],
               port)
    nport = free_port()
    nginx_config(folder, nport)
    n = Server("nginx", ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], nport)
    servers += [c, y, n]
    peer, peer_env = None, {}
    if args.pocketbase:
        pdir = folder / "pb"
        subprocess.run([args.pocketbase, "superuser", "upsert", "bench@example.com",
                        "bench-password", "--dir", str(pdir)], check=True,
                       stdout=subprocess.DEVNULL)
        pport = free_port()
        peer = Server("pocketbase", [args.pocketbase, "serve", "--dir", str(pdir), "--http",
                                     f"127.0.0.1:{pport}"], pport)
        servers.append(peer)
        peer.wait("/api/health")
        print("seeding pocketbase", file=sys.stderr)
        ptoken, pauthor, pids = seed(pport, args.rows)
        (folder / "pids").write_text("\n".join(random.sample(pids, min(20000, len(pids)))) + "\n")
        peer_env = {"TOKEN": ptoken, "AUTHOR": pauthor, "IDS": str(folder / "pids"),
                    "STYLE": "croft"}
    for s in (c, y, n):
        s.wait("/api/health")

    common = {"IDS": str(folder / "ids"), "AUTHOR": author}
    for work in ("view", "list", "create"):
        if work not in only:
            continue
        print(work, file=sys.stderr)
        cases = [("yardstick", y, {**common, "WORK": work, "STYLE": "yardstick", "TOKEN": ""}),
                 ("croft", c, {**common, "WORK": work, "STYLE": "croft", "TOKEN": token})]
        if peer:
            cases.append(("pocketbase", peer, {**peer_env, "WORK": work}))
        rows_for(work, measure(cases, args.seconds, args.rounds), "yardstick", table)
    if "static" in only:
        print("static", file=sys.stderr)
        env = {"WORK": "static", "TARGET": "/" + name}
        rows_for("static", measure([("nginx", n, env), ("croft", c, env)], args.seconds,
                                   args.rounds), "nginx", table)
    table.append(["worker RSS after this run", "croft", f"{rss_kib(c.process.pid) / 1024:.0f} MB",
                  "", "", "", "", "", "", ""])


main()
