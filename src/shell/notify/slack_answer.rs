//! What Slack's answers mean. `chat.postMessage` says 200 even when it refuses; incoming webhooks say `ok` or a reason.

use serde::Deserialize;

use super::http::Answer;
use super::refusal;
use crate::deliver::Outcome;
use crate::shell::secret::Hidden;

/// Reasons that pass: Slack is busy or broken, the message is not.
const TRANSIENT_REASONS: [&str; 7] = [
    "fatal_error",
    "internal_error",
    "rate_limited",
    "ratelimited",
    "request_timeout",
    "rollup_error",
    "service_unavailable",
];

/// Reasons that say that a message cannot be changed or answered any more; another one can be sent.
const GONE_REASONS: [&str; 7] = [
    "cannot_reply_to_message",
    "cant_update_message",
    "channel_not_found",
    "edit_window_closed",
    "invalid_thread_ts",
    "message_not_found",
    "thread_not_found",
];

/// Reasons that say that the blocks are wrong; without them the message can be sent.
const BLOCK_REASONS: [&str; 2] = ["invalid_blocks", "invalid_blocks_format"];

#[derive(Deserialize)]
struct AnswerBody {
    ok: Option<bool>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    ts: String,
}

/// The channel's id and the time stamp of the message that an app has posted; `None` if the answer does not say.
pub(super) fn posted(answer: &Answer) -> Option<(String, String)> {
    let body: AnswerBody = serde_json::from_slice(&answer.body).ok()?;
    (!body.channel.is_empty() && !body.ts.is_empty()).then_some((body.channel, body.ts))
}

/// Whether the message that was to be changed or answered is there no more.
pub(super) fn is_gone(answer: &Answer) -> bool {
    reason(answer).is_some_and(|reason| GONE_REASONS.contains(&reason.as_str()))
}

/// Whether the message is refused for its blocks.
pub(super) fn refuses_blocks(answer: &Answer) -> bool {
    reason(answer).is_some_and(|reason| BLOCK_REASONS.contains(&reason.as_str()))
}

/// Why Slack refuses: a word, or `error` of an app's answer.
fn reason(answer: &Answer) -> Option<String> {
    match serde_json::from_slice::<AnswerBody>(&answer.body) {
        Ok(body) => Some(body.error),
        Err(_) => Some(String::from_utf8_lossy(&answer.body).trim().to_owned()),
    }
    .filter(|reason| !reason.is_empty())
}

/// Delivered is: `{"ok": true}`; for a webhook also `ok`, nothing, or JSON that does not speak of `ok` (servers that
/// take Slack's messages). An answer that is neither that nor a reason may come from something in between: try again.
pub(super) fn verdict(answer: &Answer, is_app: bool, hidden: &Hidden) -> Outcome {
    if !answer.status.is_success() {
        return answer.verdict(hidden);
    }
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.trim();
    let body = serde_json::from_str::<AnswerBody>(text).ok();
    match body {
        Some(AnswerBody { ok: Some(true), .. }) => Outcome::Delivered,
        Some(AnswerBody { ok: Some(false), error, .. }) => refused(&error, answer, hidden),
        Some(AnswerBody { ok: None, error, .. }) if !is_app && error.is_empty() => Outcome::Delivered,
        Some(AnswerBody { ok: None, error, .. }) if !error.is_empty() => refused(&error, answer, hidden),
        _ if !is_app && answer.complete && (text == "ok" || text.is_empty()) => Outcome::Delivered,
        _ if !is_app && is_reason(text) => refused(text, answer, hidden),
        _ => {
            let excerpt = refusal::excerpt(text, hidden);
            Outcome::Retry {
                error: format!("{} without Slack's `ok`: {excerpt}", answer.status),
                after: answer.retry_after,
            }
        }
    }
}

fn refused(reason: &str, answer: &Answer, hidden: &Hidden) -> Outcome {
    refusal::refused("Slack", reason, TRANSIENT_REASONS.contains(&reason), answer, hidden)
}

/// Whether `text` is one of Slack's reasons: a single word such as `invalid_payload`.
fn is_reason(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn answers() {
        let after = Some(Duration::from_secs(7));
        let delivered = "delivered";
        for (is_app, status, body, expected) in [
            (false, 200, "ok", delivered),
            (false, 200, "ok\n", delivered),
            (false, 204, "", delivered),
            (false, 200, r#"{"ok":true}"#, delivered),
            (false, 200, r#"{"success":true}"#, delivered),
            (false, 200, r#"{"ok":false,"error":"ratelimited"}"#, "retry: Slack says ratelimited"),
            (false, 200, "invalid_token", "rejected: Slack says invalid_token"),
            (false, 200, "<html>Log in</html>", "retry: 200 OK without Slack's `ok`: <html>Log in</html>"),
            (false, 400, "invalid_payload", "rejected: 400 Bad Request: invalid_payload"),
            (false, 403, "invalid_token", "rejected: 403 Forbidden: invalid_token"),
            (false, 404, "no_service", "rejected: 404 Not Found: no_service"),
            (false, 410, "channel_is_archived", "rejected: 410 Gone: channel_is_archived"),
            (false, 429, "", "retry: 429 Too Many Requests"),
            (false, 500, "rollup_error", "retry: 500 Internal Server Error: rollup_error"),
            (true, 200, r#"{"ok":true,"channel":"C1","ts":"1.2"}"#, delivered),
            (true, 200, r#"{"ok":false,"error":"ratelimited"}"#, "retry: Slack says ratelimited"),
            (true, 200, r#"{"ok":false,"error":"internal_error"}"#, "retry: Slack says internal_error"),
            (true, 200, r#"{"ok":false,"error":"fatal_error"}"#, "retry: Slack says fatal_error"),
            (true, 200, r#"{"ok":false,"error":"service_unavailable"}"#, "retry: Slack says service_unavailable"),
            (true, 200, r#"{"ok":false,"error":"request_timeout"}"#, "retry: Slack says request_timeout"),
            (true, 200, r#"{"ok":false,"error":"channel_not_found"}"#, "rejected: Slack says channel_not_found"),
            (true, 200, r#"{"ok":false}"#, "rejected: Slack says "),
            (true, 200, "ok", "retry: 200 OK without Slack's `ok`: ok"),
            (true, 200, "", "retry: 200 OK without Slack's `ok`: "),
            (true, 200, "[1,2", "retry: 200 OK without Slack's `ok`: [1,2"),
            (true, 503, "", "retry: 503 Service Unavailable"),
        ] {
            let answer = Answer {
                status: StatusCode::from_u16(status).expect("a status"),
                body: body.as_bytes().to_vec(),
                complete: true,
                retry_after: after,
            };
            let text = match verdict(&answer, is_app, &Hidden::default()) {
                Outcome::Delivered | Outcome::DeliveredAs { .. } => delivered.to_owned(),
                Outcome::Rejected { error } => format!("rejected: {error}"),
                Outcome::Retry { error, after: wait } => {
                    assert_eq!(wait, after);
                    format!("retry: {error}")
                }
            };
            assert_eq!(text, expected, "{is_app} {status} {body}");
        }
    }
}
