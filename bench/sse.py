"""sse.py - what a subscriber costs: `script/bench --only realtime`.

5,000 users, each signed in with a stream of his own, rule `@request.auth.id != ""`, and a
record that is changed again and again. CPU is the server's (utime + stime), RSS the worker's.
Users are written into the database file while no server runs, and their tokens signed here:
through the API each would cost a password hash.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import random
import resource
import sqlite3
import statistics
import string
import subprocess
import sys
import time

TOPIC = "news/*"


def letters(n):
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=n))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(user_id, collection_id, token_key, secret):
    head = b64(b'{"alg":"HS256","typ":"JWT"}')
    claims = b64(json.dumps({"id": user_id, "collectionId": collection_id, "type": "auth",
                             "exp": int(time.time()) + 86400, "refreshable": True}).encode())
    mac = hmac.new((token_key + secret).encode(), head + b"." + claims, hashlib.sha256)
    return (head + b"." + claims + b"." + b64(mac.digest())).decode()


def make_users(data, count):
    """Rows of `users`, straight into the file; their tokens."""
    db = sqlite3.connect(data / "data.db")
    collection_id, options = db.execute(
        "SELECT id, options FROM _collections WHERE name='users'").fetchone()
    secret = json.loads(options)["authToken"]["secret"]
    tokens = []
    for i in range(count):
        user_id, key = letters(15), letters(50)
        db.execute("INSERT INTO users (id, email, tokenKey, password) VALUES (?, ?, ?, '')",
                   (user_id, f"u{i}@example.com", key))
        tokens.append(token(user_id, collection_id, key, secret))
    db.commit()
    db.close()
    return tokens


def ask_line(process, line=""):
    if line:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    answer = process.stdout.readline().strip()
    if not answer:
        sys.exit("bench: sse_clients ended")
    return answer


def run(args, bench, folder, servers, table, subscribers=5000, rounds=40):
    clients = str(bench.ROOT / "build-bench/bench/sse_clients")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < subscribers + 200:
        sys.exit(f"bench: {subscribers} subscribers need as many file descriptors (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    data = folder / "realtime"
    subprocess.run([args.croft, "superuser", "upsert", "bench@example.com", "bench-password",
                    "--dir", str(data)], check=True, stdout=subprocess.DEVNULL)
    tokens = make_users(data, subscribers)
    (folder / "tokens").write_text("\n".join(tokens) + "\n")
    port = bench.free_port()
    server = bench.croft(args.croft, data, port, "--threads", args.threads)
    servers.append(server)
    server.wait("/api/health")
    c = bench.Client(port)
    c.sign_in("_superusers", "bench@example.com", "bench-password")
    rule = '@request.auth.id != ""'
    c.call("POST", "/api/collections", {
        "name": "news", "type": "base", "listRule": rule, "viewRule": rule, "updateRule": rule,
        "fields": [{"name": "title", "type": "text"}, {"name": "n", "type": "number"}]})
    record = c.call("POST", "/api/collections/news/records", {"title": "x" * 120, "n": 0})
    path = f"/api/collections/news/records/{record['id']}"
    for _ in range(200):
        c.call("GET", path)
    # The database's own cache of the users' rows is there whoever subscribes: filled before.
    for _ in range(8):
        reader = bench.Client(port)  # on whichever thread
        reader.token = c.token
        for page in range(1, subscribers // 1000 + 1):
            reader.call("GET", f"/api/collections/users/records?perPage=1000&page={page}&fields=id")
        reader.http.close()

    pid = server.process.pid
    rss = bench.rss_kib(pid)
    listener = subprocess.Popen([clients, "listen", str(port), TOPIC, str(folder / "tokens")],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        ask_line(listener)
        time.sleep(0.5)
        each = (bench.rss_kib(pid) - rss) * 1024 / subscribers
        change = lambda n: tuple(int(x) / 1000 for x in ask_line(
            listener, f'{path} {tokens[0]} {{"n":{n}}}').split())
        for n in range(3):
            change(n)
        cpu = bench.cpu_seconds(pid)
        took = [change(n) for n in range(rounds)]
        cpu = (bench.cpu_seconds(pid) - cpu) * 1e6 / (rounds * subscribers)
        last = [last - answer for answer, last in took]

        probe = subprocess.Popen([clients, "probe", str(port), path, tokens[1], "4000"],
                                 stdout=subprocess.PIPE, text=True)
        n = 0
        while probe.poll() is None:
            change(n)
            n += 1
            time.sleep(0.05)
        _, p50, p99, worst = map(int, probe.stdout.read().split())
    finally:
        listener.kill()
        listener.wait()
    row = lambda what, value, goal: table.append(
        [what, "croft", value, "", "", "", "", "", "", goal])
    what = f"a change to {subscribers} subscribers"
    row(f"{what}: CPU of each", f"{cpu:.1f} µs", "<= 8 µs")
    row(f"{what}: last one told after the answer",
        f"{statistics.median(last):.0f} ms (worst {max(last):.0f})", "<= 60 ms")
    row(f"{what}: others' requests meanwhile",
        f"p50 {p50 / 1000:.1f}, p99 {p99 / 1000:.1f} ms (worst {worst / 1000:.1f})", "p99 <= 10 ms")
    row("an idle subscriber: RSS", f"{each:.0f} bytes", "<= 2048 bytes")
