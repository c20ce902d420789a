//! Results of rules, and what they change.

use std::sync::Arc;

use super::state::{Call, Health};
use super::{Engine, EventKind, RuleError, keep};
use crate::model::{Timestamp, TraceId, format_value};
use crate::rule::{AlertState, Change, Observation, Presence, Rule, RuleId, Transition};

impl Engine {
    pub(super) fn take_result(
        &mut self,
        id: RuleId,
        at: Timestamp,
        result: Result<Vec<Observation>, RuleError>,
        presence: &Presence,
        call: &mut Call<'_>,
    ) {
        let plan = Arc::clone(&self.plan);
        let Some((group, index)) = self.rules.get(&id).copied() else { return };
        let Rule::Alerting(rule) = &plan.groups[group].rules[index] else { return };
        let limit = plan.groups[group].limit;
        let state = self.states.entry(id).or_default();
        let stepped = result.and_then(|observed| {
            state.step(rule, limit, at, observed, presence).map_err(|error| RuleError(error.to_string()))
        });
        let error = match stepped {
            Ok(transitions) => {
                for transition in transitions {
                    self.take_transition(id, transition, at, call);
                }
                None
            }
            Err(error) => Some(error),
        };
        self.note_health(id, at, error, call);
    }

    pub(super) fn note_health(&mut self, id: RuleId, at: Timestamp, error: Option<RuleError>, call: &mut Call<'_>) {
        let Some((group, index)) = self.rules.get(&id).copied() else { return };
        let name = match &self.plan.groups[group].rules[index] {
            Rule::Alerting(rule) => &rule.alert,
            Rule::Recording(rule) => &rule.record,
        };
        let health = self.health.entry(id).or_default();
        let error = error.map(|RuleError(error)| error);
        match (&health.last_error, &error) {
            (old, Some(error)) if old.as_ref() != Some(error) => {
                call.emit(TraceId::NONE, EventKind::RuleFailed { rule: name.clone(), error: error.clone() });
            }
            (Some(_), None) => call.emit(TraceId::NONE, EventKind::RuleRecovered { rule: name.clone() }),
            _ => {}
        }
        *health = Health { last_evaluation: Some(at), last_error: error };
    }

    pub(super) fn take_transition(&mut self, id: RuleId, transition: Transition, at: Timestamp, call: &mut Call<'_>) {
        let Transition { fingerprint, change, alert } = transition;
        match change {
            Change::Dropped | Change::Forgotten => call.persist(keep::rule_alert_gone(id, fingerprint)),
            Change::Updated => {}
            _ => call.persist(keep::rule_alert(id, &alert)),
        }
        match change {
            Change::BecameFiring => self.route_firing(id, &alert, true, call),
            Change::Updated | Change::HoldsAgain | Change::RegainedData if alert.state == AlertState::Firing => {
                self.route_firing(id, &alert, false, call);
            }
            Change::Resolved | Change::Expired | Change::BackToPending => {
                self.route_end(id, &alert, change, at, call);
            }
            _ => {}
        }
        let quiet = matches!(change, Change::Updated | Change::Forgotten);
        if !quiet {
            call.emit(
                alert.trace,
                EventKind::Alert {
                    value: format_value(alert.value),
                    labels: alert.labels,
                    annotations: alert.annotations,
                    change,
                },
            );
        }
    }
}
