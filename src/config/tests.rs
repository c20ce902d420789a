//! Whole files in, rendered diagnostics out.

use std::time::Duration;

use super::*;
use crate::deliver::{Channel, Secret, SlackTarget, SmtpSecurity};
use crate::model::{Diagnostic, Severity, render_json, render_text};
use crate::route::GroupBy;
use crate::rule::{NoData, Rule};

fn no_environment(_: &str) -> Option<String> {
    None
}

/// The rendered problems of a rule file.
fn rules(text: &str) -> String {
    rules_bytes(text.as_bytes())
}

fn rules_bytes(bytes: &[u8]) -> String {
    let mut files = MemoryFiles::default();
    files.0.insert("rules.yml".to_owned(), bytes.to_vec());
    render_text(&check(&["rules.yml".to_owned()], &files, &no_environment).diagnostics, false)
}

/// The rendered problems of a main file.
fn main(text: &str) -> String {
    let files = MemoryFiles::new([("watchbell.yml", text)]);
    render_text(&problems(load(Some("watchbell.yml"), &files, &no_environment)), false)
}

fn problems(loaded: Result<Loaded, Vec<Diagnostic>>) -> Vec<Diagnostic> {
    loaded.map_or_else(|problems| problems, |loaded| loaded.warnings)
}

fn plan(text: &str) -> Plan {
    let files = MemoryFiles::new([("etc/watchbell.yml", text)]);
    let environment = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
    match load(Some("etc/watchbell.yml"), &files, &environment) {
        Ok(loaded) => loaded.plan,
        Err(problems) => panic!("{}", render_text(&problems, false)),
    }
}

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
      = help: did you mean `rad`?
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
fn hostile_and_broken_files() {
    let deep = format!("groups: {}", "[".repeat(100_000));
    let deep_block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let previous = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
    }
    bomb.push_str("groups: *a11\n");
    for (text, id) in [
        (deep.as_str(), "yaml/limit"),
        (&deep_block, "yaml/limit"),
        (&bomb, "yaml/limit"),
        ("groups: []\ngroups: []\n", "yaml/duplicate-key"),
        ("groups:\n\t- name: a\n", "yaml/syntax"),
        ("groups: &a [*a]\n", "yaml/syntax"),
        ("groups: *nobody\n", "yaml/syntax"),
        ("groups: []\n---\ngroups: []\n", "yaml/documents"),
        ("groups: 5\n", "yaml/wrong-type"),
        ("- groups\n", "yaml/wrong-type"),
        ("groups: [{name: [a]}]\n", "yaml/wrong-type"),
        ("groups: [{name: !danger a}]\n", "yaml/tag"),
        ("groups: [a, b\n", "yaml/syntax"),
        ("{a: 1}: b\n", "yaml/wrong-type"),
        ("groups: \"abc", "yaml/syntax"),
    ] {
        let text = rules(text);
        assert!(text.contains(id), "expected {id}, got\n{}", &text[..text.len().min(2000)]);
    }
    assert!(rules_bytes(b"groups:\n  - name: \xff\xfe\n").contains("file/encoding"));
    for fine in [
        "",
        "\u{feff}groups: []\n",
        "groups:\r\n- name: a\r\n  rules:\r\n  - {record: x, expr: up}\r\n",
        "# only\n",
        "groups:\n",
        "---\ngroups: []\n...\n",
        "groups: []\n---\n",
    ] {
        assert_eq!(rules(fine), "", "{fine:?}");
    }
}

#[test]
fn syntax_errors_have_places() {
    insta::assert_snapshot!(rules("groups:\n\t- name: a\n"), @r##"
    error[yaml/syntax]: tabs disallowed within this context (block indentation)
     --> rules.yml:2:2
      |
    2 |     - name: a
      |     ^
      |
      = help: indent with spaces; YAML allows no tabs there
    "##);
    insta::assert_snapshot!(rules("groups: []\ngroups: []\n"), @r##"
    error[yaml/duplicate-key]: duplicate key `groups`
     --> rules.yml:2:1
      |
    2 | groups: []
      | ^^^^^^
      |
      = help: it was given first in line 1
    "##);
    insta::assert_snapshot!(rules("groups:\r\n- name: ä\r\n  rules:\r\n  - {record: x, expr: 'ä('}\r\n"), @r##"
    error[expr/syntax]: unexpected character `ä`
     --> rules.yml:4:24
      |
    4 |   - {record: x, expr: 'ä('}
      |                        ^
      |
      = help: quote names outside of a-z, A-Z, 0-9, _ and : inside braces, such as `{"my.metric"}`

    error[expr/syntax]: this `(` is never closed
     --> rules.yml:4:25
      |
    4 |   - {record: x, expr: 'ä('}
      |                         ^
      |
      = help: add a `)`

    error[expr/syntax]: expected an expression, found the end
     --> rules.yml:4:26
      |
    4 |   - {record: x, expr: 'ä('}
      |                          ^
    "##);
}

#[test]
fn a_large_file_is_read() {
    let mut text = "groups:\n- name: a\n  rules:\n".to_owned();
    let mut count = 0;
    while text.len() < 2 << 20 {
        text.push_str(&format!("  - record: r{count}\n    expr: sum(rate(x_total{{job=\"a\"}}[5m])) by (job)\n"));
        count += 1;
    }
    let files = MemoryFiles::new([("rules.yml", text.as_str())]);
    let checked = check(&["rules.yml".to_owned()], &files, &no_environment);
    assert_eq!((checked.rules, checked.diagnostics.len()), (count, 0));
    let huge = format!("groups: # {}\n", "x".repeat(10 << 20));
    assert_eq!(rules(&huge), "");
    assert!(rules(&" ".repeat(FILE_BYTES_MAX + 1)).contains("yaml/limit"));
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
fn a_whole_main_file() {
    let plan = plan(
        r#"
global:
  scrape_interval: 30s
  external_labels: {region: "${TOKEN}", literal: "$${TOKEN}"}
  external_url: https://watch.example/
  slack_api_url: https://hooks.example/${TOKEN}
  smtp_smarthost: mail.example:465
  smtp_from: watch@example
scrape_configs:
  - job_name: node
    scrape_timeout: 5s
    basic_auth: {username: u, password_file: secrets/pw}
    static_configs: [{targets: ['a:9100'], labels: {dc: x}}]
    file_sd_configs: [{files: ['targets/*.json']}]
    relabel_configs: [{source_labels: [__address__], regex: '(.*):.*', target_label: instance}]
    body_size_limit: 10MB
host_samples: false
limits: {series_max: 500}
route:
  receiver: team
  group_by: [alertname]
  repeat_interval: 1h
  labels: {owner: x}
  routes:
    - matchers: ['severity="page"', 'team=~"a|b"']
      continue: true
      group_by: ['...']
      labels: {tier: y}
      routes: [{match: {db: pg}, receiver: pager, group_by: []}]
receivers:
  - name: team
    slack_configs: [{channel: '#x', text: '{{ .Status }}'}]
    email_configs: [{to: a@b, headers: {subject: s, x-y: z}}]
    webhook_configs: [{url: 'http://x/{{ .Receiver }}'}]
    console_configs: [{send_resolved: false}]
  - name: pager
    pagerduty_configs: [{routing_key_file: key, details: {firing: x}}]
"#,
    );
    let engine = &plan.engine;
    assert_eq!(engine.external_labels.to_string(), r#"{literal="${TOKEN}", region="s3cret"}"#);
    assert_eq!(engine.external_url, "https://watch.example");
    assert_eq!(plan.host_samples, None);
    let job = &plan.scrapes[0];
    assert_eq!((job.interval, job.timeout), (Duration::from_secs(30), Duration::from_secs(5)));
    let password = job.http.basic_auth.as_ref().and_then(|auth| auth.password.clone());
    assert_eq!(password, Some(Secret::File("etc/secrets/pw".to_owned())));
    assert_eq!(job.file_discovery[0].files, ["etc/targets/*.json"]);
    assert_eq!((job.body_size_limit, plan.limits.series_max), (10 << 20, 500));
    let child = &engine.route.routes[0];
    assert_eq!((child.receiver.as_str(), &child.group_by, child.continues), ("team", &GroupBy::All, true));
    assert_eq!(child.labels.to_string(), r#"{owner="x", tier="y"}"#);
    assert_eq!(child.repeat_interval, Duration::from_secs(3600));
    let grandchild = &child.routes[0];
    assert_eq!((grandchild.receiver.as_str(), &grandchild.group_by), ("pager", &GroupBy::Labels(vec![])));
    assert!(!grandchild.continues);
    for integration in &engine.receivers[0].integrations {
        match &integration.channel {
            Channel::Slack(slack) => {
                let url = Secret::Value("https://hooks.example/s3cret".to_owned());
                assert_eq!(slack.target, SlackTarget::Webhook(url));
                assert!(!integration.send_resolved);
            }
            Channel::Email(email) => {
                assert_eq!((email.host.as_str(), email.security), ("mail.example", SmtpSecurity::Implicit));
                assert_eq!(email.headers.keys().collect::<Vec<_>>(), ["Subject", "X-Y"]);
            }
            Channel::Webhook(_) => assert!(integration.send_resolved),
            Channel::Console(_) => assert!(!integration.send_resolved),
            Channel::Pagerduty(_) => panic!("not here"),
        }
    }
}

#[test]
fn errors_of_a_main_file() {
    insta::assert_snapshot!(main(
        r#"global:
  scrape_intervall: 30s
  evaluation_interval: 0s
scrape_configs:
  - job_name: a
    kubernetes_sd_configs: [{role: node}]
    static_configs: [{targets: ['http://a:9100/metrics']}]
    metric_relabel_configs: [{action: dropp, regex: '('}]
  - job_name: a
    scrape_timeout: 2m
route:
  receiver: teem
  continue: true
  group_interval: 0s
  routes:
    - matchers: ['severity=page extra']
    - matchers: [{foo="bar"}]
    - match_re: {a: '('}
      group_by: [a, a]
      mute_time_intervals: [x]
receivers:
  - name: team
    slack_configs: [{channel: x, titel: y}]
    email_configs: [{to: 'a@b', smarthost: nowhere}]
    opsgenie_configs: [{api_key: hunter2}]
    webhook_configs: [{url: 'ftp://hunter2'}, {url: 'http://x', max_alerts: -1}]
    pagerduty_configs: [{routing_key: hunter2, description: '{{ template "nope" . }}'}]
inhibit_rules: []
"#
    ), @r##"
    error[yaml/unknown-field]: unknown field `scrape_intervall` in `global`
     --> watchbell.yml:2:3
      |
    2 |   scrape_intervall: ***
      |   ^^^^^^^^^^^^^^^^
      |
      = help: did you mean `scrape_interval`?

    error[config/zero]: `evaluation_interval` must be greater than zero
     --> watchbell.yml:3:3
      |
    3 |   evaluation_interval: 0s
      |   ^^^^^^^^^^^^^^^^^^^

    error[config/unsupported]: `kubernetes_sd_configs` is not supported yet
     --> watchbell.yml:6:5
      |
    6 |     kubernetes_sd_configs: [{role: ****}]
      |     ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: use `static_configs` or `file_sd_configs`

    error[config/target]: `http://a:9100/metrics` is no target; write `host:port`
     --> watchbell.yml:7:33
      |
    7 |     static_configs: [{targets: ['http://a:9100/metrics']}]
      |                                 ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: the path goes to `metrics_path`, `http` or `https` to `scheme`

    error[config/relabel]: unknown action `dropp`
     --> watchbell.yml:8:31
      |
    8 |     metric_relabel_configs: [{action: dropp, regex: '('}]
      |                               ^^^^^^
      |
      = help: did you mean `drop`?

    error[config/duplicate]: another job is named `a` too
     --> watchbell.yml:9:5
      |
    9 |   - job_name: a
      |     ^^^^^^^^

    error[config/timeout]: `scrape_timeout` must not be longer than the interval
      --> watchbell.yml:10:5
       |
    10 |     scrape_timeout: 2m
       |     ^^^^^^^^^^^^^^

    error[config/unknown-receiver]: no receiver is named `teem`
      --> watchbell.yml:12:13
       |
    12 |   receiver: teem
       |             ^^^^
       |
       = help: did you mean `team`?

    error[config/root-route]: the root route takes every alert; it has no `continue`
      --> watchbell.yml:13:3
       |
    13 |   continue: true
       |   ^^^^^^^^

    error[config/zero]: `group_interval` must be greater than zero
      --> watchbell.yml:14:3
       |
    14 |   group_interval: 0s
       |   ^^^^^^^^^^^^^^

    error[config/matcher]: expected a matcher as text, found a mapping
      --> watchbell.yml:17:18
       |
    17 |     - matchers: [{foo="bar"}]
       |                  ^
       |
       = help: quote it: YAML takes the braces for a mapping

    error[config/regex]: invalid regular expression "(": unclosed group
      --> watchbell.yml:18:21
       |
    18 |     - match_re: {a: '('}
       |                     ^^^

    error[config/duplicate]: `a` is given twice
      --> watchbell.yml:19:21
       |
    19 |       group_by: [a, a]
       |                     ^

    error[config/unsupported]: `mute_time_intervals` is not supported yet
      --> watchbell.yml:20:7
       |
    20 |       mute_time_intervals: [*]
       |       ^^^^^^^^^^^^^^^^^^^

    error[yaml/missing-field]: a Slack channel needs `api_url` or `app_token`, here or as `slack_…` in `global`
      --> watchbell.yml:23:21
       |
    23 |     slack_configs: [{channel: x, titel: *}]
       |                     ^

    error[yaml/unknown-field]: unknown field `titel` in a Slack channel
      --> watchbell.yml:23:34
       |
    23 |     slack_configs: [{channel: x, titel: *}]
       |                                  ^^^^^
       |
       = help: did you mean `title`?

    error[yaml/missing-field]: a mail channel needs `from`, here or as `smtp_from` in `global`
      --> watchbell.yml:24:21
       |
    24 |     email_configs: [{to: 'a@b', smarthost: nowhere}]
       |                     ^

    error[config/smarthost]: `smarthost` must be `host:port`
      --> watchbell.yml:24:33
       |
    24 |     email_configs: [{to: 'a@b', smarthost: nowhere}]
       |                                 ^^^^^^^^^

    error[config/unsupported]: `opsgenie_configs` is not supported yet
      --> watchbell.yml:25:5
       |
    25 |     opsgenie_configs: [{api_key: *******}]
       |     ^^^^^^^^^^^^^^^^
       |
       = help: this version has console, webhook, slack, email and pagerduty

    error[config/url]: `url` must begin with `http://` or `https://`
      --> watchbell.yml:26:24
       |
    26 |     webhook_configs: [{url: ***************}, {url: **********, max_alerts: -1}]
       |                        ^^^

    error[yaml/wrong-type]: expected a whole number from 0, found `-1`
      --> watchbell.yml:26:77
       |
    26 |     webhook_configs: [{url: ***************}, {url: **********, max_alerts: -1}]
       |                                                                             ^^

    error[template/syntax]: template "nope" not defined
      --> watchbell.yml:27:65
       |
    27 |     pagerduty_configs: [{routing_key: *******, description: '{{ template "nope" . }}'}]
       |                                                                 ^

    error[config/unsupported]: `inhibit_rules` is not supported yet
      --> watchbell.yml:28:1
       |
    28 | inhibit_rules: []
       | ^^^^^^^^^^^^^
       |
       = help: it comes with a later version; take it out for now
    "##);
}

#[test]
fn secrets_never_show() {
    for text in [
        "global: {slack_api_url: ftp://hunter2}\n",
        "global:\n  slack_api_url: 'http://hunter2'\n  slack_api_url_file: x\n",
        "global:\n  slack_api_url: \"http://hunter2\n",
        "global:\n  smtp_auth_password: hunter2: x\n",
        "global:\n  smtp_auth_passwrd: hunter2\n",
        "global: {smtp_auth_password: hunter2, smtp_auth_password: hunter2}\n",
        "global:\n  smtp_auth_password: |\n    hunter2\n   x\n",
        "receivers:\n- name: a\n  pagerduty_configs: [{routing_key: [hunter2]}]\nroute: {receiver: a}\n",
        "receivers:\n- name: a\n  pagerduty_configs: [{routing_key: 'hunter2${UNSET}'}]\nroute: {receiver: a}\n",
        "receivers:\n- name: a\n  telegram_configs: [{bot_token: hunter2}]\nroute: {receiver: a}\n",
        "scrape_configs:\n- {job_name: a, basic_auth: {password: hunter2, password_file: x}}\n",
        "scrape_configs:\n- {job_name: a, bearer_token: hunter2, oauth2: {client_secret: hunter2}}\n",
        "scrape_configs:\n- job_name: a\n  authorization: {credentials: hunter2, type: basic}\n",
        "scrape_configs:\n- job_name: a\n  proxy_url: user:hunter2@proxy\n",
        "scrape_configs:\n- job_name: a\n  http_headers: {X-Key: {secrets: [hunter2], valuez: [hunter2]}}\n",
    ] {
        let files = MemoryFiles::new([("w.yml", text)]);
        let problems = problems(load(Some("w.yml"), &files, &no_environment));
        assert!(problems.iter().any(|problem| problem.severity == Severity::Error), "{text}");
        let shown = render_text(&problems, false) + &render_json(&problems);
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
    }
    let plan = plan(
        "global: {slack_api_url: 'http://${TOKEN}'}\nroute: {receiver: a}\nreceivers: [{name: a, slack_configs: [{}]}]\n",
    );
    assert!(!format!("{plan:?}").contains("s3cret"));
}

#[test]
fn files_that_are_not_there() {
    insta::assert_snapshot!(main("rule_files: [gone.yml, 'none/*.yml', 'a[']\ntemplates: [x.tmpl]\n"), @r##"
    error[file/unreadable]: there is no such file
     --> watchbell.yml:1:14
      |
    1 | rule_files: [gone.yml, 'none/*.yml', 'a[']
      |              ^^^^^^^^

    warning[file/no-match]: this pattern matches no file
     --> watchbell.yml:1:24
      |
    1 | rule_files: [gone.yml, 'none/*.yml', 'a[']
      |                        ^^^^^^^^^^^^

    error[file/pattern]: cannot read `a[`: unclosed character class; missing ']'
     --> watchbell.yml:1:38
      |
    1 | rule_files: [gone.yml, 'none/*.yml', 'a[']
      |                                      ^^^^

    error[file/unreadable]: there is no such file
     --> watchbell.yml:2:13
      |
    2 | templates: [x.tmpl]
      |             ^^^^^^
    "##);
    let missing = load(Some("gone.yml"), &MemoryFiles::default(), &no_environment).expect_err("missing");
    insta::assert_snapshot!(render_text(&missing, false), @r##"
    error[file/unreadable]: cannot read `gone.yml`: no such file
    "##);
}

#[test]
fn templates_are_checked_with_their_files() {
    let main = "templates: ['t/*.tmpl']\nroute: {receiver: a}\nreceivers:\n- name: a\n  slack_configs:\n  - api_url: http://x\n    text: '{{ template \"my.text\" . }}'\n";
    let good = MemoryFiles::new([("w.yml", main), ("t/a.tmpl", "{{ define \"my.text\" }}x{{ end }}")]);
    assert_eq!(problems(load(Some("w.yml"), &good, &no_environment)), []);
    let bad = MemoryFiles::new([("w.yml", main), ("t/a.tmpl", "{{ define \"my.txt\" }}x{{ end }}\n{{ nofunc }}")]);
    insta::assert_snapshot!(render_text(&problems(load(Some("w.yml"), &bad, &no_environment)), false), @r##"
    error[template/syntax]: function "nofunc" not defined
     --> t/a.tmpl:2:4
      |
    2 | {{ nofunc }}
      |    ^
    "##);
}

#[test]
fn a_folder_is_checked_whole() {
    let files = MemoryFiles::new([
        ("d/watchbell.yml", "rule_files: [rules/a.yml]\n"),
        ("d/rules/a.yml", "groups: [{name: a, rules: [{record: x, expr: up}, {record: y, expr: 'up[5m]'}]}]\n"),
        ("d/rules/a_test.yml", "rule_files: [a.yml]\ntests: []\n"),
        ("d/k8s.yaml", "apiVersion: v1\nkind: PrometheusRule\nmetadata: {name: x}\nspec: {groups: [{name: g}]}\n"),
        ("d/readme.txt", "no"),
    ]);
    let checked = check(&["d".to_owned()], &files, &no_environment);
    let ids: Vec<&str> = checked.diagnostics.iter().map(|problem| problem.id).collect();
    assert_eq!((checked.files, checked.rules), (3, 1));
    assert_eq!(ids, ["expr/type"]);
}

#[test]
fn published_rules_are_accepted() {
    let Some(root) = std::env::var_os("WATCHBELL_CONFORMANCE") else {
        println!("WATCHBELL_CONFORMANCE is not set: the published rules were not checked");
        return;
    };
    let mut files = MemoryFiles::default();
    let mut folders = vec![std::path::PathBuf::from(root).join("rules")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.to_string_lossy().into_owned();
                files.0.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    let paths: Vec<String> = files.0.keys().cloned().collect();
    let checked = check(&paths, &files, &no_environment);
    let errors: Vec<&Diagnostic> =
        checked.diagnostics.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{}", render_text(&checked.diagnostics, false));
    assert!(checked.files >= 37 && checked.rules > 300, "{} files, {} rules", checked.files, checked.rules);
}

#[test]
fn alertmanager_files_get_their_verdict() {
    let Some(root) = std::env::var_os("WATCHBELL_CONFORMANCE") else {
        println!("WATCHBELL_CONFORMANCE is not set: Alertmanager's files were not checked");
        return;
    };
    let folder = std::path::PathBuf::from(root).join("alertmanager");
    // Valid for Alertmanager; refused here because of channels or blocks that are not supported yet.
    let refused = ["conf.good.yml", "conf.sns-topic-arn.yml"];
    for line in std::fs::read_to_string(folder.join("verdicts.txt")).expect("verdicts").lines() {
        let (name, verdict) = line.split_once(' ').expect("a name and a verdict");
        let mut files = MemoryFiles::default();
        files.0.insert(name.to_owned(), std::fs::read(folder.join(name)).expect("a file"));
        let checked = check(&[name.to_owned()], &files, &no_environment);
        let valid = verdict == "valid" && !refused.contains(&name);
        let shown = render_text(&checked.diagnostics, false);
        assert_eq!(checked.count(Severity::Error) == 0, valid, "{name}\n{shown}");
        assert!(!refused.contains(&name) || shown.contains("not supported yet"), "{name}\n{shown}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_answered(text in "[a-z:{}\\[\\]'\"|> \n&*!%@#,?-]{0,80}") {
        let _ = rules(&text);
        let _ = main(&text);
    }

    #[test]
    fn mutated_files_are_answered(at in 0usize..600, cut in 0usize..30, with in "[a-z:{}\\[\\]'\"|> \n&*-]{0,5}") {
        let text = include_str!("../../rules/host.yml");
        let start = at.min(text.len());
        let end = (at + cut).min(text.len());
        let mutated = format!("{}{with}{}", &text[..start], &text[end..]);
        let _ = rules(&mutated);
        let _ = main(&mutated);
    }
}
