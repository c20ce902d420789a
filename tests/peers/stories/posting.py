"""Alerts from outside: Debian's amtool and Debian's Prometheus post them to Watchbell as to Alertmanager."""

import json
from datetime import datetime, timezone

from configuration import GLOBAL, NODE_DOWN, node_job, route, webhook
from stage import Receivers, Watchbell, check, equal, eventually, free_port, request
from stories.silencing import amtool, told

JSON = {"Content-Type": "application/json"}


def start(stage):
    receivers = Receivers(stage)
    config = GLOBAL + route("crew") + "receivers:\n  - name: crew\n" + webhook(receivers)
    return receivers, Watchbell(stage, config, {"rules/node.yml": NODE_DOWN}).start()


def hosts(bodies):
    return [sorted(alert["labels"].get("instance", "") for alert in body["alerts"]) for body in bodies]


def amtool_adds_alerts(stage):
    receivers, bell = start(stage)
    amtool(bell, "alert", "add", "alertname=DiskFull", "instance=a", "--annotation=summary=no room",
           "--generator-url=http://disks/")
    eventually("the alert is told", lambda: told(receivers, "firing"))
    alert = told(receivers, "firing")[0]["alerts"][0]
    equal((alert["labels"], alert["annotations"]), ({"alertname": "DiskFull", "instance": "a"}, {"summary": "no room"}), "the alert")
    check("DiskFull" in amtool(bell, "alert", "query", "instance=a"), "alert query shows it")

    # It survives SIGKILL, and is told once.
    bell.kill()
    bell.start()
    check("DiskFull" in amtool(bell, "alert", "query", "instance=a"), "it is there after a restart")
    bell.live_through(3)
    equal(len(told(receivers, "firing")), 1, "notifications of the alert")

    # Its end is told.
    moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    amtool(bell, "alert", "add", "alertname=DiskFull", "instance=a", f"--end={moment}")
    eventually("the end is told", lambda: told(receivers, "resolved"))
    equal(hosts(told(receivers, "resolved")), [["a"]], "who ended")

    # Those that can be taken are, when others cannot.
    mixed = [{"labels": {"alertname": "Good", "instance": "b"}}, {"labels": {}}, {"labels": {"": "x"}}]
    status, _, text = bell.ask("/api/v2/alerts", "POST", json.dumps(mixed), JSON)
    equal(status, 400, "status of a request with faults")
    equal(json.loads(text), 'at least one label pair required; invalid label set: invalid name ""', "the faults")
    eventually("the good one is told", lambda: ["b"] in hosts(told(receivers, "firing")))
    for body in ("", "{}", '[{"labels":{"a":1}}]', '[{"labels":{"a":"1"},"endsAt":"soon"}]'):
        equal(bell.ask("/api/v2/alerts", "POST", body, JSON)[0], 400, f"status of {body!r}")
    bell.stop()


def prometheus_posts_to_watchbell(stage):
    receivers, bell = start(stage)
    port, exporter = stage.exporter()
    prometheus = start_prometheus(stage, bell, port)
    eventually("Prometheus is ready", lambda: request(f"{prometheus}/-/ready")[0] == 200, within=30)
    eventually("it knows Watchbell", lambda: json.loads(
        request(f"{prometheus}/api/v1/alertmanagers")[2])["data"]["activeAlertmanagers"], within=30)
    exporter.stop()
    eventually("the alert is told", lambda: told(receivers, "firing"), within=30)
    alert = told(receivers, "firing")[0]["alerts"][0]
    equal(alert["labels"]["alertname"], "Gone", "the alert's name")
    check(alert["generatorURL"].startswith(prometheus), f"its source: {alert['generatorURL']}")

    # SIGKILL while it fires: nothing is doubled, and the end is told.
    bell.kill()
    bell.start()
    bell.live_through(5)
    equal(len(told(receivers, "firing")), 1, "notifications that it fires")
    equal(len(bell.json("/api/v2/alerts")), 1, "alerts that fire")
    stage.exporter(port)
    eventually("the end is told", lambda: told(receivers, "resolved"), within=60)
    bell.live_through(3)
    equal(len(told(receivers, "resolved")), 1, "notifications of its end")
    eventually("the alert is forgotten", lambda: bell.json("/api/v2/alerts") == [], within=15)
    bell.stop()


def start_prometheus(stage, bell, exporter_port):
    """The address of a Prometheus that watches the exporter and posts its alerts to Watchbell."""
    file, rules, web = stage.folder / "prometheus.yml", stage.folder / "prometheus-rules.yml", free_port()
    rules.write_text("groups: [{name: g, rules: [{alert: Gone, expr: up == 0, for: 1s}]}]\n", encoding="utf-8")
    file.write_text(f"""\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ['{rules}']
alerting:
  alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{bell.port}']}}]}}]
{node_job(exporter_port)}""", encoding="utf-8")
    stage.start("prometheus", [
        "prometheus", f"--config.file={file}", f"--storage.tsdb.path={stage.folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{web}", f"--web.external-url=http://127.0.0.1:{web}",
        "--rules.alert.resend-delay=1s"])
    return f"http://127.0.0.1:{web}"
