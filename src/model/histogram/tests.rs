//! What arithmetic, trims and statistics give, and their laws.

use proptest::prelude::*;

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

/// A number of the kinds that arrive: mostly ordinary, at times of any bits.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![6 => (-4_i32..200).prop_map(f64::from), 1 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)]
}

fn side(count: BoxedStrategy<f64>) -> impl Strategy<Value = (Vec<BucketSpan>, Vec<f64>)> {
    let span = (-1_i32..6, 0_u32..5).prop_map(|(offset, length)| BucketSpan { offset, length });
    prop::collection::vec(span, 0..4).prop_flat_map(move |mut spans| {
        spans.iter_mut().skip(1).for_each(|span| span.offset = span.offset.max(0));
        let length = spans.iter().map(|span| span.length as usize).sum::<usize>();
        (Just(spans), prop::collection::vec(count.clone(), length))
    })
}

/// A sound exponential histogram whose count is that of its buckets: none of them reaches into the zero bucket.
fn exponential() -> impl Strategy<Value = Histogram> {
    let count = || (0_u32..50).prop_map(f64::from).boxed();
    let zero = (0_usize..4, count()).prop_map(|(width, count)| ([0.0, 0.001, 0.75, 1.0][width], count));
    (-4_i32..=8, zero, side(count()), side(count())).prop_map(
        |(schema, (zero_threshold, zero_count), positive, negative)| {
            let mut histogram = Histogram {
                schema,
                zero_count,
                count: zero_count + positive.1.iter().sum::<f64>() + negative.1.iter().sum::<f64>(),
                sum: 7.0,
                positive_spans: positive.0,
                positive_buckets: positive.1,
                negative_spans: negative.0,
                negative_buckets: negative.1,
                ..Histogram::default()
            };
            histogram.add(&Histogram { schema, zero_threshold, ..Histogram::default() }).unwrap();
            histogram
        },
    )
}

/// Two of which one is made to fit where the order of steps would matter: the zero bucket is widened before buckets are merged, so
/// that buckets which it cuts differ in width.
fn exponential_pair() -> impl Strategy<Value = (Histogram, Histogram)> {
    (exponential(), exponential()).prop_map(|(left, mut right)| {
        if left.zero_threshold != right.zero_threshold {
            right.schema = left.schema;
            right.zero_threshold = 0.0;
            right.add(&Histogram { schema: left.schema, zero_threshold: 0.75, ..Histogram::default() }).unwrap();
        }
        (left, right)
    })
}

fn custom() -> impl Strategy<Value = Histogram> {
    prop::collection::btree_set(-20_i32..20, 0..6).prop_flat_map(|bounds| {
        prop::collection::vec((0_u32..50).prop_map(f64::from), bounds.len() + 1).prop_map(move |buckets| Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count: buckets.iter().sum(),
            sum: 3.0,
            positive_spans: vec![BucketSpan { offset: 0, length: buckets.len() as u32 }],
            positive_buckets: buckets,
            custom_values: bounds.iter().map(|bound| f64::from(*bound)).collect(),
            ..Histogram::default()
        })
    })
}

/// Parts that need not fit together.
fn anything() -> impl Strategy<Value = Histogram> {
    let hint = prop_oneof![
        Just(CounterResetHint::Unknown),
        Just(CounterResetHint::Reset),
        Just(CounterResetHint::NotReset),
        Just(CounterResetHint::Gauge)
    ];
    let schema = prop_oneof![8 => -4_i32..9, 4 => Just(CUSTOM_BUCKETS_SCHEMA), 1 => any::<i32>()];
    let span = prop_oneof![8 => (-3_i32..6, 0_u32..5), 1 => (any::<i32>(), any::<u32>())];
    let spans =
        move || prop::collection::vec(span.clone().prop_map(|(offset, length)| BucketSpan { offset, length }), 0..4);
    let numbers = || prop::collection::vec(number(), 0..6);
    let scalars = (hint, schema, number(), number(), number(), number());
    (scalars, spans(), numbers(), spans(), numbers(), numbers()).prop_map(
        |(scalars, positive_spans, positive_buckets, negative_spans, negative_buckets, custom_values)| Histogram {
            counter_reset_hint: scalars.0,
            schema: scalars.1,
            zero_threshold: scalars.2,
            zero_count: scalars.3,
            count: scalars.4,
            sum: scalars.5,
            positive_spans,
            positive_buckets,
            negative_spans,
            negative_buckets,
            custom_values,
        },
    )
}

fn total(histogram: &Histogram) -> f64 {
    let sides = histogram.positive_buckets.iter().chain(&histogram.negative_buckets);
    histogram.zero_count + sides.sum::<f64>()
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
}

proptest! {
    #[test]
    fn nothing_panics(left in anything(), right in anything(), at in number(), schema in any::<i32>()) {
        let _ = left.validate();
        let _ = left.clone().accepted();
        for bucket in left.buckets().chain(left.buckets().rev()) {
            let _ = bucket.to_string();
        }
        let mut sum = left.clone();
        let _ = sum.add(&right);
        let _ = sum.sub(&left);
        sum.compact(2);
        sum.multiply(at);
        sum.divide(at);
        let mut total = HistogramSum::new(&left);
        let mut mean = HistogramMean::new(&left);
        let _ = (total.add(&right), mean.add(&right), mean.add(&left));
        let _ = (total.value(), mean.value());
        let _ = (left.equals(&right), left.almost_equal(&right, 1e-6), left.detect_reset(&right), left.hint_after(Some(&right)));
        let _ = (left.trimmed_above(at), left.trimmed_below(at), left.copy_to_schema(schema));
        let _ = (left.quantile(at), left.quantile(0.3), left.quantile(0.7), left.fraction(at, 3.0), left.variance());
        let mut text = left.to_string() + &left.test_expression();
        left.write_json(&mut text);
        let _ = progression(&left, &right, Progress::Add, 3);
    }

    #[test]
    fn notation_never_panics(text in "(\\{\\{)?[a-z_:\\[\\] 0-9.{}é-]{0,40}(\\}\\})?") {
        let _ = parse_notation(&text);
    }

    #[test]
    fn sum_and_difference_cancel((left, right) in exponential_pair()) {
        let mut sum = left.clone();
        sum.add(&right).unwrap();
        prop_assert_eq!(sum.count, left.count + right.count);
        prop_assert!(close(total(&sum), total(&left) + total(&right)));
        let mut other_way = right.clone();
        other_way.add(&left).unwrap();
        prop_assert!(compacted(&sum).almost_equal(&compacted(&other_way), 1e-9));
        let mut back = sum.clone();
        back.sub(&right).unwrap();
        let mut expected = left.copy_to_schema(back.schema);
        expected.add(&Histogram { schema: back.schema, zero_threshold: back.zero_threshold, ..Histogram::default() }).unwrap();
        prop_assert!(compacted(&back).almost_equal(&compacted(&expected), 1e-9), "{back} is not {expected}");
    }

    #[test]
    fn custom_sums_keep_counts(left in custom(), right in custom()) {
        let mut sum = left.clone();
        let remarks = sum.add(&right).unwrap();
        prop_assert_eq!(remarks.bounds_reconciled, left.custom_values != right.custom_values);
        prop_assert!(close(total(&sum), left.count + right.count));
        prop_assert_eq!(sum.validate(), Ok(()));
        prop_assert!(!sum.detect_reset(&left) || sum.count == 0.0);
    }

    #[test]
    fn compensated_sums_are_sums(histograms in prop::collection::vec(exponential(), 1..6)) {
        let mut plain = histograms[0].clone();
        let mut compensated = HistogramSum::new(&plain);
        let mut mean = HistogramMean::new(&plain);
        for histogram in &histograms[1..] {
            plain.add(histogram).unwrap();
            compensated.add(histogram).unwrap();
            mean.add(histogram).unwrap();
        }
        prop_assert!(compacted(&plain).almost_equal(&compacted(&compensated.value()), 1e-9));
        plain.divide(histograms.len() as f64);
        prop_assert!(compacted(&plain).almost_equal(&compacted(&mean.value()), 1e-9));
    }

    #[test]
    fn coarser_histograms_count_alike(histogram in exponential(), schema in -4_i32..=8) {
        let coarse = histogram.copy_to_schema(schema);
        prop_assert_eq!(coarse.validate(), Ok(()));
        prop_assert_eq!(total(&coarse), total(&histogram));
        let twice = histogram.copy_to_schema((schema + 2).min(8)).copy_to_schema(schema);
        prop_assert!(compacted(&twice).equals(&compacted(&coarse)));
    }

    #[test]
    fn growing_is_no_reset((before, more) in exponential_pair()) {
        let mut after = before.clone();
        after.add(&more).unwrap();
        prop_assert!(!after.detect_reset(&before), "{before} then {after}");
    }

    #[test]
    fn notation_reads_back(histogram in prop_oneof![exponential(), custom()]) {
        let read = parse_notation(&histogram.test_expression()).unwrap();
        prop_assert!(compacted(&read).equals(&compacted(&histogram)), "{histogram:?}");
    }

    #[test]
    fn trims_are_the_parts(histogram in exponential(), limit in -40.0..40.0_f64) {
        let (below, above) = (histogram.trimmed_above(limit), histogram.trimmed_below(limit));
        prop_assert!(close(below.count + above.count, histogram.count), "{below} and {above}");
        prop_assert!(close(total(&below), below.count) && close(total(&above), above.count));
    }

    #[test]
    fn quantiles_ascend_and_fractions_undo_them(histogram in prop_oneof![exponential(), custom()], q in 0.0..1.0_f64) {
        let (lower, upper) = (histogram.quantile(q * 0.9).0, histogram.quantile(q).0);
        prop_assert!(lower <= upper + 1e-9 * upper.abs() || histogram.count == 0.0, "{lower} > {upper}");
        let share = histogram.fraction(f64::NEG_INFINITY, f64::INFINITY).0;
        prop_assert!(histogram.count == 0.0 || close(share, 1.0));
    }
}
