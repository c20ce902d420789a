//! `info`: series joined with the labels of info metrics of the same instance and job.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::lang::{Call, Expr, ExprKind, Span};
use crate::model::{Labels, METRIC_NAME, Matcher, Sample};

use super::super::error::{EvalError, EvalErrorKind};
use super::super::instant::{Evaluator, Item, Moment};
use super::super::selector::SourceKey;
use super::argument;

/// The labels that tell which info series belong to a series.
const IDENTIFYING_LABELS: [&str; 2] = ["instance", "job"];
/// The info metric that is joined when none is named.
const DEFAULT_INFO_METRIC: &str = "target_info";

impl Evaluator<'_> {
    /// `info(v, selector)`: each series with the data labels of its info series, at the time that `v` looks at.
    pub(super) fn call_info(&mut self, call: &Call, span: &Span, moment: Moment) -> Result<Vec<Item>, EvalError> {
        let expr = argument(call, 0, span)?;
        let selected = match call.args.get(1).map(|argument| &argument.kind) {
            Some(ExprKind::Selector(selector)) => selector.matchers.clone(),
            _ => Vec::new(),
        };
        let (mut names, data): (Vec<Matcher>, Vec<Matcher>) =
            selected.into_iter().partition(|matcher| matcher.name() == METRIC_NAME);
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, DEFAULT_INFO_METRIC));
        }
        let items = self.vector(expr, moment)?;
        let key = SourceKey::Info(std::ptr::from_ref(call) as usize);
        let matchers: Vec<Matcher> = names.iter().chain(&data).cloned().collect();
        let reference = self.reference(expr, moment)?.unwrap_or(moment);
        let info = index(self.latest(key, &matchers, span, reference)?, span)?;
        let mut joined = Vec::with_capacity(items.len());
        for item in items {
            let name = item.labels.metric_name();
            let is_info = names.iter().all(|matcher| matcher.matches_value(name));
            let identity = identity(&item.labels);
            if is_info || identity.is_empty() {
                joined.push(item);
                continue;
            }
            match info.get(&identity) {
                Some(found) => joined.push(with_data_labels(item, found, &data, span)?),
                None if data.iter().all(|matcher| matcher.matches_value("")) => joined.push(item),
                None => {}
            }
        }
        Ok(joined)
    }

    /// The moment that the first selector inside `expr` looks at.
    fn reference(&self, expr: &Expr, moment: Moment) -> Result<Option<Moment>, EvalError> {
        let parts: Vec<&Expr> = match &expr.kind {
            ExprKind::Selector(selector) => {
                return self.shift(moment, selector.at, selector.offset.as_ref()).map(Some);
            }
            ExprKind::Range(range) => {
                return self.shift(moment, range.selector.at, range.selector.offset.as_ref()).map(Some);
            }
            ExprKind::Subquery(subquery) => {
                let shifted = self.shift(moment, subquery.at, subquery.offset.as_ref())?;
                return self.reference(&subquery.expr, shifted);
            }
            ExprKind::Number(_) | ExprKind::String(_) => return Ok(None),
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => vec![inner],
            ExprKind::Binary(binary) => vec![&binary.left, &binary.right],
            ExprKind::Aggregate(aggregate) => vec![&aggregate.expr],
            ExprKind::Call(call) => call.args.iter().collect(),
        };
        for part in parts {
            if let Some(found) = self.reference(part, moment)? {
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

/// The info series by identity; of one metric the latest only.
fn index(found: Vec<(Labels, Sample)>, span: &Span) -> Result<HashMap<Labels, Vec<Labels>>, EvalError> {
    let mut latest: HashMap<(Labels, String), (Labels, Sample)> = HashMap::new();
    let mut order = Vec::new();
    for (labels, sample) in found {
        let key = (identity(&labels), labels.metric_name().to_owned());
        match latest.get(&key) {
            Some((_, other)) if other.at > sample.at => {}
            Some((existing, other)) if other.at == sample.at => {
                let text = format!("found duplicate series for info metric: {existing} and {labels}");
                return Err(EvalError::new(EvalErrorKind::Matching, text, span));
            }
            previous => {
                if previous.is_none() {
                    order.push(key.clone());
                }
                latest.insert(key, (labels, sample));
            }
        }
    }
    let mut by_identity: HashMap<Labels, Vec<Labels>> = HashMap::new();
    for key in order {
        if let Some((labels, _)) = latest.remove(&key) {
            by_identity.entry(key.0).or_default().push(labels);
        }
    }
    Ok(by_identity)
}

/// `item` with the labels of its info series that it lacks; only those that `data` names, if it names any.
fn with_data_labels(item: Item, info: &[Labels], data: &[Matcher], span: &Span) -> Result<Item, EvalError> {
    let wanted: BTreeSet<&str> = data.iter().map(Matcher::name).collect();
    let mut builder = item.labels.builder();
    for (name, value) in info.iter().flat_map(Labels::iter) {
        let is_data = name != METRIC_NAME && (wanted.is_empty() || wanted.contains(name));
        if !is_data || item.labels.has(name) {
            continue;
        }
        let set = builder.get(name);
        if !set.is_empty() && set != value {
            return Err(EvalError::new(EvalErrorKind::Matching, format!("conflicting label: {name}"), span));
        }
        builder.set(name, value);
    }
    Ok(Item { labels: builder.finish(), ..item })
}
