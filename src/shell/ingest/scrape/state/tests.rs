use regex::Regex;

use super::*;
use crate::model::{StartTime, format_value, is_stale};
use crate::series::RelabelAction;

fn state(settings: SampleSettings) -> TargetState {
    let labels = Labels::from_pairs([("job", "api"), ("instance", "a:80")]);
    TargetState::new(labels, settings)
}

fn lines(batch: &Batch) -> Vec<String> {
    let mut lines: Vec<String> = batch
        .series
        .iter()
        .flat_map(|(labels, samples)| {
            samples.iter().map(move |sample| {
                let value = if is_stale(sample.value) { "stale".to_owned() } else { format_value(sample.value) };
                let labels = labels.to_string().replace(r#"instance="a:80", job="api""#, "T");
                format!("{labels} {value} @{}", sample.at.millis())
            })
        })
        .collect();
    lines.sort();
    lines
}

fn answer(state: &mut TargetState, at: i64, body: Result<&str, ScrapeFailure>) -> ScrapeReport {
    let answer = body.map(|body| (body.as_bytes(), Format::Text(Dialect::Prometheus)));
    state.scraped(Timestamp::from_millis(at), Duration::from_millis(500), answer)
}

fn honoring() -> SampleSettings {
    SampleSettings { honor_timestamps: true, ..SampleSettings::default() }
}

fn keep_only(pattern: &str) -> RelabelRule {
    RelabelRule {
        source_labels: vec![METRIC_NAME.to_owned()],
        separator: ";".to_owned(),
        regex: Regex::new(&format!("^(?:{pattern})$")).expect("a regex"),
        modulus: 0,
        target_label: String::new(),
        replacement: String::new(),
        action: RelabelAction::Keep,
    }
}

/// Five scrapes of one target: a series appears, one vanishes, the target fails, comes back, is removed.
#[test]
fn the_life_of_a_target() {
    let mut state = state(honoring());
    let story: [(Result<&str, ScrapeFailure>, &[&str]); 4] = [
        (
            Ok("a 1\nb{x=\"y\"} 2\nold 3 500\n"),
            &[
                r#"a{T} 1 @1000"#,
                r#"b{T, x="y"} 2 @1000"#,
                r#"old{T} 3 @500"#,
                r#"scrape_duration_seconds{T} 0.5 @1000"#,
                r#"scrape_samples_post_metric_relabeling{T} 3 @1000"#,
                r#"scrape_samples_scraped{T} 3 @1000"#,
                r#"scrape_series_added{T} 3 @1000"#,
                r#"up{T} 1 @1000"#,
            ],
        ),
        (
            Ok("a 5\n"),
            &[
                r#"a{T} 5 @2000"#,
                r#"b{T, x="y"} stale @2000"#,
                r#"scrape_duration_seconds{T} 0.5 @2000"#,
                r#"scrape_samples_post_metric_relabeling{T} 1 @2000"#,
                r#"scrape_samples_scraped{T} 1 @2000"#,
                r#"scrape_series_added{T} 0 @2000"#,
                r#"up{T} 1 @2000"#,
            ],
        ),
        (
            Err(ScrapeFailure::Status(500)),
            &[
                r#"a{T} stale @3000"#,
                r#"scrape_duration_seconds{T} 0.5 @3000"#,
                r#"scrape_samples_post_metric_relabeling{T} 0 @3000"#,
                r#"scrape_samples_scraped{T} 0 @3000"#,
                r#"scrape_series_added{T} 0 @3000"#,
                r#"up{T} 0 @3000"#,
            ],
        ),
        (
            Ok("a 6\n"),
            &[
                r#"a{T} 6 @4000"#,
                r#"scrape_duration_seconds{T} 0.5 @4000"#,
                r#"scrape_samples_post_metric_relabeling{T} 1 @4000"#,
                r#"scrape_samples_scraped{T} 1 @4000"#,
                r#"scrape_series_added{T} 0 @4000"#,
                r#"up{T} 1 @4000"#,
            ],
        ),
    ];
    for (turn, (body, expected)) in story.into_iter().enumerate() {
        let failed = body.is_err();
        let report = answer(&mut state, 1000 * (turn as i64 + 1), body);
        assert_eq!(lines(&report.batch), expected, "scrape {turn}");
        assert_eq!(report.failure.is_some(), failed);
    }
    let removed = state.ended(Timestamp::from_millis(5000));
    assert_eq!(
        lines(&removed),
        [
            "a{T} stale @5000",
            "scrape_duration_seconds{T} stale @5000",
            "scrape_samples_post_metric_relabeling{T} stale @5000",
            "scrape_samples_scraped{T} stale @5000",
            "scrape_series_added{T} stale @5000",
            "up{T} stale @5000",
        ]
    );
}

#[test]
fn a_target_that_was_never_scraped_ends_silently() {
    assert!(state(honoring()).ended(Timestamp::from_millis(1)).series.is_empty());
}

#[test]
fn a_fault_voids_the_scrape() {
    let limited = |sample_limit, label_limit| SampleSettings { sample_limit, label_limit, ..honoring() };
    let unnamed = SampleSettings {
        metric_relabel: vec![RelabelRule { action: RelabelAction::LabelDrop, ..keep_only(METRIC_NAME) }],
        ..honoring()
    };
    for (settings, body, error, scraped, kept) in [
        (honoring(), "a 1\nb{ 2\n", "line 2", 1.0, 1.0),
        (limited(1, 0), "a 1\nb 2\nc 3\n", "3 samples after relabelling exceed sample_limit (1)", 3.0, 3.0),
        (limited(0, 3), "a 1\nb{x=\"y\"} 2\n", "4 labels, more than label_limit (3)", 2.0, 1.0),
        (unnamed, "a 1\n", "no metric name", 1.0, 0.0),
    ] {
        let mut state = state(settings);
        state.tracked.insert(Labels::from_pairs([(METRIC_NAME, "before")]));
        let report = answer(&mut state, 1000, Ok(body));
        let message = report.failure.as_ref().expect("a failure").to_string();
        assert!(message.contains(error), "{message}");
        let found = lines(&report.batch);
        for expected in [
            "before stale @1000".to_owned(),
            "up{T} 0 @1000".to_owned(),
            format!("scrape_samples_scraped{{T}} {scraped} @1000"),
            format!("scrape_samples_post_metric_relabeling{{T}} {kept} @1000"),
        ] {
            assert!(found.contains(&expected), "{expected} is not in {found:?}");
        }
        assert_eq!(found.len(), 6, "{found:?}");
    }
}

#[test]
fn conflicting_labels() {
    let target = [("job", "api"), ("instance", "a:80"), ("exported_env", "t")];
    for (honor, exposed, expected) in [
        (false, vec![("job", "own")], r#"{exported_env="t", exported_job="own", instance="a:80", job="api"}"#),
        (
            false,
            vec![("job", "own"), ("exported_job", "x")],
            r#"{exported_env="t", exported_exported_job="own", exported_job="x", instance="a:80", job="api"}"#,
        ),
        (true, vec![("job", "own")], r#"{exported_env="t", instance="a:80", job="own"}"#),
        (true, vec![("x", "y")], r#"{exported_env="t", instance="a:80", job="api", x="y"}"#),
    ] {
        let merged = merge_target_labels(&Labels::from_pairs(exposed), &Labels::from_pairs(target), honor);
        assert_eq!(merged.to_string(), expected);
    }
}

#[test]
fn timestamps_of_samples() {
    for (honor_timestamps, expected) in [(true, "a{T} 1 @500"), (false, "a{T} 1 @1000")] {
        let mut state = state(SampleSettings { honor_timestamps, ..SampleSettings::default() });
        assert!(lines(&answer(&mut state, 1000, Ok("a 1 500\n")).batch).contains(&expected.to_owned()));
        let next = lines(&answer(&mut state, 2000, Ok("")).batch);
        assert_eq!(next.contains(&"a{T} stale @2000".to_owned()), !honor_timestamps, "{next:?}");
    }
}

#[test]
fn relabelling_drops_and_duplicates_keep_the_first() {
    let settings = SampleSettings { metric_relabel: vec![keep_only("a")], ..honoring() };
    let report = answer(&mut state(settings), 1000, Ok("a 1\nb 2\na 3\n"));
    assert_eq!((report.scraped, report.kept, report.series_added), (3, 2, 1));
    let found = lines(&report.batch);
    assert!(found.contains(&"a{T} 1 @1000".to_owned()) && !found.iter().any(|line| line.starts_with('b')));
    assert_eq!(found.iter().filter(|line| line.starts_with('a')).count(), 1, "{found:?}");
}

#[test]
fn faulty_scrapes_do_not_fill_the_cache() {
    let mut state = state(SampleSettings { sample_limit: 10, ..honoring() });
    answer(&mut state, 0, Ok("a 1\n"));
    for turn in 0..100 {
        let body: String = (0..50).map(|series| format!("b{{x=\"{turn}-{series}\"}} 1\n")).collect();
        assert!(answer(&mut state, 1000 * turn, Ok(&body)).failure.is_some());
        assert!(state.cache.len() <= CACHE_SLACK + 50, "{}", state.cache.len());
    }
}

#[test]
fn metadata_is_told_once_and_when_it_changes() {
    let mut state = state(honoring());
    let texts =
        ["# TYPE a counter\n# HELP a One.\na 1\n", "# TYPE a counter\n# HELP a One.\na 1\n", "# TYPE a gauge\na 1\n"];
    let told = texts.map(|text| answer(&mut state, 1000, Ok(text)).batch.metadata);
    assert_eq!((told[0].len(), told[1].len(), told[2].len()), (1, 0, 1));
    assert_eq!((told[0][0].kind.as_str(), told[0][0].help.as_str()), ("counter", "One."));
}

/// An exposition in OpenMetrics under all settings that look at families.
#[test]
fn families() {
    let text = "# TYPE h_seconds histogram\n# UNIT h_seconds seconds\nh_seconds_bucket{le=\"1\"} 2\nh_seconds_bucket{le=\"+Inf\"} 3\n\
        h_seconds_count 3\nh_seconds_sum 4\nh_seconds_created 0.25\nplain 7\n# EOF\n";
    let exposition = ExpositionConfig {
        convert_classic_histograms: true,
        type_and_unit_labels: true,
        start_timestamps: true,
        ..ExpositionConfig::default()
    };
    let mut state = state(SampleSettings { exposition, ..honoring() });
    let mut scrape = |at, text: &str| {
        let answer = Ok((text.as_bytes(), Format::Text(Dialect::OpenMetrics)));
        state.scraped(Timestamp::from_millis(at), Duration::from_millis(500), answer)
    };
    let batch = scrape(1000, text).batch;
    let (labels, samples) = &batch.histograms[0];
    let series = r#"h_seconds{__type__="histogram", __unit__="seconds", instance="a:80", job="api"}"#;
    assert_eq!(labels.to_string(), series);
    assert_eq!((samples[0].histogram.custom_values.as_slice(), samples[0].histogram.count), (&[1.0][..], 3.0));
    let start = StartTime { at: Timestamp::from_millis(1000), start: Timestamp::from_millis(250) };
    assert_eq!(batch.starts, [(labels.clone(), vec![start])]);
    assert!(lines(&batch).iter().all(|line| !line.starts_with('h')), "{batch:?}");
    assert!(lines(&batch).contains(&"plain{T} 7 @1000".to_owned()));
    assert_eq!(batch.metadata.len(), 1);
    let next = scrape(2000, "# EOF\n");
    let ended = format!("{} stale @2000", series.replace(r#"instance="a:80", job="api""#, "T"));
    assert!(lines(&next.batch).contains(&ended), "{:?}", next.batch);
}
