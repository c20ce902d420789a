use super::expectation::read_regex;
use super::points::read_points;
use super::start_times::read_start_times;
use super::{Command, CommandKind, Eval, Expectations, Load, LoadedSeries, Point, Script, Text, When, fault};
use crate::formats::{FormatError, parse_series_prefix};
use crate::model::{Labels, nearest, parse_duration, parse_value};

/// The greatest number of values of one script.
pub const POINTS_MAX: usize = 5_000_000;

/// Reads a script.
///
/// # Errors
///
/// The first line that is no command of the format, or not where it may stand; more than [`POINTS_MAX`] values.
pub fn read(text: &str) -> Result<Script, FormatError> {
    read_within(text, POINTS_MAX)
}

/// Reads a script of at most `points_max` values.
///
/// # Errors
///
/// As [`read`].
pub fn read_within(text: &str, points_max: usize) -> Result<Script, FormatError> {
    let lines = text.split('\n').enumerate().map(|(index, raw)| {
        let text = raw.trim();
        let indent = raw.len() - raw.trim_start().len();
        Line { number: index + 1, column: indent + 1, text: if text.starts_with('#') { "" } else { text } }
    });
    let mut reader = Reader { lines: lines.collect(), at: 0, points_left: points_max, points_max };
    let mut script = Script::default();
    while let Some(line) = reader.next() {
        if line.text.is_empty() {
            continue;
        }
        let word = line.text.split_whitespace().next().unwrap_or_default();
        let kind = match word {
            _ if word.eq_ignore_ascii_case("clear") => CommandKind::Clear,
            "load" | "load_with_nhcb" => CommandKind::Load(reader.load(line)?),
            _ if word == "eval" || word.starts_with("eval_") => CommandKind::Eval(Box::new(reader.eval(line)?)),
            _ => return Err(line.place(unknown_command(word))),
        };
        script.commands.push(Command { line: line.number, kind });
    }
    Ok(script)
}

/// The commands with all their spellings.
const COMMANDS: [&str; 8] =
    ["load", "load_with_nhcb", "clear", "eval", "eval_fail", "eval_warn", "eval_info", "eval_ordered"];

fn unknown_command(word: &str) -> FormatError {
    let error = fault(1, format!("unknown command: `{word}`"));
    match nearest(word, COMMANDS) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("a line is `load STEP`, `clear`, `eval instant at TIME EXPR`, `eval range from TIME to TIME step STEP EXPR`, or follows one of them without an empty line between"),
    }
}

/// A line of the script without its blanks; comments are empty.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    /// Where its text begins, from 1.
    column: usize,
    text: &'a str,
}

impl Line<'_> {
    /// An error inside the line's text as one of the script.
    fn place(&self, error: FormatError) -> FormatError {
        error.inside(self.number, self.column)
    }
}

struct Reader<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
    points_left: usize,
    points_max: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Line<'a>> {
        let line = self.lines.get(self.at).copied()?;
        self.at += 1;
        Some(line)
    }

    /// The next line of a block; a block ends at an empty line or a comment.
    fn next_of_block(&mut self) -> Option<Line<'a>> {
        let line = self.lines.get(self.at).copied().filter(|line| !line.text.is_empty())?;
        self.at += 1;
        Some(line)
    }

    fn load(&mut self, head: Line<'a>) -> Result<Load, FormatError> {
        let place = |error| head.place(error);
        let (command, step) = head.text.split_once(char::is_whitespace).unwrap_or((head.text, ""));
        let step_ms = read_duration(step).map_err(place)?;
        let mut load = Load { step_ms, with_custom_buckets: command == "load_with_nhcb", ..Load::default() };
        let mut default_starts: Vec<Option<i64>> = Vec::new();
        let mut pending: Option<(Line<'a>, Labels, Vec<Option<i64>>)> = None;
        let alone = |line: Line<'a>| line.place(fault(1, "start times without the series' values on the next line"));
        while let Some(line) = self.next_of_block() {
            if let Some((series, starts)) = split_start_times(line.text) {
                if let Some((line, ..)) = pending {
                    return Err(alone(line));
                }
                let starts = read_start_times(starts).map_err(|error| line.place(error))?;
                if series.is_empty() {
                    default_starts = starts;
                } else {
                    let (labels, _) = parse_series_prefix(series).map_err(|error| line.place(error))?;
                    pending = Some((line, labels, starts));
                }
                continue;
            }
            let (labels, points) = self.series(line)?;
            let starts_ms = match pending.take() {
                Some((line, of, starts)) => {
                    check_start_times(&labels, &points, &of, &starts).map_err(|error| line.place(error))?;
                    starts
                }
                None if default_starts.is_empty() => Vec::new(),
                None => default_starts.iter().copied().cycle().take(points.len()).collect(),
            };
            load.series.push(LoadedSeries { line: line.number, labels, points, starts_ms });
        }
        match pending {
            Some((line, ..)) => Err(alone(line)),
            None => Ok(load),
        }
    }

    /// Reads a series with its values.
    fn series(&mut self, line: Line<'a>) -> Result<(Labels, Vec<Point>), FormatError> {
        let place = |error: FormatError| line.place(error);
        let (labels, length) = parse_series_prefix(line.text).map_err(place)?;
        let column = line.text[..length].chars().count() + 1;
        let points = read_points(&line.text[length..]).map_err(|error| place(error.inside(1, column)))?;
        if points.is_empty() {
            return Err(place(fault(column, "a series without values").hint("such as `1x10`")));
        }
        let weight: usize = points.iter().map(Point::weight).sum();
        match self.points_left.checked_sub(weight) {
            Some(left) => self.points_left = left,
            None => return Err(place(fault(1, format!("more than {} values in a script", self.points_max)))),
        }
        Ok((labels, points))
    }

    fn eval(&mut self, head: Line<'a>) -> Result<Eval, FormatError> {
        let (command, rest) = head.text.split_once(char::is_whitespace).unwrap_or((head.text, ""));
        let (when, text) = read_when(rest.trim_start()).map_err(|error| head.place(error))?;
        let mut expectations = Expectations::default();
        match command {
            "eval" => {}
            "eval_fail" => expectations.fail = Some(Text::Any),
            "eval_warn" => expectations.warnings.expected.push(Text::Any),
            "eval_info" => expectations.infos.expected.push(Text::Any),
            "eval_ordered" if matches!(when, When::Instant { .. }) => expectations.ordered = true,
            _ => return Err(head.place(unknown_command(command))),
        }
        while let Some(line) = self.next_of_block() {
            if self.expectation(line, when, &mut expectations)? {
                break;
            }
        }
        Ok(Eval { when, text: text.to_owned(), expectations })
    }

    /// Takes in a line of an evaluation; says whether it is the last one.
    fn expectation(
        &mut self,
        line: Line<'a>,
        when: When,
        expectations: &mut Expectations,
    ) -> Result<bool, FormatError> {
        let text = line.text;
        let place = |error: FormatError| line.place(error);
        if let Some(rest) = text.strip_prefix("expect").filter(|rest| rest.starts_with(char::is_whitespace)) {
            let rest = rest.trim();
            let column = text.len() - rest.len() + 1;
            expectations.take(rest).map_err(|error| place(error.inside(1, column)))?;
            return Ok(false);
        }
        if let Some(message) = text.strip_prefix("expected_fail_message") {
            expectations.fail = Some(Text::Exactly(message.trim().to_owned()));
            return Ok(true);
        }
        if let Some(pattern) = text.strip_prefix("expected_fail_regexp") {
            expectations.fail = Some(Text::Matching(read_regex(pattern).map_err(place)?));
            return Ok(true);
        }
        if let Some(value) = parse_value(text) {
            expectations.scalar = Some(value);
            return Ok(true);
        }
        let (labels, points) = self.series(line)?;
        let is_range = matches!(when, When::Range { .. }) || expectations.range_vector.is_some();
        if points.len() > 1 && !is_range {
            let error = fault(1, "several values of an instant query");
            return Err(place(error.hint("say `expect range vector from TIME to TIME step STEP` before them")));
        }
        expectations.series.push((labels, points));
        Ok(false)
    }
}

/// Splits a line of start times: the series, empty for all that follow, and its start times.
fn split_start_times(line: &str) -> Option<(&str, &str)> {
    let end = match line.strip_prefix("@st") {
        Some(_) => 0,
        None => parse_series_prefix(line).ok()?.1,
    };
    let rest = line[end..].strip_prefix("@st")?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| (&line[..end], rest.trim()))
}

fn check_start_times(
    labels: &Labels,
    points: &[Point],
    of: &Labels,
    starts: &[Option<i64>],
) -> Result<(), FormatError> {
    if labels != of {
        return Err(fault(1, format!("start times of {of}, and the next line is of {labels}")));
    }
    if points.len() != starts.len() {
        return Err(fault(1, format!("{} start times for {} values", starts.len(), points.len())));
    }
    Ok(())
}

/// Reads `instant at T` or `range from A to B step S`, and what follows.
fn read_when(text: &str) -> Result<(When, &str), FormatError> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (when, rest) = match word {
        "instant" => {
            let (at_ms, rest) = read_after("at", rest)?;
            (When::Instant { at_ms }, rest)
        }
        "range" => {
            let (when, rest) = read_range(rest)?;
            if matches!(when, When::Range { step_ms: 0, .. }) {
                return Err(fault(1, "a step of zero"));
            }
            (when, rest)
        }
        _ => return Err(fault(1, format!("expected `instant` or `range` after `eval`, not `{word}`"))),
    };
    if rest.is_empty() {
        return Err(fault(1, "an evaluation without an expression"));
    }
    Ok((when, rest))
}

/// Reads `from A to B step S`, and what follows.
pub(super) fn read_range(text: &str) -> Result<(When, &str), FormatError> {
    let (start_ms, rest) = read_after("from", text)?;
    let (end_ms, rest) = read_after("to", rest)?;
    let (step_ms, rest) = read_after("step", rest)?;
    if end_ms < start_ms {
        return Err(fault(1, "the range ends before it starts"));
    }
    Ok((When::Range { start_ms, end_ms, step_ms }, rest))
}

/// Reads `keyword duration`, and what follows.
fn read_after<'a>(keyword: &str, text: &'a str) -> Result<(i64, &'a str), FormatError> {
    let expected = || fault(1, format!("expected `{keyword}` with a duration")).hint(format!("such as `{keyword} 5m`"));
    let rest = text.trim_start().strip_prefix(keyword).ok_or_else(expected)?;
    let rest = rest.strip_prefix(char::is_whitespace).ok_or_else(expected)?.trim_start();
    let (duration, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Ok((read_duration(duration)?, rest.trim_start()))
}

fn read_duration(text: &str) -> Result<i64, FormatError> {
    let text = text.trim();
    read_millis(text).ok_or_else(|| fault(1, format!("not a duration: `{text}`")).hint("such as `5m` or `1h30m`"))
}

/// Reads a duration, or a number of seconds, in milliseconds.
pub(super) fn read_millis(text: &str) -> Option<i64> {
    if let Ok(duration) = parse_duration(text) {
        return i64::try_from(duration.as_millis()).ok();
    }
    let millis = parse_value(text)? * 1000.0;
    (millis.abs() < 1e15).then(|| millis.round() as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::eval::Options;
    use crate::sim::promql_script::play;

    #[test]
    fn refused() {
        for (text, expected) in [
            ("\n  lod 5m", "line 2, column 3: unknown command: `lod`; did you mean `load`?"),
            ("load x\n a 1", "line 1, column 1: not a duration: `x`; such as `5m` or `1h30m`"),
            ("load 5m\n a 1 b", "line 2, column 6: not a value of a series: `b`"),
            ("load 5m\n a@st -1m\n\n", "line 2, column 2: start times without the series' values on the next line"),
            ("load 5m\n a@st -1m\n b 1", "line 2, column 2: start times of a, and the next line is of b"),
            ("load 5m\n a@st -1m\n a 1 2", "line 2, column 2: 1 start times for 2 values"),
            ("load 5m\n a", "line 2, column 3: a series without values"),
            ("eval instant 5m a", "line 1, column 1: expected `at` with a duration; such as `at 5m`"),
            ("eval instant at 5m", "line 1, column 1: an evaluation without an expression"),
            ("eval range from 5m to 1m step 1m a", "line 1, column 1: the range ends before it starts"),
            ("eval range from 0 to 1m step 0 a", "line 1, column 1: a step of zero"),
            ("eval_ordered range from 0 to 1m step 1m a", "line 1, column 1: unknown command: `eval_ordered`"),
            ("eval instant at 0 a\n a 1 2", "line 2, column 2: several values of an instant query"),
            ("eval instant at 0 a\n expect nothing", "line 2, column 9: unknown expectation: `nothing`"),
            ("eval instant at 0 a\n expect fail\n expect fail", "line 3, column 9: a second `expect fail`"),
            (
                "eval instant at 0 a\n expect warn\n expect no_warn",
                "line 3, column 9: both `expect warn` and `expect no_warn`",
            ),
            ("eval instant at 0 a\n expect fail regex: (", "line 2, column 9: not a regular expression: `(`"),
            ("load 1m\n a 1\n# a comment ends the block\n b 1", "line 4, column 2: unknown command: `b`"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
        let error = read_within("load 1m\n a 1x9\n b 1x9", 15).expect_err("too many");
        assert_eq!(error.to_string(), "line 3, column 2: more than 15 values in a script");
    }

    #[test]
    fn what_fails_and_why() {
        let load = "load 1m\n a{x=\"1\"} 1 2 3\n a{x=\"2\"} 5\n\n";
        for (eval, expected) in [
            ("eval instant at 1m a\n a{x=\"1\"} 2\n a{x=\"2\"} 5", None),
            ("eval instant at 1m a\n a{x=\"1\"} 2\n a{x=\"2\"} 6", Some("found a{x=\"2\"} 5, expected 6")),
            ("eval instant at 1m a\n a{x=\"1\"} 2", Some("found a{x=\"2\"} 5, which is not expected")),
            ("eval instant at 1m a{x=\"1\"}\n a{x=\"1\"} 2\n b 1", Some("found no b, expected 1")),
            ("eval instant at 1m a\n b 1", Some("found 2 series, expected 1; 3 differ")),
            ("eval instant at 1m 1\n 2", Some("found 1, expected 2")),
            ("eval instant at 1m \"x\"\n expect string \"y\"", Some("found the text \"x\", expected \"y\"")),
            ("eval instant at 1m a\n 2", Some("found an instant vector, expected the scalar 2")),
            ("eval instant at 1m 1 +\n 2", Some("does not parse: 1:4: expected an expression, found the end")),
            ("eval instant at 1m 1\n expect fail", Some("does not fail, expected an error")),
            ("eval instant at 1m 1\n expect warn\n 1", Some("found no warning, expected a remark (warning)")),
            (
                "eval instant at 1m sort_desc(a)\n expect ordered\n a{x=\"1\"} 2\n a{x=\"2\"} 5",
                Some("found the series in another order than expected"),
            ),
            (
                "eval range from 0 to 3m step 1m a{x=\"1\"}\n a{x=\"1\"} 1 2 _ 3",
                Some("found a{x=\"1\"} 1 2 3 3, expected 1 2 _ 3"),
            ),
            ("eval instant at 2m a{x=\"1\"}[2m]\n expect range vector from 1m to 2m step 1m\n a{x=\"1\"} 2 3", None),
        ] {
            let script = read(&format!("{load}{eval}")).expect(eval);
            let verdicts = play(&script, &Options::default());
            assert_eq!(verdicts.len(), 1);
            let message = verdicts[0].failure.as_ref().map(|failure| failure.message.as_str());
            assert_eq!(message, expected, "{eval}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in r"(load |eval instant at |eval range from 0 to 5m step 1m |5m |\n|expect |a\{b='c'\} |1x3 |\{\{count:1\}\} |@st |_ |clear|#|range vector from 1m to 2m step 1m|ä|sum\(a\)|-1mx2 ){0,25}") {
            if let Ok(script) = read_within(&text, 1000) {
                let _ = play(&script, &Options { samples_max: 10_000, ..Options::default() });
            }
        }
    }
}
