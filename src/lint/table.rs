//! Every check with its id, and its explanation as text.

use std::fmt::Write;

use super::check::{Check, Needs};
use super::{alerts, operators, rates, repeated, required, selectors, series, silence, templates};
use crate::model::Severity;

/// Every check, by subject.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    let tables = [
        alerts::CHECKS,
        repeated::CHECKS,
        required::CHECKS,
        templates::CHECKS,
        rates::CHECKS,
        selectors::CHECKS,
        operators::CHECKS,
        series::CHECKS,
        silence::CHECKS,
    ];
    tables.into_iter().flatten()
}

/// The check with this id.
pub fn find(id: &str) -> Option<&'static Check> {
    checks().find(|check| check.id == id)
}

impl Check {
    /// `info`, `warning` or `error`.
    pub fn severity_name(&self) -> &'static str {
        match self.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }

    /// What it has to know, in words; empty if nothing.
    pub fn needs_text(&self) -> &'static str {
        match self.needs {
            Needs::Rules => "",
            Needs::Policy => "the block `lint` of the main file",
            Needs::Configuration => "the main file",
            Needs::Samples => "`--fixture` or `--url`",
        }
    }

    /// The explanation for people: what it finds, why it matters, examples, how to silence it.
    pub fn explain(&self) -> String {
        let mut text = format!("{} ({})\n\n{}\n\n{}\n", self.id, self.severity_name(), self.finds, self.why);
        if self.needs != Needs::Rules {
            let _ = write!(text, "\nIt needs {}.\n", self.needs_text());
        }
        let mut part = |title: &str, content: &str| {
            if !content.is_empty() {
                let _ = write!(text, "\n{title}:\n\n");
                content.lines().for_each(|line| {
                    let _ = writeln!(text, "    {line}");
                });
            }
        };
        part("Main file", self.settings);
        part("Samples", self.samples);
        part("Bad", self.bad);
        part("Good", self.good);
        let _ = write!(
            text,
            "\nTo silence it, inside the rule or right above it:\n\n    # watchbell: ignore {} REASON\n",
            self.id
        );
        text
    }
}
