//! `info`: series joined with the labels of info metrics of the same instance and job.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::lang::{Call, Expr, ExprKind, Span};
use crate::model::{Labels, METRIC_NAME, Matcher};

use super::super::binary::braced;
use super::super::error::{EvalError, EvalErrorKind};
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::limits::Limits;
use super::super::row::{Point, Row};
use super::argument;

/// The labels that tell which info series belong to a series.
const IDENTIFYING_LABELS: [&str; 2] = ["instance", "job"];
/// The info metric that is joined when none is named.
const DEFAULT_INFO_METRIC: &str = "target_info";

impl Evaluator<'_> {
    /// `info(v, selector)`: each series with the data labels of its info series, at the time that `v` looks at.
    pub(super) fn call_info(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let expr = argument(call, 0, span)?;
        let (is_selected, selected) = match call.args.get(1).map(|argument| &argument.kind) {
            Some(ExprKind::Selector(selector)) => (true, selector.matchers.clone()),
            _ => (false, Vec::new()),
        };
        let (mut names, data): (Vec<Matcher>, Vec<Matcher>) =
            selected.into_iter().partition(|matcher| matcher.name() == METRIC_NAME);
        // Series of the info metric itself are left alone only where the metric is told, or nothing is.
        let spares_info = !is_selected || !names.is_empty();
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, DEFAULT_INFO_METRIC));
        }
        let rows = self.vector(expr, grid)?;
        let matchers: Vec<Matcher> = names.iter().chain(&data).cloned().collect();
        let seen_at = self.reference(expr, grid)?.unwrap_or(grid);
        let info = self.select_with(&matchers, seen_at, span, |found| match found.point {
            Point::Float(_) => Point::Float(found.at.millis() as f64),
            other => other,
        })?;
        let by_identity = index(&info);
        let mut joined = Vec::with_capacity(rows.len());
        for row in rows {
            let name = row.labels.metric_name();
            if spares_info && names.iter().all(|matcher| matcher.matches_value(name)) {
                joined.push(row);
                continue;
            }
            let identity = identity(&row.labels);
            let metrics = by_identity.get(&identity).filter(|_| !identity.is_empty()).map_or(&[][..], Vec::as_slice);
            let limits = self.limits(span);
            limits.check_canceled()?;
            let rows = with_data_labels(row, metrics, &info, &data, &limits, span)?;
            self.hold(rows.len().saturating_sub(1).saturating_mul(grid.len()), span)?;
            joined.extend(rows);
        }
        Ok(joined)
    }

    /// The moments that the first selector inside `expr` looks at.
    fn reference(&self, expr: &Expr, grid: Grid) -> Result<Option<Grid>, EvalError> {
        let parts: Vec<&Expr> = match &expr.kind {
            ExprKind::Selector(selector) => {
                return self.shift(selector.at, selector.offset.as_ref()).map(|shift| Some(grid.shifted(shift)));
            }
            ExprKind::Range(range) => {
                let shift = self.shift(range.selector.at, range.selector.offset.as_ref())?;
                return Ok(Some(grid.shifted(shift)));
            }
            ExprKind::Subquery(subquery) => {
                let shift = self.shift(subquery.at, subquery.offset.as_ref())?;
                return self.reference(&subquery.expr, grid.shifted(shift));
            }
            ExprKind::Number(_) | ExprKind::String(_) => return Ok(None),
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => vec![inner],
            ExprKind::Binary(binary) => vec![&binary.left, &binary.right],
            ExprKind::Aggregate(aggregate) => vec![&aggregate.expr],
            ExprKind::Call(call) => call.args.iter().collect(),
        };
        for part in parts {
            if let Some(found) = self.reference(part, grid)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The identifying labels of a series.
fn identity(labels: &Labels) -> Labels {
    labels.retain(|name| IDENTIFYING_LABELS.contains(&name))
}

/// The series of one info metric that share their identity, as indices.
type OfMetric = Vec<usize>;

/// The info series by identity and metric.
fn index(info: &[Row]) -> HashMap<Labels, Vec<OfMetric>> {
    let mut by_identity: HashMap<Labels, Vec<OfMetric>> = HashMap::new();
    for (index, row) in info.iter().enumerate() {
        let metrics = by_identity.entry(identity(&row.labels)).or_default();
        let name = row.labels.metric_name();
        match metrics.iter_mut().find(|metric| info[metric[0]].labels.metric_name() == name) {
            Some(metric) => metric.push(index),
            None => metrics.push(vec![index]),
        }
    }
    by_identity
}

/// The series of `metric` with the latest sample at `step`, if there is any.
fn latest(metric: &OfMetric, info: &[Row], step: usize, span: &Span) -> Result<Option<usize>, EvalError> {
    let mut best: Option<(usize, f64)> = None;
    for index in metric {
        let at = match &info[*index].points[step] {
            Point::Absent => continue,
            Point::Float(at) => *at,
            Point::Histogram(_) => {
                return Err(EvalError::new(EvalErrorKind::Matching, "info sample should be float", span));
            }
        };
        match best {
            Some((_, other_at)) if other_at > at => {}
            Some((other, other_at)) if other_at == at => {
                let [existing, new] = [other, *index].map(|index| braced(&info[index].labels));
                let text =
                    format!("found duplicate series for info metric: existing {existing} @ {at}, new {new} @ {at}");
                return Err(EvalError::new(EvalErrorKind::Matching, text, span));
            }
            _ => best = Some((*index, at)),
        }
    }
    Ok(best.map(|(index, _)| index))
}

/// `row` with the labels of its info series that it lacks, only those that `data` names if it names any: a row for every
/// set of info series that it meets. Without info series it stays as it is, unless `data` demands labels.
fn with_data_labels(
    row: Row,
    metrics: &[OfMetric],
    info: &[Row],
    data: &[Matcher],
    limits: &Limits<'_>,
    span: &Span,
) -> Result<Vec<Row>, EvalError> {
    let stays_without = data.iter().all(|matcher| matcher.matches_value(""));
    let mut rows: Vec<(Vec<usize>, Row)> = Vec::new();
    let count = row.points.len();
    for (step, point) in row.points.into_iter().enumerate().filter(|(_, point)| point.is_present()) {
        let mut met = Vec::with_capacity(metrics.len());
        for metric in metrics {
            met.extend(latest(metric, info, step, span)?);
        }
        if met.is_empty() && !stays_without {
            continue;
        }
        let known = rows.iter().position(|(other, _)| *other == met);
        let index = match known {
            Some(index) => index,
            None => {
                limits.check_room(rows.len().saturating_mul(count))?;
                let labels = extended_labels(&row.labels, met.iter().map(|index| &info[*index].labels), data, span)?;
                rows.push((met, Row { labels, drop_name: row.drop_name, points: vec![Point::Absent; count] }));
                rows.len() - 1
            }
        };
        rows[index].1.points[step] = point;
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// `labels` with those of `info` that they lack.
fn extended_labels<'a>(
    labels: &Labels,
    info: impl Iterator<Item = &'a Labels>,
    data: &[Matcher],
    span: &Span,
) -> Result<Labels, EvalError> {
    let wanted: BTreeSet<&str> = data.iter().map(Matcher::name).collect();
    let mut builder = labels.builder();
    for (name, value) in info.flat_map(Labels::iter) {
        let is_data = name != METRIC_NAME && (wanted.is_empty() || wanted.contains(name));
        if !is_data || labels.has(name) {
            continue;
        }
        let set = builder.get(name);
        if !set.is_empty() && set != value {
            return Err(EvalError::new(EvalErrorKind::Matching, format!("conflicting label: {name}"), span));
        }
        builder.set(name, value);
    }
    Ok(builder.finish())
}
