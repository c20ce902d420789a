//! `silences` and `maintenance`: what is not told at planned times; and `silence_reminder`.

use std::time::Duration;

use hashbrown::HashSet;

use crate::deliver::Receiver;
use crate::engine::SilenceReminder;
use crate::model::{Timestamp, nearest};
use crate::route::{Cron, PlannedSilence, PlannedTimes, TimeInterval};

use super::routes::{known_intervals, matchers_in};
use super::time_intervals::zone;
use super::yaml::{Fields, shorten};

/// The greatest number of planned silences of each kind.
const PLANNED_MAX: usize = 1000;
/// The longest recurring silence.
const DURATION_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// How long before the end of a silence is reminded of it, where the block does not say.
const REMIND_BEFORE: Duration = Duration::from_secs(15 * 60);

/// Reads both blocks.
pub(super) fn planned_silences(fields: &mut Fields<'_>, intervals: &[TimeInterval]) -> Vec<PlannedSilence> {
    let reader = fields.reader();
    let mut planned = Vec::new();
    let blocks = [("silence", fields.list("silences")), ("maintenance", fields.list("maintenance"))];
    for (kind, nodes) in blocks {
        let mut names = HashSet::new();
        if let Some(node) = nodes.get(PLANNED_MAX) {
            reader.error("config/limit", &node.span, format!("more than {PLANNED_MAX} items"));
        }
        for node in nodes.iter().take(PLANNED_MAX) {
            let Some(mut fields) = reader.fields(node, "a planned silence") else { continue };
            let name = fields.need_text("name");
            if let Some(name) = name.as_ref().filter(|name| !names.insert((*name).clone())) {
                fields.error_at("name", "config/duplicate", format!("another one is named `{}` too", shorten(name)));
            }
            let read = planned_silence(&mut fields, kind, name.as_deref().unwrap_or_default(), intervals);
            fields.finish();
            planned.extend(read);
        }
    }
    planned
}

fn planned_silence(
    fields: &mut Fields<'_>,
    kind: &str,
    name: &str,
    intervals: &[TimeInterval],
) -> Option<PlannedSilence> {
    let matchers = matchers_in(fields, ["match", "match_re", "matchers"]);
    if fields.take("matchers").is_none() && matchers.is_empty() {
        fields.missing("matchers");
    } else if matchers.iter().all(|matcher| matcher.matches_value("")) {
        let message = "at least one matcher must not match the empty string: this would silence everything";
        fields.error_at("matchers", "config/matcher", message);
    }
    let comment = fields.text_or("comment", "");
    let times = times(fields, intervals)?;
    Some(PlannedSilence { id: format!("{kind}:{name}"), matchers, times, comment })
}

fn times(fields: &mut Fields<'_>, intervals: &[TimeInterval]) -> Option<PlannedTimes> {
    let zone = zone(fields);
    let given = ["time_intervals", "cron", "from"].map(|name| fields.take(name).is_some());
    let duration = fields.positive_duration("duration");
    let (from, until) = (moment(fields, "from"), moment(fields, "until"));
    match given {
        [true, false, false] => {
            let names = known_intervals(fields, "time_intervals", intervals);
            let named = intervals.iter().filter(|interval| names.contains(&interval.name));
            Some(PlannedTimes::Intervals(named.cloned().collect()))
        }
        [false, true, false] => {
            let text = fields.text("cron").unwrap_or_default();
            let cron = Cron::new(&text, zone);
            if let Err(error) = &cron {
                let hint = "minute, hour, day of the month, month, day of the week: `0 3 * * 6` is 3:00 on Saturdays";
                let span = fields.take("cron").map_or_else(|| fields.span().clone(), |node| node.span.clone());
                fields.reader().error_hint("config/cron", &span, error.to_string(), Some(hint));
            }
            if duration.is_none() {
                fields.missing("duration");
            }
            if duration.is_some_and(|duration| duration > DURATION_MAX) {
                fields.error_at("duration", "config/limit", "`duration` must not be longer than 31 days");
            }
            Some(PlannedTimes::Recurring { cron: Box::new(cron.ok()?), duration: duration?.min(DURATION_MAX) })
        }
        [false, false, true] => {
            if fields.take("until").is_none() {
                fields.missing("until");
            }
            let (from, until) = (from?, until?);
            if until <= from {
                fields.error_at("until", "config/planned-times", "`until` must be after `from`");
            }
            Some(PlannedTimes::Once { from, until })
        }
        _ => {
            let message = "give one of `time_intervals`, `cron` with `duration`, and `from` with `until`";
            fields.reader().error("config/planned-times", &fields.span().clone(), message);
            None
        }
    }
}

fn moment(fields: &mut Fields<'_>, name: &'static str) -> Option<Timestamp> {
    let text = fields.text(name)?;
    let moment = Timestamp::parse_rfc3339(&text);
    if moment.is_none() {
        let message = format!("`{}` is no time such as `2026-11-22T03:00:00Z`", shorten(&text));
        fields.error_at(name, "config/time", message);
    }
    moment
}

/// Reads `silence_reminder`.
pub(super) fn silence_reminder(fields: &mut Fields<'_>, receivers: &[Receiver]) -> Option<SilenceReminder> {
    let reader = fields.reader();
    let mut inner = fields.take("silence_reminder").and_then(|node| reader.fields(node, "`silence_reminder`"))?;
    let before = inner.positive_duration("before").unwrap_or(REMIND_BEFORE);
    let receiver = inner.need_text("receiver");
    let names = || receivers.iter().map(|receiver| receiver.name.as_str());
    if let Some(name) = receiver.as_ref().filter(|name| !names().any(|known| known == name.as_str())) {
        let hint = nearest(name, names()).map(|name| format!("did you mean `{name}`?"));
        let message = format!("no receiver is named `{}`", shorten(name));
        reader.error_hint("config/unknown-receiver", &inner.key_span("receiver"), message, hint);
    }
    let named = receivers.iter().find(|known| Some(&known.name) == receiver.as_ref());
    if let Some(policy) = named.and_then(Receiver::escalation) {
        let message =
            format!("this receiver pages by the policy `{}`: a reminder is nothing to page for", shorten(&policy));
        let hint = Some("name a receiver that is told directly");
        reader.error_hint("config/escalation-loop", &inner.key_span("receiver"), message, hint);
    }
    inner.finish();
    Some(SilenceReminder { before, receiver: receiver? })
}
