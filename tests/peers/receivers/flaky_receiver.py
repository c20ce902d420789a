#!/usr/bin/env python3
"""A receiver of webhooks that cannot be relied on.

How it answers each request is drawn at random from a seed:

    taken           200
    error           500
    limited         429 with `Retry-After` of 0.3 or 1 s
    late            nothing for longer than the sender waits, then the end of the connection
    reset_unread    the connection is reset before anything was read
    reset_read      the connection is reset after the whole request was read
    half_head       the connection ends in the middle of the answer's head
    half_body       200, and the connection ends in the middle of the answer's body

Before it is answered, each request is appended to a file, one JSON object per line; `key`, `body` and `path` are missing from one
that was not read:

    {"at": 1795316400.1, "answer": "taken", "path": "/first", "key": "the Idempotency-Key", "body": "..."}

SIGUSR1 heals it: from then on it answers 200 to everything. SIGTERM ends it with status 0.
"""

import argparse
import json
import random
import select
import signal
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERS = {"taken": 46, "error": 14, "limited": 6, "late": 5, "reset_unread": 8, "reset_read": 8, "half_head": 7, "half_body": 6}
LATE_SECONDS = 1.5
RETRY_AFTER_SECONDS = ("0.3", "1")
BODY_BYTES_MAX = 1 << 20


class Moods:
    """What the answers will be, and the record of what came."""

    def __init__(self, seed, path):
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._file = open(path, "a", encoding="utf-8")
        self.is_healed = threading.Event()

    def draw(self):
        with self._lock:
            if self.is_healed.is_set():
                return "taken"
            return self._random.choices(list(ANSWERS), list(ANSWERS.values()))[0]

    def retry_after(self):
        with self._lock:
            return self._random.choice(RETRY_AFTER_SECONDS)

    def record(self, **what):
        with self._lock:
            self._file.write(json.dumps({"at": time.time(), **what}) + "\n")
            self._file.flush()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer = "taken"

    def handle_one_request(self):
        # The connection may rest between two requests; one that is answered unread is drawn when it comes.
        select.select([self.connection], [], [])
        if not self.connection.recv(1, socket.MSG_PEEK):
            self.close_connection = True
            return
        self.answer = self.server.moods.draw()
        if self.answer == "reset_unread":
            self.server.moods.record(answer=self.answer)
            self.reset()
            return
        super().handle_one_request()

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), BODY_BYTES_MAX))
        self.server.moods.record(
            answer=self.answer, path=self.path, key=self.headers.get("Idempotency-Key"), body=body.decode())
        getattr(self, self.answer)()

    def taken(self):
        self.whole(200, b"thank you")

    def error(self):
        self.whole(500, b"out of order")

    def limited(self):
        self.whole(429, b"not so fast", self.server.moods.retry_after())

    def late(self):
        time.sleep(LATE_SECONDS)
        self.close_connection = True

    def reset_read(self):
        self.reset()

    def half_head(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        self.close_connection = True

    def half_body(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthan")
        self.close_connection = True

    def whole(self, status, body, retry_after=None):
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The streams hold on to the socket as well: only its descriptor can be closed now.
        socket.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    moods = None

    def shutdown_request(self, request):
        if request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        # A sender that is killed breaks its connections off.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", required=True, help="the file for the requests, JSON lines")
    arguments = parser.parse_args()
    moods = Moods(arguments.seed, arguments.record)
    signal.signal(signal.SIGUSR1, lambda *_: moods.is_healed.set())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server((arguments.host, arguments.port), Handler) as server:
        server.moods = moods
        print(json.dumps({"receiver": "flaky", "host": arguments.host, "port": server.server_address[1]}), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
