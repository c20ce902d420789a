//! `watchbell heartbeat`: how the heartbeats of a running Watchbell are, and a sign of life by hand or by a job.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::Value;

use super::connection::{Connection, LOCAL, wait_for};
use crate::deliver::Secret;
use crate::model::push_percent_encoded;
use crate::shell::prometheus_client::{Answered, AskError, PrometheusClient};

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The exit code when heartbeats stay away or have failed.
const MISSING: u8 = 1;
/// The header with the key of a heartbeat.
const KEY_HEADER: &str = "X-Watchbell-Key";
/// The key when no file is given.
const KEY_VARIABLE: &str = "WATCHBELL_HEARTBEAT_KEY";

/// Shows the heartbeats of a running Watchbell, and beats
#[derive(Args, Debug)]
pub(super) struct HeartbeatArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the heartbeats: how they are, when they last beat, when they are due
    List(Listing),
    /// Say that something lives
    Beat(Telling),
    /// Say that something has failed; its alert fires at once
    Fail(Telling),
}

#[derive(Args, Debug)]
struct Listing {
    /// Write the list as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Telling {
    /// The heartbeat's name
    name: String,
    /// What there is to say of it
    #[arg(long, value_name = "TEXT", default_value = "")]
    message: String,
    /// A file with the heartbeat's key; without one, the key is that of WATCHBELL_HEARTBEAT_KEY
    #[arg(long, value_name = "FILE")]
    heartbeat_key_file: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct Server {
    /// The server
    #[arg(long, value_name = "URL", default_value = LOCAL)]
    url: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Deserialize)]
struct Heartbeats {
    heartbeats: Vec<Value>,
}

impl Server {
    /// What `path` answers.
    fn ask<T: serde::de::DeserializeOwned>(&self, path: &str, key: Option<Secret>) -> anyhow::Result<Option<T>> {
        let mut config = self.connection.config()?;
        config.headers.extend(key.map(|key| (KEY_HEADER.to_owned(), key)));
        let asked: Result<Answered<T>, AskError> = wait_for(async {
            let client = PrometheusClient::new(&self.url, config, self.connection.timeout, ANSWER_BYTES_MAX).await?;
            client.ask(path, &[]).await
        })?;
        Ok(asked?.data)
    }
}

impl Telling {
    fn tell(&self, what: &str) -> anyhow::Result<ExitCode> {
        let mut path = "/api/v1/heartbeat/".to_owned();
        push_percent_encoded(&self.name, &mut path);
        path.push_str(what);
        if !self.message.is_empty() {
            path.push_str("?message=");
            push_percent_encoded(&self.message, &mut path);
        }
        let variable = || std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty()).map(Secret::Value);
        let key = self.heartbeat_key_file.clone().map(Secret::File).or_else(variable);
        self.server.ask::<Value>(&path, key)?;
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn run(args: HeartbeatArgs) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::List(listing) => list(&listing),
        Action::Beat(telling) => telling.tell(""),
        Action::Fail(telling) => telling.tell("/fail"),
    }
}

fn list(listing: &Listing) -> anyhow::Result<ExitCode> {
    let found = listing.server.ask::<Heartbeats>("/api/v1/heartbeats", None)?;
    let heartbeats = found.map(|found| found.heartbeats).unwrap_or_default();
    let mut out = io::stdout().lock();
    match listing.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&heartbeats)?)?,
        false => {
            let width = heartbeats.iter().map(|found| text(found, "name").len()).max().unwrap_or_default();
            heartbeats.iter().try_for_each(|found| writeln!(out, "{}", line(found, width)))?;
        }
    }
    let is_missing = |found: &Value| !found["missing_since"].is_null();
    Ok(if heartbeats.iter().any(is_missing) { ExitCode::from(MISSING) } else { ExitCode::SUCCESS })
}

fn text<'a>(heartbeat: &'a Value, name: &str) -> &'a str {
    heartbeat[name].as_str().unwrap_or_default()
}

/// `backup  missing  since 2026-11-22T04:15:00Z, last beat 2026-11-22T03:00:00Z: 12 GB`
fn line(heartbeat: &Value, width: usize) -> String {
    let moment = |name: &str, before: &str| {
        Some(text(heartbeat, name)).filter(|at| !at.is_empty()).map(|at| format!("{before}{at}"))
    };
    let last = moment("last_beat", "last beat ").unwrap_or_else(|| "no beat yet".to_owned());
    let facts = [moment("missing_since", "since "), Some(last), moment("due", "due by ")];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let message = Some(text(heartbeat, "message")).filter(|it| !it.is_empty()).map(|it| format!(": {it}"));
    let (name, state) = (text(heartbeat, "name"), text(heartbeat, "state"));
    format!("{name:<width$}  {state:<8} {}{}", facts.join(", "), message.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_one_line() {
        let missing = serde_json::json!({
            "name": "backup", "state": "missing", "last_beat": "2026-11-22T03:00:00Z", "due": null,
            "missing_since": "2026-11-22T04:15:00Z", "message": "12 GB",
        });
        let expected = "backup   missing  since 2026-11-22T04:15:00Z, last beat 2026-11-22T03:00:00Z: 12 GB";
        assert_eq!(line(&missing, 7), expected);
        let awaited = serde_json::json!({"name": "a", "state": "awaited", "due": "2026-11-22T04:15:00Z"});
        assert_eq!(line(&awaited, 1), "a  awaited  no beat yet, due by 2026-11-22T04:15:00Z");
    }
}
