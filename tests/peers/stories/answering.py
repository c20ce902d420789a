"""Somebody answers: an incident is paged by mail and webhook step by step, answered by a link, and told as over, with SIGKILL between every
two steps."""

import json
import re
import time

from configuration import GLOBAL, ROUTE, alert, group
from stage import SMTP_PASSWORD, WEBHOOK_TOKEN, Mail, Receivers, Watchbell, check, equal, eventually

PEOPLE = """\
users:
  - name: ada
    time_zone: Europe/London
    contacts:
{ada}
  - name: ben
    time_zone: Africa/Accra
    contacts:
{ben}
  - name: eve
    time_zone: UTC
    contacts:
{hook}
schedules:
  - name: primary
    time_zone: Europe/London
    layers: [{{name: always, rotation: {{start: 2026-01-05T09:00, every: 52w}}, users: [ada]}}]
severities:
  default: P2
  levels: [{{name: P1, values: [critical], respond_within: 4s}}, {{name: P2, respond_within: 1h}}]
escalation_policies:
  - name: web
    steps:
      - targets: ['schedule:primary']
      - targets: ['user:ben', 'user:eve']
    fallback: ['user:eve']
    repage: 1h
    ack_timeout: 8s
    ack_reminder: 3s
receivers:
  - {{name: pager, escalation: web}}
"""


def mail_contact(mail, to):
    return f"""\
      - name: mail
        email_configs:
          - to: {to}
            from: bell@example.org
            smarthost: 127.0.0.1:{mail.port}
            auth_username: bell
            auth_password: {SMTP_PASSWORD}
            tls_config: {{ca_file: {mail.ca_file}}}"""


def hook_contact(receivers):
    return f"""\
      - name: hook
        webhook_configs: [{{url: '{receivers.base}/webhook/{WEBHOOK_TOKEN}'}}]"""


class Crew:
    """What the people of the incident were told, in order."""

    def __init__(self, stage):
        self.mail, self.receivers = Mail(stage), Receivers(stage)

    def configuration(self):
        return GLOBAL + ROUTE.format(receiver="pager") + PEOPLE.format(
            ada=mail_contact(self.mail, "ada@example.org"), ben=mail_contact(self.mail, "ben@example.org"),
            hook=hook_contact(self.receivers))

    def letters(self, name):
        return [letter for letter in self.mail.inbox() if letter["to"] == [f"{name}@example.org"]]

    def heard(self, name, word, kind="text"):
        """The letters to somebody that hold the word; each once, however often it was tried."""
        found = {}
        for letter in self.letters(name):
            if word in letter["subject"] or word in (letter[kind] or ""):
                key = next((value for name, value in letter["headers"] if name.lower() == "message-id"), letter["raw"])
                found[key] = letter
        return list(found.values())

    def hooked(self, kind):
        found = {record["idempotency_key"]: record for record in map(keyed, self.receivers.attempts("webhook"))}
        return [record for record in found.values() if record["body"].get("incident", {}).get("kind") == kind]


def keyed(record):
    headers = {name.lower(): value for name, value in record["headers"].items()}
    return {**record, "idempotency_key": headers.get("idempotency-key")}


def again(bell):
    """The process is killed, and starts from what is on disk."""
    bell.kill()
    bell.start()


def incident(bell, number=1):
    return bell.json(f"/api/v1/incidents/{number}")


def state(bell):
    found = incident(bell)
    return found.get("data", found)["state"]


def somebody_answers_over_kills(stage):
    crew = Crew(stage)
    rules = group(alert("Down", "bell > 0", severity="critical"))
    bell = Watchbell(stage, crew.configuration(), {"rules/bell.yml": rules}).start()
    bell.push("bell", 1, instance="a")
    bell.alert("firing", alertname="Down")
    again(bell)

    # The first step: whoever is on call.
    eventually("ada is paged", lambda: crew.heard("ada", "step 1 of 2"))
    check(not crew.letters("ben"), "ben is not paged before nobody has answered")
    letter = crew.heard("ada", "step 1 of 2")[0]
    check("P1" in letter["subject"] and "Down" in letter["subject"], f"the subject of the page: {letter['subject']!r}")
    again(bell)

    # Nobody answers within the response time: the second step. The process is away when it is due.
    bell.kill()
    time.sleep(5)
    bell.start()
    eventually("ben is paged", lambda: crew.heard("ben", "step 2 of 2"))
    eventually("eve is paged", lambda: crew.hooked("page"))
    check(crew.heard("ben", "late"), "the page says that it is late")
    equal(len(crew.heard("ada", "step 1 of 2")), 1, "pages of the first step to ada")
    again(bell)

    # Ben answers by the link of his letter: looking at it changes nothing, and it is good for one time.
    letter = crew.heard("ben", "step 2 of 2")[0]
    link = re.search(r"/answer/[A-Za-z0-9_.~-]+", letter["text"])
    check(link, f"no link in the letter: {letter['text']}")
    status, _, page = bell.ask(link.group(0))
    equal(status, 200, "status of the page behind the link")
    check("Down" in page and "<form" in page, "the page shows the incident and a button")
    equal(state(bell), "open", "the state after a look at the link")
    again(bell)
    status, _, page = bell.ask(link.group(0), "POST", b"")
    equal(status, 200, f"status of the answer: {page[:300]}")
    again(bell)
    equal(state(bell), "acknowledged", "the state after the answer")
    status, _, _ = bell.ask(link.group(0), "POST", b"")
    equal(status, 200, "status of the same answer once more, which changes nothing")

    # Everybody who was paged sees who has answered.
    for name in ("ada", "ben"):
        eventually(f"{name} sees who has answered", lambda name=name: crew.heard(name, "acknowledged by ben"))
    eventually("eve sees who has answered", lambda: crew.hooked("answered"))
    again(bell)

    # The acknowledgement times out, after a reminder: paging begins again.
    eventually("ben is reminded", lambda: crew.heard("ben", "opened again at"))
    again(bell)
    eventually("ada is paged again", lambda: crew.heard("ada", "acknowledged by ben 8s ago and not over"))
    equal(state(bell), "open", "the state after the acknowledgement has timed out")
    again(bell)

    # The link was good for one time; somebody answers by API now.
    status, _, _ = bell.ask(link.group(0), "POST", b"")
    equal(status, 410, "status of a link that was used")
    equal(state(bell), "open", "the state after a link that was used")
    status, _, text = bell.ask("/api/v1/incidents/1/ack", "POST", json.dumps({"by": "ada"}), {"Content-Type": "application/json"})
    equal(status, 200, f"status of the answer by API: {text}")
    again(bell)
    equal(state(bell), "acknowledged", "the state after the answer by API")

    # It is over, and everybody who was paged hears of it.
    bell.push("bell", 0, instance="a")
    for name in ("ada", "ben"):
        eventually(f"{name} hears that it is over", lambda name=name: crew.heard(name, "RESOLVED"))
    eventually("eve hears that it is over", lambda: crew.hooked("closed"))
    again(bell)
    equal(state(bell), "closed", "the state in the end")
    for name in ("ada", "ben"):
        equal(len(crew.heard(name, "RESOLVED")), 1, f"letters to {name} that it is over")
    bell.stop()
