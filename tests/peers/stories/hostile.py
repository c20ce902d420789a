"""Bodies and targets that mean harm: a clear answer, the service stays healthy, its memory stays bounded."""

import gzip
import random
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from configuration import GLOBAL, alert, group
from stage import Receivers, Watchbell, check, equal, eventually, free_port, request

from .reloading import crew

WRITE = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
BODY_BYTES_MAX = 4_000_000
MEMORY_BYTES_MAX = 256 << 20


def varint(number):
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(data + bytes([number]))


def field(number, data):
    """A length-delimited field of protobuf."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def snappy(data):
    """The block format with literals alone."""
    packed = bytearray(varint(len(data)))
    for start in range(0, len(data), 65536):
        part = data[start:start + 65536]
        packed += b"\xf4" + struct.pack("<H", len(part) - 1) + part
    return bytes(packed)


def series(labels, value, at_ms):
    pairs = b"".join(field(1, field(1, name.encode()) + field(2, text.encode())) for name, text in sorted(labels.items()))
    sample = b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at_ms)
    return field(1, pairs + field(2, sample))


def hostile_bodies(stage):
    receivers = Receivers(stage)
    config = GLOBAL + f"limits: {{body_bytes_max: {BODY_BYTES_MAX}}}\n" + crew(receivers)
    bell = Watchbell(stage, config, {"rules/bell.yml": group(alert("Bell", "bell > 0"))}, level="info").start()
    now = int(time.time() * 1000)
    good = snappy(series({"__name__": "bell", "instance": "a"}, 1.0, now))

    def write(body, expected, what, **headers):
        merged = {**WRITE, **{name.replace("_", "-"): value for name, value in headers.items()}}
        status, _, text = bell.ask("/api/v1/write", "POST", body, {k: v for k, v in merged.items() if v is not None})
        check(status in expected, f"{what}: expected {expected}, found {status} ({text[:200]})")
        check(status == 204 or text.strip(), f"{what}: {status} without a word")
        return text

    write(good, (200, 204), "a good message")
    bell.alert("firing", alertname="Bell")
    write(b"\xff" * 100, (400,), "no snappy")
    write(snappy(b"\x0a\xff\xff\xff\xff\x0f" + b"x" * 50), (400,), "a length beyond the message")
    write(snappy(random.Random(1).randbytes(5000)), (400,), "garbage for protobuf")
    write(varint(0xFFFFFFFF) + b"\x00x", (400, 413), "a message that announces 4 GiB")
    write(varint(1 << 30) + b"\xfe\x01\x00" * 300_000, (400, 413), "a bomb of copies")
    write(b"", (200, 204, 400), "an empty body")
    write(b"x" * (BODY_BYTES_MAX + 1), (413,), "a body over the limit")
    write(good, (415,), "a wrong content type", Content_Type="application/json")
    write(good, (415,), "a wrong encoding", Content_Encoding="gzip")
    write(good, (415,), "an unknown message", Content_Type="application/x-protobuf;proto=io.prometheus.write.v9.Request")
    long_label = snappy(series({"__name__": "bell", "instance": "x" * 10_000_000}, 1.0, now))
    write(long_label, (400, 413), "a label of 10 MB")
    small_enough = snappy(series({"__name__": "bell", "instance": "x" * 1_000_000}, 1.0, now))
    text = write(small_enough, (400,), "a label of 1 MB")
    check(len(text) < 2000, f"the refusal quotes {len(text)} characters")
    many = {f"label{number:05}": "x" for number in range(5000)}
    write(snappy(series({"__name__": "bell", **many}, 1.0, now)), (400,), "5,000 labels")
    write(snappy(series({"__name__": "bell", "instance": "b"}, 1.0, 1 << 63)), (400,), "a time before the beginning")
    noise = random.Random(7)
    for number in range(200):
        body = bytearray(good)
        for _ in range(noise.randrange(1, 6)):
            body[noise.randrange(len(body))] = noise.randrange(256)
        write(bytes(body), (200, 204, 400, 413), f"mutation {number}")
    hostile_lines(bell)
    hostile_connections(bell)

    bombs_at_once(bell)
    for path in ("/-/healthy", "/-/ready", "/health"):
        equal(bell.ask(path)[0], 200, f"status of {path} after everything")
    bell.push("bell", 1, instance="after")
    bell.alert("firing", instance="after")
    check(bell.metric("watchbell_ingest_refused_batches_total") > 10, "refused batches are not counted")
    bell.stop()


def bombs_at_once(bell):
    with ThreadPoolExecutor(24) as pool:
        bomb = varint((BODY_BYTES_MAX * 4) - 100) + b"\xfe\x01\x00" * 1_000_000
        answers = list(pool.map(lambda _: request(bell.url("/api/v1/write"), "POST", bomb, WRITE)[0], range(60)))
    check(set(answers) <= {400, 413, 503}, f"answers to 60 bombs at a time: {sorted(set(answers))}")
    check(bell.memory() < MEMORY_BYTES_MAX, lambda: f"{bell.memory() >> 20} MiB of memory were used")


def hostile_lines(bell):
    """`POST /api/v1/import`: a body with a fault is refused whole, with the line."""
    line = b'{"name":"bell","labels":{"instance":"never"},"value":1}\n'
    for fault, what in (
        (b'{"name":"bell"', "a line that ends too soon"),
        (b'{"name":"bell","value":"x"}', "a value that is no number"),
        (b'{"name":"bell","value":1,"vlaue":2}', "an unknown field"),
        (b'{"name":"","value":1}', "no name"),
        (b"[" * 100_000, "deep nesting"),
        (b'{"name":"bell","labels":' + b'{"a":' * 50_000, "deeper nesting"),
        (b"\xff\xfe\x00", "no text"),
    ):
        status, _, text = bell.ask("/api/v1/import", "POST", line + fault + b"\n" + line)
        equal(status, 400, f"status of {what} ({text[:200]})")
        check('"line":2' in text.replace(" ", ""), f"{what}: the line is not named: {text[:300]}")
    status, _, text = bell.ask("/api/v1/import", "POST", b'{"name":"bell","labels":{"a":"' + b"x" * 3_000_000 + b'"},"value":1}')
    equal(status, 400, f"status of a label of 3 MB ({text[:200]})")
    packed = gzip.compress(b" " * (200 << 20), 6)
    status, _, _ = bell.ask("/api/v1/import", "POST", packed, {"Content-Encoding": "gzip"})
    equal(status, 413, "status of a body that unpacks to 200 MiB")
    equal(bell.alerts(instance="never"), [], "alerts from bodies that were refused")


def hostile_connections(bell):
    """Connections that say half of it, or nothing."""
    sockets = []
    for text in (b"", b"POST /api/v1/write HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
                 b"POST /api/v1/import HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{",
                 b"POST /api/v1/import HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
                 b"POST /api/v1/import HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n"):
        for _ in range(10):
            opened = socket.create_connection(("127.0.0.1", bell.port), timeout=5)
            try:
                opened.sendall(text)
            except OSError:
                pass  # It was shut already, which is an answer.
            sockets.append(opened)
    equal(bell.ask("/-/healthy", timeout=5)[0], 200, "health with 80 strange connections open")
    for opened in sockets:
        opened.close()
    equal(bell.ask("/-/healthy", timeout=5)[0], 200, "health after 80 strange connections")


class Target(BaseHTTPRequestHandler):
    """Answers by path: what a scrape may run into."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        try:
            getattr(self, self.path.strip("/"))()
        except OSError:
            pass  # The scraper has gone.

    def head(self, status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def endless(self):
        self.head()
        while not self.server.stopping.is_set():
            self.wfile.write(b'flood{n="1"} 1\n' * 10_000)

    def drip(self):
        self.head()
        while not self.server.stopping.wait(0.2):
            self.wfile.write(b"#")

    def garbage(self):
        self.head()
        self.wfile.write(b'good 1\nbad{a="b} 1\n\xff\xff\n')

    def bomb(self):
        self.head(Content_Encoding="gzip")
        self.wfile.write(self.server.packed)

    def broken(self):
        self.head(500)

    def around(self):
        self.head(302, Location="/around")


def hostile_targets(stage):
    """Each target is down with its reason; the good one among them is not disturbed."""
    receivers = Receivers(stage)
    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Target)
    server.daemon_threads, server.stopping = True, threading.Event()
    server.packed = gzip.compress(b"\n" * (400 << 20), 6)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = ("endless", "drip", "garbage", "bomb", "broken", "around")
    jobs = "".join(f"""\
  - job_name: {name}
    metrics_path: /{name}
    body_size_limit: 10MB
    static_configs: [{{targets: ['127.0.0.1:{server.server_port}']}}]
""" for name in names)
    exporter, _ = stage.exporter()
    good = f"  - job_name: good\n    static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]\n"
    rules = group(alert("Down", "up == 0"), alert("GoodDown", "up{job='good'} == 0"), alert("Leak", "({__name__=~'flood|good'}) > 0"))
    try:
        bell = Watchbell(stage, GLOBAL + "scrape_configs:\n" + jobs + good + crew(receivers), {"rules/up.yml": rules}, level="info")
        bell.start()
        for name in names:
            bell.alert("firing", alertname="Down", job=name)
        bell.live_through(5)
        targets = {target["scrapePool"]: target for target in bell.json("/api/v1/targets")["data"]["activeTargets"]}
        equal({name: targets[name]["health"] for name in names}, dict.fromkeys(names, "down"), "health of the targets")
        for name in names:
            check(targets[name]["lastError"], f"the target {name} is down without a reason")
        equal(targets["good"]["health"], "up", "health of the good target")
        equal(bell.alerts(alertname="GoodDown") + bell.alerts(alertname="Leak"), [], "alerts that should not be")
        check(bell.memory() < MEMORY_BYTES_MAX, lambda: f"{bell.memory() >> 20} MiB of memory were used")
        bell.stop()
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
