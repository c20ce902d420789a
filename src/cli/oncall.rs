//! `watchbell oncall`: who is on call now, and when who will be.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::configuration;
use super::connection::{Connection, Service, ServiceError, with_query};
use super::query::aligned;
use crate::model::{Timestamp, push_percent_encoded};
use crate::oncall::{
    Duty, FinalSchedule, Moment, MomentError, Occurrence, OncallPlan, SPAN_DAYS_MAX, ScheduleReport, Span, User,
    calendar, calendar_span,
};
use crate::shell::clock::Clock;

const PATH: &str = "/api/v1/oncall";

/// Shows who is on call by the schedules of a main file, or of a running Watchbell
#[derive(Args, Debug)]
pub(super) struct OncallArgs {
    /// The schedule; without one all
    name: Option<String>,
    /// The main file; without one the embedded default, which has no schedules
    #[arg(long, short, value_name = "FILE", conflicts_with = "url")]
    config: Option<String>,
    /// A running Watchbell, with the overrides that were set there
    #[arg(long, value_name = "URL")]
    url: Option<String>,
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
    at: Option<Time>,
    /// Where --schedule and --report begin (default the present)
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    /// Where they end
    #[arg(long, value_name = "TIME", conflicts_with = "days")]
    until: Option<Time>,
    /// How many days they look ahead (default 14)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(SPAN_DAYS_MAX)))]
    days: Option<u32>,
    /// Only the shifts of this user, by their own clock
    #[arg(long, value_name = "NAME", conflicts_with = "report")]
    person: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A time as it was written, which a service reads by clocks that only it knows.
#[derive(Clone, Debug)]
struct Time {
    text: String,
    moment: Moment,
}

impl std::str::FromStr for Time {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Time, MomentError> {
        Ok(Time { text: text.to_owned(), moment: text.parse()? })
    }
}

/// How good a schedule is over a span, as JSON.
#[derive(Serialize)]
struct Judged<'a> {
    schedule: &'a str,
    #[serde(flatten)]
    report: ScheduleReport,
}

/// A user as a service shows them.
#[derive(Deserialize)]
struct Person {
    name: String,
    full_name: String,
    time_zone: String,
}

/// Who knows the schedules.
enum Source<'a> {
    Plan(&'a OncallPlan, Timestamp),
    Service(Service<'a>),
}

pub(super) fn run(args: &OncallArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    let now = clock.now();
    if let Some(url) = &args.url {
        let service = Service { url, connection: &args.connection };
        return match args.text(&Source::Service(service), now) {
            Ok(text) => write(&text),
            Err(error) => match error.downcast_ref::<ServiceError>() {
                Some(error) => Ok(error.report()),
                None => Err(error),
            },
        };
    }
    let span = args.span();
    let around = span.from.or(span.at).and_then(|at| at.by(&TimeZone::UTC, Occurrence::First)).unwrap_or(now);
    let Some(plan) = configuration::plan(args.config.as_deref(), around) else { return Ok(ExitCode::from(2)) };
    let plan = &*plan.engine.oncall;
    if plan.schedules.is_empty() {
        bail!(
            "there are no schedules; give the main file with `--config FILE`, or a running Watchbell with `--url URL`"
        );
    }
    write(&args.text(&Source::Plan(plan, now), now)?)
}

fn write(text: &str) -> anyhow::Result<ExitCode> {
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

impl OncallArgs {
    fn text(&self, source: &Source<'_>, now: Timestamp) -> anyhow::Result<String> {
        match (self.schedule, self.report, self.ical) {
            (true, _, _) => self.shifts(source),
            (_, true, _) => self.reports(source),
            (_, _, true) => source.calendar(self, now),
            _ => self.duties(source),
        }
    }

    fn span(&self) -> Span {
        let moment = |time: &Option<Time>| time.as_ref().map(|time| time.moment);
        Span { at: moment(&self.at), from: moment(&self.from), until: moment(&self.until), days: self.days }
    }

    /// What is asked for, as the parameters of a request; of those in `names`.
    fn path(&self, path: &str, names: &[&str]) -> String {
        let text = |time: &Option<Time>| time.as_ref().map(|time| time.text.clone());
        let given = [
            ("schedule", self.name.clone()),
            ("user", self.person.clone()),
            ("at", text(&self.at)),
            ("from", text(&self.from)),
            ("until", text(&self.until)),
            ("days", self.days.map(|days| days.to_string())),
        ];
        let given = given.iter().filter(|(name, _)| names.contains(name));
        with_query(path, given.filter_map(|(name, value)| Some((*name, value.as_deref()?))))
    }

    fn duties(&self, source: &Source<'_>) -> anyhow::Result<String> {
        let (found, user) = (source.duties(self)?, source.user(self)?);
        if let (Some(user), true, false) = (&user, found.is_empty(), self.json) {
            return Ok(format!("{} is not on call\n", user.name));
        }
        let row = |duty: &Duty| {
            let zone = clock_of(user.as_ref(), &duty.time_zone);
            let until = duty.until.map_or_else(|| "no end within two years".to_owned(), |until| wall(until, &zone));
            vec![vec![duty.schedule.clone(), people(&duty.on_call), until, people(&duty.next)]]
        };
        self.table(["schedule", "on call", "until", "next"], &found, row)
    }

    fn shifts(&self, source: &Source<'_>) -> anyhow::Result<String> {
        let (found, user) = (source.shifts(self)?, source.user(self)?);
        let rows = |one: &FinalSchedule| {
            let zone = clock_of(user.as_ref(), &one.time_zone);
            let row = |shift: &crate::oncall::Shift| {
                vec![one.schedule.clone(), wall(shift.from, &zone), wall(shift.until, &zone), people(&shift.people)]
            };
            one.shifts.iter().map(row).collect()
        };
        self.table(["schedule", "from", "until", "on call"], &found, rows)
    }

    /// What was found, as JSON or as a table.
    fn table<T: Serialize>(
        &self,
        head: [&str; 4],
        found: &[T],
        rows: impl Fn(&T) -> Vec<Vec<String>>,
    ) -> anyhow::Result<String> {
        if self.json {
            return Ok(format!("{}\n", serde_json::to_string_pretty(found)?));
        }
        let head = std::iter::once(head.map(str::to_owned).to_vec());
        Ok(aligned(&head.chain(found.iter().flat_map(rows)).collect::<Vec<_>>()))
    }

    fn reports(&self, source: &Source<'_>) -> anyhow::Result<String> {
        let found = source.shifts(self)?;
        let mut text = String::new();
        let mut judged = Vec::new();
        for FinalSchedule { schedule, time_zone, from, until, shifts } in &found {
            let zone = clock_of(None, time_zone);
            let report = ScheduleReport::new(shifts, &zone);
            text.push_str(&format!("{schedule} from {} to {}\n", wall(*from, &zone), wall(*until, &zone)));
            push_report(&mut text, &report, &zone);
            judged.push(Judged { schedule, report });
        }
        match self.json {
            true => Ok(format!("{}\n", serde_json::to_string_pretty(&judged)?)),
            false => Ok(format!("{}\n", text.trim_end())),
        }
    }
}

fn push_report(text: &mut String, report: &ScheduleReport, zone: &TimeZone) {
    text.push_str(&format!("covered {:.1}%\n", report.coverage * 100.0));
    for gap in &report.gaps {
        text.push_str(&format!("nobody from {} to {}\n", wall(gap.from, zone), wall(gap.until, zone)));
    }
    let mut rows = vec![["person", "hours", "at night", "at weekends"].map(str::to_owned).to_vec()];
    rows.extend(report.people.iter().map(|(person, load)| {
        let hours = |hours: f64| format!("{hours:.1}");
        vec![person.clone(), hours(load.hours), hours(load.night_hours), hours(load.weekend_hours)]
    }));
    text.push_str(&aligned(&rows));
    text.push_str(&format!("the most is {:.2} times the mean\n\n", report.imbalance));
}

impl Source<'_> {
    fn duties(&self, args: &OncallArgs) -> anyhow::Result<Vec<Duty>> {
        let (name, user) = (args.name.as_deref(), args.person.as_deref());
        match self {
            Source::Plan(plan, now) => Ok(plan.duties_asked(name, user, &args.span(), *now)?),
            Source::Service(service) => Ok(service.get(&args.path(PATH, &["schedule", "user", "at"]))?),
        }
    }

    fn shifts(&self, args: &OncallArgs) -> anyhow::Result<Vec<FinalSchedule>> {
        let (name, user) = (args.name.as_deref(), args.person.as_deref());
        match self {
            Source::Plan(plan, now) => Ok(plan.shifts_asked(name, user, &args.span(), *now)?),
            Source::Service(service) => {
                let names = ["schedule", "user", "at", "from", "until", "days"];
                Ok(service.get(&args.path(&format!("{PATH}/shifts"), &names))?)
            }
        }
    }

    /// The user whose shifts are asked for.
    fn user(&self, args: &OncallArgs) -> anyhow::Result<Option<User>> {
        let Some(name) = &args.person else { return Ok(None) };
        match self {
            Source::Plan(plan, _) => Ok(Some(plan.known_user(name)?.clone())),
            Source::Service(service) => {
                let people: Vec<Person> = service.get(&format!("{PATH}/users"))?;
                let user =
                    |Person { name, full_name, time_zone }| User { zone: clock_of(None, &time_zone), name, full_name };
                Ok(people.into_iter().map(user).find(|user| user.name == *name))
            }
        }
    }

    fn calendar(&self, args: &OncallArgs, now: Timestamp) -> anyhow::Result<String> {
        match (self, &args.name, &args.person) {
            (Source::Plan(plan, _), name, person) => {
                person.as_deref().map(|name| plan.known_user(name)).transpose()?;
                let at = args.span().present(&TimeZone::UTC, now)?;
                let schedules = plan.asked(name.as_deref())?;
                Ok(calendar(plan, &schedules, person.as_deref(), calendar_span(at), now))
            }
            (Source::Service(service), Some(name), None) => Ok(service.text(&calendar_path(PATH, name))?),
            (Source::Service(service), None, Some(person)) => {
                Ok(service.text(&calendar_path(&format!("{PATH}/users"), person))?)
            }
            (Source::Service(_), ..) => bail!("a service gives the calendar of a schedule or of `--person NAME`"),
        }
    }
}

fn calendar_path(folder: &str, name: &str) -> String {
    let mut path = format!("{folder}/");
    push_percent_encoded(name, &mut path);
    path + ".ics"
}

/// By whose clock times are shown: the user's, if it is about one.
fn clock_of(user: Option<&User>, zone: &str) -> TimeZone {
    match user {
        Some(user) => user.zone.clone(),
        None => TimeZone::get(zone).unwrap_or(TimeZone::UTC),
    }
}

/// `Mon 2026-01-05 09:00 +00:00`
pub(super) fn wall(at: Timestamp, zone: &TimeZone) -> String {
    let wall = at.to_jiff().map(|at| at.to_zoned(zone.clone()));
    wall.map_or_else(|| at.to_string(), |wall| wall.strftime("%a %Y-%m-%d %H:%M %:z").to_string())
}

fn people(people: &[String]) -> String {
    if people.is_empty() { "nobody".to_owned() } else { people.join(", ") }
}
