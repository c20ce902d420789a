//! JSON as Prometheus writes it: samples as `[seconds, "value"]`, label sets as objects. Straight into bytes, for answers
//! of millions of points.

use crate::model::{FloatForm, Histogram, Labels, Timestamp, write_whole};

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
    FloatForm::Api.write(out, value);
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
    histogram.write_json(out);
    out.push(b']');
}

/// A value in quotes that never has an exponent: a scalar.
pub(super) fn write_scalar(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    FloatForm::Plain.write(out, value);
    out.push(b'"');
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
    }
}
