"""Debian's amtool against Watchbell: silences, what they suppress, and what is told when they end."""

import json
import subprocess

from configuration import GLOBAL, NODE_DOWN, node_job, route, webhook
from stage import Receivers, SLACK_TOKEN, Watchbell, check, equal, eventually, free_port

MUTING = """\
inhibit_rules:
  - {name: never, source_matchers: [alertname=Nothing], target_matchers: [alertname=ExporterDown], equal: [job]}
time_intervals:
  - {name: long-ago, time_intervals: [{years: ['2001:2002']}]}
"""


def amtool(bell, *words, fails=False, text=None):
    command = ["amtool", "--no-version-check", f"--alertmanager.url={bell.url('/')}", *words]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
    check((done.returncode != 0) == fails, lambda: f"{' '.join(command)}: {done.returncode} {done.stdout} {done.stderr}")
    return done.stdout


def told(receivers, status):
    return [body for body in receivers.taken("webhook") if body["status"] == status]


def amtool_speaks_to_watchbell(stage):
    receivers = Receivers(stage)
    config = GLOBAL + MUTING + node_job(free_port()) + route("crew") + "receivers:\n  - name: crew\n" + webhook(receivers)
    bell = Watchbell(stage, config, {"rules/node.yml": NODE_DOWN}).start()
    eventually("the alert is told", lambda: told(receivers, "firing"))
    check("ExporterDown" in amtool(bell, "alert", "query"), "alert query shows the alert")
    check("ExporterDown" in amtool(bell, "alert", "query", "alertname=ExporterDown", "-o", "extended"), "found by its name")
    check("ExporterDown" not in amtool(bell, "alert", "query", "alertname=Other"), "not found by another name")

    # Added, found, changed in place; the alert is silenced then, and says so.
    silence = amtool(bell, "silence", "add", "alertname=ExporterDown", "--comment=works", "--author=crew", "--duration=1h").strip()
    check(silence in amtool(bell, "silence", "query"), "silence query shows it")
    check(silence in amtool(bell, "silence", "query", "alertname=ExporterDown"), "found by its matcher")
    check(silence not in amtool(bell, "silence", "query", "alertname=Other"), "not found by another matcher")
    check(silence in amtool(bell, "silence", "update", silence, "--duration=2h", "--comment=longer"), "an update keeps the id")
    equal(amtool(bell, "silence", "query", "-q").split(), [silence], "one silence")
    check("ExporterDown" not in amtool(bell, "alert", "query"), "silenced alerts are not active ones")
    check("ExporterDown" in amtool(bell, "alert", "query", "--silenced"), "they are silenced ones")
    alert = bell.json("/api/v2/alerts")[0]
    equal((alert["status"]["state"], alert["status"]["silencedBy"]), ("suppressed", [silence]), "the alert's status")
    equal(bell.json("/api/v2/alerts/groups")[0]["alerts"][0]["status"], alert["status"], "the same in its group")

    # Silences survive SIGKILL; their end is told at once.
    bell.live_through(3)
    bell.kill()
    bell.start()
    equal(amtool(bell, "silence", "query", "-q").split(), [silence], "after a restart")
    bell.live_through(3)
    count = len(told(receivers, "firing"))
    exported = amtool(bell, "silence", "query", "-o", "json")
    amtool(bell, "silence", "expire", silence)
    amtool(bell, "silence", "expire", silence, fails=True)
    eventually("the end of the silence is told", lambda: len(told(receivers, "firing")) == count + 1)
    check(silence in amtool(bell, "silence", "query", "--expired"), "it is kept for a while")
    entries = bell.json("/api/v1/history?event=audit")["data"]["entries"]
    changes = [(entry["kind"]["action"], entry["kind"]["subject"], entry["kind"]["reason"]) for entry in reversed(entries)]
    equal(changes, [("silence.set", silence, "works"), ("silence.set", silence, "longer"), ("silence.expire", silence, "")], "who changed what, over SIGKILL")
    entries = bell.json("/api/v1/history?event=queued&event=delivered&event=suppressed&limit=1000")["data"]["entries"]
    equal([entry["kind"]["event"] for entry in reversed(entries)][:3], ["queued", "delivered", "suppressed"], "the history")

    # Imported silences silence again; who was told hears the end all the same.
    for one in (silences := json.loads(exported)):
        del one["id"]
    path = bell.write("silences.json", json.dumps(silences))
    amtool(bell, "silence", "import", str(path))
    check(len(amtool(bell, "silence", "query", "-q").split()) == 1, "one was imported")
    bell.live_through(3)
    equal(len(told(receivers, "resolved")), 0, "nothing is over yet")
    bell.write("rules/node.yml", "groups: []\n")
    eventually("the end is told", lambda: told(receivers, "resolved"))
    bell.stop()


def amtool_asks_for_the_configuration(stage):
    receivers = Receivers(stage)
    secret = f"    slack_configs: [{{api_url: 'http://x/{SLACK_TOKEN}', channel: c}}]\n"
    config = GLOBAL + MUTING + route("crew") + "receivers:\n  - name: crew\n" + webhook(receivers) + secret
    bell = Watchbell(stage, config, {"rules/node.yml": NODE_DOWN}).start()
    shown = amtool(bell, "config", "show")
    check("inhibit_rules" in shown and "<secret>" in shown and SLACK_TOKEN not in shown, f"the configuration: {shown}")
    check("disabled" in amtool(bell, "cluster", "show"), "no cluster")
    equal(bell.json("/api/v2/receivers"), [{"name": "crew"}], "the receivers")
    amtool(bell, "silence", "expire", "nobody", fails=True)
    for body in ('{}', '{"matchers":[],"startsAt":"x","endsAt":"y","createdBy":"","comment":""}'):
        equal(bell.ask("/api/v2/silences", "POST", body, {"Content-Type": "application/json"})[0], 400, f"status of {body}")
    equal(bell.ask("/api/v2/alerts?filter=a%3D~%22(%22")[0], 400, "status of a filter that is none")
    bell.stop()

