//! `limitk` and `limit_ratio`: some of the series, whatever their values.

use super::super::row::{Point, Row};
use super::group::Group;
use crate::model::Labels;

/// Of each group the first series at each moment, as many as `counts` says for it.
pub(super) fn first_of_each(groups: Vec<Group>, counts: &[usize]) -> Vec<Row> {
    let mut kept = Vec::new();
    for group in groups {
        let mut missing = counts.to_vec();
        for mut row in group.rows {
            for (point, missing) in row.points.iter_mut().zip(&mut missing).filter(|(point, _)| point.is_present()) {
                match missing.checked_sub(1) {
                    Some(fewer) => *missing = fewer,
                    None => *point = Point::Absent,
                }
            }
            if row.is_present() {
                kept.push(row);
            }
        }
    }
    kept
}

/// Those of `rows` that belong to the share of all that `ratios` says for each moment.
pub(super) fn sampled(mut rows: Vec<Row>, ratios: &[f64]) -> Vec<Row> {
    let mut bytes = Vec::new();
    rows.retain_mut(|row| {
        let offset = offset_of(&row.labels, &mut bytes);
        for (point, ratio) in row.points.iter_mut().zip(ratios) {
            if !is_sampled(offset, *ratio) {
                *point = Point::Absent;
            }
        }
        row.is_present()
    });
    rows
}

/// Where a series lies between 0 and 1: its xxHash64 as a share of 2^64, over every name and value in order, each after its
/// length, as Prometheus keeps labels: one byte, or from 255 on the byte 255 and three more, the least first.
fn offset_of(labels: &Labels, bytes: &mut Vec<u8>) -> f64 {
    bytes.clear();
    for (name, value) in labels.iter() {
        for part in [name, value] {
            match u8::try_from(part.len()) {
                Ok(length) if length < u8::MAX => bytes.push(length),
                _ => {
                    bytes.push(u8::MAX);
                    bytes.extend_from_slice(&part.len().to_le_bytes()[..3]);
                }
            }
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    xxhash_rust::xxh64::xxh64(bytes, 0) as f64 / u64::MAX as f64
}

/// Whether a series at `offset` is among the share `ratio`; a negative ratio selects what its complement does not.
fn is_sampled(offset: f64, ratio: f64) -> bool {
    if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_ratio_selects_the_complement() {
        for offset in [0.0, 0.1, 0.25, 0.5, 0.999_999] {
            for ratio in [0.1, 0.25, 0.5, 0.9] {
                assert_ne!(is_sampled(offset, ratio), is_sampled(offset, ratio - 1.0), "{offset} of {ratio}");
            }
            assert!(is_sampled(offset, 1.0) && is_sampled(offset, -1.0) && !is_sampled(offset, 0.0));
        }
    }

    /// The empty input's xxHash64 is known: 0xef46db3751d8e999.
    #[test]
    fn offsets_are_shares_of_the_hash() {
        let offset = offset_of(&Labels::default(), &mut Vec::new());
        assert_eq!(offset, 0xef46_db37_51d8_e999_u64 as f64 / 2_f64.powi(64));
    }
}
