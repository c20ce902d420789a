#!/usr/bin/env python3
"""An exporter of one native histogram and one counter in protobuf, each with its creation time.

Every scrape adds three observations to `demo_seconds`: one of up to 2, two of up to 4; `demo_total` counts the scrapes. What was
accepted last stands in `/accept`.
"""

import argparse
import json
import signal
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MEDIA_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def zigzag(value):
    return varint((value << 1) ^ (value >> 63))


def integer(number, value):
    return varint(number << 3) + varint(value)


def double(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value)


def message(number, *fields):
    content = b"".join(fields)
    return varint(number << 3 | 2) + varint(len(content)) + content


def text(number, value):
    return message(number, value.encode())


def exposition(scrapes, created):
    """Two families, each behind its length."""
    span = message(12, integer(1, 2), integer(2, 2))  # two buckets from index 1 on, zigzag
    deltas = message(13, zigzag(scrapes), zigzag(scrapes))
    since = integer(1, int(created))
    histogram = message(
        7, integer(1, 3 * scrapes), double(2, 4.5 * scrapes), double(6, 0.001), span, deltas, message(15, since))
    counter = message(3, double(1, float(scrapes)), message(3, since))
    label = message(1, text(1, "path"), text(2, "/bell"))
    families = [
        text(1, "demo_seconds") + text(2, "Observations.") + integer(3, 4) + message(4, label, histogram),
        text(1, "demo_total") + text(2, "Scrapes.") + integer(3, 0) + message(4, counter),
    ]
    return b"".join(varint(len(family)) + family for family in families)


class Handler(BaseHTTPRequestHandler):
    scrapes = 0
    accepted = ""
    created = time.time()

    def do_GET(self):
        if self.path == "/accept":
            return self.answer("text/plain", Handler.accepted.encode())
        Handler.scrapes += 1
        Handler.accepted = self.headers.get("Accept", "")
        self.answer(MEDIA_TYPE, exposition(Handler.scrapes, Handler.created))

    def answer(self, media_type, body):
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(json.dumps({"exporter": "histogram", "host": "127.0.0.1", "port": server.server_port}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
