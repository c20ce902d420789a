//! `escalation_policies`: who is paged after which time.

use std::ops::RangeInclusive;
use std::time::Duration;

use hashbrown::HashSet;

use crate::deliver::Receiver;
use crate::escalate::{EscalationPolicy, RepeatPolicy, Step, StepRepeat, Target};
use crate::model::{format_duration, is_label_name};

use super::super::oncall::at_most;
use super::super::routes::known_interval;
use super::super::yaml::{Fields, NodeKind, shorten};
use super::targets::Targets;
use super::{People, Surroundings};

/// How often the fallback is paged again unless the policy says otherwise.
const REPAGE: Duration = Duration::from_secs(60 * 60);
/// For how long an incident is opened again, rather than a new one, unless the policy says otherwise.
const REOPEN_WITHIN: Duration = Duration::from_secs(30 * 60);
/// The distance of the repetitions of a step that gives their number alone.
const STEP_EVERY: Duration = Duration::from_secs(5 * 60);
/// The reminder of an acknowledgement comes a quarter of its time before the end, at most so long.
const ACK_REMINDER_MAX: Duration = Duration::from_secs(10 * 60);
/// The longest of all durations of a policy.
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The greatest number of policies.
const POLICIES_MAX: usize = 1000;
/// The greatest number of steps of a policy.
const STEPS_MAX: usize = 100;
/// The greatest number of repetitions.
const TIMES_MAX: usize = 1000;
/// The greatest number of labels of `correlate_by`.
const LABELS_MAX: usize = 32;

/// Reads the block, with the receivers that stand for webhooks; `used` are the policies that receivers and heartbeats name.
pub(super) fn policies(
    fields: &mut Fields<'_>,
    surroundings: &Surroundings<'_>,
    people: &People<'_>,
    used: &HashSet<&str>,
    has_services: bool,
) -> (Vec<EscalationPolicy>, Vec<Receiver>) {
    let reader = fields.reader();
    let mut targets = Targets::new(reader, surroundings, people);
    let mut policies: Vec<EscalationPolicy> = Vec::new();
    let mut names = HashSet::new();
    for node in at_most(reader, fields.list("escalation_policies"), POLICIES_MAX) {
        let Some(mut inner) = reader.fields(node, "an escalation policy") else { continue };
        let name = inner.need_text("name");
        if let Some(name) = &name {
            if !names.insert(name.clone()) {
                let message = format!("another escalation policy is named `{}` too", shorten(name));
                inner.error_at("name", "config/duplicate", message);
            }
            if !used.contains(name.as_str()) {
                let message = format!("nothing pages by the policy `{}`", shorten(name));
                let hint = format!("write `escalation: {}` in a receiver or a heartbeat", shorten(name));
                reader.warning_hint("config/unused-policy", &inner.key_span("name"), message, &hint);
            }
        }
        let read = policy(&mut inner, name.unwrap_or_default(), &mut targets);
        if read.correlate_dependencies && !has_services {
            let message = "there are no `services` whose dependencies could be looked at";
            inner.error_at("correlate_dependencies", "config/no-services", message);
        }
        inner.finish();
        policies.push(read);
    }
    (policies, targets.webhooks)
}

fn policy(fields: &mut Fields<'_>, name: String, targets: &mut Targets<'_>) -> EscalationPolicy {
    let reader = fields.reader();
    let nodes = fields.list("steps");
    if fields.take("steps").is_none() {
        fields.missing("steps");
    } else if nodes.is_empty() {
        fields.error_at("steps", "yaml/empty", "`steps` must not be empty");
    }
    let mut steps: Vec<Step> = Vec::new();
    for node in at_most(reader, nodes, STEPS_MAX) {
        let Some(mut inner) = reader.fields(node, "a step") else { continue };
        let step = step(&mut inner, &name, targets);
        if pages_nobody_new(&step, &steps, targets) {
            let message = "this step pages nobody who was not paged by a step before";
            let hint = "to page the same again, give the step before a `repeat`";
            reader.warning_hint("config/same-targets", inner.span(), message, hint);
        }
        inner.finish();
        steps.push(step);
    }
    let repeat = repeat(fields, "`repeat` of a policy", 0..=TIMES_MAX)
        .map_or_else(RepeatPolicy::default, |given| RepeatPolicy { times: given.times, every: given.every });
    let fallback = targets.read(fields, "fallback", &name);
    let (ack_timeout, ack_reminder) = ack(fields);
    EscalationPolicy {
        name,
        steps,
        repeat,
        fallback,
        repage: bounded(fields, "repage", true).unwrap_or(REPAGE),
        ack_timeout,
        ack_reminder,
        max_age: bounded(fields, "max_age", true),
        reopen_within: bounded(fields, "reopen_within", false).unwrap_or(REOPEN_WITHIN),
        correlate_by: correlate_by(fields),
        correlate_dependencies: fields.flag("correlate_dependencies").unwrap_or(false),
    }
}

fn step(fields: &mut Fields<'_>, policy: &str, targets: &mut Targets<'_>) -> Step {
    let after = bounded(fields, "after", false);
    let when = known_interval(fields, "when", targets.surroundings.time_intervals);
    let given = repeat(fields, "`repeat` of a step", 1..=TIMES_MAX);
    let repeat = given.map(|given| StepRepeat { times: given.times, every: given.every.unwrap_or(STEP_EVERY) });
    Step { after, targets: targets.read(fields, "targets", policy), when, repeat }
}

/// A duration up to [`DURATION_MAX`].
fn bounded(fields: &mut Fields<'_>, name: &'static str, is_positive: bool) -> Option<Duration> {
    let duration = if is_positive { fields.positive_duration(name) } else { fields.duration(name) }?;
    if duration > DURATION_MAX {
        fields.error_at(name, "config/limit", format!("`{name}` may be 366 days at most"));
        return None;
    }
    Some(duration)
}

/// A `repeat` as it is given.
struct Repeat {
    times: u32,
    every: Option<Duration>,
}

/// `repeat`: a number, or `{times, every}`.
fn repeat(fields: &mut Fields<'_>, what: &'static str, allowed: RangeInclusive<usize>) -> Option<Repeat> {
    let reader = fields.reader();
    let node = fields.take("repeat")?;
    let (times, every, span) = match &node.kind {
        NodeKind::Scalar(_) => (fields.count("repeat"), None, node.span.clone()),
        _ => {
            let mut inner = reader.fields(node, what)?;
            let times = inner.count("times");
            if inner.take("times").is_none() {
                inner.missing("times");
            }
            let span = inner.take("times").map_or_else(|| inner.span().clone(), |node| node.span.clone());
            let every = bounded(&mut inner, "every", true);
            inner.finish();
            (times, every, span)
        }
    };
    let times = times?;
    if !allowed.contains(&times) {
        let message = format!("{what} may be from {} to {} times", allowed.start(), allowed.end());
        reader.error("config/limit", &span, message);
    }
    Some(Repeat { times: u32::try_from(times.min(TIMES_MAX)).ok()?, every })
}

/// How long an acknowledgement holds, and how long before its end is reminded.
fn ack(fields: &mut Fields<'_>) -> (Option<Duration>, Duration) {
    let timeout = bounded(fields, "ack_timeout", true);
    let reminder = bounded(fields, "ack_reminder", false);
    let Some(timeout) = timeout else {
        if reminder.is_some() && fields.take("ack_timeout").is_none() {
            let message = "without an `ack_timeout` there is nothing to remind of";
            fields.error_at("ack_reminder", "config/ack-reminder", message);
        }
        return (None, Duration::ZERO);
    };
    if let Some(reminder) = reminder.filter(|reminder| *reminder >= timeout) {
        let (reminder, timeout) = (format_duration(reminder), format_duration(timeout));
        let message = format!(
            "the reminder {reminder} before the end would come before the beginning: `ack_timeout` is {timeout}"
        );
        fields.error_at("ack_reminder", "config/ack-reminder", message);
    }
    (Some(timeout), reminder.unwrap_or_else(|| (timeout / 4).min(ACK_REMINDER_MAX)))
}

fn correlate_by(fields: &mut Fields<'_>) -> Vec<String> {
    let reader = fields.reader();
    let mut labels: Vec<String> = Vec::new();
    let given = fields.texts("correlate_by").unwrap_or_default();
    if given.len() > LABELS_MAX {
        fields.error_at("correlate_by", "config/limit", format!("`correlate_by` may hold {LABELS_MAX} labels at most"));
    }
    for (label, node) in given.into_iter().take(LABELS_MAX) {
        if !is_label_name(&label) {
            reader.error("config/label-name", &node.span, format!("`{}` is no label name", shorten(&label)));
        } else if labels.contains(&label) {
            reader.error("config/duplicate", &node.span, format!("`{}` is given twice", shorten(&label)));
        } else {
            labels.push(label);
        }
    }
    labels
}

/// Whether everybody of `step` was paged by steps `before` that are never left out.
fn pages_nobody_new(step: &Step, before: &[Step], targets: &Targets<'_>) -> bool {
    let certain: HashSet<Target> =
        before.iter().filter(|step| step.when.is_none()).flat_map(|step| paged(step, targets)).collect();
    let paged = paged(step, targets);
    !paged.is_empty() && paged.iter().all(|target| certain.contains(target))
}

/// The targets of a step, each team as its members.
fn paged(step: &Step, targets: &Targets<'_>) -> Vec<Target> {
    let members = |target: &Target| match target {
        Target::Team(name) => {
            let team = targets.people.teams.iter().find(|team| team.name == *name);
            team.map(|team| team.members.iter().cloned().map(Target::User).collect()).unwrap_or_default()
        }
        other => vec![other.clone()],
    };
    step.targets.iter().flat_map(members).collect()
}
