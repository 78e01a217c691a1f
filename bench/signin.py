"""signin.py - what a sign-in costs besides its hash, and what a flood of them costs others.

Each thread's CPU time is the kernel's (schedstat, in ns). The hash runs on threads of its own
("password"): whatever the others spend is ours, and needs no guess of how long a hash takes.
"""
import http.client
import json
import pathlib
import socket
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


def cost(port, pids, rounds, clients):
    """µs of CPU a sign-in: (hash, all else), with so many clients at a time."""
    body = json.dumps({"identity": EMAIL, "password": PASSWORD})
    all_clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                   for _ in range(clients)]

    def once():
        for client in all_clients:
            client.request("POST", PATH, body, {"Content-Type": "application/json"})
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


def run(args, bench, folder, servers, table):
    data = folder / "signin"
    subprocess.run([args.croft, "superuser", "upsert", EMAIL, PASSWORD, "--dir", str(data)],
                   check=True, stdout=subprocess.DEVNULL)
    c = bench.croft(args.croft, data, bench.free_port(), "--threads", args.threads)
    servers.append(c)
    c.wait("/api/health")
    pids = bench.children(c.process.pid)
    admin = bench.Client(c.port)
    admin.sign_in("_superusers", EMAIL, PASSWORD)
    for alerts in (False, True):
        admin.call("PATCH", "/api/collections/_superusers", {"authAlert": {"enabled": alerts}})
        for clients in (1, 8):
            hashing, ours = cost(c.port, pids, 160 // clients, clients)
            name = f"sign-in, {clients} at a time" + (", its place noted" if alerts else "")
            table.append([f"{name}: hash", "croft", f"{hashing:.0f}"] + [""] * 7)
            table.append([f"{name}: all else", "croft", f"{ours:.0f}"] + [""] * 6 +
                         ["" if alerts else "<= 100 µs"])
    p50, p99 = flood(c.port, 200)
    table.append(["a small request beside 200 sign-ins", "croft", "", "", "", "", f"{p50:.2f}",
                  f"{p99:.2f}", "", "p99 <= 20 ms"])
