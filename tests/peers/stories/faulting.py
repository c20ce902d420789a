"""Watchbell is killed at random moments, under a stream of alerts and with a receiver that cannot be relied on.

`WATCHBELL_KILLS` says how often; `WATCHBELL_KILLS_AT=posts` lets every kill come right after a post, while the store is written;
`WATCHBELL_FAULTS_SEED` draws others."""

import contextlib
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime

from stage import HERE, Watchbell, check, equal, eventually, request

KILLS = int(os.environ.get("WATCHBELL_KILLS", "20"))
KILLS_AT = os.environ.get("WATCHBELL_KILLS_AT", "any")
SEED = int(os.environ.get("WATCHBELL_FAULTS_SEED", "1"))

PATHS = ("/first", "/second")
TEAMS = ("deck", "engine", "galley", "bridge", "hold", "mast")
POSTERS = 3
# Of one poster, so that the stream does not outrun a receiver that refuses half of it.
ALERTS_AT_A_TIME_MAX = 14
RESOLVE_TIMEOUT_SECONDS = 2.0
WEBHOOK_TIMEOUT_SECONDS = 1.0
REFRESH_SECONDS = 0.6
SETTLE_SECONDS = 120.0

CONFIG = """\
global:
  external_url: http://watchbell.example
  resolve_timeout: 2s
host_samples: false
route:
  receiver: crew
  group_by: [team]
  group_wait: 200ms
  group_interval: 500ms
  repeat_interval: 5s
  routes:
    - matchers: ['team=~"hold|mast"']
      group_interval: 1s
receivers:
  - name: crew
    webhook_configs:
      - {url: BASE/first, timeout: 1s}
      - {url: BASE/second, timeout: 1s}
"""


def moment(seconds):
    return datetime.fromtimestamp(round(seconds, 3), UTC).isoformat(timespec="microseconds")


def milliseconds(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


class Receiver:
    """The receiver's record of what came, read as it grows."""

    def __init__(self, stage):
        self.file = stage.folder / "flaky.jsonl"
        self.process = stage.start("flaky", [
            sys.executable, HERE / "receivers/flaky_receiver.py", "--record", self.file, "--seed", SEED], announces=True)
        self.base = f"http://127.0.0.1:{self.process.announced['port']}"
        self.records, self.read_bytes = [], 0
        # When each of (path, number, start, status) was first read, and when it was first answered with 200.
        self.heard, self.taken = {}, {}
        self.lock = threading.Lock()

    def follow(self):
        with self.lock, open(self.file, "rb") as file:
            file.seek(self.read_bytes)
            text = file.read()
            whole = text[:text.rfind(b"\n") + 1]
            self.read_bytes += len(whole)
            for line in whole.splitlines():
                self.take(json.loads(line))

    def take(self, record):
        self.records.append(record)
        if "body" not in record:
            return
        record["content"] = json.loads(record["body"])
        for alert in record["content"]["alerts"]:
            told = (record["path"], alert["labels"]["number"], milliseconds(alert["startsAt"]), alert["status"])
            self.heard.setdefault(told, record["at"])
            # A sender that has read the status of half an answer knows that it was taken.
            if record["answer"] in ("taken", "half_body"):
                self.taken.setdefault(told, record["at"])

    def heal(self):
        self.process.send(signal.SIGUSR1)


class Alarm:
    """One alert from its beginning to its end. `held` ones end by a post once both have heard of them, `fading` ones then time
    out, `brief` ones end whether or not anybody has heard."""

    def __init__(self, number, team, way, now, draw):
        self.number, self.team, self.way = number, team, way
        self.starts_at = round(now, 3)
        # Half of them say, as Prometheus does, until when they fire if nothing more is heard.
        self.says_end = way == "held" and draw.random() < 0.5
        self.patience = draw.uniform(0.0, 1.5)
        self.ends_at = self.heard_at = None
        self.is_quiet = self.end_accepted = False
        self.posted_at = 0.0
        # When each post that was answered with 200 was sent, and when answered.
        self.accepted = []

    def told(self, path, status):
        return path, self.number, round(self.starts_at * 1000), status

    def is_told(self, by, status):
        return all(self.told(path, status) in by for path in PATHS)

    def live(self, now, receiver):
        """Ends it, or lets it be forgotten, when its time has come."""
        if not self.accepted or self.ends_at or self.is_quiet:
            return
        if self.heard_at is None and (self.way == "brief" or self.is_told(receiver.heard, "firing")):
            self.heard_at = now
        if self.heard_at is not None and now >= self.heard_at + self.patience:
            self.is_quiet = self.way == "fading"
            self.ends_at = None if self.is_quiet else round(now, 3)

    def is_due(self, now):
        if self.ends_at:
            return not self.end_accepted
        return not self.is_quiet and (not self.accepted or now >= self.posted_at + REFRESH_SECONDS)

    def body(self, now):
        body = {"labels": {"alertname": "Fault", "team": self.team, "number": self.number},
                "annotations": {"summary": f"fault {self.number} <&> \"ü\""}, "startsAt": moment(self.starts_at)}
        end = self.ends_at or (now + 4 * REFRESH_SECONDS if self.says_end else None)
        return {**body, "endsAt": moment(end)} if end else body

    def accept(self, sent_at, answered_at, ended):
        self.posted_at = sent_at
        self.accepted.append((sent_at, answered_at))
        self.end_accepted |= ended

    @property
    def is_over(self):
        return self.end_accepted or self.is_quiet


class Poster(threading.Thread):
    """A client of `POST /api/v2/alerts` that repeats what was not answered with 200, and now and then what was."""

    def __init__(self, name, bell, receiver, posted):
        super().__init__(daemon=True)
        self.title, self.bell, self.receiver, self.posted = name, bell, receiver, posted
        self.draw = random.Random(f"{SEED}/{name}")
        self.alarms, self.counts = [], Counter()
        self.begins_no_more, self.ends, self.error = threading.Event(), threading.Event(), None

    def run(self):
        try:
            while not self.ends.wait(self.draw.uniform(0.02, 0.25)):
                self.receiver.follow()
                self.step(time.time())
        except Exception as error:  # The story fails with it.
            self.error = error
            raise

    def step(self, now):
        under_way = [alarm for alarm in self.alarms if not alarm.is_over]
        if not self.begins_no_more.is_set() and len(under_way) < ALERTS_AT_A_TIME_MAX and self.draw.random() < 0.5:
            self.alarms.append(self.begin(now))
            under_way.append(self.alarms[-1])
        for alarm in under_way:
            alarm.live(now, self.receiver)
        batch = [(alarm, alarm.ends_at is not None) for alarm in under_way if alarm.is_due(now)]
        if batch and self.post([alarm.body(now) for alarm, _ in batch]):
            for alarm, ended in batch:
                alarm.accept(now, time.time(), ended)

    def begin(self, now):
        """A new alert, or one that was over and fires again."""
        over = [alarm for alarm in self.alarms if alarm.way == "held" and alarm.is_told(self.receiver.heard, "resolved")]
        if over and self.draw.random() < 0.2:
            again = self.draw.choice(over)
            if all(other.is_told(self.receiver.heard, "resolved") for other in self.alarms if other.number == again.number):
                return Alarm(again.number, again.team, "held", now, self.draw)
        way = self.draw.choices(("held", "fading", "brief"), (6, 2, 2))[0]
        return Alarm(f"{self.title}-{len(self.alarms)}", self.draw.choice(TEAMS), way, now, self.draw)

    def post(self, batch):
        """Whether it was answered with 200; the answer to a repeat of what was answered does not matter."""
        self.counts["posts"] += 1
        self.posted.set()
        try:
            status, _, text = request(self.bell.url("/api/v2/alerts"), "POST", batch, {"Content-Type": "application/json"}, 10.0)
        except (OSError, http.client.HTTPException):
            return False
        equal(status, 200, f"the answer to a post ({text[:200]})")
        self.counts["answered"] += 1
        if self.draw.random() < 0.05:
            self.counts["posts"] += 1
            with contextlib.suppress(OSError, http.client.HTTPException):
                request(self.bell.url("/api/v2/alerts"), "POST", batch, {"Content-Type": "application/json"}, 10.0)
                self.counts["answered"] += 1
        return True


def kill_again_and_again(bell, posted, alive):
    """The times of the kills; Watchbell runs in the end."""
    draw, kills = random.Random(f"{SEED}/kills"), []

    def kill():
        bell.kill()
        kills.append(time.time())

    while len(kills) < KILLS:
        alive()
        way = "post" if KILLS_AT == "posts" else draw.choice(("moment", "post", "start"))
        time.sleep(draw.uniform(2.5, 4.5) if draw.random() < 0.08 else draw.uniform(0.05, 1.3))
        if way == "post":
            posted.clear()
            posted.wait(5.0)
            time.sleep(draw.uniform(0.0, 0.03))
        kill()
        if way == "start" and len(kills) < KILLS:
            bell.spawn()
            time.sleep(draw.uniform(0.0, 0.4))
            kill()
        bell.start(within=30.0)
    return kills


def nothing_accepted_is_lost_over_kills(stage):
    """At least once, in order, nothing under two contents, and the last thing told is the end."""
    receiver, posted = Receiver(stage), threading.Event()
    bell = Watchbell(stage, CONFIG.replace("BASE", receiver.base), level="info").start()
    posters = [Poster(str(number), bell, receiver, posted) for number in range(POSTERS)]

    def alive():
        check(not (errors := [poster.error for poster in posters if poster.error]), f"a poster failed: {errors}")

    for poster in posters:
        poster.start()
    kills = kill_again_and_again(bell, posted, alive)
    for poster in posters:
        poster.begins_no_more.set()
    receiver.heal()

    def waiting():
        alive()
        receiver.follow()
        return [alarm for poster in posters for alarm in poster.alarms if not is_done(alarm, receiver)]

    def quiet():
        check(not (left := waiting()), lambda: f"{len(left)} alerts wait: {[(vars(alarm)) for alarm in left[:2]]}")
        equal(bell.metric("watchbell_outbox_notifications"), 0, "notifications on their way")
        return bell.json("/api/v2/alerts") == []

    eventually("every alert and its end have arrived", quiet, SETTLE_SECONDS)
    for poster in posters:
        poster.ends.set()
        poster.join()
    bell.stop()
    receiver.follow()
    alarms = [alarm for poster in posters for alarm in poster.alarms]
    excused = judge_endings(alarms, receiver)
    repeats = judge_requests(receiver.records, kills)
    judge_store(bell)
    return figures(kills, posters, alarms, receiver, repeats, excused)


def is_done(alarm, receiver):
    if not alarm.is_over:
        return False
    # An alert that was over before anybody looked at its group is told to nobody.
    if alarm.way == "brief":
        told = [path for path in PATHS if alarm.told(path, "firing") in receiver.heard]
        return all(alarm.told(path, status) in receiver.taken for path in told for status in ("firing", "resolved"))
    return alarm.is_told(receiver.taken, "firing") and alarm.is_told(receiver.taken, "resolved")


def judge_endings(alarms, receiver):
    """The last thing told of each alert is its end, and no end is told before there was one. How many ended because nobody could
    post them in time."""
    last, excused = {}, 0
    for record in receiver.records:
        for alert in record.get("content", {}).get("alerts", []):
            last[record["path"], alert["labels"]["number"]] = alert["status"]
    for told, status in last.items():
        equal(status, "resolved", f"the last thing told of {told}")
    for alarm in alarms:
        check(alarm.accepted, f"{alarm.number} was never accepted")
        ends = [receiver.heard[told] for path in PATHS if (told := alarm.told(path, "resolved")) in receiver.heard]
        if not ends or alarm.ends_at and min(ends) >= alarm.ends_at:
            continue
        posts = [post for post in alarm.accepted if post[0] < min(ends)] + [(min(ends), min(ends))]
        silence = max(answered - sent for (sent, _), (_, answered) in zip(posts, posts[1:]))
        check(silence > RESOLVE_TIMEOUT_SECONDS - 0.5, f"{alarm.number} was told to be over after {silence:.2f} s without a post")
        excused += not alarm.is_quiet
    return excused


def judge_requests(records, kills):
    """No key stands for two contents, nothing older comes after something newer, nothing is told twice without a reason. The
    number of requests that repeat one, and of those that repeat a taken one."""
    bodies, lanes, taken_at, repeats = {}, {}, {}, Counter()
    for record in records:
        if "body" not in record:
            continue
        key, at = record["key"], record["at"]
        check(key, "a request has no Idempotency-Key")
        same = (record["path"], record["body"])
        check(bodies.setdefault(key, same) == same, lambda: f"{key} stands for {bodies[key]} and for {same}")
        lane = lanes.setdefault((record["path"], record["content"]["groupKey"]), [])
        repeats["requests"] += key in lane
        if key not in lane:
            lane.append(key)
        equal(key, lane[-1], f"the notification told after a newer one at {at}")
        if key in taken_at:
            repeats["after taken"] += 1
            told = taken_at[key]
            has_reason = any(told <= kill <= at for kill in kills) or at - told >= WEBHOOK_TIMEOUT_SECONDS
            check(has_reason, f"{key} was taken and was told again after {at - told:.3f} s without a kill")
        if record["answer"] == "taken":
            taken_at[key] = at
    return repeats


def judge_store(bell):
    """The store opened every time and nothing had to be mended."""
    equal([str(path) for path in bell.data.glob("*corrupt*")], [], "folders of damaged stores")
    errors = [line for line in bell.lines() if line.get("level") == "ERROR"]
    equal(errors[:3], [], "errors in the log")


def figures(kills, posters, alarms, receiver, repeats, excused):
    def listed(counted):
        return ", ".join(f"{count} {what}" for what, count in sorted(counted.items()))

    posts = sum((poster.counts for poster in posters), Counter())
    untold = sum(not alarm.is_told(receiver.heard, "firing") for alarm in alarms)
    answers = Counter(record["answer"] for record in receiver.records)
    keys = {record["key"] for record in receiver.records if "key" in record}
    return "; ".join((
        f"{len(kills)} kills",
        f"{posts['posts']} posts, {posts['answered']} answered",
        f"{len(alarms)} alerts ({listed(Counter(alarm.way for alarm in alarms))}), {untold} over before both were told, "
        f"{excused} timed out meanwhile",
        f"{len(receiver.records)} requests ({listed(answers)})",
        f"{answers['taken'] + answers['half_body']} deliveries, {len(keys)} keys, {len(receiver.taken)} alerts and ends taken",
        f"{repeats['requests']} repeats, {repeats['after taken']} of them of taken ones"))
