"""Watchbell stops and starts: timers run on, nobody is told twice, accepted samples are there."""

import time
from datetime import datetime

from configuration import GLOBAL, alert, group
from stage import Receivers, Watchbell, check, equal, eventually

from .reloading import crew, told


def a_pending_alert_fires_on_time_after_a_restart(stage):
    receivers = Receivers(stage)
    rules = group(alert("Slow", "bell > 0", "10s"))
    bell = Watchbell(stage, GLOBAL + crew(receivers), {"rules/bell.yml": rules}).start()
    bell.push("bell", 1, instance="a")
    since = bell.alert("pending", alertname="Slow")["activeAt"]
    bell.live_through(3)
    bell.stop()
    bell.start()
    equal(bell.alert("pending", within=2.0, alertname="Slow")["activeAt"], since, "activeAt after SIGTERM")
    bell.kill()
    bell.start()
    equal(bell.alert("pending", within=2.0, alertname="Slow")["activeAt"], since, "activeAt after SIGKILL")
    eventually("the webhook is told", lambda: told(receivers, "Slow") == ["firing"])
    late = time.time() - datetime.fromisoformat(since).timestamp() - 10.0
    check(-0.1 <= late < 2.5, f"told {late:.2f} s after the moment that its `for` of 10 s gives")
    equal(bell.alert("firing", alertname="Slow")["activeAt"], since, "activeAt when it fires")

    for stop in (bell.stop, bell.kill):
        eventually("nothing waits", lambda: bell.metric("watchbell_outbox_notifications") == 0)
        stop()
        bell.start()
        bell.live_through(4)
        equal(bell.alert("firing", within=0.5, alertname="Slow")["activeAt"], since, "activeAt of the firing alert")
        equal(told(receivers, "Slow"), ["firing"], "what the webhook was told after a restart")
    bell.push("bell", 0, instance="a")
    eventually("the webhook is told that it is over", lambda: told(receivers, "Slow") == ["firing", "resolved"])
    bell.stop()


def samples_that_were_accepted_survive_a_kill(stage):
    """Every sample that was answered with success takes part after a kill: 1 to 40 sum up to 820, less nothing."""
    receivers = Receivers(stage)
    rules = group(alert("Whole", "sum(sum_over_time(step[10m])) == 820"), alert("Some", "sum(step) > 0"))
    bell = Watchbell(stage, GLOBAL + crew(receivers), {"rules/bell.yml": rules}).start()
    for step in range(1, 41):
        bell.push("step", step, number=str(step))
        if step in (7, 40):
            bell.kill()
            bell.start()
    bell.alert("firing", alertname="Some")
    bell.alert("firing", within=5.0, alertname="Whole")
    bell.stop()
