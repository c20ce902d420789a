//! What arithmetic, trims and statistics give.

use super::*;

fn parse(text: &str) -> Histogram {
    parse_notation(text).unwrap()
}

type Operation = fn(&mut Histogram, &Histogram) -> Result<Combination, HistogramError>;

#[test]
fn sums_and_differences() {
    for (left, right, sum, difference) in [
        (
            "{{count:3 sum:4 buckets:[1 2]}}",
            "{{count:5 sum:1 offset:-1 buckets:[1 0 0 4]}}",
            "{{count:8 sum:5 offset:-1 buckets:[1 1 2 4]}}",
            "{{count:-2 sum:3 offset:-1 buckets:[-1 1 2 -4]}}",
        ),
        // The coarser schema wins, whichever side it is on.
        (
            "{{schema:1 count:4 offset:1 buckets:[1 1 1 1]}}",
            "{{count:1 n_buckets:[1]}}",
            "{{count:5 offset:1 buckets:[2 2] n_buckets:[1]}}",
            "{{count:3 offset:1 buckets:[2 2] n_buckets:[-1]}}",
        ),
        (
            "{{count:2 offset:1 buckets:[2]}}",
            "{{schema:2 count:4 offset:1 buckets:[1 1 1 1]}}",
            "{{count:6 offset:1 buckets:[6]}}",
            "{{count:-2 offset:1 buckets:[-2]}}",
        ),
        // The wider zero bucket takes in the buckets that it reaches over, whole.
        (
            "{{z_bucket:1 z_bucket_w:0.25 count:9 offset:-1 buckets:[2 3 3]}}",
            "{{z_bucket:1 z_bucket_w:0.75 count:1}}",
            "{{count:10 z_bucket:7 z_bucket_w:1 offset:1 buckets:[3]}}",
            "{{count:8 z_bucket:5 z_bucket_w:1 offset:1 buckets:[3]}}",
        ),
        (
            "{{z_bucket:1 z_bucket_w:0.75 count:1}}",
            "{{z_bucket:1 z_bucket_w:0.25 count:9 n_offset:-1 n_buckets:[2 3 3]}}",
            "{{count:10 z_bucket:7 z_bucket_w:1 n_offset:1 n_buckets:[3]}}",
            "{{count:-8 z_bucket:-5 z_bucket_w:1 n_offset:1 n_buckets:[-3]}}",
        ),
        // Cutting an empty bucket does not widen it further.
        (
            "{{z_bucket:1 z_bucket_w:0.75 count:1}}",
            "{{z_bucket:1 z_bucket_w:0.25 count:3 offset:-1 buckets:[2 0]}}",
            "{{count:4 z_bucket:4 z_bucket_w:0.75}}",
            "{{count:-2 z_bucket:-2 z_bucket_w:0.75}}",
        ),
        (
            "{{schema:-53 count:6 custom_values:[1 2 3] buckets:[1 2 3]}}",
            "{{schema:-53 count:4 custom_values:[1 3 5] buckets:[1 1 1 1]}}",
            "{{schema:-53 count:10 custom_values:[1 3] buckets:[2 6 2]}}",
            "{{schema:-53 count:2 custom_values:[1 3] buckets:[0 4 -2]}}",
        ),
    ] {
        for (right, expected, operation) in
            [(right, sum, Histogram::add as Operation), (right, difference, Histogram::sub as Operation)]
        {
            let mut result = parse(left);
            let remarks = operation(&mut result, &parse(right)).unwrap();
            assert_eq!(remarks.bounds_reconciled, left.contains("custom"));
            result.compact(0);
            let expected = Histogram { counter_reset_hint: result.counter_reset_hint, ..parse(expected) };
            assert!(
                result.almost_equal(&compacted(&expected), 1e-12),
                "{left} and {right}: {}",
                result.test_expression()
            );
        }
    }
}

fn compacted(histogram: &Histogram) -> Histogram {
    let mut compact = histogram.clone();
    compact.compact(0);
    compact
}

#[test]
fn hints_of_sums() {
    for (left, right, hint, conflict) in [
        ("unknown", "unknown", "", false),
        ("reset", "reset", " counter_reset_hint:reset", false),
        ("not_reset", "unknown", "", false),
        ("unknown", "not_reset", "", false),
        ("gauge", "reset", "gauge", false),
        ("unknown", "gauge", "gauge", false),
        ("reset", "not_reset", "", true),
        ("not_reset", "reset", "", true),
    ] {
        let mut sum = parse(&format!("{{{{count:1 counter_reset_hint:{left}}}}}"));
        let remarks = sum.add(&parse(&format!("{{{{count:1 counter_reset_hint:{right}}}}}"))).unwrap();
        assert_eq!(remarks.conflicting_resets, conflict);
        assert!(sum.test_expression().contains(hint), "{left} and {right}: {}", sum.test_expression());
    }
    let mut exponential = parse("{{count:1 buckets:[1]}}");
    let before = exponential.clone();
    assert_eq!(exponential.add(&parse("{{schema:-53 count:1}}")), Err(HistogramError::IncompatibleSchemas));
    assert_eq!(exponential, before);
}

#[test]
fn products_and_quotients() {
    let base = parse("{{count:6 sum:4 z_bucket:2 z_bucket_w:0.1 buckets:[2 4] n_buckets:[6]}}");
    let product = |factor| {
        let mut product = base.clone();
        product.multiply(factor);
        product.test_expression()
    };
    let quotient = |divisor| {
        let mut quotient = base.clone();
        quotient.divide(divisor);
        quotient.test_expression()
    };
    assert_eq!(product(0.5), "{{count:3 sum:2 z_bucket:1 z_bucket_w:0.1 buckets:[1 2] n_buckets:[3]}}");
    assert_eq!(quotient(2.0), product(0.5));
    assert_eq!(quotient(-1.0), product(-1.0));
    assert_eq!(base.negated().test_expression(), product(-1.0));
    assert!(product(-1.0).contains("gauge"));
    assert_eq!(quotient(0.0), "{{count:+Inf sum:+Inf z_bucket:+Inf z_bucket_w:0.1}}");
}

#[test]
fn thresholds_that_are_no_numbers_end() {
    let filled = parse("{{count:1 buckets:[1] n_buckets:[1]}}");
    let nan = Histogram { zero_threshold: f64::NAN, ..filled.clone() };
    assert!(nan.detect_reset(&filled));
    filled.clone().add(&nan).unwrap();
    nan.clone().add(&filled).unwrap();
}

#[test]
fn resolutions() {
    let mut fine = parse("{{schema:2 count:5 offset:-1 buckets:[1 1 1 1 1] n_buckets:[2]}}");
    fine.counter_reset_hint = CounterResetHint::Reset;
    assert_eq!(fine.copy_to_schema(0).test_expression(), "{{count:5 buckets:[2 3] n_buckets:[2]}}");
    assert_eq!(fine.copy_to_schema(2), fine);
    assert_eq!(fine.copy_to_schema(8), fine);
    let custom = parse("{{schema:-53 custom_values:[1] buckets:[1 2]}}");
    assert_eq!(custom.copy_to_schema(-60), custom);
}

#[test]
fn trims() {
    let exponential = "{{count:14 sum:7 z_bucket:2 z_bucket_w:0.5 offset:1 buckets:[4 2] n_offset:1 n_buckets:[6]}}";
    let custom = "{{schema:-53 count:10 sum:50 custom_values:[4 8] buckets:[2 4 4]}}";
    let around = "{{schema:-53 count:10 sum:50 custom_values:[-4] buckets:[2 8]}}";
    let zero = "{{count:4 sum:0 z_bucket:4 z_bucket_w:1 buckets:[0]}}";
    let s = std::f64::consts::SQRT_2;
    for (text, limit, below, above) in [
        (exponential, f64::INFINITY, exponential.to_owned(), "{{z_bucket_w:0.5}}".to_owned()),
        (exponential, f64::NEG_INFINITY, "{{z_bucket_w:0.5}}".to_owned(), exponential.to_owned()),
        (
            exponential,
            2.0,
            format!(
                "{{{{count:12 sum:{} z_bucket:2 z_bucket_w:0.5 offset:1 buckets:[4] n_offset:1 n_buckets:[6]}}}}",
                -2.0 * s
            ),
            format!("{{{{count:2 sum:{} z_bucket_w:0.5 offset:2 buckets:[2]}}}}", 4.0 * s),
        ),
        (
            exponential,
            0.25,
            format!(
                "{{{{count:7.5 sum:{} z_bucket:1.5 z_bucket_w:0.5 n_offset:1 n_buckets:[6]}}}}",
                1.5 * -0.125 - 6.0 * s
            ),
            format!(
                "{{{{count:6.5 sum:{} z_bucket:0.5 z_bucket_w:0.5 offset:1 buckets:[4 2]}}}}",
                8.0 * s + 0.5 * 0.375
            ),
        ),
        (
            exponential,
            -s,
            format!("{{{{count:3 sum:{} z_bucket_w:0.5 n_offset:1 n_buckets:[3]}}}}", -3.0 * (2.0 * s).sqrt()),
            format!(
                "{{{{count:11 sum:{} z_bucket:2 z_bucket_w:0.5 offset:1 buckets:[4 2] n_offset:1 n_buckets:[3]}}}}",
                8.0 * s - 3.0 * s.sqrt()
            ),
        ),
        (
            custom,
            6.0,
            "{{schema:-53 count:4 sum:14 custom_values:[4 8] buckets:[2 2]}}".to_owned(),
            "{{schema:-53 count:6 sum:46 custom_values:[4 8] offset:1 buckets:[2 4]}}".to_owned(),
        ),
        (
            custom,
            1.0,
            "{{schema:-53 count:0.5 sum:0.25 custom_values:[4 8] buckets:[0.5]}}".to_owned(),
            "{{schema:-53 count:9.5 sum:59.75 custom_values:[4 8] buckets:[1.5 4 4]}}".to_owned(),
        ),
        (
            custom,
            10.0,
            "{{schema:-53 count:6 sum:28 custom_values:[4 8] buckets:[2 4]}}".to_owned(),
            "{{schema:-53 count:4 sum:40 custom_values:[4 8] offset:2 buckets:[4]}}".to_owned(),
        ),
        (
            around,
            -6.0,
            "{{schema:-53 count:2 sum:-12 custom_values:[-4] buckets:[2]}}".to_owned(),
            "{{schema:-53 count:8 sum:-32 custom_values:[-4] offset:1 buckets:[8]}}".to_owned(),
        ),
        (
            zero,
            0.5,
            "{{count:3 sum:-0.75 z_bucket:3 z_bucket_w:1}}".to_owned(),
            "{{count:1 sum:0.75 z_bucket:1 z_bucket_w:1}}".to_owned(),
        ),
    ] {
        let check = |trimmed: Histogram, expected: &str, side| {
            let trimmed = compacted(&trimmed);
            let matches = trimmed.almost_equal(&compacted(&parse(expected)), 1e-12);
            assert!(matches, "{text} {side} {limit}: {}", trimmed.test_expression());
        };
        check(parse(text).trimmed_above(limit), &below, "below");
        check(parse(text).trimmed_below(limit), &above, "above");
    }
}

#[test]
fn quantiles() {
    let positive = "{{count:12 sum:100 z_bucket:2 z_bucket_w:0.5 offset:1 buckets:[2 8]}}";
    let negative = "{{count:12 sum:-100 z_bucket:2 z_bucket_w:0.5 n_offset:1 n_buckets:[2 8]}}";
    let custom = "{{schema:-53 count:8 sum:10 custom_values:[4 8] buckets:[2 4 2]}}";
    let below = "{{schema:-53 count:8 sum:10 custom_values:[-4 8] buckets:[2 4 2]}}";
    let nan = "{{count:10 sum:NaN buckets:[8]}}";
    use QuantileRemark::{NanResult, SkewedHigher};
    for (text, q, expected, remark) in [
        (positive, -0.1, f64::NEG_INFINITY, None),
        (positive, 1.1, f64::INFINITY, None),
        (positive, f64::NAN, f64::NAN, None),
        ("{{}}", 0.5, f64::NAN, None),
        (positive, 0.0, 0.0, None),
        (positive, 1.0 / 12.0, 0.25, None),
        (positive, 0.25, std::f64::consts::SQRT_2, None),
        (positive, 8.0 / 12.0, 2.0 * std::f64::consts::SQRT_2, None),
        (positive, 1.0, 4.0, None),
        (negative, 1.0, 0.0, None),
        (negative, 11.0 / 12.0, -0.25, None),
        (negative, 4.0 / 12.0, -2.0 * std::f64::consts::SQRT_2, None),
        (negative, 0.0, -4.0, None),
        (custom, 0.125, 2.0, None),
        (custom, 0.5, 6.0, None),
        (custom, 0.9, 8.0, None),
        (below, 0.1, -4.0, None),
        (below, 0.5, 2.0, None),
        (nan, 0.9, f64::NAN, Some(NanResult)),
        (nan, 0.4, std::f64::consts::FRAC_1_SQRT_2, Some(SkewedHigher)),
        ("{{count:8 sum:NaN buckets:[8]}}", 0.5, std::f64::consts::FRAC_1_SQRT_2, None),
        ("{{count:10 sum:1 buckets:[8]}}", 0.4, std::f64::consts::FRAC_1_SQRT_2, None),
    ] {
        let (got, got_remark) = parse(text).quantile(q);
        assert!(
            (got - expected).abs() < 1e-12 || got == expected || (got.is_nan() && expected.is_nan()),
            "{text} {q}: {got}"
        );
        assert_eq!(got_remark, remark, "{text} {q}");
    }
}

#[test]
fn fractions() {
    let both = "{{count:20 sum:100 z_bucket:4 z_bucket_w:0.5 offset:1 buckets:[4 4] n_offset:1 n_buckets:[4 4]}}";
    let positive = "{{count:8 z_bucket:4 z_bucket_w:0.5 offset:1 buckets:[4]}}";
    let custom = "{{schema:-53 count:8 sum:10 custom_values:[4 8] buckets:[2 4 2]}}";
    let infinite = f64::INFINITY;
    for (text, lower, upper, expected, has_nan) in [
        ("{{}}", 0.0, 1.0, f64::NAN, false),
        (both, f64::NAN, 1.0, f64::NAN, false),
        (both, 2.0, 1.0, 0.0, false),
        (both, -infinite, infinite, 1.0, false),
        (both, -infinite, 0.0, 0.5, false),
        (both, 1.0, 2.0, 0.2, false),
        (both, 1.0, std::f64::consts::SQRT_2, 0.1, false),
        (both, -std::f64::consts::SQRT_2, -1.0, 0.1, false),
        (both, -0.25, 0.25, 0.1, false),
        (positive, 0.0, 0.25, 0.25, false),
        (positive, -1.0, 0.0, 0.0, false),
        (custom, 4.0, 6.0, 0.25, false),
        (custom, -infinite, 8.0, 0.75, false),
        (custom, 8.0, 100.0, 0.0, false),
        (custom, 8.0, infinite, 0.25, false),
        ("{{count:10 sum:NaN buckets:[8]}}", -infinite, infinite, 0.8, true),
        ("{{count:8 sum:NaN buckets:[8]}}", -infinite, infinite, 1.0, false),
    ] {
        let (got, got_nan) = parse(text).fraction(lower, upper);
        assert!((got - expected).abs() < 1e-12 || (got.is_nan() && expected.is_nan()), "{text} {lower} {upper}: {got}");
        assert_eq!(got_nan, has_nan);
    }
}

#[test]
fn moments() {
    for (text, average, variance) in [
        ("{{}}", f64::NAN, f64::NAN),
        ("{{count:4 sum:8 z_bucket:4 z_bucket_w:1}}", 2.0, 4.0),
        ("{{schema:-53 count:4 sum:12 custom_values:[2 6] buckets:[0 4]}}", 3.0, 1.0),
        ("{{schema:-1 count:2 sum:0 offset:1 buckets:[1] n_offset:1 n_buckets:[1]}}", 0.0, 4.0),
        ("{{count:1 sum:NaN buckets:[1]}}", f64::NAN, f64::NAN),
    ] {
        let histogram = parse(text);
        for (got, expected) in [
            (histogram.average(), average),
            (histogram.variance(), variance),
            (histogram.standard_deviation(), variance.sqrt()),
        ] {
            assert!((got - expected).abs() < 1e-12 || (got.is_nan() && expected.is_nan()), "{text}: {got}");
        }
    }
}
