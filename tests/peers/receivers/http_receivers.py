#!/usr/bin/env python3
"""Small receivers for Slack, PagerDuty and webhooks that follow the services' contracts.

Every request that arrives is appended to a file, one JSON object per line:

    {"at": 1795316400.1, "receiver": "slack", "method": "POST", "path": "...", "headers": {...},
     "body": ..., "status": 200, "answer": "ok"}

Paths

    POST /slack/services/T000/B000/XXX   Slack's incoming webhook
    POST /slack/api/chat.postMessage     Slack's method for apps (bearer token `xoxb-...`)
    POST /pagerduty/v2/enqueue           PagerDuty's Events API v2
    POST /webhook and /webhook/...       anything that takes Alertmanager's version 4 payload
    /discord/..., /telegram/..., ...     chat services, see chat_services.py
    POST /control                        failures to come, see below
    GET  /records[?receiver=slack]       what was recorded, as a JSON array
    DELETE /records                      forgets it (the file stays as it is)
    GET  /health                         204

Failures: `POST /control {"slack": {"status": 500, "times": 2}}` makes the next two requests to Slack fail. By receiver
(`slack`, `pagerduty`, `webhook`, or a chat service's name):

    status       answer with this status
    body         and with this text, instead of the service's own for that status
    retry_after  and with this `Retry-After` (seconds, or a text such as an HTTP date)
    error        Slack's methods: 200 with {"ok": false, "error": ...}; elsewhere the reason
    hang         wait so many seconds first (true: an hour)
    reset        true: close the connection in the middle of the answer
    garbage      true: answer with something that is not HTTP
    times        how often; without it until the next /control; 0 ends it
"""

import argparse
import json
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import chat_services
from chat_services import Refusal

BODY_SIZE_MAX = 1 << 20
PAGERDUTY_EVENT_SIZE_MAX = 512_000
SLACK_TEXT_LENGTH_MAX = 40_000
HANG_SECONDS = 3600.0

SLACK_REASONS = {400: "invalid_payload", 403: "invalid_token", 404: "no_service", 410: "channel_is_archived",
                 429: "rate_limited", 500: "rollup_error"}


class Records:
    """What arrived, in memory and in a file."""

    def __init__(self, path):
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="utf-8") if path else None
        self._kept = []

    def add(self, record):
        with self._lock:
            self._kept.append(record)
            if self._file:
                self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
                self._file.flush()

    def of(self, receiver):
        with self._lock:
            return [record for record in self._kept if receiver in (None, record["receiver"])]

    def clear(self):
        with self._lock:
            self._kept.clear()


class Failures:
    """The failures to come, by receiver."""

    def __init__(self):
        self._lock = threading.Lock()
        self._by_receiver = {}

    def set(self, changes):
        if not isinstance(changes, dict) or not all(isinstance(mode, dict) for mode in changes.values()):
            raise ValueError('expected {"receiver": {"status": 500, ...}}')
        with self._lock:
            for receiver, mode in changes.items():
                if receiver not in {"slack", "pagerduty", "webhook"} | chat_services.NAMES:
                    raise ValueError(f"no such receiver: {receiver}")
                self._by_receiver[receiver] = dict(mode)

    def take(self, receiver):
        """The failure for the next request to `receiver`, counted down; None if it may succeed."""
        with self._lock:
            mode = self._by_receiver.get(receiver)
            if not mode or mode.get("times") == 0:
                return None
            if "times" in mode:
                mode["times"] -= 1
            return dict(mode)


def slack_attachments_are_valid(message):
    attachments = message.get("attachments", [])
    if not isinstance(attachments, list) or len(attachments) > 100:
        return False
    for attachment in attachments:
        if not isinstance(attachment, dict):
            return False
        for field in attachment.get("fields", []):
            if not isinstance(field, dict) or not isinstance(field.get("short", False), bool):
                return False
        for action in attachment.get("actions", []):
            if not isinstance(action, dict) or not action.get("type") or not action.get("text"):
                return False
    return True


def slack_reason(message):
    """Why Slack would refuse `message`, or None."""
    if not isinstance(message, dict) or not slack_attachments_are_valid(message):
        return "invalid_payload"
    if not (message.get("text") or message.get("blocks") or message.get("attachments")):
        return "no_text"
    texts = [message.get("text") or ""]
    for attachment in message.get("attachments", []):
        texts += [attachment.get(name) or "" for name in ("pretext", "title", "text")]
    if sum(map(len, texts)) > SLACK_TEXT_LENGTH_MAX:
        return "msg_too_long"
    return None


def slack_webhook(_headers, body):
    reason = slack_reason(body)
    if reason:
        raise Refusal(400, reason)
    return 200, "ok"


def slack_method(headers, body):
    """chat.postMessage: 200 even when it refuses."""
    refused = lambda error: (200, {"ok": False, "error": error})
    authorization = headers.get("Authorization", "")
    if not authorization.startswith("Bearer "):
        return refused("not_authed")
    if not authorization.removeprefix("Bearer ").startswith("xoxb-"):
        return refused("invalid_auth")
    if not isinstance(body, dict):
        return refused("invalid_json")
    if not body.get("channel"):
        return refused("channel_not_found")
    reason = slack_reason(body)
    if reason:
        return refused("invalid_attachments" if reason == "invalid_payload" else reason)
    return 200, {"ok": True, "channel": "C0000000001", "ts": f"{time.time():.6f}", "message": {"text": body.get("text", "")}}


def pagerduty(_headers, body):
    """Events API v2."""
    errors = []

    def text(holder, name, limit=None, required=False, where=""):
        value = holder.get(name)
        if value is None or value == "":
            if required:
                errors.append(f"'{where}{name}' is missing or blank")
        elif not isinstance(value, str):
            errors.append(f"'{where}{name}' must be a string")
        elif limit and len(value) > limit:
            errors.append(f"'{where}{name}' is too long (maximum is {limit} characters)")

    if not isinstance(body, dict):
        raise Refusal(400, {"status": "invalid event", "message": "Event object is invalid", "errors": ["not an object"]})
    key = body.get("routing_key")
    if not isinstance(key, str) or len(key) != 32 or not key.isalnum():
        errors.append("'routing_key' is missing or invalid (32 characters)")
    action = body.get("event_action")
    if action not in ("trigger", "acknowledge", "resolve"):
        errors.append("'event_action' must be one of trigger, acknowledge, resolve")
    text(body, "dedup_key", 255, required=action in ("acknowledge", "resolve"))
    text(body, "client")
    text(body, "client_url")
    payload = body.get("payload")
    if action == "trigger" and not isinstance(payload, dict):
        errors.append("'payload' is missing")
    if isinstance(payload, dict) and action == "trigger":
        text(payload, "summary", 1024, required=True, where="payload.")
        text(payload, "source", required=True, where="payload.")
        if payload.get("severity") not in ("critical", "error", "warning", "info"):
            errors.append("'payload.severity' must be one of critical, error, warning, info")
        for name in ("component", "group", "class", "timestamp"):
            text(payload, name, where="payload.")
        if not isinstance(payload.get("custom_details", {}), dict):
            errors.append("'payload.custom_details' must be an object")
    for link in body.get("links", []):
        if not isinstance(link, dict) or not link.get("href"):
            errors.append("'links' must hold objects with 'href'")
    for image in body.get("images", []):
        if not isinstance(image, dict) or not image.get("src"):
            errors.append("'images' must hold objects with 'src'")
    if errors:
        raise Refusal(400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors})
    return 202, {"status": "success", "message": "Event processed", "dedup_key": body.get("dedup_key") or "made-up-by-the-receiver"}


WEBHOOK_KEYS = {"version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
                "commonAnnotations", "externalURL", "alerts"}
WEBHOOK_ALERT_KEYS = {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}


def webhook(headers, body):
    """Alertmanager's version 4 payload, strictly."""
    if not isinstance(body, dict) or body.get("version") != "4":
        raise Refusal(400, "not a version 4 payload")
    if set(body) - {"incident"} != WEBHOOK_KEYS:
        raise Refusal(400, f"fields missing or too many: {sorted((set(body) - {'incident'}) ^ WEBHOOK_KEYS)}")
    if not headers.get("Idempotency-Key"):
        raise Refusal(400, "no Idempotency-Key")
    for alert in body["alerts"]:
        if set(alert) != WEBHOOK_ALERT_KEYS:
            raise Refusal(400, f"fields of an alert missing or too many: {sorted(set(alert) ^ WEBHOOK_ALERT_KEYS)}")
        if alert["status"] == "firing" and alert["endsAt"] != "0001-01-01T00:00:00Z":
            raise Refusal(400, "a firing alert with an end")
    return 200, ""


def route(path):
    """The receiver's name and its function; None if nothing is there."""
    if path.startswith("/slack/services/"):
        return "slack", slack_webhook
    if path == "/slack/api/chat.postMessage":
        return "slack", slack_method
    if path == "/pagerduty/v2/enqueue":
        return "pagerduty", pagerduty
    if path == "/webhook" or path.startswith("/webhook/"):
        return "webhook", webhook
    return None


def failing_answer(receiver, path, mode):
    """The status and answer of a failure, as the service would word it."""
    is_method = path.startswith("/slack/api/")
    status = int(mode.get("status", 200 if "error" in mode and is_method else 500))
    if "body" in mode:
        return status, mode["body"]
    if is_method:
        return status, {"ok": False, "error": mode.get("error", "ratelimited" if status == 429 else "internal_error")}
    if "error" in mode:
        return status, mode["error"]
    if receiver == "slack":
        return status, SLACK_REASONS.get(status, "server_error")
    if receiver == "pagerduty":
        if status == 400:
            return status, {"status": "invalid event", "message": "Event object is invalid", "errors": ["as told"]}
        if status == 429:
            return status, {"status": "throttle exceeded", "message": "Rate limit reached"}
    return status, ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "WatchbellPeers"
    sys_version = ""

    def log_message(self, *_):
        pass

    def answer(self, status, answer="", headers=()):
        is_json = not isinstance(answer, str)
        data = (json.dumps(answer) if is_json else answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if is_json else "text/html")
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if status != 204:
            self.wfile.write(data)

    def body(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_SIZE_MAX:
            self.close_connection = True
            raise Refusal(413, "too large")
        return self.rfile.read(length)

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/health":
            return self.answer(204)
        if url.path == "/records":
            return self.answer(200, self.server.records.of(parse_qs(url.query).get("receiver", [None])[0]))
        found = chat_services.route("GET", url.path)
        if found:
            return self.receive(*found, url.path, None, 0)
        return self.answer(404, "no such page")

    def do_DELETE(self):
        if urlsplit(self.path).path != "/records":
            return self.answer(404, "no such page")
        self.server.records.clear()
        return self.answer(204)

    def do_POST(self):
        path = urlsplit(self.path).path
        try:
            raw = self.body()
        except Refusal as refusal:
            return self.answer(refusal.status, refusal.answer)
        if path == "/control":
            return self.control(raw)
        found = route(path) or chat_services.route("POST", path)
        if not found:
            return self.answer(404, "no such page")
        receiver, accept = found
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw.decode(errors="replace")
        return self.receive(receiver, accept, path, body, len(raw))

    def control(self, raw):
        try:
            self.server.failures.set(json.loads(raw))
        except (ValueError, TypeError) as error:
            return self.answer(400, str(error))
        return self.answer(204)

    def receive(self, receiver, accept, path, body, size):
        mode = self.server.failures.take(receiver)
        if mode:
            status, answer = failing_answer(receiver, path, mode)
        else:
            try:
                if receiver == "pagerduty" and size > PAGERDUTY_EVENT_SIZE_MAX:
                    raise Refusal(413, {"status": "invalid event", "message": "Event is too large", "errors": []})
                status, answer = accept(self.headers, body)
            except Refusal as refusal:
                status, answer = refusal.status, refusal.answer
        broken = [name for name in ("hang", "reset", "garbage") if mode and mode.get(name)]
        self.server.records.add({
            "at": time.time(), "receiver": receiver, "method": self.command, "path": path,
            "headers": dict(self.headers.items()), "body": body,
            "status": None if broken else status, "answer": broken[0] if broken else answer,
        })
        if mode and mode.get("hang"):
            seconds = HANG_SECONDS if mode["hang"] is True else float(mode["hang"])
            if self.server.stopping.wait(seconds):
                self.close_connection = True
                return
        if mode and mode.get("reset"):
            return self.reset()
        if mode and mode.get("garbage"):
            self.wfile.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            self.close_connection = True
            return
        retry_after = (mode or {}).get("retry_after")
        self.answer(status, answer, [("Retry-After", str(retry_after))] if retry_after is not None else [])

    def reset(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.connection.close()
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that went away is what some of the tests are about."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--record", help="the file to append requests to")
    arguments = parser.parse_args()
    server = Server((arguments.host, arguments.port), Handler)
    server.records = Records(arguments.record)
    server.failures = Failures()
    server.stopping = threading.Event()

    def stop(*_):
        server.stopping.set()
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(json.dumps({"receiver": "http", "host": arguments.host, "port": server.server_address[1]}), flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
