//! `contacts`, `notify` and `known_as` of users; `teams`.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use hashbrown::HashSet;

use crate::deliver::Receiver;
use crate::escalate::{Person, PersonalStep, Team};
use crate::model::nearest;
use crate::oncall::User;

use super::super::oncall::{at_most, check_user};
use super::super::receivers::ChannelDefaults;
use super::super::yaml::{Fields, Node, NodeKind, Reader, shorten};
use super::Surroundings;
use super::contacts::{Contact, Told, contact, known_as, telephone};

/// How long after the one before each further contact is tried by a user's rule for high urgency that is not given.
const CONTACT_DISTANCE: Duration = Duration::from_secs(5 * 60);
/// The greatest number of contacts of a user, and of steps of a rule.
const CONTACTS_MAX: usize = 50;
/// The longest delay of a contact.
const AFTER_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The greatest number of teams.
const TEAMS_MAX: usize = 1000;
/// The greatest number of members of a team.
const MEMBERS_MAX: usize = 1000;
/// The systems whose names for a user may be given.
const SYSTEMS: [&str; 4] = ["slack", "twilio", "telegram", "pagerduty"];

/// How users are reached, gathered while they are read.
pub(in crate::config) struct People<'a> {
    channels: &'a ChannelDefaults,
    pub(super) people: Vec<Person>,
    pub(super) teams: Vec<Team>,
    /// The receivers that stand for contacts.
    pub(super) contacts: Vec<Receiver>,
    /// Where which of these has its fallback.
    pub(super) fallbacks: Vec<(String, Range<usize>)>,
    /// The ordinary receivers that are contacts, and where they are named.
    named: Vec<(String, Range<usize>)>,
    /// Whose name in which system is whose.
    known: HashMap<(String, String), String>,
    /// Users who have a contact, be it wrong.
    pub(super) reached: HashSet<String>,
}

impl<'a> People<'a> {
    /// Nobody yet; `channels` is what `global` says of receivers.
    pub(in crate::config) fn new(channels: &'a ChannelDefaults) -> Self {
        People {
            channels,
            people: Vec::new(),
            teams: Vec::new(),
            contacts: Vec::new(),
            fallbacks: Vec::new(),
            named: Vec::new(),
            known: HashMap::new(),
            reached: HashSet::new(),
        }
    }

    /// Reads the fields of `user` that say how they are reached.
    pub(in crate::config) fn read(&mut self, fields: &mut Fields<'_>, user: Option<&str>) {
        let reader = fields.reader();
        let user = user.unwrap_or_default();
        let mut contacts: Vec<Contact> = Vec::new();
        for node in at_most(reader, fields.list("contacts"), CONTACTS_MAX) {
            let taken: Vec<&str> = contacts.iter().map(|contact| contact.name.as_str()).collect();
            contacts.extend(contact(reader, node, (user, &taken), self.channels));
        }
        let (high, low) = notify(fields, &contacts);
        let mut person = Person { user: user.to_owned(), high, low, known_as: Vec::new() };
        if !fields.list("contacts").is_empty() {
            self.reached.insert(user.to_owned());
        }
        self.names(fields, &mut person);
        for contact in contacts {
            match contact.told {
                Told::Own(receiver, fallback) => {
                    self.fallbacks.extend(fallback.map(|span| (receiver.name.clone(), span)));
                    for (system, name) in known_as(&receiver) {
                        if !person.is_known_as(&system, &name) {
                            person.known_as.push((system, name));
                        }
                    }
                    self.contacts.push(receiver);
                }
                Told::Named(receiver, span) => self.named.push((receiver, span)),
                Told::Nothing => {}
            }
        }
        self.people.push(person);
    }

    /// Reads `known_as`; no two users have the same name in a system.
    fn names(&mut self, fields: &mut Fields<'_>, person: &mut Person) {
        let reader = fields.reader();
        let Some(mut inner) = fields.take("known_as").and_then(|node| reader.fields(node, "`known_as`")) else {
            return;
        };
        for system in SYSTEMS {
            let Some(name) = inner.text(system).filter(|name| !name.is_empty()) else { continue };
            let name = if system == "twilio" { telephone(&name) } else { name };
            let pair = (system.to_owned(), name);
            if let Some(other) = self.known.insert(pair.clone(), person.user.clone()) {
                let message = format!("`{}` is known as `{}` too", shorten(&other), shorten(&pair.1));
                inner.error_at(system, "config/duplicate", message);
            }
            person.known_as.push(pair);
        }
        inner.finish();
    }

    /// Notes an error at each contact that names no receiver, or one that nobody hears of directly.
    pub(super) fn check(&self, reader: &Reader<'_>, surroundings: &Surroundings<'_>) {
        for (name, span) in &self.named {
            check_receiver(reader, name, span, surroundings);
        }
    }

    /// Reads `teams`.
    pub(super) fn read_teams(&mut self, fields: &mut Fields<'_>, users: &[User]) {
        let reader = fields.reader();
        for node in at_most(reader, fields.list("teams"), TEAMS_MAX) {
            let Some(mut inner) = reader.fields(node, "a team") else { continue };
            let name = inner.need_text("name");
            if let Some(name) = name.as_ref().filter(|name| self.teams.iter().any(|team| team.name == **name)) {
                inner.error_at("name", "config/duplicate", format!("another team is named `{}` too", shorten(name)));
            }
            let nodes = inner.list("members");
            if nodes.is_empty() {
                inner.missing("members");
            }
            let mut members: Vec<String> = Vec::new();
            for node in at_most(reader, nodes, MEMBERS_MAX) {
                let Some(scalar) = reader.scalar(node, "the name of a user") else { continue };
                check_user(reader, &scalar.text, &node.span, users);
                if members.contains(&scalar.text) {
                    let message = format!("`{}` is given twice", shorten(&scalar.text));
                    reader.error("config/duplicate", &node.span, message);
                } else {
                    members.push(scalar.text.clone());
                }
            }
            inner.finish();
            self.teams.extend(name.map(|name| Team { name, members }));
        }
    }
}

/// Notes an error unless `name` is an ordinary receiver that tells somebody directly.
pub(super) fn check_receiver(reader: &Reader<'_>, name: &str, span: &Range<usize>, surroundings: &Surroundings<'_>) {
    let Some(receiver) = surroundings.receiver(name) else {
        let near = nearest(name, surroundings.receivers.iter().map(|receiver| receiver.name.as_str()));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        let message = format!("no receiver is named `{}`", shorten(&name));
        return reader.error_hint("config/unknown-receiver", span, message, hint);
    };
    if let Some(policy) = receiver.escalation() {
        let message = format!("the receiver `{}` pages by the policy `{}` itself", shorten(&name), shorten(&policy));
        reader.error_hint("config/escalation-loop", span, message, Some("name a receiver that is told directly"));
    } else if receiver.integrations.is_empty() {
        let message = format!("the receiver `{}` tells nobody: it has no channel", shorten(&name));
        reader.error("config/silent-receiver", span, message);
    }
}

/// The rules for high and low urgency. Where none is given: for high each contact a while after the one before, for low the
/// first one.
fn notify(fields: &mut Fields<'_>, contacts: &[Contact]) -> (Vec<PersonalStep>, Vec<PersonalStep>) {
    let reader = fields.reader();
    let step = |(place, contact): (u32, &Contact)| {
        contact.receiver().map(|receiver| PersonalStep { receiver, after: CONTACT_DISTANCE * place })
    };
    let high = || (0..).zip(contacts).filter_map(step).collect();
    let low = || (0..).zip(contacts).take(1).filter_map(step).collect();
    match fields.take("notify") {
        None => (high(), low()),
        Some(node) if matches!(node.kind, NodeKind::Sequence(_)) => {
            let rule = rule(reader, node, contacts);
            (rule.clone(), rule)
        }
        Some(node) => {
            let Some(mut inner) = reader.fields(node, "`notify`") else { return (high(), low()) };
            let mut given = |name| inner.take(name).map(|node| rule(reader, node, contacts));
            let rules = (given("high").unwrap_or_else(high), given("low").unwrap_or_else(low));
            inner.finish();
            rules
        }
    }
}

fn rule(reader: &Reader<'_>, node: &Node, contacts: &[Contact]) -> Vec<PersonalStep> {
    let items = reader.items(node, "a list of contacts");
    if items.is_empty() {
        let hint = Some("leave it out for the default, or name a contact");
        reader.error_hint("yaml/empty", &node.span, "nobody would be told by this rule", hint);
    }
    let mut steps: Vec<PersonalStep> = Vec::new();
    for item in at_most(reader, items, CONTACTS_MAX) {
        let Some(step) = rule_step(reader, item, contacts) else { continue };
        if steps.contains(&step) {
            reader.error("config/duplicate", &item.span, "this contact is told at the same time already");
        }
        steps.push(step);
    }
    steps.sort_by_key(|step| step.after);
    steps
}

/// `{contact: phone, after: 5m}`, or `phone` alone.
fn rule_step(reader: &Reader<'_>, node: &Node, contacts: &[Contact]) -> Option<PersonalStep> {
    let (name, span, after) = match &node.kind {
        NodeKind::Scalar(scalar) => (scalar.text.clone(), node.span.clone(), Duration::ZERO),
        _ => {
            let mut fields = reader.fields(node, "a step of `notify`")?;
            let name = fields.need_text("contact");
            let span = fields.take("contact").map_or_else(|| node.span.clone(), |node| node.span.clone());
            let after = fields.duration("after").unwrap_or_default();
            if after > AFTER_MAX {
                fields.error_at("after", "config/limit", "`after` may be 7 days at most");
            }
            fields.finish();
            (name?, span, after)
        }
    };
    let Some(contact) = contacts.iter().find(|contact| contact.name == name) else {
        let names: Vec<&str> = contacts.iter().map(|contact| contact.name.as_str()).collect();
        let hint = match nearest(&name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "give the user `contacts`".to_owned(),
            None => format!("contacts of this user: {}", names.join(", ")),
        };
        let message = format!("this user has no contact `{}`", shorten(&name));
        reader.error_hint("config/unknown-contact", &span, message, Some(hint));
        return None;
    };
    Some(PersonalStep { receiver: contact.receiver()?, after })
}
