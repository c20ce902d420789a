//! Series by group.

use crate::model::Labels;

use super::super::keys::{Choice, Keys};
use super::super::row::{Point, Row};

/// The series that share their grouping labels; at least one.
pub(super) struct Group {
    /// The labels that they share.
    pub(super) labels: Labels,
    /// The name of one of them is to be removed at the end, and so that of what comes of them.
    pub(super) drop_name: bool,
    /// In the order in which they came.
    pub(super) rows: Vec<Row>,
}

impl Group {
    /// The row of the group's results.
    pub(super) fn row(self, points: Vec<Point>) -> Row {
        Row { labels: self.labels, drop_name: self.drop_name, points }
    }
}

/// `rows` by the labels that `choice` takes, the groups in order of their first series.
pub(super) fn grouped(rows: Vec<Row>, choice: Choice<'_>) -> Vec<Group> {
    let mut keys = Keys::new(choice);
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let number = keys.number(&row.labels);
        if number == groups.len() {
            groups.push(Group { labels: keys.labels(number), drop_name: false, rows: Vec::new() });
        }
        let group = &mut groups[number];
        group.drop_name |= row.drop_name;
        group.rows.push(row);
    }
    groups
}
