//! `receivers`: one file per channel, all alike: read the fields, fill in what `global` says, check.

mod alertmanager;
mod console;
mod discord;
mod email;
mod exec;
mod gotify;
mod incidentio;
mod jira;
mod keyed;
mod mattermost;
mod msteams;
mod ntfy;
mod opsgenie;
mod pagerduty;
mod pushover;
mod rocketchat;
mod slack;
mod sns;
mod telegram;
mod twilio;
mod victorops;
mod webex;
mod webhook;
mod wechat;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashSet;

use crate::deliver::{Channel, EscalationConfig, HIDDEN_PREFIX, HttpConfig, Integration, Receiver, Secret};

use super::http::http_config;
use super::noise::{check_fallbacks, delivery_policy};
use super::yaml::{Fields, Node, NodeKind, Reader, shorten};

pub(super) use email::{SmtpDefaults, smtp_defaults};
pub(super) use jira::jira_api_url;
pub(super) use keyed::KeyedApi;
pub(super) use mattermost::{MattermostDefaults, mattermost_defaults};
pub(super) use opsgenie::opsgenie_defaults;
pub(super) use rocketchat::{RocketchatDefaults, rocketchat_defaults};
pub(super) use slack::{SlackDefaults, slack_defaults};
pub(super) use telegram::{TelegramDefaults, telegram_defaults};
pub(super) use twilio::{TwilioDefaults, twilio_defaults};
pub(super) use victorops::victorops_defaults;
pub(super) use webex::webex_api_url;
pub(super) use wechat::{WechatDefaults, wechat_defaults};

/// The time that an attempt may take unless the configuration says otherwise.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// How many telephones or peers one channel may have.
const SEVERAL_MAX: usize = 100;
/// Where PagerDuty takes events.
pub(super) const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// What `global` says of receivers.
#[derive(Debug)]
pub(super) struct ChannelDefaults {
    pub(super) http: HttpConfig,
    pub(super) slack: SlackDefaults,
    pub(super) smtp: SmtpDefaults,
    pub(super) pagerduty_url: String,
    pub(super) mattermost: MattermostDefaults,
    pub(super) rocketchat: RocketchatDefaults,
    pub(super) telegram: TelegramDefaults,
    pub(super) twilio: TwilioDefaults,
    pub(super) webex_api_url: String,
    pub(super) wechat: WechatDefaults,
    pub(super) opsgenie: KeyedApi,
    pub(super) victorops: KeyedApi,
    pub(super) jira_api_url: String,
    /// Whether receivers may run commands.
    pub(super) allow_exec: bool,
}

/// Where receivers name others.
#[derive(Debug, Default)]
pub(super) struct ReceiverPlaces {
    /// The policies that receivers name; whether there are such is checked later.
    pub(super) escalations: Vec<EscalationPlace>,
    /// Where which receiver has its fallback.
    pub(super) fallbacks: Vec<(String, Range<usize>)>,
}

/// The escalation policy that something names, and where.
#[derive(Debug)]
pub(super) struct EscalationPlace {
    pub(super) policy: String,
    pub(super) span: Range<usize>,
}

impl EscalationPlace {
    /// What the field `escalation` names, if it is given.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<EscalationPlace> {
        let span = fields.take("escalation")?.span.clone();
        Some(EscalationPlace { policy: fields.need_text("escalation")?, span })
    }
}

/// Reads every receiver; their names differ.
pub(super) fn receivers(
    reader: &Reader<'_>,
    nodes: &[Arc<Node>],
    defaults: &ChannelDefaults,
) -> (Vec<Receiver>, ReceiverPlaces) {
    let mut names = HashSet::new();
    let (mut receivers, mut places) = (Vec::new(), ReceiverPlaces::default());
    for node in nodes {
        let Some(mut fields) = reader.fields(node, "a receiver") else { continue };
        let name = fields.need_text("name");
        if let Some(name) = name.as_ref().filter(|name| !names.insert((*name).clone())) {
            fields.error_at("name", "config/duplicate", format!("another receiver is named `{}` too", shorten(name)));
        }
        if name.as_ref().is_some_and(|name| name.starts_with(HIDDEN_PREFIX)) {
            let message = format!("names that begin with `{HIDDEN_PREFIX}` stand for the contacts of users");
            fields.error_at("name", "config/receiver-name", message);
        }
        let mut integrations = integrations(&mut fields, defaults);
        let escalation = EscalationPlace::read(&mut fields);
        let policy = delivery_policy(&mut fields);
        let fallback = fields.take("fallback").map(|node| node.span.clone());
        if let Some(place) = escalation {
            let channel = Channel::Escalation(EscalationConfig { policy: place.policy.clone() });
            integrations.push(Integration { send_resolved: true, channel });
            places.escalations.push(place);
        }
        places.fallbacks.extend(name.clone().zip(fallback));
        fields.finish();
        receivers.extend(name.map(|name| Receiver { name, integrations, policy }));
    }
    check_fallbacks(reader, &places.fallbacks, &receivers);
    (receivers, places)
}

/// Reads every channel of a receiver, or of what is told as one.
pub(super) fn integrations(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Vec<Integration> {
    type Read = fn(&mut Fields<'_>, &ChannelDefaults) -> Option<Channel>;
    let channels: &[(&'static str, &'static str, bool, Read)] = &[
        ("console_configs", "a console channel", true, console::read),
        ("webhook_configs", "a webhook channel", true, webhook::read),
        ("slack_configs", "a Slack channel", false, slack::read),
        ("email_configs", "a mail channel", false, email::read),
        ("pagerduty_configs", "a PagerDuty channel", true, pagerduty::read),
        ("discord_configs", "a Discord channel", true, discord::read),
        ("msteams_configs", "a Teams channel", true, msteams::read),
        ("msteamsv2_configs", "a Teams workflow", true, msteams::read_v2),
        ("mattermost_configs", "a Mattermost channel", true, mattermost::read),
        ("rocketchat_configs", "a Rocket.Chat channel", false, rocketchat::read),
        ("webex_configs", "a Webex channel", true, webex::read),
        ("telegram_configs", "a Telegram channel", true, telegram::read),
        ("wechat_configs", "a WeChat channel", false, wechat::read),
        ("ntfy_configs", "an ntfy channel", true, ntfy::read),
        ("gotify_configs", "a Gotify channel", true, gotify::read),
        ("opsgenie_configs", "an Opsgenie channel", true, opsgenie::read),
        ("victorops_configs", "a VictorOps channel", true, victorops::read),
        ("pushover_configs", "a Pushover channel", true, pushover::read),
        ("jira_configs", "a Jira channel", true, jira::read),
        ("sns_configs", "an SNS channel", true, sns::read),
        ("incidentio_configs", "an incident.io channel", true, incidentio::read),
        ("exec_configs", "a command", true, exec::read),
    ];
    // Each telephone, each peer is told by itself, so that one that fails costs the others nothing.
    type ReadEach = fn(&mut Fields<'_>, &ChannelDefaults) -> Vec<Channel>;
    let channels_of_several: [(&'static str, &'static str, ReadEach); 2] = [
        ("twilio_configs", "a Twilio channel", twilio::read),
        ("alertmanager_configs", "a group of Alertmanagers", alertmanager::read),
    ];
    let reader = fields.reader();
    let mut integrations = Vec::new();
    for &(name, what, send_resolved, read) in channels {
        for node in fields.list(name) {
            let Some(mut channel) = reader.fields(node, what) else { continue };
            let send_resolved = channel.flag("send_resolved").unwrap_or(send_resolved);
            let read = read(&mut channel, defaults);
            channel.finish();
            integrations.extend(read.map(|channel| Integration { send_resolved, channel }));
        }
    }
    for (name, what, read) in channels_of_several {
        for node in fields.list(name) {
            let Some(mut channel) = reader.fields(node, what) else { continue };
            let send_resolved = channel.flag("send_resolved").unwrap_or(true);
            let read = read(&mut channel, defaults);
            channel.finish();
            integrations.extend(read.into_iter().map(|channel| Integration { send_resolved, channel }));
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

/// The secret `value` or that in `file`, else `default`; without any of them it is missing.
fn secret_or(
    fields: &mut Fields<'_>,
    value: &'static str,
    file: &'static str,
    default: Option<&Secret>,
) -> Option<Secret> {
    match fields.secret(value, file) {
        Some(secret) => Some(secret),
        // Both are given: that is noted.
        None if fields.path(file).is_some() => None,
        None => default.cloned().or_else(|| {
            fields.missing(value);
            None
        }),
    }
}

/// The address of an incoming webhook, or `default`.
fn webhook_url(fields: &mut Fields<'_>, default: Option<&Secret>) -> Option<Secret> {
    let url = secret_or(fields, "webhook_url", "webhook_url_file", default);
    check_url(fields, "webhook_url", url.as_ref());
    url
}

/// The address `name`, or `default`; begins with `http://` or `https://`. One with a password in it does not show.
pub(super) fn address_or(fields: &mut Fields<'_>, name: &'static str, default: &str) -> String {
    let url = fields.text(name).filter(|url| !url.is_empty()).unwrap_or_else(|| default.to_owned());
    if let Some(node) = fields.take(name)
        && has_user_info(&url)
    {
        fields.reader().hide(node);
    }
    check_address(fields, name, &url);
    url
}

/// Whether a name or password stands before the host.
fn has_user_info(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().is_some_and(|host| host.contains('@'))
}

/// As [`check_address`] for a secret address; one in a file is looked at when it is used.
pub(super) fn check_url(fields: &Fields<'_>, name: &str, url: Option<&Secret>) {
    if let Some(Secret::Value(url)) = url {
        check_address(fields, name, url);
    }
}

/// Notes an error unless the address, if there is one, begins with `http://` or `https://` and a host, or with a template.
fn check_address(fields: &Fields<'_>, name: &str, url: &str) {
    if url.is_empty() || url.starts_with("{{") {
        return;
    }
    match url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) {
        None => {
            fields.error_at(name, "config/url", format!("`{name}` must begin with `http://` or `https://`"));
        }
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '?', '#']) => {
            fields.error_at(name, "config/url", format!("`{name}` names no host"));
        }
        Some(_) => {}
    }
}

/// Templates under free names; absent is empty.
fn templates_by_name(fields: &mut Fields<'_>, name: &'static str) -> BTreeMap<String, String> {
    let reader = fields.reader();
    let mut templates = BTreeMap::new();
    for entry in fields.take(name).map(|node| reader.entries(node, "texts by name")).unwrap_or_default() {
        reader.note_template(&entry.value);
        if let Some(value) = reader.scalar(&entry.value, "a text") {
            templates.insert(entry.key.clone(), value.text.clone());
        }
    }
    templates
}

/// The texts of a list that must hold 1 to [`SEVERAL_MAX`], none of them empty or twice; templates.
fn several(fields: &mut Fields<'_>, name: &'static str) -> Vec<String> {
    let mut texts = Vec::new();
    let Some(given) = fields.texts(name).filter(|given| !given.is_empty()) else {
        fields.missing(name);
        return texts;
    };
    if given.len() > SEVERAL_MAX {
        fields.error_at(name, "config/limit", format!("`{name}` may hold {SEVERAL_MAX} at most"));
    }
    for (text, node) in given {
        fields.reader().note_template(node);
        if text.is_empty() {
            fields.reader().error("yaml/empty", &node.span, format!("`{name}` must not hold empty texts"));
        } else if texts.contains(&text) {
            let message = format!("`{}` is given twice", shorten(&text));
            fields.reader().error("config/duplicate", &node.span, message);
        } else {
            texts.push(text);
        }
    }
    texts
}
