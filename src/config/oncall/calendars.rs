//! `override_calendars`: files whose events are exceptions from a schedule.

use std::sync::Arc;

use crate::formats::icalendar::{CALENDAR_BYTES_MAX, CalendarError};
use crate::model::{Diagnostic, SourceFile, Timestamp};
use crate::oncall::{IMPORT_AHEAD, Import, Override};

use super::super::main_file::Pattern;
use super::super::sources::Files;
use super::super::yaml::{Fields, Reader};
use super::{Oncall, at_most};

/// The greatest number of calendars of a schedule.
const CALENDARS_MAX: usize = 100;

/// The calendars of one schedule.
#[derive(Debug)]
pub(in crate::config) struct Calendars {
    /// The schedule's name.
    pub(super) schedule: String,
    pub(super) patterns: Vec<Pattern>,
}

/// Reads the field of a schedule.
pub(super) fn patterns(fields: &mut Fields<'_>) -> Vec<Pattern> {
    let reader = fields.reader();
    let nodes = fields.list("override_calendars");
    let pattern = |node| {
        let scalar = reader.scalar(node, "the path of a calendar")?;
        Some(Pattern { glob: reader.resolve(&scalar.text, &node.span), span: node.span.clone() })
    };
    at_most(reader, nodes, CALENDARS_MAX).iter().filter_map(|node| pattern(node)).collect()
}

/// What reading calendars needs, and what comes of it.
pub(in crate::config) struct CalendarFiles<'a> {
    /// Where they are.
    pub(in crate::config) files: &'a dyn Files,
    /// The main file.
    pub(in crate::config) reader: &'a Reader<'a>,
    /// The present; what recurs is taken for a year before and after it, without it for a year from its first time.
    pub(in crate::config) now: Option<Timestamp>,
    /// What is wrong with them.
    pub(in crate::config) problems: Vec<Diagnostic>,
    /// The paths that were read.
    pub(in crate::config) read: Vec<String>,
    /// The patterns that were looked up.
    pub(in crate::config) patterns: Vec<String>,
}

impl CalendarFiles<'_> {
    /// Adds what the calendars say to the overrides, behind those of the main file.
    pub(in crate::config) fn take(&mut self, oncall: &mut Oncall) {
        let mut found = Vec::new();
        for Calendars { schedule, patterns } in &oncall.calendars {
            for pattern in patterns {
                let glob = &pattern.glob;
                self.patterns.push(glob.clone());
                let paths = match self.files.glob(glob) {
                    Ok(paths) => paths,
                    Err(error) => {
                        self.reader.error("file/pattern", &pattern.span, error.to_string());
                        continue;
                    }
                };
                if paths.is_empty() {
                    self.reader.error("file/unreadable", &pattern.span, "there is no such file");
                }
                for path in paths {
                    found.extend(self.calendar(oncall, schedule, &path));
                }
            }
        }
        oncall.plan.overrides.extend(found);
    }

    fn calendar(&mut self, oncall: &Oncall, schedule: &str, path: &str) -> Vec<Override> {
        self.read.push(path.to_owned());
        // One that could not be read has its errors already.
        let Ok(schedule) = oncall.plan.known_schedule(schedule) else { return Vec::new() };
        let text = match self.files.read(path) {
            Ok(bytes) if bytes.len() > CALENDAR_BYTES_MAX => {
                let message = format!("`{path}` has more than {} KiB", CALENDAR_BYTES_MAX >> 10);
                self.problems.push(Diagnostic::error("calendar/limit", message));
                return Vec::new();
            }
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                self.problems.push(Diagnostic::error("file/unreadable", error.to_string()));
                return Vec::new();
            }
        };
        let import = Import { plan: &oncall.plan, schedule, created_by: path, now: self.now, back: IMPORT_AHEAD };
        match import.read(&text) {
            Ok(imported) => imported.overrides.into_iter().map(|(_, one)| one).collect(),
            Err(errors) => {
                let file = SourceFile::new(path, text);
                self.problems.extend(errors.into_iter().map(|error| diagnostic(error, &file)));
                Vec::new()
            }
        }
    }
}

fn diagnostic(error: CalendarError, file: &Arc<SourceFile>) -> Diagnostic {
    let CalendarError { line, message } = error;
    let start: usize = file.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let length = file.text[start..].lines().next().map_or(0, str::len);
    Diagnostic::error("calendar/event", message).at(file, start..start + length)
}
