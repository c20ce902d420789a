//! Aggregators: many series into one per group, or the chosen ones of each group.

use std::cmp::Ordering;

use hashbrown::HashMap;

use crate::lang::{Aggregate, AggregateOp, Expr, Grouping, Span};
use crate::model::{Labels, format_value};

use super::compensated::{Mean, Sum};
use super::error::EvalError;
use super::functions::over_time::quantile;
use super::instant::{Evaluator, Item, Moment, is_metadata};

/// The elements that share their grouping labels.
struct Group {
    labels: Labels,
    items: Vec<Item>,
}

impl Evaluator<'_> {
    /// What `aggregate` yields at `moment`.
    pub(super) fn eval_aggregate(
        &mut self,
        aggregate: &Aggregate,
        span: &Span,
        moment: Moment,
    ) -> Result<Vec<Item>, EvalError> {
        use AggregateOp::*;
        if aggregate.op == CountValues {
            return self.count_values(aggregate, span, moment);
        }
        let items_of = |evaluator: &mut Self| evaluator.vector(&aggregate.expr, moment);
        match aggregate.op {
            Topk | Bottomk | Limitk => {
                let count = self.count_parameter(aggregate, span, moment)?;
                let groups = grouped(items_of(self)?, &aggregate.grouping);
                Ok(groups.into_iter().flat_map(|group| first_of(group.items, aggregate.op, count)).collect())
            }
            LimitRatio => {
                let ratio = self.ratio_parameter(aggregate, span, moment)?;
                let mut items = items_of(self)?;
                items.retain(|item| is_sampled(&item.labels, ratio));
                Ok(items)
            }
            Quantile => {
                let parameter = required_parameter(aggregate, span)?;
                let rank = self.scalar(parameter, moment)?;
                self.check_quantile(rank, &parameter.span);
                Ok(reduced(items_of(self)?, &aggregate.grouping, |values| quantile(rank, values)))
            }
            op => Ok(reduced(items_of(self)?, &aggregate.grouping, |values| reduce(op, &values))),
        }
    }

    /// Remarks a quantile outside 0 to 1.
    pub(super) fn check_quantile(&mut self, rank: f64, span: &Span) {
        if !(0.0..=1.0).contains(&rank) {
            self.warn(format!("quantile value should be between 0 and 1, got {}", format_value(rank)), span);
        }
    }

    /// The whole number before the vector of `topk` and its kin.
    fn count_parameter(&mut self, aggregate: &Aggregate, span: &Span, moment: Moment) -> Result<usize, EvalError> {
        let parameter = required_parameter(aggregate, span)?;
        let count = self.scalar(parameter, moment)?;
        let problem = match count {
            count if count.is_nan() => "Parameter value is NaN".to_owned(),
            count if count >= i64::MAX as f64 => format!("Scalar value {} overflows int64", format_value(count)),
            count if count <= i64::MIN as f64 => format!("Scalar value {} underflows int64", format_value(count)),
            count => return Ok(if count < 1.0 { 0 } else { count as usize }),
        };
        Err(EvalError::parameter(problem, &parameter.span))
    }

    /// The ratio before the vector of `limit_ratio`, brought into -1 to 1.
    fn ratio_parameter(&mut self, aggregate: &Aggregate, span: &Span, moment: Moment) -> Result<f64, EvalError> {
        let parameter = required_parameter(aggregate, span)?;
        let ratio = self.scalar(parameter, moment)?;
        if ratio.is_nan() {
            return Err(EvalError::parameter("Ratio value is NaN", &parameter.span));
        }
        let capped = ratio.clamp(-1.0, 1.0);
        if capped != ratio {
            let text = format!(
                "ratio value should be between -1 and 1, got {}, capping to {}",
                format_value(ratio),
                format_value(capped)
            );
            self.warn(text, &parameter.span);
        }
        Ok(capped)
    }

    fn count_values(&mut self, aggregate: &Aggregate, span: &Span, moment: Moment) -> Result<Vec<Item>, EvalError> {
        let parameter = required_parameter(aggregate, span)?;
        let label = self.string(parameter, moment)?;
        if label.is_empty() {
            return Err(EvalError::parameter("invalid label name \"\"", &parameter.span));
        }
        let items = self.vector(&aggregate.expr, moment)?;
        let labelled = items.into_iter().map(|item| {
            let value = match item.value {
                value if value.is_finite() => format!("{value}"),
                value => format_value(value),
            };
            let mut builder = group_labels(&item.labels, &aggregate.grouping).builder();
            builder.set(&label, &value);
            (builder.finish(), item)
        });
        Ok(reduced_groups(by_labels(labelled), |values| values.len() as f64))
    }
}

fn required_parameter<'a>(aggregate: &'a Aggregate, span: &Span) -> Result<&'a Expr, EvalError> {
    let missing = || EvalError::parameter(format!("{} needs a parameter", aggregate.op.name()), span);
    aggregate.parameter.as_ref().ok_or_else(missing)
}

/// The labels of the group that a series with `labels` belongs to.
fn group_labels(labels: &Labels, grouping: &Grouping) -> Labels {
    let listed = |list: &[String], name: &str| list.iter().any(|label| label == name);
    match grouping {
        Grouping::By(list) => labels.retain(|name| listed(list, name)),
        Grouping::Without(list) => labels.retain(|name| !is_metadata(name) && !listed(list, name)),
    }
}

/// `items` by group, the groups in order of their first element.
fn grouped(items: Vec<Item>, grouping: &Grouping) -> Vec<Group> {
    by_labels(items.into_iter().map(|item| (group_labels(&item.labels, grouping), item)))
}

fn by_labels(labelled: impl Iterator<Item = (Labels, Item)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut index_of: HashMap<Labels, usize> = HashMap::new();
    for (labels, item) in labelled {
        let index = *index_of.entry(labels).or_insert_with_key(|labels| {
            groups.push(Group { labels: labels.clone(), items: Vec::new() });
            groups.len() - 1
        });
        groups[index].items.push(item);
    }
    groups
}

/// One element per group, of the group's values.
fn reduced(items: Vec<Item>, grouping: &Grouping, reduce: impl Fn(Vec<f64>) -> f64) -> Vec<Item> {
    reduced_groups(grouped(items, grouping), reduce)
}

fn reduced_groups(groups: Vec<Group>, reduce: impl Fn(Vec<f64>) -> f64) -> Vec<Item> {
    let of_group = |group: Group| Item {
        drop_name: group.items.iter().any(|item| item.drop_name),
        value: reduce(group.items.iter().map(|item| item.value).collect()),
        labels: group.labels,
    };
    groups.into_iter().map(of_group).collect()
}

/// The aggregate of a group's values, of which there is at least one.
fn reduce(op: AggregateOp, values: &[f64]) -> f64 {
    match op {
        AggregateOp::Sum => {
            let mut sum = Sum::default();
            values.iter().for_each(|value| sum.add(*value));
            sum.value()
        }
        AggregateOp::Avg => {
            let mut mean = Mean::default();
            values.iter().for_each(|value| mean.add(*value));
            mean.value()
        }
        AggregateOp::Min => extreme(values, |value, least| value < least),
        AggregateOp::Max => extreme(values, |value, most| value > most),
        AggregateOp::Count => values.len() as f64,
        AggregateOp::Group => 1.0,
        AggregateOp::Stdvar => variance(values),
        AggregateOp::Stddev => variance(values).sqrt(),
        _ => f64::NAN,
    }
}

/// The value that beats all others; NaN only among NaNs.
pub(super) fn extreme(values: &[f64], beats: impl Fn(f64, f64) -> bool) -> f64 {
    let better = |best: f64, value: &f64| if beats(*value, best) || best.is_nan() { *value } else { best };
    values.iter().fold(f64::NAN, better)
}

/// The population variance (Welford); NaN as soon as a value is not finite.
fn variance(values: &[f64]) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        if !value.is_finite() {
            return f64::NAN;
        }
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    squares / count
}

/// The first `count` of a group: the greatest, the least, or simply the first.
fn first_of(mut items: Vec<Item>, op: AggregateOp, count: usize) -> Vec<Item> {
    match op {
        AggregateOp::Topk => items.sort_by(|left, right| order(right.value, left.value, left.value, right.value)),
        AggregateOp::Bottomk => items.sort_by(|left, right| order(left.value, right.value, left.value, right.value)),
        _ => {}
    }
    items.truncate(count);
    items
}

/// Orders `a` before `b` by value; of `left` and `right`, NaN comes last.
fn order(a: f64, b: f64, left: f64, right: f64) -> Ordering {
    left.is_nan().cmp(&right.is_nan()).then(a.partial_cmp(&b).unwrap_or(Ordering::Equal))
}

/// Whether a series is among the share `ratio` of all; a negative ratio selects what its complement does not.
fn is_sampled(labels: &Labels, ratio: f64) -> bool {
    // FNV's high bits vary little between similar labels; this finishing step of SplitMix64 spreads them.
    let mut bits = labels.fingerprint().0;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let share = ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
    if ratio >= 0.0 { share < ratio } else { share >= 1.0 + ratio }
}
