//! What happened to an incident, as people read it.

use std::fmt;

use super::{Action, Happening};
use crate::model::{ALERT_NAME, Labels, format_duration};

/// `DiskFull{host="a"}`
struct Shown<'a>(&'a Labels);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.get(ALERT_NAME);
        f.write_str(name)?;
        let rest = self.0.retain(|label| label != ALERT_NAME);
        if name.is_empty() || !rest.is_empty() {
            write!(f, "{rest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    /// What was done, without who did it: `acknowledged`, `snoozed until 2026-11-22T05:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Ack => write!(f, "acknowledged"),
            Action::Unack => write!(f, "acknowledgement taken back"),
            Action::Snooze { until } => write!(f, "snoozed until {until}"),
            Action::Reassign { to } => {
                let to: Vec<String> = to.iter().map(ToString::to_string).collect();
                write!(f, "reassigned to {}", to.join(", "))
            }
            Action::Escalate => write!(f, "escalated"),
            Action::Note { text } => write!(f, "note: {text}"),
            Action::Merge { into } => write!(f, "merged into {into}"),
            Action::Resolve => write!(f, "resolved"),
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happening::Opened { begun } => write!(f, "{begun}"),
            Happening::AlertJoined { labels } => write!(f, "alert fires: {}", Shown(labels)),
            Happening::AlertOver { labels } => write!(f, "alert over: {}", Shown(labels)),
            Happening::Paged { user: Some(user), receiver, cause } => write!(f, "paged {user} ({receiver}): {cause}"),
            Happening::Paged { user: None, receiver, cause } => write!(f, "paged {receiver}: {cause}"),
            Happening::StepSkipped { step, when } => write!(f, "step {step} left out: outside of {when}"),
            Happening::NobodyOnCall { schedule } => write!(f, "nobody is on call by {schedule}"),
            Happening::Arrived { receiver } => write!(f, "page arrived: {receiver}"),
            Happening::Failed { receiver, error } => write!(f, "page failed: {receiver}: {error}"),
            Happening::Withdrawn { receiver } => write!(f, "page withdrawn, somebody has answered: {receiver}"),
            Happening::Held => write!(f, "paging waits: all alerts are silenced, inhibited or over"),
            Happening::Overdue { late } => write!(f, "a step came {} late", format_duration(*late)),
            Happening::DeadlineMissed => write!(f, "nobody answered within the response time"),
            Happening::Answered { action, who } => write!(f, "{who}: {action}"),
            Happening::Reminded => write!(f, "reminded that the acknowledgement times out"),
            Happening::Merged { other } => write!(f, "merged with {other}"),
            Happening::Closed { why } => write!(f, "over: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalate::{Begun, Cause, Closed, Target, Via, Who, Why};
    use crate::model::Timestamp;

    #[test]
    fn lines_of_the_timeline() {
        let who = || Who { name: "ada".to_owned(), via: Via::Link };
        let labels = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let cause = Cause {
            why: Why::Step { step: 1, of: 3, round: 1, repetition: 0 },
            on_call_by: Some("primary".to_owned()),
            begun: Begun::Opened,
            late: std::time::Duration::ZERO,
            contact_after: std::time::Duration::ZERO,
        };
        let receiver = || "@ada/mail".to_owned();
        let answered = |action| Happening::Answered { action, who: who() };
        let to = ["user:bo", "schedule:primary+1"].into_iter().filter_map(Target::parse).collect();
        for (happening, expected) in [
            (Happening::Opened { begun: Begun::Opened }, "opened"),
            (
                Happening::AlertJoined { labels: labels(&[("alertname", "Disk"), ("host", "a")]) },
                "alert fires: Disk{host=\"a\"}",
            ),
            (Happening::AlertOver { labels: labels(&[("alertname", "Disk")]) }, "alert over: Disk"),
            (Happening::AlertOver { labels: labels(&[]) }, "alert over: {}"),
            (
                Happening::Paged { user: Some("ada".to_owned()), receiver: receiver(), cause: cause.clone() },
                "paged ada (@ada/mail): step 1 of 3, on call by primary",
            ),
            (
                Happening::Paged { user: None, receiver: "chat".to_owned(), cause },
                "paged chat: step 1 of 3, on call by primary",
            ),
            (Happening::StepSkipped { step: 2, when: "night".to_owned() }, "step 2 left out: outside of night"),
            (
                Happening::Failed { receiver: receiver(), error: "refused".to_owned() },
                "page failed: @ada/mail: refused",
            ),
            (answered(Action::Ack), "ada by link: acknowledged"),
            (
                answered(Action::Snooze { until: Timestamp::from_seconds(0) }),
                "ada by link: snoozed until 1970-01-01T00:00:00Z",
            ),
            (answered(Action::Reassign { to }), "ada by link: reassigned to user:bo, schedule:primary+1"),
            (answered(Action::Merge { into: 7 }), "ada by link: merged into 7"),
            (Happening::Closed { why: Closed::Resolved { by: who() } }, "over: resolved by ada by link"),
            (Happening::Closed { why: Closed::AlertsOver }, "over: none of its alerts fires"),
        ] {
            assert_eq!(happening.to_string(), expected);
        }
    }
}
