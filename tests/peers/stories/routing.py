"""Debian's amtool reads Watchbell's routes, and says the same of small configurations as was recorded."""

import subprocess
from pathlib import Path

from configuration import GLOBAL, NODE_DOWN, webhook
from stage import Receivers, SLACK_TOKEN, Watchbell, check, equal
from stories.silencing import amtool

VERDICTS = Path(__file__).parents[2] / "fixtures" / "alertmanager" / "verdicts.txt"

ROUTES = """\
route:
  receiver: crew
  group_by: [alertname]
  routes:
    - {matchers: ['severity="page"'], receiver: pager, continue: true, labels: {tier: one}}
    - matchers: ['team=~"db|web"']
      receiver: team
      mute_time_intervals: [nights]
      routes:
        - {match: {service: postgres}, receiver: pager}
inhibit_rules:
  - {name: of-page, source_matchers: [severity=page], target_matchers: [severity=warn], equal: [alertname]}
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: '22:00', end_time: '06:00'}], weekdays: ['saturday:monday'], location: Europe/Berlin}]
"""


def amtool_reads_the_routes(stage):
    receivers = Receivers(stage)
    others = (
        f"    slack_configs: [{{api_url: 'http://x/{SLACK_TOKEN}', channel: c, message_text: later}}]\n"
        "    console_configs: [{}]\n"
        "  - name: pager\n    pagerduty_configs: [{routing_key_file: key}]\n"
        "  - name: team\n    email_configs: [{to: a@b, from: c@d, smarthost: 'x:25'}]\n"
    )
    config = GLOBAL + ROUTES + "receivers:\n  - name: crew\n" + webhook(receivers) + others
    bell = Watchbell(stage, config, {"rules/node.yml": NODE_DOWN}).start()
    shown = amtool(bell, "config", "routes", "show")
    for part in ("default-route", "receiver: crew", "receiver: pager", "receiver: team", 'severity="page"', 'service="postgres"'):
        check(part in shown, f"{part} in {shown}")
    for labels, expected in (
        (["severity=page"], "pager"),
        (["severity=page", "team=db"], "pager,team"),
        (["team=web", "service=postgres"], "pager"),
        (["team=ops"], "crew"),
        ([], "crew"),
    ):
        words = ["config", "routes", "test", f"--verify.receivers={expected}", *labels]
        check(expected in amtool(bell, *words), f"{labels} go to {expected}")
        equal(bell.json("/api/v2/status")["cluster"]["status"], "disabled", "the cluster")
    amtool(bell, "config", "routes", "test", "--verify.receivers=team", "severity=page", fails=True)
    secret = amtool(bell, "config", "show")
    check("<secret>" in secret and SLACK_TOKEN not in secret, f"the configuration: {secret}")
    path = bell.write("shown.yml", bell.json("/api/v2/status")["config"]["original"])
    amtool(bell, "check-config", str(path))
    bell.stop()


def amtool_judges_as_was_recorded(stage):
    cases = VERDICTS.read_text(encoding="utf-8").split("### ")[1:]
    folder = stage.folder / "verdicts"
    folder.mkdir(parents=True)
    for case in cases:
        name, amtool_says, _, text = case.split("\n", 3)
        text = "\n".join(line for line in text.split("\n") if not line.startswith("differs: "))
        path = folder / f"{name}.yml"
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(["amtool", "check-config", str(path)], capture_output=True, text=True, timeout=30, check=False)
        accepted = done.returncode == 0
        equal(accepted, amtool_says == "amtool: ok", f"amtool's verdict on {name}")
    check(len(cases) > 150, "all were judged")
