//! `watchbell oncall`: who is on call now, and when who will be.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::configuration;
use super::query::aligned;
use crate::model::{Timestamp, nearest};
use crate::oncall::{Moment, Occurrence, OncallPlan, Schedule, ScheduleReport, Shift, User, calendar};
use crate::shell::clock::Clock;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many days are shown at most.
const DAYS_MAX: u32 = 3660;
/// How far a calendar reaches ahead.
const CALENDAR_AHEAD: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Shows who is on call by the schedules of a main file
#[derive(Args, Debug)]
pub(super) struct OncallArgs {
    /// The schedule; without one all
    name: Option<String>,
    /// The main file; without one the embedded default, which has no schedules
    #[arg(long, short, value_name = "FILE")]
    config: Option<String>,
    /// Show who is on call when, changes and gaps included
    #[arg(long, group = "what")]
    schedule: bool,
    /// Show how much of the time is covered, the gaps, and what each person carries
    #[arg(long, group = "what")]
    report: bool,
    /// Write the shifts as a calendar (iCalendar) that reaches a year ahead
    #[arg(long, group = "what", conflicts_with_all = ["json", "from", "until", "days"])]
    ical: bool,
    /// The present; by the clock of each schedule if it has no offset (default now)
    #[arg(long, value_name = "TIME")]
    at: Option<Moment>,
    /// Where --schedule and --report begin (default the present)
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Where they end
    #[arg(long, value_name = "TIME", conflicts_with = "days")]
    until: Option<Moment>,
    /// How many days they look ahead
    #[arg(long, value_name = "COUNT", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    days: u32,
    /// Only the shifts of this user, by their own clock
    #[arg(long, value_name = "NAME", conflicts_with = "report")]
    user: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// The final schedule of a span, as JSON.
#[derive(Serialize)]
struct Final<'a> {
    schedule: &'a str,
    shifts: Vec<Shift>,
}

/// How good a schedule is over a span, as JSON.
#[derive(Serialize)]
struct Judged<'a> {
    schedule: &'a str,
    #[serde(flatten)]
    report: ScheduleReport,
}

pub(super) fn run(args: OncallArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    let Some(plan) = configuration::plan(args.config.as_deref()) else { return Ok(ExitCode::from(2)) };
    let plan = &*plan.engine.oncall;
    let now = clock.now();
    let schedules = wanted(plan, args.name.as_deref())?;
    let user = args.user.as_deref().map(|name| known_user(plan, name)).transpose()?;
    let text = match (args.schedule, args.report, args.ical) {
        (true, _, _) => shifts(&args, plan, &schedules, user, now)?,
        (_, true, _) => reports(&args, plan, &schedules, now)?,
        (_, _, true) => {
            let at = args.present(&TimeZone::UTC, now)?;
            let span = (calendar_start(at), at + CALENDAR_AHEAD);
            calendar(plan, &schedules, args.user.as_deref(), span, now)
        }
        _ => duties(&args, plan, &schedules, user, now)?,
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

impl OncallArgs {
    /// The present, by the clock of `zone`.
    fn present(&self, zone: &TimeZone, now: Timestamp) -> anyhow::Result<Timestamp> {
        self.at.as_ref().map_or(Ok(now), |at| by(at, zone, Occurrence::First))
    }

    /// The span that is asked for, by the clock of `zone`.
    fn span(&self, zone: &TimeZone, now: Timestamp) -> anyhow::Result<(Timestamp, Timestamp)> {
        let from =
            self.from.as_ref().map_or_else(|| self.present(zone, now), |from| by(from, zone, Occurrence::First))?;
        let ahead = || Ok(from + DAY * self.days);
        let until = self.until.as_ref().map_or_else(ahead, |until| by(until, zone, Occurrence::Last))?;
        if until <= from {
            bail!("the span ends at {until}, before it begins at {from}");
        }
        if until.since(from) > DAY * DAYS_MAX {
            bail!("the span is longer than {DAYS_MAX} days");
        }
        Ok((from, until))
    }
}

fn by(moment: &Moment, zone: &TimeZone, occurrence: Occurrence) -> anyhow::Result<Timestamp> {
    moment.by(zone, occurrence).context("the time is too far away")
}

/// The beginning of the year before: a shift that lasts keeps its beginning as long as the year does.
fn calendar_start(at: Timestamp) -> Timestamp {
    let start = at.to_jiff().and_then(|at| {
        let year = at.to_zoned(TimeZone::UTC).year();
        jiff::civil::DateTime::new(year.checked_sub(1)?, 1, 1, 0, 0, 0, 0).ok()
    });
    let start = start.and_then(|start| Moment::Wall(start).by(&TimeZone::UTC, Occurrence::First));
    start.unwrap_or(at)
}

fn wanted<'p>(plan: &'p OncallPlan, name: Option<&str>) -> anyhow::Result<Vec<&'p Schedule>> {
    let Some(name) = name else {
        if plan.schedules.is_empty() {
            bail!("there are no schedules; give the main file with `--config FILE`");
        }
        return Ok(plan.schedules.iter().collect());
    };
    let found = plan.schedules.iter().find(|schedule| schedule.name == name);
    let names = plan.schedules.iter().map(|schedule| schedule.name.as_str());
    Ok(vec![found.with_context(|| format!("there is no schedule `{name}`{}", meant(name, names)))?])
}

fn known_user<'p>(plan: &'p OncallPlan, name: &str) -> anyhow::Result<&'p User> {
    let names = plan.users.iter().map(|user| user.name.as_str());
    plan.user(name).with_context(|| format!("there is no user `{name}`{}", meant(name, names)))
}

fn meant<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(name, names).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// `Mon 2026-01-05 09:00 +00:00`
fn wall(at: Timestamp, zone: &TimeZone) -> String {
    let wall = at.to_jiff().map(|at| at.to_zoned(zone.clone()));
    wall.map_or_else(|| at.to_string(), |wall| wall.strftime("%a %Y-%m-%d %H:%M %:z").to_string())
}

fn people(people: &[String]) -> String {
    if people.is_empty() { "nobody".to_owned() } else { people.join(", ") }
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn duties(
    args: &OncallArgs,
    plan: &OncallPlan,
    schedules: &[&Schedule],
    user: Option<&User>,
    now: Timestamp,
) -> anyhow::Result<String> {
    let mut rows = vec![row(["schedule", "on call", "until", "next"])];
    let mut found = Vec::new();
    for schedule in schedules {
        let duty = plan.duty(schedule, args.present(&schedule.zone, now)?);
        if user.is_some_and(|user| !duty.on_call.contains(&user.name)) {
            continue;
        }
        let zone = user.map_or(&schedule.zone, |user| &user.zone);
        let until = duty.until.map_or_else(|| "no end within two years".to_owned(), |until| wall(until, zone));
        rows.push(vec![duty.schedule.clone(), people(&duty.on_call), until, people(&duty.next)]);
        found.push(duty);
    }
    match (args.json, user, found.is_empty()) {
        (true, ..) => Ok(format!("{}\n", serde_json::to_string_pretty(&found)?)),
        (false, Some(user), true) => Ok(format!("{} is not on call\n", user.name)),
        _ => Ok(aligned(&rows)),
    }
}

fn shifts(
    args: &OncallArgs,
    plan: &OncallPlan,
    schedules: &[&Schedule],
    user: Option<&User>,
    now: Timestamp,
) -> anyhow::Result<String> {
    let mut rows = vec![row(["schedule", "from", "until", "on call"])];
    let mut found = Vec::new();
    for schedule in schedules {
        let (from, until) = args.span(&schedule.zone, now)?;
        let mut shifts = schedule.shifts(from, until, &plan.overrides);
        shifts.retain(|shift| user.is_none_or(|user| shift.people.contains(&user.name)));
        let zone = user.map_or(&schedule.zone, |user| &user.zone);
        let line = |shift: &Shift| {
            vec![schedule.name.clone(), wall(shift.from, zone), wall(shift.until, zone), people(&shift.people)]
        };
        rows.extend(shifts.iter().map(line));
        found.push(Final { schedule: &schedule.name, shifts });
    }
    match args.json {
        true => Ok(format!("{}\n", serde_json::to_string_pretty(&found)?)),
        false => Ok(aligned(&rows)),
    }
}

fn reports(args: &OncallArgs, plan: &OncallPlan, schedules: &[&Schedule], now: Timestamp) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut found = Vec::new();
    for schedule in schedules {
        let (from, until) = args.span(&schedule.zone, now)?;
        let report = ScheduleReport::new(&schedule.shifts(from, until, &plan.overrides), &schedule.zone);
        let (begin, end) = (wall(from, &schedule.zone), wall(until, &schedule.zone));
        text.push_str(&format!("{} from {begin} to {end}\n", schedule.name));
        text.push_str(&format!("covered {:.1}%\n", report.coverage * 100.0));
        for gap in &report.gaps {
            let (begin, end) = (wall(gap.from, &schedule.zone), wall(gap.until, &schedule.zone));
            text.push_str(&format!("nobody from {begin} to {end}\n"));
        }
        let mut rows = vec![row(["person", "hours", "at night", "at weekends"])];
        rows.extend(report.people.iter().map(|(person, load)| {
            let hours = |hours: f64| format!("{hours:.1}");
            vec![person.clone(), hours(load.hours), hours(load.night_hours), hours(load.weekend_hours)]
        }));
        text.push_str(&aligned(&rows));
        text.push_str(&format!("the most is {:.2} times the mean\n\n", report.imbalance));
        found.push(Judged { schedule: &schedule.name, report });
    }
    match args.json {
        true => Ok(format!("{}\n", serde_json::to_string_pretty(&found)?)),
        false => Ok(format!("{}\n", text.trim_end())),
    }
}
