//! Lines over time, drawn with characters.

mod canvas;

use std::fmt::Write as _;

use crate::model::Timestamp;
use crate::shell::plot::{Frame, Scale, number, time_labels};

use canvas::Canvas;

/// How many series are drawn.
const SERIES_MAX: usize = 20;
/// The smallest and the largest size of a chart, in characters.
const WIDTH: (usize, usize) = (30, 400);
const HEIGHT: (usize, usize) = (5, 100);
/// The colours of the series, as ANSI codes.
const COLORS: [u8; 6] = [36, 33, 35, 32, 34, 31];
/// What the series are drawn with where there are no colours to tell them apart.
const MARKS: [char; 10] = ['*', '+', 'o', 'x', '#', '@', '%', '&', '=', '~'];

/// A line of a chart.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// What the legend calls it.
    pub(super) name: String,
    /// Its points, oldest first; those that are no finite numbers interrupt the line.
    pub(super) points: Vec<(Timestamp, f64)>,
}

/// What a chart shows, and how.
#[derive(Clone, Debug)]
pub(super) struct Chart<'a> {
    /// Its lines.
    pub(super) lines: &'a [Line],
    /// Its left edge.
    pub(super) start: Timestamp,
    /// Its right edge.
    pub(super) end: Timestamp,
    /// The distance of points, in milliseconds.
    pub(super) step_ms: i64,
    /// Characters across, with the axis.
    pub(super) width: usize,
    /// Characters down, without the times and the legend.
    pub(super) height: usize,
    /// Only characters of ASCII.
    pub(super) ascii: bool,
    /// Lines are told apart by colour.
    pub(super) color: bool,
}

/// Draws the chart with its axes and its legend.
pub(super) fn draw(chart: &Chart<'_>) -> String {
    let lines = &chart.lines[..chart.lines.len().min(SERIES_MAX)];
    let values = || lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let Some(scale) = Scale::of(values(), chart.height.clamp(HEIGHT.0, HEIGHT.1)) else {
        return "nothing to draw: no series has a number\n".to_owned();
    };
    let height = chart.height.clamp(HEIGHT.0, HEIGHT.1);
    let labels = scale.labels(height);
    let margin = labels.iter().flatten().map(|label| label.chars().count()).max().unwrap_or(0) + 2;
    let width = chart.width.clamp(WIDTH.0, WIDTH.1).saturating_sub(margin).max(10);
    let marked = chart.ascii || (lines.len() > 1 && !chart.color);
    let mut canvas = Canvas::new(width, height, marked);
    let (columns, rows) = canvas.dots();
    let frame = Frame { scale, start: chart.start, end: chart.end, step_ms: chart.step_ms, columns, rows };
    for (index, line) in lines.iter().enumerate() {
        frame.plot(&line.points, |dot| canvas.dot(index, dot));
    }
    let (corner, side, bottom, tick) = match chart.ascii {
        true => ('+', '|', '-', '+'),
        false => ('└', '┤', '─', '┬'),
    };
    let mut text = String::new();
    for (row, label) in labels.iter().enumerate() {
        let side = if label.is_none() && !chart.ascii { '│' } else { side };
        let label = label.as_deref().unwrap_or_default();
        let _ = write!(text, "{label:>0$} {side}", margin - 2);
        let drawn = canvas.row(row, |index| MARKS[index % MARKS.len()], |index| chart.color.then(|| color(index)));
        text.push_str(drawn.trim_end());
        text.push('\n');
    }
    let times = time_labels(chart.start, chart.end, width, 1);
    let mut axis: Vec<char> = vec![bottom; width];
    for (column, _) in &times {
        axis[(*column).min(width - 1)] = tick;
    }
    let _ = writeln!(text, "{:1$}{corner}{2}", "", margin - 1, axis.into_iter().collect::<String>());
    let mut under = String::new();
    for (column, label) in &times {
        let indent = (margin + column).saturating_sub(under.chars().count());
        let _ = write!(under, "{:indent$}{label}", "");
    }
    let _ = writeln!(text, "{}", under.trim_end());
    legend(&mut text, chart, lines, marked);
    text
}

fn color(index: usize) -> u8 {
    COLORS[index % COLORS.len()]
}

/// What each line is, with its last value.
fn legend(text: &mut String, chart: &Chart<'_>, lines: &[Line], marked: bool) {
    for (index, line) in lines.iter().enumerate() {
        let mark = match (marked, chart.ascii) {
            (true, _) => MARKS[index % MARKS.len()],
            (false, true) => '-',
            (false, false) => '━',
        };
        let last = line.points.last().map(|(_, value)| format!("  last {}", number(*value)));
        let _ = match chart.color {
            true => write!(text, "\u{1b}[{}m{mark}\u{1b}[0m {}", color(index), line.name),
            false => write!(text, "{mark} {}", line.name),
        };
        text.push_str(&last.unwrap_or_default());
        let infinite = line.points.iter().filter(|(_, value)| value.is_infinite()).count();
        if infinite > 0 {
            let _ = write!(text, "  ({infinite} infinite, not drawn)");
        }
        text.push('\n');
    }
    if chart.lines.len() > lines.len() {
        let _ = writeln!(text, "... and {} more series, not drawn", chart.lines.len() - lines.len());
    }
}

#[cfg(test)]
mod tests;
