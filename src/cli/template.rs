//! `watchbell template render`: what a template yields, and what a receiver would be sent.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;

use super::configuration;
use super::receiver::{MadeUp, named};
use crate::config::Files;
use crate::deliver::{Channel, ConsoleConfig, Integration};
use crate::model::{AlertStatus, Labels, Timestamp};
use crate::shell::clock::Clock;
use crate::shell::files::DiskFiles;
use crate::shell::notify::trial_notification;
use crate::template::{AlertData, NotificationData, NotificationTemplates};

/// The exit code when a template fails.
const TEMPLATE_FAILED: u8 = 1;
/// The largest file of data, in bytes.
const DATA_BYTES_MAX: u64 = 64 << 20;

/// Renders templates of notifications
#[derive(Args, Debug)]
pub(super) struct TemplateArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Render a text, as `amtool template render` does, or all that a receiver would be sent
    Render(Box<Rendering>),
}

#[derive(Args, Debug)]
struct Rendering {
    /// Files with templates; may be given again
    #[arg(long = "template.glob", value_name = "GLOB")]
    globs: Vec<String>,
    /// The template to render
    #[arg(
        long = "template.text",
        value_name = "TEXT",
        required_unless_present = "receiver",
        conflicts_with = "receiver"
    )]
    text: Option<String>,
    /// Whether what the template puts in is escaped for HTML
    #[arg(long = "template.type", value_enum, default_value_t = Kind::Text, value_name = "TYPE")]
    kind: Kind,
    /// A file with the data that the template sees, as JSON in the form of a webhook's payload (default: made-up data)
    #[arg(long = "template.data", value_name = "FILE", conflicts_with = "receiver")]
    data: Option<String>,
    /// The receiver whose messages are rendered
    #[arg(long, value_name = "NAME")]
    receiver: Option<String>,
    /// The main file, whose templates are there too
    #[arg(long, short, value_name = "FILE")]
    config: Option<String>,
    #[command(flatten)]
    made_up: MadeUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Text
    Text,
    /// HTML
    Html,
}

pub(super) fn run(args: TemplateArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    let Action::Render(rendering) = args.action;
    let Some(mut plan) = configuration::plan(rendering.config.as_deref(), clock.now()) else {
        return Ok(ExitCode::from(2));
    };
    if !rendering.globs.is_empty() {
        plan.templates = templates(&rendering.globs)?;
    }
    if let Some(name) = &rendering.receiver {
        return rendering.made_up.show(&plan, named(&plan, name)?, clock);
    }
    let data = match &rendering.data {
        Some(path) => read_data(path, clock.now())?,
        None => {
            let console = Integration { send_resolved: true, channel: Channel::Console(ConsoleConfig {}) };
            let alerts = rendering.made_up.alerts()?;
            let notification = trial_notification("receiver", (0, &console), &alerts, clock.now());
            notification.template_data(&plan.engine.external_url)
        }
    };
    let text = rendering.text.unwrap_or_default();
    let rendered = match rendering.kind {
        Kind::Text => plan.templates.text(&text, &data),
        Kind::Html => plan.templates.html(&text, &data),
    };
    match rendered {
        Ok(rendered) => {
            writeln!(io::stdout(), "{rendered}")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("error: {error}");
            Ok(ExitCode::from(TEMPLATE_FAILED))
        }
    }
}

/// The built-in templates overlaid by those in the files that `globs` match.
fn templates(globs: &[String]) -> anyhow::Result<NotificationTemplates> {
    let mut files = Vec::new();
    for glob in globs {
        let paths = DiskFiles.glob(glob)?;
        anyhow::ensure!(!paths.is_empty(), "`{glob}` matches no file");
        for path in paths {
            let text = String::from_utf8(DiskFiles.read(&path)?).with_context(|| format!("`{path}` is not UTF-8"))?;
            files.push((path, text));
        }
    }
    let texts = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    NotificationTemplates::new(texts).map_err(|error| anyhow::anyhow!("{}: {}", error.path, error.error))
}

/// A template's data as JSON, in Alertmanager's names; what is missing is empty.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Data {
    receiver: String,
    status: AlertStatus,
    alerts: Vec<DataAlert>,
    notification_reason: String,
    group_labels: Labels,
    common_labels: Labels,
    common_annotations: Labels,
    route_labels: Labels,
    #[serde(rename = "externalURL")]
    external_url: String,
}

impl Default for Data {
    fn default() -> Self {
        Data {
            receiver: String::new(),
            status: AlertStatus::Firing,
            alerts: Vec::new(),
            notification_reason: String::new(),
            group_labels: Labels::default(),
            common_labels: Labels::default(),
            common_annotations: Labels::default(),
            route_labels: Labels::default(),
            external_url: String::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DataAlert {
    #[serde(default = "firing")]
    status: AlertStatus,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Labels,
    #[serde(default)]
    starts_at: String,
    #[serde(default)]
    ends_at: String,
    #[serde(rename = "generatorURL", default)]
    generator_url: String,
    #[serde(default)]
    fingerprint: String,
}

fn firing() -> AlertStatus {
    AlertStatus::Firing
}

impl DataAlert {
    fn read(self, now: Timestamp) -> anyhow::Result<AlertData> {
        let time = |name: &str, text: &str| match text {
            "" => Ok(None),
            // Go's zero time.
            text if text.starts_with("0001-01-01T00:00:00") => Ok(None),
            text => Timestamp::parse_rfc3339(text).map(Some).with_context(|| format!("{name}: `{text}` is no time")),
        };
        Ok(AlertData {
            status: self.status,
            starts_at: time("startsAt", &self.starts_at)?.unwrap_or(now),
            ends_at: time("endsAt", &self.ends_at)?,
            labels: self.labels,
            annotations: self.annotations,
            generator_url: self.generator_url,
            fingerprint: self.fingerprint,
        })
    }
}

fn read_data(path: &str, now: Timestamp) -> anyhow::Result<NotificationData> {
    let context = || format!("cannot read the data `{path}`");
    let size = std::fs::metadata(path).with_context(context)?.len();
    anyhow::ensure!(size <= DATA_BYTES_MAX, "`{path}` is larger than {} MiB", DATA_BYTES_MAX >> 20);
    let data: Data = serde_json::from_slice(&std::fs::read(path).with_context(context)?).with_context(context)?;
    Ok(NotificationData {
        receiver: data.receiver,
        status: data.status,
        alerts: data
            .alerts
            .into_iter()
            .map(|alert| alert.read(now))
            .collect::<anyhow::Result<_>>()
            .with_context(context)?,
        reason: data.notification_reason,
        group_labels: data.group_labels,
        common_labels: data.common_labels,
        common_annotations: data.common_annotations,
        route_labels: data.route_labels,
        external_url: data.external_url,
        incident: None,
        now,
    })
}
