use serde::{Deserialize, Serialize};

use super::Timestamp;

/// One float sample of a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When the value was observed.
    pub at: Timestamp,
    /// The observed value; the bits of [`STALE_NAN`] mark that the series ended here.
    pub value: f64,
}

impl Sample {
    /// A sample of `value` at `at`.
    pub const fn new(at: Timestamp, value: f64) -> Self {
        Sample { at, value }
    }

    /// A marker that the series ended at `at`.
    pub const fn stale(at: Timestamp) -> Self {
        Sample { at, value: STALE_NAN }
    }
}

/// The NaN with which Prometheus marks the end of a series (bits `0x7ff0000000000002`).
pub const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether `value` is the staleness marker; other NaNs are ordinary values.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN.to_bits()
}

/// Reads a float as Go's `strconv.ParseFloat` does: decimal, `0x` hexadecimal integers, `NaN`, `Inf` in any case.
pub fn parse_value(text: &str) -> Option<f64> {
    let (sign, body) = match text.as_bytes().first()? {
        b'+' => (1.0, &text[1..]),
        b'-' => (-1.0, &text[1..]),
        _ => (1.0, text),
    };
    if body.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    if body.eq_ignore_ascii_case("inf") || body.eq_ignore_ascii_case("infinity") {
        return Some(sign * f64::INFINITY);
    }
    if let Some(hex) = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok().map(|bits| sign * bits as f64);
    }
    if !body.as_bytes().first().is_some_and(|b| b.is_ascii_digit() || *b == b'.') {
        return None;
    }
    fast_float2::parse::<f64, _>(body).ok().map(|value| sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_go_floats() {
        assert_eq!(parse_value("0x1F"), Some(31.0));
        assert_eq!(parse_value("-Inf"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_value("+1.5e3"), Some(1500.0));
        assert!(parse_value("nan").is_some_and(f64::is_nan));
        for bad in ["", "+", "--1", "1x", "+-1", "e5"] {
            assert_eq!(parse_value(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_the_marker_is_stale() {
        assert!(is_stale(STALE_NAN));
        assert!(!is_stale(f64::NAN));
    }
}
