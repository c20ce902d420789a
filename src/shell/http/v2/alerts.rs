//! `/api/v2/alerts` and `/api/v2/alerts/groups`. The engine only hands over what there is; it is looked through and written out
//! elsewhere, piece by piece, so that neither waits for the other and no answer is in memory whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::filter::Filter;
use super::listing::{AlertJson, GroupJson, Name, StatusJson, streamed};
use super::{App, moment, stopping};
use crate::engine::Engine;
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp};
use crate::route::{Match, Route, RouteTree, SilencesNow};

/// An alert as it is found in the engine.
struct Found {
    alert: Arc<Alert>,
    fingerprint: Fingerprint,
    ends_at: Timestamp,
    inhibited_by: Vec<Fingerprint>,
}

/// A group as it is found in the engine.
struct FoundGroup {
    labels: Labels,
    receiver: String,
    key: String,
    route: String,
    alerts: Vec<Found>,
}

/// What is known of all alerts.
struct Context {
    now: Timestamp,
    tree: Arc<RouteTree>,
    silences: SilencesNow,
    /// The time intervals that mute a route now, by its key; routes that nothing mutes are not there.
    muted_by: HashMap<String, Vec<String>>,
    filter: Filter,
}

/// What suppresses an alert.
#[derive(Default)]
struct Suppressors {
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
}

impl Suppressors {
    fn any(&self) -> bool {
        !self.silenced_by.is_empty() || !self.inhibited_by.is_empty() || !self.muted_by.is_empty()
    }

    fn is_wanted(&self, filter: &Filter) -> bool {
        let unwanted = |suppressors: &[String], wanted: bool| !suppressors.is_empty() && !wanted;
        !unwanted(&self.silenced_by, filter.silenced)
            && !unwanted(&self.inhibited_by, filter.inhibited)
            && !unwanted(&self.muted_by, filter.muted)
            && (filter.active || self.any())
    }
}

impl Context {
    fn new(engine: &Engine, filter: Filter, now: Timestamp) -> Context {
        let mut muted_by = HashMap::new();
        let tree = Arc::clone(engine.routes());
        for (key, route) in tree.iter() {
            let names = engine.groups().muted_by(Some(route), now);
            if !names.is_empty() {
                muted_by.insert(key.to_owned(), names);
            }
        }
        Context { now, tree, silences: engine.groups().silences_now(), muted_by, filter }
    }

    /// What suppresses the alert at these routes.
    fn suppressors<'a>(&self, found: &Found, routes: impl Iterator<Item = &'a str>) -> Suppressors {
        let mut muted_by: Vec<String> = Vec::new();
        if !self.muted_by.is_empty() {
            muted_by.extend(routes.filter_map(|key| self.muted_by.get(key)).flatten().cloned());
            muted_by.sort();
            muted_by.dedup();
        }
        Suppressors {
            silenced_by: self.silences.silenced_by(&found.alert.labels, self.now),
            inhibited_by: found.inhibited_by.iter().map(ToString::to_string).collect(),
            muted_by,
        }
    }

    /// The alert written out, unless it is not asked for; what suppresses it at the route `at` counts, or in all of its
    /// groups.
    fn json<'a>(&'a self, found: &'a Found, at: Option<&str>) -> Option<AlertJson<'a>> {
        let alert = &*found.alert;
        if !self.filter.takes_labels(&alert.labels) {
            return None;
        }
        let routes = self.tree.matching(&alert.labels);
        let mut receivers: Vec<Name<'a>> = Vec::with_capacity(1);
        for Match { route: Route { receiver, .. }, .. } in &routes {
            if !receivers.iter().any(|Name { name }| name == receiver) {
                receivers.push(Name { name: receiver });
            }
        }
        let is_asked_for = |Name { name }: &Name<'_>| self.filter.takes_receiver(name);
        if at.is_none() && !receivers.iter().any(is_asked_for) {
            return None;
        }
        let suppressors = match at {
            Some(key) => self.suppressors(found, std::iter::once(key)),
            None => self.suppressors(found, routes.iter().map(|found| found.key)),
        };
        if !suppressors.is_wanted(&self.filter) {
            return None;
        }
        let state = if suppressors.any() { "suppressed" } else { "active" };
        let Suppressors { silenced_by, inhibited_by, muted_by } = suppressors;
        Some(AlertJson {
            annotations: &alert.annotations,
            ends_at: moment(found.ends_at),
            fingerprint: found.fingerprint.to_string(),
            receivers,
            starts_at: moment(alert.starts_at),
            status: StatusJson { state, silenced_by, inhibited_by, muted_by },
            updated_at: moment(alert.updated_at),
            generator_url: &alert.generator_url,
            labels: &alert.labels,
        })
    }
}

/// The alert as it is, if it fires.
fn found(engine: &Engine, fingerprint: Fingerprint, alert: &Arc<Alert>, now: Timestamp) -> Option<Found> {
    if alert.status(now) != AlertStatus::Firing {
        return None;
    }
    let timeout: Duration = engine.plan().resolve_timeout;
    let inhibited_by = match engine.plan().inhibit_rules.is_empty() {
        true => Vec::new(),
        false => engine.groups().inhibitors(&alert.labels, now),
    };
    // What fires without a limit is shown as if it had just been told of again.
    let ends_at = alert.ends_at.or_else(|| engine.external_end(fingerprint)).unwrap_or(now + timeout);
    Some(Found { alert: Arc::clone(alert), fingerprint, ends_at, inhibited_by })
}

/// The alerts that fire, by fingerprint.
pub(super) async fn alerts(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let filter = match Filter::read(query.as_deref()) {
        Ok(filter) => filter,
        Err(answer) => return *answer,
    };
    let now = app.clock.now();
    let read = app.decider.read(move |engine| {
        let alerts = engine.groups().alerts_now();
        let alerts: Vec<Found> =
            alerts.filter_map(|(fingerprint, alert)| found(engine, fingerprint, alert, now)).collect();
        (alerts, Context::new(engine, filter, now))
    });
    let (alerts, context) = match read.await {
        Ok(found) => found,
        Err(error) => return stopping(&error),
    };
    streamed(alerts, move |found, into| match context.json(&found, None) {
        Some(alert) => alert.write(into),
        None => false,
    })
}

/// The groups with their alerts that fire, by labels and receiver.
pub(super) async fn groups(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let filter = match Filter::read(query.as_deref()) {
        Ok(filter) => filter,
        Err(answer) => return *answer,
    };
    let now = app.clock.now();
    let read = app.decider.read(move |engine| {
        let wanted = engine.groups().iter().filter(|group| filter.takes_receiver(&group.receiver));
        let group = |group: &crate::route::Group| FoundGroup {
            labels: group.labels.clone(),
            receiver: group.receiver.clone(),
            key: group.key.clone(),
            route: group.route.clone(),
            alerts: group
                .alerts()
                .filter_map(|fingerprint| Some((fingerprint, engine.groups().alert_now(fingerprint)?)))
                .filter_map(|(fingerprint, alert)| found(engine, fingerprint, alert, now))
                .collect(),
        };
        (wanted.map(group).collect::<Vec<_>>(), Context::new(engine, filter, now))
    });
    let (mut groups, context) = match read.await {
        Ok(found) => found,
        Err(error) => return stopping(&error),
    };
    let order = |group: &FoundGroup| (group.labels.clone(), group.receiver.clone(), group.key.clone());
    groups.sort_by_cached_key(order);
    streamed(groups, move |group, into| {
        let FoundGroup { labels, receiver, route, alerts, .. } = &group;
        let alerts = alerts.iter().filter_map(|found| context.json(found, Some(route)));
        GroupJson { alerts: alerts.collect(), labels, receiver: Name { name: receiver } }.write(into)
    })
}
