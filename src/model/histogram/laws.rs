//! Laws of histograms, held for random ones.

use proptest::prelude::*;

use super::*;

fn compacted(histogram: &Histogram) -> Histogram {
    let mut compact = histogram.clone();
    compact.compact(0);
    compact
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
