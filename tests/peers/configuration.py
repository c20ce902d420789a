"""Texts of configuration files that the stories share."""

from stage import ROUTING_KEY, SLACK_APP_TOKEN, SLACK_TOKEN, SMTP_PASSWORD, WEBHOOK_TOKEN

GLOBAL = """\
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_url: http://watchbell.example
host_samples: false
rule_files: ['rules/*.yml']
"""

ROUTE = """\
route:
  receiver: {receiver}
  group_by: [alertname, instance]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 4h
"""


def route(receiver):
    return ROUTE.format(receiver=receiver)


def slack(receivers):
    return f"""\
    slack_configs:
      - api_url: {receivers.base}/slack/services/T000/B000/{SLACK_TOKEN}
        send_resolved: true
"""


def slack_app(receivers):
    return f"""\
    slack_configs:
      - app_token: {SLACK_APP_TOKEN}
        app_url: {receivers.base}/slack/api/chat.postMessage
        channel: '#crew'
        send_resolved: true
"""


def pagerduty(receivers):
    return f"""\
    pagerduty_configs:
      - routing_key: {ROUTING_KEY}
        url: {receivers.base}/pagerduty/v2/enqueue
"""


def webhook(receivers, timeout="30s"):
    return f"""\
    webhook_configs:
      - url: {receivers.base}/webhook/{WEBHOOK_TOKEN}
        timeout: {timeout}
"""


def email(mail, to="crew@example.org"):
    return f"""\
    email_configs:
      - to: {to}
        from: bell@example.org
        smarthost: 127.0.0.1:{mail.port}
        auth_username: bell
        auth_password: {SMTP_PASSWORD}
        tls_config: {{ca_file: {mail.ca_file}}}
        send_resolved: true
"""


def receiver(name, *channels):
    return f"  - name: {name}\n" + "".join(channels)


def everyone(receivers, mail):
    """One receiver `crew` with all four channels, and the route to it."""
    channels = (slack(receivers), pagerduty(receivers), webhook(receivers), email(mail))
    return route("crew") + "receivers:\n" + receiver("crew", *channels)


def group(*rules, name="story", interval="1s"):
    """A rule file with one group."""
    return f"groups:\n  - name: {name}\n    interval: {interval}\n    rules:\n" + "".join(rules)


def alert(name, expr, hold="0s", **labels):
    """One alerting rule of a group."""
    written = "".join(f"\n          {key}: {value}" for key, value in labels.items())
    labels_block = f"        labels:{written}\n" if labels else ""
    return (f"      - alert: {name}\n        expr: {expr}\n        for: {hold}\n{labels_block}"
            f"        annotations:\n          summary: '{{{{ $labels.instance }}}} needs <attention>'\n")


NODE_DOWN = group(alert("ExporterDown", "up == 0", "3s", severity="critical"))


def node_job(port):
    return f"""\
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ['127.0.0.1:{port}']
"""
