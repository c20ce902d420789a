//! `/api/v2/alerts` and `/api/v2/alerts/groups`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::filter::Filter;
use super::{App, moment, stopping};
use crate::engine::Engine;
use crate::model::{Alert, AlertStatus, Labels, Timestamp};

/// An alert as it is found in the engine.
struct Found {
    alert: Alert,
    receivers: Vec<String>,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
}

impl Found {
    /// The alert with what suppresses it: in any of its groups, or at the route `at` alone.
    fn new(engine: &Engine, alert: &Alert, at: Option<&str>, now: Timestamp) -> Found {
        let groups = engine.groups();
        let routes = engine.routes().matching(&alert.labels);
        let mut muted_by = match at {
            Some(key) => groups.muted_by(engine.routes().route(key), now),
            None => routes.iter().flat_map(|found| groups.muted_by(Some(found.route), now)).collect(),
        };
        muted_by.sort();
        muted_by.dedup();
        let mut receivers: Vec<String> = Vec::new();
        for found in routes {
            if !receivers.contains(&found.route.receiver) {
                receivers.push(found.route.receiver.clone());
            }
        }
        Found {
            alert: alert.clone(),
            receivers,
            silenced_by: groups.silenced_by(&alert.labels, now),
            inhibited_by: groups.inhibitors(&alert.labels, now).iter().map(ToString::to_string).collect(),
            muted_by,
        }
    }

    fn is_suppressed(&self) -> bool {
        !self.silenced_by.is_empty() || !self.inhibited_by.is_empty() || !self.muted_by.is_empty()
    }

    fn is_wanted(&self, filter: &Filter) -> bool {
        let unwanted = |suppressors: &[String], wanted: bool| !suppressors.is_empty() && !wanted;
        !unwanted(&self.silenced_by, filter.silenced)
            && !unwanted(&self.inhibited_by, filter.inhibited)
            && !unwanted(&self.muted_by, filter.muted)
            && (filter.active || self.is_suppressed())
    }

    fn json(&self, now: Timestamp, resolve_timeout: Duration) -> Value {
        let Alert { labels, annotations, starts_at, ends_at, updated_at, generator_url, .. } = &self.alert;
        let receivers: Vec<Value> = self.receivers.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": moment(*starts_at),
            // As if what fires without a limit had just been told of again.
            "endsAt": moment(ends_at.unwrap_or(now + resolve_timeout)),
            "updatedAt": moment(*updated_at),
            "generatorURL": generator_url,
            "fingerprint": self.alert.fingerprint().to_string(),
            "receivers": receivers,
            "status": {
                "state": if self.is_suppressed() { "suppressed" } else { "active" },
                "silencedBy": self.silenced_by,
                "inhibitedBy": self.inhibited_by,
                "mutedBy": self.muted_by,
            },
        })
    }
}

/// The alerts that fire, by fingerprint.
pub(super) async fn alerts(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let filter = match Filter::read(query.as_deref()) {
        Ok(filter) => filter,
        Err(answer) => return *answer,
    };
    let now = app.clock.now();
    let read = app.decider.read(move |engine| {
        let fires = |alert: &&Alert| alert.status(now) == AlertStatus::Firing && filter.takes_labels(&alert.labels);
        let found = engine.groups().alerts().filter(fires).map(|alert| Found::new(engine, alert, None, now));
        let wanted = |found: &Found| {
            found.is_wanted(&filter) && found.receivers.iter().any(|receiver| filter.takes_receiver(receiver))
        };
        (found.filter(wanted).collect::<Vec<_>>(), engine.plan().resolve_timeout)
    });
    match read.await {
        Ok((found, timeout)) => {
            Json(found.iter().map(|found| found.json(now, timeout)).collect::<Vec<_>>()).into_response()
        }
        Err(error) => stopping(&error),
    }
}

/// The groups with their alerts that fire, by labels and receiver.
pub(super) async fn groups(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let filter = match Filter::read(query.as_deref()) {
        Ok(filter) => filter,
        Err(answer) => return *answer,
    };
    let now = app.clock.now();
    let read = app.decider.read(move |engine| {
        let mut groups: BTreeMap<(Labels, String, String), Vec<Found>> = BTreeMap::new();
        for group in engine.groups().iter().filter(|group| filter.takes_receiver(&group.receiver)) {
            let alerts = group.alerts().filter_map(|alert| engine.groups().alert(alert));
            let fires = |alert: &&Alert| alert.status(now) == AlertStatus::Firing && filter.takes_labels(&alert.labels);
            let found = alerts.filter(fires).map(|alert| Found::new(engine, alert, Some(&group.route), now));
            let found: Vec<Found> = found.filter(|found| found.is_wanted(&filter)).collect();
            if !found.is_empty() {
                groups.insert((group.labels.clone(), group.receiver.clone(), group.key.clone()), found);
            }
        }
        (groups, engine.plan().resolve_timeout)
    });
    let (groups, timeout) = match read.await {
        Ok(groups) => groups,
        Err(error) => return stopping(&error),
    };
    let groups = groups.iter().map(|((labels, receiver, _), found)| {
        let alerts: Vec<Value> = found.iter().map(|found| found.json(now, timeout)).collect();
        json!({ "labels": labels, "receiver": { "name": receiver }, "alerts": alerts })
    });
    Json(groups.collect::<Vec<_>>()).into_response()
}
