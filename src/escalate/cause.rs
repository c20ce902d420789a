//! Why somebody is paged.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::format_duration;

/// Why somebody is paged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Why.
    #[serde(flatten)]
    pub why: Why,
    /// By which schedule they are on call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_call_by: Option<String>,
    /// What began the paging that this is part of.
    pub begun: Begun,
    /// How much later it is than it was due, because Watchbell did not run then.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub late: Duration,
    /// How long after the page this contact was to be tried, by the rule of the user.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub contact_after: Duration,
}

/// What is done that somebody is paged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Why {
    /// A step of the policy.
    Step {
        /// Which one, from 1.
        step: usize,
        /// Of how many.
        of: usize,
        /// The how many-th time all steps are gone through, from 1.
        round: u32,
        /// The how many-th repetition of the step it is; 0 for the step itself.
        repetition: u32,
    },
    /// Who is on call has changed while nobody had answered.
    Handover,
    /// A step found nobody on call.
    NobodyOnCall {
        /// The schedules without anybody.
        schedules: Vec<String>,
    },
    /// Those whom a step names cannot be reached.
    Unreachable {
        /// Whom.
        who: Vec<String>,
    },
    /// No step takes place at this time.
    NoStep,
    /// All steps have been gone through and nobody has answered.
    Fallback,
    /// Still nobody has answered.
    Repage {
        /// How many times the fallback was paged before.
        times: u32,
    },
    /// Somebody hands it over.
    Reassigned {
        /// Who.
        by: String,
    },
}

/// What began the paging.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Begun {
    /// The incident was opened.
    #[default]
    Opened,
    /// Its alerts fire again after it was closed.
    Reopened,
    /// It was acknowledged and is not over.
    AckTimedOut {
        /// By whom.
        by: String,
        /// How long ago.
        after: Duration,
    },
    /// The acknowledgement was taken back.
    Unacked {
        /// By whom.
        by: String,
    },
    /// It has become more severe.
    Worse {
        /// The name of its severity now.
        severity: String,
    },
    /// It was snoozed until now.
    SnoozeOver {
        /// By whom.
        by: String,
    },
}

impl Why {
    /// The value of `why` by which it is told apart when it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Why::Step { .. } => "step",
            Why::Handover => "handover",
            Why::NobodyOnCall { .. } => "nobody_on_call",
            Why::Unreachable { .. } => "unreachable",
            Why::NoStep => "no_step",
            Why::Fallback => "fallback",
            Why::Repage { .. } => "repage",
            Why::Reassigned { .. } => "reassigned",
        }
    }
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Begun::Opened => write!(f, "opened"),
            Begun::Reopened => write!(f, "opened again: its alerts fire again"),
            Begun::AckTimedOut { by, after } => {
                write!(f, "opened again: acknowledged by {by} {} ago and not over", format_duration(*after))
            }
            Begun::Unacked { by } => write!(f, "opened again: {by} took the acknowledgement back"),
            Begun::Worse { severity } => write!(f, "more severe than before: {severity} now"),
            Begun::SnoozeOver { by } => write!(f, "opened again: {by} had snoozed it until now"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Step { step, of, round, repetition } => {
                write!(f, "step {step} of {of}")?;
                if *repetition > 0 {
                    write!(f, ", repetition {repetition}")?;
                }
                if *round > 1 {
                    write!(f, ", round {round}")?;
                }
                Ok(())
            }
            Why::Handover => write!(f, "handed over while nobody had answered"),
            Why::NobodyOnCall { schedules } => write!(f, "nobody is on call by {}", schedules.join(", ")),
            Why::Unreachable { who } => write!(f, "{} cannot be reached", who.join(", ")),
            Why::NoStep => write!(f, "no step of the policy takes place now"),
            Why::Fallback => write!(f, "nobody has answered any step"),
            Why::Repage { times: 1 } => write!(f, "nobody has answered, paged once before"),
            Why::Repage { times } => write!(f, "nobody has answered, paged {times} times before"),
            Why::Reassigned { by } => write!(f, "reassigned by {by}"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.why)?;
        if let Some(schedule) = &self.on_call_by {
            write!(f, ", on call by {schedule}")?;
        }
        if !self.contact_after.is_zero() {
            write!(f, ", {} after the page", format_duration(self.contact_after))?;
        }
        if self.begun != Begun::Opened {
            write!(f, "; {}", self.begun)?;
        }
        if !self.late.is_zero() {
            write!(f, "; {} late: Watchbell did not run", format_duration(self.late))?;
        }
        Ok(())
    }
}
