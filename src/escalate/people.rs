//! How people are reached.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much a page may disturb.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// It may wake people.
    #[default]
    High,
    /// It may wait.
    Low,
}

/// How one user is reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    /// The user's name.
    pub user: String,
    /// What pages of high urgency do, in order of their delays; never empty for somebody who is paged.
    pub high: Vec<PersonalStep>,
    /// What pages of low urgency do.
    pub low: Vec<PersonalStep>,
    /// By which names other systems know them, such as `slack: U024BE7LH`, `twilio: +4915112345678`, `pagerduty:
    /// ada@example.org`, `telegram: 12345`; pairs of system and name.
    pub known_as: Vec<(String, String)>,
}

/// One contact of a user's notification rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalStep {
    /// The receiver that stands for the contact: `@USER/CONTACT`.
    pub receiver: String,
    /// How long after the page.
    pub after: Duration,
}

/// Some people who are paged together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Its members: users.
    pub members: Vec<String>,
}

impl Person {
    /// What a page of `urgency` does.
    pub fn rule(&self, urgency: Urgency) -> &[PersonalStep] {
        match urgency {
            Urgency::High => &self.high,
            Urgency::Low => &self.low,
        }
    }

    /// Whether `system` knows them as `name`.
    pub fn is_known_as(&self, system: &str, name: &str) -> bool {
        self.known_as.iter().any(|(known_system, known)| known_system == system && known == name)
    }
}
