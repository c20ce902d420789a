//! The notation of histograms in tests: `{{schema:1 count:3 sum:5 buckets:[1 2]}}`.

use super::{BucketSpan, CounterResetHint, Histogram, HistogramError};
use crate::model::parse_value;

/// The longest progression.
pub const PROGRESSION_LENGTH_MAX: usize = 1_000_000;
/// The most buckets in all histograms of a progression.
pub const PROGRESSION_BUCKETS_MAX: usize = 10_000_000;

const KEYS: &str =
    "schema, sum, count, z_bucket, z_bucket_w, custom_values, counter_reset_hint, buckets, offset, n_buckets, n_offset";

/// What is wrong with the notation of a histogram.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotationError {
    /// The byte where it is.
    pub at: usize,
    /// What it is.
    pub message: String,
}

/// A histogram that a text begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramNotation {
    /// The histogram.
    pub histogram: Histogram,
    /// Whether its counter reset hint is written.
    pub hint_given: bool,
    /// How many bytes it has.
    pub length: usize,
}

/// How a progression goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The step is added.
    Add,
    /// The step is subtracted.
    Subtract,
}

/// Reads a histogram that is the whole text.
///
/// # Errors
///
/// As [`read_notation`]; something behind it.
pub fn parse_notation(text: &str) -> Result<Histogram, NotationError> {
    let notation = read_notation(text)?;
    if notation.length < text.len() {
        return Err(NotationError { at: notation.length, message: "unexpected text behind the histogram".to_owned() });
    }
    Ok(notation.histogram)
}

/// Reads the histogram that a text begins with. It is not validated: tests may need what is no sound histogram.
///
/// # Errors
///
/// The first thing that is not of the notation: no `{{`, an unknown key or one that is given twice, what is no value of the key.
pub fn read_notation(text: &str) -> Result<HistogramNotation, NotationError> {
    let mut reader = Reader { text, at: 0 };
    reader.expect("{{")?;
    let mut parts = Parts::default();
    let mut separated = true;
    loop {
        separated |= reader.skip_blanks();
        if reader.take("}}") {
            break;
        }
        if !separated {
            return Err(reader.error("expected a blank or `}}`"));
        }
        reader.item(&mut parts)?;
        separated = false;
    }
    let hint_given = parts.given.contains(&"counter_reset_hint");
    Ok(HistogramNotation { histogram: parts.histogram(), hint_given, length: reader.at })
}

/// What has been read of a histogram.
#[derive(Default)]
struct Parts {
    given: Vec<&'static str>,
    histogram: Histogram,
    offset: i32,
    negative_offset: i32,
}

impl Parts {
    fn histogram(self) -> Histogram {
        let spans = |offset, buckets: &[f64]| match u32::try_from(buckets.len()) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(length) => vec![BucketSpan { offset, length }],
        };
        Histogram {
            positive_spans: spans(self.offset, &self.histogram.positive_buckets),
            negative_spans: spans(self.negative_offset, &self.histogram.negative_buckets),
            ..self.histogram
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, message: impl Into<String>) -> NotationError {
        NotationError { at: self.at, message: message.into() }
    }

    fn take(&mut self, token: &str) -> bool {
        let taken = self.rest().starts_with(token);
        self.at += if taken { token.len() } else { 0 };
        taken
    }

    fn expect(&mut self, token: &str) -> Result<(), NotationError> {
        if self.take(token) { Ok(()) } else { Err(self.error(format!("expected `{token}`"))) }
    }

    /// Whether there were any.
    fn skip_blanks(&mut self) -> bool {
        let blanks = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.at += blanks;
        blanks > 0
    }

    /// What goes on to the next delimiter.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find([' ', '\t', ':', '[', ']', '{', '}']).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn item(&mut self, parts: &mut Parts) -> Result<(), NotationError> {
        let start = self.at;
        let key = self.word();
        let fault = |message| NotationError { at: start, message };
        let known = KEYS.split(", ").find(|known| *known == key);
        let Some(known) = known else {
            return Err(fault(format!("expected one of the keys {KEYS}")));
        };
        if parts.given.contains(&known) {
            return Err(fault(format!("the key `{known}` is given twice")));
        }
        parts.given.push(known);
        self.expect(":")?;
        let histogram = &mut parts.histogram;
        match known {
            "schema" => histogram.schema = self.integer()?,
            "sum" => histogram.sum = self.number()?,
            "count" => histogram.count = self.number()?,
            "z_bucket" => histogram.zero_count = self.number()?,
            "z_bucket_w" => histogram.zero_threshold = self.number()?,
            "custom_values" => histogram.custom_values = self.numbers()?,
            "counter_reset_hint" => histogram.counter_reset_hint = self.hint()?,
            "buckets" => histogram.positive_buckets = self.numbers()?,
            "offset" => parts.offset = self.integer()?,
            "n_buckets" => histogram.negative_buckets = self.numbers()?,
            _ => parts.negative_offset = self.integer()?,
        }
        Ok(())
    }

    fn integer(&mut self) -> Result<i32, NotationError> {
        let start = self.at;
        let word = self.word();
        let plain = !word.starts_with('+');
        let number = word.parse().ok().filter(|_| plain);
        number.ok_or_else(|| NotationError { at: start, message: format!("expected an integer, found `{word}`") })
    }

    fn number(&mut self) -> Result<f64, NotationError> {
        let start = self.at;
        let word = self.word();
        parse_value(word)
            .ok_or_else(|| NotationError { at: start, message: format!("expected a number, found `{word}`") })
    }

    fn numbers(&mut self) -> Result<Vec<f64>, NotationError> {
        self.expect("[")?;
        let mut numbers = Vec::new();
        loop {
            self.skip_blanks();
            if self.take("]") {
                return Ok(numbers);
            }
            numbers.push(self.number()?);
            if !self.rest().starts_with([' ', '\t', ']']) {
                return Err(self.error("expected a blank or `]`"));
            }
        }
    }

    fn hint(&mut self) -> Result<CounterResetHint, NotationError> {
        let start = self.at;
        match self.word() {
            "unknown" => Ok(CounterResetHint::Unknown),
            "reset" => Ok(CounterResetHint::Reset),
            "not_reset" => Ok(CounterResetHint::NotReset),
            "gauge" => Ok(CounterResetHint::Gauge),
            word => Err(NotationError {
                at: start,
                message: format!("expected unknown, reset, not_reset or gauge, found `{word}`"),
            }),
        }
    }
}

/// The histograms `base`, `base` and `step`, `base` and twice `step` and so on, `times` + 1 of them: what `{{..}}+{{..}}x3` means.
///
/// # Errors
///
/// Of custom and exponential buckets; of a step with coarser buckets than `base`; of more than [`PROGRESSION_LENGTH_MAX`] histograms or
/// [`PROGRESSION_BUCKETS_MAX`] buckets.
pub fn progression(
    base: &Histogram,
    step: &Histogram,
    progress: Progress,
    times: usize,
) -> Result<Vec<Histogram>, HistogramError> {
    let buckets = |histogram: &Histogram| {
        let custom = histogram.custom_values.len();
        histogram.positive_buckets.len() + histogram.negative_buckets.len() + custom
    };
    let largest = buckets(base).saturating_add(buckets(step)).saturating_mul(times);
    if times >= PROGRESSION_LENGTH_MAX || largest > PROGRESSION_BUCKETS_MAX {
        return Err(HistogramError::ProgressionTooLong(times.saturating_add(1)));
    }
    let mut histograms = Vec::with_capacity(times + 1);
    let mut current = base.clone();
    for _ in 0..times {
        histograms.push(current.clone());
        if current.schema > step.schema {
            return Err(HistogramError::CoarserStep { step: step.schema, base: current.schema });
        }
        match progress {
            Progress::Add => current.add(step)?,
            Progress::Subtract => current.sub(step)?,
        };
    }
    histograms.push(current);
    Ok(histograms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys() {
        let text = "{{schema:-1 sum:-2.5 count:+Inf z_bucket:1e3 z_bucket_w:0.1 custom_values:[5 10] \
                    counter_reset_hint:not_reset buckets:[1 -2 NaN ] offset:-3 n_buckets:[7] n_offset:2 }}x";
        let HistogramNotation { histogram, hint_given, length } = read_notation(text).unwrap();
        assert!(hint_given);
        assert_eq!(&text[length..], "x");
        assert!(histogram.positive_buckets[2].is_nan());
        let expected = Histogram {
            counter_reset_hint: CounterResetHint::NotReset,
            schema: -1,
            zero_threshold: 0.1,
            zero_count: 1000.0,
            count: f64::INFINITY,
            sum: -2.5,
            positive_spans: vec![BucketSpan { offset: -3, length: 3 }],
            positive_buckets: vec![1.0, -2.0, 0.0],
            negative_spans: vec![BucketSpan { offset: 2, length: 1 }],
            negative_buckets: vec![7.0],
            custom_values: vec![5.0, 10.0],
        };
        assert_eq!(Histogram { positive_buckets: vec![1.0, -2.0, 0.0], ..histogram }, expected);
        for empty in ["{{}}", "{{ }}", "{{offset:3}}"] {
            assert_eq!(parse_notation(empty).unwrap(), Histogram::default());
        }
    }

    #[test]
    fn faults_have_their_place() {
        for (text, at, part) in [
            ("", 0, "expected `{{`"),
            ("{{", 2, "keys"),
            ("{{sum:1", 7, "blank or `}}`"),
            ("{{sum:1}", 7, "blank or `}}`"),
            ("{{sum :1}}", 5, "expected `:`"),
            ("{{sums:1}}", 2, "keys"),
            ("{{sum:1 sum:2}}", 8, "twice"),
            ("{{sum:x}}", 6, "number, found `x`"),
            ("{{sum:}}", 6, "number, found ``"),
            ("{{schema:1.5}}", 9, "integer"),
            ("{{offset:3000000000}}", 9, "integer"),
            ("{{offset:+3}}", 9, "integer"),
            ("{{buckets:1}}", 10, "expected `[`"),
            ("{{buckets:[1,2]}}", 11, "number, found `1,2`"),
            ("{{buckets:[1 2", 14, "blank or `]`"),
            ("{{buckets:[1]sum:2}}", 13, "blank or `}}`"),
            ("{{counter_reset_hint:yes}}", 21, "found `yes`"),
            ("{{}} ", 4, "behind"),
            ("{{sum:é}}", 6, "found `é`"),
        ] {
            let error = parse_notation(text).unwrap_err();
            assert_eq!(error.at, at, "{text}: {error}");
            assert!(error.message.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn progressions() {
        let parse = |text| parse_notation(text).unwrap();
        let texts =
            |histograms: Vec<Histogram>| -> Vec<_> { histograms.iter().map(Histogram::test_expression).collect() };
        let (base, step) =
            (parse("{{count:4 sum:5 buckets:[1 2 1]}}"), parse("{{count:1 sum:2 buckets:[1] offset:1}}"));
        assert_eq!(
            texts(progression(&base, &step, Progress::Add, 2).unwrap()),
            [
                "{{count:4 sum:5 buckets:[1 2 1]}}",
                "{{count:5 sum:7 buckets:[1 3 1]}}",
                "{{count:6 sum:9 buckets:[1 4 1]}}",
            ]
        );
        assert_eq!(
            texts(progression(&base, &step, Progress::Subtract, 1).unwrap()),
            ["{{count:4 sum:5 buckets:[1 2 1]}}", "{{count:3 sum:3 buckets:[1 1 1]}}"]
        );
        let (fine, custom) = (parse("{{schema:1}}"), parse("{{schema:-53 custom_values:[1]}}"));
        assert_eq!(progression(&fine, &base, Progress::Add, 1), Err(HistogramError::CoarserStep { step: 0, base: 1 }));
        assert_eq!(progression(&custom, &base, Progress::Add, 1), Err(HistogramError::IncompatibleSchemas));
        for times in [PROGRESSION_LENGTH_MAX, usize::MAX] {
            assert!(matches!(
                progression(&fine, &fine, Progress::Add, times),
                Err(HistogramError::ProgressionTooLong(_))
            ));
        }
    }
}
