//! `services` and `service_label`: what depends on what.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::escalate::{Service, Services};
use crate::model::nearest;

use super::super::oncall::at_most;
use super::super::yaml::{Fields, Reader, shorten};
use super::known_label;

/// The greatest number of services.
const SERVICES_MAX: usize = 10_000;
/// The greatest number of services that one needs directly.
const NEEDED_MAX: usize = 1000;
/// How many services of a cycle are named.
const CYCLE_TOLD_MAX: usize = 16;

/// A name of a service with its place.
type Placed = (String, Range<usize>);

/// Reads both.
pub(super) fn services(fields: &mut Fields<'_>) -> Services {
    let mut services = Services::default();
    if let Some(label) = known_label(fields, "service_label") {
        services.label = label;
    }
    let reader = fields.reader();
    let mut needed: Vec<(String, Vec<Placed>)> = Vec::new();
    for node in at_most(reader, fields.list("services"), SERVICES_MAX) {
        let Some(mut inner) = reader.fields(node, "a service") else { continue };
        let name = inner.need_text("name");
        if let Some(name) = name.as_ref().filter(|name| services.services.contains_key(*name)) {
            inner.error_at("name", "config/duplicate", format!("another service is named `{}` too", shorten(name)));
        }
        let mut depends_on: Vec<Placed> = Vec::new();
        let given = inner.texts("depends_on").unwrap_or_default();
        if let Some((_, node)) = given.get(NEEDED_MAX) {
            reader.error("config/limit", &node.span, format!("more than {NEEDED_MAX} items"));
        }
        for (service, node) in given.into_iter().take(NEEDED_MAX) {
            if depends_on.iter().any(|(known, _)| *known == service) {
                reader.error("config/duplicate", &node.span, format!("`{}` is given twice", shorten(&service)));
            } else {
                depends_on.push((service, node.span.clone()));
            }
        }
        inner.finish();
        let Some(name) = name else { continue };
        let names = depends_on.iter().map(|(service, _)| service.clone()).collect();
        services.services.insert(name.clone(), Service { name: name.clone(), depends_on: names });
        needed.push((name, depends_on));
    }
    check_names(reader, &needed, &services.services);
    check_cycles(reader, &needed);
    services
}

fn check_names(reader: &Reader<'_>, needed: &[(String, Vec<Placed>)], services: &BTreeMap<String, Service>) {
    for (name, span) in needed.iter().flat_map(|(_, needed)| needed) {
        if services.contains_key(name) {
            continue;
        }
        let hint = match nearest(name, services.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name it in `services` too".to_owned(),
        };
        let message = format!("no service is named `{}`", shorten(name));
        reader.error_hint("config/unknown-service", span, message, Some(hint));
    }
}

/// How far a service was gone through.
#[derive(Clone, Copy, PartialEq)]
enum Visit {
    Ahead,
    Underway,
    Done,
}

/// Notes an error where a dependency leads back to where it comes from, once for each cycle that is met.
fn check_cycles(reader: &Reader<'_>, needed: &[(String, Vec<Placed>)]) {
    let places: HashMap<&str, usize> =
        needed.iter().enumerate().map(|(place, (name, _))| (name.as_str(), place)).collect();
    let mut visits = vec![Visit::Ahead; needed.len()];
    for start in 0..needed.len() {
        // Each service on the way with the dependency of it that is next.
        let mut way = vec![(start, 0)];
        if visits[start] != Visit::Ahead {
            continue;
        }
        visits[start] = Visit::Underway;
        while let Some((service, next)) = way.last_mut() {
            let Some((name, span)) = needed[*service].1.get(*next) else {
                visits[*service] = Visit::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let Some(&place) = places.get(name.as_str()) else { continue };
            match visits[place] {
                Visit::Done => {}
                Visit::Ahead => {
                    visits[place] = Visit::Underway;
                    way.push((place, 0));
                }
                Visit::Underway => {
                    let cycle = way.iter().skip_while(|(service, _)| *service != place);
                    let names: Vec<&str> = cycle.map(|(service, _)| needed[*service].0.as_str()).collect();
                    let message = format!("`{}` needs itself: {}", shorten(name), told(&names));
                    let hint = "a service cannot be the cause of what causes it: take one of these dependencies out";
                    reader.error_hint("config/dependency-cycle", span, message, Some(hint));
                }
            }
        }
    }
}

/// `a -> b -> a`; a long cycle without its middle.
fn told(names: &[&str]) -> String {
    let first = names.first().copied().unwrap_or_default();
    let mut told: Vec<&str> = names.iter().copied().take(CYCLE_TOLD_MAX).collect();
    if names.len() > CYCLE_TOLD_MAX {
        told.push("…");
    }
    told.push(first);
    told.join(" -> ")
}
