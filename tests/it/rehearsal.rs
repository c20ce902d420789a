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
    timeline_by(MAIN, Verbosity::Normal, rules, samples)
}

fn timeline_by(main: &str, verbosity: Verbosity, rules: &str, samples: &str) -> String {
    let rules = format!("groups:\n  - name: g\n    interval: 1m\n    rules:\n{rules}");
    let files = MemoryFiles::new([("watchbell.yml", main), ("rules.yml", rules.as_str())]);
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
    timeline.to_text(verbosity)
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
    insta::assert_snapshot!(timeline(DOWN, "up{instance=\"a\"} 1x2 0x5 1x12"), @r#"
    2026-11-22T03:03:00Z  pending   Down{instance="a", severity="page"} value 0
    2026-11-22T03:05:00Z  firing    Down{instance="a", severity="page"} value 0: a is down
    2026-11-22T03:05:30Z  notify    team by console: 1 firing, group {alertname="Down"} (first notification)
    2026-11-22T03:09:00Z  resolved  Down{instance="a", severity="page"}
    2026-11-22T03:10:30Z  notify    team by console: 1 resolved, group {alertname="Down"} (all alerts resolved)

    21m of samples, 22 evaluations (0 failed); fired: Down; notifications: 2
    "#);
}

#[test]
fn alerts_share_a_notification() {
    let samples = "up{instance=\"a\"} 1 0x7 1x9\nup{instance=\"b\"} 1 0x11 1x5\nup{instance=\"c\"} 1x4 0x12";
    insta::assert_snapshot!(timeline(DOWN, samples), @r#"
    2026-11-22T03:01:00Z  pending   Down{instance="a", severity="page"} value 0
    2026-11-22T03:01:00Z  pending   Down{instance="b", severity="page"} value 0
    2026-11-22T03:03:00Z  firing    Down{instance="a", severity="page"} value 0: a is down
    2026-11-22T03:03:00Z  firing    Down{instance="b", severity="page"} value 0: b is down
    2026-11-22T03:03:30Z  notify    team by console: 2 firing, group {alertname="Down"} (first notification)
    2026-11-22T03:05:00Z  pending   Down{instance="c", severity="page"} value 0
    2026-11-22T03:07:00Z  firing    Down{instance="c", severity="page"} value 0: c is down
    2026-11-22T03:08:30Z  notify    team by console: 3 firing, group {alertname="Down"} (new alerts in group)
    2026-11-22T03:09:00Z  resolved  Down{instance="a", severity="page"}
    2026-11-22T03:13:00Z  resolved  Down{instance="b", severity="page"}
    2026-11-22T03:13:30Z  notify    team by console: 1 firing, 2 resolved, group {alertname="Down"} (alerts resolved in group)

    18m of samples, 19 evaluations (0 failed); fired: Down; notifications: 3
    "#);
}

#[test]
fn what_goes_on_is_told_again() {
    insta::assert_snapshot!(timeline(DOWN, "up{instance=\"a\"} 0x50"), @r#"
    2026-11-22T03:00:00Z  pending   Down{instance="a", severity="page"} value 0
    2026-11-22T03:02:00Z  firing    Down{instance="a", severity="page"} value 0: a is down
    2026-11-22T03:02:30Z  notify    team by console: 1 firing, group {alertname="Down"} (first notification)
    2026-11-22T03:22:30Z  notify    team by console: 1 firing, group {alertname="Down"} (repeat interval elapsed)
    2026-11-22T03:42:30Z  notify    team by console: 1 firing, group {alertname="Down"} (repeat interval elapsed)

    50m of samples, 51 evaluations (0 failed); fired: Down; notifications: 3
    "#);
}

#[test]
fn flapping_is_told_at_the_group_interval() {
    let rule = "      - {alert: Full, expr: 'used > 0.9', annotations: {description: 'at {{ $value | humanizePercentage }}'}}\n";
    insta::assert_snapshot!(timeline(rule, "used 0.5 0.95 0.5 0.95 0.5 0.95 0.5 0.95 0.5x12"), @r#"
    2026-11-22T03:01:00Z  firing    Full value 0.95: at 95%
    2026-11-22T03:01:30Z  notify    team by console: 1 firing, group {alertname="Full"} (first notification)
    2026-11-22T03:02:00Z  resolved  Full
    2026-11-22T03:03:00Z  firing    Full value 0.95: at 95%
    2026-11-22T03:04:00Z  resolved  Full
    2026-11-22T03:05:00Z  firing    Full value 0.95: at 95%
    2026-11-22T03:06:00Z  resolved  Full
    2026-11-22T03:06:30Z  notify    team by console: 1 resolved, group {alertname="Full"} (all alerts resolved)
    2026-11-22T03:07:00Z  firing    Full value 0.95: at 95%
    2026-11-22T03:07:30Z  notify    team by console: 1 firing, group {alertname="Full"} (first notification)
    2026-11-22T03:08:00Z  resolved  Full
    2026-11-22T03:12:30Z  notify    team by console: 1 resolved, group {alertname="Full"} (all alerts resolved)

    20m of samples, 21 evaluations (0 failed); fired: Full; notifications: 4
    "#);
}

#[test]
fn kept_firing_over_a_short_calm() {
    let rule = "      - {alert: Full, expr: 'used > 0.9', keep_firing_for: 3m}\n";
    insta::assert_snapshot!(timeline(rule, "used 0.5 0.95x1 0.5x1 0.95 0.5x9"), @r#"
    2026-11-22T03:01:00Z  firing    Full value 0.95
    2026-11-22T03:01:30Z  notify    team by console: 1 firing, group {alertname="Full"} (first notification)
    2026-11-22T03:03:00Z  kept      Full
    2026-11-22T03:05:00Z  holds     Full value 0.95
    2026-11-22T03:06:00Z  kept      Full
    2026-11-22T03:09:00Z  resolved  Full
    2026-11-22T03:11:30Z  notify    team by console: 1 resolved, group {alertname="Full"} (all alerts resolved)

    15m of samples, 16 evaluations (0 failed); fired: Full; notifications: 2
    "#);
}

#[test]
fn lost_data_are_no_end() {
    insta::assert_snapshot!(timeline(DOWN, "up{instance=\"a\"} 0x4 stale _x5 0x1 1x8\nup{instance=\"b\"} 1x21"), @r#"
    2026-11-22T03:00:00Z  pending   Down{instance="a", severity="page"} value 0
    2026-11-22T03:02:00Z  firing    Down{instance="a", severity="page"} value 0: a is down
    2026-11-22T03:02:30Z  notify    team by console: 1 firing, group {alertname="Down"} (first notification)
    2026-11-22T03:05:00Z  no data   Down{instance="a", severity="page"}
    2026-11-22T03:11:00Z  data back Down{instance="a", severity="page"}
    2026-11-22T03:13:00Z  resolved  Down{instance="a", severity="page"}
    2026-11-22T03:17:30Z  notify    team by console: 1 resolved, group {alertname="Down"} (all alerts resolved)

    21m of samples, 22 evaluations (0 failed); fired: Down; notifications: 2
    "#);
}

#[test]
fn an_error_in_the_middle_ends_nothing() {
    let rule = "      - {alert: Uneven, expr: 'left * on(job) right > 1'}\n";
    let samples = "left{job=\"a\"} 2x12\nright{job=\"a\"} 1x12\nright{job=\"a\", again=\"yes\"} _x3 1x2 stale _x6";
    insta::assert_snapshot!(timeline(rule, samples), @r#"
    2026-11-22T03:00:00Z  firing    Uneven{job="a"} value 2
    2026-11-22T03:00:30Z  notify    team by console: 1 firing, group {alertname="Uneven"} (first notification)
    2026-11-22T03:03:00Z  error     Uneven: found duplicate series for the match group {job="a"} on the right hand-side of the operation: [{__name__="right", again="yes", job="a"}, {__name__="right", job="a"}];many-to-many matching not allowed: matching labels must be unique on one side
    2026-11-22T03:06:00Z  works     Uneven

    12m of samples, 13 evaluations (3 failed); fired: Uneven; notifications: 1
    "#);
}

#[test]
fn a_label_that_fails_makes_no_other_alert() {
    let rule = "      - {alert: Down, expr: up == 0, labels: {owner: '{{ (query \"owner\" | first).Labels.name }}'}}\n";
    let samples = "up{instance=\"a\"} 0x9\nowner{name=\"ann\"} 1x3 stale _x2 1x4";
    insta::assert_snapshot!(timeline(rule, samples), @r#"
    2026-11-22T03:00:00Z  firing    Down{instance="a", owner="ann"} value 0
    2026-11-22T03:00:30Z  notify    team by console: 1 firing, group {alertname="Down"} (first notification)
    2026-11-22T03:04:00Z  error     Down: the template of label "owner" failed: error calling first: first() called on vector with no elements
    2026-11-22T03:07:00Z  works     Down

    11m of samples, 12 evaluations (3 failed); fired: Down; notifications: 1
    "#);
}

#[test]
fn who_is_not_told_and_why() {
    let main = format!(
        "{MAIN}
inhibit_rules:
  - {{name: down, source_matchers: [alertname=Down], target_matchers: [alertname=Slow], equal: [instance]}}
time_intervals:
  - {{name: early, time_intervals: [{{times: [{{start_time: '03:00', end_time: '03:15'}}]}}]}}
"
    )
    .replace(
        "repeat_interval: 20m}",
        "repeat_interval: 4h, routes: [{matchers: [team=x], mute_time_intervals: [early]}]}",
    );
    let rules = "
      - {alert: Down, expr: up == 0}
      - {alert: Slow, expr: slow == 1}
      - {alert: Odd, expr: slow == 1, labels: {team: x}}
";
    let samples = "up{instance=\"a\"} 1x2 0x7 1x12\nslow{instance=\"a\"} 0x2 1x14 0x5";
    insta::assert_snapshot!(timeline_by(&main, Verbosity::Verbose, rules, samples), @r###"
    2026-11-22T03:03:00Z  firing    Down{instance="a"} value 0
    2026-11-22T03:03:00Z  firing    Slow{instance="a"} value 1
    2026-11-22T03:03:00Z  firing    Odd{instance="a", team="x"} value 1
    2026-11-22T03:03:30Z  withheld  team: inhibited, muted or silenced (group {}/{team="x"}:{alertname="Odd"}): {alertname="Odd", instance="a", team="x"} muted by early
    2026-11-22T03:03:30Z  muted     team: {alertname="Odd", instance="a", team="x"} muted by early
    2026-11-22T03:03:30Z  notify    team by console: 1 firing, group {alertname="Down"} (first notification)
    2026-11-22T03:03:30Z  withheld  team: inhibited, muted or silenced (group {}:{alertname="Slow"}): {alertname="Slow", instance="a"} inhibited by {alertname="Down", instance="a"} (rule down)
    2026-11-22T03:03:30Z  muted     team: {alertname="Slow", instance="a"} inhibited by {alertname="Down", instance="a"} (rule down)
    2026-11-22T03:08:30Z  withheld  team: inhibited, muted or silenced (group {}/{team="x"}:{alertname="Odd"}): {alertname="Odd", instance="a", team="x"} muted by early
    2026-11-22T03:08:30Z  withheld  team: already told, repeat interval not over (group {}:{alertname="Down"})
    2026-11-22T03:08:30Z  withheld  team: inhibited, muted or silenced (group {}:{alertname="Slow"}): {alertname="Slow", instance="a"} inhibited by {alertname="Down", instance="a"} (rule down)
    2026-11-22T03:11:00Z  resolved  Down{instance="a"}
    2026-11-22T03:11:30Z  notify    team by console: 1 firing, group {alertname="Slow"} (first notification)
    2026-11-22T03:13:30Z  withheld  team: inhibited, muted or silenced (group {}/{team="x"}:{alertname="Odd"}): {alertname="Odd", instance="a", team="x"} muted by early
    2026-11-22T03:13:30Z  notify    team by console: 1 resolved, group {alertname="Down"} (all alerts resolved)
    2026-11-22T03:15:00Z  notify    team by console: 1 firing, group {alertname="Odd"} (first notification)
    2026-11-22T03:16:30Z  withheld  team: already told, repeat interval not over (group {}:{alertname="Slow"})
    2026-11-22T03:18:00Z  resolved  Slow{instance="a"}
    2026-11-22T03:18:00Z  resolved  Odd{instance="a", team="x"}
    2026-11-22T03:20:00Z  notify    team by console: 1 resolved, group {alertname="Odd"} (all alerts resolved)
    2026-11-22T03:21:30Z  notify    team by console: 1 resolved, group {alertname="Slow"} (all alerts resolved)

    23m of samples, 72 evaluations (0 failed); fired: Down, Odd, Slow; notifications: 6
    "###);
}

/// Nobody answers: primary, then secondary, then the room, until the alert itself is over.
#[test]
fn people_are_paged() {
    let main = "
global: {smtp_smarthost: 'mail.example:587', smtp_from: bell@example.org}
users:
  - {name: ada, time_zone: Europe/London, contacts: [{name: mail, email: ada@example.org}]}
  - {name: ben, time_zone: Africa/Accra, contacts: [{name: mail, email: ben@example.org}]}
schedules:
  - name: primary
    time_zone: UTC
    layers: [{name: weekly, rotation: {start: 2026-11-16T09:00, every: 1w}, users: [ada, ben]}]
escalation_policies:
  - name: web
    steps:
      - {targets: ['schedule:primary']}
      - {after: 5m, targets: ['schedule:primary+1']}
    fallback: ['channel:room']
route: {receiver: pages, group_wait: 0s}
receivers:
  - {name: pages, escalation: web}
  - {name: room, console_configs: [{}]}
rule_files: [rules.yml]
";
    let samples = "up{instance=\"a\"} 1x2 0x30 1x12";
    insta::assert_snapshot!(timeline_by(main, Verbosity::Normal, DOWN, samples), @r#"
    2026-11-22T03:03:00Z  pending   Down{instance="a", severity="page"} value 0
    2026-11-22T03:05:00Z  firing    Down{instance="a", severity="page"} value 0: a is down
    2026-11-22T03:05:00Z  incident  1 P1 Down a: opened
    2026-11-22T03:05:00Z  page      ada by email (@ada/mail)  incident 1 P1: step 1 of 2, on call by primary
    2026-11-22T03:10:00Z  page      ben by email (@ben/mail)  incident 1 P1: step 2 of 2, on call by primary
    2026-11-22T03:20:00Z  incident  1 P1 Down a: nobody answered within the response time
    2026-11-22T03:25:00Z  page      room by console  incident 1 P1: nobody has answered any step
    2026-11-22T03:34:00Z  resolved  Down{instance="a", severity="page"}
    2026-11-22T03:35:00Z  tell      ada by email (@ada/mail)  incident 1 P1: none of its alerts fires
    2026-11-22T03:35:00Z  tell      ben by email (@ben/mail)  incident 1 P1: none of its alerts fires
    2026-11-22T03:35:00Z  tell      room by console  incident 1 P1: none of its alerts fires
    2026-11-22T03:35:00Z  incident  1 P1 Down a: alert over: Down{instance="a", severity="page"}
    2026-11-22T03:35:00Z  incident  1 P1 Down a: over: none of its alerts fires

    46m of samples, 47 evaluations (0 failed); fired: Down; notifications: 6
    "#);
}
