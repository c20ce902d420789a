"""Chat services: each takes what Watchbell sends, and a refusal that comes with a 200 is none the less a refusal."""

from configuration import GLOBAL, alert, group, receiver, route
from stage import Receivers, Watchbell, equal, eventually

SERVICES = {
    "discord": "{webhook_url: BASE/discord/1/hook, content: 'bell: {{ .Status }}'}",
    "msteams": "{webhook_url: BASE/msteams/hook}",
    "msteamsv2": "{webhook_url: BASE/msteamsv2/hook}",
    "mattermost": "{webhook_url: BASE/mattermost/hooks/hook, pretext: bell, priority: {priority: urgent}}",
    "rocketchat": "{api_url: BASE/rocketchat, token: a-token, token_id: a-user, channel: '#crew', send_resolved: true}",
    "webex": "{api_url: BASE/webex/v1/messages, room_id: r, http_config: {authorization: {credentials: a-token}}}",
    "telegram": "{api_url: BASE/telegram, bot_token: '1:a-token', chat_id: -100}",
    "wechat": "{api_url: BASE/wechat, api_secret: a-secret, corp_id: c, to_user: '@all', send_resolved: true}",
    "ntfy": "{url: BASE/ntfy/, topic: crew}",
    "gotify": "{url: BASE/gotify, token: a-token}",
}
# Long, with what each markup would stumble over.
NOISY = "x" * 9000 + " <b>bold & *stars* _lines_ [links](x) äöü"


def config(receivers):
    channels = "".join(
        f"    {name}_configs: [{settings.replace('BASE', receivers.base)}]\n" for name, settings in SERVICES.items())
    return GLOBAL + route("crew") + "receivers:\n" + receiver("crew", channels)


def messages(receivers, name):
    """What the service was sent, with its answers; the fetching of tokens left out."""
    return [record for record in receivers.attempts(name) if record["method"] == "POST"]


def is_taken(record):
    answer = record["answer"] if isinstance(record["answer"], dict) else {}
    refused = answer.get("errcode") or False in (answer.get("success"), answer.get("ok"))
    worded = any(word in str(record["answer"]) for word in ("delivery failed", "<html>"))
    return record["status"] in (200, 202) and not refused and not worded


def every_service_takes_what_it_is_sent(stage):
    """A firing and a resolve, long and full of markup, to ten services at once; none refuses anything."""
    receivers = Receivers(stage)
    rules = group(alert("Busy", "busy > 0", severity="critical").replace("needs <attention>", NOISY))
    bell = Watchbell(stage, config(receivers), {"rules/busy.yml": rules}).start()
    bell.push("busy", 1, instance="a")
    told(receivers, 1)
    bell.push("busy", 0, instance="a")
    told(receivers, 2)
    equal(len([r for r in receivers.attempts("wechat") if r["method"] == "GET"]), 1, "tokens fetched")
    bell.stop()


def refusals_with_a_200_are_tried_again(stage):
    """Services that answer 200 and say no for a while; the notification arrives all the same."""
    receivers = Receivers(stage)
    no = {
        "msteams": "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x",
        "wechat": {"errcode": -1, "errmsg": "system busy"},
        "telegram": {"ok": False, "error_code": 502, "description": "Bad Gateway"},
        "rocketchat": {"success": False, "error": "Slow down. [error-too-many-requests]"},
        "discord": "<html>Log in</html>",
    }
    for name, body in no.items():
        receivers.fail(name, status=200, body=body, times=2)
    bell = Watchbell(stage, config(receivers), {"rules/busy.yml": group(alert("Busy", "busy > 0"))}).start()
    bell.push("busy", 1, instance="a")
    for name in no:
        eventually(f"{name} is told", lambda name=name: any(map(is_taken, messages(receivers, name))), 30.0)
    bell.stop()


def told(receivers, number):
    for name in SERVICES:
        def look(name=name):
            found = messages(receivers, name)
            refused = [record["answer"] for record in found if not is_taken(record)]
            equal(refused, [], f"refusals of {name}")
            equal(len(found), number, f"messages to {name}")
            return True

        eventually(f"{name} has {number}", look)
