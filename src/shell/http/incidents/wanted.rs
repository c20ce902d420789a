//! Which incidents are asked for.

use crate::escalate::{EscalationPlan, Incident, IncidentState};
use crate::model::nearest;

/// How many incidents an answer has unless it is said.
const INCIDENTS_DEFAULT: usize = 100;
/// How many incidents an answer has at the most.
const INCIDENTS_MAX: usize = 1_000;

/// Which incidents are asked for; an empty list takes all.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) limit: usize,
    before: u64,
    states: Vec<String>,
    policies: Vec<String>,
    severities: Vec<String>,
    users: Vec<String>,
}

impl Wanted {
    /// Reads the query of an address; values may be lists with commas, and given again.
    pub(super) fn read(query: Option<&str>) -> Result<Wanted, String> {
        let mut wanted = Wanted {
            limit: INCIDENTS_DEFAULT,
            before: u64::MAX,
            states: Vec::new(),
            policies: Vec::new(),
            severities: Vec::new(),
            users: Vec::new(),
        };
        let url = reqwest::Url::parse(&format!("http://localhost/?{}", query.unwrap_or_default()));
        for (name, value) in url.map_err(|error| format!("the query cannot be read: {error}"))?.query_pairs() {
            let number = || value.parse().map_err(|_| format!("{name} must be a whole number"));
            let values = value.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
            match name.as_ref() {
                "before" => wanted.before = number()?,
                "limit" => {
                    let limit = usize::try_from(number()?).unwrap_or(usize::MAX);
                    wanted.limit = limit.clamp(1, INCIDENTS_MAX);
                }
                "state" => wanted.states.extend(values),
                "policy" => wanted.policies.extend(values),
                "severity" => wanted.severities.extend(values),
                "user" => wanted.users.extend(values),
                _ => return Err(format!("there is no parameter `{name}`")),
            }
        }
        match wanted.states.iter().find(|state| !IncidentState::NAMES.contains(&state.as_str())) {
            Some(state) => {
                let near = nearest(state, IncidentState::NAMES).map(|near| format!("; did you mean `{near}`?"));
                let hint = near.unwrap_or_else(|| format!("; there are {}", IncidentState::NAMES.join(", ")));
                Err(format!("there is no state `{state}`{hint}"))
            }
            None => Ok(wanted),
        }
    }

    /// Whether `incident` is asked for.
    pub(super) fn takes(&self, incident: &Incident, plan: &EscalationPlan) -> bool {
        let among = |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == value);
        let severity = &plan.severities.level(incident.rank).name;
        incident.number < self.before
            && among(&self.states, incident.state.name())
            && among(&self.policies, &incident.policy.name)
            && (self.severities.is_empty() || self.severities.iter().any(|name| name.eq_ignore_ascii_case(severity)))
            && (self.users.is_empty() || self.users.iter().any(|user| concerns(incident, user)))
    }
}

/// Whether `user` was paged, or is the one who has answered.
fn concerns(incident: &Incident, user: &str) -> bool {
    let answered = match &incident.state {
        IncidentState::Acknowledged { by, .. } | IncidentState::Snoozed { by, .. } => by.name == user,
        IncidentState::Open | IncidentState::Closed { .. } => false,
    };
    answered || incident.paged.iter().any(|paged| paged.user.as_deref() == Some(user))
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{incident, plan};
    use super::*;

    #[test]
    fn filters() {
        let (incident, plan) = (incident(), plan());
        for (query, expected) in [
            ("", true),
            ("state=open", true),
            ("state=acknowledged,open", true),
            ("state=closed&state=snoozed", false),
            ("policy=web", true),
            ("policy=db", false),
            ("severity=p1", true),
            ("severity=P2", false),
            ("user=ada", true),
            ("user=bo,ada", true),
            ("user=bo", false),
            ("before=7", false),
            ("before=8&limit=5", true),
        ] {
            let wanted = Wanted::read(Some(query)).expect(query);
            assert_eq!(wanted.takes(&incident, &plan), expected, "{query}");
        }
        for (query, expected) in [
            ("state=opne", "there is no state `opne`; did you mean `open`?"),
            ("state=x", "there is no state `x`; there are open, acknowledged, snoozed, closed"),
            ("limit=x", "limit must be a whole number"),
            ("stat=open", "there is no parameter `stat`"),
        ] {
            assert_eq!(Wanted::read(Some(query)).expect_err(query), expected);
        }
    }
}
