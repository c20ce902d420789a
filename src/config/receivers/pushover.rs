//! `pushover_configs`.

use std::time::Duration;

use crate::deliver::{Channel, PushoverConfig, PushoverFormat, Secret};

use super::{ChannelDefaults, Fields, address_or, connection, secret_or, timeout};

/// Where Pushover takes messages.
const API_URL: &str = "https://api.pushover.net/1/messages.json";
/// How often a message of priority 2 is repeated.
const RETRY: Duration = Duration::from_secs(60);
/// The least that Pushover takes.
const RETRY_MIN: Duration = Duration::from_secs(30);
/// How long a message of priority 2 is repeated.
const EXPIRE: Duration = Duration::from_secs(60 * 60);
/// The longest that Pushover takes.
const EXPIRE_MAX: Duration = Duration::from_secs(3 * 60 * 60);

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let user_key = key(fields, "user_key", "user_key_file");
    let token = key(fields, "token", "token_file");
    let format = match (fields.flag("html").unwrap_or(false), fields.flag("monospace").unwrap_or(false)) {
        (true, true) => {
            fields.error_at("monospace", "config/pushover", "give `html` or `monospace`, not both");
            PushoverFormat::Html
        }
        (true, false) => PushoverFormat::Html,
        (false, true) => PushoverFormat::Monospace,
        (false, false) => PushoverFormat::Plain,
    };
    let config = PushoverConfig {
        api_url: address_or(fields, "api_url", API_URL),
        title: fields.template_or("title", r#"{{ template "pushover.default.title" . }}"#),
        message: fields.template_or("message", r#"{{ template "pushover.default.message" . }}"#),
        url: fields.template_or("url", r#"{{ template "pushover.default.url" . }}"#),
        url_title: fields.template_or("url_title", ""),
        device: fields.template_or("device", ""),
        sound: fields.template_or("sound", ""),
        priority: fields.template_or("priority", r#"{{ template "pushover.default.priority" . }}"#),
        retry: fields.duration("retry").unwrap_or(RETRY),
        expire: fields.duration("expire").unwrap_or(EXPIRE),
        ttl: fields.duration("ttl").unwrap_or_default(),
        format,
        timeout: timeout(fields),
        http: connection(fields, defaults),
        user_key: user_key?,
        token: token?,
    };
    let unlike = |name: &'static str, message: &str| {
        fields.reader().warning("config/pushover", &fields.key_span(name), message);
    };
    if config.retry < RETRY_MIN {
        unlike("retry", "Pushover refuses a message of priority 2 with a `retry` below 30s");
    }
    if config.expire > EXPIRE_MAX || config.expire.is_zero() {
        unlike("expire", "Pushover refuses a message of priority 2 without an `expire` of at most 3h");
    }
    Some(Channel::Pushover(Box::new(config)))
}

/// A secret that must be there; a template.
fn key(fields: &mut Fields<'_>, value: &'static str, file: &'static str) -> Option<Secret> {
    if let Some(node) = fields.take(value) {
        fields.reader().note_template(node);
    }
    secret_or(fields, value, file, None)
}
