//! Numbers for people, exactly as Prometheus prints them.

use super::error::TemplateError;
use super::moment;
use crate::model::format_general;

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const LARGE_BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

/// Go's `%.4g`.
fn four_digits(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    match value.is_infinite() {
        true if value > 0.0 => "+Inf".to_owned(),
        true => "-Inf".to_owned(),
        false => format!("{sign}{}", format_general(value.abs(), 4)),
    }
}

/// Divides `value` by `base` until it is below it, or runs out of prefixes.
fn scaled_down(mut value: f64, base: f64, prefixes: [&'static str; 8]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < base {
            break;
        }
        prefix = next;
        value /= base;
    }
    (value, prefix)
}

/// Multiplies `value` by 1000 until it is at least 1, or runs out of prefixes.
fn scaled_up(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (value, prefix)
}

/// `1234567` as `1.235M`.
pub(super) fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four_digits(value);
    }
    let (value, prefix) = if value.abs() >= 1.0 { scaled_down(value, 1000.0, LARGE) } else { scaled_up(value) };
    format!("{}{prefix}", four_digits(value))
}

/// `1048576` as `1Mi`.
pub(super) fn humanize1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return four_digits(value);
    }
    let (value, prefix) = scaled_down(value, 1024.0, LARGE_BINARY);
    format!("{}{prefix}", four_digits(value))
}

/// `0.1234` as `12.34%`.
pub(super) fn humanize_percentage(value: f64) -> String {
    format!("{}%", four_digits(value * 100.0))
}

/// `3661` seconds as `1h 1m 1s`.
pub(super) fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return four_digits(value);
    }
    if value == 0.0 {
        return format!("{}s", four_digits(value));
    }
    if value.abs() < 1.0 {
        let (value, prefix) = scaled_up(value);
        return format!("{}{prefix}s", four_digits(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    // Beyond 64 bits the conversion is Go's on amd64: the smallest number.
    let whole = if value >= 9_223_372_036_854_775_808.0 { i64::MIN } else { value as i64 };
    let (seconds, minutes, hours, days) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86400);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", four_digits(value))
    }
}

/// Seconds since 1970 as `1970-01-01 00:20:34.567 +0000 UTC`.
///
/// # Errors
///
/// A time that 64 bits of nanoseconds cannot hold.
pub(super) fn humanize_timestamp(value: f64) -> Result<String, TemplateError> {
    if !value.is_finite() {
        return Ok(four_digits(value));
    }
    moment::from_seconds(value).map(|time| moment::time_text(&time))
}
