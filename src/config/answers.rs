//! `answers`: the ways by which people answer pages, and the secrets that tell them from others.

use std::time::Duration;

use crate::deliver::Secret;

use super::yaml::Fields;

/// How long a link in a message is good unless the configuration says otherwise.
const LINK_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest time for which one is.
const LINK_TTL_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How many secrets PagerDuty may sign with at a time.
const WEBHOOK_SECRETS_MAX: usize = 16;
/// The longest secret token that Telegram takes.
const TELEGRAM_TOKEN_CHARACTERS_MAX: usize = 256;

/// The ways by which people answer pages. A way without its secret is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// How long a link in a message is good; not zero.
    pub link_ttl: Duration,
    /// The signing secret of the Slack app whose buttons people press.
    pub slack_signing_secret: Option<Secret>,
    /// The auth token of the Twilio account that passes replies by SMS on.
    pub twilio_auth_token: Option<Secret>,
    /// The secrets of webhook subscriptions of PagerDuty; a signature by any of them is good.
    pub pagerduty_webhook_secrets: Vec<Secret>,
    /// The secret token that Telegram sends with what its bot gets.
    pub telegram_secret_token: Option<Secret>,
}

impl Default for Answers {
    /// Links that are good for a day, nothing else.
    fn default() -> Self {
        Answers {
            link_ttl: LINK_TTL,
            slack_signing_secret: None,
            twilio_auth_token: None,
            pagerduty_webhook_secrets: Vec::new(),
            telegram_secret_token: None,
        }
    }
}

/// Reads the block.
pub(super) fn answers(fields: &mut Fields<'_>) -> Answers {
    let mut answers = Answers::default();
    let reader = fields.reader();
    let Some(mut inner) = fields.take("answers").and_then(|node| reader.fields(node, "`answers`")) else {
        return answers;
    };
    if let Some(link_ttl) = inner.positive_duration("link_ttl") {
        if link_ttl > LINK_TTL_MAX {
            inner.error_at("link_ttl", "config/limit", "`link_ttl` may be 90 days at most");
        }
        answers.link_ttl = link_ttl;
    }
    let block = |inner: &mut Fields<'_>, name, what, read: &mut dyn FnMut(&mut Fields<'_>)| {
        if let Some(mut fields) = inner.take(name).and_then(|node| reader.fields(node, what)) {
            read(&mut fields);
            fields.finish();
        }
    };
    block(&mut inner, "slack", "`slack` of `answers`", &mut |slack| {
        answers.slack_signing_secret = secret(slack, "signing_secret", "signing_secret_file");
    });
    block(&mut inner, "twilio", "`twilio` of `answers`", &mut |twilio| {
        answers.twilio_auth_token = secret(twilio, "auth_token", "auth_token_file");
    });
    block(&mut inner, "pagerduty", "`pagerduty` of `answers`", &mut |pagerduty| {
        answers.pagerduty_webhook_secrets = webhook_secrets(pagerduty);
    });
    block(&mut inner, "telegram", "`telegram` of `answers`", &mut |telegram| {
        answers.telegram_secret_token = secret(telegram, "secret_token", "secret_token_file");
        check_telegram_token(telegram, answers.telegram_secret_token.as_ref());
    });
    inner.finish();
    answers
}

/// A secret that must be there and not be empty: whoever knows that it is empty could sign with it.
fn secret(fields: &mut Fields<'_>, value: &'static str, file: &'static str) -> Option<Secret> {
    fields.need_one_of(&[value, file])?;
    let secret = fields.secret(value, file)?;
    if secret == Secret::Value(String::new()) {
        fields.error_at(value, "yaml/empty", format!("`{value}` must not be empty"));
        return None;
    }
    Some(secret)
}

fn webhook_secrets(fields: &mut Fields<'_>) -> Vec<Secret> {
    let reader = fields.reader();
    fields.need_one_of(&["webhook_secrets", "webhook_secret_file"]);
    let nodes = fields.list("webhook_secrets");
    if nodes.len() > WEBHOOK_SECRETS_MAX {
        let message = format!("`webhook_secrets` may hold {WEBHOOK_SECRETS_MAX} at most");
        fields.error_at("webhook_secrets", "config/limit", message);
    }
    let mut secrets = Vec::new();
    let key = fields.key_span("webhook_secrets");
    for node in nodes.iter().take(WEBHOOK_SECRETS_MAX) {
        match reader.secret_value(node, &key) {
            Some(secret) if !secret.is_empty() => secrets.push(Secret::Value(secret)),
            Some(_) => reader.error("yaml/empty", &key, "`webhook_secrets` must not hold empty texts"),
            None => {}
        }
    }
    secrets.extend(fields.path("webhook_secret_file").map(Secret::File));
    secrets
}

/// Telegram takes letters, digits, `_` and `-` alone; a token in a file is looked at when it is used.
fn check_telegram_token(fields: &Fields<'_>, token: Option<&Secret>) {
    let Some(Secret::Value(token)) = token else { return };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if token.len() > TELEGRAM_TOKEN_CHARACTERS_MAX || !token.chars().all(is_allowed) {
        let message = format!(
            "`secret_token` must have 1 to {TELEGRAM_TOKEN_CHARACTERS_MAX} letters, digits, `_` and `-`; Telegram takes no other"
        );
        fields.error_at("secret_token", "config/telegram", message);
    }
}
