//! `watchbell override`: exceptions from schedules of a running Watchbell.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::{Connection, LOCAL, Service, ServiceError, with_query};
use super::oncall::wall;
use super::query::aligned;
use crate::formats::icalendar::CALENDAR_BYTES_MAX;
use crate::model::{Timestamp, push_percent_encoded};
use crate::oncall::{Moment, MomentError, OverrideChange};

const PATH: &str = "/api/v1/overrides";

/// Shows, sets and takes back exceptions from schedules: somebody takes a shift, swaps it, is on vacation
#[derive(Args, Debug)]
pub(super) struct OverrideArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the exceptions that are not over, those of the configuration too
    List(Listing),
    /// Somebody is on call too
    Add(Setting),
    /// Somebody is not on call, and nobody takes their place
    Remove(Setting),
    /// Somebody is on call in place of somebody else, whenever these would be
    Replace(Replacing),
    /// Two people take each other's shift
    Swap(Swapping),
    /// Somebody is away: in their turns the next in the rotation is on call
    Absent(Setting),
    /// Set what the events of a calendar (iCalendar) say; again after it has changed
    Import(Importing),
    /// Take exceptions back: one that has begun ends now
    Delete(Deleting),
}

/// Which running Watchbell is asked.
#[derive(Args, Debug)]
struct Asked {
    /// The running Watchbell
    #[arg(long, value_name = "URL", env = "WATCHBELL_URL", default_value = LOCAL)]
    url: String,
    #[command(flatten)]
    connection: Connection,
}

impl Asked {
    fn service(&self) -> Service<'_> {
        Service { url: &self.url, connection: &self.connection }
    }
}

#[derive(Args, Debug)]
struct Listing {
    /// Only those that concern this schedule
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// Only those that name this user
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Those that are over too
    #[arg(long)]
    all: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args, Debug)]
struct Setting {
    /// Who
    #[arg(value_name = "NAME")]
    person: String,
    #[command(flatten)]
    when: When,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args, Debug)]
struct Replacing {
    /// Who would be on call
    #[arg(value_name = "NAME")]
    person: String,
    /// Who is
    #[arg(long, value_name = "NAME")]
    by: String,
    #[command(flatten)]
    when: When,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args, Debug)]
struct When {
    /// The schedule; without one all
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// When it begins; without an offset by the clock of the schedule, without a schedule by that of the user
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: String,
    /// When it is over
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
}

#[derive(Args, Debug)]
struct Swapping {
    /// Whose shift the other takes first
    #[arg(value_name = "NAME")]
    person: String,
    /// With whom
    #[arg(long, value_name = "NAME")]
    with: String,
    /// The schedule
    #[arg(long, value_name = "NAME")]
    schedule: String,
    /// When the shift of the first begins; without an offset by the clock of the schedule
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: String,
    /// When it is over
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: String,
    /// When the shift of the second begins
    #[arg(long, value_name = "TIME", value_parser = moment)]
    and_from: String,
    /// When it is over
    #[arg(long, value_name = "TIME", value_parser = moment)]
    and_until: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args, Debug)]
struct Importing {
    /// The calendar; `-` for standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// The schedule
    #[arg(long, value_name = "NAME")]
    schedule: String,
    /// Change nothing, and show what would change
    #[arg(long)]
    dry_run: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    asked: Asked,
}

/// What became of a calendar.
#[derive(Deserialize)]
struct ShownImport {
    set: Vec<Shown>,
    removed: Vec<String>,
    unchanged: usize,
}

#[derive(Args, Debug)]
struct Deleting {
    /// Their ids, as `override list` shows them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    asked: Asked,
}

/// An exception as the service shows it.
#[derive(Deserialize)]
struct Shown {
    id: String,
    state: String,
    schedule: Option<String>,
    time_zone: Option<String>,
    from: String,
    until: String,
    add: Option<String>,
    remove: Option<String>,
    replace: Option<ShownReplace>,
    absent: Option<String>,
    created_by: String,
    comment: String,
    problem: Option<String>,
}

#[derive(Deserialize)]
struct ShownReplace {
    user: String,
    by: String,
}

/// What became of one that is taken back.
#[derive(Deserialize)]
struct Taken {
    id: String,
    fate: String,
}

/// A time as the service reads it, checked here.
fn moment(text: &str) -> Result<String, MomentError> {
    text.parse::<Moment>().map(|_| text.to_owned())
}

pub(super) fn run(args: &OverrideArgs) -> anyhow::Result<ExitCode> {
    let done = match &args.action {
        Action::List(listing) => list(listing),
        Action::Add(setting) => setting.set("add"),
        Action::Remove(setting) => setting.set("remove"),
        Action::Absent(setting) => setting.set("absent"),
        Action::Replace(Replacing { person, by, when, asked }) => {
            set(asked, &when.body("replace", json!({ "user": person, "by": by })))
        }
        Action::Swap(swapping) => set(&swapping.asked, &swapping.body()),
        Action::Import(importing) => importing.run(),
        Action::Delete(deleting) => deleting.run(),
    };
    match done {
        Ok(text) => {
            // What somebody wrote, such as a comment, moves no cursor.
            let text: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
            io::stdout().lock().write_all(text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Ok(error.report()),
    }
}

impl Setting {
    fn set(&self, kind: &str) -> Result<String, ServiceError> {
        set(&self.asked, &self.when.body(kind, json!(self.person)))
    }
}

impl When {
    fn body(&self, kind: &str, value: Value) -> Value {
        let When { schedule, from, until, comment } = self;
        let mut body = json!({ "schedule": schedule, "from": from, "until": until, "comment": comment });
        body[kind] = value;
        body
    }
}

impl Swapping {
    fn body(&self) -> Value {
        let Swapping { person, with, schedule, from, until, and_from, and_until, comment, .. } = self;
        let swap = json!({
            "schedule": schedule, "user": person, "with": with,
            "from": from, "until": until, "and_from": and_from, "and_until": and_until,
        });
        json!({ "swap": swap, "comment": comment })
    }
}

impl Importing {
    fn run(&self) -> Result<String, ServiceError> {
        let calendar = self.calendar()?;
        let rehearsal = self.dry_run.then_some(("dry_run", "true"));
        let path = format!("{PATH}/calendar");
        let path = with_query(&path, std::iter::once(("schedule", self.schedule.as_str())).chain(rehearsal));
        let body = Some(("text/calendar", calendar));
        let found: Value = self.asked.service().request(Method::POST, &path, body)?;
        if self.json {
            return Ok(format!("{found:#}\n"));
        }
        let shown: ShownImport = serde_json::from_value(found).map_err(|error| ServiceError::Call(error.into()))?;
        let ShownImport { set, removed, unchanged } = shown;
        let would = if self.dry_run { "would be " } else { "" };
        let mut text: String = set.iter().map(|one| format!("{would}set {}\n", one.line())).collect();
        text.extend(removed.iter().map(|id| format!("{would}removed {id}\n")));
        let counts = format!("{} {would}set, {} {would}removed, {unchanged} unchanged\n", set.len(), removed.len());
        Ok(text + &counts)
    }

    /// The file, as far as a calendar may be long.
    fn calendar(&self) -> Result<Vec<u8>, ServiceError> {
        let mut read: Box<dyn Read> = match self.file.as_str() {
            "-" => Box::new(io::stdin().lock()),
            path => Box::new(File::open(path).with_context(|| format!("cannot read `{path}`"))?),
        };
        let mut bytes = Vec::new();
        let limit = u64::try_from(CALENDAR_BYTES_MAX).unwrap_or(u64::MAX);
        read.by_ref()
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read `{}`", self.file))?;
        match bytes.len() > CALENDAR_BYTES_MAX {
            true => Err(ServiceError::Refused(format!("the calendar has more than {} KiB", CALENDAR_BYTES_MAX >> 10))),
            false => Ok(bytes),
        }
    }
}

impl Deleting {
    fn run(&self) -> Result<String, ServiceError> {
        let mut text = String::new();
        for id in &self.ids {
            let mut path = format!("{PATH}/");
            push_percent_encoded(id, &mut path);
            let Taken { id, fate } = self.asked.service().request(Method::DELETE, &path, None)?;
            text.push_str(&format!("{fate} {id}\n"));
        }
        Ok(text)
    }
}

fn set(asked: &Asked, body: &Value) -> Result<String, ServiceError> {
    let body = Some(("application/json", body.to_string().into_bytes()));
    let set: Vec<Shown> = asked.service().request(Method::POST, PATH, body)?;
    Ok(set.iter().map(|one| format!("set {}\n", one.line())).collect())
}

fn list(listing: &Listing) -> Result<String, ServiceError> {
    let given = [("schedule", listing.schedule.as_deref()), ("user", listing.person.as_deref())];
    let all = listing.all.then_some(("all", "true"));
    let parameters = given.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(all);
    let found: Vec<Value> = listing.asked.service().get(&with_query(PATH, parameters))?;
    if listing.json {
        return Ok(format!("{:#}\n", Value::Array(found)));
    }
    let mut rows =
        vec![["id", "schedule", "what", "from", "until", "state", "by", "comment"].map(str::to_owned).to_vec()];
    for one in found {
        let one: Shown = serde_json::from_value(one).map_err(|error| ServiceError::Call(error.into()))?;
        rows.push(one.row());
    }
    Ok(if rows.len() == 1 { "no overrides\n".to_owned() } else { aligned(&rows) })
}

impl Shown {
    fn what(&self) -> String {
        let change = match (&self.add, &self.remove, &self.replace, &self.absent) {
            (Some(user), ..) => OverrideChange::Add { user: user.clone() },
            (_, Some(user), ..) => OverrideChange::Remove { user: user.clone() },
            (_, _, Some(ShownReplace { user, by }), _) => {
                OverrideChange::Replace { user: user.clone(), by: by.clone() }
            }
            (.., Some(user)) => OverrideChange::Absent { user: user.clone() },
            _ => return String::new(),
        };
        change.to_string()
    }

    fn schedule(&self) -> &str {
        self.schedule.as_deref().unwrap_or("all schedules")
    }

    /// A time by the clock that the exception goes by.
    fn wall(&self, text: &str) -> String {
        let zone = self.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        Timestamp::parse_rfc3339(text).map_or_else(|| text.to_owned(), |at| wall(at, &zone))
    }

    /// `3f2a: primary: cy instead of ada from Mon ... to Tue ...`
    fn line(&self) -> String {
        let (from, until) = (self.wall(&self.from), self.wall(&self.until));
        format!("{}: {}: {} from {from} to {until}", self.id, self.schedule(), self.what())
    }

    fn row(&self) -> Vec<String> {
        let state = match &self.problem {
            Some(problem) => format!("{}, no effect: {problem}", self.state),
            None => self.state.clone(),
        };
        let (from, until) = (self.wall(&self.from), self.wall(&self.until));
        let (id, by, comment) = (self.id.clone(), self.created_by.clone(), self.comment.clone());
        vec![id, self.schedule().to_owned(), self.what(), from, until, state, by, comment]
    }
}
