//! The script format of Prometheus's `promqltest`: loads of series, evaluations and what is expected of them.

use watchbell::lang::{ExprKind, parse};
use watchbell::model::{Labels, parse_duration, parse_value};

/// A step of a script with its line, from 1.
pub(super) struct Command {
    pub(super) line: usize,
    pub(super) kind: CommandKind,
}

pub(super) enum CommandKind {
    Clear,
    Load { step_ms: i64, series: Vec<Loaded>, with_custom_buckets: bool },
    Eval(Box<Eval>),
}

/// A line of a load.
pub(super) struct Loaded {
    pub(super) labels: Labels,
    pub(super) values: Vec<Point>,
    /// The line gives start timestamps for the next one.
    pub(super) is_start_times: bool,
}

/// One value of a series line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Point {
    Missing,
    Stale,
    Float(f64),
    /// A native histogram, which is not read further.
    Histogram,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    Instant { at_ms: i64 },
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
}

/// An evaluation with its expectations.
pub(super) struct Eval {
    pub(super) when: When,
    pub(super) text: String,
    pub(super) fail: Option<Text>,
    pub(super) warn: Annotations,
    pub(super) info: Annotations,
    pub(super) ordered: bool,
    pub(super) string: Option<String>,
    pub(super) scalar: Option<f64>,
    pub(super) range_vector: Option<When>,
    pub(super) series: Vec<(Labels, Vec<Point>)>,
}

/// What a text must be.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Any,
    Exactly(String),
    Regex(regex::Regex),
}

impl Text {
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Text::Any => true,
            Text::Exactly(expected) => text == expected,
            Text::Regex(regex) => regex.is_match(text),
        }
    }
}

/// What is expected of the remarks of one level.
#[derive(Default)]
pub(super) struct Annotations {
    pub(super) none: bool,
    pub(super) expected: Vec<Text>,
}

/// Reads a whole script.
pub(super) fn read(script: &str) -> Result<Vec<Command>, String> {
    let lines: Vec<&str> = script.lines().map(str::trim).collect();
    let mut commands = Vec::new();
    let mut index = 0;
    while index < lines.len() {
        let line = lines[index];
        let number = index + 1;
        let at = |error: String| format!("line {number}: {error}");
        let block = lines[index + 1..].iter().take_while(|line| !line.is_empty()).count();
        let body: Vec<&str> =
            lines[index + 1..index + 1 + block].iter().copied().filter(|line| !line.starts_with('#')).collect();
        let kind = if line.is_empty() || line.starts_with('#') {
            index += 1;
            continue;
        } else if line == "clear" {
            index += 1;
            CommandKind::Clear
        } else if line.starts_with("load") {
            index += 1 + block;
            read_load(line, &body).map_err(at)?
        } else if line.starts_with("eval") {
            index += 1 + block;
            CommandKind::Eval(Box::new(read_eval(line, &body).map_err(at)?))
        } else {
            return Err(at(format!("unknown command: {line}")));
        };
        commands.push(Command { line: number, kind });
    }
    Ok(commands)
}

fn read_load(line: &str, body: &[&str]) -> Result<CommandKind, String> {
    let (command, step) = line.split_once(char::is_whitespace).ok_or("load needs a step")?;
    let mut series = Vec::new();
    for line in body {
        let (name, rest) = split_series(line)?;
        let (rest, is_start_times) = rest.strip_prefix("@st").map_or((rest, false), |rest| (rest, true));
        let values = if is_start_times { Vec::new() } else { read_points(rest)? };
        series.push(Loaded { labels: read_labels(name)?, values, is_start_times });
    }
    Ok(CommandKind::Load { step_ms: millis(step)?, series, with_custom_buckets: command == "load_with_nhcb" })
}

fn read_eval(line: &str, body: &[&str]) -> Result<Eval, String> {
    let (command, rest) = line.split_once(char::is_whitespace).ok_or("eval needs more")?;
    let (when, text) = read_when(rest.trim_start())?;
    let mut eval = Eval {
        when,
        text: text.to_owned(),
        fail: (command == "eval_fail").then_some(Text::Any),
        warn: Annotations::default(),
        info: Annotations::default(),
        ordered: command == "eval_ordered",
        string: None,
        scalar: None,
        range_vector: None,
        series: Vec::new(),
    };
    match command {
        "eval_warn" => eval.warn.expected.push(Text::Any),
        "eval_info" => eval.info.expected.push(Text::Any),
        _ => {}
    }
    for line in body {
        if let Some(expectation) = line.strip_prefix("expect ") {
            read_expectation(&mut eval, expectation.trim())?;
        } else if let Some(text) = line.strip_prefix("expected_fail_message ") {
            eval.fail = Some(Text::Exactly(text.to_owned()));
        } else if let Some(text) = line.strip_prefix("expected_fail_regexp ") {
            eval.fail = Some(Text::Regex(regex::Regex::new(text).map_err(|error| error.to_string())?));
        } else if let Some(value) = parse_value(line) {
            eval.scalar = Some(value);
        } else {
            let (name, rest) = split_series(line)?;
            eval.series.push((read_labels(name)?, read_points(rest)?));
        }
    }
    Ok(eval)
}

fn read_expectation(eval: &mut Eval, text: &str) -> Result<(), String> {
    let (word, rest) = text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim()));
    match word {
        "fail" => eval.fail = Some(read_text(rest)?),
        "warn" => eval.warn.expected.push(read_text(rest)?),
        "info" => eval.info.expected.push(read_text(rest)?),
        "no_warn" => eval.warn.none = true,
        "no_info" => eval.info.none = true,
        "ordered" => eval.ordered = true,
        "string" => match parse(rest).map(|expr| expr.kind) {
            Ok(ExprKind::String(text)) => eval.string = Some(text),
            _ => return Err(format!("not a string: {rest}")),
        },
        "range" => {
            let rest = rest.strip_prefix("vector").ok_or("expect range vector …")?;
            eval.range_vector = Some(read_when(&format!("range {}", rest.trim()))?.0);
        }
        _ => return Err(format!("unknown expectation: {text}")),
    }
    Ok(())
}

fn read_text(text: &str) -> Result<Text, String> {
    if let Some(exact) = text.strip_prefix("msg:") {
        return Ok(Text::Exactly(exact.trim().to_owned()));
    }
    if let Some(pattern) = text.strip_prefix("regex:") {
        return regex::Regex::new(pattern.trim()).map(Text::Regex).map_err(|error| error.to_string());
    }
    Ok(Text::Any)
}

/// Reads `instant at T` or `range from A to B step S`, and what follows.
fn read_when(text: &str) -> Result<(When, &str), String> {
    let mut rest = text;
    let (word, tail) = rest.split_once(char::is_whitespace).ok_or("instant or range is expected")?;
    rest = tail.trim_start();
    let mut after = |keyword: &str| {
        let tail = rest.strip_prefix(keyword).ok_or_else(|| format!("{keyword} is expected: {rest}"))?.trim_start();
        let (value, tail) = tail.split_once(char::is_whitespace).unwrap_or((tail, ""));
        rest = tail.trim_start();
        millis(value)
    };
    let when = match word {
        "instant" => When::Instant { at_ms: after("at")? },
        "range" => When::Range { start_ms: after("from")?, end_ms: after("to")?, step_ms: after("step")? },
        _ => return Err(format!("instant or range is expected, not {word}")),
    };
    Ok((when, rest))
}

/// Reads a duration, or a number of seconds.
fn millis(text: &str) -> Result<i64, String> {
    if let Some(seconds) = parse_value(text.trim()) {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let duration = parse_duration(text.trim()).map_err(|error| error.to_string())?;
    i64::try_from(duration.as_millis()).map_err(|error| error.to_string())
}

/// Splits a line behind its series.
fn split_series(line: &str) -> Result<(&str, &str), String> {
    let mut quote = None;
    let mut in_braces = false;
    let mut escaped = false;
    for (index, c) in line.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' || c == '`' => quote = Some(c),
            None if c == '{' => in_braces = true,
            None if c == '}' => return Ok((&line[..=index], line[index + 1..].trim())),
            None if !in_braces && (c.is_whitespace() || c == '@') => return Ok((&line[..index], line[index..].trim())),
            None => {}
        }
    }
    Err(format!("a series line needs values: {line}"))
}

/// Reads the labels of a series.
fn read_labels(text: &str) -> Result<Labels, String> {
    let inside = text.trim_end_matches('}').rsplit('{').next().unwrap_or_default();
    if text.starts_with('{') && inside.trim().is_empty() {
        return Ok(Labels::default());
    }
    match parse(text).map(|expr| expr.kind) {
        Ok(ExprKind::Selector(selector)) => {
            Ok(Labels::from_pairs(selector.matchers.iter().map(|matcher| (matcher.name(), matcher.value()))))
        }
        Ok(_) => Err(format!("not a series: {text}")),
        Err(errors) => Err(format!("not a series: {text}: {}", errors.first())),
    }
}

/// Reads the values of a series line.
fn read_points(text: &str) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = match rest.starts_with("{{") {
            // A histogram holds spaces; what follows its last brace may repeat it.
            true => {
                let mut end = rest.find("}}").ok_or("a histogram is not closed")? + 2;
                while let Some(next) = rest[end..].strip_prefix(['+', '-']).filter(|next| next.starts_with("{{")) {
                    end = rest.len() - next.len() + next.find("}}").ok_or("a histogram is not closed")? + 2;
                }
                end + rest[end..].find(char::is_whitespace).unwrap_or(rest.len() - end)
            }
            false => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        read_point(&rest[..end], &mut points)?;
        rest = rest[end..].trim_start();
    }
    Ok(points)
}

fn read_point(token: &str, points: &mut Vec<Point>) -> Result<(), String> {
    let malformed = || format!("not a value: {token}");
    let (body, times) = match token.rsplit_once('x').and_then(|(body, times)| Some((body, times.parse().ok()?))) {
        Some((body, times)) => (body, Some::<usize>(times)),
        None => (token, None),
    };
    if body == "_" {
        points.extend(std::iter::repeat_n(Point::Missing, times.unwrap_or(1)));
    } else if body == "stale" {
        points.push(Point::Stale);
    } else if body.starts_with("{{") {
        points.extend(std::iter::repeat_n(Point::Histogram, times.map_or(1, |times| times + 1)));
    } else if let Some(value) = parse_value(body) {
        points.extend(std::iter::repeat_n(Point::Float(value), times.map_or(1, |times| times + 1)));
    } else {
        let is_sign = |index: usize| {
            let bytes = body.as_bytes();
            index > 0 && matches!(bytes[index], b'+' | b'-') && !matches!(bytes[index - 1], b'e' | b'E')
        };
        let split = (0..body.len()).find(|index| is_sign(*index)).ok_or_else(malformed)?;
        let start = parse_value(&body[..split]).ok_or_else(malformed)?;
        let increment = parse_value(&body[split..]).ok_or_else(malformed)?;
        let times = times.ok_or_else(malformed)?;
        let mut value = start;
        for _ in 0..=times {
            points.push(Point::Float(value));
            value += increment;
        }
    }
    Ok(())
}
