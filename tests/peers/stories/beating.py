"""Heartbeats that stay away, and a Watchbell that watches another one."""

import json
import signal
import subprocess

from configuration import GLOBAL, alert, group, route, webhook
from stage import HEARTBEAT_KEY, Receivers, Watchbell, check, equal, eventually, request

from .reloading import told

MISSING = "WatchbellHeartbeatMissing"


def config(receivers, heartbeats):
    crew = route("crew").replace("instance", "heartbeat") + "receivers:\n  - name: crew\n" + webhook(receivers)
    return GLOBAL + crew + f"heartbeats: [{heartbeats}]\n"


RULES = {"rules/bell.yml": group(alert("Never", "vector(0) > 0"))}


def start(stage, heartbeats):
    receivers = Receivers(stage)
    return receivers, Watchbell(stage, config(receivers, heartbeats), RULES).start()


def heartbeat(bell, name):
    found = bell.json("/api/v1/heartbeats")["data"]["heartbeats"]
    return next(heartbeat for heartbeat in found if heartbeat["name"] == name)


def a_heartbeat_stays_away(stage):
    receivers, bell = start(
        stage, f"{{name: backup, interval: 2s, grace: 3s, armed: first_beat, key: {HEARTBEAT_KEY}}}, {{name: reports, interval: 1h}}")
    keyed = {"X-Watchbell-Key": HEARTBEAT_KEY}
    beat, fail = "/api/v1/heartbeat/backup", "/api/v1/heartbeat/backup/fail"
    equal(heartbeat(bell, "backup")["state"], "unarmed", "state before the first beat")

    # Only who has the key beats; the nearest name is told for one that is not there.
    for path, headers in ((beat, {}), (beat, {"X-Watchbell-Key": "wrong-key-0123456789"}), (f"{beat}?key=wrong", {})):
        equal(bell.ask(path, "POST", headers=headers)[0], 403, f"status of {path} with {headers}")
    equal(bell.ask("/api/v1/heartbeat/report", "POST")[0], 404, "status of a beat of nobody")
    check("did you mean `reports`" in bell.ask("/api/v1/heartbeat/report")[2], "the nearest name is told")

    # While it beats, by any method, nothing happens.
    for method in ("POST", "GET", "HEAD") * 3:
        equal(bell.ask(beat, method, headers=keyed)[0], 200, f"status of a beat by {method}")
        bell.live_through(1)
    equal((told(receivers, MISSING), heartbeat(bell, "backup")["state"]), ([], "up"), "what is told while it beats")

    # It stays away: that is told once, also over SIGKILL.
    equal(request(bell.url(f"{beat}?key={HEARTBEAT_KEY}"), "POST", "12 GB")[0], 200, "status of the last beat")
    eventually("it is told", lambda: told(receivers, MISSING) == ["firing"], within=30)
    eventually("nothing waits", lambda: bell.metric("watchbell_outbox_notifications") == 0)
    bell.kill()
    bell.start()
    bell.live_through(3)
    found = heartbeat(bell, "backup")
    equal((found["state"], found["message"]), ("missing", "12 GB"), "state after a kill")
    equal(told(receivers, MISSING), ["firing"], "what is told after a kill")
    listed = subprocess.run([stage.binary, "heartbeat", "list", "--url", bell.url("")], capture_output=True, text=True, timeout=30)
    equal(listed.returncode, 1, f"status of the list {listed.stdout!r} {listed.stderr!r}")
    check("backup   missing" in listed.stdout and "reports  awaited" in listed.stdout, f"the list: {listed.stdout!r}")

    # The job beats again, and reports a failure later.
    beating = subprocess.run([stage.binary, "heartbeat", "beat", "backup", "--url", bell.url("")], capture_output=True, text=True,
                             timeout=30, env={"WATCHBELL_HEARTBEAT_KEY": HEARTBEAT_KEY})
    equal(beating.returncode, 0, f"status of the beat {beating.stderr!r}")
    eventually("its end is told", lambda: told(receivers, MISSING) == ["firing", "resolved"], within=30)
    equal(bell.ask(fail, "POST", "disk full", headers=keyed)[0], 200, "status of the failure")
    eventually("the failure is told", lambda: told(receivers, MISSING)[2:] == ["firing"], within=30)
    last = receivers.taken("webhook")[-1]["alerts"][0]
    equal(last["annotations"]["summary"], "backup reports a failure: disk full", "the summary")
    equal(bell.metric("watchbell_heartbeats_missing"), 1.0, "missing heartbeats by the metrics")

    # What is taken out of the configuration is not missing.
    bell.write("watchbell.yml", config(receivers, ""))
    eventually("its end is told", lambda: told(receivers, MISSING)[-1] == "resolved", within=30)
    bell.stop()


def one_watchbell_watches_another(stage):
    receivers, bell = start(stage, f"{{name: other, interval: 1s, grace: 4s, armed: first_beat, key: {HEARTBEAT_KEY}}}")
    watchdog = f"watchdog: {{url: '{bell.url('/api/v1/heartbeat/other')}?key={HEARTBEAT_KEY}', interval: 1s}}\nhost_samples: false\n"
    other = Watchbell(stage, watchdog, name="other").start()
    eventually("the other one beats", lambda: heartbeat(bell, "other")["state"] == "up", within=30)
    eventually("it knows that it is heard", lambda: other.metric("watchbell_watchdog_pings_total", result="success") > 1)
    equal(told(receivers, MISSING), [], "what is told while it lives")

    # It stands still, and goes on.
    other.process.send(signal.SIGSTOP)
    eventually("it is missed", lambda: told(receivers, MISSING) == ["firing"], within=30)
    other.process.send(signal.SIGCONT)
    eventually("it is back", lambda: told(receivers, MISSING) == ["firing", "resolved"], within=30)

    # It dies, and is started again.
    other.kill()
    eventually("it is missed", lambda: told(receivers, MISSING)[2:] == ["firing"], within=30)
    other.start()
    eventually("it is back", lambda: told(receivers, MISSING)[2:] == ["firing", "resolved"], within=30)

    # Nobody listens: the other one says so in its log and metrics.
    bell.stop()
    eventually("it is not heard", lambda: other.metric("watchbell_watchdog_pings_total", result="failure") > 0)
    lines = [line for line in other.lines() if line.get("message") == "watchdog not heard"]
    check(lines and json.dumps(lines).find(HEARTBEAT_KEY) < 0, f"the log says so: {lines}")
    other.stop()
