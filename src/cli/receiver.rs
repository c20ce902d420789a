//! `watchbell receiver`: which receivers there are, and whether they can be told.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::configuration;
use super::connection::wait_for;
use crate::config::Plan;
use crate::deliver::Receiver;
use crate::model::{ALERT_NAME, Labels, is_label_name, nearest};
use crate::shell::clock::Clock;
use crate::shell::notify::{RenderError, Sender, Trial, TrialAlert, render, trial_notification, try_receiver};

/// The exit code when an integration could not be told.
const NOT_DELIVERED: u8 = 1;

/// Lists and tests receivers
#[derive(Args, Debug)]
pub(super) struct ReceiverArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the receivers with their integrations
    List(Listing),
    /// Send a test notification through the real senders, and show what each integration answers
    Test(Box<Testing>),
}

#[derive(Args, Debug)]
struct Listing {
    /// The main file; without one the embedded default
    #[arg(long, short, value_name = "FILE")]
    config: Option<String>,
    /// Write the list as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Testing {
    /// The receiver's name
    name: String,
    /// The main file; without one the embedded default
    #[arg(long, short, value_name = "FILE")]
    config: Option<String>,
    #[command(flatten)]
    made_up: MadeUp,
    /// Send nothing; show what would be sent
    #[arg(long)]
    dry_run: bool,
    /// Write the answers as JSON
    #[arg(long, conflicts_with = "dry_run")]
    json: bool,
}

/// The alert that a test tells of.
#[derive(Args, Debug)]
pub(super) struct MadeUp {
    /// The alert's labels; a word without `=` is its name (default WatchbellTest)
    #[arg(long, value_name = "NAME=VALUE", num_args = 1..)]
    alert: Vec<String>,
    /// Its annotations
    #[arg(long, value_name = "NAME=VALUE", num_args = 1..)]
    annotation: Vec<String>,
    /// The alert has ended
    #[arg(long)]
    resolved: bool,
    /// Only the integration with this number, from 0 in the order of `receiver list`
    #[arg(long, value_name = "NUMBER")]
    integration: Option<usize>,
}

impl MadeUp {
    /// The alert.
    ///
    /// # Errors
    ///
    /// Labels that are none.
    pub(super) fn alerts(&self) -> anyhow::Result<Vec<TrialAlert>> {
        let labels = pairs("--alert", &self.alert, Some(ALERT_NAME))?;
        let annotations = pairs("--annotation", &self.annotation, None)?;
        Ok(vec![TrialAlert { labels, annotations, is_resolved: self.resolved }])
    }

    /// What each integration of `receiver` would send.
    ///
    /// # Errors
    ///
    /// Labels that are none, no such integration, output that cannot be written.
    pub(super) fn show(&self, plan: &Plan, receiver: &Receiver, clock: &Clock) -> anyhow::Result<ExitCode> {
        let (alerts, now) = (self.alerts()?, clock.now());
        check_number(receiver, self.integration)?;
        let mut code = ExitCode::SUCCESS;
        let mut out = io::stdout().lock();
        let wanted = |number: usize| self.integration.is_none_or(|only| only == number);
        for (number, integration) in receiver.integrations.iter().enumerate().filter(|(number, _)| wanted(*number)) {
            let notification = trial_notification(&receiver.name, (number, integration), &alerts, now);
            let rendered: Result<_, RenderError> =
                render(integration, &notification, &plan.templates, &plan.engine.external_url, "test");
            writeln!(out, "{}[{number}]", integration.channel.name())?;
            match rendered {
                Ok(rendered) => writeln!(out, "{}\n", rendered.to_string().trim_end())?,
                Err(error) => {
                    writeln!(out, "error: {error}\n")?;
                    code = ExitCode::from(NOT_DELIVERED);
                }
            }
        }
        Ok(code)
    }
}

/// `name=value` texts as labels; `bare` is the name of what has no `=`.
fn pairs(option: &str, texts: &[String], bare: Option<&str>) -> anyhow::Result<Labels> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for text in texts {
        let (name, value) = match (text.split_once('='), bare) {
            (Some((name, value)), _) => (name, value),
            (None, Some(name)) => (name, text.as_str()),
            (None, None) => anyhow::bail!("{option}: `{text}` is not NAME=VALUE"),
        };
        if !is_label_name(name) {
            anyhow::bail!("{option}: `{name}` is no name of a label");
        }
        if pairs.iter().any(|(known, _)| known == name) {
            anyhow::bail!("{option}: `{name}` is given twice");
        }
        pairs.push((name.to_owned(), value.trim_matches('"').to_owned()));
    }
    Ok(Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}

/// The receiver of that name.
///
/// # Errors
///
/// There is none.
pub(super) fn named<'p>(plan: &'p Plan, name: &str) -> anyhow::Result<&'p Receiver> {
    let receivers = &plan.engine.receivers;
    receivers.iter().find(|receiver| receiver.name == name).with_context(|| {
        let near = nearest(name, receivers.iter().map(|receiver| receiver.name.as_str()));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("there is no receiver `{name}`{hint}")
    })
}

fn check_number(receiver: &Receiver, only: Option<usize>) -> anyhow::Result<()> {
    match only {
        Some(number) if number >= receiver.integrations.len() => {
            anyhow::bail!("`{}` has no integration {number}; it has {}", receiver.name, receiver.integrations.len())
        }
        _ => Ok(()),
    }
}

pub(super) fn run(args: ReceiverArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::List(listing) => list(&listing, clock),
        Action::Test(testing) => test(&testing, clock),
    }
}

fn list(listing: &Listing, clock: &Clock) -> anyhow::Result<ExitCode> {
    let Some(plan) = configuration::plan(listing.config.as_deref(), clock.now()) else { return Ok(ExitCode::from(2)) };
    let mut out = io::stdout().lock();
    let mut entries = Vec::new();
    for receiver in &plan.engine.receivers {
        let integrations = receiver.integrations.iter().enumerate();
        let integrations: Vec<_> = integrations
            .map(|(number, integration)| {
                serde_json::json!({
                    "integration": number,
                    "channel": integration.channel.name(),
                    "send_resolved": integration.send_resolved,
                })
            })
            .collect();
        if !listing.json {
            let channels = receiver.integrations.iter().enumerate();
            let channels = channels.map(|(number, integration)| format!("{}[{number}]", integration.channel.name()));
            writeln!(out, "{}  {}", receiver.name, channels.collect::<Vec<_>>().join(" "))?;
        }
        entries.push(serde_json::json!({ "name": receiver.name, "integrations": integrations }));
    }
    if listing.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&entries)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn test(testing: &Testing, clock: &Clock) -> anyhow::Result<ExitCode> {
    let Some(plan) = configuration::plan(testing.config.as_deref(), clock.now()) else { return Ok(ExitCode::from(2)) };
    let receiver = named(&plan, &testing.name)?;
    if testing.dry_run {
        return testing.made_up.show(&plan, receiver, clock);
    }
    let (alerts, only) = (testing.made_up.alerts()?, testing.made_up.integration);
    check_number(receiver, only)?;
    let sender = Arc::new(Sender::new(Arc::new(plan.templates.clone()), plan.engine.external_url.clone()));
    let trials = wait_for(try_receiver(&sender, receiver, only, &alerts, clock))?;
    let mut out = io::stdout().lock();
    match testing.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&trials)?)?,
        false => trials.iter().try_for_each(|trial| writeln!(out, "{}", line(trial)))?,
    }
    let delivered = trials.iter().all(|trial| trial.outcome.is_good());
    Ok(if delivered { ExitCode::SUCCESS } else { ExitCode::from(NOT_DELIVERED) })
}

/// `webhook[0]  rejected  after 0.012 s: 404 Not Found`
fn line(trial: &Trial) -> String {
    let name = format!("{}[{}]", trial.channel, trial.integration);
    let error = trial.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    format!("{name}  {:<9}  after {:.3} s{error}", trial.outcome.as_str(), trial.took_seconds)
}
