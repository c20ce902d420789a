"""The query API: Debian's Prometheus and Watchbell hold the same samples and are asked the same."""

import json
import math
from urllib.parse import quote, urlencode

from configuration import GLOBAL
from stage import Watchbell, check, equal, eventually, free_port, request

INSTANT = [
    "up", "node_load1", "nothing", "1 + 2", "'text'", "vector(1) / 0", "1e-7", "vector(1e-7)", "vector(1e21)", "vector(87103528990060.625)", "-up", "time()", "absent(nothing)", "up == bool 1",
    "up offset 2s", "up{job=~'n.*'}", "up[3s]", "timestamp(up)", "scalar(sum(up))",
    "rate(node_cpu_seconds_total[10s])",
    "sum by (mode) (rate(node_cpu_seconds_total[10s]))",
    "sum without (cpu, mode) (node_cpu_seconds_total)",
    "node_cpu_seconds_total / ignoring (mode) group_left sum without (mode) (node_cpu_seconds_total)",
    "topk(3, node_cpu_seconds_total)", "sort_desc(node_cpu_seconds_total{mode=~'user|idle'})", "count_values('value', up)",
    "quantile(0.5, node_cpu_seconds_total)", "stddev_over_time(node_load1[10s])", "max_over_time(node_load1[10s])",
    "avg_over_time(sum(node_load1)[10s:1s])", "delta(node_memory_MemFree_bytes[10s])",
    "deriv(node_memory_MemFree_bytes[10s])", "changes(node_memory_MemFree_bytes[10s])",
    "histogram_quantile(0.9, sum by (le) (rate(prometheus_tsdb_compaction_chunk_size_bytes_bucket[10s])))",
    "label_replace(up, 'port', '$1', 'instance', '.*:(.*)')", "up unless on (job) node_load1", "hour()",
]
RANGE = [
    "up", "1", "node_load1", "rate(node_cpu_seconds_total[5s])", "sum by (mode) (rate(node_cpu_seconds_total[5s]))", "time()",
    "max_over_time(node_memory_MemFree_bytes[3s])", "node_load1 > 1e9", "up @ end()", "irate(node_cpu_seconds_total{mode='idle'}[5s])",
]
LOOKUPS = [
    "series?match[]=up", "series?match[]={job='node'}", "series?match[]=up&match[]=node_load1", "series?match[]=nothing",
    "labels?match[]=up", "labels?match[]={job='node'}", "label/mode/values", "label/job/values", "label/cpu/values?match[]=up",
    "label/__name__/values?match[]={job='node',__name__=~'node_.*'}", "label/nothing/values",
    "metadata?metric=node_load1", "metadata?metric=nothing", "metadata?metric=node_cpu_seconds_total",
    "format_query?query=sum(foo)by(bar)",
]
# What stands behind it is whether the words are compared too: those of the parser are Watchbell's own.
ERRORS = [
    ("query", False), ("query?query=sum(", False), ("query?query=foo(1)", False), ("query?query=up&time=noon", True),
    ("query?query=up&timeout=soon", True), ("query_range?query=up&start=1&end=0&step=1", True),
    ("query_range?query=up&start=0&end=1&step=0", True), ("query_range?query=up&start=0&end=1&step=x", True),
    ("query_range?query=up&start=0&end=11001&step=1", True), ("query_range?query=up&end=1&step=1", True),
    ("query_range?query=up[5m]&start=0&end=1&step=1", False), ("query_range?query='x'&start=0&end=1&step=1", False),
    ("series", True), ("series?match[]={}", False), ("series?match[]=up[5m]", False), ("labels?start=x", True), ("metadata?limit=x", True),
]


def same(left, right):
    """Whether two answers are equal, numbers but for the last digits."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, str) and isinstance(right, str) and left != right:
        try:
            return math.isclose(float(left), float(right), rel_tol=1e-9)
        except ValueError:
            return False
    return left == right


def in_order(data):
    """Data in an order of their own where the API gives none."""
    result = data.get("result") if isinstance(data, dict) else data
    if isinstance(result, list) and all(isinstance(one, dict) for one in result):
        result.sort(key=lambda one: json.dumps(one.get("metric", one), sort_keys=True))
    return data


def ask(base, path, form=None):
    head = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    path = quote(path, safe="/?&=%[]")
    status, _, text = request(f"{base}/api/v1/{path}", "POST" if form else "GET", urlencode(form) if form else None, head)
    return status, json.loads(text)


def compare(bell, peer, path, ordered=False, form=None):
    ours, theirs = ask(bell, path, form), ask(peer, path, form)
    arranged = [(status, body if ordered else {**body, "data": in_order(body.get("data"))}) for status, body in (ours, theirs)]
    check(same(*map(list, arranged)), lambda: f"{path} {form or ''}\n Watchbell: {str(arranged[0])[:2000]}\nPrometheus: {str(arranged[1])[:2000]}")
    return ours[1].get("data")


def prometheus_and_watchbell_answer_alike(stage):
    port, _ = stage.exporter()
    bell = Watchbell(stage, GLOBAL.replace("rule_files: ['rules/*.yml']\n", "")).start()
    web = free_port()
    ours, theirs = bell.url(""), f"http://127.0.0.1:{web}"
    start_prometheus(stage, web, bell.url("/api/v1/write"), port)
    moment = quiet_moment(ours, theirs)

    sizes = []
    for query in INSTANT:
        ordered = query.startswith(("topk", "sort"))
        sizes.append(len(str(compare(ours, theirs, f"query?time={moment}&query={quote(query)}", ordered))))
    check(max(sizes) > 2000, "the answers hold next to nothing")
    compare(ours, theirs, "query", form={"query": "up", "time": moment})
    times = {"start": moment - 10, "end": moment, "step": "1.5"}
    for query in RANGE:
        compare(ours, theirs, "query_range", form={"query": query, **times})
    compare(ours, theirs, f"query_range?query=up&start={moment - 10}&end={moment}&step=2s")
    for path in LOOKUPS:
        compare(ours, theirs, path)
    for path, with_words in ERRORS:
        answers = [ask(base, path) for base in (ours, theirs)]
        heads = [(status, body["status"], body["errorType"], with_words and body["error"].lower()) for status, body in answers]
        equal(heads[0], heads[1], f"the error of {path}: {answers}")
    bell.stop()


def quiet_moment(ours, theirs):
    """A time that both know the samples before, far from the moments of the scrapes: borders of ranges are open on the left in
    one and closed in the other."""
    def newest(base):
        result = ask(base, "query?query=timestamp(up)")[1]["data"]["result"]
        return {one["metric"]["job"]: float(one["value"][1]) for one in result}

    begun = eventually("both targets are scraped", lambda: len(found := newest(theirs)) == 2 and found, 30.0)
    stamps = eventually("enough was scraped", lambda: min((found := newest(theirs)).values()) > max(begun.values()) + 15 and found, 40.0)
    fractions = [stamp % 1 for stamp in stamps.values()]
    distance = lambda tenth: min(min(abs(tenth / 10 - one), 1 - abs(tenth / 10 - one)) for one in fractions)
    moment = math.floor(min(stamps.values())) - 1 + max(range(1, 10), key=distance) / 10
    eventually("Watchbell has what Prometheus has", lambda: min(newest(ours).values()) > moment + 1, 30.0)
    eventually("Watchbell knows the metrics", lambda: ask(ours, "metadata?metric=node_load1")[1]["data"], 30.0)
    return moment


def start_prometheus(stage, web, write_url, exporter_port):
    file = stage.folder / "prometheus.yml"
    file.write_text(f"""\
global: {{scrape_interval: 1s}}
remote_write:
  - url: {write_url}
    queue_config: {{batch_send_deadline: 200ms}}
    metadata_config: {{send_interval: 1s}}
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ['127.0.0.1:{web}']}}]
  - job_name: node
    static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]
""", encoding="utf-8")
    stage.start("prometheus", [
        "prometheus", f"--config.file={file}", f"--storage.tsdb.path={stage.folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{web}"])
    eventually("Prometheus is ready", lambda: request(f"http://127.0.0.1:{web}/-/ready")[0] == 200, 30.0)
