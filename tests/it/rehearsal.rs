//! Stories of alerts on the simulated clock, told as timelines.

use std::sync::Arc;

use watchbell::config::{self, MemoryFiles};
use watchbell::engine::Surroundings;
use watchbell::eval::Options;
use watchbell::formats::fixture;
use watchbell::sim::{Rehearsal, Verbosity, rehearse};

const MAIN: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 20m}
receivers:
  - name: team
    console_configs: [{}]
rule_files: [rules.yml]
";

/// The timeline of `rules` over `samples`, which are in series notation.
fn timeline(rules: &str, samples: &str) -> String {
    let rules = format!("groups:\n  - name: g\n    interval: 1m\n    rules:\n{rules}");
    let files = MemoryFiles::new([("watchbell.yml", MAIN), ("rules.yml", rules.as_str())]);
    let loaded = config::load(Some("watchbell.yml"), &files, &|_| None).expect("valid");
    let plan = loaded.plan.engine;
    let surroundings = Surroundings {
        external_labels: plan.external_labels.clone(),
        external_url: plan.external_url.clone(),
        options: Options::default(),
    };
    let samples = format!("start 2026-11-22T03:00:00Z\n{samples}");
    let samples = fixture::read("fixture.series", samples.as_bytes()).expect("valid");
    let timeline = rehearse(Rehearsal { plan: Arc::new(plan), surroundings, samples }).expect("played");
    timeline.to_text(Verbosity::Normal)
}

const DOWN: &str = "
      - alert: Down
        expr: up == 0
        for: 2m
        labels: {severity: page}
        annotations: {summary: '{{ $labels.instance }} is down'}
";

#[test]
fn pending_firing_told_resolved() {
    insta::assert_snapshot!(timeline(DOWN, "up{instance=\"a\"} 1x2 0x5 1x12"), @"");
}

#[test]
fn alerts_share_a_notification() {
    let samples = "up{instance=\"a\"} 1 0x7 1x9\nup{instance=\"b\"} 1 0x11 1x5\nup{instance=\"c\"} 1x4 0x12";
    insta::assert_snapshot!(timeline(DOWN, samples), @"");
}

#[test]
fn what_goes_on_is_told_again() {
    insta::assert_snapshot!(timeline(DOWN, "up{instance=\"a\"} 0x50"), @"");
}

#[test]
fn flapping_is_told_at_the_group_interval() {
    let rule = "      - {alert: Full, expr: 'used > 0.9', annotations: {description: 'at {{ $value | humanizePercentage }}'}}\n";
    insta::assert_snapshot!(timeline(rule, "used 0.5 0.95 0.5 0.95 0.5 0.95 0.5 0.95 0.5x12"), @"");
}

#[test]
fn kept_firing_over_a_short_calm() {
    let rule = "      - {alert: Full, expr: 'used > 0.9', keep_firing_for: 3m}\n";
    insta::assert_snapshot!(timeline(rule, "used 0.5 0.95x1 0.5x1 0.95 0.5x9"), @"");
}

#[test]
fn lost_data_are_no_end() {
    insta::assert_snapshot!(timeline(DOWN, "up{instance=\"a\"} 0x4 stale _x5 0x1 1x8\nup{instance=\"b\"} 1x21"), @"");
}

#[test]
fn an_error_in_the_middle_ends_nothing() {
    let rule = "      - {alert: Uneven, expr: 'left * on(job) right > 1'}\n";
    let samples = "left{job=\"a\"} 2x12\nright{job=\"a\"} 1x12\nright{job=\"a\", again=\"yes\"} _x3 1x2 stale _x6";
    insta::assert_snapshot!(timeline(rule, samples), @"");
}
