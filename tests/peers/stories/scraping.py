"""Targets behind TLS and passwords, and targets that a file names and drops again."""

import base64
import json
import os
import ssl
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from configuration import GLOBAL, alert, group
from stage import SCRAPE_PASSWORD, SCRAPE_TOKEN, Receivers, Watchbell, check, equal, eventually

from .reloading import crew

PAGE = b"# TYPE tide gauge\ntide{place=\"quay\"} 3\n# HELP x y\n"
BASIC = "Basic " + base64.b64encode(f"bell:{SCRAPE_PASSWORD}".encode()).decode()
ALLOWED = {"/bearer": f"Bearer {SCRAPE_TOKEN}", "/basic": BASIC, "/open": None}


class Exporter(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        wanted = ALLOWED.get(self.path, "nobody")
        is_allowed = wanted is None or self.headers.get("Authorization") == wanted
        body = PAGE if is_allowed else b"who are you?\n"
        self.send_response(200 if is_allowed else 401)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def certificate(folder):
    """A certificate as guides to exporters have it made, and its key: it vouches for itself and may vouch for others."""
    own, key = folder / "own.pem", folder / "own.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7",
                    "-subj", "/CN=quay", "-addext", "subjectAltName=DNS:quay.example,IP:127.0.0.1", "-keyout", key, "-out", own],
                   check=True, capture_output=True)
    return own, key


def targets_behind_tls_and_passwords(stage):
    receivers = Receivers(stage)
    own, key = certificate(stage.folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    server = serve(context)
    secret = stage.folder / "password"
    secret.write_text(SCRAPE_PASSWORD + "\n", encoding="utf-8")

    def job(name, path, tls, auth=""):
        return (f"  - job_name: {name}\n    scheme: https\n    metrics_path: {path}\n    tls_config: {{{tls}}}\n{auth}"
                f"    static_configs: [{{targets: ['127.0.0.1:{server.server_port}']}}]\n")

    bearer = f"    authorization: {{credentials: {SCRAPE_TOKEN}}}\n"
    basic = f"    basic_auth: {{username: bell, password_file: {secret}}}\n"
    own_authority, _ = certificate(Path(tempfile.mkdtemp(dir=stage.folder)))
    jobs = "".join([
        job("bearer", "/bearer", f"ca_file: {own}", bearer),
        job("basic", "/basic", f"ca_file: {own}, server_name: quay.example", basic),
        job("unchecked", "/open", "insecure_skip_verify: true"),
        job("anonymous", "/bearer", f"ca_file: {own}"),
        job("untrusted", "/open", ""),
        job("strange", "/open", f"ca_file: {own_authority}"),
        job("misnamed", "/open", f"ca_file: {own}, server_name: elsewhere.example"),
    ])
    rules = group(alert("Tide", "tide == 3"), alert("Down", "up == 0"))
    bell = Watchbell(stage, GLOBAL + "scrape_configs:\n" + jobs + crew(receivers), {"rules/up.yml": rules}).start()
    try:
        for name in ("bearer", "basic", "unchecked"):
            bell.alert("firing", alertname="Tide", job=name)
        for name in ("anonymous", "untrusted", "strange", "misnamed"):
            bell.alert("firing", alertname="Down", job=name)
        bell.live_through(3)
        up, down = ({one["labels"]["job"] for one in bell.alerts(alertname=name)} for name in ("Tide", "Down"))
        equal((up, down), ({"bearer", "basic", "unchecked"}, {"anonymous", "untrusted", "strange", "misnamed"}), "who is up, who is down")
        errors = {target["scrapePool"]: target["lastError"] for target in bell.json("/api/v1/targets")["data"]["activeTargets"]}
        check("401" in errors["anonymous"], f"the error of the anonymous job: {errors['anonymous']}")
        check("certificate" in errors["untrusted"].lower(), f"the error of the untrusted job: {errors['untrusted']}")
        bell.stop()
    finally:
        server.shutdown()
        server.server_close()


def targets_from_files(stage):
    """A file names targets; it changes; a target that it drops is stale at once and not after five minutes."""
    receivers = Receivers(stage)
    servers = [serve(), serve()]
    first, second = (f"127.0.0.1:{server.server_port}" for server in servers)
    jobs = """\
scrape_configs:
  - job_name: files
    metrics_path: /open
    file_sd_configs: [{files: ['targets/*.json'], refresh_interval: 5s}]
    relabel_configs:
      - {source_labels: [berth], regex: 'dry', action: drop}
      - {source_labels: [berth], target_label: pier}
      - {regex: berth, action: labeldrop}
    metric_relabel_configs:
      - {source_labels: [__name__], regex: 'scrape_.*', action: drop}
"""
    rules = group(alert("Tide", "tide == 3"), alert("SecondGone", f"absent(tide{{instance='{second}'}})"))
    named = lambda *targets: json.dumps([{"targets": [target], "labels": {"berth": berth}} for target, berth in targets])
    bell = Watchbell(stage, GLOBAL + jobs + crew(receivers), {
        "rules/up.yml": rules, "targets/a.json": named((first, "north"), (second, "dry"))}).start()
    try:
        tide = bell.alert("firing", alertname="Tide", instance=first)
        equal((tide["labels"].get("pier"), tide["labels"].get("berth")), ("north", None), "labels after relabelling")
        bell.alert("firing", alertname="SecondGone")

        aside = bell.write("targets/a.tmp", named((first, "north"), (second, "south")))
        os.replace(aside, bell.folder / "targets/a.json")
        bell.alert("firing", within=20.0, alertname="Tide", instance=second)
        bell.no_alert(alertname="SecondGone")

        bell.write("targets/a.json", "[{")
        bell.live_through(3)
        equal(len(bell.alerts(alertname="Tide")), 2, "alerts while the file is broken")
        bell.write("targets/a.json", named((first, "north")))
        bell.alert("firing", within=20.0, alertname="SecondGone")
        active = bell.json("/api/v1/targets")["data"]["activeTargets"]
        equal([target["labels"]["instance"] for target in active], [first], "the targets that are left")
        lost = bell.alerts(alertname="Tide", instance=second)
        check(not lost or lost[0].get("noDataSince"), f"the alert of the target that is gone does not say so: {lost}")
        eventually("the store has no outbox", lambda: bell.metric("watchbell_outbox_notifications") == 0)
        bell.stop()
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
