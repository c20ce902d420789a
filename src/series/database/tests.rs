use proptest::prelude::*;

use std::sync::Arc;

use super::*;
use crate::model::{BucketSpan, Histogram, MatchOp, STALE_NAN};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn sample(seconds: i64, value: f64) -> Sample {
    Sample::new(Timestamp::from_seconds(seconds), value)
}

fn everything(database: &Database) -> Vec<(String, Vec<(i64, f64)>)> {
    database
        .select(&[], Timestamp::MIN, Timestamp::MAX)
        .into_iter()
        .map(|stretch| {
            let samples = stretch.samples.iter().map(|sample| (sample.at.millis() / 1000, sample.value)).collect();
            (stretch.labels.to_string(), samples)
        })
        .collect()
}

#[test]
fn appends_late_samples_in_order_and_refuses_conflicts() {
    let mut database = Database::new(Limits::default());
    let up = labels(&[("__name__", "up")]);
    for (seconds, value, expected) in [
        (10, 1.0, Ok(Appended::New)),
        (30, 3.0, Ok(Appended::Kept)),
        (20, 2.0, Ok(Appended::Kept)),
        (20, 2.0, Ok(Appended::Duplicate)),
        (20, 2.5, Err(AppendError::DuplicateTimestamp { at: Timestamp::from_seconds(20) })),
        (40, STALE_NAN, Ok(Appended::Kept)),
        (40, STALE_NAN, Ok(Appended::Duplicate)),
        (40, f64::NAN, Err(AppendError::DuplicateTimestamp { at: Timestamp::from_seconds(40) })),
    ] {
        assert_eq!(database.append(&up, sample(seconds, value), TraceId::NONE), expected, "{seconds} {value}");
    }
    let stretches = database.select(&[], Timestamp::from_seconds(10), Timestamp::from_seconds(30));
    assert_eq!(stretches.len(), 1);
    assert_eq!(*stretches[0].samples, [sample(20, 2.0), sample(30, 3.0)]);
    assert!(matches!(stretches[0].samples, Cow::Borrowed(_)));
    let stats = database.stats();
    assert_eq!((stats.series, stats.samples, stats.appended), (1, 4, 4));
    assert_eq!(stats.refused, BTreeMap::from([("duplicate_timestamp", 2)]));
}

#[test]
fn limits_refuse_with_their_reason() {
    let limits = Limits {
        series_max: 2,
        samples_max: 4,
        samples_per_series_max: 3,
        labels_per_series_max: 2,
        label_name_bytes_max: 8,
        label_value_bytes_max: 4,
    };
    let mut database = Database::new(limits);
    for (pairs, expected) in [
        (&[][..], Err("no_labels")),
        (&[("", "x")], Err("label_name_empty")),
        (&[("a", "1"), ("b", "1"), ("c", "1")], Err("too_many_labels")),
        (&[("too_long_a_name", "1")], Err("label_name_too_long")),
        (&[("a", "12345")], Err("label_value_too_long")),
        (&[("a", "1")], Ok(Appended::New)),
        (&[("a", "2")], Ok(Appended::New)),
        (&[("a", "3")], Err("too_many_series")),
    ] {
        let result = database.append(&labels(pairs), sample(5, 0.0), TraceId::NONE);
        assert_eq!(result.map_err(|error| error.reason()), expected, "{pairs:?}");
    }
    let one = labels(&[("a", "1")]);
    for (seconds, expected) in [
        (6, Ok(Appended::Kept)),
        (7, Ok(Appended::Kept)),
        (8, Ok(Appended::Kept)),
        (5, Err("too_many_samples")),
        (6, Ok(Appended::Duplicate)),
    ] {
        let result = database.append(&one, sample(seconds, 0.0), TraceId::NONE);
        assert_eq!(result.map_err(|error| error.reason()), expected, "{seconds}");
    }
    let two = labels(&[("a", "2")]);
    assert_eq!(database.append(&two, sample(9, 0.0), TraceId::NONE), Ok(Appended::Kept));
    let expected =
        [(r#"{a="1"}"#.to_owned(), vec![(6, 0.0), (7, 0.0), (8, 0.0)]), (r#"{a="2"}"#.to_owned(), vec![(9, 0.0)])];
    assert_eq!(everything(&database), expected);
    assert_eq!(database.stats().evicted, 2);
}

#[test]
fn references_to_dropped_series_are_refused() {
    let mut database = Database::new(Limits::default());
    let (old, new) = (labels(&[("a", "old")]), labels(&[("a", "new")]));
    let reference = database.reference(&old).expect("admitted");
    assert_eq!(database.reference(&old), Ok(reference));
    assert_eq!(database.append_to(reference, sample(0, 1.0), TraceId::NONE), Ok(Appended::Kept));
    database.truncate(Timestamp::from_seconds(7200));
    assert_eq!(database.stats().series, 0);
    let other = database.reference(&new).expect("admitted");
    assert_eq!(other.slot, reference.slot);
    assert_eq!(database.append_to(reference, sample(7200, 1.0), TraceId::NONE), Err(AppendError::Dropped));
    assert_eq!(database.append_to(other, sample(7200, 1.0), TraceId::NONE), Ok(Appended::Kept));
    let stranger = SeriesRef { slot: 99, generation: 0 };
    assert_eq!(database.append_to(stranger, sample(7200, 1.0), TraceId::NONE), Err(AppendError::Dropped));
}

#[test]
fn retention_follows_the_selectors() {
    let mut database = Database::new(Limits::default());
    let (kept, short) = (labels(&[("__name__", "kept")]), labels(&[("__name__", "short")]));
    for seconds in [0, 100, 200] {
        for series in [&kept, &short] {
            database.append(series, sample(seconds, 0.0), TraceId::NONE).expect("taken");
        }
    }
    let retention = |window| Retention {
        floor: Duration::from_secs(50),
        selectors: vec![(vec![Matcher::equal("__name__", "kept")], Duration::from_secs(window))],
    };
    database.set_retention(retention(150));
    assert_eq!(database.truncate(Timestamp::from_seconds(250)), 3);
    assert_eq!(
        everything(&database),
        [("kept".to_owned(), vec![(100, 0.0), (200, 0.0)]), ("short".to_owned(), vec![(200, 0.0)]),]
    );
    let at = Timestamp::from_seconds(199);
    let floor = Timestamp::from_seconds(200);
    assert_eq!(database.append(&short, sample(199, 0.0), TraceId::NONE), Err(AppendError::TooOld { at, floor }));
    assert_eq!(database.append(&kept, sample(199, 0.0), TraceId::NONE), Ok(Appended::Kept));
    let fresh = labels(&[("__name__", "fresh")]);
    assert!(matches!(database.append(&fresh, sample(199, 0.0), TraceId::NONE), Err(AppendError::TooOld { .. })));
    assert_eq!(database.stats().series, 2, "a refused sample makes no series");
    assert_eq!(database.truncate(Timestamp::from_seconds(10_000)), 4);
    assert_eq!(database.stats().series, 0);
    assert!(database.label_names(&[], Timestamp::MIN, Timestamp::MAX).is_empty());
}

#[test]
fn the_last_trace_of_matching_series() {
    let mut database = Database::new(Limits::default());
    let (one, two) = (labels(&[("a", "1"), ("b", "x")]), labels(&[("a", "2")]));
    for (series, seconds, trace) in [(&one, 2, 10), (&two, 1, 20), (&two, 3, 0)] {
        database.append(series, sample(seconds, 0.0), TraceId(trace)).expect("taken");
    }
    assert_eq!(database.last_trace(&[]), Some(TraceId(20)));
    assert_eq!(database.last_trace(&[Matcher::equal("a", "1")]), Some(TraceId(10)));
    assert_eq!(database.last_trace(&[Matcher::equal("a", "3")]), None);
}

#[test]
fn names_values_and_series() {
    let mut database = Database::new(Limits::default());
    let (one, two) = (labels(&[("a", "1"), ("b", "x")]), labels(&[("a", "2")]));
    database.append(&two, sample(1, 0.0), TraceId::NONE).expect("taken");
    database.append(&one, sample(9, 0.0), TraceId::NONE).expect("taken");
    let (min, five, max) = (Timestamp::MIN, Timestamp::from_seconds(5), Timestamp::MAX);
    let b_is_x = [Matcher::equal("b", "x")];
    assert_eq!(database.label_names(&[], min, max), ["a", "b"]);
    assert_eq!(database.label_names(&[], min, five), ["a"]);
    assert_eq!(database.label_values("a", &[], min, max), ["1", "2"]);
    assert_eq!(database.label_values("a", &[], five, max), ["1"]);
    assert_eq!(database.label_values("a", &b_is_x, min, max), ["1"]);
    assert!(database.label_values("a", &b_is_x, min, five).is_empty());
    assert_eq!(database.series(&[], min, max), [&one, &two]);
    assert_eq!(database.series(&[], min, five), [&two]);
}

fn histogram(seconds: i64, buckets: &[f64]) -> HistogramSample {
    let histogram = Histogram {
        count: buckets.iter().sum(),
        positive_spans: vec![BucketSpan { offset: 0, length: buckets.len() as u32 }],
        positive_buckets: buckets.to_vec(),
        ..Histogram::default()
    };
    HistogramSample { at: Timestamp::from_seconds(seconds), histogram: Arc::new(histogram) }
}

fn start(seconds: i64, since: i64) -> StartTime {
    StartTime { at: Timestamp::from_seconds(seconds), start: Timestamp::from_seconds(since) }
}

#[test]
fn histograms_and_floats_share_a_series() {
    let mut database = Database::new(Limits::default());
    let series = labels(&[("__name__", "latency")]);
    let conflict = |seconds| Err(AppendError::DuplicateTimestamp { at: Timestamp::from_seconds(seconds) });
    for (sample, expected) in [
        (histogram(10, &[1.0]), Ok(Appended::New)),
        (histogram(10, &[1.0]), Ok(Appended::Duplicate)),
        (histogram(10, &[2.0]), conflict(10)),
        (histogram(10, &[-0.0]), conflict(10)),
        (histogram(30, &[f64::NAN]), Ok(Appended::Kept)),
        (histogram(30, &[f64::NAN]), Ok(Appended::Duplicate)),
        (histogram(20, &[2.0]), Ok(Appended::Kept)),
    ] {
        assert_eq!(database.append_histogram(&series, sample, TraceId::NONE), expected);
    }
    assert_eq!(database.append(&series, sample(20, 1.0), TraceId::NONE), conflict(20));
    assert_eq!(database.append(&series, sample(40, STALE_NAN), TraceId::NONE), Ok(Appended::Kept));
    assert_eq!(database.append_histogram(&series, histogram(40, &[1.0]), TraceId::NONE), conflict(40));
    for (start, expected) in [
        (start(20, 5), Ok(Appended::Kept)),
        (start(20, 5), Ok(Appended::Duplicate)),
        (start(20, 6), conflict(20)),
        (start(40, 5), Ok(Appended::Kept)),
        (start(25, 5), Err(AppendError::NoSample { at: Timestamp::from_seconds(25) })),
    ] {
        assert_eq!(database.append_start(&series, start), expected, "{start:?}");
    }
    let stranger = labels(&[("__name__", "stranger")]);
    assert!(matches!(database.append_start(&stranger, start(20, 5)), Err(AppendError::NoSample { .. })));

    let found = database.select(&[], Timestamp::from_seconds(10), Timestamp::from_seconds(20));
    assert_eq!(found.len(), 1);
    assert!(found[0].samples.is_empty());
    assert_eq!(*found[0].histograms, [histogram(20, &[2.0])]);
    assert_eq!(*found[0].starts, [start(20, 5)]);
    let stats = database.stats();
    assert_eq!((stats.series, stats.samples, stats.histograms, stats.appended), (1, 4, 3, 4));

    database.set_retention(Retention { floor: Duration::ZERO, selectors: Vec::new() });
    assert_eq!(database.truncate(Timestamp::from_seconds(25)), 2);
    let found = database.select(&[], Timestamp::MIN, Timestamp::MAX);
    assert_eq!((found[0].samples.len(), found[0].histograms.len(), &*found[0].starts), (1, 1, &[start(40, 5)][..]));
    assert_eq!(database.truncate(Timestamp::from_seconds(100)), 2);
    assert_eq!(database.stats().series, 0);
    assert_eq!(database.held, Held::default());
}

/// What the documentation of [`Limits::samples_max`] says.
#[test]
fn a_histogram_counts_by_its_memory() {
    for (buckets, expected) in [(0, 13), (2, 14), (100, 63), (160, 93)] {
        assert_eq!(Point::Histogram(histogram(0, &vec![1.0; buckets])).load(), expected, "{buckets}");
    }
}

/// A series of floats alone costs no more than before there were histograms.
#[test]
fn a_series_is_small() {
    assert_eq!(size_of::<History>(), 40);
    assert_eq!(size_of::<Slot>(), 112);
}

#[test]
fn large_histograms_push_out_many_samples() {
    let mut database = Database::new(Limits { samples_max: 100, samples_per_series_max: 80, ..Limits::default() });
    let (one, two) = (labels(&[("a", "1")]), labels(&[("a", "2")]));
    for seconds in 0..70 {
        database.append(&one, sample(seconds, 0.0), TraceId::NONE).expect("taken");
    }
    database.append_start(&one, start(0, -1)).expect("taken");
    assert_eq!(database.append_histogram(&one, histogram(70, &[1.0; 2]), TraceId::NONE), Ok(Appended::Kept));
    let stats = database.stats();
    assert_eq!((stats.samples, stats.histograms, stats.evicted), (67, 1, 4), "14 + 70 + 1 = 80 + 5");
    let second = |seconds| histogram(seconds, &[1.0; 2]);
    assert_eq!(database.append_histogram(&two, second(0), TraceId::NONE), Ok(Appended::New));
    assert_eq!(database.append_histogram(&two, second(1), TraceId::NONE), Ok(Appended::Kept), "one for one");
    assert_eq!(database.append_histogram(&two, second(0), TraceId::NONE), Err(AppendError::TooManySamples));
    let three = labels(&[("a", "3")]);
    assert_eq!(database.append_histogram(&three, second(0), TraceId::NONE), Err(AppendError::TooManySamples));
    let huge = histogram(100, &[1.0; 200]);
    assert_eq!(database.append_histogram(&one, huge, TraceId::NONE), Err(AppendError::TooManySamples));
    assert_eq!((database.stats().series, database.stats().samples), (2, 68));
}

/// What a [`Database`] should do, done the plain way.
#[derive(Default)]
struct Model {
    samples: Vec<(Labels, Sample)>,
    now: Option<i64>,
    window: i64,
}

const FLOOR: i64 = 20;

impl Model {
    fn floor(&self, series: &Labels) -> Option<i64> {
        let retention = if series.get("a") == "1" { self.window.max(FLOOR) } else { FLOOR };
        self.now.map(|now| now - retention)
    }

    fn append(&mut self, series: &Labels, sample: Sample) -> Option<bool> {
        let seconds = sample.at.millis() / 1000;
        if self.floor(series).is_some_and(|floor| seconds < floor) {
            return None;
        }
        let held = self.samples.iter().find(|(labels, other)| labels == series && other.at == sample.at);
        match held {
            Some((_, other)) => (other.value == sample.value).then_some(false),
            None => {
                self.samples.push((series.clone(), sample));
                Some(true)
            }
        }
    }

    fn truncate(&mut self, now: i64) -> usize {
        self.now = Some(now);
        let before = self.samples.len();
        let kept = std::mem::take(&mut self.samples);
        self.samples = kept
            .into_iter()
            .filter(|(labels, sample)| {
                self.floor(labels).is_none_or(|floor| sample.at >= Timestamp::from_seconds(floor))
            })
            .collect();
        before - self.samples.len()
    }

    fn select(&self, matchers: &[Matcher], after: Timestamp, until: Timestamp) -> Vec<(Labels, Vec<Sample>)> {
        let mut found: BTreeMap<Labels, BTreeMap<Timestamp, Sample>> = BTreeMap::new();
        for (labels, sample) in &self.samples {
            let wanted = matchers.iter().all(|matcher| matcher.matches(labels));
            if wanted && after < sample.at && sample.at <= until {
                found.entry(labels.clone()).or_default().insert(sample.at, *sample);
            }
        }
        found.into_iter().map(|(labels, samples)| (labels, samples.into_values().collect())).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(Labels, i64, u8),
    Truncate(i64),
    Retain(i64),
    Select(Vec<Matcher>, i64, i64),
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let value = prop::sample::select(vec!["", "1", "2", "12"]);
    (value.clone(), value.clone(), value).prop_filter_map("some label", |(a, b, c)| {
        let labels = Labels::from_pairs([("a", a), ("b", b), ("c", c)]);
        (!labels.is_empty()).then_some(labels)
    })
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let op = prop::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]);
    let value = prop::sample::select(vec!["", "1", "2", "3", "1.*", ".+", "1|2", "2|", ".*"]);
    (prop::sample::select(vec!["a", "b", "c", "d"]), op, value)
        .prop_map(|(name, op, value)| Matcher::new(name, op, value).expect("valid"))
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any_labels(), 0..60i64, 0..3u8).prop_map(|(labels, at, value)| Step::Append(labels, at, value)),
        1 => (0..90i64).prop_map(Step::Truncate),
        1 => (0..50i64).prop_map(Step::Retain),
        4 => (prop::collection::vec(any_matcher(), 0..4), -5..65i64, -5..65i64)
            .prop_map(|(matchers, after, until)| Step::Select(matchers, after, until)),
    ]
}

proptest! {
    #[test]
    fn behaves_as_the_model(steps in prop::collection::vec(any_step(), 1..120)) {
        let mut database = Database::new(Limits::default());
        let mut model = Model::default();
        let mut latest = 0;
        let retain = |window: i64| Retention {
            floor: Duration::from_secs(FLOOR as u64),
            selectors: vec![(vec![Matcher::equal("a", "1")], Duration::from_secs(window as u64))],
        };
        database.set_retention(retain(0));
        for step in steps {
            match step {
                Step::Append(labels, at, value) => {
                    let sample = sample(at, f64::from(value));
                    let result = database.append(&labels, sample, TraceId::NONE).ok();
                    prop_assert_eq!(result.map(|done| done != Appended::Duplicate), model.append(&labels, sample));
                }
                Step::Truncate(now) => {
                    latest = now.max(latest);
                    let dropped = database.truncate(Timestamp::from_seconds(latest));
                    prop_assert_eq!(dropped, model.truncate(latest));
                }
                Step::Retain(window) => {
                    database.set_retention(retain(window));
                    model.window = window;
                }
                Step::Select(matchers, after, until) => {
                    let (after, until) = (Timestamp::from_seconds(after), Timestamp::from_seconds(until));
                    let found: Vec<(Labels, Vec<Sample>)> = database
                        .select(&matchers, after, until)
                        .into_iter()
                        .map(|stretch| (stretch.labels.into_owned(), stretch.samples.into_owned()))
                        .collect();
                    prop_assert_eq!(found, model.select(&matchers, after, until), "{:?}", matchers);
                }
            }
            prop_assert_eq!(database.stats().samples, model.samples.len());
        }
    }

    /// Histograms, floats and start times in any order under tight limits: counts stay true, and nothing stands twice.
    #[test]
    fn counts_stay_true(
        steps in prop::collection::vec((0..2usize, 0..40i64, 0..4u8, 0..6usize), 1..150),
        limits in (20..90usize, 20..60usize),
    ) {
        let limits = Limits { samples_max: limits.0, samples_per_series_max: limits.1, ..Limits::default() };
        let mut database = Database::new(limits);
        database.set_retention(Retention { floor: Duration::from_secs(15), selectors: Vec::new() });
        let series = [labels(&[("a", "1")]), labels(&[("a", "2")])];
        let mut latest = 0;
        for (which, seconds, kind, size) in steps {
            let _ = match kind {
                0 => database.append(&series[which], sample(seconds, size as f64), TraceId::NONE),
                1 => database.append_histogram(&series[which], histogram(seconds, &vec![1.0; size]), TraceId::NONE),
                2 => database.append_start(&series[which], start(seconds, size as i64)),
                _ => {
                    latest = seconds.max(latest);
                    database.truncate(Timestamp::from_seconds(latest));
                    Ok(Appended::Kept)
                }
            };
            let mut held = Held::default();
            for stretch in database.select(&[], Timestamp::MIN, Timestamp::MAX) {
                for point in stretch.samples.iter().map(|sample| Point::Float(*sample)) {
                    held += point.measure();
                }
                for point in stretch.histograms.iter().map(|sample| Point::Histogram(sample.clone())) {
                    held += point.measure();
                }
                held += Held { load: stretch.starts.len(), ..Held::default() };
                let mut times: Vec<Timestamp> = stretch.samples.iter().map(|sample| sample.at).collect();
                times.extend(stretch.histograms.iter().map(|sample| sample.at));
                prop_assert!(stretch.starts.iter().all(|start| times.contains(&start.at)));
                let count = times.len();
                times.sort_unstable();
                times.dedup();
                prop_assert_eq!(times.len(), count);
            }
            prop_assert_eq!(database.held, held);
            prop_assert!(held.load <= limits.samples_max);
        }
    }
}
