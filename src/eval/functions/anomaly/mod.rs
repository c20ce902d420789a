//! Functions that tell the unusual from the usual, and what is to come: a file per method.
//!
//! All read floats alone: histograms are passed over, NaN and infinite samples are no part of what is usual. The newest sample is the
//! last of the window; what it is compared with never includes it, so that it cannot hide itself.

mod average;
mod score;
mod seasonal;
mod trend;

use crate::lang::{Call, Span};
use crate::model::{Sample, format_value};

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::row::{Point, Row};
use super::super::selector::Window;
use super::argument;
use super::quantile::Quantiles;
use super::remark::{Notebook, Remark, Remarks};

impl Evaluator<'_> {
    /// `zscore_over_time`, `mad_score_over_time`, `ewma`, `seasonal_score`, `forecast`, `time_to`.
    pub(super) fn call_anomaly(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let name = call.function.name;
        let expr = argument(call, 0, span)?;
        let windows = self.windows(expr, grid)?;
        self.check_extension(name, &windows, span)?;
        let mut scalars = Vec::new();
        let mut spans = Vec::new();
        for argument in call.args.iter().skip(1) {
            scalars.push(self.scalar(argument, grid)?);
            spans.push(&argument.span);
        }
        let mut notebook = Notebook::default();
        let mut quantiles = Quantiles::default();
        let mut rows = windows.rows(|window| {
            // Given even where there is nothing to compare, so that a bad parameter is not found on the day it matters.
            let parameter = |index: usize| Some((scalars.get(index)?.get(window.step).copied()?, spans[index]));
            let floor = |index: usize| parameter(index).map_or(Ok(0.0), |(floor, span)| checked_floor(floor, span));
            let found = match (name, parameter(0), parameter(1)) {
                ("zscore_over_time", ..) => score::zscore(window.samples),
                ("mad_score_over_time", ..) => score::mad_score(window.samples, floor(0)?, &mut quantiles),
                ("ewma", Some((half_life, span)), _) => {
                    average::weighted(window.samples, positive("half-life", half_life, span)?)
                }
                ("seasonal_score", Some((period, period_span)), Some((slot, slot_span))) => {
                    let season = seasonal::Season::new((period, period_span), (slot, slot_span))?;
                    seasonal::score(window.samples, season, floor(2)?, &mut quantiles)
                }
                ("forecast", Some((horizon, span)), _) => trend::forecast(window, checked_horizon(horizon, span)?),
                ("time_to", Some((limit, _)), _) => trend::time_to(window, limit),
                _ => return Err(EvalError::parameter(format!("{name} needs more arguments"), span)),
            };
            note_histograms(window, &mut notebook);
            Ok(Point::from(found))
        })?;
        self.remark_all(&notebook, &expr.span);
        rows.iter_mut().for_each(|row| row.drop_name = true);
        Ok(rows)
    }
}

fn note_histograms(window: &Window<'_>, notebook: &mut Notebook) {
    if !window.samples.is_empty() && !window.histograms.is_empty() {
        notebook.note(Remarks::only(Remark::HistogramsIgnored), window.labels);
    }
}

/// `seconds`, which must be more than none.
fn positive(word: &str, seconds: f64, span: &Span) -> Result<f64, EvalError> {
    if seconds > 0.0 {
        return Ok(seconds);
    }
    let text = format!("invalid {word}. Expected: more than 0 seconds, got: {}", format_value(seconds));
    Err(EvalError::parameter(text, span))
}

fn checked_floor(floor: f64, span: &Span) -> Result<f64, EvalError> {
    if floor >= 0.0 {
        return Ok(floor);
    }
    let text = format!("invalid floor of the deviation. Expected: at least 0, got: {}", format_value(floor));
    Err(EvalError::parameter(text, span))
}

fn checked_horizon(horizon: f64, span: &Span) -> Result<f64, EvalError> {
    if horizon >= 0.0 {
        return Ok(horizon);
    }
    let text = format!("invalid horizon. Expected: at least 0 seconds, got: {}", format_value(horizon));
    Err(EvalError::parameter(text, span))
}

/// The samples that are numbers to reckon with.
fn usable(samples: &[Sample]) -> impl DoubleEndedIterator<Item = Sample> + Clone + '_ {
    samples.iter().copied().filter(|sample| sample.value.is_finite())
}
