//! Laws of evaluation over made-up expressions and data.

use std::time::Duration;

use proptest::prelude::*;
use watchbell::eval::{EvalErrorKind, Options, Value, data_labels, instant, range};
use watchbell::lang::parse;
use watchbell::model::{Labels, STALE_NAN, Sample, Timestamp};
use watchbell::sim::promql_script::Store;

/// Expressions that are often valid, sometimes hostile.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("{x=~\"1|2\"}".to_owned()),
        Just("b offset -1m".to_owned()),
        Just("a @ 1e10".to_owned()),
        Just("vector(time())".to_owned()),
        Just("5".to_owned()),
        Just("vector(NaN)".to_owned()),
        Just("vector(1e300)".to_owned()),
        Just("histogram_quantile(0.5, a)".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let op = prop_oneof![
            Just("+"),
            Just("/ on (x)"),
            Just("> bool"),
            Just("=="),
            Just("and"),
            Just("or"),
            Just("unless on ()"),
            Just("* on (x) group_left (y)"),
            Just("- fill(0)"),
        ];
        let over = prop_oneof![
            Just("rate"),
            Just("deriv"),
            Just("avg_over_time"),
            Just("mad_over_time"),
            Just("stdvar_over_time"),
            Just("absent_over_time"),
            Just("changes"),
        ];
        let call = prop_oneof![Just("abs"), Just("year"), Just("sort"), Just("timestamp"), Just("info"), Just("sgn")];
        let aggregate = prop_oneof![
            Just("sum by (x)"),
            Just("topk(2,"),
            Just("quantile(NaN,"),
            Just("count_values(\"x\","),
            Just("limit_ratio(-0.5,"),
            Just("stddev without (y)"),
        ];
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(left, op, right)| format!("({left} {op} {right})")),
            (over, inner.clone()).prop_map(|(over, inner)| format!("{over}(({inner})[3m:30s])")),
            (call, inner.clone()).prop_map(|(call, inner)| format!("{call}({inner})")),
            (aggregate, inner).prop_map(|(aggregate, inner)| {
                if aggregate.ends_with(',') {
                    format!("{aggregate} {inner})")
                } else {
                    format!("{aggregate} ({inner})")
                }
            }),
        ]
    })
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![5 => -10.0..10.0, 1 => any::<f64>(), 1 => Just(STALE_NAN), 1 => Just(f64::NAN)]
}

fn store() -> impl Strategy<Value = Store> {
    let series = (prop_oneof![Just("a"), Just("b")], "[12]?", "[12]?", prop::collection::vec(value(), 0..12));
    prop::collection::vec(series, 0..6).prop_map(|series| {
        let mut store = Store::default();
        for (name, x, y, values) in series {
            let labels = Labels::from_pairs([("__name__", name), ("x", &x), ("y", &y)]);
            let at = |index: usize| Timestamp::from_seconds(30 * index as i64);
            let samples = values.iter().enumerate().map(|(index, value)| Sample::new(at(index), *value));
            store.append(labels, samples);
        }
        store
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing panics, results have no equal labels, and a range query of one step is the instant query.
    #[test]
    fn evaluation_is_total(text in expression(), store in store(), at in -60_000_i64..600_000) {
        let Ok(expr) = parse(&text) else { return Ok(()) };
        let at = Timestamp::from_millis(at);
        let options = Options::default();
        let result = instant(&store, &expr, at, &options);
        let _ = data_labels(&store, &expr, at, &options);
        let ranged = range(&store, &expr, at, at, Duration::from_secs(1), &options);
        let Ok(evaluated) = result else {
            prop_assert!(ranged.is_err());
            return Ok(());
        };
        let Value::Vector(elements) = evaluated.value else { return Ok(()) };
        let mut found: Vec<(Labels, u64)> =
            elements.into_iter().map(|element| (element.labels, element.value.float().expect("a float").to_bits())).collect();
        found.sort();
        let Ok(Value::Matrix(series)) = ranged.map(|ranged| ranged.value) else {
            return Err(TestCaseError::fail("the range query fails"));
        };
        let steps: Vec<(Labels, u64)> =
            series.into_iter().map(|series| (series.labels, series.samples[0].value.to_bits())).collect();
        prop_assert_eq!(found, steps);
    }
}

#[test]
fn limits_are_errors() {
    let mut store = Store::default();
    for index in 0..100 {
        let labels = Labels::from_pairs([("__name__", "a"), ("x", &index.to_string())]);
        store.append(labels, vec![Sample::new(Timestamp::from_seconds(0), 1.0)]);
    }
    let few = Options { samples_max: 50, ..Options::default() };
    for (text, options, expected) in [
        ("a", few, EvalErrorKind::TooManySamples),
        ("sum_over_time(a[100y:1s])", Options::default(), EvalErrorKind::TooManySteps),
        ("a[5m:0s * 2]", Options::default(), EvalErrorKind::InvalidDuration),
        ("a offset (1s / step())", Options::default(), EvalErrorKind::InvalidDuration),
        ("a * on () a", Options::default(), EvalErrorKind::Matching),
        ("label_replace(a, \"x\", \"\", \"\", \"\")", Options::default(), EvalErrorKind::DuplicateSeries),
    ] {
        let expr = parse(text).expect(text);
        match instant(&store, &expr, Timestamp::from_seconds(1), &options) {
            Err(error) => {
                assert_eq!(error.kind, expected, "{text}: {error}");
                assert!(error.span.end <= text.len() && error.span.start < error.span.end, "{text}: {:?}", error.span);
            }
            Ok(_) => panic!("{text} does not fail"),
        }
    }
}

#[test]
fn data_are_there_or_not() {
    let mut store = Store::default();
    for (name, job, value) in [("up", "a", 1.0), ("up", "b", 0.0), ("errors", "a", 3.0)] {
        let labels = Labels::from_pairs([("__name__", name), ("job", job)]);
        store.append(labels, vec![Sample::new(Timestamp::from_seconds(0), value)]);
    }
    for (text, expected) in [
        ("up == 0", Some(vec!["{job=\"a\"}", "{job=\"b\"}"])),
        ("errors > 5 and up == 0", Some(vec!["{job=\"a\"}"])),
        ("sum by (job) (errors > 5) > 1", Some(vec!["{job=\"a\"}"])),
        ("gone > 5", Some(vec![])),
        ("absent(gone)", None),
        ("absent(gone) or absent(up)", None),
        ("gone > 5 or absent(up{zone=\"z\"})", Some(vec!["{zone=\"z\"}"])),
        ("errors > 5 or on() absent(up)", Some(vec!["{}", "{job=\"a\"}"])),
        ("errors > 5 or vector(1) > 2", None),
        ("{__name__=~\"up|errors\"} > 9", Some(vec!["{job=\"a\"}", "{job=\"b\"}"])),
    ] {
        let expr = parse(text).expect(text);
        let found = data_labels(&store, &expr, Timestamp::from_seconds(1), &Options::default()).expect(text);
        let found = found.map(|labels| labels.iter().map(Labels::to_string).collect::<Vec<_>>());
        let expected = expected.map(|labels| labels.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(found, expected, "{text}");
    }
}
