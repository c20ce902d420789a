//! Selectors and subqueries: where series and their samples come from.

use std::borrow::Cow;
use std::rc::Rc;

use crate::lang::{AtModifier, DurationExpr, Expr, RangeExtension, RangeSelector, Selector, Span, Subquery};
use crate::model::{Labels, Matcher, Sample, Timestamp, is_stale};

use super::duration::{millis, positive_millis};
use super::error::{EvalError, EvalErrorKind};
use super::functions::extended::interpolate;
use super::instant::{Evaluator, Moment, earlier};

/// A place in the tree that reads samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SourceKey {
    /// The address of a selector.
    Selector(usize),
    /// The address of a subquery.
    Subquery(usize),
    /// The address of a call to `info`, for the info metrics that it joins.
    Info(usize),
}

/// One series with the samples that an evaluation may need of it.
#[derive(Clone, Debug)]
pub(super) struct Track<'q> {
    pub(super) labels: Labels,
    /// Whether the name is to be removed at the end.
    pub(super) drop_name: bool,
    /// Oldest first.
    pub(super) samples: Cow<'q, [Sample]>,
}

/// A range vector: tracks seen through a left-open window.
pub(super) struct Window<'q> {
    /// The left border; samples at it are outside.
    pub(super) start: Timestamp,
    /// The right border; samples at it are inside.
    pub(super) end: Timestamp,
    /// How the borders are treated.
    pub(super) extension: Option<RangeExtension>,
    /// How far a border's treatment looks past it, in milliseconds.
    lookback_ms: i64,
    source: Rc<Vec<Track<'q>>>,
}

impl<'q> Window<'q> {
    /// The length of the window in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.end.millis().saturating_sub(self.start.millis()) as f64 / 1000.0
    }

    /// The series with samples in the window, each with those samples (never none). An extended window adds the last
    /// sample not after its start, a smoothed one also the first sample not before its end.
    pub(super) fn tracks(&self) -> impl Iterator<Item = (&Track<'q>, &[Sample])> {
        self.source.iter().filter_map(|track| self.seen(&track.samples).map(|samples| (track, samples)))
    }

    fn seen<'a>(&self, samples: &'a [Sample]) -> Option<&'a [Sample]> {
        let count_until = |until: Timestamp| samples.partition_point(|sample| sample.at <= until);
        let (mut from, mut to) = (count_until(self.start), count_until(self.end));
        if let Some(extension) = self.extension {
            if from >= 1 && samples[from - 1].at > earlier(self.start, self.lookback_ms) {
                from -= 1;
            }
            let nothing_inside = to == 0 || samples.get(from).is_none();
            if nothing_inside {
                return None;
            }
            let ends_before_the_border = samples[to - 1].at < self.end;
            let next = samples.get(to).filter(|next| next.at <= earlier(self.end, -self.lookback_ms));
            if extension == RangeExtension::Smoothed && ends_before_the_border && next.is_some() {
                to += 1;
            }
            if samples[to - 1].at <= self.start || samples[from].at > self.end {
                return None;
            }
        }
        samples.get(from..to).filter(|seen| !seen.is_empty())
    }
}

impl<'q> Evaluator<'q> {
    /// `moment` as seen through `@` and `offset`.
    pub(super) fn shift(
        &self,
        moment: Moment,
        at: Option<AtModifier>,
        offset: Option<&DurationExpr>,
    ) -> Result<Moment, EvalError> {
        let fixed = |millis| Moment::only(Timestamp::from_millis(millis));
        let moment = match at {
            None => moment,
            Some(AtModifier::Millis(millis)) => fixed(millis),
            Some(AtModifier::Start) => fixed(self.axis.start_ms),
            Some(AtModifier::End) => fixed(self.axis.end_ms),
        };
        let offset_ms = offset.map_or(Ok(0), |offset| millis(offset, &self.axis))?;
        Ok(moment.earlier(offset_ms))
    }

    pub(super) fn lookback_ms(&self) -> i64 {
        i64::try_from(self.options.lookback.as_millis()).unwrap_or(i64::MAX)
    }

    /// The series that `selector` finds at `moment`, each with its latest sample inside the look-back.
    pub(super) fn select(
        &mut self,
        selector: &Selector,
        span: &Span,
        moment: Moment,
    ) -> Result<Vec<(Labels, Sample)>, EvalError> {
        let moment = self.shift(moment, selector.at, selector.offset.as_ref())?;
        let lookback_ms = self.lookback_ms();
        let key = SourceKey::Selector(std::ptr::from_ref(selector) as usize);
        if selector.extension == Some(RangeExtension::Smoothed) {
            let until = earlier(moment.last, lookback_ms.saturating_neg());
            let source = self.load(key, &selector.matchers, earlier(moment.first, lookback_ms), until, true, span)?;
            let smoothed = |track: &Track<'_>| smoothed_at(&track.samples, moment.at, lookback_ms);
            return Ok(source
                .iter()
                .filter_map(|track| smoothed(track).map(|value| (track.labels.clone(), Sample::new(moment.at, value))))
                .collect());
        }
        self.latest(key, &selector.matchers, span, moment)
    }

    /// The series that satisfy `matchers`, each with its latest sample inside the look-back of `moment`.
    pub(super) fn latest(
        &mut self,
        key: SourceKey,
        matchers: &[Matcher],
        span: &Span,
        moment: Moment,
    ) -> Result<Vec<(Labels, Sample)>, EvalError> {
        let lookback_ms = self.lookback_ms();
        let source = self.load(key, matchers, earlier(moment.first, lookback_ms), moment.last, false, span)?;
        let after = earlier(moment.at, lookback_ms);
        let mut found = Vec::with_capacity(source.len());
        for track in source.iter() {
            let count = track.samples.partition_point(|sample| sample.at <= moment.at);
            let latest = count.checked_sub(1).and_then(|index| track.samples.get(index));
            if let Some(sample) = latest.filter(|sample| sample.at > after && !is_stale(sample.value)) {
                found.push((track.labels.clone(), *sample));
            }
        }
        Ok(found)
    }

    /// The range vector of `range` at `moment`.
    pub(super) fn select_range(
        &mut self,
        range: &RangeSelector,
        span: &Span,
        moment: Moment,
    ) -> Result<Window<'q>, EvalError> {
        let selector = &range.selector;
        let moment = self.shift(moment, selector.at, selector.offset.as_ref())?;
        let range_ms = positive_millis(&range.range, &self.axis)?;
        let lookback_ms = self.lookback_ms();
        let (mut after, mut until) = (earlier(moment.first, range_ms), moment.last);
        if selector.extension.is_some() {
            after = earlier(after, lookback_ms);
        }
        if selector.extension == Some(RangeExtension::Smoothed) {
            until = earlier(until, lookback_ms.saturating_neg());
        }
        let key = SourceKey::Selector(std::ptr::from_ref(selector) as usize);
        let source = self.load(key, &selector.matchers, after, until, true, span)?;
        Ok(Window {
            start: earlier(moment.at, range_ms),
            end: moment.at,
            extension: selector.extension,
            lookback_ms,
            source,
        })
    }

    /// The series that satisfy `matchers` with their samples after `after` and not after `until`; read once.
    fn load(
        &mut self,
        key: SourceKey,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        without_markers: bool,
        span: &Span,
    ) -> Result<Rc<Vec<Track<'q>>>, EvalError> {
        if let Some(source) = self.sources.get(&key) {
            return Ok(Rc::clone(source));
        }
        let mut count = 0;
        let stretches = self.querier.select(matchers, after, until);
        let mut tracks = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            let mut samples = stretch.samples;
            if without_markers && samples.iter().any(|sample| is_stale(sample.value)) {
                samples = samples.iter().filter(|sample| !is_stale(sample.value)).copied().collect();
            }
            count += samples.len();
            tracks.push(Track { labels: stretch.labels.into_owned(), drop_name: false, samples });
        }
        self.hold_samples(count, span)?;
        let source = Rc::new(tracks);
        self.sources.insert(key, Rc::clone(&source));
        Ok(source)
    }

    /// The range vector of `subquery` at `moment`: its expression at the multiples of its step inside its range.
    pub(super) fn eval_subquery(
        &mut self,
        subquery: &Subquery,
        span: &Span,
        moment: Moment,
    ) -> Result<Window<'q>, EvalError> {
        let moment = self.shift(moment, subquery.at, subquery.offset.as_ref())?;
        let range_ms = positive_millis(&subquery.range, &self.axis)?;
        let step_ms = match &subquery.step {
            Some(step) => positive_millis(step, &self.axis)?,
            None => i64::try_from(self.options.default_step.as_millis()).unwrap_or(i64::MAX).max(1),
        };
        let key = SourceKey::Subquery(std::ptr::from_ref(subquery) as usize);
        let source = match self.sources.get(&key) {
            Some(source) => Rc::clone(source),
            None => {
                let after_ms = earlier(moment.first, range_ms).millis();
                let tracks = self.eval_steps(&subquery.expr, span, after_ms, moment.last.millis(), step_ms)?;
                let source = Rc::new(tracks);
                self.sources.insert(key, Rc::clone(&source));
                source
            }
        };
        Ok(Window { start: earlier(moment.at, range_ms), end: moment.at, extension: None, lookback_ms: 0, source })
    }

    /// `expr` at the multiples of `step_ms` after `after_ms` and not after `until_ms`.
    fn eval_steps(
        &mut self,
        expr: &Expr,
        span: &Span,
        after_ms: i64,
        until_ms: i64,
        step_ms: i64,
    ) -> Result<Vec<Track<'q>>, EvalError> {
        let first_ms = after_ms.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms);
        let last_ms = until_ms.div_euclid(step_ms).saturating_mul(step_ms);
        if first_ms > last_ms {
            return Ok(Vec::new());
        }
        let steps = (last_ms.saturating_sub(first_ms) / step_ms).saturating_add(1);
        self.take_steps(usize::try_from(steps).unwrap_or(usize::MAX), span)?;
        let (first, last) = (Timestamp::from_millis(first_ms), Timestamp::from_millis(last_ms));
        let mut rows: Vec<(Labels, bool, Vec<Sample>)> = Vec::new();
        let mut index_of = hashbrown::HashMap::<Labels, usize>::new();
        for step in 0..steps {
            let at = Timestamp::from_millis(first_ms.saturating_add(step.saturating_mul(step_ms)));
            let items = self.vector(expr, Moment { at, first, last })?;
            self.hold_samples(items.len(), span)?;
            for item in items {
                let index = *index_of.entry(item.labels.clone()).or_insert_with(|| {
                    rows.push((item.labels.clone(), item.drop_name, Vec::new()));
                    rows.len() - 1
                });
                let (_, drop_name, samples) = &mut rows[index];
                *drop_name |= item.drop_name;
                if samples.last().is_some_and(|last| last.at == at) {
                    return Err(EvalError::duplicate(span));
                }
                samples.push(Sample::new(at, item.value));
            }
        }
        let track = |(labels, drop_name, samples)| Track { labels, drop_name, samples: Cow::Owned(samples) };
        Ok(rows.into_iter().map(track).collect())
    }

    /// Refuses `anchored` and `smoothed` for functions that do not know them.
    pub(super) fn check_extension(&self, function: &str, window: &Window<'_>, span: &Span) -> Result<(), EvalError> {
        let (word, allowed) = match window.extension {
            None => return Ok(()),
            Some(RangeExtension::Anchored) => ("anchored", &["changes", "delta", "increase", "rate", "resets"][..]),
            Some(RangeExtension::Smoothed) => ("smoothed", &["delta", "increase", "rate"][..]),
        };
        if allowed.contains(&function) {
            return Ok(());
        }
        let list = allowed.join(", ");
        let text = format!("{word} modifier can only be used with: {list} - not with {function}");
        Err(EvalError::new(EvalErrorKind::InvalidParameter, text, span))
    }
}

/// The value at `at`, interpolated between the samples around it; the last one where none follows.
fn smoothed_at(samples: &[Sample], at: Timestamp, lookback_ms: i64) -> Option<f64> {
    let count = samples.partition_point(|sample| sample.at <= at);
    let before = samples.get(count.checked_sub(1)?)?;
    if before.at <= earlier(at, lookback_ms) {
        return None;
    }
    match samples.get(count) {
        Some(after) if before.at < at && after.at <= earlier(at, lookback_ms.saturating_neg()) => {
            Some(interpolate(*before, *after, at))
        }
        _ => Some(before.value),
    }
}
