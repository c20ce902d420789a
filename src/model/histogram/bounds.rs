//! Where buckets begin and end.

use super::CUSTOM_BUCKETS_SCHEMA;

/// Half of the 2^s-th root of two for the schemas `s` from 1 to 8, rounded as Prometheus has them (which matters: bounds are
/// compared). Each entry is also the second bound of its schema.
const HALF_ROOTS: [f64; 8] = [
    std::f64::consts::FRAC_1_SQRT_2.next_down(),
    0.5946035575013605,
    0.5452538663326288,
    0.5221368912137069,
    0.5109485743270583,
    0.5054446430258502,
    0.5027149505564014,
    0.5013556375251013,
];

/// The bounds in [0.5, 1) of the schemas 0 to 8, one schema after the other: schema `s` begins at 2^s - 1.
const FRACTIONS: [f64; 511] = fractions();

/// Every second bound of a schema is one of the coarser schema; the others follow by multiplication, so that errors stay small.
const fn fractions() -> [f64; 511] {
    let mut table = [0.5; 511];
    let mut schema = 1;
    while schema <= 8 {
        let (start, coarser, factor) = ((1 << schema) - 1, (1 << (schema - 1)) - 1, 2.0 * HALF_ROOTS[schema - 1]);
        let mut index = 1;
        while index < 1 << schema {
            table[start + index] =
                if index % 2 == 0 { table[coarser + index / 2] } else { table[start + index - 1] * factor };
            index += 1;
        }
        schema += 1;
    }
    table
}

/// The upper bound of the bucket `index`, of negative ones without the sign: infinite behind the last custom bound, minus
/// infinity before the first one.
pub(super) fn upper_bound(index: i64, schema: i32, custom_values: &[f64]) -> f64 {
    if schema == CUSTOM_BUCKETS_SCHEMA {
        return match usize::try_from(index) {
            Ok(index) => custom_values.get(index).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        };
    }
    exponential(index, schema)
}

/// 2^(index / 2^schema). The bucket that ends where floats do ends at the greatest of them, because infinities are counted in the
/// one behind it.
fn exponential(index: i64, schema: i32) -> f64 {
    let (fraction, exponent) = match schema {
        ..0 => (1.0, index.saturating_mul(1 << schema.unsigned_abs().min(40))),
        0..=8 => {
            let resolution = 1_i64 << schema;
            let fraction = FRACTIONS[(resolution - 1 + (index & (resolution - 1))) as usize];
            (fraction, (index >> schema) + 1)
        }
        _ => return (index as f64 * 2_f64.powi(-schema)).exp2(),
    };
    if (fraction == 1.0 && exponent == 1024) || (fraction == 0.5 && exponent == 1025) {
        return f64::MAX;
    }
    scaled(fraction, exponent)
}

/// `fraction`, which lies in [0.5, 1], times 2^`exponent`, rounded once.
fn scaled(fraction: f64, exponent: i64) -> f64 {
    let power = |exponent: i64| f64::from_bits(((exponent + 1023) as u64) << 52);
    match exponent {
        1026.. => f64::INFINITY,
        -1000.. => fraction * power(exponent / 2) * power(exponent - exponent / 2),
        -1140.. => fraction * power(-600) * power(exponent + 600),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_bounds() {
        for (index, schema, bound) in [
            (0, 0, 1.0),
            (1, 0, 2.0),
            (-1, 0, 0.5),
            (1, 1, std::f64::consts::SQRT_2.next_down()),
            (3, 2, 1.6817928305074288),
            (1, -1, 4.0),
            (-2, -4, 2_f64.powi(-32)),
            (255, 8, 2.0 * 0.9972960560854698),
            (1024, 0, f64::MAX),
            (1025, 0, f64::INFINITY),
            (64, -4, f64::MAX),
            (65, -4, f64::INFINITY),
            (1024 << 8, 8, f64::MAX),
            ((1024 << 8) + 1, 8, f64::INFINITY),
            (-1074, 0, f64::from_bits(1)),
            (-1076, 0, 0.0),
            (i64::MAX, -4, f64::INFINITY),
            (i64::MIN, 3, 0.0),
        ] {
            assert_eq!(upper_bound(index, schema, &[]), bound, "bucket {index} of schema {schema}");
        }
    }

    #[test]
    fn bounds_double_every_power_and_ascend() {
        for schema in 0..=8 {
            let resolution = 1 << schema;
            for index in -resolution..resolution {
                let bound = upper_bound(index, schema, &[]);
                assert_eq!(upper_bound(index + resolution, schema, &[]), 2.0 * bound);
                assert!(upper_bound(index + 1, schema, &[]) > bound);
                let exact = (index as f64 / resolution as f64).exp2();
                assert!((bound / exact - 1.0).abs() < 1e-15, "{bound} is not {exact}");
            }
        }
    }

    #[test]
    fn custom_bounds() {
        for (index, bound) in [(-1, f64::NEG_INFINITY), (0, 5.0), (1, 10.0), (2, f64::INFINITY), (9, f64::INFINITY)] {
            assert_eq!(upper_bound(index, CUSTOM_BUCKETS_SCHEMA, &[5.0, 10.0]), bound);
        }
    }

    #[test]
    fn no_schema_panics() {
        for schema in [i32::MIN, -54, -52, -9, 9, 52, i32::MAX] {
            for index in [i64::MIN, -1, 0, 1, i64::MAX] {
                upper_bound(index, schema, &[]);
            }
        }
    }
}
