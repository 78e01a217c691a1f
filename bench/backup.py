"""Backups: what a backup under way costs those who write meanwhile, and what it takes.

A row is about one kilobyte: --rows 100000 makes a database of 100 MB, 1000000 one of 1 GB. Eight
clients create records, first without and then with a backup; then the backup is restored.
"""
import http.client
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import threading
import time


def ask(port, method, path, body=None, token=None, connection=None):
    c = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = token
    c.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = c.getresponse()
    content = answer.read()
    if not connection:
        c.close()
    return answer.status, content


def fill(path, rows):
    words = [os.urandom(6).hex() for _ in range(4000)]
    db = sqlite3.connect(path)
    db.executemany("INSERT INTO notes (id, title, body) VALUES (?, ?, ?)",
                   ((f"r{i:014d}", f"t{i}", " ".join(random.choices(words, k=72))) for i in range(rows)))
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def writers(port, running, times):
    def work():
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while running():
            t = time.perf_counter()
            status, _ = ask(port, "POST", "/api/collections/notes/records",
                            {"title": "x", "body": "y" * 200}, connection=c)
            assert status == 200
            times.append((time.perf_counter() - t) * 1000)
            time.sleep(0.004)
    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    return threads


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def run(args, bench, folder, servers, table):
    work = folder / "backup"
    (work / "public").mkdir(parents=True)
    data = work / "data"
    flags = ("--public", str(work / "public"), "--threads", args.threads)
    subprocess.run([args.croft, "superuser", "upsert", "bench@example.com", "bench-password",
                    "--dir", str(data)], check=True, stdout=subprocess.DEVNULL)

    def start():
        s = bench.croft(args.croft, data, bench.free_port(), *flags)
        s.wait("/api/health")
        return s

    def sign_in(port):
        return json.loads(ask(port, "POST", "/api/collections/_superusers/auth-with-password",
                              {"identity": "bench@example.com", "password": "bench-password"})[1])["token"]

    s = start()
    made, _ = ask(s.port, "POST", "/api/collections", {
        "name": "notes", "type": "base", "createRule": "",
        "fields": [{"name": "title", "type": "text"}, {"name": "body", "type": "text"}]}, sign_in(s.port))
    assert made == 200
    s.stop()
    fill(data / "data.db", args.rows)

    s = start()
    servers.append(s)
    token = sign_in(s.port)
    end = time.time() + 5 * args.seconds
    quiet = []
    for t in writers(s.port, lambda: time.time() < end, quiet):
        t.join()
    idle = bench.rss_kib(s.process.pid)
    done, busy, peak = [], [], [idle]
    threads = writers(s.port, lambda: not done, busy)

    def watch():
        while not done:
            peak.append(bench.rss_kib(s.process.pid))
            time.sleep(0.1)
    threads.append(threading.Thread(target=watch))
    threads[-1].start()
    began = time.time()
    status, content = ask(s.port, "POST", "/api/backups", {"name": "bench.zip"}, token)
    took = time.time() - began
    done.append(True)
    for t in threads:
        t.join()
    assert status == 204, content
    size = pathlib.Path(data / "data.db").stat().st_size / 1e9
    what = f"create, backup of {size:.1f} GB under way"
    rest = ["", "", "", "", "", ""]
    table.append([f"{what}: p99", "croft", f"{p99(busy):.1f} ms, {p99(busy) / p99(quiet):.1f} x", *rest, "<= 3 x"])
    table.append([f"{what}: memory above idle", "croft", f"{(max(peak) - idle) / 1024:.1f} MB", *rest, "<= 32 MB"])
    table.append(["the backup, read back", "croft", f"{took:.1f} s", *rest, ""])
    s.stop()
    began = time.time()
    subprocess.run([args.croft, "restore", "bench.zip", "--dir", str(data)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    table.append(["the restore, checked", "croft", f"{time.time() - began:.1f} s", *rest, "<= 300 s a GB"])
    servers[-1] = start()
