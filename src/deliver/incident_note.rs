//! What a notification says of the incident that it is about.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::template::{AnswerLinks, IncidentData, IncidentLinks};

/// What a page, or a word about an incident, says besides its alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentNote {
    /// The number of the incident.
    pub number: u64,
    /// What is said.
    pub kind: IncidentNoteKind,
    /// The user whom it is for; none for a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Why, for people: `step 2 of 3, on call by secondary`, `acknowledged by ada by link`.
    pub text: String,
    /// The name of its severity.
    pub severity: String,
    /// The priority score, with its arithmetic: `112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)`.
    pub priority: String,
    /// What it is about: the likely cause.
    pub title: String,
    /// The other alerts, in short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symptoms: Vec<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Until when somebody should have answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Timestamp>,
}

/// What is said of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentNoteKind {
    /// Somebody is to answer.
    Page,
    /// Somebody has: acknowledged or snoozed.
    Answered,
    /// An acknowledgement is about to time out.
    Reminder,
    /// It is over.
    Closed,
}

impl IncidentNote {
    /// What templates see of it; the sender adds the links that answer it.
    pub fn template_data(&self, external_url: &str) -> IncidentData {
        IncidentData {
            number: self.number,
            kind: self.kind.as_str(),
            user: self.user.clone().unwrap_or_default(),
            text: self.text.clone(),
            severity: self.severity.clone(),
            priority: self.priority.clone(),
            title: self.title.clone(),
            symptoms: self.symptoms.clone(),
            opened_at: self.opened_at,
            answer_by: self.answer_by,
            links: IncidentLinks {
                show: format!("{external_url}/api/v1/incidents/{}", self.number),
                answers: AnswerLinks::default(),
            },
        }
    }
}

impl IncidentNoteKind {
    /// `.Incident.Kind` of templates.
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentNoteKind::Page => "page",
            IncidentNoteKind::Answered => "answered",
            IncidentNoteKind::Reminder => "reminder",
            IncidentNoteKind::Closed => "closed",
        }
    }
}
