//! `watchbell ack`, `snooze` and the other verbs by which one answers: what people do about incidents of a running Watchbell.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::connection::{Running, ServiceError};
use super::incidents::{failed, standing, until};
use super::query::duration;
use crate::escalate::Target;
use crate::model::{Timestamp, format_duration};
use crate::shell::clock::Clock;
use crate::shell::http::IncidentSummary;
use crate::shell::notify::one_line;

/// What is posted.
const JSON: &str = "application/json";

/// Who answers, why, and where.
#[derive(Args, Debug)]
struct Answering {
    /// Why; it stands in the audit log
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Who answers, if the credentials are those of a token or there are none (default: the user of this machine)
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Write JSON lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    running: Box<Running>,
}

/// The incidents that something is done about, and nothing more needs to be said.
#[derive(Args, Debug)]
pub(super) struct Plainly {
    /// The numbers of the incidents
    #[arg(value_name = "NUMBER", required = true)]
    numbers: Vec<u64>,
    #[command(flatten)]
    answering: Answering,
}

/// Takes care of incidents: paging stops
#[derive(Args, Debug)]
pub(super) struct AckArgs {
    #[command(flatten)]
    plainly: Plainly,
}

/// Takes acknowledgements and snoozes back: paging begins again
#[derive(Args, Debug)]
pub(super) struct UnackArgs {
    #[command(flatten)]
    plainly: Plainly,
}

/// Pages the next step now
#[derive(Args, Debug)]
pub(super) struct EscalateArgs {
    #[command(flatten)]
    plainly: Plainly,
}

/// Says that incidents are over
#[derive(Args, Debug)]
pub(super) struct ResolveArgs {
    #[command(flatten)]
    plainly: Plainly,
}

/// Lets incidents wait: paging stops, and begins again then
#[derive(Args, Debug)]
pub(super) struct SnoozeArgs {
    #[command(flatten)]
    until: Until,
    #[command(flatten)]
    plainly: Plainly,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Until {
    /// For how long, such as `2h`
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    for_: Option<Duration>,
    /// Until when, such as `2026-11-22T08:00:00Z` or `2026-11-22T09:00:00+01:00`
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Until this time interval of the configuration begins
    #[arg(long, value_name = "NAME")]
    until_interval: Option<String>,
}

/// Hands incidents over: those are paged now
#[derive(Args, Debug)]
pub(super) struct ReassignArgs {
    /// To whom: `user:NAME`, `team:NAME`, `schedule:NAME`, `schedule:NAME+1` (the next on call), `channel:RECEIVER`
    #[arg(long, value_name = "TARGET", required = true, value_delimiter = ',', value_parser = target)]
    to: Vec<Target>,
    #[command(flatten)]
    plainly: Plainly,
}

/// Makes incidents part of another one
#[derive(Args, Debug)]
pub(super) struct MergeArgs {
    /// The number of the incident that they become part of
    #[arg(long, value_name = "NUMBER")]
    into: u64,
    #[command(flatten)]
    plainly: Plainly,
}

/// Notes something about an incident for everybody who looks at it
#[derive(Args, Debug)]
pub(super) struct NoteArgs {
    /// The number of the incident
    #[arg(value_name = "NUMBER")]
    number: u64,
    /// What there is to know
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
    #[command(flatten)]
    answering: Answering,
}

fn time(text: &str) -> anyhow::Result<Timestamp> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| anyhow::anyhow!("not a time such as `2026-11-22T08:00:00Z` or `2026-11-22T09:00:00+01:00`"))
}

fn target(text: &str) -> anyhow::Result<Target> {
    Target::parse(text).ok_or_else(|| {
        anyhow::anyhow!("write `user:NAME`, `team:NAME`, `schedule:NAME`, `schedule:NAME+1` or `channel:RECEIVER`")
    })
}

pub(super) fn ack(args: AckArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    args.plainly.run("ack", json!({}), clock)
}

pub(super) fn unack(args: UnackArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    args.plainly.run("unack", json!({}), clock)
}

pub(super) fn escalate(args: EscalateArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    args.plainly.run("escalate", json!({}), clock)
}

pub(super) fn resolve(args: ResolveArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    args.plainly.run("resolve", json!({}), clock)
}

pub(super) fn snooze(args: SnoozeArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    let body = match args.until {
        Until { for_: Some(duration), .. } => json!({ "for": format_duration(duration) }),
        Until { until: Some(until), .. } => json!({ "until": until.to_string() }),
        Until { until_interval, .. } => json!({ "until_interval": until_interval }),
    };
    args.plainly.run("snooze", body, clock)
}

pub(super) fn reassign(args: ReassignArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    let to: Vec<String> = args.to.iter().map(ToString::to_string).collect();
    args.plainly.run("reassign", json!({ "to": to }), clock)
}

pub(super) fn merge(args: MergeArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    args.plainly.run("merge", json!({ "into": args.into }), clock)
}

pub(super) fn note(args: NoteArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    let body = json!({ "text": args.text.join(" ") });
    Plainly { numbers: vec![args.number], answering: args.answering }.run("note", body, clock)
}

impl Plainly {
    /// Does `action` about each of the incidents; what is refused of one does not keep it from the others.
    fn run(self, action: &str, body: Value, clock: &Clock) -> anyhow::Result<ExitCode> {
        let Plainly { numbers, answering } = self;
        let body = answering.complete(body);
        let body = serde_json::to_vec(&body)?;
        let service = answering.running.service();
        let mut code = ExitCode::SUCCESS;
        for number in numbers {
            let path = format!("/api/v1/incidents/{number}/{action}");
            match service.request::<IncidentSummary>(Method::POST, &path, Some((JSON, body.clone()))) {
                Ok(summary) => answering.tell(action, &summary, clock.now())?,
                Err(error @ ServiceError::Refused(_)) => code = failed(error)?,
                Err(error) => return failed(error),
            }
        }
        Ok(code)
    }
}

impl Answering {
    /// The body with who answers and why.
    fn complete(&self, body: Value) -> Value {
        let mut fields = match body {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let local = || ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(variable);
        for (name, value) in [("comment", self.comment.clone()), ("by", self.by.clone().or_else(local))] {
            fields.extend(value.map(|value| (name.to_owned(), Value::from(value))));
        }
        Value::Object(fields)
    }

    fn tell(&self, action: &str, summary: &IncidentSummary, now: Timestamp) -> anyhow::Result<()> {
        let line = match self.json {
            true => serde_json::to_string(summary)?,
            false => one_line(&said(action, summary, now)),
        };
        Ok(writeln!(io::stdout().lock(), "{line}")?)
    }
}

/// How the incident stands after `action`.
fn said(action: &str, summary: &IncidentSummary, now: Timestamp) -> String {
    let standing = standing(&summary.standing, now);
    let done = match (action, &summary.next) {
        ("note", _) => "noted; ".to_owned() + &standing,
        ("unack" | "escalate" | "reassign", Some(next)) => {
            format!("{standing}; next {}: {}", until(next.at.0, now), next.text)
        }
        _ => standing,
    };
    format!("incident {} ({} {}): {done}", summary.number, summary.severity, summary.title)
}
