//! Answers as aligned text and as comma-separated values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::model::{Labels, METRIC_NAME, Timestamp, format_value};

use super::answer::{Answer, Row};

/// Writes an answer as a table at most `width` characters wide where it can be.
pub(super) fn table(answer: &Answer, width: usize) -> String {
    match answer {
        Answer::Scalar(_, value) => format!("{}\n", format_value(*value)),
        Answer::Text(_, text) => format!("{text}\n"),
        Answer::Vector(rows) | Answer::Matrix(rows) if rows.is_empty() => "no series\n".to_owned(),
        Answer::Vector(rows) => vector(rows, width),
        Answer::Matrix(rows) => matrix(rows, width),
    }
}

/// A row per series: a column per label if there is room, else one for all.
fn vector(rows: &[Row], width: usize) -> String {
    let names: BTreeSet<&str> = rows.iter().flat_map(|row| row.labels.iter().map(|(name, _)| name)).collect();
    let heading = |name: &str| if name == METRIC_NAME { "metric".to_owned() } else { name.to_owned() };
    let value = |row: &Row| row.points.first().map_or_else(String::new, |(_, cell)| cell.to_string());
    let mut by_label = vec![names.iter().map(|name| heading(name)).chain(["value".to_owned()]).collect::<Vec<_>>()];
    for row in rows {
        by_label.push(names.iter().map(|name| row.labels.get(name).to_owned()).chain([value(row)]).collect());
    }
    let text = aligned(&by_label);
    if text.lines().all(|line| line.chars().count() <= width) {
        return text;
    }
    let mut whole = vec![vec!["series".to_owned(), "value".to_owned()]];
    whole.extend(rows.iter().map(|row| vec![row.labels.to_string(), value(row)]));
    aligned(&whole)
}

/// A row per time and a column per series, under its name or a number, if there is room, else a block per series.
fn matrix(rows: &[Row], width: usize) -> String {
    let (common, own) = names(rows);
    let times: BTreeSet<Timestamp> = rows.iter().flat_map(|row| row.points.iter().map(|(at, _)| *at)).collect();
    let mut cells: BTreeMap<Timestamp, Vec<String>> =
        times.iter().map(|at| (*at, vec![String::new(); rows.len()])).collect();
    // Cells that cannot be in one line are not worth writing side by side.
    if rows.len() * 2 < width {
        for (index, row) in rows.iter().enumerate() {
            for (at, cell) in &row.points {
                if let Some(cells) = cells.get_mut(at) {
                    cells[index] = cell.to_string();
                }
            }
        }
        let body = cells.into_iter().map(|(at, cells)| [at.to_string()].into_iter().chain(cells).collect());
        let body: Vec<Vec<String>> = body.collect();
        let numbers: Vec<String> = (1..=rows.len()).map(|number| format!("[{number}]")).collect();
        let listed = numbers.iter().zip(&own).map(|(number, name)| format!("{number} {name}\n")).collect::<String>();
        for (head, heading) in [(String::new(), &own), (listed, &numbers)] {
            let mut lines = vec![["time".to_owned()].into_iter().chain(heading.iter().cloned()).collect::<Vec<_>>()];
            lines.extend(body.iter().cloned());
            let text = aligned(&lines);
            if text.lines().all(|line| line.chars().count() <= width) {
                return format!("{common}{head}{text}");
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "{}", row.labels);
        let lines: Vec<Vec<String>> =
            row.points.iter().map(|(at, cell)| vec![format!("  {at}"), cell.to_string()]).collect();
        text.push_str(&aligned(&lines));
    }
    text
}

/// What all series have in common, as a line or nothing, and a name for each by the rest of its labels.
pub(super) fn names(rows: &[Row]) -> (String, Vec<String>) {
    let Some(first) = rows.first() else { return (String::new(), Vec::new()) };
    let shared: Vec<(&str, &str)> = match rows.len() {
        1 => Vec::new(),
        _ => {
            first.labels.iter().filter(|(name, value)| rows.iter().all(|row| row.labels.get(name) == *value)).collect()
        }
    };
    let own = |row: &Row| {
        let rest = row.labels.iter().filter(|(name, _)| !shared.iter().any(|(shared, _)| shared == name));
        let rest: Vec<(&str, &str)> = rest.collect();
        Labels::from_pairs(rest).to_string()
    };
    let common = match shared.is_empty() {
        true => String::new(),
        false => format!("all series: {}\n", Labels::from_pairs(shared.iter().copied())),
    };
    (common, rows.iter().map(own).collect())
}

/// Lines of cells; each column is as wide as its widest cell, the last ones as the values are.
pub(in crate::cli) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let mut written = String::new();
        for (column, cell) in line.iter().enumerate() {
            let space = if column == 0 { "" } else { "  " };
            let _ = write!(written, "{space}{cell:<0$}", widths[column]);
        }
        text.push_str(written.trim_end());
        text.push('\n');
    }
    text
}

/// Writes an answer as comma-separated values with one sample a row, as fixtures have it.
pub(super) fn csv(answer: &Answer) -> String {
    let names: BTreeSet<&str> = answer.rows().iter().flat_map(|row| row.labels.iter().map(|(name, _)| name)).collect();
    let mut text = String::from("timestamp");
    for name in &names {
        text.push(',');
        text.push_str(&quoted(name));
    }
    text.push_str(",value\n");
    let mut line = |at: &Timestamp, labels: Option<&Labels>, value: &str| {
        text.push_str(&at.to_string());
        for name in &names {
            text.push(',');
            text.push_str(&quoted(labels.map_or("", |labels| labels.get(name))));
        }
        text.push(',');
        text.push_str(&quoted(value));
        text.push('\n');
    };
    match answer {
        Answer::Scalar(at, value) => line(at, None, &format_value(*value)),
        Answer::Text(at, value) => line(at, None, value),
        Answer::Vector(rows) | Answer::Matrix(rows) => {
            for row in rows {
                for (at, cell) in &row.points {
                    line(at, Some(&row.labels), &cell.to_string());
                }
            }
        }
    }
    text
}

/// A field of comma-separated values, in quotes where it needs them.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
