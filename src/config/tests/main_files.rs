//! Main files.

use std::time::Duration;

use super::*;
use crate::deliver::{Channel, Secret, SlackTarget, SmtpSecurity};
use crate::formats::exposition::ScrapeProtocol;
use crate::route::GroupBy;

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
query: {timeout: 30s, max_concurrency: 4, max_samples: 1000, lookback_delta: 90s}
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
    let (timeout, lookback) = (Duration::from_secs(30), Duration::from_secs(90));
    assert_eq!(plan.query, QueryLimits { timeout, concurrency_max: 4, samples_max: 1000, lookback });
    assert_eq!(plan.eval_options().lookback, lookback);
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
            other => panic!("not here: {other:?}"),
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
    escalation: page
    webhook_configs: [{url: 'ftp://hunter2'}, {url: 'http://x', max_alerts: -1}]
    pagerduty_configs: [{routing_key: hunter2, description: '{{ template "nope" . }}'}]
inhibit_rules: []
"#
    ), @r###"
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

    error[config/regex]: invalid regular expression `(`: unclosed group
     --> watchbell.yml:8:53
      |
    8 |     metric_relabel_configs: [{action: dropp, regex: '('}]
      |                                                     ^^^

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

    error[config/unknown-time-interval]: no time interval is named `x`
      --> watchbell.yml:20:29
       |
    20 |       mute_time_intervals: [x]
       |                             ^
       |
       = help: define it under `time_intervals`

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

    error[config/unknown-policy]: no escalation policy is named `page`
      --> watchbell.yml:25:17
       |
    25 |     escalation: page
       |                 ^^^^
       |
       = help: define it under `escalation_policies`

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
    "###);
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

    warning[file/no-match]: there is no such file
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
fn what_is_asked_of_an_exposition() {
    let plan = plan(
        "global: {scrape_native_histograms: true, start_timestamps: true}\nscrape_configs:\n  - {job_name: a, type_and_unit_labels: true}\n  \
         - {job_name: b, scrape_native_histograms: false, scrape_protocols: [PrometheusText0.0.4]}\n",
    );
    let [first, second] = [0, 1].map(|index: usize| &plan.scrapes[index].exposition);
    assert!(first.native_histograms && first.start_timestamps && first.type_and_unit_labels);
    assert_eq!((first.protocols().len(), first.protocols()[0]), (5, ScrapeProtocol::PrometheusProto));
    assert!(!second.native_histograms && second.start_timestamps && !second.type_and_unit_labels);
    assert_eq!(second.protocols(), [ScrapeProtocol::PrometheusText0]);
}
