//! Targets of steps and fallbacks: who or what is paged.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashSet;

use crate::deliver::{DeliveryPolicy, HIDDEN_PREFIX, Receiver};
use crate::escalate::Target;
use crate::model::nearest;
use crate::oncall::{OverrideChange, Schedule};

use super::super::oncall::{at_most, check_user};
use super::super::receivers::integrations;
use super::super::yaml::{Entry, Fields, Node, NodeKind, Reader, shorten};
use super::people::check_receiver;
use super::{People, Surroundings};

/// The greatest number of targets of a step, and of a fallback.
const TARGETS_MAX: usize = 100;
/// How far after those on call a target may be.
const OFFSET_MAX: usize = 100;
/// The fields of a target, one of which is given.
const KINDS: [&str; 5] = ["user", "team", "schedule", "channel", "webhook"];

/// What reads the targets of all policies.
pub(super) struct Targets<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) surroundings: &'a Surroundings<'a>,
    pub(super) people: &'a People<'a>,
    /// The receivers that stand for webhooks.
    pub(super) webhooks: Vec<Receiver>,
    /// Users of whom it was told that they have no contact.
    told: HashSet<String>,
}

impl<'a> Targets<'a> {
    pub(super) fn new(reader: &'a Reader<'a>, surroundings: &'a Surroundings<'a>, people: &'a People<'a>) -> Self {
        Targets { reader, surroundings, people, webhooks: Vec::new(), told: HashSet::new() }
    }

    /// The targets that `name` lists, of the policy `policy`; none of them twice.
    pub(super) fn read(&mut self, fields: &mut Fields<'_>, name: &'static str, policy: &str) -> Vec<Target> {
        let nodes = fields.list(name);
        if fields.take(name).is_none() {
            fields.missing(name);
        } else if nodes.is_empty() {
            fields.error_at(name, "yaml/empty", format!("`{name}` must not be empty"));
        }
        let mut targets: Vec<Target> = Vec::new();
        for node in at_most(self.reader, nodes, TARGETS_MAX) {
            let Some((target, span)) = self.target(node, policy) else { continue };
            if name == "fallback" && matches!(target, Target::Schedule { .. }) {
                let message =
                    "a schedule cannot be the fallback: there may be nobody on call by it, and then nobody is left";
                let hint = Some("name a user, a team or a channel");
                self.reader.error_hint("config/fallback", &span, message, hint);
                continue;
            }
            self.check(&target, &span);
            if targets.contains(&target) {
                self.reader.error("config/duplicate", &span, format!("`{}` is given twice", shorten(&target)));
                continue;
            }
            targets.push(target);
        }
        targets
    }

    /// A target with the place of its name.
    fn target(&mut self, node: &Node, policy: &str) -> Option<(Target, Range<usize>)> {
        if let NodeKind::Scalar(scalar) = &node.kind {
            let target = Target::parse(&scalar.text);
            if target.is_none() {
                self.no_target(node, &scalar.text);
            }
            return target.map(|target| (target, node.span.clone()));
        }
        let reader = self.reader;
        let mut fields = reader.fields(node, "a target")?;
        let kind = fields.need_one_of(&KINDS);
        let mut others = KINDS.into_iter().filter(|other| Some(*other) != kind);
        if let (Some(kind), Some(other)) = (kind, others.find(|other| fields.has(other))) {
            let hint = Some("each is a target of its own");
            let message = format!("give `{kind}` or `{other}`, not both");
            reader.error_hint("config/target", &fields.key_span(other), message, hint);
        }
        let offset = fields.count("offset");
        if offset.is_some() && kind.is_some_and(|kind| kind != "schedule") {
            fields.error_at("offset", "config/target", "`offset` goes with a `schedule`");
        }
        if offset.is_some_and(|offset| offset > OFFSET_MAX) {
            fields.error_at("offset", "config/limit", format!("`offset` may be {OFFSET_MAX} at most"));
        }
        let given = kind.and_then(|kind| fields.take(kind));
        let target = match (kind?, given?) {
            ("webhook", node) => Some(Target::Channel(self.webhook(node, policy)?)),
            (kind, _) => fields.need_text(kind).map(|name| match kind {
                "user" => Target::User(name),
                "team" => Target::Team(name),
                "schedule" => Target::Schedule { name, offset: offset.unwrap_or(0) },
                _ => Target::Channel(name),
            }),
        };
        fields.finish();
        target.zip(given.map(|node| node.span.clone()))
    }

    fn no_target(&self, node: &Node, text: &str) {
        if text.starts_with("webhook:") || text.contains("://") {
            self.reader.hide(node);
            let message = "an address is no target in this form: it may be a secret";
            let hint = Some("write `{webhook: ADDRESS}`");
            return self.reader.error_hint("config/target", &node.span, message, hint);
        }
        let surroundings = self.surroundings;
        let users = surroundings.oncall.users.iter().map(|user| ("user", user.name.as_str()));
        let teams = self.people.teams.iter().map(|team| ("team", team.name.as_str()));
        let schedules = surroundings.oncall.schedules.iter().map(|schedule| ("schedule", schedule.name.as_str()));
        let channels = surroundings.receivers.iter().map(|receiver| ("channel", receiver.name.as_str()));
        let mut all = users.chain(teams).chain(schedules).chain(channels);
        let hint = match all.find(|(_, name)| *name == text) {
            Some((kind, name)) => format!("did you mean `{kind}:{name}`?"),
            None => {
                "write `user:NAME`, `team:NAME`, `schedule:NAME`, `schedule:NAME+1` or `channel:RECEIVER`".to_owned()
            }
        };
        let message = format!("`{}` is no target", shorten(&text));
        self.reader.error_hint("config/target", &node.span, message, Some(hint));
    }

    /// The name of the receiver that stands for a webhook: an address, or what `webhook_configs` may hold.
    fn webhook(&mut self, node: &Node, policy: &str) -> Option<String> {
        let span = &node.span;
        let of = |kind| Arc::new(Node { kind, span: span.clone() });
        let entry =
            |key: &str, value| NodeKind::Mapping(vec![Entry { key: key.to_owned(), key_span: span.clone(), value }]);
        let channel = match &node.kind {
            NodeKind::Mapping(_) => Arc::new(node.clone()),
            _ => of(entry("url", Arc::new(node.clone()))),
        };
        let whole = of(entry("webhook_configs", of(NodeKind::Sequence(vec![channel]))));
        let mut fields = self.reader.fields(&whole, "a webhook")?;
        let integrations = integrations(&mut fields, self.surroundings.channels);
        if integrations.is_empty() {
            return None;
        }
        let prefix = format!("{HIDDEN_PREFIX}policy {policy}/webhook ");
        let own = || self.webhooks.iter().filter(|receiver| receiver.name.starts_with(&prefix));
        if let Some(same) = own().find(|receiver| receiver.integrations == integrations) {
            return Some(same.name.clone());
        }
        let is_taken = |name: &String| self.people.contacts.iter().any(|contact| contact.name == *name);
        let mut names = (own().count() + 1..).map(|number| format!("{prefix}{number}"));
        let name = names.find(|name| !is_taken(name))?;
        self.webhooks.push(Receiver { name: name.clone(), integrations, policy: DeliveryPolicy::default() });
        Some(name)
    }

    /// Notes an error where the target is not there, or nobody of it can be told.
    fn check(&mut self, target: &Target, span: &Range<usize>) {
        let (reader, surroundings) = (self.reader, self.surroundings);
        match target {
            Target::User(name) => {
                check_user(reader, name, span, &surroundings.oncall.users);
                self.check_contact(name, span, "");
            }
            Target::Team(name) => {
                let teams = &self.people.teams;
                match teams.iter().find(|team| team.name == *name) {
                    Some(team) => {
                        let how = format!(" of the team `{}`", shorten(name));
                        team.members.iter().for_each(|user| self.check_contact(user, span, &how));
                    }
                    None => self.unknown("team", name, span, teams.iter().map(|team| team.name.as_str())),
                }
            }
            Target::Schedule { name, .. } => {
                let schedules = &surroundings.oncall.schedules;
                match schedules.iter().find(|schedule| schedule.name == *name) {
                    Some(schedule) => {
                        let how = format!(" of the schedule `{}`", shorten(name));
                        for user in self.people_of(schedule) {
                            self.check_contact(user, span, &how);
                        }
                        self.check_readable(target, span);
                    }
                    None => self.unknown("schedule", name, span, schedules.iter().map(|it| it.name.as_str())),
                }
            }
            Target::Channel(name)
                if name.starts_with(HIDDEN_PREFIX) && self.webhooks.iter().any(|it| it.name == *name) => {}
            Target::Channel(name) if name.starts_with(HIDDEN_PREFIX) => {
                let message = format!("`{}` is no receiver that can be named", shorten(name));
                let hint = Some("users are paged through their contacts by their `notify`: write `user:NAME`");
                reader.error_hint("config/target", span, message, hint);
            }
            Target::Channel(name) => check_receiver(reader, name, span, surroundings),
        }
    }

    /// Everybody who can be on call by `schedule`.
    fn people_of(&self, schedule: &'a Schedule) -> Vec<&'a str> {
        let turns = schedule.layers.iter().flat_map(|layer| layer.turns.iter().flatten());
        let overrides = self.surroundings.oncall.overrides.iter();
        let own = overrides.filter(|change| change.schedule.as_ref().is_none_or(|name| *name == schedule.name));
        let added = own.filter_map(|change| match &change.change {
            OverrideChange::Add { user } => change.schedule.as_ref().map(|_| user),
            OverrideChange::Replace { by, .. } => Some(by),
            OverrideChange::Remove { .. } | OverrideChange::Absent { .. } => None,
        });
        let mut seen = HashSet::new();
        turns.chain(added).map(String::as_str).filter(|user| seen.insert(*user)).collect()
    }

    fn check_contact(&mut self, user: &str, span: &Range<usize>, how: &str) {
        let is_known = self.surroundings.oncall.users.iter().any(|known| known.name == user);
        if !is_known || self.people.reached.contains(user) || !self.told.insert(user.to_owned()) {
            return;
        }
        let message = format!("`{}`{how} cannot be paged: they have no contact", shorten(&user));
        let hint = "give them `contacts` in `users`, such as `[{name: mail, email: ADDRESS}]`";
        self.reader.error_hint("config/no-contact", span, message, Some(hint));
    }

    /// A schedule called `a+1` cannot be told from the next one on call by `a`.
    fn check_readable(&self, target: &Target, span: &Range<usize>) {
        if Target::parse(&target.to_string()).as_ref() != Some(target) {
            let message = "the name of this schedule ends as if it had an offset";
            self.reader.error_hint("config/target", span, message, Some("give it a name without `+` and a number"));
        }
    }

    fn unknown<'n>(&self, what: &str, name: &str, span: &Range<usize>, known: impl Iterator<Item = &'n str>) {
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("define it under `{what}s`"),
        };
        let id = if what == "team" { "config/unknown-team" } else { "config/unknown-schedule" };
        self.reader.error_hint(id, span, format!("no {what} is named `{}`", shorten(&name)), Some(hint));
    }
}
