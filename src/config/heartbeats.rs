//! `heartbeats`: signs of life that are awaited; and `watchdog`: the one that Watchbell gives.

use std::time::Duration;

use hashbrown::HashSet;

use crate::deliver::{HttpConfig, Secret};
use crate::engine::{Armed, HEARTBEAT_LABEL, HeartbeatPolicy};
use crate::model::{ALERT_NAME, Labels};

use super::http::http_config;
use super::receivers::{EscalationPlace, check_url};
use super::yaml::{Fields, shorten};

/// The greatest number of heartbeats.
const HEARTBEATS_MAX: usize = 10_000;
/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The longest interval, and the longest grace.
const INTERVAL_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The grace of a heartbeat that does not say is a quarter of its interval, within these bounds.
const GRACE_MIN: Duration = Duration::from_secs(60);
const GRACE_MAX: Duration = Duration::from_secs(60 * 60);
/// The shortest key of a heartbeat, in bytes: whoever guesses is not held up.
pub const HEARTBEAT_KEY_BYTES_MIN: usize = 16;
/// Labels of the alert that are not the user's to set.
const RESERVED_LABELS: [&str; 2] = [ALERT_NAME, HEARTBEAT_LABEL];
/// How often the watchdog says that Watchbell lives, unless it is said.
const WATCHDOG_INTERVAL: Duration = Duration::from_secs(60);
/// How often it may at the most.
const WATCHDOG_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// How long that may take, unless it is said.
const WATCHDOG_TIMEOUT: Duration = Duration::from_secs(10);

/// The secret by which a heartbeat is told without a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatKey {
    /// The heartbeat's name.
    pub heartbeat: String,
    /// The secret.
    pub key: Secret,
}

/// Reads `heartbeats`; the escalation policies that they name go to `named`, to be checked later.
pub(super) fn heartbeats(
    fields: &mut Fields<'_>,
    named: &mut Vec<EscalationPlace>,
) -> (Vec<HeartbeatPolicy>, Vec<HeartbeatKey>) {
    let reader = fields.reader();
    let (mut policies, mut keys, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    let nodes = fields.list("heartbeats");
    if let Some(node) = nodes.get(HEARTBEATS_MAX) {
        reader.error("config/limit", &node.span, format!("more than {HEARTBEATS_MAX} items"));
    }
    for node in nodes.iter().take(HEARTBEATS_MAX) {
        let Some(mut inner) = reader.fields(node, "a heartbeat") else { continue };
        let name = name(&mut inner);
        if let Some(name) = name.as_ref().filter(|name| !names.insert((*name).clone())) {
            inner.error_at("name", "config/duplicate", format!("another one is named `{}` too", shorten(name)));
        }
        let key = inner.secret("key", "key_file");
        if matches!(&key, Some(Secret::Value(key)) if key.len() < HEARTBEAT_KEY_BYTES_MIN) {
            let message = format!("`key` must have at least {HEARTBEAT_KEY_BYTES_MIN} characters");
            inner.error_at("key", "config/short-key", message);
        }
        named.extend(EscalationPlace::read(&mut inner));
        let policy = policy(&mut inner, name);
        inner.finish();
        let Some(policy) = policy else { continue };
        keys.extend(key.map(|key| HeartbeatKey { heartbeat: policy.name.clone(), key }));
        policies.push(policy);
    }
    (policies, keys)
}

/// A name that can stand in an address as it is.
fn name(fields: &mut Fields<'_>) -> Option<String> {
    let name = fields.need_text("name")?;
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !is_plain || name.starts_with('.') || name.len() > NAME_BYTES_MAX {
        let message = format!(
            "`{}` is no name of a heartbeat: letters, digits, `-`, `_` and `.`, at most {NAME_BYTES_MAX}",
            shorten(&name)
        );
        fields.error_at("name", "config/heartbeat", message);
        return None;
    }
    Some(name)
}

fn policy(fields: &mut Fields<'_>, name: Option<String>) -> Option<HeartbeatPolicy> {
    if fields.take("interval").is_none() {
        fields.missing("interval");
    }
    let interval = fields.positive_duration("interval");
    let grace = fields.duration("grace");
    for (field, duration) in [("interval", interval), ("grace", grace)] {
        if duration.is_some_and(|duration| duration > INTERVAL_MAX) {
            fields.error_at(field, "config/limit", format!("`{field}` must not be longer than 366 days"));
        }
    }
    let armed = fields.text("armed").map(|text| {
        let armed = Armed::ALL.into_iter().find(|armed| armed.as_str() == text);
        if armed.is_none() {
            let message = format!("`{}` is none of `from_start` and `first_beat`", shorten(&text));
            fields.error_at("armed", "config/heartbeat", message);
        }
        armed.unwrap_or(Armed::FromStart)
    });
    let policy_of = |name: String, interval: Duration, fields: &mut Fields<'_>| HeartbeatPolicy {
        name,
        interval,
        grace: grace.unwrap_or_else(|| (interval / 4).clamp(GRACE_MIN, GRACE_MAX)),
        armed: armed.unwrap_or(Armed::FromStart),
        labels: alert_labels(fields),
        annotations: fields.labels("annotations"),
        description: fields.text_or("description", ""),
        escalation: fields.text("escalation").filter(|name| !name.is_empty()),
    };
    // Also what comes to nothing is read, so that every field is known.
    let policy = policy_of(name.clone().unwrap_or_default(), interval.unwrap_or(GRACE_MIN), fields);
    (name.is_some() && interval.is_some()).then_some(policy)
}

fn alert_labels(fields: &mut Fields<'_>) -> Labels {
    let labels = fields.labels("labels");
    for (name, _) in labels.iter().filter(|(name, _)| RESERVED_LABELS.contains(name)) {
        fields.error_at("labels", "config/heartbeat", format!("the label `{name}` is set by Watchbell"));
    }
    labels
}

/// Where Watchbell says, again and again, that it works.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchdogConfig {
    /// The address that is asked for.
    pub url: Secret,
    /// How often.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// By which method.
    pub method: WatchdogMethod,
    /// The connection.
    pub http: HttpConfig,
}

/// How an address is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchdogMethod {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
}

impl WatchdogMethod {
    const ALL: [WatchdogMethod; 3] = [WatchdogMethod::Get, WatchdogMethod::Head, WatchdogMethod::Post];

    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            WatchdogMethod::Get => "GET",
            WatchdogMethod::Head => "HEAD",
            WatchdogMethod::Post => "POST",
        }
    }
}

/// Reads `watchdog`; `http` is the connection of one that does not say.
pub(super) fn watchdog(fields: &mut Fields<'_>, http: &HttpConfig) -> Option<WatchdogConfig> {
    let reader = fields.reader();
    let mut inner = fields.take("watchdog").and_then(|node| reader.fields(node, "`watchdog`"))?;
    let url = inner.secret("url", "url_file");
    check_url(&inner, "url", url.as_ref());
    if url.is_none() && inner.take("url").is_none() && inner.take("url_file").is_none() {
        inner.missing("url");
    }
    let interval = inner.positive_duration("interval").unwrap_or(WATCHDOG_INTERVAL);
    if interval < WATCHDOG_INTERVAL_MIN {
        inner.error_at("interval", "config/limit", "`interval` must be at least 1s");
    }
    let timeout = inner.positive_duration("timeout").unwrap_or(WATCHDOG_TIMEOUT.min(interval));
    if timeout > interval {
        inner.error_at("timeout", "config/timeout", "`timeout` must not be longer than the interval");
    }
    let method = inner.text("method").map(|text| {
        let method = WatchdogMethod::ALL.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(&text));
        if method.is_none() {
            let message = format!("`{}` is none of `GET`, `HEAD` and `POST`", shorten(&text));
            inner.error_at("method", "config/watchdog", message);
        }
        method.unwrap_or(WatchdogMethod::Post)
    });
    let config = inner.take("http_config").map_or_else(|| http.clone(), |node| http_config(reader, node));
    inner.finish();
    let method = method.unwrap_or(WatchdogMethod::Post);
    Some(WatchdogConfig { url: url?, interval, timeout, method, http: config })
}
