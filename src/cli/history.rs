//! `watchbell history`: what happened, as a running Watchbell has kept it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::connection::{Connection, LOCAL, wait_for, with_query};
use super::query::duration;
use crate::engine::Event;
use crate::shell::clock::Clock;
use crate::shell::prometheus_client::{Answered, AskError, PrometheusClient};
use crate::sim::describe;

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How many entries are asked for at a time.
const PAGE: usize = 1_000;

/// Shows what happened: alerts, notifications and why they were sent or not, silences, changes by people.
#[derive(Args, Debug)]
pub(super) struct HistoryArgs {
    /// Only these kinds: alert, queued, delivered, retried, abandoned, withheld, suppressed, silence, ...
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    event: Vec<String>,
    /// Only what concerns this receiver
    #[arg(long, value_name = "NAME")]
    receiver: Option<String>,
    /// Only what concerns alerts that satisfy this, such as `alertname=HighLoad`
    #[arg(long = "match", value_name = "MATCHER")]
    matchers: Vec<String>,
    /// Only what goes back to this batch of samples
    #[arg(long, value_name = "TRACE_ID")]
    trace: Option<String>,
    /// How far back
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = duration)]
    since: Duration,
    /// How many entries at the most, the latest ones
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    limit: usize,
    /// Show entries as JSON lines
    #[arg(long)]
    json: bool,
    /// The server
    #[arg(long, value_name = "URL", default_value = LOCAL)]
    url: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Deserialize)]
struct Page {
    entries: Vec<Value>,
    next: Option<u64>,
}

pub(super) fn run(args: HistoryArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    let config = args.connection.config()?;
    let since = clock.now() - args.since;
    let asked: Result<Vec<Value>, AskError> = wait_for(async {
        let client = PrometheusClient::new(&args.url, config, args.connection.timeout, ANSWER_BYTES_MAX).await?;
        let mut entries: Vec<Value> = Vec::new();
        let mut before = None;
        loop {
            let limit = (args.limit - entries.len()).min(PAGE);
            let path = args.path(&since.to_string(), limit, before);
            let Answered { data, .. } = client.ask::<Page>(&path, &[]).await?;
            let Some(page) = data else { break };
            entries.extend(page.entries);
            before = page.next;
            if before.is_none() || entries.len() >= args.limit {
                break;
            }
        }
        Ok(entries)
    })?;
    let mut out = io::stdout().lock();
    for entry in asked?.iter().rev() {
        match (args.json, serde_json::from_value::<Event>(entry.clone())) {
            (false, Ok(event)) => writeln!(out, "{}", line(&event))?,
            _ => writeln!(out, "{entry}")?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `event` as people read it, on one line: what somebody wrote, such as a reason, moves no cursor and makes no entry of its own.
fn line(event: &Event) -> String {
    let (word, detail) = describe(&event.kind).unwrap_or((event.kind.name(), String::new()));
    let line = format!("{}  {word:<9} {detail}", event.at);
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl HistoryArgs {
    fn path(&self, since: &str, limit: usize, before: Option<u64>) -> String {
        let mut parameters = vec![("since", since.to_owned()), ("limit", limit.to_string())];
        parameters.extend(before.map(|before| ("before", before.to_string())));
        parameters.extend(self.event.iter().map(|event| ("event", event.clone())));
        parameters.extend(self.receiver.iter().map(|receiver| ("receiver", receiver.clone())));
        parameters.extend(self.trace.iter().map(|trace| ("trace", trace.clone())));
        parameters.extend(self.matchers.iter().map(|matcher| ("filter", matcher.clone())));
        with_query("/api/v1/history", parameters.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Audit, EventKind};
    use crate::model::{Timestamp, TraceId};

    #[test]
    fn an_entry_is_one_line() {
        let audit = Audit {
            who: "ada".into(),
            address: None,
            action: "silence.set".into(),
            subject: "1".into(),
            reason: "a\u{1b}[2J\nb".into(),
        };
        let event = Event { at: Timestamp::from_seconds(0), trace: TraceId::NONE, kind: EventKind::Audit(audit) };
        assert_eq!(line(&event), "1970-01-01T00:00:00Z  audit     ada silence.set 1: a [2J b");
    }
}
