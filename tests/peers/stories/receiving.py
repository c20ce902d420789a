"""Receivers that refuse, limit, break off and hang: what is tried again, when, and what is not."""

import json

from configuration import GLOBAL, alert, email, group, pagerduty, receiver, route, slack, slack_app, webhook
from stage import Mail, Receivers, Watchbell, check, equal, eventually, header

RULES = group(alert("Bell", "bell > 0"))


def with_routes(channels_by_receiver, group_interval="1s"):
    """A configuration that leads alerts with the label `to` to the receiver of that name."""
    routes = "  routes:\n" + "".join(
        f"    - matchers: ['to=\"{name}\"']\n      receiver: {name}\n" for name in channels_by_receiver)
    blocks = "".join(receiver(name, *channels) for name, channels in channels_by_receiver.items())
    root = route("nobody").replace("group_interval: 1s", f"group_interval: {group_interval}")
    return GLOBAL + root + routes + "receivers:\n  - name: nobody\n" + blocks


def ring(bell, to, instance="a"):
    bell.push("bell", 1, to=to, instance=instance)


def tried(receivers, kind, times, within=20.0):
    """The attempts once there are so many, and that there are no more some evaluations later is for the caller."""
    return eventually(f"{kind} was tried {times} times", lambda: (
        found if len(found := receivers.attempts(kind)) >= times else None), within)


def receivers_that_refuse(stage):
    """What is given up stays so until the group's next turn, which is far away here."""
    receivers = Receivers(stage)
    bell = Watchbell(stage, with_routes({
        "app": [slack_app(receivers)], "slack": [slack(receivers)], "page": [pagerduty(receivers)],
        "hook": [webhook(receivers)]}, group_interval="10m"), {"rules/bell.yml": RULES}).start()

    def case(name, kind, answers, to, expected_attempts, taken):
        """Lets an alert of its own fire, with `answers` to come; the times of the attempts."""
        receivers.forget()
        receivers.fail(kind, **answers)
        ring(bell, to, instance=name)
        tried(receivers, kind, expected_attempts)
        eventually(f"{name}: nothing waits", lambda: bell.metric("watchbell_outbox_notifications") == 0)
        bell.live_through(3)
        attempts = receivers.attempts(kind)
        equal(len(attempts), expected_attempts, f"{name}: attempts")
        equal(len(receivers.taken(kind)), taken, f"{name}: notifications taken")
        return [attempt["at"] for attempt in attempts]

    case("Slack's 200 that says ratelimited", "slack", {"error": "ratelimited", "times": 1}, "app", 2, 1)
    case("Slack's 200 that says invalid_auth", "slack", {"error": "invalid_auth", "times": 1}, "app", 1, 0)
    at = case("Slack's 429", "slack", {"status": 429, "retry_after": 3, "times": 1}, "slack", 2, 1)
    check(3.0 <= at[1] - at[0] < 6.0, f"Retry-After 3 was kept to with {at[1] - at[0]:.2f} s")
    at = case("500 twice", "slack", {"status": 500, "times": 2}, "slack", 3, 1)
    check(at[1] - at[0] > 0.1 and at[2] - at[1] > 0.1, f"no pause between attempts: {at}")
    case("Slack's 404", "slack", {"status": 404, "times": 1}, "slack", 1, 0)
    before = failures(bell, "pagerduty", "rejected")
    case("PagerDuty's 400", "pagerduty", {"status": 400, "times": 1}, "page", 1, 0)
    equal(failures(bell, "pagerduty", "rejected") - before, 1, "PagerDuty's rejected notifications")
    case("PagerDuty's 429", "pagerduty", {"status": 429, "retry_after": 1, "times": 2}, "page", 3, 1)
    case("a connection that is cut", "webhook", {"reset": True, "times": 1}, "hook", 2, 1)
    case("an answer that is not HTTP", "webhook", {"garbage": True, "times": 1}, "hook", 2, 1)
    case("a webhook's 403", "webhook", {"status": 403, "times": 1}, "hook", 1, 0)
    bell.stop()


def failures(bell, channel, kind):
    """How often a channel failed so, by whatever label names the kind."""
    return sum(value for (name, labels), value in bell.metrics().items() if name == "watchbell_notification_failures_total"
               and ("channel", channel) in labels and kind in dict(labels).values())


def a_receiver_that_hangs_holds_up_nobody(stage):
    receivers = Receivers(stage)
    bell = Watchbell(stage, with_routes({
        "both": [webhook(receivers, timeout="4s"), slack(receivers), pagerduty(receivers)], "other": [slack(receivers)],
    }), {"rules/bell.yml": RULES}).start()
    receivers.fail("webhook", hang=True)
    ring(bell, "both")
    eventually("Slack and PagerDuty are told while the webhook hangs", lambda: (
        receivers.taken("slack") and receivers.taken("pagerduty")), 4.0)
    ring(bell, "other")
    eventually("Slack is told of another alert", lambda: len(receivers.taken("slack")) == 2, 4.0)
    equal(len(receivers.taken("webhook")), 0, "notifications taken by the webhook that hangs")
    attempts = tried(receivers, "webhook", 2)
    check(3.9 <= attempts[1]["at"] - attempts[0]["at"] < 9.0, "the time-out of 4 s was not kept to")
    dependencies = bell.json("/health/dependencies")["receivers"]
    hanging = [status for name, status in dependencies.items() if name.startswith("both/webhook")]
    equal([(one["ok"], bool(one["last_error"])) for one in hanging], [(False, True)], f"the webhook's health in {dependencies}")
    equal(bell.json("/health")["status"], "degraded", "health while a receiver fails")
    receivers.heal()
    eventually("the webhook is told at last", lambda: len(receivers.taken("webhook")) == 1, 20.0)
    eventually("the service is healthy again", lambda: bell.json("/health")["status"] == "healthy")
    equal(len({header(attempt, "Idempotency-Key") for attempt in receivers.attempts("webhook")}), 1, "idempotency keys")
    equal((len(receivers.taken("slack")), len(receivers.taken("pagerduty"))), (2, 1), "others were told again")
    bell.stop()


def mail_that_is_refused(stage):
    receivers, mail = Receivers(stage), Mail(stage, fail_first=2)
    bell = Watchbell(stage, with_routes({
        "crew": [email(mail)], "gone": [email(mail, "unknown@example.org")], "full": [email(mail, "full@example.org")],
    }, group_interval="10m"), {"rules/bell.yml": RULES}).start()
    ring(bell, "crew")
    letters = eventually("the letter is taken at the third attempt", mail.inbox)
    equal(len(letters), 1, "letters")
    check(bell.metric("watchbell_notification_attempts_total", channel="email") >= 3, "the letter was not tried three times")
    for case in ("gone", "full"):
        before = failures(bell, "email", "rejected")
        ring(bell, case)
        eventually(f"the letter to {case} is given up", lambda: failures(bell, "email", "rejected") == before + 1)
    bell.live_through(3)
    equal(bell.metric("watchbell_notification_attempts_total", channel="email"), 5, "attempts at letters")
    equal(len(mail.inbox()), 1, "letters in the end")
    lines = [line for line in bell.lines() if line.get("message") == "notification given up"]
    check(any("no such user" in json.dumps(line) for line in lines), f"the server's reason is not in the log: {lines}")
    bell.stop()
