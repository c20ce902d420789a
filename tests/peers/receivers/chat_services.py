"""Small receivers for chat services that refuse what the services refuse, in their words.

Paths (see `ROUTES`): /discord/..., /msteams/..., /msteamsv2/..., /mattermost/..., /rocketchat/..., /webex/..., /telegram/bot<token>/sendMessage,
/wechat/gettoken and /wechat/message/send, /ntfy/, /gotify/message.
"""

import json
import re

TEAMS_SIZE_MAX = 28 * 1024
TELEGRAM_TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "tg-spoiler", "a", "tg-emoji", "code", "pre", "blockquote"}


class Refusal(Exception):
    """An answer that is not success."""

    def __init__(self, status, answer):
        super().__init__(answer)
        self.status = status
        self.answer = answer


def bearer(headers):
    return headers.get("Authorization", "").removeprefix("Bearer ") if headers.get("Authorization", "").startswith("Bearer ") else None


def discord(_headers, body):
    def refuse(errors):
        raise Refusal(400, {"message": "Invalid Form Body", "code": 50035, "errors": errors})

    if not isinstance(body, dict):
        raise Refusal(400, {"message": "The request body contains invalid JSON.", "code": 50109})
    embeds = body.get("embeds", [])
    if not body.get("content") and not embeds:
        raise Refusal(400, {"message": "Cannot send an empty message", "code": 50006})
    if len(body.get("content", "")) > 2000:
        refuse("content")
    if not 1 <= len(body.get("username", "x")) <= 80:
        refuse("username")
    if len(embeds) > 10:
        refuse("embeds")
    for embed in embeds:
        if not (embed.get("title") or embed.get("description")):
            refuse("embeds.empty")
        if len(embed.get("title", "")) > 256 or len(embed.get("description", "")) > 4096:
            refuse("embeds.length")
        if not isinstance(embed.get("color", 0), int) or not 0 <= embed.get("color", 0) < 1 << 24:
            refuse("embeds.color")
    return 200, {"id": "1", "content": body.get("content", "")}


def too_large_for_teams(body):
    return len(json.dumps(body, ensure_ascii=False).encode()) > TEAMS_SIZE_MAX


def msteams(_headers, body):
    """A connector: 200 and `1`, or 200 and a sentence."""
    if not isinstance(body, dict) or body.get("@type") != "MessageCard":
        raise Refusal(400, "Bad payload received by generic incoming webhook.")
    if not (body.get("summary") or body.get("text")):
        raise Refusal(400, "Summary or Text is required.")
    if too_large_for_teams(body):
        return 200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId tcid=1"
    return 200, "1"


def msteamsv2(_headers, body):
    if not isinstance(body, dict) or body.get("type") != "message" or not body.get("attachments"):
        raise Refusal(400, {"error": {"code": "TriggerInputSchemaMismatch", "message": "The input body does not match."}})
    if too_large_for_teams(body):
        raise Refusal(413, "")
    for attachment in body["attachments"]:
        card = attachment.get("content", {})
        if attachment.get("contentType") != "application/vnd.microsoft.card.adaptive" or card.get("type") != "AdaptiveCard":
            raise Refusal(400, {"error": {"code": "InvalidBotRequest", "message": "not an adaptive card"}})
        if any(block.get("type") != "TextBlock" or not isinstance(block.get("text"), str) for block in card.get("body", [])):
            raise Refusal(400, {"error": {"code": "InvalidBotRequest", "message": "not a text block"}})
    return 202, ""


def mattermost(_headers, body):
    def refuse(message):
        raise Refusal(400, {"id": "web.incoming_webhook.error", "message": message, "status_code": 400})

    if not isinstance(body, dict):
        refuse("Unable to parse incoming data")
    if not (body.get("text") or body.get("attachments")):
        refuse("No text specified")
    if len(body.get("text", "")) > 16383:
        refuse("Text too long")
    priority = body.get("priority")
    if priority and priority.get("priority") not in ("", "standard", "important", "urgent"):
        refuse("Invalid priority")
    if body.get("type") and not body["type"].startswith("custom_"):
        refuse("Invalid type")
    return 200, "ok"


def rocketchat(headers, body):
    """chat.postMessage."""
    if not headers.get("X-Auth-Token") or not headers.get("X-User-Id"):
        raise Refusal(401, {"status": "error", "message": "You must be logged in to do this."})
    if not isinstance(body, dict) or not body.get("channel"):
        raise Refusal(400, {"success": False, "error": "The required \"roomId\" or \"channel\" param was not provided [error-invalid-params]"})
    for attachment in body.get("attachments", []):
        if any(action.get("type") != "button" for action in attachment.get("actions", [])):
            raise Refusal(400, {"success": False, "error": "Match error"})
    return 200, {"ts": 1, "channel": body["channel"], "success": True}


def webex(headers, body):
    if not bearer(headers):
        raise Refusal(401, {"message": "The request requires a valid access token set in the Authorization request header."})
    if not isinstance(body, dict) or not body.get("roomId") or not body.get("markdown"):
        raise Refusal(400, {"message": "One of the following must be non-empty: text, file, or meetingId"})
    if len(body["markdown"].encode()) > 7439:
        raise Refusal(400, {"message": "Text length limited to 7439 bytes"})
    return 200, {"id": "1"}


def telegram(_headers, body):
    def refuse(description):
        raise Refusal(400, {"ok": False, "error_code": 400, "description": f"Bad Request: {description}"})

    if not isinstance(body, dict) or not body.get("chat_id"):
        refuse("chat_id is empty")
    text = body.get("text", "")
    if body.get("parse_mode") == "HTML":
        opened = []
        for closing, name in re.findall(r"<(/?)([a-zA-Z-]+)[^>]*>", text):
            if name not in TELEGRAM_TAGS:
                refuse(f'can\'t parse entities: Unsupported start tag "{name}"')
            if not closing:
                opened.append(name)
            elif not opened or opened.pop() != name:
                refuse("can't parse entities: Unmatched end tag")
        if opened:
            refuse("can't parse entities: Can't find end tag")
        text = re.sub(r"&(#\w+|lt|gt|amp|quot);", "x", re.sub(r"<[^>]*>", "", text))
    if not text.strip():
        refuse("message text is empty")
    if len(text) > 4096:
        refuse("message is too long")
    return 200, {"ok": True, "result": {"message_id": 1, "text": text}}


def wechat_token(_headers, _body):
    return 200, {"errcode": 0, "errmsg": "ok", "access_token": "a-token", "expires_in": 7200}


def wechat(_headers, body):
    """message/send: 200 whatever it says."""
    if not isinstance(body, dict) or not (body.get("touser") or body.get("toparty") or body.get("totag")):
        return 200, {"errcode": 40035, "errmsg": "invalid parameter"}
    if body.get("msgtype") not in ("text", "markdown"):
        return 200, {"errcode": 40008, "errmsg": "invalid message type"}
    content = body.get(body["msgtype"], {}).get("content", "")
    if not content:
        return 200, {"errcode": 44004, "errmsg": "empty content"}
    if len(content.encode()) > 2048:
        return 200, {"errcode": 45002, "errmsg": "content size out of limit"}
    return 200, {"errcode": 0, "errmsg": "ok"}


def ntfy(_headers, body):
    def refuse(code, error):
        raise Refusal(400, {"code": code, "http": 400, "error": error})

    if not isinstance(body, dict):
        refuse(40024, "invalid request: request body must be valid JSON")
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", body.get("topic", "")):
        refuse(40009, "invalid request: topic invalid")
    if body.get("priority", 3) not in (1, 2, 3, 4, 5):
        refuse(40007, "invalid priority parameter")
    if len(body.get("message", "").encode()) > 4096:
        refuse(40050, "message too large")
    actions = body.get("actions", [])
    if len(actions) > 3 or any(action.get("action") not in ("view", "http", "broadcast") or not action.get("label") for action in actions):
        refuse(40018, "invalid request: actions invalid")
    return 200, {"id": "1", "event": "message", "topic": body["topic"]}


def gotify(headers, body):
    if not headers.get("X-Gotify-Key"):
        raise Refusal(401, {"error": "Unauthorized", "errorCode": 401, "errorDescription": "you need to provide a valid access token"})
    if not isinstance(body, dict) or not body.get("message") or not isinstance(body.get("priority", 0), int):
        raise Refusal(400, {"error": "Bad Request", "errorCode": 400, "errorDescription": "Field 'message' is required"})
    return 200, {"id": 1, "message": body["message"]}


ROUTES = [
    ("POST", re.compile(r"/discord/.+"), "discord", discord),
    ("POST", re.compile(r"/msteams/.+"), "msteams", msteams),
    ("POST", re.compile(r"/msteamsv2/.+"), "msteamsv2", msteamsv2),
    ("POST", re.compile(r"/mattermost/hooks/.+"), "mattermost", mattermost),
    ("POST", re.compile(r"/rocketchat/api/v1/chat\.postMessage"), "rocketchat", rocketchat),
    ("POST", re.compile(r"/webex/v1/messages"), "webex", webex),
    ("POST", re.compile(r"/telegram/bot\d+:[-\w]+/sendMessage"), "telegram", telegram),
    ("GET", re.compile(r"/wechat/gettoken"), "wechat", wechat_token),
    ("POST", re.compile(r"/wechat/message/send"), "wechat", wechat),
    ("POST", re.compile(r"/ntfy/"), "ntfy", ntfy),
    ("POST", re.compile(r"/gotify/message"), "gotify", gotify),
]
NAMES = {name for _, _, name, _ in ROUTES}


def route(method, path):
    """The service's name and its function; None if nothing is there."""
    for wanted, pattern, name, accept in ROUTES:
        if method == wanted and pattern.fullmatch(path):
            return name, accept
    return None
