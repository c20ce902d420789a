//! Lines over time on a grid of dots, whatever draws the dots.

mod axis;

pub(crate) use axis::{Scale, number, time_labels};

use crate::model::Timestamp;

/// Gaps longer than this many steps are not bridged.
const GAP_STEPS: f64 = 1.5;

/// A dot: its column from the left and its row from the top.
pub(crate) type Dot = (usize, usize);

/// The grid that lines are drawn on, and what its edges stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// The values of the lowest and the highest row.
    pub(crate) scale: Scale,
    /// The time of the first column.
    pub(crate) start: Timestamp,
    /// The time of the last column.
    pub(crate) end: Timestamp,
    /// The distance of points, in milliseconds.
    pub(crate) step_ms: i64,
    /// How many columns there are; at least one.
    pub(crate) columns: usize,
    /// How many rows there are; at least one.
    pub(crate) rows: usize,
}

impl Frame {
    /// The column of `at`, if it is between the edges.
    pub(crate) fn column(&self, at: Timestamp) -> Option<usize> {
        let millis = at.millis() as f64 - self.start.millis() as f64;
        (0.0..=self.span()).contains(&millis).then(|| nearest(millis / self.span(), self.columns))
    }

    /// The row of `value`, or the edge next to it.
    pub(crate) fn row(&self, value: f64) -> usize {
        nearest(1.0 - self.scale.fraction(value), self.rows)
    }

    /// Yields the dots of a line through `points`, oldest first; those that are no finite numbers interrupt it.
    pub(crate) fn plot(&self, points: &[(Timestamp, f64)], mut dot: impl FnMut(Dot)) {
        let gap = self.step_ms.max(1) as f64 * GAP_STEPS;
        let mut last: Option<(f64, Dot)> = None;
        for (at, value) in points {
            let Some(column) = self.column(*at).filter(|_| value.is_finite()) else {
                last = None;
                continue;
            };
            let (millis, here) = (at.millis() as f64, (column, self.row(*value)));
            match last {
                Some((before, from)) if millis - before <= gap => stretch(from, here, &mut dot),
                _ => dot(here),
            }
            last = Some((millis, here));
        }
    }

    /// Between the edges, in milliseconds.
    fn span(&self) -> f64 {
        (self.end.millis() as f64 - self.start.millis() as f64).max(1.0)
    }
}

fn nearest(fraction: f64, count: usize) -> usize {
    (fraction * count.saturating_sub(1) as f64).round() as usize
}

/// Yields the dots between two, both included (Bresenham's algorithm).
fn stretch(from: Dot, to: Dot, mut dot: impl FnMut(Dot)) {
    let signed = |(x, y): Dot| (x as i64, y as i64);
    let ((mut x, mut y), (to_x, to_y)) = (signed(from), signed(to));
    let (across, down) = ((to_x - x).abs(), -(to_y - y).abs());
    let (step_x, step_y) = ((to_x - x).signum(), (to_y - y).signum());
    let mut error = across + down;
    loop {
        // Between two points of the grid every coordinate is on it.
        dot((x as usize, y as usize));
        if (x, y) == (to_x, to_y) {
            return;
        }
        let double = 2 * error;
        if double >= down {
            error += down;
            x += step_x;
        }
        if double <= across {
            error += across;
            y += step_y;
        }
    }
}
