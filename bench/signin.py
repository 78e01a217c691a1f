"""signin.py - what a sign-in costs besides its hash, and what a flood of them costs others.

Beside Croft runs the yardstick's /sign-in, the least program that does the work, in the same
rounds: a hash walks through 19 MiB, and whatever comes after it finds its code, its data and
the kernel's out of the caches. A health check right after a sign-in shows that too.

Each thread's CPU time is the kernel's (schedstat, in ns). The hash runs on threads of its own
("password"): whatever the others spend is ours, and needs no guess of how long a hash takes.
"""
import http.client
import json
import pathlib
import shutil
import socket
import sqlite3
import statistics
import subprocess
import time

EMAIL, PASSWORD = "bench@example.com", "bench-password"
PATH = "/api/collections/_superusers/auth-with-password"


def thread_times(pids):
    """(seconds hashing, seconds of everything else)"""
    hashing = others = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            ns = int((task / "schedstat").read_text().split()[0])
            if (task / "comm").read_text().startswith("password"):
                hashing += ns
            else:
                others += ns
    return hashing / 1e9, others / 1e9


def cost(port, pids, rounds, clients, path=PATH):
    """µs of CPU a sign-in: (hash, all else), with so many clients at a time."""
    body = json.dumps({"identity": EMAIL, "password": PASSWORD})
    all_clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                   for _ in range(clients)]

    def once():
        for client in all_clients:
            client.request("POST", path, body, {"Content-Type": "application/json"})
        for client in all_clients:
            answer = client.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"bench: sign-in gave {answer.status}")

    once()
    before = thread_times(pids)
    for _ in range(rounds):
        once()
    after = thread_times(pids)
    return [(b - a) / rounds / clients * 1e6 for a, b in zip(before, after)]


def cost_of_health(port, pids, rounds):
    """µs of CPU of a health check, each right after a sign-in."""
    body = json.dumps({"identity": EMAIL, "password": PASSWORD})
    first, second = (http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(2))
    spent = 0
    for _ in range(rounds):
        first.request("POST", PATH, body, {"Content-Type": "application/json"})
        first.getresponse().read()
        before = thread_times(pids)
        second.request("GET", "/api/health")
        second.getresponse().read()
        spent += thread_times(pids)[1] - before[1]
    return spent / rounds * 1e6


def flood(port, count):
    """p50 and p99 in ms of a small request while `count` sign-ins, all at once, are under way."""
    sockets = []
    for i in range(count):
        s = socket.create_connection(("127.0.0.1", port), timeout=120)
        body = json.dumps({"identity": f"nobody{i}@example.com", "password": "wrong-password"})
        s.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        sockets.append(s)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times = []
    sockets[-1].setblocking(False)
    while True:
        start = time.perf_counter()
        client.request("GET", "/api/health")
        client.getresponse().read()
        times.append((time.perf_counter() - start) * 1000)
        try:
            if len(sockets[-1].recv(16)) >= 0:
                break
        except BlockingIOError:
            pass
    for s in sockets:
        s.close()
    times.sort()
    return statistics.median(times), times[int(len(times) * 0.99)]


def yardstick(args, bench, folder, data):
    """The yardstick on a copy of the folder, which nobody has open."""
    (folder / "signin-yard").mkdir()
    db = folder / "signin-yard/data.db"
    shutil.copy(data / "data.db", db)
    with sqlite3.connect(db) as rows:  # what its other work reads
        rows.execute("CREATE TABLE posts (id, title, body, category, views, author, created, updated)")
    rows.close()
    port = bench.free_port()
    return bench.Server("yardstick", [args.yardstick, str(db), str(port), args.threads], port)


def run(args, bench, folder, servers, table):
    data = folder / "signin"
    subprocess.run([args.croft, "superuser", "upsert", EMAIL, PASSWORD, "--dir", str(data)],
                   check=True, stdout=subprocess.DEVNULL)
    y = yardstick(args, bench, folder, data)
    servers.append(y)
    c = bench.croft(args.croft, data, bench.free_port(), "--threads", args.threads)
    servers.append(c)
    c.wait("/api/health")
    y.wait("/hello")
    pids, yard_pids = bench.children(c.process.pid), bench.children(y.process.pid)
    admin = bench.Client(c.port)
    admin.sign_in("_superusers", EMAIL, PASSWORD)
    spent = {}

    def note(name, hashing_and_rest):
        spent.setdefault(name, []).append(hashing_and_rest)

    for _ in range(args.rounds):
        for clients in (1, 8):
            rounds = 80 // clients
            name = f"sign-in, {clients} at a time"
            for alerts in (False, True):
                admin.call("PATCH", "/api/collections/_superusers",
                           {"authAlert": {"enabled": alerts}})
                note((name + (", its place noted" if alerts else ""), "croft"),
                     cost(c.port, pids, rounds, clients))
            note((name, "yardstick"), cost(y.port, yard_pids, rounds, clients, "/sign-in"))
        note(("a health check after a sign-in", "croft"), (0, cost_of_health(c.port, pids, 80)))
    ours = {key: statistics.median(one[1] for one in all) for key, all in spent.items()}
    for (name, who), all in spent.items():
        yard = ours.get((name.removesuffix(", its place noted"), "yardstick"))
        if yard and who == "croft":
            hashing = statistics.median(one[0] for one in all)
            table.append([f"{name}: hash", who, f"{hashing:.0f}"] + [""] * 7)
        table.append([f"{name}: all else", who, f"{ours[name, who]:.0f}",
                      f"{ours[name, who] / yard:.2f}" if yard else ""] + [""] * 5 +
                     ["<= 100 µs" if who == "croft" and yard and "noted" not in name else ""])
    p50, p99 = flood(c.port, 200)
    table.append(["a small request beside 200 sign-ins", "croft", "", "", "", "", f"{p50:.2f}",
                  f"{p99:.2f}", "", "p99 <= 20 ms"])
    servers.remove(y)
    y.stop()
