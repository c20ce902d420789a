//! What an incident is about, and how much it matters.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EscalationPlan, Incident};
use crate::model::{ALERT_NAME, Alert, Labels, Timestamp, format_duration};

/// What each affected service but the first adds to the score.
const PER_SERVICE: u32 = 10;
/// What services add at the most.
const SERVICES_MAX: u32 = 50;
/// The time that adds one to the score.
const PER_POINT: Duration = Duration::from_secs(10 * 60);
/// What time adds at the most.
const TIME_MAX: u32 = 50;

/// How much an incident matters, with the arithmetic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priority {
    /// The sum.
    pub score: u32,
    /// The name of the severity.
    pub severity: String,
    /// What it adds.
    pub severity_points: u32,
    /// How many services are affected: those of firing alerts, and all that need these.
    pub services: usize,
    /// What they add: 10 for each but the first, at most 50.
    pub services_points: u32,
    /// For how long it has been open.
    pub open_for: Duration,
    /// What that adds: 1 for each 10 minutes, at most 50.
    pub time_points: u32,
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Priority { score, severity, severity_points, services, services_points, open_for, time_points } = self;
        write!(f, "{score} = {severity_points} ({severity})")?;
        if *services > 0 {
            let noun = if *services == 1 { "service" } else { "services" };
            write!(f, " + {services_points} ({services} {noun})")?;
        }
        let minutes = Duration::from_secs(open_for.as_secs() / 60 * 60);
        write!(f, " + {time_points} (open for {})", format_duration(minutes))
    }
}

impl Incident {
    /// How much it matters at `now`; of a closed one, at its end.
    pub fn priority(&self, now: Timestamp, plan: &EscalationPlan) -> Priority {
        let level = plan.severities.level(self.rank);
        let label = &plan.services.label;
        let alerting: BTreeSet<&str> =
            self.by_likelihood(now, plan).iter().map(|alert| alert.labels.get(label)).collect();
        let needs_one = |name: &&String| plan.services.upstream(name).iter().any(|needed| alerting.contains(needed));
        let mut affected: BTreeSet<&str> =
            plan.services.services.keys().filter(needs_one).map(String::as_str).collect();
        affected.extend(alerting.iter().filter(|name| !name.is_empty()));
        let services = affected.len();
        let further = u32::try_from(services.saturating_sub(1)).unwrap_or(u32::MAX);
        let services_points = further.saturating_mul(PER_SERVICE).min(SERVICES_MAX);
        let open_for = self.closed_at().unwrap_or(now).since(self.opened_at);
        let time_points = u32::try_from(open_for.as_secs() / PER_POINT.as_secs()).unwrap_or(u32::MAX).min(TIME_MAX);
        Priority {
            score: level.weight.saturating_add(services_points).saturating_add(time_points),
            severity: level.name.clone(),
            severity_points: level.weight,
            services,
            services_points,
            open_for,
            time_points,
        }
    }

    /// Its alerts that fire, or all when none does: the likely cause first, which is the earliest of those furthest upstream.
    pub fn by_likelihood(&self, now: Timestamp, plan: &EscalationPlan) -> Vec<&Arc<Alert>> {
        let mut alerts: Vec<&Arc<Alert>> = self.firing(now).collect();
        if alerts.is_empty() {
            alerts = self.alerts.values().collect();
        }
        let service = |alert: &Alert| alert.labels.get(&plan.services.label).to_owned();
        let names: Vec<String> = alerts.iter().map(|alert| service(alert)).collect();
        let depths = plan.services.depths(&names.iter().map(String::as_str).collect());
        alerts.sort_by_cached_key(|alert| {
            let depth = depths.get(service(alert).as_str()).copied().unwrap_or(0);
            (std::cmp::Reverse(depth), alert.starts_at, alert.fingerprint())
        });
        alerts
    }

    /// What it is about, for people: the likely cause and where it is.
    pub fn title(&self, now: Timestamp, plan: &EscalationPlan) -> String {
        match self.by_likelihood(now, plan).first() {
            Some(cause) => name(cause, &self.labels),
            None => self.labels.to_string(),
        }
    }

    /// The other alerts, in short, at most `limit` of them and how many more there are.
    pub fn symptoms(&self, now: Timestamp, plan: &EscalationPlan, limit: usize) -> Vec<String> {
        let alerts = self.by_likelihood(now, plan);
        let mut symptoms: Vec<String> =
            alerts.iter().skip(1).take(limit).map(|alert| name(alert, &Labels::default())).collect();
        let more = alerts.len().saturating_sub(1 + symptoms.len()) + self.further_alerts.len();
        if more > 0 {
            symptoms.push(format!("and {more} more"));
        }
        symptoms
    }
}

/// The labels by which people tell alerts of one name apart.
const TELLING: [&str; 5] = ["instance", "service", "job", "host", "cluster"];

/// The alert's name with the values of `labels`, or those that tell it from others.
fn name(alert: &Alert, labels: &Labels) -> String {
    let mut words = vec![alert.name()];
    words.extend(labels.iter().filter(|(name, _)| *name != ALERT_NAME).map(|(_, value)| value));
    if words.len() == 1 {
        words.extend(TELLING.iter().map(|name| alert.labels.get(name)).find(|value| !value.is_empty()));
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}
