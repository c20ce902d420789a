"""Native histograms: scraped in protobuf, written by Debian's Prometheus, over SIGKILL, in rules."""

import sys
from urllib.parse import quote

from configuration import GLOBAL, alert, group, receiver, route, webhook
from stage import HERE, Receivers, Watchbell, check, equal, eventually, free_port, request

SCRAPES = """\
scrape_configs:
  - job_name: own
    scrape_native_histograms: true
    start_timestamps: true
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
  - job_name: prometheus
    scrape_native_histograms: true
    static_configs: [{{targets: ['127.0.0.1:{web}']}}]
"""


def native_histograms_come_both_ways(stage):
    receivers = Receivers(stage)
    exporter = stage.start("exporter", [sys.executable, HERE / "exporters/histogram_exporter.py"], announces=True)
    port, web = exporter.announced["port"], free_port()
    rules = group(alert("Slow", "histogram_quantile(0.9, sum by (job) (rate(demo_seconds[10s]))) > 2"))
    rules += "      - record: job:demo_seconds:rate10s\n        expr: sum by (job) (rate(demo_seconds[10s]))\n"
    config = GLOBAL + SCRAPES.format(port=port, web=web) + route("crew") + "receivers:\n" + receiver("crew", webhook(receivers))
    bell = Watchbell(stage, config, {"rules/histograms.yml": rules}).start()
    prometheus = start_prometheus(stage, web, bell.url("/api/v1/write"), port)

    for job in ("own", "written"):
        eventually(f"the histogram of `{job}` is asked for", lambda job=job: histogram(bell, f'demo_seconds{{job="{job}"}}'), 30.0)
        bell.alert("firing", within=30.0, alertname="Slow", job=job)
        eventually(f"the rule records that of `{job}`", lambda job=job: histogram(bell, f'job:demo_seconds:rate10s{{job="{job}"}}'))
    eventually("Prometheus is scraped in its own protobuf", lambda: values(bell, 'up{job="prometheus"} == 1'))
    accepted = request(f"http://127.0.0.1:{port}/accept")[2]
    check("application/vnd.google.protobuf" in accepted, f"protobuf is not asked for: {accepted}")
    prometheus.stop()
    exporter.stop()
    eventually("the exporter is gone", lambda: values(bell, 'up{job="own"} == 0'))
    last = 'last_over_time(demo_seconds{job="written"}[5m])'
    before = histogram(bell, last)
    equal(float(before["sum"]) / float(before["count"]), 1.5, f"the mean of {before}")
    bell.kill()
    bell.start()
    equal(histogram(bell, last), before, "the histogram after SIGKILL")
    check(histogram(bell, 'last_over_time(job:demo_seconds:rate10s{job="own"}[5m])'), "the recorded histogram is lost")
    equal(bell.metric("watchbell_ingest_rejected_samples_total"), 0, "rejected samples")
    bell.stop()


def values(bell, query):
    return bell.json(f"/api/v1/query?query={quote(query)}")["data"]["result"]


def histogram(bell, query):
    """The histogram of the one series that `query` yields; `None` if there is none."""
    found = values(bell, query)
    return found[0]["histogram"][1] if len(found) == 1 and "histogram" in found[0] else None


def start_prometheus(stage, web, write_url, exporter_port):
    file = stage.folder / "prometheus.yml"
    file.write_text(f"""\
global: {{scrape_interval: 1s}}
remote_write:
  - url: {write_url}
    send_native_histograms: true
    queue_config: {{batch_send_deadline: 500ms}}
scrape_configs:
  - job_name: written
    static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]
""", encoding="utf-8")
    process = stage.start("prometheus", [
        "prometheus", f"--config.file={file}", f"--storage.tsdb.path={stage.folder / 'prometheus'}",
        "--enable-feature=native-histograms", f"--web.listen-address=127.0.0.1:{web}"])
    eventually("Prometheus is ready", lambda: request(f"http://127.0.0.1:{web}/-/ready")[0] == 200, 30.0)
    return process
