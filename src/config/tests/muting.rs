//! `time_intervals` and `inhibit_rules`.

use super::*;
use crate::model::Timestamp;

#[test]
fn the_formats_of_time_intervals() {
    let plan = plan(
        r#"
mute_time_intervals: [{name: old, time_intervals: [{}]}]
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: '22:00', end_time: '06:00'}]
        weekdays: ['Monday:friday']
        location: Europe/Berlin
      - weekdays: ['saturday:monday']
        days_of_month: ['1:5', '-3:-1', '15']
        months: ['november:february', '7:may', may]
        years: [2026, '2027:2028']
  - name: evening
    time_intervals: [{times: [{start_time: '18:00', end_time: '24:00'}]}]
route:
  receiver: r
  routes:
    - {receiver: r, mute_time_intervals: [nights, old], active_time_intervals: [evening], routes: [{receiver: r}]}
receivers: [{name: r}]
inhibit_rules:
  - name: node
    source_matchers: ['alertname="NodeDown"', 'severity=~"page|crit"']
    target_match: {severity: warning}
    target_match_re: {alertname: 'Service.*'}
    equal: [cluster, node]
  - {source_match: {a: b}, target_matchers: ['c=d']}
"#,
    );
    let engine = &plan.engine;
    let contains = |name: &str, at: &str| {
        let interval = engine.time_intervals.iter().find(|interval| interval.name == name).expect(name);
        interval.contains(Timestamp::parse_rfc3339(at).expect(at))
    };
    for (name, at, expected) in [
        ("old", "2026-01-01T00:00:00Z", true),
        ("nights", "2026-11-20T21:00:00Z", true),
        ("nights", "2026-11-20T20:59:00Z", false),
        ("nights", "2026-11-21T04:59:00Z", true),
        ("nights", "2026-11-30T12:00:00Z", true),
        ("nights", "2026-12-15T12:00:00Z", false),
        ("evening", "2026-12-15T23:59:59Z", true),
        ("evening", "2026-12-15T17:59:59Z", false),
    ] {
        assert_eq!(contains(name, at), expected, "{name} {at}");
    }
    let child = &engine.route.routes[0];
    assert_eq!(
        (child.mute_intervals.as_slice(), child.active_intervals.as_slice()),
        (["nights".to_owned(), "old".to_owned()].as_slice(), ["evening".to_owned()].as_slice())
    );
    assert!(child.routes[0].mute_intervals.is_empty() && child.routes[0].active_intervals.is_empty());
    insta::assert_debug_snapshot!(engine.inhibit_rules, @r###"
    [
        InhibitRule {
            name: "node",
            source: [
                alertname="NodeDown",
                severity=~"page|crit",
            ],
            target: [
                alertname=~"Service.*",
                severity="warning",
            ],
            equal: [
                "cluster",
                "node",
            ],
        },
        InhibitRule {
            name: "",
            source: [
                a="b",
            ],
            target: [
                c="d",
            ],
            equal: [],
        },
    ]
    "###);
}

#[test]
fn mistakes_in_times_and_inhibitions() {
    insta::assert_snapshot!(main(
        r#"time_intervals:
  - name: a
    time_intervals:
      - times: [{start_time: '9:00', end_time: '25:00'}, {start_time: '24:00', end_time: '24:00'}, {start_time: '08:00', end_time: '08:00'}]
        weekdays: [mon, 'monday:funday']
        days_of_month: ['0', '5:1', '-1:5', '20:-15', '1:32']
        months: ['13', juni]
        years: ['2027:2026', x]
        location: Europe/Berlyn
        time: []
  - name: a
  - time_intervals: []
route:
  receiver: r
  active_time_intervals: [a]
  routes: [{mute_time_intervals: [b]}, {active_time_intervals: [nights]}]
receivers: [{name: r}]
inhibit_rules:
  - source_matchers: ['a=~"("']
    target_matcher: [a=b]
    equal: ['', a, a]
"#
    ), @r###"
    error[config/time-interval]: `9:00` is no time of the day
     --> watchbell.yml:4:30
      |
    4 |       - times: [{start_time: '9:00', end_time: '25:00'}, {start_time: '24:00', end_time: '24:00'}, {start_time: '08:00', end_time: '0...
      |                              ^^^^^^
      |
      = help: write hours and minutes with two digits each, such as `09:30`

    error[config/time-interval]: `25:00` is no time of the day
     --> watchbell.yml:4:48
      |
    4 |       - times: [{start_time: '9:00', end_time: '25:00'}, {start_time: '24:00', end_time: '24:00'}, {start_time: '08:00', end_time: '0...
      |                                                ^^^^^^^
      |
      = help: write hours and minutes with two digits each, such as `09:30`

    error[config/time-interval]: a day ends at `24:00`; nothing starts there
     --> watchbell.yml:4:59
      |
    4 |       - times: [{start_time: '9:00', end_time: '25:00'}, {start_time: '24:00', end_time: '24:00'}, {start_time: '08:00', end_time: '0...
      |                                                           ^^^^^^^^^^

    error[config/time-interval]: the end is the start
     --> watchbell.yml:4:122
      |
    4 |       - times: [{start_time: '9:00', end_time: '25:00'}, {start_time: '24:00', end_time: '24:00'}, {start_time: '08:00', end_time: '0...
      |                                                                                                                          ^^^^^^^^
      |
      = help: for whole days, leave out `times`

    error[config/time-interval]: `mon` is no day of the week
     --> watchbell.yml:5:20
      |
    5 |         weekdays: [mon, 'monday:funday']
      |                    ^^^
      |
      = help: as in `monday`

    error[config/time-interval]: `funday` is no day of the week
     --> watchbell.yml:5:25
      |
    5 |         weekdays: [mon, 'monday:funday']
      |                         ^^^^^^^^^^^^^^^
      |
      = help: did you mean `sunday`?

    error[config/time-interval]: `0` is no day of the month
     --> watchbell.yml:6:25
      |
    6 |         days_of_month: ['0', '5:1', '-1:5', '20:-15', '1:32']
      |                         ^^^
      |
      = help: days go from 1 to 31, or from -31 to -1 as seen from the end of the month

    error[config/time-interval]: the last day comes before the first
     --> watchbell.yml:6:30
      |
    6 |         days_of_month: ['0', '5:1', '-1:5', '20:-15', '1:32']
      |                              ^^^^^
      |
      = help: give two ranges

    error[config/time-interval]: a range that begins with a negative day must end with one
     --> watchbell.yml:6:37
      |
    6 |         days_of_month: ['0', '5:1', '-1:5', '20:-15', '1:32']
      |                                     ^^^^^^
      |
      = help: count both from the end, or both from the beginning

    error[config/time-interval]: the last day comes before the first
     --> watchbell.yml:6:45
      |
    6 |         days_of_month: ['0', '5:1', '-1:5', '20:-15', '1:32']
      |                                             ^^^^^^^^
      |
      = help: give two ranges

    error[config/time-interval]: `32` is no day of the month
     --> watchbell.yml:6:55
      |
    6 |         days_of_month: ['0', '5:1', '-1:5', '20:-15', '1:32']
      |                                                       ^^^^^^
      |
      = help: days go from 1 to 31, or from -31 to -1 as seen from the end of the month

    error[config/time-interval]: `13` is no month
     --> watchbell.yml:7:18
      |
    7 |         months: ['13', juni]
      |                  ^^^^
      |
      = help: months go from 1 to 12

    error[config/time-interval]: `juni` is no month
     --> watchbell.yml:7:24
      |
    7 |         months: ['13', juni]
      |                        ^^^^
      |
      = help: did you mean `june`?

    error[config/time-interval]: the last year comes before the first
     --> watchbell.yml:8:17
      |
    8 |         years: ['2027:2026', x]
      |                 ^^^^^^^^^^^

    error[config/time-interval]: `x` is no year
     --> watchbell.yml:8:30
      |
    8 |         years: ['2027:2026', x]
      |                              ^
      |
      = help: as in `2026` or `2026:2028`

    error[config/time-zone]: there is no time zone `Europe/Berlyn`
     --> watchbell.yml:9:19
      |
    9 |         location: Europe/Berlyn
      |                   ^^^^^^^^^^^^^
      |
      = help: a name of the time zone database, such as `Europe/Berlin`

    error[yaml/unknown-field]: unknown field `time` in a stretch of time
      --> watchbell.yml:10:9
       |
    10 |         time: []
       |         ^^^^
       |
       = help: did you mean `times`?

    error[config/duplicate]: the time interval `a` is defined twice
      --> watchbell.yml:11:5
       |
    11 |   - name: a
       |     ^^^^

    error[yaml/missing-field]: a time interval needs the field `name`
      --> watchbell.yml:12:5
       |
    12 |   - time_intervals: []
       |     ^

    error[config/root-route]: the root route takes every alert; it has no `active_time_intervals`
      --> watchbell.yml:15:3
       |
    15 |   active_time_intervals: [a]
       |   ^^^^^^^^^^^^^^^^^^^^^

    error[config/unknown-time-interval]: no time interval is named `b`
      --> watchbell.yml:16:35
       |
    16 |   routes: [{mute_time_intervals: [b]}, {active_time_intervals: [nights]}]
       |                                   ^
       |
       = help: did you mean `a`?

    error[config/unknown-time-interval]: no time interval is named `nights`
      --> watchbell.yml:16:65
       |
    16 |   routes: [{mute_time_intervals: [b]}, {active_time_intervals: [nights]}]
       |                                                                 ^^^^^^
       |
       = help: known time intervals: a, a

    error[config/matcher]: invalid regular expression "(": unclosed group
      --> watchbell.yml:19:27
       |
    19 |   - source_matchers: ['a=~"("']
       |                           ^^^

    error[yaml/unknown-field]: unknown field `target_matcher` in an inhibition rule
      --> watchbell.yml:20:5
       |
    20 |     target_matcher: [***]
       |     ^^^^^^^^^^^^^^
       |
       = help: did you mean `target_matchers`?

    error[config/label-name]: a label name must not be empty
      --> watchbell.yml:21:13
       |
    21 |     equal: ['', a, a]
       |             ^^

    warning[config/duplicate]: `a` is given twice
      --> watchbell.yml:21:20
       |
    21 |     equal: ['', a, a]
       |                    ^
    "###);
}

#[test]
fn published_blocks_of_others() {
    let plan = plan(
        "route: {receiver: r, routes: [{mute_time_intervals: [out]}]}\nreceivers: [{name: r}]\ntime_intervals: [{name: out, time_intervals: [{years: ['2020:2030']}]}]\ninhibit_rules: []\n",
    );
    assert_eq!(plan.engine.route.routes[0].mute_intervals, ["out"]);
}
