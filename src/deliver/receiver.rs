//! Compiled receivers: who can be told, and how.

use super::DeliveryPolicy;
use super::channels::*;

/// What the names of receivers begin with that stand for a contact of a user or a webhook of an escalation policy; no route
/// names them.
pub const HIDDEN_PREFIX: char = '@';

/// A named receiver with its integrations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receiver {
    /// The name that routes refer to.
    pub name: String,
    /// The channels; each is told separately.
    pub integrations: Vec<Integration>,
    /// How it is told, whatever its channels are.
    pub policy: DeliveryPolicy,
}

impl Receiver {
    /// Whether it stands for a contact of a user or a webhook of an escalation policy.
    pub fn is_hidden(&self) -> bool {
        self.name.starts_with(HIDDEN_PREFIX)
    }

    /// The escalation policy that it pages by.
    pub fn escalation(&self) -> Option<&str> {
        self.integrations.iter().find_map(|integration| match &integration.channel {
            Channel::Escalation(config) => Some(config.policy.as_str()),
            _ => None,
        })
    }
}

/// One channel of a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// Whether the end of alerts is told too.
    pub send_resolved: bool,
    /// The channel with its settings.
    pub channel: Channel,
}

/// The channels with their settings. Texts marked *template* are Go templates over the notification's data.
#[derive(Clone, Debug, PartialEq)]
pub enum Channel {
    /// Lines on standard output.
    Console(ConsoleConfig),
    /// A POST of Alertmanager's version 4 payload.
    Webhook(Box<WebhookConfig>),
    /// Slack, by incoming webhook or `chat.postMessage`.
    Slack(Box<SlackConfig>),
    /// A mail.
    Email(Box<EmailConfig>),
    /// PagerDuty's Events API v2 or v1.
    Pagerduty(Box<PagerdutyConfig>),
    /// A Discord webhook.
    Discord(Box<DiscordConfig>),
    /// A connector of Microsoft Teams.
    Msteams(Box<MsteamsConfig>),
    /// A workflow of Microsoft Teams.
    Msteamsv2(Box<Msteamsv2Config>),
    /// An incoming webhook of Mattermost.
    Mattermost(Box<MattermostConfig>),
    /// Rocket.Chat's `chat.postMessage`.
    Rocketchat(Box<RocketchatConfig>),
    /// A room of Webex.
    Webex(Box<WebexConfig>),
    /// A Telegram bot.
    Telegram(Box<TelegramConfig>),
    /// An app of WeChat Work.
    Wechat(Box<WechatConfig>),
    /// A topic of ntfy.
    Ntfy(Box<NtfyConfig>),
    /// An application of Gotify.
    Gotify(Box<GotifyConfig>),
    /// Opsgenie's Alert API.
    Opsgenie(Box<OpsgenieConfig>),
    /// VictorOps' (Splunk On-Call's) REST endpoint.
    Victorops(Box<VictoropsConfig>),
    /// A message of Pushover.
    Pushover(Box<PushoverConfig>),
    /// An issue in Jira.
    Jira(Box<JiraConfig>),
    /// Amazon SNS.
    Sns(Box<SnsConfig>),
    /// incident.io.
    Incidentio(Box<IncidentioConfig>),
    /// SMS by Twilio.
    Twilio(Box<TwilioConfig>),
    /// A local command.
    Exec(Box<ExecConfig>),
    /// Another Alertmanager.
    Alertmanager(Box<AlertmanagerConfig>),
    /// An escalation policy: the engine opens an incident, nothing is sent.
    Escalation(EscalationConfig),
}

impl Channel {
    /// The channel's name as in `<name>_configs`, metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Channel::Console(_) => "console",
            Channel::Webhook(_) => "webhook",
            Channel::Slack(_) => "slack",
            Channel::Email(_) => "email",
            Channel::Pagerduty(_) => "pagerduty",
            Channel::Discord(_) => "discord",
            Channel::Msteams(_) => "msteams",
            Channel::Msteamsv2(_) => "msteamsv2",
            Channel::Mattermost(_) => "mattermost",
            Channel::Rocketchat(_) => "rocketchat",
            Channel::Webex(_) => "webex",
            Channel::Telegram(_) => "telegram",
            Channel::Wechat(_) => "wechat",
            Channel::Ntfy(_) => "ntfy",
            Channel::Gotify(_) => "gotify",
            Channel::Opsgenie(_) => "opsgenie",
            Channel::Victorops(_) => "victorops",
            Channel::Pushover(_) => "pushover",
            Channel::Jira(_) => "jira",
            Channel::Sns(_) => "sns",
            Channel::Incidentio(_) => "incidentio",
            Channel::Twilio(_) => "twilio",
            Channel::Exec(_) => "exec",
            Channel::Alertmanager(_) => "alertmanager",
            Channel::Escalation(_) => "escalation",
        }
    }
}
