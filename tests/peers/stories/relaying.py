"""Watchbell tells two of Debian's Alertmanagers: the alerts themselves, to each of them until it has them."""

import json
import subprocess

from configuration import GLOBAL, alert, group, route
from stage import Watchbell, check, equal, eventually, free_port, request

LEAK = group(alert("Leak", "water_level > 1", severity="critical"))

# Routes on, and tells nobody.
QUIET = """\
route: {receiver: quiet}
receivers: [{name: quiet}]
"""


class Alertmanager:
    """Debian's Alertmanager, alone; it keeps its port and its folder."""

    def __init__(self, stage, name):
        self.stage, self.name, self.port = stage, name, free_port()
        self.folder = stage.folder / name
        self.folder.mkdir()
        self.config = self.folder / "alertmanager.yml"
        self.config.write_text(QUIET, encoding="utf-8")
        self.base = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = self.stage.start(self.name, [
            "prometheus-alertmanager", f"--config.file={self.config}", f"--storage.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="])
        eventually(f"{self.name} is ready", lambda: request(f"{self.base}/-/ready")[0] == 200)

    def alerts(self):
        """The active alerts, as amtool shows them, by instance."""
        command = ["amtool", "--no-version-check", f"--alertmanager.url={self.base}", "alert", "query", "-o", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        check(done.returncode == 0, lambda: f"{' '.join(command)}: {done.stderr}")
        return {one["labels"]["instance"]: one for one in json.loads(done.stdout or "[]") or []}


def relaying_reaches_every_alertmanager(stage):
    """Both get it; the one that was away gets it when it is back; the end arrives at both."""
    first, second = Alertmanager(stage, "first"), Alertmanager(stage, "second")
    peers = f"  - name: peers\n    alertmanager_configs: [{{urls: ['{first.base}', '{second.base}/'], expire_after: 6h}}]\n"
    bell = Watchbell(stage, GLOBAL + route("peers") + "receivers:\n" + peers, {"rules/leak.yml": LEAK}).start()
    bell.push("water_level", 2, instance="hold")
    for peer in (first, second):
        eventually(f"{peer.name} has the alert", lambda: list(peer.alerts()) == ["hold"])
        one = peer.alerts()["hold"]
        equal(one["labels"], {"alertname": "Leak", "instance": "hold", "severity": "critical"}, "the labels")
        equal(one["annotations"], {"summary": "hold needs <attention>"}, "the annotations")
        equal(one["status"]["state"], "active", "the state")
        check(one["generatorURL"].startswith("http://watchbell.example/"), f"generatorURL is {one['generatorURL']}")

    # The other is told meanwhile; nothing is owed to it later.
    equal(second.process.stop(), 0, "exit status of the second")
    bell.push("water_level", 3, instance="bilge")
    eventually("the first has both", lambda: sorted(first.alerts()) == ["bilge", "hold"])
    failed = eventually("an attempt has failed", lambda: bell.metric(
        "watchbell_notification_failures_total", **{"channel": "alertmanager", "class": "retry"}))
    check(failed >= 1, "attempts at the one that is away")
    second.start()
    eventually("the second has what it missed", lambda: "bilge" in second.alerts(), within=90)

    bell.push("water_level", 0, instance="hold")
    bell.push("water_level", 0, instance="bilge")
    for peer in (first, second):
        eventually(f"{peer.name} knows the end", lambda: not peer.alerts())
    bell.stop()
