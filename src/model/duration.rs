use std::time::Duration;

/// A duration text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is empty.
    #[error("empty duration; write a number and a unit, such as `5m`")]
    Empty,
    /// A unit is missing, unknown, repeated or out of order.
    #[error("not a duration: `{0}`; write numbers with the units y, w, d, h, m, s, ms in this order, such as `1h30m`")]
    Malformed(String),
    /// The duration does not fit 292 years.
    #[error("duration out of range: `{0}`")]
    OutOfRange(String),
}

/// The units of a duration, largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads a duration as Prometheus and Alertmanager write them in YAML: `0`, `30s`, `1h30m`, `1d12h`.
///
/// A year is 365 days, a week 7, a day 24 hours.
///
/// # Errors
///
/// Text that is empty, malformed or longer than 292 years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let malformed = || DurationError::Malformed(text.to_owned());
    let mut total_ms: u64 = 0;
    let mut rest = text;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        let index = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
        if digits == 0 || index < next_unit {
            return Err(malformed());
        }
        let out_of_range = || DurationError::OutOfRange(text.to_owned());
        let number: u64 = number.parse().map_err(|_| out_of_range())?;
        let part = number.checked_mul(UNITS[index].1).ok_or_else(out_of_range)?;
        total_ms =
            total_ms.checked_add(part).filter(|ms| *ms <= i64::MAX as u64 / 1_000_000).ok_or_else(out_of_range)?;
        next_unit = index + 1;
        rest = tail;
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration as Prometheus does: `0s`, `5m`, `1h30m`, `1d`; years and weeks only where nothing remains.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, length) in UNITS {
        let only_exact = matches!(unit, "y" | "w");
        if only_exact && rest % length != 0 {
            continue;
        }
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, ms, canonical) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("5m", 300_000, "5m"),
            ("90m", 5_400_000, "1h30m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("1d", 86_400_000, "1d"),
            ("7d", 604_800_000, "1w"),
            ("8d", 691_200_000, "8d"),
            ("1y", 31_536_000_000, "1y"),
            ("1ms", 1, "1ms"),
            ("1s500ms", 1500, "1s500ms"),
        ] {
            let read = parse_duration(text).expect(text);
            assert_eq!(read.as_millis(), ms, "{text}");
            assert_eq!(format_duration(read), canonical);
        }
    }

    #[test]
    fn refuses() {
        for text in ["", "5", "m", "5x", "1m1h", "1m1m", "-1m", "1.5h", " 5m", "99999999999999999999y", "300y"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
