"""What whoever runs Watchbell looks at: health, version, metrics, logs; starting and stopping."""

import json
import subprocess
import time
from pathlib import Path

from configuration import GLOBAL, NODE_DOWN, alert, everyone, group, node_job
from stage import Mail, Receivers, Watchbell, check, equal, eventually

from .paging import all_told
from .reloading import crew

# The rows of the reference page that a run with all channels and one reload shows.
REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/metrics.md"


def endpoints(stage):
    receivers, mail = Receivers(stage), Mail(stage)
    port, exporter = stage.exporter()
    bell = Watchbell(stage, GLOBAL + node_job(port) + everyone(receivers, mail), {"rules/node.yml": NODE_DOWN}).start()
    eventually("the exporter is scraped", lambda: bell.metric("watchbell_ingest_samples_total", source="scrape") > 100)
    for path in ("/", "/health", "/health/live", "/health/ready", "/health/dependencies", "/ready", "/-/healthy", "/-/ready",
                 "/version", "/metrics", "/api/v1/rules", "/api/v1/alerts", "/api/v1/targets"):
        status, _, text = bell.ask(path)
        equal(status, 200, f"status of {path}")
        check(text.strip(), f"{path} says nothing")
    equal(bell.ask("/nowhere")[0], 404, "status of a page that is not there")
    equal(bell.json("/health")["status"], "healthy", "health")
    check(bell.json("/version")["version"], "no version")

    exporter.stop()
    bell.alert("firing", alertname="ExporterDown")
    all_told(receivers, mail, 1)
    receivers.fail("slack", status=503)
    stage.exporter(port)

    def slack():
        named = bell.json("/health/dependencies")["receivers"].items()
        return next(status for name, status in named if name.startswith("crew/slack"))

    eventually("Slack is tried in vain", lambda: not slack()["ok"])
    dependencies = bell.json("/health/dependencies")
    for name in ("store", "journal"):
        check(dependencies[name]["ok"] is True and dependencies[name]["latency_seconds"] >= 0, f"{name}: {dependencies[name]}")
    equal(sorted(name.split("/")[1].split("[")[0] for name in dependencies["receivers"]),
          ["email", "pagerduty", "slack", "webhook"], "the receivers among the dependencies")
    for name, one in dependencies["receivers"].items():
        check(one["latency_seconds"] > 0 and one["last_contact"], f"{name}: {one}")
    check("503" in slack()["last_error"], "Slack's last error is not named")
    target = dependencies["targets"][0]
    check(target["ok"] is True and target["latency_seconds"] > 0, f"the target: {target}")
    equal(bell.json("/health")["status"], "degraded", "health while Slack fails")
    documented_metrics(bell)
    bell.stop()


def documented_metrics(bell):
    """What is shown is documented, and the other way round."""
    status, headers, text = bell.ask("/metrics")
    equal(status, 200, "status of /metrics")
    check(headers["Content-Type"].startswith("text/plain"), f"the type of /metrics is {headers['Content-Type']}")
    types = dict(line.split(" ")[2:4] for line in text.splitlines() if line.startswith("# TYPE "))
    rows = [line.split("|") for line in REFERENCE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    documented = {row[1].strip(" `"): row[2].strip() for row in rows}
    equal({name: kind for name, kind in types.items() if documented.get(name) != kind}, {}, "metrics beside the reference")
    check(bell.metrics(), "no metrics")
    _, headers, text = bell.ask("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    check(headers["Content-Type"].startswith("application/openmetrics-text"), "OpenMetrics is not given when asked for")
    check(text.endswith("# EOF\n"), "OpenMetrics does not end with its mark")


def one_trace_from_batch_to_delivery(stage):
    receivers, mail = Receivers(stage), Mail(stage)
    bell = Watchbell(stage, GLOBAL + everyone(receivers, mail), {"rules/bell.yml": group(alert("Bell", "bell > 0"))}).start()
    trace = "0af7651916cd43dd8448eb211c80319c"
    line = json.dumps({"name": "bell", "labels": {"instance": "a"}, "value": 1})
    status, _, text = bell.ask("/api/v1/import", "POST", line, {"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    equal(status, 200, f"status of the push ({text})")
    all_told(receivers, mail, 1)

    def with_trace(message):
        return [one for one in bell.lines() if one.get("trace_id") == trace and one.get("message") == message]

    eventually("four lines say that it was delivered", lambda: len(with_trace("notification delivered")) == 4)
    check(with_trace("batch stored"), "no line about the batch has the trace")
    fired = [one for one in with_trace("alert") if one.get("change") == "BecameFiring"]
    equal(len(fired), 1, "lines about the alert with the trace")
    equal(len(with_trace("notification decided")), 4, "lines about decided notifications with the trace")
    order = [one["message"] for one in bell.lines() if one.get("trace_id") == trace]
    check(order.index("batch stored") < order.index("alert") < order.index("notification delivered"), f"order: {order}")
    spans = [one for one in bell.lines() if one.get("trace_id") == trace and one.get("span_id")]
    check(spans, "no line of the trace has a span")
    for one in bell.lines():
        missing = {"timestamp", "level", "message"} - set(one)
        check(not missing, f"{missing} missing in {one}")
    bell.stop()


def stopping_and_refusing_to_start(stage):
    receivers = Receivers(stage)
    bell = Watchbell(stage, GLOBAL + crew(receivers), {"rules/bell.yml": group(alert("Bell", "bell > 0"))}).start()
    receivers.fail("webhook", hang=True)
    bell.push("bell", 1, instance="a")
    eventually("the webhook hangs", lambda: receivers.attempts("webhook"))

    def refused(words, status, text, what):
        ended = subprocess.run([str(word) for word in words], capture_output=True, timeout=20, text=True)
        equal(ended.returncode, status, f"exit status of {what} ({ended.stderr[-300:]})")
        check(text in ended.stderr, f"{what} says {ended.stderr[-500:]!r}")
        check("panicked" not in ended.stderr, f"{what} panics: {ended.stderr[-500:]}")

    refused(bell.words, 1, "cannot listen", "a second service on the same address")
    elsewhere = [word if word != f"127.0.0.1:{bell.port}" else "127.0.0.1:0" for word in bell.words]
    refused(elsewhere, 1, "in use", "a second service on the same data")
    began = time.monotonic()
    bell.stop()
    check(time.monotonic() - began < 15.0, "stopping took longer than 15 s")
    bell.write("watchbell.yml", GLOBAL + "receivrs: []\n")
    refused(bell.words, 2, "did you mean `receivers`?", "a service with an unknown field")
    refused([*bell.words[:-4], *bell.words[-4:-2], "--config"], 2, "", "a wrong call")
