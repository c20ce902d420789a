//! Rule files.

use std::time::Duration;

use super::*;
use crate::rule::{NoData, Rule};

#[test]
fn an_error_in_a_block_scalar_has_its_caret() {
    insta::assert_snapshot!(rules(
        "groups:\n  - name: ä\n    rules:\n      - alert: Errors\n        expr: |\n          sum by (job) (\n            # näher\n            rat(http_requests_total[5m])\n          ) > 1\n"
    ), @r##"
    error[expr/syntax]: there is no function `rat`
     --> rules.yml:8:13
      |
    8 |             rat(http_requests_total[5m])
      |             ^^^
      |
      = help: did you mean `rate`?
    "##);
    insta::assert_snapshot!(rules(
        "groups:\n- name: a\n  rules:\n  - record: a:b\n    expr: >-\n      sum(up)\n\n      == on(\n  - record: x\n    expr: 'label_replace(up, \"a\", \"ünï\", \"b\", \"c\") + summ(x)'\n"
    ), @r##"
    error[expr/syntax]: this `(` is never closed
     --> rules.yml:8:12
      |
    8 |       == on(
      |            ^
      |
      = help: add a `)`

    error[expr/syntax]: expected an expression, found the end
     --> rules.yml:8:13
      |
    8 |       == on(
      |             ^

    error[expr/syntax]: there is no function `summ`
      --> rules.yml:10:54
       |
    10 |     expr: 'label_replace(up, "a", "ünï", "b", "c") + summ(x)'
       |                                                      ^^^^
       |
       = help: did you mean `sum`?
    "##);
}

#[test]
fn every_error_of_a_rule_file_is_told_at_once() {
    insta::assert_snapshot!(rules(
        r#"groups:
  - name: one
    intervall: 1m
    rules:
      - alert: A
        record: b
        expr: up
      - expr: up
      - alert: NoExpr
      - record: "up{job=\"x\"}"
        expr: up
        for: 5m
      - alert: Range
        expr: up[5m]
        labels: {__name__: x, ok: 1}
        for: 5 minutes
        annotations:
          summary: "{{ $labels.job }"
          runbook: [a]
        no_data: forever
  - name: one
    limit: many
  - rules: {}
group: x
"#
    ), @r##"
    error[yaml/unknown-field]: unknown field `intervall` in a rule group
     --> rules.yml:3:5
      |
    3 |     intervall: 1m
      |     ^^^^^^^^^
      |
      = help: did you mean `interval`?

    error[rule/kind]: a rule has `record` or `alert`, not both
     --> rules.yml:5:9
      |
    5 |       - alert: A
      |         ^^^^^

    error[rule/kind]: a rule needs the field `record` or `alert`
     --> rules.yml:8:9
      |
    8 |       - expr: up
      |         ^

    error[yaml/missing-field]: a rule needs the field `expr`
     --> rules.yml:9:9
      |
    9 |       - alert: NoExpr
      |         ^

    error[rule/record-name]: `up{job="x"}` is no metric name
      --> rules.yml:10:17
       |
    10 |       - record: "up{job=\"x\"}"
       |                 ^^^^^^^^^^^^^^^
       |
       = help: an expression belongs in `expr`, labels in `labels`

    error[rule/recording]: a recording rule has no `for`
      --> rules.yml:12:9
       |
    12 |         for: 5m
       |         ^^^

    error[expr/type]: a rule needs an instant vector or a scalar, this is a range vector
      --> rules.yml:14:15
       |
    14 |         expr: up[5m]
       |               ^^^^^^
       |
       = help: take a function over it, such as `rate(…)`

    error[rule/label-name]: `__name__` is not allowed as the name of a label
      --> rules.yml:15:18
       |
    15 |         labels: {__name__: x, ok: 1}
       |                  ^^^^^^^^

    error[yaml/duration]: not a duration: `5 minutes`; write numbers with the units y, w, d, h, m, s, ms in this order, such as `1h30m`
      --> rules.yml:16:14
       |
    16 |         for: 5 minutes
       |              ^^^^^^^^^

    error[template/syntax]: template: unexpected character: '}'
      --> rules.yml:18:36
       |
    18 |           summary: "{{ $labels.job }"
       |                                    ^

    error[yaml/wrong-type]: expected a text, found a list
      --> rules.yml:19:20
       |
    19 |           runbook: [a]
       |                    ^

    error[rule/no-data]: expected `resolve`, `keep` or a duration such as `1h`, found `forever`
      --> rules.yml:20:18
       |
    20 |         no_data: forever
       |                  ^^^^^^^

    error[rule/duplicate-group]: another group of this file is named `one` too
      --> rules.yml:21:5
       |
    21 |   - name: one
       |     ^^^^

    error[yaml/wrong-type]: expected a whole number from 0, found `many`
      --> rules.yml:22:12
       |
    22 |     limit: many
       |            ^^^^

    error[yaml/missing-field]: a rule group needs the field `name`
      --> rules.yml:23:5
       |
    23 |   - rules: {}
       |     ^

    error[yaml/wrong-type]: expected a list, found a mapping
      --> rules.yml:23:12
       |
    23 |   - rules: {}
       |            ^

    error[yaml/unknown-field]: unknown field `group` in a rule file
      --> rules.yml:24:1
       |
    24 | group: x
       | ^^^^^
       |
       = help: did you mean `groups`?
    "##);
}

#[test]
fn duplicate_rules_are_warned_of() {
    insta::assert_snapshot!(rules(
        "groups:\n- name: a\n  rules:\n  - {alert: A, expr: up, labels: {s: x}}\n  - {alert: A, expr: up > 1, labels: {s: x}}\n  - {alert: A, expr: up}\n"
    ), @r##"
    warning[rule/duplicate]: another rule `A` with the same labels stands in line 4
     --> rules.yml:5:6
      |
    5 |   - {alert: A, expr: up > 1, labels: {s: x}}
      |      ^^^^^
    "##);
}

#[test]
fn the_embedded_default_runs() {
    let loaded = load(None, &MemoryFiles::default(), &no_environment).expect("the starter configuration");
    assert_eq!(loaded.warnings, []);
    let engine = &loaded.plan.engine;
    assert_eq!(engine.groups[0].interval, Duration::from_secs(5));
    assert_eq!(engine.groups[0].file, "rules/host.yml");
    assert!(engine.groups[0].rules.len() >= 5);
    assert_eq!(engine.route.receiver, engine.receivers[0].name);
    assert_eq!(loaded.plan.host_samples, Some(HostSamples { interval: Duration::from_secs(5) }));
    assert_eq!(loaded.plan.listen, "127.0.0.1:9797");
}

#[test]
fn a_whole_rule_file() {
    let text = r#"
groups:
  - name: g
    interval: 30s
    limit: 3
    query_offset: 5s
    labels: {team: a, env: b}
    no_data: resolve
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
        labels: {env: c}
      - alert: Down
        expr: up == 0
        for: 5m
        keep_firing_for: 1m
        labels: {severity: "{{ $value }}"}
        annotations: {summary: "{{ $labels.job }} is down"}
        no_data: 2h
"#;
    let files = MemoryFiles::new([("etc/w.yml", "rule_files: ['rules/*.yml']\n"), ("etc/rules/a.yml", text)]);
    let loaded = load(Some("etc/w.yml"), &files, &no_environment).expect("valid");
    assert_eq!(loaded.read, ["etc/rules/a.yml", "etc/w.yml"]);
    let group = &loaded.plan.engine.groups[0];
    assert_eq!((group.file.as_str(), group.limit), ("rules/a.yml", 3));
    assert_eq!((group.interval, group.query_offset), (Duration::from_secs(30), Duration::from_secs(5)));
    let [Rule::Recording(recording), Rule::Alerting(alerting)] = group.rules.as_slice() else { panic!("{group:?}") };
    assert_eq!(recording.labels.to_string(), r#"{env="c", team="a"}"#);
    assert_eq!(alerting.no_data, NoData::KeepFor(Duration::from_secs(7200)));
    assert_eq!(alerting.hold_for, Duration::from_secs(300));
    let names: Vec<&str> = alerting.labels.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["env", "severity", "team"]);
    assert_ne!(alerting.id, recording.id);
}

#[test]
fn a_rehearsal_of_a_folder_leaves_main_files_and_tests_out() {
    let rules = "groups: [{name: g, rules: [{record: r, expr: '1'}]}]\n";
    let others =
        [("d/watchbell.yml", "route: {receiver: x}\n"), ("d/tests.yml", "tests: []\n"), ("d/rules.yml", rules)];
    let loaded = load_rehearsal(None, &["d".to_owned()], &MemoryFiles::new(others), &no_environment).expect("one file");
    assert_eq!(loaded.plan.engine.groups.len(), 1);
    let unknown = MemoryFiles::new([("d/rules.yml", rules), ("d/more.yml", "group: []\n")]);
    let problems = load_rehearsal(None, &["d".to_owned()], &unknown, &no_environment).expect_err("a typing error");
    assert!(render_text(&problems, false).contains("did you mean `groups`?"));
}
