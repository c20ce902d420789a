//! Files that are broken or meant to harm, and secrets that must not show.

use super::*;
use crate::model::{Severity, render_json};

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
    error[expr/syntax]: the name `ä` needs quotes
     --> rules.yml:4:24
      |
    4 |   - {record: x, expr: 'ä('}
      |                        ^
      |
      = help: quote it inside braces: `{"ä"}`

    error[expr/syntax]: this `(` is never closed
     --> rules.yml:4:25
      |
    4 |   - {record: x, expr: 'ä('}
      |                         ^
      |
      = help: add a `)`
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
fn endless_problems_are_cut() {
    let repeated = "a: 1\n".repeat(100_000);
    assert!(rules(&repeated).len() < 100_000);
    let unknown: String = (0..20_000).map(|number| format!("k{number}: 1\n")).collect();
    let text = rules(&unknown);
    assert!(text.contains("19900 further problems"), "{}", &text[text.len() - 500..]);
    let warnings = "  - {alert: A, expr: up}\n".repeat(500) + "  - {alert: B, expr: '('}\n";
    assert!(rules(&format!("groups:\n- name: a\n  rules:\n{warnings}")).contains("error[expr/syntax]"));
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
        "receivers:\n- name: a\n  jira_configs: [{api_url: 'ftp://u:hunter2@jira', project: p, issue_type: t}]\nroute: {receiver: a}\n",
        "receivers:\n- name: a\n  ntfy_configs: [{topic: t, actions: [{label: l, headers: {Authorization: hunter2}}]}]\nroute: {receiver: a}\n",
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

proptest::proptest! {
    #[test]
    fn any_text_is_answered(text in "[a-z:{}\\[\\]'\"|> \n&*!%@#,?-]{0,80}") {
        let _ = rules(&text);
        let _ = main(&text);
    }

    #[test]
    fn mutated_files_are_answered(at in 0usize..600, cut in 0usize..30, with in "[a-z:{}\\[\\]'\"|> \n&*-]{0,5}") {
        let text = include_str!("../../../rules/host.yml");
        let start = at.min(text.len());
        let end = (at + cut).min(text.len());
        let mutated = format!("{}{with}{}", &text[..start], &text[end..]);
        let _ = rules(&mutated);
        let _ = main(&mutated);
    }
}
