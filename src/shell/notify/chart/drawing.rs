//! A chart as an image: lines over time on a small canvas, written as PNG (<https://www.w3.org/TR/png-3/>).

use super::font::{GLYPH_HEIGHT, GLYPH_WIDTH, dots};
use super::{ChartData, LINES_MAX};
use crate::shell::plot::{Frame, Scale, time_labels};

/// How many dots an image is wide.
pub(super) const WIDTH: u16 = 640;
/// How many dots an image is high.
pub(super) const HEIGHT: u16 = 220;
/// [`WIDTH`] and [`HEIGHT`] for places.
pub(super) const SIZE: (usize, usize) = (WIDTH as usize, HEIGHT as usize);

/// How many dots of the image a dot of a character takes, across and down.
const GLYPH_SCALE: usize = 2;
/// The distance of characters.
const CELL: usize = (GLYPH_WIDTH + 1) * GLYPH_SCALE;
/// The height of a line of text.
const TEXT_HEIGHT: usize = GLYPH_HEIGHT * GLYPH_SCALE;
/// The room around texts.
const GAP: usize = 6;
/// What is left free above and to the right.
const MARGIN: usize = 10;
/// For how many rows of text the value axis has room.
const TEXT_ROWS: usize = 12;
/// The dots of a dash and of the gap after it.
const DASH: (usize, usize) = (8, 6);

/// The colours of [`Ink`] in its order: red, green, blue.
const PALETTE: [u8; 30] = [
    0xff, 0xff, 0xff, 0x40, 0x40, 0x40, 0xe2, 0xe2, 0xe2, 0xdc, 0x26, 0x26, 0xea, 0x8c, 0x0c, //
    0x25, 0x63, 0xeb, 0x16, 0xa3, 0x4a, 0x93, 0x33, 0xea, 0x08, 0x91, 0xb2, 0xa1, 0x62, 0x07,
];

/// What a dot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// Nothing.
    Paper,
    /// Axes and texts.
    Axis,
    /// Lines at the numbers of the axis.
    Grid,
    /// What the alert compares with.
    Threshold,
    /// When the alert began.
    Start,
    /// A line, by its number.
    Line(u8),
}

impl Ink {
    fn index(self) -> u8 {
        match self {
            Ink::Paper => 0,
            Ink::Axis => 1,
            Ink::Grid => 2,
            Ink::Threshold => 3,
            Ink::Start => 4,
            Ink::Line(number) => 5 + number % LINES_MAX as u8,
        }
    }
}

/// An image while it is drawn: a palette index per dot, rows from the top.
pub(super) struct Canvas {
    dots: Vec<u8>,
}

impl Canvas {
    fn new() -> Self {
        Canvas { dots: vec![Ink::Paper.index(); SIZE.0 * SIZE.1] }
    }

    /// Sets a dot, if it is on the canvas.
    fn dot(&mut self, (x, y): (usize, usize), ink: Ink) {
        if x < SIZE.0 && y < SIZE.1 {
            self.dots[y * SIZE.0 + x] = ink.index();
        }
    }

    /// Writes `text` with its upper left corner at the place.
    fn text(&mut self, (x, y): (usize, usize), text: &str) {
        for (number, character) in text.chars().enumerate() {
            for (column, row) in dots(character) {
                let corner = (x + number * CELL + column * GLYPH_SCALE, y + row * GLYPH_SCALE);
                for part in 0..GLYPH_SCALE * GLYPH_SCALE {
                    self.dot((corner.0 + part % GLYPH_SCALE, corner.1 + part / GLYPH_SCALE), Ink::Axis);
                }
            }
        }
    }

    /// The palette indices, row by row.
    #[cfg(test)]
    pub(super) fn dots(&self) -> &[u8] {
        &self.dots
    }

    /// The image as a PNG file.
    pub(super) fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, u32::from(WIDTH), u32::from(HEIGHT));
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(PALETTE.as_slice());
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.dots)?;
        writer.finish()?;
        Ok(file)
    }
}

/// Draws `data`: at most [`LINES_MAX`] lines, a dashed one for the threshold, and one across at the alert's start; `None` if no line has a
/// number.
pub(super) fn draw(data: &ChartData) -> Option<Canvas> {
    let lines = &data.lines[..data.lines.len().min(LINES_MAX)];
    let values = || lines.iter().flatten().map(|(_, value)| *value);
    if !values().any(f64::is_finite) {
        return None;
    }
    let scale = Scale::of(values().chain(data.threshold), TEXT_ROWS)?;
    let rows = SIZE.1 - MARGIN - TEXT_HEIGHT - 2 * GAP;
    let numbers = scale.labels(rows);
    let longest = numbers.iter().flatten().map(|number| number.chars().count()).max().unwrap_or(0);
    let left = (longest * CELL + 2 * GAP).min(SIZE.0 / 2);
    let columns = SIZE.0 - left - MARGIN;
    let frame = Frame { scale, start: data.start, end: data.end, step_ms: data.step_ms, columns, rows };
    let mut canvas = Canvas::new();
    axes(&mut canvas, &frame, left, &numbers);
    let at = |(x, y): (usize, usize)| (left + x, MARGIN + y);
    if let Some(column) = frame.column(data.began) {
        (0..rows).for_each(|row| canvas.dot(at((column, row)), Ink::Start));
    }
    if let Some(row) = data.threshold.filter(|threshold| threshold.is_finite()).map(|threshold| frame.row(threshold)) {
        let dashed = (0..columns).filter(|column| column % (DASH.0 + DASH.1) < DASH.0);
        dashed.for_each(|column| canvas.dot(at((column, row)), Ink::Threshold));
    }
    for (number, line) in (0..).zip(lines) {
        frame.plot(line, |(x, y)| {
            // Twice as thick as the axes.
            canvas.dot(at((x, y)), Ink::Line(number));
            canvas.dot(at((x, (y + 1).min(rows - 1))), Ink::Line(number));
        });
    }
    Some(canvas)
}

/// Draws the axes with numbers on the left and times, in UTC, below.
fn axes(canvas: &mut Canvas, frame: &Frame, left: usize, numbers: &[Option<String>]) {
    for (row, number) in numbers.iter().enumerate() {
        let Some(number) = number else { continue };
        (0..frame.columns).for_each(|column| canvas.dot((left + column, MARGIN + row), Ink::Grid));
        let width = number.chars().count() * CELL;
        let top = (MARGIN + row).saturating_sub(TEXT_HEIGHT / 2);
        canvas.text((left.saturating_sub(width + GAP), top), number);
    }
    (0..frame.rows).for_each(|row| canvas.dot((left, MARGIN + row), Ink::Axis));
    let bottom = MARGIN + frame.rows;
    (0..frame.columns).for_each(|column| canvas.dot((left + column, bottom), Ink::Axis));
    for (column, time) in time_labels(frame.start, frame.end, frame.columns, CELL) {
        (0..GAP).for_each(|row| canvas.dot((left + column, bottom + row), Ink::Axis));
        let width = time.chars().count() * CELL;
        let centred = (left + column).saturating_sub(width / 2).min(SIZE.0 - width.min(SIZE.0));
        canvas.text((centred, bottom + GAP + 2), &time);
    }
}
