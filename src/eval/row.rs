//! Instant vectors over many moments at once: one row per series, one point per moment.

use std::sync::Arc;

use crate::model::{Histogram, Labels, METRIC_NAME, SampleValue};

/// What a series is at one moment.
#[derive(Clone, Debug, Default)]
pub(super) enum Point {
    /// Not there.
    #[default]
    Absent,
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

impl Point {
    /// Whether there is something.
    pub(super) fn is_present(&self) -> bool {
        !matches!(self, Point::Absent)
    }

    /// The number, if it is one.
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Point::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// What a result shows.
    pub(super) fn into_value(self) -> Option<SampleValue> {
        match self {
            Point::Absent => None,
            Point::Float(value) => Some(SampleValue::Float(value)),
            Point::Histogram(histogram) => Some(SampleValue::Histogram(histogram)),
        }
    }
}

impl From<Option<f64>> for Point {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Point::Absent, Point::Float)
    }
}

/// A series at all moments of an evaluation.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its labels, the name still among them.
    pub(super) labels: Labels,
    /// Whether the name is to be removed at the end.
    pub(super) drop_name: bool,
    /// One point per moment.
    pub(super) points: Vec<Point>,
}

impl Row {
    /// The row with `function` applied to its numbers, without histograms and without its name.
    pub(super) fn map_floats(mut self, mut function: impl FnMut(usize, f64) -> Option<f64>) -> Row {
        for (step, point) in self.points.iter_mut().enumerate() {
            *point = point.float().and_then(|value| function(step, value)).into();
        }
        self.drop_name = true;
        self
    }

    /// Whether it is there at any moment.
    pub(super) fn is_present(&self) -> bool {
        self.points.iter().any(Point::is_present)
    }

    /// Whether it is there at a moment at which `other` is too.
    pub(super) fn meets(&self, other: &Row) -> bool {
        self.points.iter().zip(&other.points).any(|(one, other)| one.is_present() && other.is_present())
    }
}

/// Whether a label tells of the metric rather than of its source, and goes when the metric's name goes.
pub(super) fn is_metadata(name: &str) -> bool {
    name == METRIC_NAME || name == "__type__" || name == "__unit__"
}

/// Whether an expression may make a label of this name: any text that is not empty. What stands in for bytes that are no text,
/// as `\xff` writes them, is refused.
pub(super) fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::REPLACEMENT_CHARACTER)
}

/// `labels` without the metric's name, type and unit.
pub(super) fn without_metadata(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_metadata(name)) {
        labels.retain(|name| !is_metadata(name))
    } else {
        labels.clone()
    }
}

/// The labels as the result shows them.
pub(super) fn final_labels(labels: Labels, drop_name: bool) -> Labels {
    if drop_name { without_metadata(&labels) } else { labels }
}

/// `rows` with those of equal labels made one; refused with `Err` when two of them are there at one moment.
pub(super) fn merged(rows: Vec<Row>) -> Result<Vec<Row>, ()> {
    let mut index_of = hashbrown::HashMap::<Labels, usize>::with_capacity(rows.len());
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match index_of.entry_ref(&row.labels) {
            hashbrown::hash_map::EntryRef::Vacant(entry) => {
                entry.insert(kept.len());
                kept.push(row);
            }
            hashbrown::hash_map::EntryRef::Occupied(entry) => {
                let other = &mut kept[*entry.get()];
                if other.meets(&row) {
                    return Err(());
                }
                other.drop_name |= row.drop_name;
                for (point, more) in other.points.iter_mut().zip(row.points) {
                    if more.is_present() {
                        *point = more;
                    }
                }
            }
        }
    }
    Ok(kept)
}
