"""Rules that change while they run: taken over whole or refused whole, and alerts live on."""

import os
import re
import signal
import time
from datetime import datetime

from configuration import GLOBAL, alert, group, receiver, route, webhook
from stage import Receivers, Watchbell, check, equal, eventually

BELL = alert("Bell", "bell > 0")


def crew(receivers):
    return route("crew") + "receivers:\n" + receiver("crew", webhook(receivers))


def rule_names(bell):
    groups = bell.json("/api/v1/rules")["data"]["groups"]
    return sorted(rule["name"] for one in groups for rule in one["rules"])


def rules_become(bell, names, how):
    eventually(f"the rules are {names} after {how}", lambda: rule_names(bell) == sorted(names))


def told(receivers, name):
    """The webhook's notifications about the alert."""
    return [body["status"] for body in receivers.taken("webhook") if body["commonLabels"]["alertname"] == name]


def rules_are_edited_while_they_run(stage):
    receivers = Receivers(stage)
    config = GLOBAL.replace("['rules/*.yml']", "['rules/*.yml', mounted/rules.yml]") + crew(receivers)
    mounted = stage.folder / "config" / "mounted"
    mount(mounted, "..first", group(alert("Mounted1", "bell > 100"), name="mounted"))
    os.symlink("..first", mounted / "..data")
    os.symlink("..data/rules.yml", mounted / "rules.yml")
    bell = Watchbell(stage, config, {"rules/bell.yml": group(BELL)}).start()
    rules_become(bell, ["Bell", "Mounted1"], "the start")
    bell.push("bell", 1, instance="a")
    since = bell.alert("firing", alertname="Bell")["activeAt"]
    eventually("the webhook is told", lambda: told(receivers, "Bell") == ["firing"])

    bell.write("rules/bell.yml", group(BELL, alert("Written", "bell > 100")))
    rules_become(bell, ["Bell", "Mounted1", "Written"], "writing in place")
    aside = bell.write("rules/.bell.yml.swp", group(BELL, alert("Renamed", "bell > 100")))
    os.replace(aside, bell.folder / "rules/bell.yml")
    rules_become(bell, ["Bell", "Mounted1", "Renamed"], "renaming over it")
    bell.write("rules/more.yml", group(alert("Added", "bell > 100"), name="more"))
    rules_become(bell, ["Added", "Bell", "Mounted1", "Renamed"], "adding a file")
    (bell.folder / "rules/more.yml").unlink()
    rules_become(bell, ["Bell", "Mounted1", "Renamed"], "removing a file")
    for number in (2, 3):
        mount(mounted, f"..swap{number}", group(alert(f"Mounted{number}", "bell > 100"), name="mounted"))
        os.symlink(f"..swap{number}", mounted / "..data_tmp")
        os.replace(mounted / "..data_tmp", mounted / "..data")
        rules_become(bell, ["Bell", f"Mounted{number}", "Renamed"], f"swapping the link for the {number}. time")

    reloads = bell.metric("watchbell_config_reloads_total")
    bell.process.send(signal.SIGHUP)
    eventually("SIGHUP reloads", lambda: bell.metric("watchbell_config_reloads_total") == reloads + 1)
    equal(bell.ask("/-/reload", "POST")[0], 200, "status of POST /-/reload")
    equal(bell.metric("watchbell_config_reloads_total"), reloads + 2, "reloads")
    equal(bell.metric("watchbell_config_last_reload_successful"), 1, "whether the last reload was taken")
    check(bell.ask("/-/reload")[0] == 405, "GET /-/reload is answered")
    bell.live_through(5)
    equal(bell.alert("firing", alertname="Bell")["activeAt"], since, "activeAt after all reloads")
    equal(told(receivers, "Bell"), ["firing"], "what the webhook was told after all reloads")
    bell.stop()


def mount(folder, name, text):
    (folder / name).mkdir(parents=True)
    (folder / name / "rules.yml").write_text(text, encoding="utf-8")


def a_broken_file_is_refused(stage):
    receivers = Receivers(stage)
    bell = Watchbell(stage, GLOBAL + crew(receivers), {"rules/bell.yml": group(BELL)}).start()
    bell.push("bell", 1, instance="a")
    since = bell.alert("firing", alertname="Bell")["activeAt"]
    eventually("the webhook is told", lambda: told(receivers, "Bell") == ["firing"])

    good = group(BELL, alert("Second", "bell > 100"))
    for broken, place in (
        (good.replace("bell > 100", "bell >> 100"), r"rules/bell\.yml:11:21\b"),
        (good.replace("expr: bell > 100", "expr: |\n          sum(bell\n            by (x)"), r"rules/bell\.yml:\d+:\d+"),
        (good.replace("annotations", "anotations"), r"rules/bell\.yml:\d+:\d+"),
        ("groups: [", r"rules/bell\.yml:1:\d+"),
    ):
        bell.write("rules/bell.yml", broken)
        status, _, text = bell.ask("/-/reload", "POST")
        equal(status, 400, f"status of a reload with a broken file ({text})")
        check(re.search(place, text), f"the diagnostic does not name its place {place}:\n{text}")
        equal(bell.metric("watchbell_config_last_reload_successful"), 0, "whether the last reload was taken")
        equal(rule_names(bell), ["Bell"], "the rules after a refused reload")
    bell.live_through(4)
    equal(bell.alert("firing", within=0.5, alertname="Bell")["activeAt"], since, "activeAt after refused reloads")
    equal(told(receivers, "Bell"), ["firing"], "what the webhook was told after refused reloads")
    equal(bell.ask("/-/ready")[0], 200, "readiness after refused reloads")

    bell.write("rules/bell.yml", good)
    equal(bell.ask("/-/reload", "POST")[0], 200, "status of a reload with the repaired file")
    equal(bell.metric("watchbell_config_last_reload_successful"), 1, "whether the last reload was taken")
    equal(rule_names(bell), ["Bell", "Second"], "the rules after the repair")
    bell.live_through(4)
    equal(bell.alert("firing", within=0.5, alertname="Bell")["activeAt"], since, "activeAt after the repair")
    bell.push("bell", 0, instance="a")
    eventually("the webhook is told that it is over", lambda: told(receivers, "Bell") == ["firing", "resolved"])
    bell.stop()


def pending_alerts_survive_a_reload(stage):
    receivers = Receivers(stage)
    slow = alert("Slow", "bell > 0", "7s")
    bell = Watchbell(stage, GLOBAL + crew(receivers), {"rules/bell.yml": group(slow)}).start()
    bell.push("bell", 1, instance="a")
    since = bell.alert("pending", alertname="Slow")["activeAt"]
    bell.live_through(2)
    bell.write("rules/bell.yml", group(alert("First", "bell > 100"), slow.replace("needs", "wants")))
    equal(bell.ask("/-/reload", "POST")[0], 200, "status of the reload")
    equal(bell.alert("pending", within=1.0, alertname="Slow")["activeAt"], since, "activeAt after the reload")
    fired = bell.alert("firing", alertname="Slow")
    late = time.time() - datetime.fromisoformat(since).timestamp() - 7.0
    check(-0.1 <= late < 2.0, f"fired {late:.2f} s after the moment that its `for` of 7 s gives")
    equal(fired["activeAt"], since, "activeAt when it fires")
    equal(fired["annotations"]["summary"], "a wants <attention>", "the annotation of the new rule")
    eventually("the webhook is told", lambda: told(receivers, "Slow") == ["firing"])
    bell.stop()
