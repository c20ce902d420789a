//! Functions that order a vector.

use std::cmp::Ordering;

use crate::lang::{Call, Span};

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::row::{Point, Row};
use super::argument;

impl Evaluator<'_> {
    /// `sort`, `sort_desc` by value, NaN last; `sort_by_label`, `sort_by_label_desc` by labels in natural order.
    pub(super) fn call_sort(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let name = call.function.name;
        let mut rows = self.vector(argument(call, 0, span)?, grid)?;
        if self.is_range() {
            let text = format!("{name} is ineffective for range queries since results are always ordered by labels");
            self.warn(text, span);
        }
        let descending = name.ends_with("_desc");
        let turned = |order: Ordering| if descending { order.reverse() } else { order };
        if name.starts_with("sort_by_label") {
            let mut labels = Vec::new();
            for argument in call.args.iter().skip(1) {
                labels.push(self.string(argument, grid)?);
            }
            rows.sort_by(|left, right| turned(by_labels(left, right, &labels)));
        } else {
            // The order shows in instant queries alone, which have one moment. Histograms have no order and are left out.
            let value = |row: &Row| row.points.first().and_then(Point::float).unwrap_or(f64::NAN);
            rows.retain(|row| row.points.first().is_some_and(|point| point.float().is_some()) || grid.len() > 1);
            rows.sort_by(|left, right| {
                let (left, right) = (value(left), value(right));
                let by_value = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
                left.is_nan().cmp(&right.is_nan()).then(turned(by_value))
            });
        }
        Ok(rows)
    }
}

fn by_labels(left: &Row, right: &Row, labels: &[String]) -> Ordering {
    let by_label = |label: &String| natural(left.labels.get(label), right.labels.get(label));
    let differing = labels.iter().map(by_label).find(|order| order.is_ne());
    differing.unwrap_or_else(|| left.labels.cmp(&right.labels))
}

/// Orders texts so that numbers inside them count as numbers: `a2` before `a10`.
fn natural(mut left: &str, mut right: &str) -> Ordering {
    loop {
        if left.is_empty() || right.is_empty() {
            return left.len().cmp(&right.len());
        }
        let (left_chunk, right_chunk) = (chunk(left), chunk(right));
        let number = |text: &str| text.as_bytes().first().is_some_and(u8::is_ascii_digit);
        let order = if number(left_chunk) && number(right_chunk) {
            let (a, b) = (left_chunk.trim_start_matches('0'), right_chunk.trim_start_matches('0'));
            a.len().cmp(&b.len()).then(a.cmp(b)).then(left_chunk.len().cmp(&right_chunk.len()))
        } else {
            left_chunk.cmp(right_chunk)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (&left[left_chunk.len()..], &right[right_chunk.len()..]);
    }
}

/// The digits or the other characters at the start of `text`.
fn chunk(text: &str) -> &str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order() {
        for (left, right, expected) in [
            ("2", "10", Ordering::Less),
            ("4m5", "4m600", Ordering::Less),
            ("1.11.3", "1.2.3", Ordering::Greater),
            ("a", "a1", Ordering::Less),
            ("", "", Ordering::Equal),
            ("007", "7", Ordering::Greater),
            ("ä1", "ä2", Ordering::Less),
        ] {
            assert_eq!(natural(left, right), expected, "{left} {right}");
        }
    }
}
