//! Compiled receivers: who can be told, and how. Secrets are references, read by the sender at each attempt.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A named receiver with its integrations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receiver {
    /// The name that routes refer to.
    pub name: String,
    /// The channels; each is told separately.
    pub integrations: Vec<Integration>,
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
    /// PagerDuty's Events API v2.
    Pagerduty(Box<PagerdutyConfig>),
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
        }
    }
}

/// A secret: given in the configuration (`${ENV}` already replaced) or the path of a file, read again for each attempt.
///
/// Its value never shows in `Debug`, logs, errors or answers.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The value itself.
    Value(String),
    /// The path of the file that holds it; white space around the content is cut.
    File(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Value(_) => f.write_str("<secret>"),
            Secret::File(path) => write!(f, "<secret in {path}>"),
        }
    }
}

/// Lines on standard output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsoleConfig {}

/// Alertmanager's `webhook_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookConfig {
    /// Where to POST; a template.
    pub url: Secret,
    /// The greatest number of alerts in one payload; 0 for all.
    pub max_alerts: usize,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// Alertmanager's `slack_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackConfig {
    /// Where it goes.
    pub target: SlackTarget,
    /// The channel or user; needed for an app, optional for a webhook.
    pub channel: String,
    /// The sender's name.
    pub username: String,
    /// `good`, `warning`, `danger` or `#rrggbb`.
    pub color: String,
    /// The attachment's title.
    pub title: String,
    /// Where the title links to.
    pub title_link: String,
    /// The text before the attachment.
    pub pretext: String,
    /// The attachment's text.
    pub text: String,
    /// The message's own text, above the attachment.
    pub message_text: String,
    /// A table of fields.
    pub fields: Vec<SlackField>,
    /// Whether fields are short unless they say otherwise.
    pub short_fields: bool,
    /// The attachment's footer.
    pub footer: String,
    /// The text for clients that cannot show attachments.
    pub fallback: String,
    /// The attachment's callback id.
    pub callback_id: String,
    /// The sender's icon as emoji.
    pub icon_emoji: String,
    /// The sender's icon as address.
    pub icon_url: String,
    /// A picture.
    pub image_url: String,
    /// A small picture.
    pub thumb_url: String,
    /// Whether names in the text become links.
    pub link_names: bool,
    /// Which parts hold Slack's markdown.
    pub mrkdwn_in: Vec<String>,
    /// Buttons.
    pub actions: Vec<SlackAction>,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// The two ways into Slack.
#[derive(Clone, Debug, PartialEq)]
pub enum SlackTarget {
    /// An incoming webhook's address.
    Webhook(Secret),
    /// An app's token, with the address of `chat.postMessage`.
    App {
        /// The bearer token.
        token: Secret,
        /// The method's address.
        url: String,
    },
}

/// A field of a Slack attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackField {
    /// A template.
    pub title: String,
    /// A template.
    pub value: String,
    /// Whether it may share its line; `None` as the attachment says.
    pub short: Option<bool>,
}

/// A button of a Slack attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackAction {
    /// `button` or another of Slack's kinds.
    pub kind: String,
    /// A template.
    pub text: String,
    /// A template.
    pub url: String,
    /// `primary`, `danger` or empty.
    pub style: String,
    /// The action's name.
    pub name: String,
    /// The value that is sent back; a template.
    pub value: String,
    /// What is asked before the action is taken.
    pub confirm: Option<SlackConfirm>,
}

/// The question before a Slack action. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackConfirm {
    /// The question's title.
    pub title: String,
    /// The question.
    pub text: String,
    /// The label of yes.
    pub ok_text: String,
    /// The label of no.
    pub dismiss_text: String,
}

/// Alertmanager's `email_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct EmailConfig {
    /// The recipients, separated by commas; a template.
    pub to: String,
    /// The sender; a template.
    pub from: String,
    /// The server's host.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The name we say in EHLO.
    pub hello: String,
    /// The user for AUTH; empty for none.
    pub auth_username: String,
    /// The password for PLAIN and LOGIN.
    pub auth_password: Option<Secret>,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// TLS settings.
    pub tls: TlsConfig,
    /// The HTML body; a template; empty for none.
    pub html: String,
    /// The text body; a template; empty for none.
    pub text: String,
    /// Further headers, `Subject` included; the values are templates.
    pub headers: BTreeMap<String, String>,
    /// The time that an attempt may take.
    pub timeout: Duration,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte.
    Implicit,
    /// STARTTLS, without which nothing is sent.
    StarttlsRequired,
    /// STARTTLS if the server offers it.
    StarttlsIfOffered,
}

/// Alertmanager's `pagerduty_config` for Events v2. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerdutyConfig {
    /// The integration's key.
    pub routing_key: Secret,
    /// The API's address.
    pub url: String,
    /// What sends.
    pub client: String,
    /// A link to what sends.
    pub client_url: String,
    /// The event's summary.
    pub description: String,
    /// `critical`, `error`, `warning` or `info`.
    pub severity: String,
    /// What is affected.
    pub source: String,
    /// Details by name.
    pub details: BTreeMap<String, String>,
    /// Pictures.
    pub images: Vec<PagerdutyImage>,
    /// Links.
    pub links: Vec<PagerdutyLink>,
    /// The part of the source that is affected.
    pub component: String,
    /// A group of sources.
    pub group: String,
    /// The class of the event.
    pub class: String,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// A picture of a PagerDuty event. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerdutyImage {
    /// Where it links to.
    pub href: String,
    /// Where it lies.
    pub src: String,
    /// What it shows.
    pub alt: String,
}

/// A link of a PagerDuty event. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerdutyLink {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub text: String,
}

/// A connection over HTTP, for scraping and for receivers.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    /// Basic authentication.
    pub basic_auth: Option<BasicAuth>,
    /// An `Authorization` header: its scheme and credentials.
    pub authorization: Option<(String, Secret)>,
    /// TLS settings.
    pub tls: TlsConfig,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be used.
    pub enable_http2: bool,
    /// A proxy's address.
    pub proxy_url: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            basic_auth: None,
            authorization: None,
            tls: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy_url: None,
            headers: Vec::new(),
        }
    }
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq)]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Option<Secret>,
}

/// TLS settings; the files are read again for each new connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsConfig {
    /// A file with the certificates to trust, instead of the machine's.
    pub ca_file: Option<String>,
    /// A file with our certificate.
    pub cert_file: Option<String>,
    /// A file with our key.
    pub key_file: Option<String>,
    /// The name to expect in the server's certificate.
    pub server_name: Option<String>,
    /// Whether any certificate is accepted.
    pub insecure_skip_verify: bool,
}
