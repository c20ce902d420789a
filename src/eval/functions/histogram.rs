//! Functions of histograms: native ones, and classic ones as series with a cumulative count per `le`.

use std::sync::Arc;

use hashbrown::HashMap;

use super::argument;
use super::classic::{self, Bucket, Repair};
use crate::lang::{Call, Expr, Span};
use crate::model::{
    FloatForm, Histogram, Labels, QuantileRemark, Timestamp, format_bound, format_general, parse_value,
};

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::limits::Limits;
use super::super::row::{Point, Row, is_label_name};

/// The label with a bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// A histogram over time: at each moment classic buckets, a native histogram, or neither.
struct Family {
    /// Its labels, without that of the bounds.
    labels: Labels,
    /// The upper bounds, ascending, and the row with the counts of each.
    buckets: Vec<(f64, usize)>,
    /// The row with its native histograms.
    native: Option<usize>,
}

/// What a family is at one moment.
enum Distribution<'a> {
    Classic(&'a mut Vec<Bucket>),
    Native(&'a Arc<Histogram>),
}

/// What had to be repaired in the classic buckets of a metric.
struct Repairs {
    metric: String,
    repair: Repair,
    count: usize,
    first: Timestamp,
    last: Timestamp,
}

impl Evaluator<'_> {
    /// The functions whose names begin with `histogram_`.
    pub(super) fn call_histogram(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        match call.function.name {
            "histogram_quantile" => {
                let ranks = self.ranks(argument(call, 0, span)?, grid)?;
                self.histogram_quantiles(argument(call, 1, span)?, grid, &[ranks], None)
            }
            "histogram_quantiles" => {
                let label = self.string(argument(call, 1, span)?, grid)?;
                if !is_label_name(&label) {
                    return Err(EvalError::parameter(format!("invalid label name {label:?}"), &call.args[1].span));
                }
                let mut ranks = Vec::new();
                for expr in call.args.iter().skip(2) {
                    ranks.push(self.ranks(expr, grid)?);
                }
                self.histogram_quantiles(argument(call, 0, span)?, grid, &ranks, Some(&label))
            }
            "histogram_fraction" => {
                let lower = self.scalar(argument(call, 0, span)?, grid)?;
                let upper = self.scalar(argument(call, 1, span)?, grid)?;
                self.histogram_fractions(argument(call, 2, span)?, grid, &lower, &upper)
            }
            "histogram_count" => self.of_native(call, span, grid, |histogram| histogram.count),
            "histogram_sum" => self.of_native(call, span, grid, |histogram| histogram.sum),
            "histogram_avg" => self.of_native(call, span, grid, Histogram::average),
            "histogram_stdvar" => self.of_native(call, span, grid, Histogram::variance),
            _ => self.of_native(call, span, grid, Histogram::standard_deviation),
        }
    }

    /// `function` of the native histograms of the only argument; there is nothing where there is none.
    fn of_native(
        &mut self,
        call: &Call,
        span: &Span,
        grid: Grid,
        function: impl Fn(&Histogram) -> f64,
    ) -> Result<Vec<Row>, EvalError> {
        let mut rows = self.vector(argument(call, 0, span)?, grid)?;
        for row in &mut rows {
            row.drop_name = true;
            for point in &mut row.points {
                *point = match point {
                    Point::Histogram(histogram) => Point::Float(function(histogram)),
                    _ => Point::Absent,
                };
            }
        }
        Ok(rows)
    }

    fn ranks(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<f64>, EvalError> {
        let ranks = self.scalar(expr, grid)?;
        for rank in &ranks {
            self.check_quantile(*rank, &expr.span);
        }
        Ok(ranks)
    }

    /// A row per family and list of ranks; `label` names the rank if there may be several lists.
    fn histogram_quantiles(
        &mut self,
        vector: &Expr,
        grid: Grid,
        ranks: &[Vec<f64>],
        label: Option<&str>,
    ) -> Result<Vec<Row>, EvalError> {
        let rows = self.vector(vector, grid)?;
        let families = self.families(&rows, vector);
        let limits = self.limits(&vector.span);
        let mut results = Vec::new();
        let mut repairs: Vec<Repairs> = Vec::new();
        for ranks in ranks {
            for family in &families {
                let metric = family.labels.metric_name();
                let points =
                    self.each(family, &rows, vector, grid, |evaluator, step, distribution| match distribution {
                        Distribution::Native(histogram) => {
                            let (value, remark) = histogram.quantile(ranks[step]);
                            let effect = match remark {
                                None => return value,
                                Some(QuantileRemark::NanResult) => "result is NaN",
                                Some(QuantileRemark::SkewedHigher) => "result is skewed higher",
                            };
                            let text = format!("input to histogram_quantile has NaN observations, {effect}");
                            evaluator.inform(text + &for_metric(metric), &vector.span);
                            value
                        }
                        Distribution::Classic(buckets) => {
                            let (value, repair) = classic::quantile(ranks[step], buckets);
                            if let Some(repair) = repair {
                                note_repair(&mut repairs, metric, repair, grid.at(step));
                            }
                            value
                        }
                    })?;
                results.extend(by_rank(family, points, ranks, label, &limits)?);
            }
        }
        for repairs in repairs {
            self.inform(repairs.text(), &vector.span);
        }
        Ok(results)
    }

    fn histogram_fractions(
        &mut self,
        vector: &Expr,
        grid: Grid,
        lower: &[f64],
        upper: &[f64],
    ) -> Result<Vec<Row>, EvalError> {
        let rows = self.vector(vector, grid)?;
        let families = self.families(&rows, vector);
        let mut results = Vec::with_capacity(families.len());
        for family in &families {
            let points = self.each(family, &rows, vector, grid, |evaluator, step, distribution| match distribution {
                Distribution::Native(histogram) => {
                    let (value, has_nan) = histogram.fraction(lower[step], upper[step]);
                    if has_nan {
                        let text = "input to histogram_fraction has NaN observations, which are excluded from all fractions";
                        let metric = for_metric(family.labels.metric_name());
                        evaluator.inform(text.to_owned() + &metric, &vector.span);
                    }
                    value
                }
                Distribution::Classic(buckets) => classic::fraction(lower[step], upper[step], buckets),
            })?;
            results.push(Row { labels: family.labels.clone(), drop_name: true, points });
        }
        Ok(results)
    }

    /// The histograms among `rows`, which `vector` yielded.
    fn families(&mut self, rows: &[Row], vector: &Expr) -> Vec<Family> {
        let mut families: Vec<Family> = Vec::new();
        let mut index_of: HashMap<Labels, usize> = HashMap::new();
        let mut family = |labels: Labels, families: &mut Vec<Family>| {
            *index_of.entry(labels).or_insert_with_key(|labels| {
                families.push(Family { labels: labels.clone(), buckets: Vec::new(), native: None });
                families.len() - 1
            })
        };
        for (index, row) in rows.iter().enumerate() {
            if row.points.iter().any(|point| matches!(point, Point::Histogram(_))) {
                let native = family(row.labels.clone(), &mut families);
                families[native].native = Some(index);
            }
            if !row.points.iter().any(|point| point.float().is_some()) {
                continue;
            }
            let bound = row.labels.get(BUCKET_LABEL);
            let Some(upper) = parse_value(bound) else {
                let text = format!("bucket label \"le\" is missing or has a malformed value of {bound:?}");
                self.warn(text + &for_metric(row.labels.metric_name()), &vector.span);
                continue;
            };
            let classic = family(row.labels.retain(|name| name != BUCKET_LABEL), &mut families);
            families[classic].buckets.push((upper, index));
        }
        for family in &mut families {
            family.buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        }
        families
    }

    /// What `function` makes of `family` at each moment at which it is there.
    fn each(
        &mut self,
        family: &Family,
        rows: &[Row],
        vector: &Expr,
        grid: Grid,
        mut function: impl FnMut(&mut Self, usize, Distribution<'_>) -> f64,
    ) -> Result<Vec<Point>, EvalError> {
        self.check_canceled(&vector.span)?;
        let mut points = vec![Point::Absent; grid.len()];
        let mut buckets: Vec<Bucket> = Vec::with_capacity(family.buckets.len());
        for (step, point) in points.iter_mut().enumerate() {
            buckets.clear();
            for (upper, row) in &family.buckets {
                if let Some(count) = rows[*row].points[step].float() {
                    buckets.push(Bucket { upper: *upper, count });
                }
            }
            let native = family.native.and_then(|row| match &rows[row].points[step] {
                Point::Histogram(histogram) => Some(histogram),
                _ => None,
            });
            *point = match (native, buckets.is_empty()) {
                (None, true) => Point::Absent,
                (None, false) => Point::Float(function(self, step, Distribution::Classic(&mut buckets))),
                (Some(histogram), true) => Point::Float(function(self, step, Distribution::Native(histogram))),
                (Some(_), false) => {
                    let text = "vector contains a mix of classic and native histograms".to_owned();
                    self.warn(text + &for_metric(family.labels.metric_name()), &vector.span);
                    Point::Absent
                }
            };
        }
        Ok(points)
    }
}

/// The quantiles of a family with their ranks as a label: one row unless the ranks change from moment to moment.
fn by_rank(
    family: &Family,
    points: Vec<Point>,
    ranks: &[f64],
    label: Option<&str>,
    limits: &Limits<'_>,
) -> Result<Vec<Row>, EvalError> {
    let row = |labels: Labels, points: Vec<Point>| Row { labels, drop_name: true, points };
    let Some(label) = label else { return Ok(vec![row(family.labels.clone(), points)]) };
    let labelled = |rank: f64| {
        let mut builder = family.labels.builder();
        builder.set(label, &format_bound(rank));
        builder.finish()
    };
    let same = |one: f64, other: f64| one.to_bits() == other.to_bits();
    if ranks.windows(2).all(|pair| same(pair[0], pair[1])) {
        let rank = ranks.first().copied().unwrap_or(f64::NAN);
        return Ok(vec![row(labelled(rank), points)]);
    }
    let count = points.len();
    let mut rows: Vec<(f64, Row)> = Vec::new();
    for (step, (point, rank)) in points.into_iter().zip(ranks).enumerate() {
        limits.check_room((rows.len() + 1).saturating_mul(count))?;
        let index = rows.iter().position(|(other, _)| same(*other, *rank)).unwrap_or_else(|| {
            rows.push((*rank, row(labelled(*rank), vec![Point::Absent; count])));
            rows.len() - 1
        });
        rows[index].1.points[step] = point;
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn note_repair(repairs: &mut Vec<Repairs>, metric: &str, repair: Repair, at: Timestamp) {
    match repairs.iter_mut().find(|known| known.metric == metric) {
        Some(known) => {
            known.repair.lowest = known.repair.lowest.min(repair.lowest);
            known.repair.highest = known.repair.highest.max(repair.highest);
            known.repair.difference = known.repair.difference.max(repair.difference);
            known.count += 1;
            known.first = known.first.min(at);
            known.last = known.last.max(at);
        }
        None => repairs.push(Repairs { metric: metric.to_owned(), repair, count: 1, first: at, last: at }),
    }
}

impl Repairs {
    fn text(&self) -> String {
        let Repairs { metric, repair, count, first, last } = self;
        let whole_seconds = |at: &Timestamp| Timestamp::from_seconds(at.millis().div_euclid(1000));
        format!(
            "input to histogram_quantile needed to be fixed for monotonicity (see \
             https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}, from buckets {} to {}, \
             with a max diff of {}, over {count} samples from {} to {}",
            for_metric(metric),
            FloatForm::General.text(repair.lowest),
            FloatForm::General.text(repair.highest),
            format_general(repair.difference, 2),
            whole_seconds(first),
            whole_seconds(last),
        )
    }
}

fn for_metric(metric: &str) -> String {
    if metric.is_empty() { String::new() } else { format!(" for metric name {metric:?}") }
}
