//! `receivers`: one file per channel, all alike: read the fields, fill in what `global` says, check.

mod console;
mod email;
mod pagerduty;
mod slack;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashSet;

use crate::deliver::{Channel, HttpConfig, Integration, Receiver, Secret};

use super::http::http_config;
use super::yaml::{Fields, Node, Reader, shorten};

pub(super) use email::{SmtpDefaults, smtp_defaults};
pub(super) use slack::{SlackDefaults, slack_defaults};

/// The time that an attempt may take unless the configuration says otherwise.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Where PagerDuty takes events.
pub(super) const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// Channels of Alertmanager that Watchbell does not have.
const FOREIGN_CHANNELS: [&str; 15] = [
    "discord_configs",
    "incidentio_configs",
    "jira_configs",
    "mattermost_configs",
    "msteams_configs",
    "msteamsv2_configs",
    "opsgenie_configs",
    "pushover_configs",
    "rocketchat_configs",
    "sns_configs",
    "telegram_configs",
    "victorops_configs",
    "webex_configs",
    "wechat_configs",
    "escalation",
];

/// What `global` says of receivers.
#[derive(Debug)]
pub(super) struct ChannelDefaults {
    pub(super) http: HttpConfig,
    pub(super) slack: SlackDefaults,
    pub(super) smtp: SmtpDefaults,
    pub(super) pagerduty_url: String,
}

/// Reads every receiver; their names differ.
pub(super) fn receivers(reader: &Reader<'_>, nodes: &[Arc<Node>], defaults: &ChannelDefaults) -> Vec<Receiver> {
    let mut names = HashSet::new();
    let mut receivers = Vec::new();
    for node in nodes {
        let Some(mut fields) = reader.fields(node, "a receiver") else { continue };
        let name = fields.need_text("name");
        if let Some(name) = name.as_ref().filter(|name| !names.insert((*name).clone())) {
            fields.error_at("name", "config/duplicate", format!("another receiver is named `{}` too", shorten(name)));
        }
        let integrations = integrations(&mut fields, defaults);
        for foreign in FOREIGN_CHANNELS {
            let hint = "this version has console, webhook, slack, email and pagerduty";
            fields.unsupported(foreign, Some(hint));
        }
        fields.finish();
        receivers.extend(name.map(|name| Receiver { name, integrations }));
    }
    receivers
}

fn integrations(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Vec<Integration> {
    type Read = fn(&mut Fields<'_>, &ChannelDefaults) -> Option<Channel>;
    let channels: [(&'static str, &'static str, bool, Read); 5] = [
        ("console_configs", "a console channel", true, console::read),
        ("webhook_configs", "a webhook channel", true, webhook::read),
        ("slack_configs", "a Slack channel", false, slack::read),
        ("email_configs", "a mail channel", false, email::read),
        ("pagerduty_configs", "a PagerDuty channel", true, pagerduty::read),
    ];
    let reader = fields.reader();
    let mut integrations = Vec::new();
    for (name, what, send_resolved, read) in channels {
        for node in fields.list(name) {
            let Some(mut channel) = reader.fields(node, what) else { continue };
            let send_resolved = channel.flag("send_resolved").unwrap_or(send_resolved);
            let read = read(&mut channel, defaults);
            channel.finish();
            integrations.extend(read.map(|channel| Integration { send_resolved, channel }));
        }
    }
    integrations
}

/// The connection of a channel: its own `http_config`, or that of `global`.
fn connection(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> HttpConfig {
    let reader = fields.reader();
    fields.take("http_config").map_or_else(|| defaults.http.clone(), |node| http_config(reader, node))
}

fn timeout(fields: &mut Fields<'_>) -> Duration {
    fields.duration("timeout").filter(|timeout| !timeout.is_zero()).unwrap_or(ATTEMPT_TIMEOUT)
}

/// Notes an error unless the secret address, where it is given as value, begins with `http://` or `https://`.
fn check_url(fields: &Fields<'_>, name: &str, url: Option<&Secret>) {
    if let Some(Secret::Value(url)) = url
        && !url.is_empty()
        && !["http://", "https://", "{{"].iter().any(|start| url.starts_with(start))
    {
        let message = format!("`{name}` must begin with `http://` or `https://`");
        fields.error_at(name, "config/url", message);
    }
}
