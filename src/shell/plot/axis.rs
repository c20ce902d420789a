use std::time::Duration;

use jiff::tz::TimeZone;

use crate::model::{Timestamp, format_value};

/// How many rows there are between numbers on the value axis.
const ROWS_PER_LABEL: usize = 3;
/// The distances that times on the axis may have, in seconds.
const TIME_STEPS: [i64; 22] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172_800, 604_800,
    2_592_000, 31_536_000,
];

/// The value axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// An axis that holds the finite ones of `values` and begins and ends at round numbers; none if there is no such value.
    pub(crate) fn of(values: impl Iterator<Item = f64>, rows: usize) -> Option<Scale> {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) =
            finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return None;
        }
        // Halves keep the distance of the largest numbers finite.
        let (low, high) = (low.max(f64::MIN / 4.0), high.min(f64::MAX / 4.0));
        let (low, high) = match high - low {
            0.0 => (low - flat_margin(low), high + flat_margin(high)),
            _ => (low, high),
        };
        let step = round_up((high - low) / (rows / ROWS_PER_LABEL).max(1) as f64);
        if !(step.is_normal() && low + step > low && high + step > high) {
            return Some(Scale { low, high, step: high - low });
        }
        Some(Scale { low: (low / step).floor() * step, high: (high / step).ceil() * step, step })
    }

    /// Where `value` is between the ends of the axis.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The number at each row, from the top; not every row has one.
    pub(crate) fn labels(&self, rows: usize) -> Vec<Option<String>> {
        let mut labels = vec![None; rows];
        let count = ((self.high - self.low) / self.step).round().clamp(1.0, rows as f64) as usize;
        for index in 0..=count {
            let value = self.low + (self.high - self.low) * index as f64 / count as f64;
            // What is left of zero after adding up is zero.
            let value = if value.abs() < self.step * 1e-9 { 0.0 } else { value };
            let row = ((1.0 - self.fraction(value)) * (rows - 1) as f64).round() as usize;
            if let Some(label) = labels.get_mut(row) {
                *label = Some(number(value));
            }
        }
        labels
    }
}

fn flat_margin(value: f64) -> f64 {
    if value == 0.0 { 1.0 } else { value.abs() / 10.0 }
}

/// The next of 1, 2, 5, 10, 20, ...
fn round_up(value: f64) -> f64 {
    let magnitude = 10_f64.powf(value.log10().floor());
    let digit = value / magnitude;
    let rounded = [1.0, 2.0, 5.0].into_iter().find(|round| digit <= *round * (1.0 + 1e-9)).unwrap_or(10.0);
    rounded * magnitude
}

/// A number with at most four digits and a suffix for its magnitude: `12.5k`, `-0.25`, `3e-09`.
pub(crate) fn number(value: f64) -> String {
    const SUFFIXES: [(f64, &str); 5] = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let magnitude = value.abs();
    if !value.is_finite() || magnitude >= 1e18 || (magnitude != 0.0 && magnitude < 1e-4) {
        return match format!("{value:.3e}") {
            text if value.is_finite() => {
                let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                format!("{}e{exponent}", trimmed(mantissa))
            }
            _ => format_value(value),
        };
    }
    let (unit, suffix) = SUFFIXES.into_iter().find(|(unit, _)| magnitude >= *unit * 10.0).unwrap_or((1.0, ""));
    let scaled = value / unit;
    let decimals = match scaled.abs() {
        small if small < 1.0 => 4,
        small if small < 10.0 => 3,
        small if small < 100.0 => 2,
        small if small < 1000.0 => 1,
        _ => 0,
    };
    let text = format!("{scaled:.decimals$}");
    format!("{}{suffix}", trimmed(&text))
}

/// Without zeros at the end of a fraction.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// The times to write under the axis with their column, at most as many as have room: the axis has `width` columns, a
/// character takes `cell` of them.
pub(crate) fn time_labels(start: Timestamp, end: Timestamp, width: usize, cell: usize) -> Vec<(usize, String)> {
    let span = end.since(start);
    let format = time_format(span);
    let label = |at: Timestamp| match at.to_jiff() {
        Some(at) => at.to_zoned(TimeZone::UTC).strftime(format).to_string(),
        None => format!("{}s", at.millis() / 1000),
    };
    let room = (label(start).chars().count() + 3) * cell;
    let count = (width / room).max(1);
    let seconds = span.as_secs_f64() / count as f64;
    let longest = TIME_STEPS[TIME_STEPS.len() - 1];
    let step = TIME_STEPS.into_iter().find(|step| *step as f64 >= seconds).unwrap_or_else(|| {
        let times = (seconds / longest as f64).ceil().min(1e6);
        longest.saturating_mul(times as i64)
    });
    let step_ms = step.saturating_mul(1000);
    let span_ms = (end.millis() as f64 - start.millis() as f64).max(1.0);
    let mut labels = Vec::new();
    let mut next = start.millis().checked_add(step_ms - 1).map(|at| at.div_euclid(step_ms).saturating_mul(step_ms));
    while let Some(at) = next.filter(|at| *at <= end.millis() && labels.len() <= count) {
        let column = ((at as f64 - start.millis() as f64) / span_ms * (width - 1) as f64).round() as usize;
        let text = label(Timestamp::from_millis(at));
        if column + text.chars().count() * cell > width + 2 * cell {
            break;
        }
        labels.push((column, text));
        next = at.checked_add(step_ms);
    }
    labels
}

fn time_format(span: Duration) -> &'static str {
    match span.as_secs() {
        0..=300 => "%H:%M:%S",
        301..=86_400 => "%H:%M",
        86_401..=604_800 => "%m-%d %H:%M",
        _ => "%Y-%m-%d",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers() {
        for (value, text) in [
            (0.0, "0"),
            (-0.25, "-0.25"),
            (1.0 / 3.0, "0.3333"),
            (999.96, "1000"),
            (1000.0, "1000"),
            (12_500.0, "12.5k"),
            (123_456_789.0, "123.5M"),
            (3e-9, "3e-9"),
            (1.5e300, "1.5e300"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn scales_end_at_round_numbers() {
        for (values, low, high) in [
            (vec![0.3, 9.7], 0.0, 10.0),
            (vec![5.0, 5.0], 4.5, 5.5),
            (vec![0.0], -1.0, 1.0),
            (vec![-3.0, f64::NAN, f64::INFINITY, 12.0], -5.0, 15.0),
        ] {
            let scale = Scale::of(values.into_iter(), 12).expect("values");
            assert!((scale.low - low).abs() < 1e-9 && (scale.high - high).abs() < 1e-9, "{scale:?}");
        }
        assert_eq!(Scale::of([f64::NAN].into_iter(), 12), None);
    }

    proptest! {
        #[test]
        fn every_value_has_its_place(values in prop::collection::vec(any::<f64>(), 1..5), rows in 5_usize..100) {
            if let Some(scale) = Scale::of(values.iter().copied(), rows) {
                for value in values.iter().filter(|value| value.is_finite()) {
                    prop_assert!((0.0..=1.0).contains(&scale.fraction(*value)), "{scale:?} {value}");
                }
                prop_assert_eq!(scale.labels(rows).len(), rows);
            }
        }

        #[test]
        fn times_stand_apart(start: i64, span in 0_i64..10_000_000_000_000, width in 10_usize..400) {
            let (start, end) = (Timestamp::from_millis(start), Timestamp::from_millis(start.saturating_add(span)));
            let labels = time_labels(start, end, width, 1);
            for pair in labels.windows(2) {
                prop_assert!(pair[0].0 + pair[0].1.chars().count() < pair[1].0 + 1, "{labels:?}");
            }
        }
    }
}
