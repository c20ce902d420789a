//! The route tree: which receivers are told of an alert, and how its notifications are grouped and timed.

use std::collections::HashMap;
use std::time::Duration;

use super::NotifyPolicy;
use crate::model::{Labels, Matcher};

/// A route with everything inherited already. The root matches every alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Who is told.
    pub receiver: String,
    /// Which alerts share a notification.
    pub group_by: GroupBy,
    /// What an alert must match, besides its parents' matchers.
    pub matchers: Vec<Matcher>,
    /// Whether the siblings after this route are tried too when it matches.
    pub continues: bool,
    /// How long a new group waits for more alerts.
    pub group_wait: Duration,
    /// The distance of notifications about changes of a group.
    pub group_interval: Duration,
    /// After how long an unchanged group is told of again.
    pub repeat_interval: Duration,
    /// Which changes are told, and how often what stays is repeated.
    pub notify: NotifyPolicy,
    /// The time intervals at which it tells nothing; not inherited.
    pub mute_intervals: Vec<String>,
    /// The time intervals outside of which it tells nothing, if there are any; not inherited.
    pub active_intervals: Vec<String>,
    /// Labels of the route, for templates.
    pub labels: Labels,
    /// The routes below, tried in order.
    pub routes: Vec<Route>,
}

/// Which labels make a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// All labels: every alert is its own group (`group_by: ['...']`).
    All,
    /// These labels; none of them for one group.
    Labels(Vec<String>),
}

/// A route that an alert came to, with the key that names it.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// The route.
    pub route: &'a Route,
    /// `{root matchers}/{child matchers}`: stable while the matchers on its path are; a later sibling with the same
    /// matchers has its number behind.
    pub key: &'a str,
}

impl Route {
    /// The labels of an alert's group.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.retain(|name| names.iter().any(|wanted| wanted == name)),
        }
    }

    /// This route and all below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Route)) {
        visit(self);
        for child in &self.routes {
            child.walk(visit);
        }
    }

    fn matchers_key(&self) -> String {
        let matchers: Vec<String> = self.matchers.iter().map(ToString::to_string).collect();
        format!("{{{}}}", matchers.join(","))
    }
}

/// The routes with their keys worked out.
#[derive(Clone, Debug)]
pub struct RouteTree {
    nodes: Vec<Node>,
    by_key: HashMap<String, usize>,
}

#[derive(Clone, Debug)]
struct Node {
    route: Route,
    key: String,
    children: Vec<usize>,
}

impl RouteTree {
    /// The tree below `root`.
    pub fn new(root: &Route) -> Self {
        let mut tree = RouteTree { nodes: Vec::new(), by_key: HashMap::new() };
        tree.add(root, root.matchers_key());
        tree
    }

    fn add(&mut self, route: &Route, key: String) -> usize {
        let index = self.nodes.len();
        self.by_key.insert(key.clone(), index);
        let own = Route { routes: Vec::new(), ..route.clone() };
        self.nodes.push(Node { route: own, key: key.clone(), children: Vec::new() });
        for child in &route.routes {
            let mut child_key = format!("{key}/{}", child.matchers_key());
            let same = (2..).map(|n| format!("{child_key}#{n}"));
            if self.by_key.contains_key(&child_key) {
                child_key = same.into_iter().find(|key| !self.by_key.contains_key(key)).unwrap_or(child_key.clone());
            }
            let child_index = self.add(child, child_key);
            self.nodes[index].children.push(child_index);
        }
        index
    }

    /// All routes with their keys, parents first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Route)> {
        self.nodes.iter().map(|node| (node.key.as_str(), &node.route))
    }

    /// The route with this key.
    pub fn route(&self, key: &str) -> Option<&Route> {
        self.by_key.get(key).map(|index| &self.nodes[*index].route)
    }

    /// The routes that `labels` come to: depth first, left to right; after a matching child only with `continue`; a route
    /// itself only if none of its children matched.
    pub fn matching(&self, labels: &Labels) -> Vec<Match<'_>> {
        let mut matches = Vec::new();
        self.collect(0, labels, &mut matches);
        matches
    }

    fn collect<'a>(&'a self, index: usize, labels: &Labels, matches: &mut Vec<Match<'a>>) -> bool {
        let node = &self.nodes[index];
        if !node.route.matchers.iter().all(|matcher| matcher.matches(labels)) {
            return false;
        }
        let before = matches.len();
        for child in &node.children {
            if self.collect(*child, labels, matches) && !self.nodes[*child].route.continues {
                break;
            }
        }
        if matches.len() == before {
            matches.push(Match { route: &node.route, key: &node.key });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MatchOp;

    fn route(receiver: &str, matchers: &[(&str, &str)], continues: bool, routes: Vec<Route>) -> Route {
        let matchers = matchers.iter().map(|(n, v)| Matcher::new(*n, MatchOp::Regex, *v).expect("valid")).collect();
        Route {
            receiver: receiver.to_owned(),
            group_by: GroupBy::Labels(vec!["alertname".to_owned()]),
            matchers,
            continues,
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(300),
            repeat_interval: Duration::from_secs(14_400),
            notify: NotifyPolicy::default(),
            mute_intervals: Vec::new(),
            active_intervals: Vec::new(),
            labels: Labels::default(),
            routes,
        }
    }

    #[test]
    fn first_match_deepest_and_continue() {
        let tree = RouteTree::new(&route(
            "root",
            &[],
            false,
            vec![
                route("audit", &[("severity", ".+")], true, vec![]),
                route("db", &[("team", "db")], false, vec![route("db-page", &[("severity", "page")], false, vec![])]),
                route("late", &[("team", ".*")], false, vec![]),
            ],
        ));
        for (pairs, receivers) in [
            (vec![("team", "db"), ("severity", "page")], vec!["audit", "db-page"]),
            (vec![("team", "db")], vec!["db"]),
            (vec![("team", "web")], vec!["late"]),
            (vec![("severity", "page")], vec!["audit", "late"]),
        ] {
            let labels = Labels::from_pairs(pairs);
            let found: Vec<_> = tree.matching(&labels).into_iter().map(|m| m.route.receiver.as_str()).collect();
            assert_eq!(found, receivers, "{labels}");
            for found in tree.matching(&labels) {
                assert_eq!(tree.route(found.key).map(|r| &r.receiver), Some(&found.route.receiver), "{}", found.key);
            }
        }
    }

    #[test]
    fn the_root_takes_what_nobody_else_does() {
        let tree = RouteTree::new(&route("root", &[], false, vec![route("a", &[("team", "a")], false, vec![])]));
        let found = tree.matching(&Labels::from_pairs([("team", "b")]));
        assert_eq!(found[0].route.receiver, "root");
        assert_eq!(found[0].key, "{}");
    }
}
