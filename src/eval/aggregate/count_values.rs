//! `count_values`: how many series have each value.

use hashbrown::HashMap;

use crate::lang::{Aggregate, Grouping, Span};
use crate::model::{FloatForm, Labels, METRIC_NAME};

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::keys::{Choice, Keys};
use super::super::row::{Point, Row, is_label_name};
use super::parameter;

/// A value without its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ValueKey {
    /// The bits of a float, of NaNs always the same ones.
    Float(u64),
    /// The text of a histogram.
    Histogram(String),
    /// Whatever the value: the label that would hold it is not kept.
    Any,
}

impl Evaluator<'_> {
    /// What a `count_values` yields.
    pub(super) fn count_values(
        &mut self,
        aggregate: &Aggregate,
        span: &Span,
        grid: Grid,
    ) -> Result<Vec<Row>, EvalError> {
        let label_expr = parameter(aggregate, span)?;
        let label = self.string(label_expr, grid)?;
        if !is_label_name(&label) {
            return Err(EvalError::parameter(format!("invalid label name {label:?}"), &label_expr.span));
        }
        let rows = self.vector(&aggregate.expr, grid)?;
        let counting = Counting::new(&label, &aggregate.grouping);
        let mut keys = Keys::new(counting.choice());
        let mut row_of = HashMap::<(usize, ValueKey), usize>::new();
        let mut counts: Vec<Row> = Vec::new();
        for row in rows {
            self.check_canceled(span)?;
            let group = keys.number(&row.labels);
            // Values mostly stay for many moments.
            let mut last: Option<(u64, usize)> = None;
            for (step, point) in row.points.iter().enumerate() {
                let index = match (point, last) {
                    (Point::Absent, _) => continue,
                    (Point::Float(value), Some((bits, index))) if value.to_bits() == bits => index,
                    _ => {
                        let next = counts.len();
                        let index = *row_of.entry((group, counting.key(point))).or_insert(next);
                        if index == next {
                            self.hold(grid.len(), span)?;
                            let points = vec![Point::Absent; grid.len()];
                            counts.push(Row {
                                labels: counting.labels(keys.labels(group), point),
                                drop_name: false,
                                points,
                            });
                        }
                        index
                    }
                };
                last = point.float().map(|value| (value.to_bits(), index));
                let count = &mut counts[index].points[step];
                *count = Point::Float(count.float().unwrap_or(0.0) + 1.0);
            }
        }
        Ok(counts)
    }
}

/// What is counted: the label of values takes part in the grouping.
struct Counting<'a> {
    label: &'a str,
    is_by: bool,
    /// The labels that are listed, but for `by` without the label of values, for `without` with it.
    listed: Vec<String>,
    /// The label of values is not kept.
    swallowed: bool,
}

impl<'a> Counting<'a> {
    fn new(label: &'a str, grouping: &Grouping) -> Self {
        match grouping {
            Grouping::By(list) => {
                let listed = list.iter().filter(|listed| *listed != label).cloned().collect();
                Counting { label, is_by: true, listed, swallowed: false }
            }
            Grouping::Without(list) => {
                let swallowed = label == METRIC_NAME || list.iter().any(|listed| listed == label);
                let listed = list.iter().cloned().chain([label.to_owned()]).collect();
                Counting { label, is_by: false, listed, swallowed }
            }
        }
    }

    fn choice(&self) -> Choice<'_> {
        if self.is_by { Choice::Listed(&self.listed) } else { Choice::Without(&self.listed) }
    }

    fn key(&self, point: &Point) -> ValueKey {
        match point {
            _ if self.swallowed => ValueKey::Any,
            Point::Float(value) if value.is_nan() => ValueKey::Float(f64::NAN.to_bits()),
            Point::Float(value) => ValueKey::Float(value.to_bits()),
            Point::Histogram(histogram) => ValueKey::Histogram(histogram.to_string()),
            Point::Absent => ValueKey::Any,
        }
    }

    /// The labels of a group's count of the value of `point`.
    fn labels(&self, group: Labels, point: &Point) -> Labels {
        let text = match point {
            _ if self.swallowed => return group,
            Point::Float(value) => FloatForm::Plain.text(*value),
            Point::Histogram(histogram) => histogram.to_string(),
            Point::Absent => return group,
        };
        let mut builder = group.builder();
        builder.set(self.label, &text);
        builder.finish()
    }
}
