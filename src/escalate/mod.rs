//! Incidents: who is paged, when and why, until somebody answers. Pure functions of policies, answers and the time.

mod alerts;
mod answer;
mod book;
mod cause;
mod happening;
mod incident;
mod paging;
mod people;
mod policy;
mod priority;
mod services;
mod severity;
mod timeline;

pub use answer::{Action, Answer, AnswerError, NOTE_BYTES_MAX, SNOOZE_MAX, Via, Who};
pub use book::{Bundle, CLOSED_MAX, Incidents};
pub use cause::{Begun, Cause, Why};
pub use incident::{
    ALERTS_MAX, CLOSED_KEPT, Course, Incident, IncidentState, MessageReference, Paged, PendingContact, TIMELINE_MAX,
    Upcoming, Watch,
};
pub use paging::{OVERDUE_AFTER, Order, World};
pub use people::{Person, PersonalStep, Team, Urgency};
pub use policy::{EscalationPolicy, RepeatPolicy, Step, StepRepeat, Target};
pub use priority::Priority;
pub use services::{Service, Services};
pub use severity::{Severities, SeverityLevel};
pub use timeline::{Closed, Entry, Happening};

/// Everything that the configuration says of escalation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EscalationPlan {
    /// The policies, by order of the file; their targets all exist.
    pub policies: Vec<EscalationPolicy>,
    /// How each user is reached.
    pub people: Vec<Person>,
    /// The teams; their members are all among the people.
    pub teams: Vec<Team>,
    /// How urgent an incident is.
    pub severities: Severities,
    /// What depends on what.
    pub services: Services,
}

impl EscalationPlan {
    /// The policy `name`.
    pub fn policy(&self, name: &str) -> Option<&EscalationPolicy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// How `user` is reached.
    pub fn person(&self, user: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.user == user)
    }

    /// The team `name`.
    pub fn team(&self, name: &str) -> Option<&Team> {
        self.teams.iter().find(|team| team.name == name)
    }
}

#[cfg(test)]
mod tests;
