//! Who is paged, how and when: `contacts` and `notify` of users, `teams`, `severities`, `services`, `escalation_policies`, and
//! `escalation` of receivers.

mod contacts;
mod people;
mod policies;
mod services;
mod severities;
mod targets;

use hashbrown::HashSet;

use crate::deliver::Receiver;
use crate::escalate::{EscalationPlan, EscalationPolicy};
use crate::model::{is_label_name, nearest};
use crate::oncall::OncallPlan;
use crate::route::TimeInterval;

use super::noise::check_fallbacks;
use super::receivers::{ChannelDefaults, EscalationPlace, ReceiverPlaces};
use super::yaml::{Fields, Reader, shorten};

use policies::policies;
use services::services;
use severities::severities;

pub(super) use people::People;

/// The blocks as they were read.
#[derive(Debug, Default)]
pub(super) struct Escalation {
    pub(super) plan: EscalationPlan,
    /// The receivers that stand for contacts and for webhooks of policies.
    pub(super) hidden: Vec<Receiver>,
}

/// What the blocks refer to.
pub(super) struct Surroundings<'a> {
    pub(super) channels: &'a ChannelDefaults,
    pub(super) oncall: &'a OncallPlan,
    pub(super) receivers: &'a [Receiver],
    pub(super) time_intervals: &'a [TimeInterval],
}

impl Surroundings<'_> {
    fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }
}

/// Reads the blocks; `people` has read the users, `places` say where receivers name policies.
pub(super) fn escalation(
    fields: &mut Fields<'_>,
    mut people: People<'_>,
    surroundings: &Surroundings<'_>,
    places: &ReceiverPlaces,
) -> Escalation {
    let reader = fields.reader();
    people.check(reader, surroundings);
    people.read_teams(fields, &surroundings.oncall.users);
    let severities = severities(fields);
    let services = services(fields);
    let used: HashSet<&str> = places.escalations.iter().map(|place| place.policy.as_str()).collect();
    let (policies, webhooks) = policies(fields, surroundings, &people, &used, !services.services.is_empty());
    check_escalations(reader, &places.escalations, &policies);
    check_told(reader, places, surroundings);
    let mut hidden = people.contacts;
    hidden.extend(webhooks);
    let known: Vec<Receiver> = surroundings.receivers.iter().chain(&hidden).cloned().collect();
    check_fallbacks(reader, &people.fallbacks, &known);
    let plan = EscalationPlan { policies, people: people.people, teams: people.teams, severities, services };
    Escalation { plan, hidden }
}

/// Notes an error at each policy that a receiver names and that is not there.
fn check_escalations(reader: &Reader<'_>, places: &[EscalationPlace], policies: &[EscalationPolicy]) {
    let names = || policies.iter().map(|policy| policy.name.as_str());
    for place in places.iter().filter(|place| names().all(|name| name != place.policy)) {
        let hint = match nearest(&place.policy, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "define it under `escalation_policies`".to_owned(),
        };
        let message = format!("no escalation policy is named `{}`", shorten(&place.policy));
        reader.error_hint("config/unknown-policy", &place.span, message, Some(hint));
    }
}

/// Notes an error at each fallback that opens incidents: what it would be told was not delivered, and is told as it is.
fn check_told(reader: &Reader<'_>, places: &ReceiverPlaces, surroundings: &Surroundings<'_>) {
    for (name, span) in &places.fallbacks {
        let fallback = surroundings.receiver(name).and_then(|receiver| receiver.policy.fallback.as_deref());
        let policy = fallback.and_then(|fallback| surroundings.receiver(fallback)).and_then(Receiver::escalation);
        if let (Some(fallback), Some(policy)) = (fallback, policy) {
            reader.error_hint(
                "config/escalation-loop",
                span,
                format!("the fallback `{}` pages by the policy `{}`", shorten(&fallback), shorten(&policy)),
                Some("name a receiver that is told directly"),
            );
        }
    }
}

/// The name of a label in the field `name`.
fn known_label(fields: &mut Fields<'_>, name: &'static str) -> Option<String> {
    fields.take(name)?;
    let label = fields.need_text(name)?;
    if !is_label_name(&label) {
        fields.error_at(name, "config/label-name", format!("`{}` is no label name", shorten(&label)));
    }
    Some(label)
}
