//! `and`, `or`, `unless`.

use crate::lang::{Binary, BinaryOp};

use super::super::keys::{Choice, Keys};
use super::super::row::{Point, Row};

/// `left op right` over `steps` moments.
pub(super) fn combined(binary: &Binary, mut left: Vec<Row>, mut right: Vec<Row>, steps: usize) -> Vec<Row> {
    let choice = Choice::of_matching(&binary.matching);
    match binary.op {
        BinaryOp::Or => {
            Presence::of(&left, choice, steps).filter(&mut right, false);
            left.append(&mut right);
        }
        op => Presence::of(&right, choice, steps).filter(&mut left, op == BinaryOp::And),
    }
    left
}

/// When there is a series of each match key.
struct Presence<'a> {
    keys: Keys<'a>,
    /// For each key `steps` values.
    is_present: Vec<bool>,
    steps: usize,
}

impl<'a> Presence<'a> {
    fn of(rows: &[Row], choice: Choice<'a>, steps: usize) -> Self {
        let mut keys = Keys::new(choice);
        let mut is_present = Vec::new();
        for row in rows {
            let from = keys.number(&row.labels) * steps;
            if from == is_present.len() {
                is_present.extend(row.points.iter().map(Point::is_present));
            } else {
                for (is_present, point) in is_present[from..].iter_mut().zip(&row.points) {
                    *is_present |= point.is_present();
                }
            }
        }
        Presence { keys, is_present, steps }
    }

    /// Keeps of `rows` the points whose key is there, or is not, as `wanted` says.
    fn filter(&self, rows: &mut Vec<Row>, wanted: bool) {
        rows.retain_mut(|row| match self.keys.find(&row.labels) {
            None => !wanted,
            Some(key) => {
                for (point, is_present) in row.points.iter_mut().zip(&self.is_present[key * self.steps..]) {
                    if *is_present != wanted {
                        *point = Point::Absent;
                    }
                }
                true
            }
        });
    }
}
