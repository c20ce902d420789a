//! Times, durations and limits as Prometheus reads them from requests.

use std::time::Duration;

use super::answer::Failure;
use super::form::Form;
use crate::lang::{self, Expr};
use crate::model::{Matcher, Timestamp, parse_duration, parse_value};

/// How Prometheus's clients write the earliest and the latest time.
const EARLIEST: &str = "-292273086-05-16T16:47:06Z";
const LATEST: &str = "292277025-08-18T07:12:54.999999999Z";
/// How much of a bad parameter an error quotes, in characters.
const QUOTED_MAX: usize = 200;

/// The time `name`: seconds since 1970 or RFC 3339.
pub(super) fn time(form: &Form, name: &str) -> Result<Timestamp, Failure> {
    read_time(form.first(name)).map_err(|text| Failure::parameter(name, text))
}

/// The time `name`, or `default` where it is not given.
pub(super) fn time_or(form: &Form, name: &str, default: Timestamp) -> Result<Timestamp, Failure> {
    match form.first(name) {
        "" => Ok(default),
        text => {
            read_time(text).map_err(|text| Failure::parameter(name, format!("invalid time value for '{name}': {text}")))
        }
    }
}

fn read_time(text: &str) -> Result<Timestamp, String> {
    let seconds = parse_value(text).and_then(Timestamp::from_seconds_f64);
    let found = seconds.or_else(|| Timestamp::parse_rfc3339(text)).or(match text {
        EARLIEST => Some(Timestamp::MIN),
        LATEST => Some(Timestamp::MAX),
        _ => None,
    });
    found.ok_or_else(|| format!("cannot parse {} to a valid timestamp", quoted(text)))
}

/// The span of time of requests for series and labels: from `start` to `end`, all time by default.
pub(super) fn span(form: &Form) -> Result<(Timestamp, Timestamp), Failure> {
    let start = time_or(form, "start", Timestamp::MIN)?;
    let end = time_or(form, "end", Timestamp::MAX)?;
    // The series take a span that is open on the left.
    Ok((start - Duration::from_millis(1), end))
}

/// A duration in nanoseconds: seconds as a number, or text such as `5m`.
pub(super) fn nanoseconds(text: &str) -> Result<i64, String> {
    if let Some(seconds) = parse_value(text) {
        let nanoseconds = seconds * 1e9;
        // The conversion cuts the fraction.
        return match nanoseconds.abs() < 9.223_372_036_854_775e18 {
            true => Ok(nanoseconds as i64),
            false => Err(format!("cannot parse {} to a valid duration. It overflows int64", quoted(text))),
        };
    }
    let read = parse_duration(text).ok().and_then(|duration| i64::try_from(duration.as_nanos()).ok());
    read.ok_or_else(|| format!("cannot parse {} to a valid duration", quoted(text)))
}

/// The duration `name` if it is given; one below zero is zero.
pub(super) fn duration(form: &Form, name: &str) -> Result<Option<Duration>, String> {
    match form.first(name) {
        "" => Ok(None),
        text => nanoseconds(text).map(|read| Some(Duration::from_nanos(u64::try_from(read).unwrap_or(0)))),
    }
}

/// How many results are wanted at most; 0 for all.
pub(super) fn limit(form: &Form) -> Result<usize, Failure> {
    let text = form.first("limit");
    match (text, text.parse::<i64>()) {
        ("", _) => Ok(0),
        (_, Ok(limit)) => usize::try_from(limit).map_err(|_| Failure::parameter("limit", "limit must be non-negative")),
        (_, Err(_)) => {
            let text = format!("strconv.Atoi: parsing {}: invalid syntax", quoted(text));
            Err(Failure::parameter("limit", text))
        }
    }
}

/// The expression `query`.
pub(super) fn expression(text: &str) -> Result<Expr, Failure> {
    if text.is_empty() {
        return Err(Failure::parameter("query", "unknown position: parse error: no expression found in input"));
    }
    lang::parse(text).map_err(|errors| {
        let error = errors.first();
        let hint = error.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
        let text = format!("{}:{}: parse error: {}{hint}", error.line, error.column, error.message);
        Failure::parameter("query", text)
    })
}

/// The selectors `match[]`, each with at least one condition that the empty value does not satisfy.
pub(super) fn selectors(form: &Form) -> Result<Vec<Vec<Matcher>>, Failure> {
    form.all("match[]").map(selector).collect()
}

fn selector(text: &str) -> Result<Vec<Matcher>, Failure> {
    let matchers = lang::parse_matchers(text).map_err(|errors| {
        let error = errors.first();
        let text = format!("{}:{}: parse error: {}", error.line, error.column, error.message);
        Failure::parameter("match[]", text)
    })?;
    if matchers.iter().all(|matcher| matcher.matches_value("")) {
        return Err(Failure::parameter("match[]", "match[] must contain at least one non-empty matcher"));
    }
    Ok(matchers)
}

/// A text in quotes, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("15", Ok(15_000_000_000)),
            ("0.5", Ok(500_000_000)),
            ("-1", Ok(-1_000_000_000)),
            ("1e3", Ok(1_000_000_000_000)),
            ("5m", Ok(300_000_000_000)),
            ("1h30m", Ok(5_400_000_000_000)),
            ("292y", Ok(9_208_512_000_000_000_000)),
            ("1e10", Err("cannot parse \"1e10\" to a valid duration. It overflows int64")),
            ("NaN", Err("cannot parse \"NaN\" to a valid duration. It overflows int64")),
            ("", Err("cannot parse \"\" to a valid duration")),
            ("5 m", Err("cannot parse \"5 m\" to a valid duration")),
        ] {
            assert_eq!(nanoseconds(text), expected.map_err(str::to_owned), "{text}");
        }
    }
}
