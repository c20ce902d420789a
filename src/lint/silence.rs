//! Comments that silence checks: `# watchbell: ignore ID[, ID] [until DATE] reason` on a rule, `ignore-file` for a file.

use std::collections::HashSet;
use std::ops::Range;

use jiff::civil::Date;

use super::check::{Check, Needs};
use super::table;
use crate::config::RuleFile;
use crate::model::{Diagnostic, Place, Timestamp, nearest};

/// What such a comment begins with, behind `#`.
const MARK: &str = "watchbell:";
/// How many silences of one file are read.
const SILENCES_MAX: usize = 10_000;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "lint/unused-silence",
        finds: "A silence of a check that finds nothing there.",
        why: "The rule was mended, or the comment stands at the wrong place. Left there, it would hide the next mistake. Checks that need samples or a configuration count only where these are given.",
        bad: "# watchbell: ignore promql/impossible-matchers both are written by mistake\n- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n",
        good: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n",
        ..Check::BASE
    },
    Check {
        id: "lint/unknown-check",
        finds: "A silence, or a line of the block `lint`, that names a check which does not exist.",
        why: "It silences nothing.",
        bad: "- alert: ApiGone\n  expr: absent(up{job=\"api\"}) # watchbell: ignore alert/absent-short it restarts never\n  for: 5m\n",
        good: "- alert: ApiGone\n  expr: absent(up{job=\"api\"}) # watchbell: ignore alert/absent-short-for it restarts never\n",
        ..Check::BASE
    },
    Check {
        id: "lint/bad-silence",
        finds: "A comment that begins with `watchbell:` and cannot be understood, or stands outside of any rule.",
        why: "It silences nothing. Write `# watchbell: ignore ID[, ID] [until YYYY-MM-DD] reason` inside a rule or right above it, or `ignore-file` anywhere.",
        bad: "- alert: ApiGone\n  # watchbell: disable alert/absent-short-for\n  expr: absent(up{job=\"api\"})\n  for: 5m\n",
        good: "- alert: ApiGone\n  # watchbell: ignore alert/absent-short-for until 2999-12-31 it restarts never\n  expr: absent(up{job=\"api\"})\n",
        ..Check::BASE
    },
    Check {
        id: "lint/expired-silence",
        finds: "A silence whose date has passed.",
        why: "It no longer hides anything. Mend the rule, or give it a new date.",
        bad: "- alert: ApiGone\n  # watchbell: ignore alert/absent-short-for until 2020-01-01 we mend it this year\n  expr: absent(up{job=\"api\"})\n",
        good: "- alert: ApiGone\n  # watchbell: ignore alert/absent-short-for until 2999-12-31 we mend it this millennium\n  expr: absent(up{job=\"api\"})\n",
        ..Check::BASE
    },
];

/// One id in one comment.
struct Silence {
    id: String,
    place: Place,
    /// The bytes of the file in which it holds.
    scope: Range<usize>,
    is_expired: bool,
    is_used: bool,
}

/// The silences of `files`, and what is wrong with them.
pub(super) struct Silences {
    silences: Vec<Silence>,
    problems: Vec<Diagnostic>,
}

impl Silences {
    /// Reads the comments of `files`; dates are compared with `now`.
    pub(super) fn read(files: &[RuleFile], now: Option<Timestamp>) -> Silences {
        let mut read = Silences { silences: Vec::new(), problems: Vec::new() };
        for file in files {
            let regions = regions(file);
            let mut line_start = 0;
            for line in file.source.text.split_inclusive('\n') {
                if let Some(at) = comment(line)
                    && read.silences.len() < SILENCES_MAX
                {
                    read.comment(file, &regions, line_start + at, line[at..].trim_end(), now);
                }
                line_start += line.len();
            }
        }
        read
    }

    fn problem(&mut self, id: &'static str, place: Place, message: String, hint: Option<String>) {
        let diagnostic = Diagnostic { place: Some(place), ..Diagnostic::warning(id, message) };
        self.problems.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }

    /// Reads the comment `text`, which begins with `#` at the byte `at`.
    fn comment(&mut self, file: &RuleFile, regions: &[Range<usize>], at: usize, text: &str, now: Option<Timestamp>) {
        const HOW: &str = "write `# watchbell: ignore ID[, ID] [until YYYY-MM-DD] reason`";
        let place = |range: Range<usize>| file.place(at + range.start..at + range.end);
        let mut words = words(text).skip_while(|(_, word)| !word.ends_with(MARK)).skip(1);
        let scope = match words.next() {
            Some((_, "ignore-file")) => Some(0..file.source.text.len()),
            Some((_, "ignore")) => regions.iter().find(|region| region.contains(&at)).cloned(),
            _ => {
                self.problem(
                    "lint/bad-silence",
                    place(0..text.len()),
                    "this comment is not understood".to_owned(),
                    Some(HOW.to_owned()),
                );
                return;
            }
        };
        let Some(scope) = scope else {
            let hint = Some("put it inside a rule or right above it, or write `ignore-file`".to_owned());
            self.problem("lint/bad-silence", place(0..text.len()), "this comment belongs to no rule".to_owned(), hint);
            return;
        };
        let mut ids = Vec::new();
        let mut goes_on = true;
        while goes_on && let Some((start, word)) = words.next() {
            goes_on = word.ends_with(',');
            let parts = word.trim_end_matches(',').split(',').filter(|part| !part.is_empty());
            ids.extend(parts.map(|id| (id.to_owned(), place(start..start + word.len()))));
        }
        let mut rest = words.peekable();
        let mut is_expired = false;
        if rest.next_if(|(_, word)| *word == "until").is_some() {
            let Some((start, word)) = rest.next() else { return };
            let Ok(date) = word.parse::<Date>() else {
                let message = format!("`{word}` is no date");
                self.problem("lint/bad-silence", place(start..start + word.len()), message, Some(HOW.to_owned()));
                return;
            };
            is_expired = now.is_some_and(|now| has_passed(date, now));
            if is_expired {
                let message = format!("this silence ended on {date}");
                self.problem("lint/expired-silence", place(0..text.len()), message, None);
            }
        }
        if ids.is_empty() {
            self.problem(
                "lint/bad-silence",
                place(0..text.len()),
                "this comment names no check".to_owned(),
                Some(HOW.to_owned()),
            );
        }
        for (id, place) in ids {
            match table::find(&id) {
                Some(_) => self.silences.push(Silence { id, place, scope: scope.clone(), is_expired, is_used: false }),
                None => self.problems.push(unknown(&id, place)),
            }
        }
    }

    /// Takes the silenced findings out of `found`, and adds what is wrong with the silences. `runs` says of a check whether
    /// it was run; in the files `broken` none was.
    pub(super) fn apply(
        mut self,
        mut found: Vec<Diagnostic>,
        broken: &HashSet<String>,
        runs: &dyn Fn(&Check) -> bool,
    ) -> Vec<Diagnostic> {
        found.retain(|diagnostic| {
            let Some(place) = &diagnostic.place else { return true };
            let mut is_silenced = false;
            for silence in &mut self.silences {
                let holds = silence.id == diagnostic.id
                    && silence.place.file.path == place.file.path
                    && silence.scope.contains(&place.range.start);
                silence.is_used |= holds;
                is_silenced |= holds && !silence.is_expired;
            }
            !is_silenced
        });
        for silence in self.silences.into_iter().filter(|silence| !silence.is_used) {
            let is_broken = broken.contains(&silence.place.file.path);
            if !is_broken && table::find(&silence.id).is_some_and(runs) {
                let message = format!("`{}` finds nothing here", silence.id);
                let diagnostic =
                    Diagnostic { place: Some(silence.place), ..Diagnostic::warning("lint/unused-silence", message) };
                found.push(diagnostic.hint("take the comment away"));
            }
        }
        found.extend(self.problems);
        found
    }
}

/// The finding that there is no check `id`.
pub(super) fn unknown(id: &str, place: Place) -> Diagnostic {
    let diagnostic = Diagnostic {
        place: Some(place),
        ..Diagnostic::warning("lint/unknown-check", format!("there is no check `{id}`"))
    };
    match nearest(id, table::checks().map(|check| check.id)) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => diagnostic.hint("`watchbell check --explain` lists them"),
    }
}

/// Where the comment of `line` begins, if it speaks to us.
fn comment(line: &str) -> Option<usize> {
    let mark = line.find(MARK)?;
    let hash = line[..mark].rfind('#')?;
    let is_alone = hash == 0 || line[..hash].ends_with([' ', '\t']);
    (is_alone && line[hash + 1..mark].trim().is_empty()).then_some(hash)
}

/// The words of `text` with their offsets.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split_whitespace().map(move |word| (word.as_ptr() as usize - start, word))
}

/// Whether the day `date` is over at `now`, in UTC.
fn has_passed(date: Date, now: Timestamp) -> bool {
    let end = date.tomorrow().ok().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC).ok());
    end.is_some_and(|end| now.millis() >= end.timestamp().as_millisecond())
}

/// The bytes of each rule, comments right above it included.
fn regions(file: &RuleFile) -> Vec<Range<usize>> {
    let text = &file.source.text;
    let mut starts: Vec<usize> = Vec::new();
    for group in &file.groups {
        starts.extend(group.rules.iter().map(|rule| start_with_comments(text, rule.start)));
    }
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([text.len()]).collect::<Vec<_>>();
    starts.into_iter().zip(ends).map(|(start, end)| start..end).collect()
}

/// The beginning of the line of `at`, or of the first of the lines of comments right above it.
fn start_with_comments(text: &str, at: usize) -> usize {
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let mut start = line_start(at.min(text.len()));
    while start > 0 {
        let above = line_start(start - 1);
        if !text[above..start].trim_start().starts_with('#') {
            break;
        }
        start = above;
    }
    start
}

/// Whether a check of these needs runs.
pub(super) fn is_runnable(needs: Needs, has_samples: bool, has_configuration: bool) -> bool {
    match needs {
        Needs::Rules => true,
        Needs::Policy | Needs::Configuration => has_configuration,
        Needs::Samples => has_samples,
    }
}
