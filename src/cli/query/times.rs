//! When a query is evaluated, as the command line says it.

use std::time::Duration;

use anyhow::{Context, bail};

use crate::model::{Timestamp, parse_duration, parse_value};

/// How many steps a range has unless the step is given.
const STEPS: u32 = 100;
/// The range of a chart unless it is given.
const CHART_RANGE: Duration = Duration::from_secs(3600);
/// Round distances of steps, in milliseconds.
const ROUND_MS: [u64; 27] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000,
];

/// When.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// Once.
    At(Timestamp),
    /// At each step.
    Range { start: Timestamp, end: Timestamp, step: Duration },
}

/// The arguments that say when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) at: Option<&'a str>,
    pub(super) start: Option<&'a str>,
    pub(super) end: Option<&'a str>,
    pub(super) range: Option<Duration>,
    pub(super) step: Option<Duration>,
    /// A chart needs a range.
    pub(super) is_chart: bool,
}

impl Asked<'_> {
    /// The times, given what `now` is and, in a fixture, where its samples begin.
    ///
    /// # Errors
    ///
    /// A text that is no time; times that do not fit together.
    pub(super) fn resolve(&self, now: Timestamp, first: Option<Timestamp>) -> anyhow::Result<Times> {
        let read = |name: &str, text: Option<&str>| {
            text.map(|text| time(text, now).with_context(|| format!("--{name}"))).transpose()
        };
        let (start, end) = (read("start", self.start)?, read("end", self.end)?);
        if start.is_none() && self.range.is_none() {
            if self.step.is_some() || end.is_some() {
                bail!("a range query needs `--range DURATION` or `--start TIME`");
            }
            if !self.is_chart {
                return Ok(Times::At(read("at", self.at)?.unwrap_or(now)));
            }
        }
        let end = match (end, start, self.range) {
            (Some(end), ..) => end,
            (None, Some(start), Some(range)) => start + range,
            _ => now,
        };
        let start = start.unwrap_or_else(|| match (self.range, first) {
            (Some(range), _) => end - range,
            (None, Some(first)) => first.min(end),
            (None, None) => end - CHART_RANGE,
        });
        if end < start {
            bail!("the range ends at {end}, before it starts at {start}");
        }
        let step = self.step.unwrap_or_else(|| round_step(end.since(start)));
        if step.as_millis() == 0 {
            bail!("--step: a step of at least a millisecond is needed");
        }
        Ok(Times::Range { start, end, step })
    }
}

/// The first round duration that makes at most [`STEPS`] steps of `span`.
fn round_step(span: Duration) -> Duration {
    let least = u64::try_from(span.as_millis().div_ceil(u128::from(STEPS))).unwrap_or(u64::MAX);
    let longest = ROUND_MS[ROUND_MS.len() - 1];
    let round = ROUND_MS.into_iter().find(|round| *round >= least);
    Duration::from_millis(round.unwrap_or_else(|| least.div_ceil(longest).saturating_mul(longest)))
}

/// Reads `now`, `now-5m`, `-5m`, `now+5m`, seconds since 1970, or RFC 3339.
fn time(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let text = text.trim();
    let relative = text.strip_prefix("now").unwrap_or(text);
    let shifted = match relative.split_at_checked(1) {
        None if text == "now" => return Ok(now),
        Some(("-", duration)) => parse_duration(duration).ok().map(|duration| now - duration),
        Some(("+", duration)) if relative != text => parse_duration(duration).ok().map(|duration| now + duration),
        _ => None,
    };
    let seconds = || parse_value(text).and_then(Timestamp::from_seconds_f64);
    shifted.or_else(seconds).or_else(|| Timestamp::parse_rfc3339(text)).with_context(|| {
        format!("not a time: `{text}`; write `now`, `-5m`, seconds since 1970 such as `1795316400`, or `2026-11-22T03:00:00Z`")
    })
}

/// Reads a duration, or a number of seconds.
pub(in crate::cli) fn duration(text: &str) -> anyhow::Result<Duration> {
    if let Some(seconds) = parse_value(text).filter(|seconds| (0.0..1e10).contains(seconds)) {
        return Ok(Duration::from_millis((seconds * 1000.0).round() as u64));
    }
    Ok(parse_duration(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let now = Timestamp::from_seconds(1_000_000);
        for (text, seconds) in [
            ("now", 1_000_000.0),
            (" now-5m ", 999_700.0),
            ("-1h30m", 994_600.0),
            ("now+10s", 1_000_010.0),
            ("12.5", 12.5),
            ("-12.5", -12.5),
            ("1970-01-01T00:01:00Z", 60.0),
            ("1970-01-01T00:01:00+01:00", -3540.0),
        ] {
            assert_eq!(time(text, now).expect(text).seconds_f64(), seconds, "{text}");
        }
        for text in ["", "tomorrow", "nowish", "now-", "5m", "-5 m", "+5m", "NaN", "ä"] {
            assert!(time(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges() {
        let now = Timestamp::from_seconds(10_000);
        let range = Some(Duration::from_secs(3600));
        for (asked, expected) in [
            (Asked::default(), "at 10000"),
            (Asked { at: Some("-10s"), ..Asked::default() }, "at 9990"),
            (Asked { range, ..Asked::default() }, "6400 to 10000 step 60"),
            (Asked { range, end: Some("-1h"), ..Asked::default() }, "2800 to 6400 step 60"),
            (Asked { range, start: Some("100"), ..Asked::default() }, "100 to 3700 step 60"),
            (Asked { start: Some("0"), end: Some("10"), ..Asked::default() }, "0 to 10 step 0.1"),
            (Asked { start: Some("0"), step: range, ..Asked::default() }, "0 to 10000 step 3600"),
            (Asked { is_chart: true, ..Asked::default() }, "5000 to 10000 step 60"),
        ] {
            let text = match asked.resolve(now, Some(Timestamp::from_seconds(5000))).expect(expected) {
                Times::At(at) => format!("at {}", at.seconds_f64()),
                Times::Range { start, end, step } => {
                    format!("{} to {} step {}", start.seconds_f64(), end.seconds_f64(), step.as_secs_f64())
                }
            };
            assert_eq!(text, expected);
        }
        for asked in [
            Asked { step: range, ..Asked::default() },
            Asked { end: Some("5"), ..Asked::default() },
            Asked { start: Some("10"), end: Some("5"), ..Asked::default() },
            Asked { range, step: Some(Duration::ZERO), ..Asked::default() },
        ] {
            assert!(asked.resolve(now, None).is_err(), "{asked:?}");
        }
    }

    #[test]
    fn steps_are_round() {
        for (seconds, step) in [(0, 0.001), (60, 1.0), (3600, 60.0), (86_400, 900.0), (31_536_000, 345_600.0)] {
            assert_eq!(round_step(Duration::from_secs(seconds)).as_secs_f64(), step, "{seconds}");
        }
    }
}
