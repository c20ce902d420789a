//! Answers of people.

use super::super::Engine;
use super::super::state::Call;
use crate::escalate::{Action, Answer, AnswerError, IncidentState, NOTE_BYTES_MAX, SNOOZE_MAX, Target, Urgency, Via};
use crate::model::Timestamp;

impl Engine {
    /// Whether `answer` can be taken at `now`.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub fn plan_answer(&self, now: Timestamp, answer: &Answer) -> Result<(), AnswerError> {
        let number = answer.incident;
        let incident = self.incidents.get(number).ok_or(AnswerError::Unknown(number))?;
        let is_used = answer.once.as_ref().is_some_and(|once| incident.used.contains(once));
        if let Action::Note { text } = &answer.action {
            // Something can be said of what is over, too.
            let fits = !text.trim().is_empty() && text.len() <= NOTE_BYTES_MAX;
            return match (fits, is_used) {
                (true, false) => Ok(()),
                (true, true) => Err(AnswerError::Used(number)),
                (false, _) => Err(AnswerError::Note),
            };
        }
        if incident.is_closed() {
            return Err(AnswerError::Closed(number));
        }
        if is_used {
            return Err(AnswerError::Used(number));
        }
        match &answer.action {
            Action::Unack if incident.is_open() => Err(AnswerError::NotAnswered(number)),
            Action::Snooze { until } if *until <= now || *until > now + SNOOZE_MAX => {
                Err(AnswerError::SnoozePast(number, *until))
            }
            Action::Reassign { to } if to.is_empty() => Err(AnswerError::Nobody(number)),
            Action::Reassign { to } => match to.iter().find(|target| !self.is_target(target)) {
                Some(target) => Err(AnswerError::UnknownTarget(target.to_string())),
                None => Ok(()),
            },
            Action::Merge { into } if *into == number => Err(AnswerError::MergeIntoItself(number)),
            Action::Merge { into } => match self.incidents.get(*into) {
                None => Err(AnswerError::Unknown(*into)),
                Some(other) if other.is_closed() => Err(AnswerError::Closed(*into)),
                Some(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Whether somebody could be paged as `target`.
    fn is_target(&self, target: &Target) -> bool {
        let plan = &self.plan.escalation;
        match target {
            Target::User(user) => plan.person(user).is_some_and(|person| !person.rule(Urgency::High).is_empty()),
            Target::Team(team) => plan.team(team).is_some(),
            Target::Schedule { name, .. } => self.oncall.schedules.iter().any(|known| known.name == *name),
            Target::Channel(name) => self.receivers.contains_key(name),
        }
    }

    pub(in super::super) fn take_answer(&mut self, answer: &Answer, call: &mut Call<'_>) {
        let now = call.now;
        if self.plan_answer(now, answer).is_err() || self.is_known(answer) {
            return;
        }
        let mut orders = Vec::new();
        self.with_world(answer.incident, now, |incident, world| incident.take_answer(now, answer, world, &mut orders));
        match answer.action {
            Action::Merge { into } => self.merge(answer, into, call),
            _ => self.take_orders(answer.incident, orders, call),
        }
    }

    /// Whether nothing would change: who has acknowledged does so again, or PagerDuty says what it was told.
    fn is_known(&self, answer: &Answer) -> bool {
        let state = self.incidents.get(answer.incident).map(|incident| &incident.state);
        match (&answer.action, state) {
            (Action::Ack, Some(IncidentState::Acknowledged { by, .. })) => {
                by.name == answer.who.name || answer.who.via == Via::Pagerduty
            }
            _ => false,
        }
    }

    fn merge(&mut self, answer: &Answer, into: u64, call: &mut Call<'_>) {
        let now = call.now;
        let mut orders = Vec::new();
        let mut told = Vec::new();
        let mut incidents = std::mem::take(&mut self.incidents);
        incidents.merge(now, (answer.incident, into), &answer.who, &self.plan.escalation, (&mut orders, &mut told));
        self.incidents = incidents;
        // The one that lives first: a crash between the two leaves the alerts with both.
        self.take_orders(into, told, call);
        self.take_orders(answer.incident, orders, call);
    }
}
