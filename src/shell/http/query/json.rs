//! JSON as Prometheus writes it: samples as `[seconds, "value"]`, label sets as objects. Straight into bytes, for answers
//! of millions of points.

use crate::model::{Histogram, Labels, Timestamp};

/// Whole numbers below this are exact and written without a fraction.
const WHOLE_MAX: f64 = 1e15;

/// `"text"`
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut written = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[written..index]);
        written = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                out.extend_from_slice(b"\\u00");
                out.push(b"0123456789abcdef"[usize::from(control >> 4)]);
                out.push(b"0123456789abcdef"[usize::from(control & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

/// `["a","b"]`
pub(super) fn write_texts<T: AsRef<str>>(out: &mut Vec<u8>, texts: &[T]) {
    out.push(b'[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(out, text.as_ref());
    }
    out.push(b']');
}

/// `{"__name__":"up","job":"api"}`
pub(super) fn write_labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(out, name);
        out.push(b':');
        write_text(out, value);
    }
    out.push(b'}');
}

/// Seconds with up to three digits of fraction: `1435781451.781`.
pub(super) fn write_time(out: &mut Vec<u8>, at: Timestamp) {
    if at.millis() < 0 {
        out.push(b'-');
    }
    let millis = at.millis().unsigned_abs();
    write_whole(out, millis / 1000);
    let fraction = millis % 1000;
    if fraction > 0 {
        // The remainder is below 1000, so each digit is below 10.
        let digit = |value: u64| b'0' + (value % 10) as u8;
        out.extend_from_slice(&[b'.', digit(fraction / 100), digit(fraction / 10), digit(fraction)]);
    }
}

/// A value in quotes: the shortest decimal that reads back, with an exponent below 1e-6 and from 1e21.
pub(super) fn write_value(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    write_number(out, value, Exponents::AtTheEnds);
    out.push(b'"');
}

/// `[seconds, "value"]`
pub(super) fn write_point(out: &mut Vec<u8>, at: Timestamp, value: f64) {
    out.push(b'[');
    write_time(out, at);
    out.push(b',');
    write_value(out, value);
    out.push(b']');
}

/// `[seconds, {"count":"2","sum":"3","buckets":[[0,"1","2","2"]]}]`
pub(super) fn write_histogram_point(out: &mut Vec<u8>, at: Timestamp, histogram: &Histogram) {
    out.push(b'[');
    write_time(out, at);
    out.push(b',');
    let mut text = String::new();
    histogram.write_json(&mut text);
    out.extend_from_slice(text.as_bytes());
    out.push(b']');
}

/// A value in quotes that never has an exponent: a scalar.
pub(super) fn write_scalar(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    write_number(out, value, Exponents::Never);
    out.push(b'"');
}

/// Whether very small and very large numbers have an exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exponents {
    Never,
    /// Below 1e-6 and from 1e21.
    AtTheEnds,
}

/// The shortest decimal that reads back; of two as near the one that ends in an even digit, as Go has it.
fn write_number(out: &mut Vec<u8>, value: f64, exponents: Exponents) {
    let magnitude = value.abs();
    if value.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if magnitude < WHOLE_MAX && magnitude.trunc() == magnitude {
        // Whole and small enough: the conversion is exact.
        return write_whole(out, magnitude as u64);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(magnitude);
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    };
    let (is_small, digits) = match exponent.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, exponent.trim_start_matches('+')),
    };
    if exponents == Exponents::AtTheEnds && !(1e-6..1e21).contains(&magnitude) {
        // Go writes a sign and at least two digits: `1e-07`, `1e+21`.
        out.extend_from_slice(mantissa.as_bytes());
        out.extend_from_slice(if is_small { b"e-" } else { b"e+" });
        out.extend_from_slice(if digits.len() < 2 { b"0" } else { b"" });
        return out.extend_from_slice(digits.as_bytes());
    }
    // The exponent of a double has at most three digits.
    let shift = digits.bytes().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if is_small {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + shift.saturating_sub(whole.len()), b'0');
        out.extend_from_slice(whole.as_bytes());
        out.extend_from_slice(fraction.as_bytes());
    } else {
        // Numbers with an exponent are so large that no fraction is left.
        out.extend_from_slice(whole.as_bytes());
        out.extend_from_slice(fraction.as_bytes());
        out.resize(out.len() + shift.saturating_sub(fraction.len()), b'0');
    }
}

fn write_whole(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        // A remainder below 10 fits.
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn values_as_prometheus_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (0.000_01, "0.00001"),
            (0.000_001, "0.000001"),
            (9.9e-7, "9.9e-07"),
            (1e-10, "1e-10"),
            (-2.5e-300, "-2.5e-300"),
            (1e15, "1000000000000000"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (87_103_528_990_060.63, "87103528990060.62"),
            (90_739_271_211_053.13, "90739271211053.12"),
            (1_000_000_000_000_000.5, "1000000000000000.5"),
            (15_000_000_000_000_000.0, "15000000000000000"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(|out| write_number(out, value, Exponents::AtTheEnds)), text);
        }
        for (value, text) in [
            (1e-7, "0.0000001"),
            (-1.25e-10, "-0.000000000125"),
            (1e21, "1000000000000000000000"),
            (-1.5e22, "-15000000000000000000000"),
        ] {
            assert_eq!(written(|out| write_number(out, value, Exponents::Never)), text);
        }
    }

    #[test]
    fn times_are_seconds_with_milliseconds() {
        for (millis, text) in [
            (0, "0"),
            (1, "0.001"),
            (-1, "-0.001"),
            (1_435_781_451_781, "1435781451.781"),
            (1_000, "1"),
            (1_050, "1.050"),
            (-1_500, "-1.500"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(written(|out| write_time(out, Timestamp::from_millis(millis))), text);
        }
    }

    proptest! {
        #[test]
        fn texts_read_back(text: String) {
            let json = written(|out| write_text(out, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
        }

        #[test]
        fn values_read_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for exponents in [Exponents::Never, Exponents::AtTheEnds] {
                let text = written(|out| write_number(out, value, exponents));
                prop_assert_eq!(text.parse::<f64>().expect("a number").to_bits(), bits);
                prop_assert!(!text.contains('e') || exponents == Exponents::AtTheEnds);
            }
        }

        /// But for the last digit where two numbers are as near.
        #[test]
        fn values_are_as_long_as_those_of_the_standard_library(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let (text, other) = (written(|out| write_number(out, value, Exponents::Never)), value.to_string());
            prop_assert!(text.len() == other.len(), "{} {}", text, other);
        }
    }
}
