//! Main files that include others, and what Alertmanager's tools are shown.

use super::*;

const ALERTMANAGER: &str = "global:
  resolve_timeout: 1m
  smtp_auth_password: hunter2
templates: ['t/*.tmpl']
route: {receiver: crew, routes: [{receiver: crew, matchers: [a=b]}]}
receivers:
  - name: crew
    webhook_configs: [{url_file: hook}]
";

fn files(main: &str, other: &str) -> MemoryFiles {
    MemoryFiles::new([("etc/watchbell.yml", main), ("etc/sub/alertmanager.yml", other), ("etc/sub/t/a.tmpl", "x")])
}

fn told(main: &str, other: &str) -> String {
    render_text(&problems(load(Some("etc/watchbell.yml"), &files(main, other), &no_environment)), false)
}

#[test]
fn blocks_of_an_included_file_are_read_as_if_they_stood_in_the_main_file() {
    let main = "include: sub/alertmanager.yml\nglobal: {evaluation_interval: 7s}\nlisten: ':1'\n";
    let loaded = load(Some("etc/watchbell.yml"), &files(main, ALERTMANAGER), &no_environment);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}", render_text(&problems, false)));
    let plan = loaded.plan;
    assert_eq!(plan.evaluation_interval.as_secs(), 7);
    assert_eq!((plan.engine.resolve_timeout.as_secs(), plan.engine.route.receiver.as_str()), (60, "crew"));
    assert_eq!(plan.engine.route.routes.len(), 1);
    // Paths are seen from the folder of the file that says them; every file is watched.
    assert!(format!("{:?}", plan.engine.receivers[0]).contains("etc/sub/hook"));
    let mut read = loaded.read;
    read.sort();
    assert_eq!(read, ["etc/sub/alertmanager.yml", "etc/sub/t/a.tmpl", "etc/watchbell.yml"]);
    let written = plan.engine.written;
    assert!(written.contains("<secret>") && !written.contains("hunter2"), "{written}");
    let checked = check(&["etc".to_owned()], &files(main, ALERTMANAGER), &no_environment);
    assert_eq!((checked.diagnostics, checked.files), (Vec::new(), 3), "in a folder it is read once");
}

#[test]
fn what_is_wrong_with_an_included_file_is_shown_there() {
    insta::assert_snapshot!(told(
        "include: [sub/alertmanager.yml, gone.yml]\nglobal: {resolve_timeout: 5m}\nroute: {receiver: crew}\n",
        "listen: ':1'\nglobal:\n  resolve_timeout: 1m\n  slack_api_url: hunter2\nroute: {receiver: x}\nreceivers: [{name: crew, oops: hunter2}]\n",
    ), @r#"
    error[file/unreadable]: cannot read `etc/gone.yml`: no such file
     --> etc/watchbell.yml:1:33
      |
    1 | include: [sub/alertmanager.yml, gone.yml]
      |                                 ^^^^^^^^

    error[config/include]: an included file has no `listen`
     --> etc/sub/alertmanager.yml:1:1
      |
    1 | listen: ****
      | ^^^^^^
      |
      = help: it may hold global, route, receivers, inhibit_rules, time_intervals, mute_time_intervals, templates; the rest belongs to the main file

    error[config/duplicate]: `resolve_timeout` is given twice
     --> etc/sub/alertmanager.yml:3:3
      |
    3 |   resolve_timeout: **
      |   ^^^^^^^^^^^^^^^
      |
      = help: it was given first in etc/watchbell.yml:2

    error[config/url]: `slack_api_url` must begin with `http://` or `https://`
     --> etc/sub/alertmanager.yml:4:3
      |
    4 |   slack_api_url: *******
      |   ^^^^^^^^^^^^^

    error[config/duplicate]: `route` is given twice
     --> etc/sub/alertmanager.yml:5:1
      |
    5 | route: {receiver: *}
      | ^^^^^
      |
      = help: it was given first in etc/watchbell.yml:3

    error[yaml/unknown-field]: unknown field `oops` in a receiver
     --> etc/sub/alertmanager.yml:6:26
      |
    6 | receivers: [{name: crew, oops: *******}]
      |                          ^^^^
    "#);
    insta::assert_snapshot!(told("include: sub/alertmanager.yml\n", "route: {receiver: x\n"), @r#"
    error[yaml/syntax]: unclosed bracket '{'
     --> etc/sub/alertmanager.yml:1:8
      |
    1 | route: {receiver: x
      |        ^
    "#);
    insta::assert_snapshot!(told("include: {a: b}\n", ""), @r#"
    error[yaml/wrong-type]: expected the path of a file, found a mapping
     --> etc/watchbell.yml:1:10
      |
    1 | include: {a: b}
      |          ^
    "#);
}

#[test]
fn alertmanagers_tools_are_shown_what_they_know() {
    let main = r#"
listen: ':1'
global: {scrape_interval: 1s, slack_api_url: 'https://hooks.example/hunter2', http_config: {proxy_url: 'http://u:hunter2@p'}}
host_samples: false
route:
  receiver: crew
  group_by: [alertname, 'a b']
  labels: {a: b}
  routes:
    - matchers: ['severity=~"a|b"', c=d]
      continue: true
      mute_time_intervals: [night]
    - match: {a: , b: '5'}
inhibit_rules: [{name: n, source_matchers: [a=b], target_matchers: [c=d], equal: [e]}]
time_intervals:
  - name: night
    time_intervals:
      - {times: [{start_time: '22:00', end_time: '06:00'}], weekdays: ['friday:monday'], months: ['november:february'], location: Europe/Berlin}
  - name: none
receivers:
  - name: crew
    slack_configs:
      - {channel: '#x', message_text: y, title: "two\nlines", fields: [{title: a, value: b}]}
    webhook_configs: [{url: 'http://x/hunter2', timeout: 5s}, {url_file: f}]
    console_configs: [{}]
    pagerduty_configs: [{routing_key: hunter2, details: {a: 'b: c'}}]
  - name: "o'brien"
"#;
    insta::assert_snapshot!(plan(main).engine.as_alertmanager, @r##"
    # What Alertmanager 0.25 and its tools read of this configuration.
    global:
      slack_api_url: "https://<secret>"
      http_config:
        proxy_url: "https://<secret>"
    route:
      receiver: crew
      group_by:
        - alertname
        - "a b"
      routes:
        - matchers:
            - "severity=~\"a|b\""
            - c=d
          continue: true
          mute_time_intervals:
            - night
        - match:
            "a": ''
            b: "5"
    inhibit_rules:
      - source_matchers:
          - a=b
        target_matchers:
          - c=d
        equal:
          - e
    time_intervals:
      - name: "night"
        time_intervals:
          - {times: [{start_time: '22:00', end_time: '24:00'}, {start_time: '00:00', end_time: '06:00'}], weekdays: ['friday:saturday', 'sunday:monday'], months: ['11:12', '1:2'], location: "Europe/Berlin"}
      - name: "none"
    receivers:
      - name: "crew"
        pagerduty_configs:
          - routing_key: "<secret>"
            details:
              a: "b: c"
        slack_configs:
          - channel: "#x"
            title: "two\nlines"
            fields:
              - title: a
                value: b
        webhook_configs:
          - url: "https://<secret>"
      - name: "o'brien"
    "##);
    insta::assert_snapshot!(plan("listen: ':1'\n").engine.as_alertmanager, @r#"
    # What Alertmanager 0.25 and its tools read of this configuration.
    route:
      receiver: "console"
    receivers:
      - name: "console"
    "#);
}
