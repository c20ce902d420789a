//! Contacts of users: what a receiver may hold, or a short form of it.

use std::ops::Range;
use std::sync::Arc;

use crate::deliver::{Channel, DeliveryPolicy, HIDDEN_PREFIX, Receiver, Secret};

use super::super::noise::delivery_policy;
use super::super::receivers::{ChannelDefaults, integrations};
use super::super::yaml::{Entry, Node, NodeKind, Reader, shorten};

/// A short form: its field, the list of channels that it stands for, the field of such a channel, and whether that is a list.
struct ShortForm {
    field: &'static str,
    channels: &'static str,
    inner: &'static str,
    in_list: bool,
}

const SHORT_FORMS: [ShortForm; 6] = [
    ShortForm { field: "email", channels: "email_configs", inner: "to", in_list: false },
    ShortForm { field: "sms", channels: "twilio_configs", inner: "to", in_list: true },
    ShortForm { field: "slack", channels: "slack_configs", inner: "channel", in_list: false },
    ShortForm { field: "telegram", channels: "telegram_configs", inner: "chat_id", in_list: false },
    ShortForm { field: "ntfy", channels: "ntfy_configs", inner: "topic", in_list: false },
    ShortForm { field: "webhook", channels: "webhook_configs", inner: "url", in_list: false },
];

/// A contact as it was read.
pub(super) struct Contact {
    /// Its name; differs from that of other contacts of the user.
    pub(super) name: String,
    /// The receiver that stands for it.
    pub(super) told: Told,
}

/// The receiver that stands for a contact.
pub(super) enum Told {
    /// One of its own, with the place of its fallback.
    Own(Receiver, Option<Range<usize>>),
    /// An ordinary one, and where it is named.
    Named(String, Range<usize>),
    /// None: it is wrong, and that is noted.
    Nothing,
}

impl Contact {
    /// The name of the receiver that stands for it.
    pub(super) fn receiver(&self) -> Option<String> {
        match &self.told {
            Told::Own(receiver, _) => Some(receiver.name.clone()),
            Told::Named(receiver, _) => Some(receiver.clone()),
            Told::Nothing => None,
        }
    }
}

/// Reads a contact of `user`, who has those of the names `taken` already.
pub(super) fn contact(
    reader: &Reader<'_>,
    node: &Node,
    (user, taken): (&str, &[&str]),
    defaults: &ChannelDefaults,
) -> Option<Contact> {
    let whole = written_out(node);
    let mut fields = reader.fields(&whole, "a contact")?;
    let name = fields.need_text("name");
    if name.as_ref().is_some_and(|name| name.contains('/')) {
        fields.error_at("name", "config/contact", "the name of a contact must not hold `/`");
    }
    if let Some(name) = name.as_ref().filter(|name| taken.contains(&name.as_str())) {
        let message = format!("another contact of this user is named `{}` too", shorten(name));
        fields.error_at("name", "config/duplicate", message);
    }
    for short in &SHORT_FORMS {
        fields.take(short.field);
    }
    let named = fields.take("receiver").and_then(|node| Some((fields.need_text("receiver")?, node.span.clone())));
    let integrations = integrations(&mut fields, defaults);
    let policy = delivery_policy(&mut fields);
    let fallback = fields.take("fallback").map(|node| node.span.clone());
    let is_own = is_channel_given(&whole);
    if fields.has("receiver") && (is_own || policy != DeliveryPolicy::default()) {
        let message = "give `receiver`, which is told as it is, or channels of the contact's own, not both";
        fields.error_at("receiver", "config/contact", message);
    }
    if !is_own && !fields.has("receiver") {
        let known: Vec<String> = SHORT_FORMS.iter().map(|short| format!("`{}`", short.field)).collect();
        let hint = format!("give {}, the `…_configs` of a receiver, or `receiver`", known.join(", "));
        reader.error_hint("config/contact", &node.span, "this contact says no way to tell the user", Some(hint));
    }
    fields.finish();
    let name = name?;
    let told = match named {
        Some((receiver, span)) => Told::Named(receiver, span),
        None if integrations.is_empty() => Told::Nothing,
        None => {
            let name = format!("{HIDDEN_PREFIX}{user}/{name}");
            Told::Own(Receiver { name, integrations, policy }, fallback)
        }
    };
    Some(Contact { name, told })
}

/// Whether any channel is given, be it wrong.
fn is_channel_given(node: &Node) -> bool {
    let NodeKind::Mapping(entries) = &node.kind else { return false };
    entries.iter().any(|entry| {
        entry.key.ends_with("_configs") && matches!(&entry.value.kind, NodeKind::Sequence(items) if !items.is_empty())
    })
}

/// `node` with each short form as the channel that it stands for, besides.
fn written_out(node: &Node) -> Node {
    let NodeKind::Mapping(given) = &node.kind else { return node.clone() };
    let mut entries = given.clone();
    for short in &SHORT_FORMS {
        let Some(entry) = given.iter().find(|entry| entry.key == short.field) else { continue };
        if matches!(entry.value.kind, NodeKind::Null) {
            continue;
        }
        let value = match short.in_list && !matches!(entry.value.kind, NodeKind::Sequence(_)) {
            true => list(vec![Arc::clone(&entry.value)], &entry.value),
            false => Arc::clone(&entry.value),
        };
        let inner = Entry { key: short.inner.to_owned(), key_span: entry.key_span.clone(), value };
        let channel = Node { kind: NodeKind::Mapping(vec![inner]), span: entry.value.span.clone() };
        let known = entries.iter_mut().find(|known| known.key == short.channels);
        match known {
            Some(known) => {
                let mut items = match &known.value.kind {
                    NodeKind::Sequence(items) => items.clone(),
                    // What it is instead is told of the short form's absence.
                    _ => continue,
                };
                items.push(Arc::new(channel));
                known.value = list(items, &known.value);
            }
            None => {
                let value = list(vec![Arc::new(channel)], &entry.value);
                entries.push(Entry { key: short.channels.to_owned(), key_span: entry.key_span.clone(), value });
            }
        }
    }
    Node { kind: NodeKind::Mapping(entries), span: node.span.clone() }
}

fn list(items: Vec<Arc<Node>>, at: &Node) -> Arc<Node> {
    Arc::new(Node { kind: NodeKind::Sequence(items), span: at.span.clone() })
}

/// By which names other systems know whoever is reached by `receiver`: pairs of system and name.
pub(super) fn known_as(receiver: &Receiver) -> Vec<(String, String)> {
    let mut known = Vec::new();
    let mut add = |system: &str, name: &str| {
        if !name.is_empty() && !name.contains("{{") {
            known.push((system.to_owned(), name.to_owned()));
        }
    };
    for integration in &receiver.integrations {
        match &integration.channel {
            Channel::Twilio(config) => add("twilio", &telephone(&config.to)),
            Channel::Telegram(config) => {
                if let Secret::Value(chat) = &config.chat_id {
                    add("telegram", chat);
                }
            }
            Channel::Email(config) => config.to.split(',').for_each(|to| add("pagerduty", address(to))),
            Channel::Slack(config) if is_slack_user(&config.channel) => add("slack", &config.channel),
            _ => {}
        }
    }
    known
}

/// A telephone number as Twilio writes it: `+49 151 123` is `+49151123`.
pub(super) fn telephone(number: &str) -> String {
    number.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '/')).collect()
}

/// The address in `Ada <ada@example.org>`.
fn address(to: &str) -> &str {
    let inner = to.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(to, |(address, _)| address).trim()
}

/// Whether it is the id of a user, not the name of a channel.
fn is_slack_user(channel: &str) -> bool {
    let rest = channel.strip_prefix(['U', 'W']).unwrap_or_default();
    rest.len() >= 7 && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}
