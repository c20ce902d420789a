//! A configuration as Alertmanager's own tools read it: the same routes and names, less what only Watchbell has.
//!
//! amtool reads the configuration of a running service and refuses it for one field that it does not know. What is kept is
//! therefore what Alertmanager 0.25 knows, the oldest version whose tools read every time interval that is written here.

use super::main_file::MainFile;
use super::yaml::{Node, NodeKind, Reader};
use crate::route::{CalendarSpan, MINUTES_PER_DAY, TimeInterval};

/// How much of a value is kept.
enum Kept {
    /// All of it.
    Whole,
    /// These fields of a mapping.
    Fields(&'static [(&'static str, Kept)]),
    /// A mapping's values that are no lists or mappings themselves.
    Texts,
    /// As much of each item of a list.
    Each(&'static Kept),
}

use Kept::{Each, Fields, Texts, Whole};

/// A channel: its field, what is kept of it, and of which fields it needs one each, here or in `global`.
struct Channel {
    field: &'static str,
    kept: Kept,
    needs: &'static [&'static [&'static str]],
}

const TLS: Kept = Fields(&[
    ("ca_file", Whole),
    ("cert_file", Whole),
    ("key_file", Whole),
    ("server_name", Whole),
    ("insecure_skip_verify", Whole),
    ("min_version", Whole),
    ("max_version", Whole),
]);

const HTTP: Kept = Fields(&[
    ("basic_auth", Fields(&[("username", Whole), ("password", Whole), ("password_file", Whole)])),
    ("authorization", Fields(&[("type", Whole), ("credentials", Whole), ("credentials_file", Whole)])),
    (
        "oauth2",
        Fields(&[
            ("client_id", Whole),
            ("client_secret", Whole),
            ("client_secret_file", Whole),
            ("scopes", Whole),
            ("token_url", Whole),
            ("endpoint_params", Whole),
            ("proxy_url", Whole),
        ]),
    ),
    ("bearer_token", Whole),
    ("bearer_token_file", Whole),
    ("follow_redirects", Whole),
    ("enable_http2", Whole),
    ("proxy_url", Whole),
    ("tls_config", TLS),
]);

/// The fields of a table: those that are kept whole, then the others.
macro_rules! fields {
    ($($whole:literal)* $(, $name:literal: $kept:expr)*) => { Fields(&[$(($whole, Whole),)* $(($name, $kept),)*]) };
}

static GLOBAL: Kept = fields![
    "resolve_timeout" "smtp_from" "smtp_hello" "smtp_smarthost" "smtp_auth_username" "smtp_auth_password"
    "smtp_auth_password_file" "smtp_auth_secret" "smtp_auth_identity" "smtp_require_tls" "slack_api_url"
    "slack_api_url_file" "pagerduty_url" "opsgenie_api_url" "opsgenie_api_key" "opsgenie_api_key_file"
    "victorops_api_url" "victorops_api_key" "victorops_api_key_file" "wechat_api_url" "wechat_api_secret"
    "wechat_api_corp_id" "telegram_api_url" "webex_api_url", "http_config": HTTP
];

static ROUTE: Kept = fields![
    "receiver" "group_by" "match" "match_re" "matchers" "mute_time_intervals" "active_time_intervals" "continue"
    "group_wait" "group_interval" "repeat_interval", "routes": Each(&ROUTE)
];

static INHIBIT_RULE: Kept = fields![
    "source_match" "source_match_re" "source_matchers" "target_match" "target_match_re" "target_matchers" "equal"
];
static INHIBIT_RULES: Kept = Each(&INHIBIT_RULE);

static CHANNELS: [Channel; 11] = [
    Channel {
        field: "discord_configs",
        kept: fields!["send_resolved" "webhook_url" "title" "message"],
        needs: &[&["webhook_url"]],
    },
    Channel {
        field: "email_configs",
        kept: fields!["send_resolved" "to" "from" "hello" "smarthost" "auth_username" "auth_password"
            "auth_password_file" "auth_secret" "auth_identity" "html" "text" "require_tls", "headers": Texts, "tls_config": TLS],
        needs: &[&["to"]],
    },
    Channel {
        field: "pagerduty_configs",
        kept: fields!["send_resolved" "service_key" "service_key_file" "routing_key" "routing_key_file" "url" "client"
            "client_url" "description" "images" "links" "severity" "class" "component" "group" "source", "details": Texts],
        needs: &[&["routing_key", "routing_key_file", "service_key", "service_key_file"]],
    },
    Channel {
        field: "slack_configs",
        kept: fields!["send_resolved" "api_url" "api_url_file" "channel" "username" "color" "title" "title_link"
            "pretext" "text" "fields" "short_fields" "footer" "fallback" "callback_id" "icon_emoji" "icon_url"
            "image_url" "thumb_url" "link_names" "mrkdwn_in" "actions"],
        needs: &[&["api_url", "api_url_file", "slack_api_url", "slack_api_url_file"]],
    },
    Channel { field: "webhook_configs", kept: fields!["send_resolved" "url" "max_alerts"], needs: &[&["url"]] },
    Channel {
        field: "wechat_configs",
        kept: fields!["send_resolved" "api_secret" "corp_id" "message" "api_url" "to_user" "to_party" "to_tag" "agent_id"
            "message_type"],
        needs: &[&["api_secret", "wechat_api_secret"], &["corp_id", "wechat_api_corp_id"]],
    },
    Channel {
        field: "opsgenie_configs",
        kept: fields!["send_resolved" "api_key" "api_key_file" "api_url" "message" "description" "source" "entity"
            "responders" "actions" "tags" "note" "priority" "update_alerts", "details": Texts],
        needs: &[&["api_key", "api_key_file", "opsgenie_api_key", "opsgenie_api_key_file"]],
    },
    Channel {
        field: "victorops_configs",
        kept: fields!["send_resolved" "api_key" "api_key_file" "api_url" "routing_key" "message_type" "state_message"
            "entity_display_name" "monitoring_tool", "custom_fields": Texts],
        needs: &[&["api_key", "api_key_file", "victorops_api_key", "victorops_api_key_file"], &["routing_key"]],
    },
    Channel {
        field: "pushover_configs",
        kept: fields!["send_resolved" "user_key" "token" "title" "message" "url" "url_title" "sound" "priority" "retry"
            "expire" "html"],
        needs: &[&["user_key"], &["token"]],
    },
    Channel {
        field: "sns_configs",
        kept: fields!["send_resolved" "api_url" "sigv4" "topic_arn" "phone_number" "target_arn" "subject" "message", "attributes": Texts],
        needs: &[&["topic_arn", "phone_number", "target_arn"]],
    },
    Channel {
        field: "telegram_configs",
        kept: fields!["send_resolved" "api_url" "bot_token" "chat_id" "message" "disable_notifications" "parse_mode"],
        needs: &[&["bot_token"], &["chat_id"]],
    },
];

/// The configuration `root`, compiled to `main`, as Alertmanager's tools read it, its secrets as `<secret>`.
pub(super) fn as_alertmanager(reader: &Reader<'_>, root: Option<&Node>, main: &MainFile) -> String {
    let mut out = Written { reader, text: String::new() };
    out.text.push_str("# What Alertmanager 0.25 and its tools read of this configuration.\n");
    let global = field(root, "global");
    out.block("global", global, &GLOBAL);
    match field(root, "route") {
        Some(route) => out.block("route", Some(route), &ROUTE),
        None => out.text.push_str(&format!("route:\n  receiver: {}\n", quoted(&main.route.receiver))),
    }
    out.block("inhibit_rules", field(root, "inhibit_rules"), &INHIBIT_RULES);
    out.block("templates", field(root, "templates"), &Whole);
    if !main.time_intervals.is_empty() {
        out.text.push_str("time_intervals:\n");
        main.time_intervals.iter().for_each(|interval| out.time_interval(interval));
    }
    out.text.push_str("receivers:\n");
    match field(root, "receivers").map(|node| &node.kind) {
        Some(NodeKind::Sequence(receivers)) => receivers.iter().for_each(|node| out.receiver(node, global)),
        _ => main.receivers.iter().for_each(|receiver| out.named(&receiver.name)),
    }
    out.text
}

fn field<'n>(node: Option<&'n Node>, name: &str) -> Option<&'n Node> {
    match &node?.kind {
        NodeKind::Mapping(entries) => entries.iter().find(|entry| entry.key == name).map(|entry| &*entry.value),
        _ => None,
    }
}

/// Double-quoted YAML; its escapes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Written<'r> {
    reader: &'r Reader<'r>,
    text: String,
}

impl Written<'_> {
    fn indent(&mut self, depth: usize) {
        (0..depth).for_each(|_| self.text.push_str("  "));
    }

    fn block(&mut self, name: &str, node: Option<&Node>, kept: &Kept) {
        if let Some(node) = node {
            self.entry(name, node, kept, 0);
        }
    }

    /// `name: value`, or nothing where nothing of the value is kept.
    fn entry(&mut self, name: &str, node: &Node, kept: &Kept, depth: usize) {
        let simple = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let key = if simple { name.to_owned() } else { quoted(name) };
        match (&node.kind, kept) {
            (NodeKind::Null, _) => {}
            (NodeKind::Scalar(_), _) => {
                let value = self.scalar(name, node);
                self.indent(depth);
                self.text.push_str(&format!("{key}: {value}\n"));
            }
            (NodeKind::Sequence(items), _) if items.is_empty() => {
                self.indent(depth);
                self.text.push_str(&format!("{key}: []\n"));
            }
            _ => {
                let before = self.text.len();
                self.indent(depth);
                self.text.push_str(&format!("{key}:\n"));
                let empty = self.text.len();
                self.within(name, node, kept, depth + 1);
                if self.text.len() == empty {
                    self.text.truncate(before);
                }
            }
        }
    }

    /// The items of a list, or the fields of a mapping.
    fn within(&mut self, name: &str, node: &Node, kept: &Kept, depth: usize) {
        match &node.kind {
            NodeKind::Mapping(entries) => {
                let known = matches!(kept, Fields(_));
                for entry in entries {
                    let kept = match kept {
                        Whole | Each(_) => Some(&Whole),
                        Texts => (!is_nested(&entry.value)).then_some(&Whole),
                        Fields(fields) => fields.iter().find(|(name, _)| *name == entry.key).map(|(_, kept)| kept),
                    };
                    match (kept, &entry.value.kind, known) {
                        (None, ..) | (_, NodeKind::Null, true) => {}
                        (_, NodeKind::Null, false) => {
                            self.indent(depth);
                            self.text.push_str(&format!("{}: ''\n", quoted(&entry.key)));
                        }
                        (Some(kept), ..) => self.entry(&entry.key, &entry.value, kept, depth),
                    }
                }
            }
            NodeKind::Sequence(items) => {
                let kept = if let Each(kept) = kept { kept } else { &Whole };
                items.iter().for_each(|item| self.item(name, item, kept, depth));
            }
            NodeKind::Scalar(_) | NodeKind::Null => {}
        }
    }

    fn item(&mut self, name: &str, node: &Node, kept: &Kept, depth: usize) {
        self.indent(depth);
        if let NodeKind::Scalar(_) = &node.kind {
            let value = self.scalar(name, node);
            return self.text.push_str(&format!("- {value}\n"));
        }
        let start = self.text.len();
        self.within(name, node, kept, depth + 1);
        // The first line's deeper indent makes room for the dash.
        match self.text.len() == start {
            true => self.text.push_str("- {}\n"),
            false => {
                let own = 2 * (depth + 1);
                self.text.replace_range(start..start + own, "- ");
            }
        }
    }

    fn scalar(&self, name: &str, node: &Node) -> String {
        let NodeKind::Scalar(scalar) = &node.kind else { return "null".to_owned() };
        match (self.reader.is_hidden(node), scalar.is_plain()) {
            // An address must remain one.
            (true, _) if name.ends_with("url") => quoted("https://<secret>"),
            (true, _) => quoted("<secret>"),
            (false, true) => scalar.text.clone(),
            (false, false) => quoted(&scalar.text),
        }
    }

    fn named(&mut self, name: &str) {
        self.text.push_str(&format!("  - name: {}\n", quoted(name)));
    }

    fn receiver(&mut self, node: &Node, global: Option<&Node>) {
        let Some(NodeKind::Scalar(name)) = field(Some(node), "name").map(|name| &name.kind) else { return };
        self.named(&name.text);
        for channel in &CHANNELS {
            let Some(NodeKind::Sequence(items)) = field(Some(node), channel.field).map(|node| &node.kind) else {
                continue;
            };
            let given = |item: &Node, name: &str| {
                [Some(item), global]
                    .into_iter()
                    .any(|node| field(node, name).is_some_and(|node| !matches!(node.kind, NodeKind::Null)))
            };
            let whole =
                |item: &&std::sync::Arc<Node>| channel.needs.iter().all(|any| any.iter().any(|name| given(item, name)));
            let items: Vec<_> = items.iter().filter(whole).collect();
            if items.is_empty() {
                continue;
            }
            self.text.push_str(&format!("    {}:\n", channel.field));
            items.into_iter().for_each(|item| self.item("", item, &channel.kept, 3));
        }
    }

    fn time_interval(&mut self, interval: &TimeInterval) {
        self.text.push_str(&format!("  - name: {}\n", quoted(&interval.name)));
        if interval.items.is_empty() {
            return;
        }
        self.text.push_str("    time_intervals:\n");
        for item in &interval.items {
            let fields = calendar_fields(item);
            self.text.push_str(&format!("      - {{{}}}\n", fields.join(", ")));
        }
    }
}

fn is_nested(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Mapping(_) | NodeKind::Sequence(_))
}

/// The fields of a stretch in flow style; ranges over midnight, the end of the week or of the year are two.
fn calendar_fields(item: &CalendarSpan) -> Vec<String> {
    let clock = |minute: u16| format!("'{:02}:{:02}'", minute / 60, minute % 60);
    let time = |(start, end): (u16, u16)| format!("{{start_time: {}, end_time: {}}}", clock(start), clock(end));
    let times = item.times.iter().flat_map(|range| match range.start < range.end {
        true => vec![(range.start, range.end)],
        false => vec![(range.start, MINUTES_PER_DAY), (0, range.end)],
    });
    let times = times.filter(|(start, end)| start < end).map(time).collect::<Vec<_>>();
    let number = |first: i64, last: i64| format!("'{first}:{last}'");
    let wrapped = |first: i8, last: i8, least: i8, most: i8| match first <= last {
        true => vec![(first, last)],
        false => vec![(first, most), (least, last)],
    };
    let weekday = |number: i8| {
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
            .get(usize::try_from(number).unwrap_or(0))
            .copied()
            .unwrap_or_default()
    };
    // Alertmanager's week begins with Sunday, and no range of it ends with one that began before.
    let from_sunday = |day: jiff::civil::Weekday| day.to_sunday_zero_offset();
    let weekdays =
        item.weekdays.iter().flat_map(|range| wrapped(from_sunday(range.first), from_sunday(range.last), 0, 6));
    let weekdays = weekdays.map(|(first, last)| format!("'{}:{}'", weekday((first + 6) % 7), weekday((last + 6) % 7)));
    let days = item.days_of_month.iter().map(|range| number(range.first.into(), range.last.into()));
    let months = item.months.iter().flat_map(|range| wrapped(range.first, range.last, 1, 12));
    let months = months.map(|(first, last)| number(first.into(), last.into()));
    let years = item.years.iter().map(|range| number(range.first.into(), range.last.into()));
    let mut fields = Vec::new();
    for (name, values) in [
        ("times", times),
        ("weekdays", weekdays.collect()),
        ("days_of_month", days.collect()),
        ("months", months.collect()),
        ("years", years.collect()),
    ] {
        if !values.is_empty() {
            fields.push(format!("{name}: [{}]", values.join(", ")));
        }
    }
    if let Some(zone) = item.zone.iana_name().filter(|zone| *zone != "UTC") {
        fields.push(format!("location: {}", quoted(zone)));
    }
    fields
}
