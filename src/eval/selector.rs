//! Selectors and subqueries: where series and their samples come from.

use std::borrow::Cow;

use crate::lang::{AtModifier, DurationExpr, RangeExtension, RangeSelector, Selector, Span, Subquery};
use crate::model::{HistogramSample, Labels, Matcher, Sample, SampleValue, StartTime, Timed, Timestamp, is_stale};

use super::duration::{millis, positive_millis};
use super::error::{EvalError, EvalErrorKind};
use super::evaluator::{Evaluator, STEPS_MAX};
use super::functions::extended;
use super::functions::remark::{Notebook, Remarks};
use super::grid::{Grid, Shift, earlier};
use super::hints::{Reading, read_hints, unhinted};
use super::limits::Limits;
use super::row::{Point, Row, merged};

/// How many moments of a series are worked on between two looks at whether the answer is still wanted.
const STEPS_BETWEEN_CHECKS: usize = 64;

/// One series with the samples that an evaluation may need of it.
#[derive(Clone, Debug)]
pub(super) struct Track<'q> {
    pub(super) labels: Labels,
    /// Whether the name is to be removed at the end.
    pub(super) drop_name: bool,
    /// Oldest first.
    pub(super) samples: Cow<'q, [Sample]>,
    /// Oldest first.
    pub(super) histograms: Cow<'q, [HistogramSample]>,
    /// Oldest first.
    pub(super) starts: Cow<'q, [StartTime]>,
}

/// A range vector: tracks seen through a left-open window that moves from moment to moment.
pub(super) struct Windows<'q> {
    tracks: Vec<Track<'q>>,
    /// The moments of the evaluation.
    moments: Grid,
    /// The right borders of the windows.
    ends: Grid,
    range_ms: i64,
    /// How the borders are treated.
    pub(super) extension: Option<RangeExtension>,
    /// How far a border's treatment looks past it, in milliseconds.
    lookback_ms: i64,
    limits: Limits<'q>,
}

/// The samples of one series inside one window; of floats and histograms together there is at least one.
pub(super) struct Window<'a> {
    /// The series.
    pub(super) labels: &'a Labels,
    /// Its floats in the window, oldest first. An extended window also has those within the look-back before its start, a
    /// smoothed one also those as far after its end.
    pub(super) samples: &'a [Sample],
    /// Its histograms in the window, with the same additions.
    pub(super) histograms: &'a [HistogramSample],
    /// The start times of all samples of the series, inside the window or not, oldest first.
    pub(super) starts: &'a [StartTime],
    /// The left border; samples at it are outside.
    pub(super) start: Timestamp,
    /// The right border; samples at it are inside.
    pub(super) end: Timestamp,
    /// The moment of the evaluation.
    pub(super) at: Timestamp,
    /// Which moment of the evaluation it is, from 0.
    pub(super) step: usize,
    /// How the borders are treated.
    pub(super) extension: Option<RangeExtension>,
}

impl Window<'_> {
    /// The length of the window in seconds.
    pub(super) fn seconds(&self) -> f64 {
        seconds_between(self.start, self.end)
    }
}

/// The seconds from `from` until `to`.
pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.millis().saturating_sub(from.millis()) as f64 / 1000.0
}

fn start_of(starts: &[StartTime], at: Timestamp) -> Option<Timestamp> {
    starts.binary_search_by_key(&at, |start| start.at).ok().map(|index| starts[index].start)
}

/// Counts the samples until moments that mostly ascend, a few steps at a time.
#[derive(Default)]
struct Cursor {
    count: usize,
}

impl Cursor {
    /// How many of `samples` are not after `until`.
    fn count_until<T: Timed>(&mut self, samples: &[T], until: Timestamp) -> usize {
        const NEAR: usize = 8;
        if self.count > 0 && samples[self.count - 1].at() > until {
            self.count = samples[..self.count].partition_point(|sample| sample.at() <= until);
            return self.count;
        }
        for _ in 0..NEAR {
            match samples.get(self.count) {
                Some(sample) if sample.at() <= until => self.count += 1,
                _ => return self.count,
            }
        }
        self.count += samples[self.count..].partition_point(|sample| sample.at() <= until);
        self.count
    }
}

impl<'q> Windows<'q> {
    /// The series.
    pub(super) fn tracks(&self) -> &[Track<'q>] {
        &self.tracks
    }

    /// A row per series with what `function` makes of each window with samples.
    ///
    /// # Errors
    ///
    /// The first of `function`.
    pub(super) fn rows(
        &self,
        mut function: impl FnMut(&Window<'_>) -> Result<Point, EvalError>,
    ) -> Result<Vec<Row>, EvalError> {
        let mut rows = Vec::with_capacity(self.tracks.len());
        for track in &self.tracks {
            self.limits.check_room((rows.len() + 1).saturating_mul(self.moments.len()))?;
            let mut points = vec![Point::Absent; self.moments.len()];
            let mut is_present = false;
            self.each_window(track, |window| {
                let point = function(window)?;
                is_present |= point.is_present();
                points[window.step] = point;
                Ok(())
            })?;
            if is_present {
                rows.push(Row { labels: track.labels.clone(), drop_name: track.drop_name, points });
            }
        }
        Ok(rows)
    }

    /// Gives every window of `track` that has samples to `function`, in order.
    ///
    /// # Errors
    ///
    /// The first of `function`; and when the answer is not wanted any more.
    pub(super) fn each_window(
        &self,
        track: &Track<'_>,
        mut function: impl FnMut(&Window<'_>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let mut float_borders = <(Cursor, Cursor)>::default();
        let mut histogram_borders = <(Cursor, Cursor)>::default();
        for (step, (at, end)) in self.moments.moments().zip(self.ends.moments()).enumerate() {
            if step % STEPS_BETWEEN_CHECKS == 0 {
                self.limits.check_canceled()?;
            }
            let start = earlier(end, self.range_ms);
            let samples = self.seen(&track.samples, &mut float_borders, start, end);
            let histograms = self.seen(&track.histograms, &mut histogram_borders, start, end);
            if samples.is_empty() && histograms.is_empty() {
                continue;
            }
            let window = Window {
                labels: &track.labels,
                samples,
                histograms,
                starts: &track.starts,
                start,
                end,
                at,
                step,
                extension: self.extension,
            };
            function(&window)?;
        }
        Ok(())
    }

    fn seen<'a, T: Timed>(
        &self,
        samples: &'a [T],
        borders: &mut (Cursor, Cursor),
        start: Timestamp,
        end: Timestamp,
    ) -> &'a [T] {
        if samples.is_empty() {
            return &[];
        }
        let (after, until) = match self.extension {
            None => (start, end),
            Some(RangeExtension::Anchored) => (earlier(start, self.lookback_ms), end),
            Some(RangeExtension::Smoothed) => {
                (earlier(start, self.lookback_ms), earlier(end, self.lookback_ms.saturating_neg()))
            }
        };
        let (from, to) = (borders.0.count_until(samples, after), borders.1.count_until(samples, until));
        samples.get(from..to).unwrap_or_default()
    }
}

/// The sample that a selector finds.
pub(super) struct Found<'a> {
    /// When it was observed.
    pub(super) at: Timestamp,
    /// What it holds.
    pub(super) point: Point,
    /// The start times of the series.
    starts: &'a [StartTime],
}

impl Found<'_> {
    /// Its start time, if it has one.
    pub(super) fn start(&self) -> Option<Timestamp> {
        start_of(self.starts, self.at)
    }
}

impl<'q> Evaluator<'q> {
    /// What `@` and `offset` do to a moment.
    pub(super) fn shift(&self, at: Option<AtModifier>, offset: Option<&DurationExpr>) -> Result<Shift, EvalError> {
        let fixed_ms = at.map(|at| match at {
            AtModifier::Millis(millis) => millis,
            AtModifier::Start => self.axis.start_ms,
            AtModifier::End => self.axis.end_ms,
        });
        let offset_ms = offset.map_or(Ok(0), |offset| millis(offset, &self.axis))?;
        Ok(Shift { fixed_ms, offset_ms })
    }

    pub(super) fn lookback_ms(&self) -> i64 {
        i64::try_from(self.options.lookback.as_millis()).unwrap_or(i64::MAX)
    }

    /// The series that `selector` finds, each with its latest samples inside the look-back.
    pub(super) fn select(&mut self, selector: &Selector, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let seen_at = grid.shifted(self.shift(selector.at, selector.offset.as_ref())?);
        if selector.extension == Some(RangeExtension::Smoothed) {
            return self.select_smoothed(selector, span, seen_at);
        }
        self.select_with(&selector.matchers, seen_at, span, |found| found.point)
    }

    /// What `read` makes of the latest samples inside the look-back of the moments `seen_at`.
    pub(super) fn select_with(
        &mut self,
        matchers: &[Matcher],
        seen_at: Grid,
        span: &Span,
        read: impl Fn(Found<'_>) -> Point,
    ) -> Result<Vec<Row>, EvalError> {
        let lookback_ms = self.lookback_ms();
        let last = seen_at.at(seen_at.len() - 1);
        let tracks = self.load(matchers, earlier(seen_at.at(0), lookback_ms), last, false);
        let limits = self.limits(span);
        let mut rows = Vec::with_capacity(tracks.len());
        for track in tracks {
            limits.check_canceled()?;
            limits.check_room((rows.len() + 1).saturating_mul(seen_at.len()))?;
            let mut cursors = <(Cursor, Cursor)>::default();
            let mut is_present = false;
            let points = seen_at.moments().map(|at| {
                let found = track.latest(&mut cursors, at, lookback_ms);
                let point = found.map_or(Point::Absent, &read);
                is_present |= point.is_present();
                point
            });
            let points = points.collect();
            if is_present {
                rows.push(Row { labels: track.labels, drop_name: false, points });
            }
        }
        Ok(rows)
    }

    fn select_smoothed(&mut self, selector: &Selector, span: &Span, seen_at: Grid) -> Result<Vec<Row>, EvalError> {
        let lookback_ms = self.lookback_ms();
        let until = earlier(seen_at.at(seen_at.len() - 1), lookback_ms.saturating_neg());
        let tracks = self.load(&selector.matchers, earlier(seen_at.at(0), lookback_ms), until, true);
        self.keep(tracks.iter().map(Track::len).sum(), span)?;
        let limits = self.limits(span);
        let mut notebook = Notebook::default();
        let mut rows = Vec::with_capacity(tracks.len());
        for track in tracks {
            limits.check_canceled()?;
            limits.check_room((rows.len() + 1).saturating_mul(seen_at.len()))?;
            let mut remarks = Remarks::default();
            let smooth = |at| extended::smoothed_at(&track.samples, &track.histograms, at, lookback_ms, &mut remarks);
            let points = seen_at.moments().map(smooth).collect();
            notebook.note(remarks, &track.labels);
            rows.push(Row { points, labels: track.labels, drop_name: false });
        }
        self.remark_all(&notebook, span);
        rows.retain(Row::is_present);
        Ok(rows)
    }

    /// The range vector of `range`.
    pub(super) fn select_range(
        &mut self,
        range: &RangeSelector,
        span: &Span,
        grid: Grid,
    ) -> Result<Windows<'q>, EvalError> {
        let selector = &range.selector;
        let ends = grid.shifted(self.shift(selector.at, selector.offset.as_ref())?);
        let range_ms = positive_millis(&range.range, &self.axis)?;
        let lookback_ms = self.lookback_ms();
        let (mut after, mut until) = (earlier(ends.at(0), range_ms), ends.at(ends.len() - 1));
        if selector.extension.is_some() {
            after = earlier(after, lookback_ms);
        }
        if selector.extension == Some(RangeExtension::Smoothed) {
            until = earlier(until, lookback_ms.saturating_neg());
        }
        let tracks = self.load(&selector.matchers, after, until, true);
        self.keep(tracks.iter().map(Track::len).sum(), span)?;
        let limits = self.limits(span);
        Ok(Windows { tracks, moments: grid, ends, range_ms, extension: selector.extension, lookback_ms, limits })
    }

    /// The series that satisfy `matchers` with their samples after `after` and not after `until`.
    fn load(
        &mut self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        without_markers: bool,
    ) -> Vec<Track<'q>> {
        let stretches = self.querier.select(matchers, after, until);
        let mut tracks = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            let mut samples = stretch.samples;
            if without_markers && samples.iter().any(|sample| is_stale(sample.value)) {
                samples = samples.iter().filter(|sample| !is_stale(sample.value)).copied().collect();
            }
            tracks.push(Track {
                labels: stretch.labels.into_owned(),
                drop_name: false,
                samples,
                histograms: read_hints(stretch.histograms, self.reading),
                starts: stretch.starts,
            });
        }
        tracks
    }

    /// The range vector of `subquery`: its expression at the multiples of its step inside its range.
    pub(super) fn eval_subquery(
        &mut self,
        subquery: &Subquery,
        span: &Span,
        grid: Grid,
    ) -> Result<Windows<'q>, EvalError> {
        let ends = grid.shifted(self.shift(subquery.at, subquery.offset.as_ref())?);
        let range_ms = positive_millis(&subquery.range, &self.axis)?;
        let step_ms = match &subquery.step {
            Some(step) => positive_millis(step, &self.axis)?,
            None => i64::try_from(self.options.default_step.as_millis()).unwrap_or(i64::MAX).max(1),
        };
        let after_ms = earlier(ends.at(0), range_ms).millis();
        let first_ms = after_ms.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms);
        let last_ms = ends.at(ends.len() - 1).millis().div_euclid(step_ms).saturating_mul(step_ms);
        let mut tracks = Vec::new();
        if first_ms <= last_ms {
            let steps = (last_ms.saturating_sub(first_ms) / step_ms).saturating_add(1);
            let inner = Grid::steps(first_ms, step_ms, self.checked_steps(steps, span)?);
            let reading = std::mem::replace(&mut self.reading, Reading::BucketsAlways);
            let rows = self.vector(&subquery.expr, inner);
            self.reading = reading;
            let rows = rows?;
            let rows = merged(rows).map_err(|()| EvalError::duplicate(span))?;
            for row in rows {
                tracks.push(as_track(row, inner));
            }
            self.keep(tracks.iter().map(Track::len).sum(), span)?;
        }
        let limits = self.limits(span);
        Ok(Windows { tracks, moments: grid, ends, range_ms, extension: None, lookback_ms: 0, limits })
    }

    /// `steps` unless they are too many.
    pub(super) fn checked_steps(&self, steps: i64, span: &Span) -> Result<usize, EvalError> {
        usize::try_from(steps).ok().filter(|steps| *steps <= STEPS_MAX).ok_or_else(|| {
            let text = format!("the evaluation would take more than {STEPS_MAX} steps");
            EvalError::new(EvalErrorKind::TooManySteps, text, span)
        })
    }

    /// Refuses `anchored` and `smoothed` for functions that do not know them.
    pub(super) fn check_extension(&self, function: &str, windows: &Windows<'_>, span: &Span) -> Result<(), EvalError> {
        let (word, allowed) = match windows.extension {
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

impl Track<'_> {
    /// How many samples it has.
    fn len(&self) -> usize {
        self.samples.len() + self.histograms.len()
    }

    /// The latest sample after the look-back of `at` and not after it.
    fn latest(&self, cursors: &mut (Cursor, Cursor), at: Timestamp, lookback_ms: i64) -> Option<Found<'_>> {
        let floats = cursors.0.count_until(&self.samples, at);
        let sample = floats.checked_sub(1).map(|index| &self.samples[index]);
        let histogram = match self.histograms.is_empty() {
            true => None,
            false => cursors.1.count_until(&self.histograms, at).checked_sub(1).map(|index| &self.histograms[index]),
        };
        let (found_at, point) = match (sample, histogram) {
            (sample, Some(histogram)) if sample.is_none_or(|sample| sample.at < histogram.at) => {
                (histogram.at, Point::Histogram(histogram.histogram.clone()))
            }
            (Some(sample), _) if !is_stale(sample.value) => (sample.at, Point::Float(sample.value)),
            _ => return None,
        };
        let is_recent = found_at > earlier(at, lookback_ms);
        is_recent.then_some(Found { at: found_at, point, starts: &self.starts })
    }
}

/// A row as a series of samples.
fn as_track(row: Row, grid: Grid) -> Track<'static> {
    let mut samples = Vec::new();
    let mut histograms = Vec::new();
    for (at, point) in grid.moments().zip(row.points) {
        match point.into_value() {
            None => {}
            Some(SampleValue::Float(value)) => samples.push(Sample::new(at, value)),
            Some(SampleValue::Histogram(histogram)) => histograms.push(unhinted(HistogramSample { at, histogram })),
        }
    }
    Track {
        labels: row.labels,
        drop_name: row.drop_name,
        samples: Cow::Owned(samples),
        histograms: Cow::Owned(histograms),
        starts: Cow::Borrowed(&[]),
    }
}
