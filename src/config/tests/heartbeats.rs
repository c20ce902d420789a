//! Heartbeats and the watchdog.

use std::time::Duration;

use super::*;
use crate::deliver::Secret;
use crate::engine::{Armed, HeartbeatPolicy};
use crate::model::Labels;

#[test]
fn what_is_read_of_heartbeats() {
    let plan = plan(
        "
heartbeats:
  - {name: backup, interval: 1d}
  - {name: cache, interval: 1m}
  - name: bell-1.example
    interval: 10m
    grace: 0s
    armed: first_beat
    labels: {severity: page}
    annotations: {summary: gone}
    description: The other one
    escalation: primary
    key: 0123456789-${TOKEN}
escalation_policies: [{name: primary, steps: [{targets: ['channel:console']}], fallback: ['channel:console']}]
",
    );
    let seconds = Duration::from_secs;
    let policy = |name: &str, interval, grace| HeartbeatPolicy {
        name: name.to_owned(),
        interval: seconds(interval),
        grace: seconds(grace),
        armed: Armed::FromStart,
        labels: Labels::default(),
        annotations: Labels::default(),
        description: String::new(),
        escalation: None,
    };
    let third = HeartbeatPolicy {
        armed: Armed::FirstBeat,
        labels: Labels::from_pairs([("severity", "page")]),
        annotations: Labels::from_pairs([("summary", "gone")]),
        description: "The other one".to_owned(),
        escalation: Some("primary".to_owned()),
        ..policy("bell-1.example", 600, 0)
    };
    let expected = [policy("backup", 86_400, 3600), policy("cache", 60, 60), third];
    assert_eq!(plan.engine.heartbeats, expected);
    let key = Secret::Value("0123456789-s3cret".to_owned());
    assert_eq!(plan.heartbeat_keys, [HeartbeatKey { heartbeat: "bell-1.example".to_owned(), key }]);
}

#[test]
fn what_is_wrong_with_heartbeats() {
    insta::assert_snapshot!(main(
        "heartbeats:
  - {name: a b, interval: 1m}
  - {name: a, interval: 0s, armed: later}
  - {name: a, interval: 1m, key: short, labels: {heartbeat: b}}
  - {interval: 2y, grase: 1m}
  - {name: .a}
"
    ), @r#"
    error[config/heartbeat]: `a b` is no name of a heartbeat: letters, digits, `-`, `_` and `.`, at most 128
     --> watchbell.yml:2:6
      |
    2 |   - {name: a b, interval: 1m}
      |      ^^^^

    error[config/zero]: `interval` must be greater than zero
     --> watchbell.yml:3:15
      |
    3 |   - {name: a, interval: 0s, armed: later}
      |               ^^^^^^^^

    error[config/heartbeat]: `later` is none of `from_start` and `first_beat`
     --> watchbell.yml:3:29
      |
    3 |   - {name: a, interval: 0s, armed: later}
      |                             ^^^^^

    error[config/duplicate]: another one is named `a` too
     --> watchbell.yml:4:6
      |
    4 |   - {name: a, interval: 1m, key: *****, labels: {heartbeat: b}}
      |      ^^^^

    error[config/short-key]: `key` must have at least 16 characters
     --> watchbell.yml:4:29
      |
    4 |   - {name: a, interval: 1m, key: *****, labels: {heartbeat: b}}
      |                             ^^^

    error[config/heartbeat]: the label `heartbeat` is set by Watchbell
     --> watchbell.yml:4:41
      |
    4 |   - {name: a, interval: 1m, key: *****, labels: {heartbeat: b}}
      |                                         ^^^^^^

    error[yaml/missing-field]: a heartbeat needs the field `name`
     --> watchbell.yml:5:5
      |
    5 |   - {interval: 2y, grase: **}
      |     ^

    error[config/limit]: `interval` must not be longer than 366 days
     --> watchbell.yml:5:6
      |
    5 |   - {interval: 2y, grase: **}
      |      ^^^^^^^^

    error[yaml/unknown-field]: unknown field `grase` in a heartbeat
     --> watchbell.yml:5:20
      |
    5 |   - {interval: 2y, grase: **}
      |                    ^^^^^
      |
      = help: did you mean `grace`?

    error[yaml/missing-field]: a heartbeat needs the field `interval`
     --> watchbell.yml:6:5
      |
    6 |   - {name: .a}
      |     ^

    error[config/heartbeat]: `.a` is no name of a heartbeat: letters, digits, `-`, `_` and `.`, at most 128
     --> watchbell.yml:6:6
      |
    6 |   - {name: .a}
      |      ^^^^
    "#);
}

#[test]
fn what_is_read_of_the_watchdog() {
    let read = |text: &str| plan(text).watchdog.expect("configured");
    let short = read("watchdog: {url: 'https://hc.example.org/ping/x', interval: 5s}");
    assert_eq!((short.timeout, short.method), (Duration::from_secs(5), WatchdogMethod::Post));
    let long = read(
        "
global: {http_config: {follow_redirects: false}}
watchdog: {url_file: url, interval: 5m, timeout: 1m, method: get, http_config: {enable_http2: false}}
",
    );
    assert_eq!((long.timeout, long.method), (Duration::from_secs(60), WatchdogMethod::Get));
    assert!(long.http.follow_redirects && !long.http.enable_http2);
    assert_eq!(long.url, Secret::File("etc/url".to_owned()));
    assert!(plan("listen: :1").watchdog.is_none());
}

#[test]
fn what_is_wrong_with_the_watchdog() {
    for (text, expected) in [
        ("{interval: 1m}", "needs the field `url`"),
        ("{url: 'ftp://a'}", "must begin with"),
        ("{url: 'http://a', interval: 10ms, timeout: 1s}", "at least 1s"),
        ("{url: 'http://a', interval: 10s, timeout: 1m}", "must not be longer than the interval"),
        ("{url: 'http://a', method: PUT}", "none of `GET`, `HEAD` and `POST`"),
        ("{url: 'http://a', url_file: b}", "not both"),
    ] {
        let problems = main(&format!("watchdog: {text}"));
        assert!(problems.contains(expected), "{text}\n{problems}");
    }
}
