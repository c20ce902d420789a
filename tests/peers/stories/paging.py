"""The thin path: real samples, a rule, four channels, and what is owed to them when something is killed in between."""

import re
import signal

from configuration import GLOBAL, NODE_DOWN, alert, everyone, group, node_job, receiver, route, webhook
from stage import ROUTING_KEY, Mail, Receivers, Watchbell, check, equal, eventually, free_port, header, request

HOOKS = ("slack", "pagerduty", "webhook")


def counts(receivers, mail):
    """How many notifications each channel has taken."""
    return {**{hook: len(receivers.taken(hook)) for hook in HOOKS}, "email": len(mail.inbox())}


def each(number):
    return dict.fromkeys((*HOOKS, "email"), number)


def all_told(receivers, mail, number, within=15.0):
    def look():
        found = counts(receivers, mail)
        equal(found, each(number), "notifications taken")
        return found

    eventually("every channel is told", look, within)


def an_exporter_stops_and_returns(stage):
    """up == 0 fires after its `for`; Slack, email, PagerDuty and webhook each get one notification, and then the resolve."""
    receivers, mail = Receivers(stage), Mail(stage)
    port, exporter = stage.exporter()
    bell = Watchbell(stage, GLOBAL + node_job(port) + everyone(receivers, mail), {"rules/node.yml": NODE_DOWN}).start()
    eventually("the exporter is scraped", lambda: bell.metric("watchbell_ingest_samples_total", source="scrape") > 100)
    bell.live_through(3)
    equal(counts(receivers, mail), each(0), "notifications while everything is up")

    exporter.stop()
    pending = bell.alert("pending", alertname="ExporterDown")
    equal(counts(receivers, mail), each(0), "notifications while the alert is pending")
    firing = bell.alert("firing", alertname="ExporterDown")
    equal(firing["activeAt"], pending["activeAt"], "activeAt of the firing alert")
    equal(firing["value"], "0e+00", "value of the alert")
    all_told(receivers, mail, 1)
    bell.live_through(5)
    equal(counts(receivers, mail), each(1), "notifications some evaluations later")
    instance = f"127.0.0.1:{port}"
    dedup_key = firing_contents(receivers, mail, instance)

    stage.exporter(port)
    bell.no_alert(alertname="ExporterDown")
    all_told(receivers, mail, 2)
    bell.live_through(5)
    equal(counts(receivers, mail), each(2), "notifications some evaluations after the resolve")
    resolved_contents(receivers, mail, instance, dedup_key)
    bell.stop()


def firing_contents(receivers, mail, instance):
    """What the four were told when it fired; PagerDuty's key."""
    labels = {"alertname": "ExporterDown", "instance": instance, "job": "node", "severity": "critical"}
    summary = f"{instance} needs <attention>"
    hook = receivers.taken("webhook")[0]
    equal((hook["status"], hook["receiver"], hook["version"]), ("firing", "crew", "4"), "the webhook's head")
    equal(hook["groupLabels"], {"alertname": "ExporterDown", "instance": instance}, "the webhook's group")
    equal(hook["commonLabels"], labels, "the webhook's common labels")
    equal(hook["commonAnnotations"], {"summary": summary}, "the webhook's common annotations")
    equal(hook["externalURL"], "http://watchbell.example", "the webhook's external address")
    equal(hook["truncatedAlerts"], 0, "alerts left out of the webhook")
    equal(len(hook["alerts"]), 1, "alerts in the webhook")
    one = hook["alerts"][0]
    equal((one["status"], one["labels"], one["annotations"]), ("firing", labels, {"summary": summary}), "the webhook's alert")
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", one["startsAt"]), f"startsAt is {one['startsAt']}")
    check(one["generatorURL"].startswith("http://watchbell.example/"), f"generatorURL is {one['generatorURL']}")
    check(re.fullmatch(r"[0-9a-f]{16}", one["fingerprint"]), f"fingerprint is {one['fingerprint']}")

    event = receivers.taken("pagerduty")[0]
    equal((event["event_action"], event["routing_key"]), ("trigger", ROUTING_KEY), "PagerDuty's head")
    check("ExporterDown" in event["payload"]["summary"], f"PagerDuty's summary is {event['payload']['summary']!r}")
    check(re.fullmatch(r"[0-9a-f]{64}", event["dedup_key"]), f"PagerDuty's key is {event['dedup_key']}")

    attachment = receivers.taken("slack")[0]["attachments"][0]
    check("FIRING" in attachment["title"] and "ExporterDown" in attachment["title"], f"Slack's title: {attachment['title']!r}")
    equal(attachment["color"], "danger", "Slack's colour")

    letter = mail.inbox()[0]
    equal((letter["to"], letter["from"], letter["user"], letter["tls"]),
          (["crew@example.org"], "bell@example.org", "bell", True), "the letter's envelope")
    check("FIRING" in letter["subject"] and "ExporterDown" in letter["subject"], f"the letter's subject: {letter['subject']!r}")
    check(letter["text"] and instance in letter["text"], f"the letter's text: {letter['text']!r}")
    check(letter["html"] and instance in letter["html"], "the letter's HTML names no instance")
    check("needs &lt;attention&gt;" in letter["html"], "annotations are not escaped in the letter's HTML")
    return event["dedup_key"]


def resolved_contents(receivers, mail, instance, dedup_key):
    hook = receivers.taken("webhook")[1]
    equal((hook["status"], [one["status"] for one in hook["alerts"]]), ("resolved", ["resolved"]), "the webhook's resolve")
    first = receivers.taken("webhook")[0]
    equal(hook["groupKey"], first["groupKey"], "the webhook's group key")
    equal(hook["alerts"][0]["fingerprint"], first["alerts"][0]["fingerprint"], "the alert's fingerprint")
    equal(hook["alerts"][0]["startsAt"], first["alerts"][0]["startsAt"], "the alert's start")
    check(hook["alerts"][0]["endsAt"] > hook["alerts"][0]["startsAt"], "the alert ends before it starts")
    keys = [header(attempt, "Idempotency-Key") for attempt in receivers.attempts("webhook")]
    equal(len(set(keys)), 2, "idempotency keys of two notifications")
    event = receivers.taken("pagerduty")[1]
    equal((event["event_action"], event["dedup_key"]), ("resolve", dedup_key), "PagerDuty's resolve")
    check("RESOLVED" in receivers.taken("slack")[1]["attachments"][0]["title"], "Slack is not told that it is over")
    letter = mail.inbox()[1]
    check("RESOLVED" in letter["subject"] and instance in letter["html"], f"the letter's subject: {letter['subject']!r}")


def a_kill_between_firing_and_delivery(stage):
    """Nobody could be told when Watchbell was killed; after its restart everybody is, under the same keys."""
    receivers, mail = Receivers(stage), Mail(stage)
    port, exporter = stage.exporter()
    bell = Watchbell(stage, GLOBAL + node_job(port) + everyone(receivers, mail), {"rules/node.yml": NODE_DOWN}).start()
    eventually("the exporter is scraped", lambda: bell.metric("watchbell_ingest_samples_total", source="scrape") > 100)
    receivers.fail("webhook", hang=True)
    receivers.fail("pagerduty", status=500)
    receivers.fail("slack", status=429, retry_after=1)
    mail.process.send(signal.SIGSTOP)

    exporter.stop()
    fired = bell.alert("firing", alertname="ExporterDown")
    eventually("all notifications wait", lambda: bell.metric("watchbell_outbox_notifications") == 4)
    eventually("each receiver was tried", lambda: all(receivers.attempts(hook) for hook in HOOKS))
    bell.kill()
    equal(counts(receivers, mail), each(0), "notifications taken before the kill")
    tried = {hook: len(receivers.attempts(hook)) for hook in HOOKS}

    receivers.heal()
    mail.process.send(signal.SIGCONT)
    bell.start()
    again = bell.alert("firing", within=2.0, alertname="ExporterDown")
    equal(again["activeAt"], fired["activeAt"], "activeAt after the restart")
    all_told(receivers, mail, 1)
    eventually("nothing waits any more", lambda: bell.metric("watchbell_outbox_notifications") == 0)
    bell.live_through(5)
    equal(counts(receivers, mail), each(1), "notifications taken after the restart")
    hooks = [header(attempt, "Idempotency-Key") for attempt in receivers.attempts("webhook")]
    check(len(hooks) > tried["webhook"] >= 1, f"{len(hooks)} attempts at the webhook, {tried['webhook']} before the kill")
    equal(len(set(hooks)), 1, f"different idempotency keys of the webhook's attempts {hooks}")
    events = [attempt["body"]["dedup_key"] for attempt in receivers.attempts("pagerduty")]
    check(len(events) > tried["pagerduty"] >= 1, "PagerDuty was not tried before and after the kill")
    equal(len(set(events)), 1, f"different keys of PagerDuty's attempts {events}")

    stage.exporter(port)
    all_told(receivers, mail, 2)
    equal(receivers.taken("pagerduty")[1]["event_action"], "resolve", "PagerDuty's second event")
    equal(receivers.taken("pagerduty")[1]["dedup_key"], events[0], "PagerDuty's key of the resolve")
    equal(receivers.taken("webhook")[1]["status"], "resolved", "the webhook's second notification")
    bell.stop()


def prometheus_writes_to_watchbell(stage):
    """Debian's Prometheus sends what it scrapes; rules over it fire; a restart of Watchbell loses nothing of it."""
    receivers = Receivers(stage)
    port, exporter = stage.exporter()
    rules = group(
        alert("ExporterDown", "up{job='node'} == 0", "2s"),
        alert("PrometheusWrites", "sum by (instance) (rate(prometheus_remote_storage_samples_total[10s])) > 1"))
    config = GLOBAL + route("crew") + "receivers:\n" + receiver("crew", webhook(receivers))
    bell = Watchbell(stage, config, {"rules/remote.yml": rules}).start()
    web = free_port()
    prometheus = start_prometheus(stage, web, bell.url("/api/v1/write"), port)

    bell.alert("firing", within=30.0, alertname="PrometheusWrites")
    eventually("samples arrive", lambda: bell.metric("watchbell_ingest_samples_total", source="remote_write") > 1000)
    bell.kill()
    bell.start()
    equal(len(bell.alerts(alertname="PrometheusWrites", instance=f"127.0.0.1:{web}")), 1, "alerts after the restart")
    exporter.stop()
    down = bell.alert("firing", within=20.0, alertname="ExporterDown")
    equal(down["labels"]["instance"], f"127.0.0.1:{port}", "the exporter's instance")
    eventually("the webhook is told of both", lambda: sorted(
        body["commonLabels"]["alertname"] for body in receivers.taken("webhook")) == ["ExporterDown", "PrometheusWrites"])
    equal(bell.metric("watchbell_ingest_rejected_samples_total"), 0, "rejected samples")
    equal(bell.metric("watchbell_ingest_refused_batches_total"), 0, "refused batches")
    lost = ["prometheus_remote_storage_samples_failed_total", "prometheus_remote_storage_samples_dropped_total"]
    page = request(f"http://127.0.0.1:{web}/metrics")[2]
    for line in page.splitlines():
        check(not line.startswith(tuple(lost)) or line.endswith(" 0"), f"Prometheus could not send: {line}")
    prometheus.stop()
    bell.stop()


def start_prometheus(stage, web, write_url, exporter_port):
    file = stage.folder / "prometheus.yml"
    file.write_text(f"""\
global: {{scrape_interval: 1s}}
remote_write:
  - url: {write_url}
    queue_config: {{batch_send_deadline: 500ms}}
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ['127.0.0.1:{web}']}}]
  - job_name: node
    static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]
""", encoding="utf-8")
    process = stage.start("prometheus", [
        "prometheus", f"--config.file={file}", f"--storage.tsdb.path={stage.folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{web}"])
    eventually("Prometheus is ready", lambda: request(f"http://127.0.0.1:{web}/-/ready")[0] == 200, 30.0)
    return process
