"""Thumbnails: what the first one of a 12-megapixel JPEG costs, and what a cached one does.

The picture is grained like a photograph (1/f noise in each band), made by libvips' own tool. Its
copies are asked for one after another, so that each is a first time.
"""
import json
import pathlib
import statistics
import subprocess
import time
import urllib.request

SIZES = ["100x100", "800x600f", "0x1080"]
COPIES = 10


def picture(folder):
    """4000 x 3000, three bands, quality 85."""
    for band in "rgb":
        subprocess.run(["vips", "fractsurf", f"{band}.v", "4000", "3000", "2.9"], cwd=folder, check=True)
        subprocess.run(["vips", "scale", f"{band}.v", f"{band}8.v"], cwd=folder, check=True)
    subprocess.run(["vips", "bandjoin", "r8.v g8.v b8.v", "photo.jpg[Q=85]"], cwd=folder, check=True)
    return (folder / "photo.jpg").read_bytes()


def upload(port, token, content):
    boundary = "b0undary"
    body = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo.jpg\"\r\n"
            "Content-Type: image/jpeg\r\n\r\n").encode() + content + f"\r\n--{boundary}--\r\n".encode()
    ask = urllib.request.Request(f"http://127.0.0.1:{port}/api/collections/pics/records", body, {
        "Content-Type": f"multipart/form-data; boundary={boundary}", "Authorization": token})
    with urllib.request.urlopen(ask, timeout=60) as answer:
        record = json.load(answer)
    return f"/api/files/pics/{record['id']}/{record['file']}"


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return answer.read()


def cpu_ms(bench, pid):
    """Of all processes of the server, with those that have ended and been waited for."""
    total = 0
    for p in bench.children(pid):
        fields = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
        total += sum(map(int, fields[11:15] if p != pid else fields[11:13]))
    return total * 1000 / bench.TICK


def run(args, bench, folder, servers, table):
    work = folder / "thumbs"
    (work / "public").mkdir(parents=True)
    photo = picture(work)
    data = work / "data"
    subprocess.run([args.croft, "superuser", "upsert", "bench@example.com", "bench-password",
                    "--dir", str(data)], check=True, stdout=subprocess.DEVNULL)
    c = bench.croft(args.croft, data, bench.free_port(), "--public", str(work / "public"),
                    "--threads", args.threads)
    servers.append(c)
    c.wait("/api/health")
    client = bench.Client(c.port)
    client.sign_in("_superusers", "bench@example.com", "bench-password")
    token = client.token
    client.call("POST", "/api/collections", {
        "name": "pics", "type": "base", "viewRule": "",
        "fields": [{"name": "file", "type": "file", "maxSelect": 1, "maxSize": 50000000,
                    "thumbs": SIZES}]})
    paths = [upload(c.port, token, photo) for _ in range(COPIES)]
    size = f"{len(photo) / 1e6:.1f} MB, 12 Mpixel"

    def cost(path, thumb):
        before, began = cpu_ms(bench, c.process.pid), time.perf_counter()
        assert len(get(c.port, f"{path}?thumb={thumb}")) < len(photo) / 2, "no thumbnail came"
        return cpu_ms(bench, c.process.pid) - before, (time.perf_counter() - began) * 1000

    cpu, wall = cost(upload(c.port, token, photo), SIZES[0])
    table.append([f"thumbnail {SIZES[0]}, loading libvips", f"croft ({size})", f"{cpu:.0f} ms", "",
                  "", "", f"{wall:.0f}", "", "", ""])
    cost(upload(c.port, token, photo), SIZES[0])  # the other image process loads it too
    for thumb in SIZES:
        costs = [cost(path, thumb) for path in paths]
        table.append([f"thumbnail {thumb}, first", f"croft ({size})",
                      f"{statistics.mean(cpu for cpu, _ in costs):.0f} ms", "", "", "",
                      f"{statistics.median(wall for _, wall in costs):.0f}", "", "",
                      "<= 120 ms of CPU" if thumb == SIZES[0] else ""])

    cached = f"{paths[0]}?thumb={SIZES[0]}"
    (work / "public/same.jpg").write_bytes(get(c.port, cached))
    file = upload(c.port, token, get(c.port, cached))
    cases = [("a file of its size", c, {"WORK": "static", "TARGET": file}),
             ("croft", c, {"WORK": "static", "TARGET": cached}),
             ("a static file", c, {"WORK": "static", "TARGET": "/same.jpg"})]
    bench.rows_for("thumbnail, cached", bench.measure(cases, args.seconds, args.rounds),
                   "a file of its size", table)
