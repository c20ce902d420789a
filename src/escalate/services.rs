//! What depends on what.

use std::collections::{BTreeMap, BTreeSet};

/// A service and what it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The value of the label that names it.
    pub name: String,
    /// The services that it needs; all configured, and never itself by any path.
    pub depends_on: Vec<String>,
}

/// The dependency graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// The label of alerts that names their service.
    pub label: String,
    /// The services, by name.
    pub services: BTreeMap<String, Service>,
}

impl Default for Services {
    /// No services; the label is `service`.
    fn default() -> Self {
        Services { label: "service".to_owned(), services: BTreeMap::new() }
    }
}

impl Services {
    /// Everything that `service` needs, by any path.
    pub fn upstream(&self, service: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut ahead = vec![service];
        while let Some(name) = ahead.pop() {
            let Some(service) = self.services.get(name) else { continue };
            for needed in &service.depends_on {
                if found.insert(needed.as_str()) {
                    ahead.push(needed);
                }
            }
        }
        found
    }

    /// Whether they are the same service, or one needs the other by any path.
    pub fn are_related(&self, one: &str, other: &str) -> bool {
        one == other || self.upstream(one).contains(other) || self.upstream(other).contains(one)
    }

    /// How far upstream each of `alerting` is among them: the number of steps of the longest way by which others of them need
    /// it, counted in services of `alerting`.
    pub fn depths<'a>(&'a self, alerting: &BTreeSet<&'a str>) -> BTreeMap<&'a str, usize> {
        let upstream: BTreeMap<&str, BTreeSet<&str>> =
            alerting.iter().map(|name| (*name, self.upstream(name))).collect();
        // A service needs more of the others the further down it is: going by that number, every service comes after those
        // that need it.
        let mut order: Vec<&'a str> = alerting.iter().copied().collect();
        order.sort_by_key(|name| std::cmp::Reverse(upstream[name].len()));
        let mut depths: BTreeMap<&'a str, usize> = alerting.iter().map(|name| (*name, 0)).collect();
        for name in order {
            let depth = depths[name] + 1;
            for needed in upstream[name].iter().filter(|needed| alerting.contains(*needed)) {
                if let Some(known) = depths.get_mut(needed) {
                    *known = depth.max(*known);
                }
            }
        }
        depths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Services {
        let service = |(name, needs): &(&str, &[&str])| {
            let depends_on = needs.iter().map(|need| (*need).to_owned()).collect();
            ((*name).to_owned(), Service { name: (*name).to_owned(), depends_on })
        };
        Services { services: edges.iter().map(service).collect(), ..Services::default() }
    }

    #[test]
    fn upstream_is_what_others_need() {
        let services =
            graph(&[("shop", &["cart", "pay"]), ("cart", &["db"]), ("pay", &["db"]), ("db", &[]), ("mail", &[])]);
        assert_eq!(services.upstream("shop"), BTreeSet::from(["cart", "pay", "db"]));
        for (one, other, expected) in [
            ("shop", "db", true),
            ("db", "shop", true),
            ("cart", "pay", false),
            ("db", "db", true),
            ("mail", "db", false),
        ] {
            assert_eq!(services.are_related(one, other), expected, "{one} {other}");
        }
        let depths = services.depths(&BTreeSet::from(["shop", "cart", "db", "mail", "unknown"]));
        assert_eq!(depths, BTreeMap::from([("shop", 0), ("cart", 1), ("db", 2), ("mail", 0), ("unknown", 0)]));
    }
}
