"""What every story stands on: processes with logs, waiting with deadlines, HTTP, Watchbell itself and its peers."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
POLL_SECONDS = 0.05
ANSWER_BYTES_MAX = 64 << 20

# Every secret that a story configures is one of these, so that one search finds a leak.
SLACK_TOKEN = "slackToken7aQx2mZp"
SLACK_APP_TOKEN = "xoxb-9184-appTokenVb3k"
SMTP_PASSWORD = "clapper-Tz6wq"
ROUTING_KEY = "r0ut1ngKey0123456789abcdefABCDEF"
WEBHOOK_TOKEN = "hookToken5rNd8"
SCRAPE_TOKEN = "scrapeToken1uYh"
SCRAPE_PASSWORD = "scrapePass0pLo"
DOOR_TOKEN = "doorToken4hBn6"
DOOR_PASSWORD = "doorPass8sWk3"
HEARTBEAT_KEY = "heartbeatKey0bTq7Lm"
SECRETS = (SLACK_TOKEN, SLACK_APP_TOKEN, SMTP_PASSWORD, ROUTING_KEY, WEBHOOK_TOKEN, SCRAPE_TOKEN, SCRAPE_PASSWORD, DOOR_TOKEN, DOOR_PASSWORD, HEARTBEAT_KEY)


class Failure(AssertionError):
    """A story went another way than it should."""


def check(holds, message):
    if not holds:
        raise Failure(message() if callable(message) else message)


def equal(found, expected, what):
    check(found == expected, f"{what}: expected {expected!r}, found {found!r}")


def eventually(what, attempt, within=15.0):
    """What `attempt` returns once that is true; a failure that says `what`, and what was seen last, after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        error = None
        try:
            found = attempt()
        except (OSError, http.client.HTTPException, ValueError, KeyError, Failure) as caught:
            found, error = None, caught
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failure(f"within {within:g} s: {what}; last seen: {error if error else repr(found)}")
        time.sleep(POLL_SECONDS)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(url, method="GET", body=None, headers=None, timeout=30.0):
    """The status, headers and text of the answer, whatever the status."""
    data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body.encode() if isinstance(body, str) else body
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    with contextlib.closing(connection):
        try:
            connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), data, headers or {})
        except (BrokenPipeError, ConnectionResetError):
            # A body that is too large is refused before it is sent to its end; what was answered can still be read.
            if connection.sock is None:
                raise
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read(ANSWER_BYTES_MAX).decode(errors="replace")


def header(record, name):
    """A header of a request that a receiver recorded, whatever its case."""
    return next((value for found, value in record["headers"].items() if found.lower() == name.lower()), None)


def exposition(text):
    """The samples of a text-format page as {(name, frozenset of label pairs): value}; a failure at a line that is none."""
    samples = {}
    line_shape = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?(?: # .*)?$')
    label_shape = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"(?:,|$)')
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        found = line_shape.match(line)
        check(found, f"line {number} of the metrics is no sample: {line!r}")
        labels = found.group(2) or ""
        pairs = label_shape.findall(labels)
        check(label_shape.sub("", labels) == "", f"line {number} of the metrics has bad labels: {line!r}")
        key = (found.group(1), frozenset(pairs))
        check(key not in samples, f"line {number} of the metrics is there twice: {line!r}")
        samples[key] = float(found.group(3))
    return samples


class Process:
    """A child in a process group of its own, its output in a log; what it says first on standard output can be waited for."""

    def __init__(self, name, words, log, env=None, announces=False):
        self.name, self.log = name, log
        self.handle = open(log, "ab")
        self.child = subprocess.Popen(
            [str(word) for word in words], stdin=subprocess.DEVNULL, stderr=self.handle,
            stdout=subprocess.PIPE if announces else self.handle, env={**os.environ, **(env or {})}, start_new_session=True)
        self.announced = self.read_announcement() if announces else None

    def read_announcement(self):
        line = self.child.stdout.readline()
        check(line, f"{self.name} said nothing and ended; see {self.log}")
        return json.loads(line)

    @property
    def runs(self):
        return self.child.poll() is None

    def send(self, number):
        if self.runs:
            os.killpg(self.child.pid, number)

    def stop(self, number=signal.SIGTERM, within=20.0):
        """Sends the signal; the exit status (negative for a signal)."""
        self.send(signal.SIGCONT)
        self.send(number)
        try:
            return self.child.wait(within)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.child.wait()
            raise Failure(f"{self.name} did not end within {within:g} s of {signal.Signals(number).name}") from None

    def close(self):
        """Ends it in any case; whether it ends as it should is for the stories to say."""
        with contextlib.suppress(Failure):
            self.stop(within=2.0)
        if self.child.stdout:
            self.child.stdout.close()
        self.handle.close()


class Stage:
    """The folder and the processes of one story; everything ends with it."""

    def __init__(self, name, root, binary):
        self.name, self.binary = name, binary
        self.folder, self.logs = root / "stories" / name, root / "logs"
        self.folder.mkdir(parents=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        self.answers = root / "answers" / f"{name}.txt"
        self.answers.parent.mkdir(exist_ok=True)
        self.processes = []

    def start(self, name, words, env=None, announces=False):
        process = Process(name, words, self.logs / f"{self.name}-{name}.log", env, announces)
        self.processes.append(process)
        return process

    def close(self):
        for process in reversed(self.processes):
            process.close()

    def exporter(self, port=None):
        """Debian's node_exporter with a few collectors; its port and process."""
        port = port or free_port()
        process = self.start("node-exporter", [
            "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults",
            "--collector.loadavg", "--collector.meminfo", "--collector.cpu"])
        eventually("node_exporter answers", lambda: request(f"http://127.0.0.1:{port}/metrics")[0] == 200)
        return port, process


class Receivers:
    """Slack, PagerDuty and webhooks on one port."""

    def __init__(self, stage):
        self.process = stage.start(
            "receivers", [sys.executable, HERE / "receivers/http_receivers.py", "--record", stage.folder / "http.jsonl"],
            announces=True)
        self.base = f"http://127.0.0.1:{self.process.announced['port']}"

    def fail(self, receiver, **mode):
        """The failures to come of one receiver, see http_receivers.py; `times=0` heals it."""
        status, _, answer = request(f"{self.base}/control", "POST", {receiver: mode})
        check(status == 204, f"the receivers refuse {mode}: {answer}")

    def heal(self):
        for receiver in ("slack", "pagerduty", "webhook"):
            self.fail(receiver, times=0)

    def forget(self):
        request(f"{self.base}/records", "DELETE")

    def attempts(self, receiver):
        """Every request, in order."""
        return json.loads(request(f"{self.base}/records?receiver={receiver}")[2])

    def taken(self, receiver):
        """The bodies that were answered with success."""
        def is_success(record):
            answer = record["answer"]
            refused = isinstance(answer, dict) and answer.get("ok") is False
            return record["status"] in (200, 202) and not refused

        return [record["body"] for record in self.attempts(receiver) if is_success(record)]


class Mail:
    """A mail server with STARTTLS, which it insists on, and a password."""

    def __init__(self, stage, **options):
        self.record = stage.folder / "mail.jsonl"
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self.process = stage.start("mail", [
            sys.executable, HERE / "receivers/smtp_receiver.py", "--record", self.record, "--tls", "required",
            "--user", "bell", "--password", SMTP_PASSWORD, *words], announces=True)
        self.port, self.ca_file = self.process.announced["port"], self.process.announced["ca_file"]

    def inbox(self):
        if not self.record.exists():
            return []
        return [json.loads(line) for line in self.record.read_text(encoding="utf-8").splitlines()]


class Watchbell:
    """The service under test. It keeps its port and its data folder over restarts."""

    def __init__(self, stage, config, files=None, level="debug", name="watchbell"):
        self.stage, self.name, self.level = stage, name, level
        own = stage.folder if name == "watchbell" else stage.folder / name
        self.folder, self.data = own / "config", own / "data"
        self.log = stage.logs / f"{stage.name}-{name}.log"
        self.port, self.process = 0, None
        self.write("watchbell.yml", config)
        for path, text in (files or {}).items():
            self.write(path, text)

    def write(self, path, text):
        """A file of the configuration, as an editor that writes in place leaves it."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    @property
    def words(self):
        return [self.stage.binary, "--log-format", "json", "--log-level", self.level, "serve", "--config",
                self.folder / "watchbell.yml", "--listen", f"127.0.0.1:{self.port}", "--data", self.data]

    def spawn(self):
        """Starts the process and waits for nothing; where its log begins."""
        begins = self.log.stat().st_size if self.log.exists() else 0
        self.process = self.stage.start(self.name, self.words)
        return begins

    def start(self, within=15.0):
        begins = self.spawn()

        def ready():
            check(self.process.runs, lambda: f"watchbell ended with {self.process.child.poll()}; see {self.log}")
            return next((line for line in self.lines(begins) if line.get("message") == "watchbell is ready"), None)

        # A service that has ended will not become ready.
        deadline = time.monotonic() + within
        while (found := ready()) is None:
            check(time.monotonic() < deadline, f"watchbell is not ready within {within:g} s; see {self.log}")
            time.sleep(POLL_SECONDS)
        self.port = int(found["address"].rsplit(":", 1)[1])
        return self

    def stop(self):
        equal(self.process.stop(within=15.0), 0, "exit status after SIGTERM")

    def kill(self):
        self.process.stop(signal.SIGKILL)

    def lines(self, begins=0):
        """The log from that byte on, the fields of each line beside the rest; a failure if a whole line is no JSON object."""
        if not self.log.exists():
            return []
        lines = []
        with open(self.log, "rb") as log:
            log.seek(begins)
            text = log.read().decode(errors="replace")
        for number, line in enumerate(text[:text.rfind("\n") + 1].splitlines(), 1):
            try:
                parsed = json.loads(line)
                lines.append({**parsed.pop("fields", {}), **parsed})
            except ValueError:
                raise Failure(f"line {number} of {self.log} is no JSON: {line[:200]!r}") from None
        return lines

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def ask(self, path, method="GET", body=None, headers=None, timeout=30.0):
        """The status, headers and text of an answer; the text is kept for the search for secrets."""
        status, head, text = request(self.url(path), method, body, headers, timeout)
        with open(self.stage.answers, "a", encoding="utf-8") as kept:
            kept.write(f"{method} {path} {status}\n{head}\n{text}\n")
        return status, head, text

    def json(self, path):
        status, _, text = self.ask(path)
        equal(status, 200, f"status of {path} ({text[:200]})")
        return json.loads(text)

    def alerts(self, **labels):
        """The active alerts with these labels."""
        found = self.json("/api/v1/alerts")["data"]["alerts"]
        return [alert for alert in found if all(alert["labels"].get(name) == value for name, value in labels.items())]

    def alert(self, state, within=15.0, **labels):
        """The alert with these labels once it is in `state`."""
        def look():
            found = self.alerts(**labels)
            return next((alert for alert in found if alert["state"] == state), None)

        return eventually(f"an alert {labels} is {state}", look, within)

    def no_alert(self, within=15.0, **labels):
        eventually(f"no alert {labels} is active", lambda: not self.alerts(**labels), within)

    def metrics(self):
        return exposition(self.ask("/metrics")[2])

    def metric(self, name, **labels):
        """The sum of the samples of `name` with these labels."""
        wanted = set(labels.items())
        return sum(value for (found, pairs), value in self.metrics().items() if found == name and wanted <= pairs)

    def live_through(self, evaluations=5, within=20.0):
        """Waits until every group was evaluated so many times more: what was going to happen has happened."""
        def marks():
            groups = self.json("/api/v1/rules")["data"]["groups"]
            return {group["name"]: group["lastEvaluation"] for group in groups}

        before = marks()
        for _ in range(evaluations):
            eventually("the rules are evaluated", lambda: all(
                at != before.get(name) for name, at in marks().items()), within)
            before = marks()

    def push(self, name, value, **labels):
        """One sample, now, by `POST /api/v1/import`."""
        line = json.dumps({"name": name, "labels": labels, "value": value})
        status, _, text = self.ask("/api/v1/import", "POST", line)
        equal(status, 200, f"pushing {line}: {text}")

    def memory(self, field="VmHWM"):
        """Bytes of memory in use; `VmHWM` is the most so far, `VmRSS` what it is now."""
        text = Path(f"/proc/{self.process.child.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024
