//! The channels opsgenie, victorops, pushover and jira.

use std::time::Duration;

use super::*;
use crate::deliver::{Channel, JiraApi, PushoverFormat, Secret};

fn channel(global: &str, name: &str, settings: &str) -> Channel {
    let text = format!(
        "global: {global}\nroute: {{receiver: a}}\nreceivers:\n  - name: a\n    {name}_configs:\n      - {settings}\n"
    );
    plan(&text).engine.receivers.remove(0).integrations.remove(0).channel
}

/// The problems of a channel, one per line, without their excerpts.
fn refused(name: &str, settings: &str) -> String {
    let text = format!("route: {{receiver: a}}\nreceivers: [{{name: a, {name}_configs: [{settings}]}}]\n");
    let problems = main(&text);
    let is_head = |line: &&str| line.starts_with("error") || line.starts_with("warning");
    problems.lines().filter(is_head).collect::<Vec<_>>().join("\n")
}

#[test]
fn opsgenie() {
    let Channel::Opsgenie(own) = channel(
        "{opsgenie_api_url: 'http://global', opsgenie_api_key: k}",
        "opsgenie",
        "{api_key: '${TOKEN}', api_url: 'http://own/', responders: [{name: Ops, type: Team}, {id: x, type: '{{ .Status }}'}]}",
    ) else {
        panic!("not Opsgenie")
    };
    assert_eq!((own.api_url.as_str(), &own.api_key), ("http://own/", &Secret::Value("s3cret".to_owned())));
    assert_eq!((own.responders[0].kind.as_str(), own.responders[1].kind.as_str()), ("team", "{{ .Status }}"));
    assert!(!own.update_alerts);
    let Channel::Opsgenie(global) =
        channel("{opsgenie_api_url: 'http://global', opsgenie_api_key_file: k}", "opsgenie", "{update_alerts: true}")
    else {
        panic!("not Opsgenie")
    };
    assert_eq!((global.api_url.as_str(), &global.api_key), ("http://global/", &Secret::File("etc/k".to_owned())));
    assert!(global.update_alerts);
}

#[test]
fn victorops() {
    let Channel::Victorops(config) = channel("{victorops_api_key: k}", "victorops", "{routing_key: ops}") else {
        panic!("not VictorOps")
    };
    assert_eq!(config.api_url, "https://alert.victorops.com/integrations/generic/20131114/alert/");
    let message_type = r#"{{ template "victorops.default.message_type" . }}"#;
    assert_eq!((config.message_type.as_str(), config.routing_key.as_str()), (message_type, "ops"));
}

#[test]
fn pushover() {
    let settings = "{user_key: u, token_file: t, retry: 2m, expire: 30m, ttl: 1h, monospace: true}";
    let Channel::Pushover(config) = channel("{}", "pushover", settings) else { panic!("not Pushover") };
    let seconds = [config.retry, config.expire, config.ttl].map(|duration| duration.as_secs());
    assert_eq!((seconds, config.format), ([120, 1800, 3600], PushoverFormat::Monospace));
    assert_eq!(config.api_url, "https://api.pushover.net/1/messages.json");
}

#[test]
fn jira() {
    let settings = "{project: OPS, issue_type: Bug, api_type: cloud, summary: s, reopen_duration: 1h, \
        description: {template: d, enable_update: false}, labels: [a], fields: {customfield_1: {value: red}, n: 1}}";
    let Channel::Jira(config) = channel("{jira_api_url: 'https://j.test/rest/api/2/'}", "jira", settings) else {
        panic!("not Jira")
    };
    assert_eq!((config.api_url.as_str(), config.api_type), ("https://j.test/rest/api/2", JiraApi::Cloud));
    assert!(config.summary.enable_update && !config.description.enable_update);
    assert_eq!((config.description.template.as_str(), config.reopen_duration), ("d", Duration::from_secs(3600)));
    assert_eq!(serde_json::Value::Object(config.fields).to_string(), r#"{"customfield_1":{"value":"red"},"n":1}"#);
}

#[test]
fn mistakes() {
    for (name, settings, expected) in [
        ("opsgenie", "{}", "error[yaml/missing-field]: an Opsgenie channel needs the field `api_key`"),
        (
            "opsgenie",
            "{api_key: a, teams: x}",
            "error[yaml/unknown-field]: unknown field `teams` in an Opsgenie channel",
        ),
        (
            "opsgenie",
            "{api_key: a, api_key_file: b}",
            "error[config/secret-twice]: give `api_key` or `api_key_file`, not both",
        ),
        (
            "opsgenie",
            "{api_key: a, responders: [{type: team}]}",
            "error[yaml/missing-field]: a responder needs one of `id`, `name` and `username`",
        ),
        (
            "opsgenie",
            "{api_key: a, responders: [{id: x, type: group}]}",
            "error[config/opsgenie]: `group` is no type of responder",
        ),
        ("opsgenie", "{api_key: a, responders: [{id: x}]}", "error[config/opsgenie]: a responder needs a `type`"),
        (
            "opsgenie",
            "{api_key: a, api_url: x}",
            "error[config/url]: `api_url` must begin with `http://` or `https://`",
        ),
        ("victorops", "{api_key: a}", "error[yaml/missing-field]: a VictorOps channel needs the field `routing_key`"),
        ("victorops", "{routing_key: a}", "error[yaml/missing-field]: a VictorOps channel needs the field `api_key`"),
        (
            "victorops",
            "{api_key: a, routing_key: a, custom_fields: {entity_state: x}}",
            "error[config/victorops]: `custom_fields` cannot set `entity_state`: every message has that field by itself",
        ),
        ("pushover", "{token: a}", "error[yaml/missing-field]: a Pushover channel needs the field `user_key`"),
        ("pushover", "{user_key: a}", "error[yaml/missing-field]: a Pushover channel needs the field `token`"),
        (
            "pushover",
            "{user_key: a, token: b, token_file: c}",
            "error[config/secret-twice]: give `token` or `token_file`, not both",
        ),
        (
            "pushover",
            "{user_key: a, token: b, html: true, monospace: true}",
            "error[config/pushover]: give `html` or `monospace`, not both",
        ),
        (
            "pushover",
            "{user_key: a, token: b, retry: 10s, expire: 4h}",
            "warning[config/pushover]: Pushover refuses a message of priority 2 with a `retry` below 30s\n\
             warning[config/pushover]: Pushover refuses a message of priority 2 without an `expire` of at most 3h",
        ),
        (
            "jira",
            "{project: a, issue_type: b}",
            "error[yaml/missing-field]: a Jira channel needs `api_url`, here or as `jira_api_url` in `global`",
        ),
        (
            "jira",
            "{api_url: 'http://x', issue_type: b}",
            "error[yaml/missing-field]: a Jira channel needs the field `project`",
        ),
        (
            "jira",
            "{api_url: 'http://x', project: b}",
            "error[yaml/missing-field]: a Jira channel needs the field `issue_type`",
        ),
        (
            "jira",
            "{api_url: 'http://x', project: b, issue_type: c, api_type: server}",
            "error[config/jira]: `server` is no type of Jira; write `auto`, `cloud` or `datacenter`",
        ),
    ] {
        assert_eq!(refused(name, settings), expected, "{name} {settings}");
    }
}
