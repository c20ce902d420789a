//! Noise control: `notify_on` and `repeat_backoff` of routes; `fallback`, `give_up_after`, `throttle` and `storm` of receivers.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use crate::deliver::{DeliveryPolicy, GIVE_UP_AFTER, GIVE_UP_AFTER_WITH_FALLBACK, Rate, Receiver};
use crate::model::{FlapPolicy, nearest};
use crate::route::{NotifyOn, NotifyPolicy, RepeatBackoff};
use crate::rule::FlapSetting;

use super::yaml::{Fields, NodeKind, Reader, shorten};

/// The factor of `repeat_backoff` where it is not given.
const BACKOFF_FACTOR: f64 = 2.0;
/// The greatest factor.
const BACKOFF_FACTOR_MAX: f64 = 100.0;
/// The longest wait where `repeat_backoff` does not say.
const BACKOFF_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The greatest number of changes of a `flap`.
const FLAP_CHANGES_MAX: usize = 1000;
/// How many states a `flap` looks at where it does not say, as in Nagios.
const FLAP_STATES: usize = 21;
/// The greatest number of them.
const FLAP_STATES_MAX: usize = 1000;
/// The longest chain of fallbacks.
const FALLBACKS_MAX: usize = 16;
/// The greatest number of notifications of a rate.
const RATE_MAX: usize = 1000;

/// Reads `notify_on` and `repeat_backoff` of a route below one with `parent`.
pub(super) fn notify_policy(fields: &mut Fields<'_>, parent: &NotifyPolicy) -> NotifyPolicy {
    let on = fields.text("notify_on").map(|text| match text.as_str() {
        "new" => NotifyOn::New,
        "changed" => NotifyOn::Changed,
        "all" => NotifyOn::All,
        other => {
            let message = format!("`{}` is none of `new`, `changed` and `all`", shorten(&other));
            fields.error_at("notify_on", "config/notify-on", message);
            NotifyOn::All
        }
    });
    NotifyPolicy { on: on.unwrap_or(parent.on), backoff: repeat_backoff(fields).or(parent.backoff) }
}

fn repeat_backoff(fields: &mut Fields<'_>) -> Option<RepeatBackoff> {
    let mut inner = block(fields, "repeat_backoff", "`repeat_backoff`")?;
    let factor = inner.text("factor").map(|text| {
        let factor = text.parse().ok().filter(|factor: &f64| (1.0..=BACKOFF_FACTOR_MAX).contains(factor));
        if factor.is_none() {
            let message = format!("`factor` must be a number from 1 to {BACKOFF_FACTOR_MAX}");
            inner.error_at("factor", "config/repeat-backoff", message);
        }
        factor.unwrap_or(BACKOFF_FACTOR)
    });
    let max = inner.positive_duration("max").unwrap_or(BACKOFF_MAX);
    inner.finish();
    Some(RepeatBackoff { factor: factor.unwrap_or(BACKOFF_FACTOR), max })
}

/// Reads `flap` of a rule; states come once per `interval` where it does not say.
pub(super) fn flap_setting(fields: &mut Fields<'_>, interval: Duration) -> FlapSetting {
    let Some(node) = fields.take("flap") else { return FlapSetting::Default };
    if let NodeKind::Scalar(_) = &node.kind {
        if fields.flag("flap") == Some(true) {
            fields.error_at("flap", "config/flap", "`flap` is `false` or a block such as `{changes: 4, within: 1h}`");
        }
        return FlapSetting::Off;
    }
    flap_policy(fields, interval).map_or(FlapSetting::Default, FlapSetting::On)
}

/// Reads a block `flap`.
pub(super) fn flap_policy(fields: &mut Fields<'_>, interval: Duration) -> Option<FlapPolicy> {
    let mut inner = block(fields, "flap", "`flap`")?;
    let (changes, within) = (inner.count("changes"), inner.positive_duration("within"));
    let (low, high) = (share(&mut inner, "low"), share(&mut inner, "high"));
    let states = inner.count("states");
    let own_interval = inner.positive_duration("interval");
    let policy = match (changes, within, low, high) {
        (Some(changes), Some(within), None, None) => {
            if !(2..=FLAP_CHANGES_MAX).contains(&changes) {
                let message = format!("`changes` must be from 2 to {FLAP_CHANGES_MAX}");
                inner.error_at("changes", "config/flap", message);
            }
            Some(FlapPolicy::Changes { changes: changes.clamp(2, FLAP_CHANGES_MAX), within })
        }
        (None, None, Some(low), Some(high)) => {
            let states = states.unwrap_or(FLAP_STATES);
            if !(3..=FLAP_STATES_MAX).contains(&states) {
                let message = format!("`states` must be from 3 to {FLAP_STATES_MAX}");
                inner.error_at("states", "config/flap", message);
            }
            if low > high {
                inner.error_at("low", "config/flap", "`low` must not be greater than `high`");
            }
            let states = states.clamp(3, FLAP_STATES_MAX);
            Some(FlapPolicy::Share { low, high, states, interval: own_interval.unwrap_or(interval) })
        }
        _ => {
            let message = "give `changes` and `within`, or `low` and `high`";
            inner.reader().error("config/flap", &inner.span().clone(), message);
            None
        }
    };
    inner.finish();
    policy
}

/// A share such as `20%`, as a number from 0 to 1.
fn share(fields: &mut Fields<'_>, name: &'static str) -> Option<f64> {
    let text = fields.text(name)?;
    let percent = text.trim().trim_end_matches('%').trim().parse().ok();
    let percent = percent.filter(|percent: &f64| *percent > 0.0 && *percent <= 100.0);
    if percent.is_none() {
        fields.error_at(name, "config/flap", format!("`{name}` must be a share such as `20%`"));
    }
    Some(percent.unwrap_or(100.0) / 100.0)
}

fn block<'r>(fields: &mut Fields<'r>, name: &'static str, what: &'static str) -> Option<Fields<'r>> {
    let reader = fields.reader();
    fields.take(name).and_then(|node| reader.fields(node, what))
}

/// Reads how a receiver is told, whatever its channels are; [`check_fallbacks`] looks at the names.
pub(super) fn delivery_policy(fields: &mut Fields<'_>) -> DeliveryPolicy {
    let fallback = fields.text("fallback").filter(|name| !name.is_empty());
    let give_up_after = if fallback.is_some() { GIVE_UP_AFTER_WITH_FALLBACK } else { GIVE_UP_AFTER };
    DeliveryPolicy {
        give_up_after: fields.positive_duration("give_up_after").unwrap_or(give_up_after),
        fallback,
        throttle: rate(fields, "throttle", "`throttle`"),
        storm: rate(fields, "storm", "`storm`"),
    }
}

fn rate(fields: &mut Fields<'_>, name: &'static str, what: &'static str) -> Option<Rate> {
    let mut inner = block(fields, name, what)?;
    for field in ["notifications", "within"] {
        if inner.take(field).is_none() {
            inner.missing(field);
        }
    }
    let notifications = inner.count("notifications").map(|count| {
        if !(1..=RATE_MAX).contains(&count) {
            let message = format!("`notifications` must be from 1 to {RATE_MAX}");
            inner.error_at("notifications", "config/rate", message);
        }
        count.clamp(1, RATE_MAX)
    });
    let within = inner.positive_duration("within");
    inner.finish();
    Some(Rate { notifications: notifications?, within: within? })
}

/// Notes an error at each fallback that is no receiver, and at each that leads back to its own receiver; `written` has the
/// places of the fallbacks by the name of the receiver that has it.
pub(super) fn check_fallbacks(reader: &Reader<'_>, written: &[(String, Range<usize>)], receivers: &[Receiver]) {
    let fallback = |receiver: &Receiver| (receiver.name.clone(), receiver.policy.fallback.clone());
    let fallbacks: HashMap<String, Option<String>> = receivers.iter().map(fallback).collect();
    for (start, span) in written {
        let mut path = vec![start.as_str()];
        while let Some(Some(next)) = path.last().and_then(|last| fallbacks.get(*last)) {
            let is_known = path.contains(&next.as_str());
            path.push(next);
            if is_known || path.len() > FALLBACKS_MAX {
                break;
            }
        }
        let Some(direct) = path.get(1) else { continue };
        if !fallbacks.contains_key(*direct) {
            let names = fallbacks.keys().map(String::as_str);
            let hint = nearest(direct, names).map(|name| format!("did you mean `{name}`?"));
            let message = format!("no receiver is named `{}`", shorten(direct));
            reader.error_hint("config/unknown-receiver", span, message, hint);
        } else if path[1..].contains(&start.as_str()) {
            let message = format!("the fallback leads back to `{}`: {}", shorten(start), path.join(" -> "));
            let hint = Some("the last receiver of a chain has no fallback");
            reader.error_hint("config/fallback-cycle", span, message, hint);
        } else if path.len() > FALLBACKS_MAX {
            reader.error("config/limit", span, format!("a chain of more than {FALLBACKS_MAX} fallbacks"));
        }
    }
}
