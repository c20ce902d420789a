//! `watchbell incidents`: what somebody is to take care of, as a running Watchbell has it.

mod show;
mod table;

use std::cmp::Reverse;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use super::connection::{Running, ServiceError, with_query};
use super::query::columns;
use crate::model::{Timestamp, format_duration};
use crate::shell::clock::Clock;
use crate::shell::http::{IncidentDetail, IncidentSummary, Standing};

/// The exit code where the service refuses or cannot be asked.
const FAILED: u8 = 1;
/// How many incidents are asked for at a time.
const PAGE: usize = 1_000;
/// The columns of an output that is no terminal.
const COLUMNS: usize = 80;

/// Shows what somebody is to take care of
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct IncidentsArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List incidents, the most important first
    List(Listing),
    /// Show everything about one: alerts with the likely cause first, who was paged when and why, what is next
    Show(Showing),
}

#[derive(Args, Debug)]
struct Listing {
    /// Only those that stand so (default: all but closed ones)
    #[arg(long, value_name = "STATE", value_enum, value_delimiter = ',')]
    state: Vec<State>,
    /// Those too that are over
    #[arg(long, conflicts_with = "state")]
    all: bool,
    /// Only those of these policies
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    policy: Vec<String>,
    /// Only those of these severities, such as `P1`
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    severity: Vec<String>,
    /// Only those for which these users were paged, or that they have answered
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    who: Vec<String>,
    /// How many at the most, the latest ones
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    limit: usize,
    /// Write JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    running: Box<Running>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Open,
    Acknowledged,
    Snoozed,
    Closed,
}

#[derive(Args, Debug)]
struct Showing {
    /// Its number
    #[arg(value_name = "NUMBER")]
    number: u64,
    /// Write JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    running: Box<Running>,
}

#[derive(Deserialize)]
struct Page {
    incidents: Vec<IncidentSummary>,
    next: Option<u64>,
}

pub(super) fn run(args: IncidentsArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    let text = match args.verb {
        Some(Verb::Show(showing)) => show(&showing, clock),
        Some(Verb::List(listing)) => list(&listing, clock),
        None => list(&args.listing, clock),
    };
    match text {
        Ok(text) => io::stdout().lock().write_all(text.as_bytes())?,
        Err(error) => return failed(error),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what went wrong; where the call is not at fault the exit code is 1.
pub(super) fn failed(error: ServiceError) -> anyhow::Result<ExitCode> {
    if let ServiceError::Call(error) = error {
        return Err(error);
    }
    eprintln!("error: {error}");
    Ok(ExitCode::from(FAILED))
}

fn list(listing: &Listing, clock: &Clock) -> Result<String, ServiceError> {
    let mut incidents = listing.ask()?;
    incidents.sort_by_key(|incident| {
        let place = match incident.standing {
            Standing::Open => 0,
            Standing::Acknowledged { .. } => 1,
            Standing::Snoozed { .. } => 2,
            Standing::Closed { .. } => 3,
        };
        (place, Reverse(incident.priority.score), Reverse(incident.number))
    });
    Ok(match listing.json {
        true => json(&incidents)?,
        false => table::table(&incidents, clock.now(), columns().unwrap_or(COLUMNS)),
    })
}

fn json(data: &impl Serialize) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(data)?))
}

impl Listing {
    /// The incidents, the latest first.
    fn ask(&self) -> Result<Vec<IncidentSummary>, ServiceError> {
        let mut incidents: Vec<IncidentSummary> = Vec::new();
        let mut before = None;
        loop {
            let limit = self.limit.saturating_sub(incidents.len()).min(PAGE);
            let page: Page = self.running.service().get(&self.path(limit, before))?;
            incidents.extend(page.incidents);
            before = page.next;
            if before.is_none() || incidents.len() >= self.limit {
                return Ok(incidents);
            }
        }
    }

    fn path(&self, limit: usize, before: Option<u64>) -> String {
        let name = |state: &State| state.to_possible_value().map(|value| value.get_name().to_owned());
        let states: Vec<String> = match (self.all, self.state.as_slice()) {
            (true, _) => Vec::new(),
            (false, []) => ["open", "acknowledged", "snoozed"].map(str::to_owned).to_vec(),
            (false, states) => states.iter().filter_map(name).collect(),
        };
        let (limit, before) = (limit.to_string(), before.map(|before| before.to_string()));
        let lists = [("state", &states), ("policy", &self.policy), ("severity", &self.severity), ("user", &self.who)];
        let lists = lists.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value.as_str())));
        let before = before.iter().map(|before| ("before", before.as_str()));
        with_query("/api/v1/incidents", [("limit", limit.as_str())].into_iter().chain(before).chain(lists))
    }
}

fn show(showing: &Showing, clock: &Clock) -> Result<String, ServiceError> {
    let detail: IncidentDetail = showing.running.service().get(&format!("/api/v1/incidents/{}", showing.number))?;
    Ok(match showing.json {
        true => json(&detail)?,
        false => show::text(&detail, clock.now()),
    })
}

/// A duration in at most two units: `12s`, `4m`, `1h2m`, `2d4h`.
pub(super) fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let unit = match seconds {
        0..60 => 1,
        60..86_400 => 60,
        _ => 3600,
    };
    format_duration(Duration::from_secs(seconds / unit * unit))
}

/// `in 4m`, or `now`.
pub(super) fn until(at: Timestamp, now: Timestamp) -> String {
    match at > now {
        true => format!("in {}", rough(at.since(now))),
        false => "now".to_owned(),
    }
}

/// How an incident stands, in a few words.
pub(super) fn standing(standing: &Standing, now: Timestamp) -> String {
    match standing {
        Standing::Open => "open".to_owned(),
        Standing::Acknowledged { by, .. } => format!("acknowledged by {}", by.name),
        Standing::Snoozed { by, until } => {
            format!("snoozed by {} until {} ({})", by.name, until.0, self::until(until.0, now))
        }
        Standing::Closed { because, .. } => format!("closed: {because}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalate::{Closed, IncidentState, Via, Who};
    use crate::shell::http::samples;

    #[test]
    fn durations_are_rough() {
        for (seconds, expected) in
            [(0, "0s"), (59, "59s"), (245, "4m"), (3725, "1h2m"), (86_399, "23h59m"), (187_300, "2d4h")]
        {
            assert_eq!(rough(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn an_incident_at_three_in_the_morning() {
        let (incident, plan) = (samples::incident(), samples::plan());
        let now = Timestamp::from_seconds(1230);
        let detail = IncidentDetail::new(&incident, now, &plan);
        insta::assert_snapshot!(show::text(&detail, now), @r#"
        Incident 7: Disk db
        P1, priority 111 = 100 (P1) + 10 (2 services) + 1 (open for 10m)
        open
        opened 1970-01-01T00:10:00Z (10m ago), policy web
        to be answered until 1970-01-01T00:25:00Z (in 4m)

        Likely cause
          Disk{service="db", severity="page"}  fires for 10m
            no room
            http://prometheus/graph

        Symptoms
          Slow{service="shop", severity="warning"}  fires for 8m
            no room
            http://prometheus/graph

        Over
          Gone  fired for 4m, over 7m ago
            no room
            http://prometheus/graph

        Paged
          ada (@ada/mail)  2 times, last 5m ago, 1 arrived
            step 1 of 2, on call by primary

        Steps
          1 after 15m: schedule:primary, 2 times more every 5m
        > 2 after 15m: user:bo, in business-hours, 2 times more every 5m
          then user:boss

        Ahead
          1970-01-01T00:20:00Z  now    ada (@ada/phone): step 1 of 2, on call by primary
          1970-01-01T00:25:00Z  in 4m  step 2 of 2, if it is business-hours then: user:bo

        What happened
          1970-01-01T00:10:00Z  opened
          1970-01-01T00:10:00Z  paged ada (@ada/mail): step 1 of 2, on call by primary
          1970-01-01T00:12:00Z  ada by link: snoozed until 1970-01-01T00:30:00Z
        "#);
    }

    #[test]
    fn a_table_fits() {
        let plan = samples::plan();
        let now = Timestamp::from_seconds(1830);
        let by = |name: &str| Who { name: name.to_owned(), via: Via::Slack };
        let summary = |number: u64, state: IncidentState, is_breached: bool| {
            let mut incident = samples::incident();
            (incident.number, incident.state, incident.is_breached) = (number, state, is_breached);
            IncidentSummary::new(&incident, now, &plan)
        };
        let at = Timestamp::from_seconds(1500);
        let mut incidents = vec![
            summary(112, IncidentState::Open, true),
            summary(111, IncidentState::Acknowledged { by: by("ada"), at, reminded: true }, false),
            summary(9, IncidentState::Snoozed { by: by("bo\u{1b}[2J"), until: Timestamp::from_seconds(90_000) }, false),
            summary(8, IncidentState::Closed { at, why: Closed::AlertsOver }, false),
        ];
        incidents[0].title = "DiskFull of the database that everything else needs".to_owned();
        for width in [80, 60, 120] {
            let text = table::table(&incidents, now, width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}\n{text}");
        }
        insta::assert_snapshot!(table::table(&incidents, now, 80), @r#"
        #    sev  state    prio  age  what                         who, next
        112  P1   open!    112   20m  DiskFull of the database t…  now: user:ada
        111  P1   acked    112   20m  Disk db                      ada, times out in 54m
        9    P1   snoozed  112   20m  Disk db                      bo [2J, over in 1d
        8    P1   closed   111   20m  Disk db                      its alerts are over
        open!: nobody has answered within the response time
        "#);
        assert_eq!(table::table(&[], now, 80), "no incidents\n");
    }
}
