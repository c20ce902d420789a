//! Histograms as text: for people, as the notation of tests, as JSON.

use std::fmt::{self, Display, Formatter, Write};

use super::super::float::{AsciiBuffer, FloatForm};
use super::{Bucket, CounterResetHint, Histogram};

/// The most buckets of a side that the notation of tests is written with; the ones behind are left out.
const NOTATION_BUCKETS_MAX: usize = 1 << 21;

impl Display for Histogram {
    /// As Prometheus writes it: `{count:3, sum:4, [-2,-1):1, (1,2]:2}`, without empty buckets.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{count:{}, sum:{}", Shortest(self.count), Shortest(self.sum))?;
        let zero = (self.zero_count != 0.0).then(|| self.zero_bucket());
        let buckets = self.negative_buckets().rev().chain(zero).chain(self.positive_buckets());
        for bucket in buckets.filter(|bucket| bucket.count != 0.0) {
            write!(formatter, ", {bucket}")?;
        }
        formatter.write_char('}')
    }
}

impl Display for Bucket {
    /// As an interval with its count: `(1,2]:5`.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let opening = if self.lower_inclusive { '[' } else { '(' };
        let closing = if self.upper_inclusive { ']' } else { ')' };
        let (lower, upper, count) = (Shortest(self.lower), Shortest(self.upper), Shortest(self.count));
        write!(formatter, "{opening}{lower},{upper}{closing}:{count}")
    }
}

/// A float as Go's `%g` writes it.
struct Shortest(f64);

impl Display for Shortest {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&FloatForm::General.text(self.0))
    }
}

impl Histogram {
    /// The notation of tests (`{{count:3 sum:4 buckets:[1 2]}}`), as Prometheus writes it. A side has no more than 2^21 buckets, those
    /// between filled ones included.
    pub fn test_expression(&self) -> String {
        let mut parts = Vec::new();
        if self.schema != 0 {
            parts.push(format!("schema:{}", self.schema));
        }
        for (key, value) in [
            ("count", self.count),
            ("sum", self.sum),
            ("z_bucket", self.zero_count),
            ("z_bucket_w", self.zero_threshold),
        ] {
            if value != 0.0 {
                parts.push(format!("{key}:{}", Shortest(value)));
            }
        }
        if self.has_custom_buckets() {
            parts.push(format!("custom_values:{}", list(&self.custom_values)));
        }
        match self.counter_reset_hint {
            CounterResetHint::Unknown => {}
            CounterResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
            CounterResetHint::NotReset => parts.push("counter_reset_hint:not_reset".to_owned()),
            CounterResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
        }
        let filled = |side: Vec<(i64, f64)>| side.into_iter().filter(|(_, count)| *count != 0.0).collect::<Vec<_>>();
        for (key, offset_key, side) in [
            ("buckets", "offset", filled(self.positive().indexed().collect())),
            ("n_buckets", "n_offset", filled(self.negative().indexed().collect())),
        ] {
            let Some((first, _)) = side.first() else {
                continue;
            };
            if *first != 0 {
                parts.push(format!("{offset_key}:{first}"));
            }
            parts.push(format!("{key}:{}", list(&dense(&side, *first))));
        }
        format!("{{{{{}}}}}", parts.join(" "))
    }

    /// Appends the histogram as the HTTP API has it: `{"count":"3","sum":"4","buckets":[[0,"1","2","3"]]}`, without empty buckets. The
    /// first number of a bucket says which bounds are inclusive: 0 the upper, 1 the lower, 2 neither, 3 both.
    pub fn write_json(&self, out: &mut impl AsciiBuffer) {
        out.push_ascii(b"{\"count\":");
        push_quoted(self.count, out);
        out.push_ascii(b",\"sum\":");
        push_quoted(self.sum, out);
        let mut is_first = true;
        for bucket in self.buckets().filter(|bucket| bucket.count != 0.0) {
            out.push_ascii(if is_first { b",\"buckets\":[" } else { b"," });
            is_first = false;
            out.push_ascii(match (bucket.lower_inclusive, bucket.upper_inclusive) {
                (false, true) => b"[0",
                (true, false) => b"[1",
                (false, false) => b"[2",
                (true, true) => b"[3",
            });
            for value in [bucket.lower, bucket.upper, bucket.count] {
                out.push_ascii(b",");
                push_quoted(value, out);
            }
            out.push_ascii(b"]");
        }
        out.push_ascii(if is_first { b"}" } else { b"]}" });
    }
}

/// The counts from the bucket `first` on, those of buckets between included.
fn dense(side: &[(i64, f64)], first: i64) -> Vec<f64> {
    let mut counts = Vec::new();
    for (index, count) in side {
        let Some(position) = usize::try_from(index - first).ok().filter(|position| *position < NOTATION_BUCKETS_MAX)
        else {
            break;
        };
        counts.resize(position, 0.0);
        counts.push(*count);
    }
    counts
}

fn list(values: &[f64]) -> String {
    let texts: Vec<_> = values.iter().map(|value| Shortest(*value).to_string()).collect();
    format!("[{}]", texts.join(" "))
}

/// Appends a float as a JSON string.
fn push_quoted(value: f64, out: &mut impl AsciiBuffer) {
    out.push_ascii(b"\"");
    FloatForm::Api.write(out, value);
    out.push_ascii(b"\"");
}

#[cfg(test)]
mod tests {
    use super::super::{BucketSpan, parse_notation};
    use super::*;

    fn parse(text: &str) -> Histogram {
        parse_notation(text).unwrap()
    }

    #[test]
    fn for_people() {
        for (notation, text) in [
            ("{{}}", "{count:0, sum:0}"),
            (
                "{{schema:0 count:9 sum:1234567.5 z_bucket:1 z_bucket_w:0.001 buckets:[1 0 2.5] n_buckets:[3 4]}}",
                "{count:9, sum:1.2345675e+06, [-2,-1):4, [-1,-0.5):3, [-0.001,0.001]:1, (0.5,1]:1, (2,4]:2.5}",
            ),
            (
                "{{schema:-53 count:6 sum:-1 custom_values:[-5 10] buckets:[1 2 3]}}",
                "{count:6, sum:-1, [-Inf,-5]:1, (-5,10]:2, (10,+Inf]:3}",
            ),
            ("{{count:NaN sum:-Inf}}", "{count:NaN, sum:-Inf}"),
        ] {
            assert_eq!(parse(notation).to_string(), text);
        }
    }

    #[test]
    fn json() {
        for (notation, text) in [
            ("{{}}", r#"{"count":"0","sum":"0"}"#),
            (
                "{{count:1e21 sum:0.00001 z_bucket:1 z_bucket_w:0.001 buckets:[0 2] n_buckets:[3]}}",
                r#"{"count":"1e+21","sum":"0.00001","buckets":[[1,"-1","-0.5","3"],[3,"-0.001","0.001","1"],[0,"1","2","2"]]}"#,
            ),
            (
                "{{schema:-53 count:1e-7 sum:NaN custom_values:[1] buckets:[1 2]}}",
                r#"{"count":"1e-07","sum":"NaN","buckets":[[3,"-Inf","1","1"],[0,"1","+Inf","2"]]}"#,
            ),
        ] {
            let mut out = String::new();
            parse(notation).write_json(&mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn notation_is_written_as_one_run() {
        for (given, written) in [
            ("{{}}", "{{}}"),
            ("{{ schema:1  offset:-2 buckets:[0 1 0 2 0] }}", "{{schema:1 offset:-1 buckets:[1 0 2]}}"),
            (
                "{{n_offset:3 n_buckets:[1] counter_reset_hint:gauge}}",
                "{{counter_reset_hint:gauge n_offset:3 n_buckets:[1]}}",
            ),
            ("{{schema:-53 sum:1 count:1 buckets:[1]}}", "{{schema:-53 count:1 sum:1 custom_values:[] buckets:[1]}}"),
            ("{{z_bucket:2 z_bucket_w:0.5 buckets:[0 0]}}", "{{z_bucket:2 z_bucket_w:0.5}}"),
        ] {
            assert_eq!(parse(given).test_expression(), written);
        }
        let far = Histogram {
            positive_spans: vec![BucketSpan { offset: 0, length: 1 }, BucketSpan { offset: i32::MAX, length: 1 }],
            positive_buckets: vec![1.0, 2.0],
            ..Histogram::default()
        };
        assert_eq!(far.test_expression(), "{{buckets:[1]}}");
    }
}
