//! What is counted of incidents and of the pages that they send.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::metrics::{Seconds, gauge};
use crate::engine::{Event, EventKind};
use crate::escalate::{EscalationPlan, Happening, IncidentState, Incidents};
use crate::model::Timestamp;

#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct StandingLabels {
    state: &'static str,
    severity: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PageLabels {
    policy: String,
    why: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PolicyLabel {
    policy: String,
}

/// What is counted of incidents.
#[derive(Debug, Default)]
pub struct IncidentMetrics {
    incidents: Family<StandingLabels, Gauge>,
    /// Those of `incidents` that show.
    shown: Mutex<BTreeSet<StandingLabels>>,
    pages: Family<PageLabels, Counter>,
    failures: Family<PolicyLabel, Counter>,
    overdue: Family<PolicyLabel, Counter>,
    missed: Family<PolicyLabel, Counter>,
    next_due: Seconds,
}

impl IncidentMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Incidents by state and severity; closed ones as long as they are kept";
        registry.register("incidents", help, self.incidents.clone());
        let help = "Pages that were decided, by the policy of the incident and the reason";
        registry.register("pages", help, self.pages.clone());
        registry.register("page_failures", "Pages that could not be delivered", self.failures.clone());
        let help = "Steps of policies that came much later than they were due";
        registry.register("escalation_steps_overdue", help, self.overdue.clone());
        let help = "Incidents that nobody answered within the response time of their severity";
        registry.register("incident_response_times_missed", help, self.missed.clone());
        let help = "When something about an incident is due next, in seconds since 1970, 0 if nothing is; long past is overdue";
        registry.register_with_unit("incidents_next_due_timestamp", help, Unit::Seconds, self.next_due.clone());
    }

    /// Something has become durable; looks at the incidents where it was about them.
    pub fn happened(&self, events: &[Box<Event>], incidents: &Incidents, plan: &EscalationPlan) {
        let mut is_any = false;
        for event in events {
            let EventKind::Incident { policy, happening, .. } = &event.kind else { continue };
            is_any = true;
            let label = || PolicyLabel { policy: policy.clone() };
            match &**happening {
                Happening::Paged { cause, .. } => {
                    let labels = PageLabels { policy: policy.clone(), why: cause.why.name() };
                    self.pages.get_or_create(&labels).inc();
                }
                Happening::Failed { .. } => drop(self.failures.get_or_create(&label()).inc()),
                Happening::Overdue { .. } => drop(self.overdue.get_or_create(&label()).inc()),
                Happening::DeadlineMissed => drop(self.missed.get_or_create(&label()).inc()),
                _ => {}
            }
        }
        if is_any {
            self.count(incidents, plan);
        }
        self.next_due.set(incidents.next_due().map_or(0.0, Timestamp::seconds_f64));
    }

    /// Counts the incidents.
    pub fn count(&self, incidents: &Incidents, plan: &EscalationPlan) {
        let mut counts: BTreeMap<StandingLabels, u64> = BTreeMap::new();
        for level in &plan.severities.levels {
            for state in IncidentState::NAMES {
                counts.insert(StandingLabels { state, severity: level.name.clone() }, 0);
            }
        }
        // One number for each state and rank first: names are looked up once.
        let mut by_rank: BTreeMap<(&'static str, usize), u64> = BTreeMap::new();
        for incident in incidents.iter() {
            *by_rank.entry((incident.state.name(), incident.rank)).or_default() += 1;
        }
        for ((state, rank), count) in by_rank {
            let severity = plan.severities.level(rank).name.clone();
            *counts.entry(StandingLabels { state, severity }).or_default() += count;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh: BTreeSet<StandingLabels> = counts.keys().cloned().collect();
        for gone in shown.difference(&fresh) {
            self.incidents.remove(gone);
        }
        *shown = fresh;
        for (labels, count) in &counts {
            self.incidents.get_or_create(labels).set(gauge(*count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalate::{Begun, Cause, Why};
    use crate::model::TraceId;
    use crate::shell::http::samples;
    use crate::shell::telemetry::Metrics;

    #[test]
    fn incidents_and_pages_are_counted() {
        let metrics = Metrics::new(Timestamp::from_seconds(0));
        let mut incidents = Incidents::default();
        incidents.restore(samples::incident());
        let event = |happening| {
            let (policy, title) = ("web".to_owned(), "Disk".to_owned());
            let kind = EventKind::Incident {
                number: 7,
                policy,
                title,
                severity: "P1".to_owned(),
                happening: Box::new(happening),
            };
            Box::new(Event { at: Timestamp::from_seconds(0), trace: TraceId::NONE, kind })
        };
        let cause = Cause {
            why: Why::Handover,
            on_call_by: None,
            begun: Begun::Opened,
            late: std::time::Duration::ZERO,
            contact_after: std::time::Duration::ZERO,
        };
        let paged = Happening::Paged { user: None, receiver: "chat".to_owned(), cause };
        let events = [event(paged), event(Happening::DeadlineMissed)];
        metrics.incidents().happened(&events, &incidents, &samples::plan());
        let text = metrics.render(None).body;
        for line in [
            r#"watchbell_incidents{state="open",severity="P1"} 1"#,
            r#"watchbell_incidents{state="closed",severity="P4"} 0"#,
            r#"watchbell_pages_total{policy="web",why="handover"} 1"#,
            r#"watchbell_incident_response_times_missed_total{policy="web"} 1"#,
            "watchbell_incidents_next_due_timestamp_seconds 1200.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let mut plan = samples::plan();
        plan.severities.levels.truncate(1);
        metrics.incidents().count(&incidents, &plan);
        assert!(!metrics.render(None).body.contains("P4"));
    }
}
