"""Random expressions, asked of Debian's Prometheus and of Watchbell over the same samples.

`WATCHBELL_SEEDS` is how many hundreds of them, `WATCHBELL_FIRST_SEED` where they begin, `WATCHBELL_DIFFERENCES` after how many
differences to stop.
"""

import http.client
import json
import math
import os
import random
import struct
import time
from urllib.parse import urlencode

from configuration import GLOBAL
from expressions import FEWER_DUPLICATES, FILTERED_MATCHES, RENAMED, SCRAPE_SECONDS, SCRAPES, Draw, broken, native_expression, samples
from stage import Watchbell, check, eventually, free_port, request

from .hostile import WRITE, field, snappy, varint

SEEDS = int(os.environ.get("WATCHBELL_SEEDS", "40"))
FIRST_SEED = int(os.environ.get("WATCHBELL_FIRST_SEED", "1"))
EXPRESSIONS_PER_SEED = 100
SERIES_PER_WRITE = 40
DIFFERENCES_MAX = int(os.environ.get("WATCHBELL_DIFFERENCES", "5"))
MOMENTS_PER_SERIES = 24
TOLERANCE = 1e-9


def prometheus_and_watchbell_evaluate_alike(stage):
    bell = Watchbell(stage, GLOBAL.replace("rule_files: ['rules/*.yml']\n", "").replace("evaluation_interval: 1s", "evaluation_interval: 1m"))
    bell.start()
    peer = start_prometheus(stage)
    begin = int(time.time()) - SCRAPES * SCRAPE_SECONDS - 120
    found = samples(FIRST_SEED)
    for base in (bell.url(""), peer):
        write(base, found, begin)
    both = Peer(bell.url("")), Peer(peer)
    last = begin + SCRAPES * SCRAPE_SECONDS
    eventually("both hold the samples", lambda: counts_agree(both, last), 30.0)

    print(f"       {SEEDS} seeds from {FIRST_SEED}, samples from {begin}")
    outcomes = {"alike": 0, "empty": 0, "refused": 0, "fewer duplicates": 0}
    differences = []
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        for number in range(EXPRESSIONS_PER_SEED):
            tell(f"{seed}.{number}", begin, both, outcomes, differences)
            if len(differences) >= DIFFERENCES_MAX:
                break
    print(f"       {outcomes}")
    check(not differences, lambda: f"{len(differences)} of {sum(outcomes.values())} differ:\n" + "\n".join(differences))
    check(outcomes["alike"] > sum(outcomes.values()) / 3, f"too few expressions had a result: {outcomes}")
    bell.stop()


def tell(name, begin, both, outcomes, differences):
    """One expression at one moment or over a range."""
    noise = random.Random(name)
    moment = begin + 900 + noise.randrange(0, 1300) + 0.5
    step = noise.choice((1, 7, 15, 30, 60, 61, 300))
    end = moment + step * noise.randrange(0, MOMENTS_PER_SERIES)
    is_range = noise.random() < 0.5
    form = {"start": moment, "end": end, "step": step} if is_range else {"time": moment}
    draw = Draw(name, begin + 600.5, end)
    text = native_expression(noise) if noise.random() < 0.04 else draw.expression()
    if noise.random() < 0.05:
        tell_broken(name, both, broken(noise, text), form, outcomes, differences)
        return
    ordered = not is_range and text.startswith("sort")
    outcome, words = compare(both, text, form, ordered)
    outcomes[outcome] = outcomes.get(outcome, 0) + 1
    if outcome != "differs":
        return
    for part in sorted(draw.parts, key=len):
        shorter, why = compare(both, part, form, False)
        if shorter == "differs":
            text, words = part, why
            break
    differences.append(f"seed {name}: {text}\n  at {form}\n  {words}")


def tell_broken(name, both, text, form, outcomes, differences):
    """What the older one takes, the newer one takes; what it refuses may be new. Values are left alone: they may lie on borders."""
    path = "query_range" if "step" in form else "query"
    ours, theirs = both[0].ask(path, {**form, "query": text}), both[1].ask(path, {**form, "query": text.replace(*RENAMED)})
    is_fine = ours[0] in (200, 400, 422) and (ours[0] == theirs[0] or theirs[0] != 200)
    outcome = "broken alike" if ours[0] == theirs[0] else "broken there alone" if is_fine else "differs"
    outcomes[outcome] = outcomes.get(outcome, 0) + 1
    if not is_fine:
        differences.append(f"seed {name}: {text}\n  at {form}\n  Watchbell: {str(ours)[:700]}\n  Prometheus: {str(theirs)[:700]}")


def compare(both, text, form, ordered):
    """How the answers compare, and in words."""
    path = "query_range" if "step" in form else "query"
    ours = both[0].ask(path, {**form, "query": text})
    theirs = both[1].ask(path, {**form, "query": text.replace(*RENAMED)})
    words = f"Watchbell: {str(ours)[:700]}\n  Prometheus: {str(theirs)[:700]}"
    if ours[0] != 200 or theirs[0] != 200:
        heads = [(status, body.get("status"), body.get("errorType")) for status, body in (ours, theirs)]
        if heads[0] == heads[1] and heads[0][0] in (400, 422):
            return "refused", words
        if ours[0] == 200 and FEWER_DUPLICATES in theirs[1].get("error", ""):
            return "fewer duplicates", words
        if theirs[0] == 200 and FILTERED_MATCHES in ours[1].get("error", ""):
            return "filtered matches", words
        return "differs", words
    left, right = ours[1]["data"], theirs[1]["data"]
    fault = difference(left, right, ordered)
    if fault:
        return "differs", f"{fault}\n  {words}"
    return ("alike" if right["result"] else "empty"), words


def difference(left, right, ordered):
    """What differs between two results; None if nothing does."""
    kind = left["resultType"]
    if kind != right["resultType"]:
        return f"types {kind} and {right['resultType']}"
    left, right = left["result"], right["result"]
    if kind in ("scalar", "string"):
        return None if near(left, right) else f"{left} and {right}"
    names = [[json.dumps(one["metric"], sort_keys=True) for one in result] for result in (left, right)]
    if len(set(names[0])) != len(names[0]):
        return "the same labels twice"
    if sorted(names[0]) != sorted(names[1]):
        return f"series only here: {sorted(set(names[0]) - set(names[1]))[:3]}, only there: {sorted(set(names[1]) - set(names[0]))[:3]}"
    # Values that are equal or not a number have no order of their own.
    if ordered and not near([one["value"] for one in left], [one["value"] for one in right]):
        return "the order"
    there = dict(zip(names[1], right))
    for name, one in zip(names[0], left):
        for key in ("value", "values", "histogram", "histograms"):
            if not near(one.get(key), there[name].get(key)):
                return f"{key} of {name}: {str(one.get(key))[:300]} and {str(there[name].get(key))[:300]}"
    return None


def near(left, right):
    """Whether both are the same, numbers but for the last digits; NaN is NaN."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(near, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(near(left[key], right[key]) for key in left)
    if isinstance(left, str) and isinstance(right, str) and left != right:
        try:
            return math.isclose(float(left), float(right), rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        except ValueError:
            return False
    return left == right


class Peer:
    """One connection that stays open."""

    def __init__(self, base):
        self.host = base.removeprefix("http://")
        self.connection = http.client.HTTPConnection(self.host, timeout=30.0)

    def ask(self, path, form):
        head = {"Content-Type": "application/x-www-form-urlencoded"}
        for attempt in (1, 2):
            try:
                self.connection.request("POST", f"/api/v1/{path}", urlencode(form), head)
                answer = self.connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (http.client.HTTPException, ConnectionError):
                # The other side may close a connection at any time; twice in a row is a fault.
                self.connection.close()
                if attempt == 2:
                    raise


def counts_agree(both, moment):
    query = {"query": "count by (__name__) (last_over_time({__name__=~'.+'}[50m]))", "time": moment + 60}
    ours, theirs = (peer.ask("query", query)[1]["data"] for peer in both)
    return theirs["result"] and difference(ours, theirs, False) is None


def start_prometheus(stage):
    web, file = free_port(), stage.folder / "prometheus.yml"
    file.write_text("global: {evaluation_interval: 1m}\nstorage: {tsdb: {out_of_order_time_window: 2h}}\n", encoding="utf-8")
    stage.start("prometheus", [
        "prometheus", f"--config.file={file}", f"--storage.tsdb.path={stage.folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{web}", "--web.enable-remote-write-receiver", "--enable-feature=native-histograms"])
    eventually("Prometheus is ready", lambda: request(f"http://127.0.0.1:{web}/-/ready")[0] == 200, 30.0)
    return f"http://127.0.0.1:{web}"


def write(base, found, begin):
    """The samples by remote write: first two of three, then those between them, which are late."""
    def send(messages):
        status, _, text = request(f"{base}/api/v1/write", "POST", snappy(b"".join(messages)), WRITE)
        check(status in (200, 204), f"{base} refuses samples: {status} {text[:300]}")

    for is_late in (False, True):
        for start in range(0, len(found), SERIES_PER_WRITE):
            send(series(labels, [(at, value) for index, (at, value) in enumerate(points) if (index % 3 == 1) is is_late], begin)
                 for labels, points in found[start:start + SERIES_PER_WRITE])
    send(native_series(begin))


def labels_message(labels):
    return b"".join(field(1, field(1, name.encode()) + field(2, text.encode())) for name, text in sorted(labels.items()))


def series(labels, points, begin):
    message = labels_message(labels)
    for at, value in points:
        message += field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(begin * 1000 + round(at * 1000)))
    return field(1, message)


def zigzag(number):
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def native_series(begin):
    """Native histograms of schema 1 with a bucket of zero, buckets of both signs and resets."""
    noise = random.Random(FIRST_SEED)
    for job in ("a", "b", "c"):
        for instance in ("i0", "i1"):
            message = labels_message({"__name__": "native", "job": job, "instance": instance})
            counts, zero, total = [20] * 5, 10, 1000.0
            for scrape in range(SCRAPES):
                if noise.random() < 0.03:
                    counts, zero, total = [10] * 5, 5, 500.0
                counts = [one + noise.randrange(1, 6) for one in counts]
                zero, total = zero + noise.randrange(1, 3), total + noise.randrange(1, 90) / 4
                at = begin * 1000 + scrape * 15_000 + noise.randrange(1, 4000, 2) + 1000
                message += field(4, native(counts, zero, total, at | 1))
            yield field(1, message)


def native(counts, zero, total, at):
    spans = field(11, span(0, 2)) + field(11, span(2, 1)) + field(8, span(1, 2))
    positive, negative = counts[:3], counts[3:]
    deltas = [b"".join(zigzag(one - before) for one, before in zip(side, [0, *side])) for side in (positive, negative)]
    return (b"\x08" + varint(sum(counts) + zero) + b"\x19" + struct.pack("<d", total) + b"\x20" + zigzag(1)
            + b"\x29" + struct.pack("<d", 0.001) + b"\x30" + varint(zero) + spans
            + field(9, deltas[1]) + field(12, deltas[0]) + b"\x78" + varint(at))


def span(offset, length):
    return b"\x08" + zigzag(offset) + b"\x10" + varint(length)
