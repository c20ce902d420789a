//! Opsgenie, VictorOps, Pushover and Jira: what is sent for a configuration, and what the answers mean.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use super::attempt_tests::{send, show};
use super::chat_payload_tests::channel;
use super::{Sender, fixture};
use crate::deliver::{Channel, Delivery};

/// One line per request: method, path and query, `Authorization`, body.
type Log = Arc<Mutex<Vec<String>>>;

/// A server that answers as `answer` says of method and path.
async fn server(answer: fn(&str) -> (u16, &'static str)) -> (SocketAddr, Log) {
    let log = Log::default();
    let kept = log.clone();
    let app = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
        let authorization = headers.get("authorization").map_or("-", |value| value.to_str().expect("text"));
        kept.lock().expect("not poisoned").push(format!("{method} {uri} {authorization} {body}").trim().to_owned());
        answered(answer(&format!("{method} {}", uri.path())))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, log)
}

fn answered((status, body): (u16, &'static str)) -> Response {
    (StatusCode::from_u16(status).expect("a status"), body).into_response()
}

fn payload(name: &str, settings: &str) -> String {
    fixture::rendered(channel(name, settings))
}

fn resolved_payload(name: &str, settings: &str) -> String {
    fixture::render_for(channel(name, settings), &fixture::resolved_notification()).to_string()
}

async fn send_resolved(channel: Channel) -> String {
    let sender = Sender::new(Arc::new(fixture::templates()), fixture::EXTERNAL_URL.into());
    let now = fixture::at("2026-11-22T03:00:00Z");
    let delivery = Delivery::new(1, "key-1".to_owned(), fixture::resolved_notification(), now);
    show(sender.send(&fixture::integration(channel), &delivery, now).await)
}

/// What was logged, with the group's key as `KEY`.
fn logged(log: &Log) -> Vec<String> {
    let key = fixture::notification().dedup_key();
    std::mem::take(&mut *log.lock().expect("not poisoned")).iter().map(|line| line.replace(&key, "KEY")).collect()
}

const OPSGENIE: &str = "api_key: g3nie-key, description: d, source: s";

#[test]
fn payload_of_opsgenie() {
    let settings = format!(
        "{{{OPSGENIE}, message: 'm{}', details: {{severity: high, number: '{{{{ len .Alerts }}}}'}}, tags: ' a, ,b', note: n, \
         priority: p1, entity: e, actions: 'ping,', update_alerts: true, responders: [{{name: 'Ops, Dev', type: teams}}, \
         {{username: '{{{{ .CommonLabels.nobody }}}}', type: user}}, {{id: '7', type: Schedule}}]}}",
        "x".repeat(200)
    );
    insta::assert_snapshot!(payload("opsgenie", &settings), @r#"
    POST v2/alerts
    {
      "alias": "196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26",
      "message": "mxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…",
      "description": "d",
      "details": {
        "alertname": "HighLoad",
        "number": "2",
        "severity": "high"
      },
      "source": "s",
      "responders": [
        {
          "name": "Ops",
          "type": "team"
        },
        {
          "name": "Dev",
          "type": "team"
        },
        {
          "id": "7",
          "type": "schedule"
        }
      ],
      "tags": [
        "a",
        "b"
      ],
      "note": "n",
      "priority": "P1",
      "entity": "e",
      "actions": [
        "ping"
      ]
    }

    PUT v2/alerts/196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26/message?identifierType=alias
    {
      "message": "mxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    }

    PUT v2/alerts/196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26/description?identifierType=alias
    {
      "description": "d"
    }
    "#);
    insta::assert_snapshot!(resolved_payload("opsgenie", &format!("{{{OPSGENIE}}}")), @r#"
    POST v2/alerts/196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26/close?identifierType=alias
    {
      "source": "s"
    }
    "#);
}

#[test]
fn opsgenie_keeps_to_the_limits() {
    let settings = format!(
        "{{{OPSGENIE}, message: '', priority: urgent, details: {{long: '{}'}}, tags: '{}'}}",
        "ä".repeat(9000),
        "t,".repeat(40)
    );
    let shown = payload("opsgenie", &settings);
    let alert: serde_json::Value = serde_json::from_str(shown.split_once('\n').expect("a body").1).expect("JSON");
    assert_eq!(alert["message"], r#"{}:{alertname="HighLoad"}"#);
    assert_eq!((alert["tags"].as_array().map(Vec::len), alert.get("priority")), (Some(20), None));
    let details = alert["details"].as_object().expect("details");
    assert_eq!(details["long"].as_str().map(|text| text.chars().count()), Some(8000 - "long".len()));
    assert_eq!(details.len(), 1, "the labels have no room left");
}

#[tokio::test]
async fn opsgenie_is_asked_in_order() {
    let (address, log) = server(|_| (202, r#"{"result":"Request will be processed"}"#)).await;
    let settings = format!("{{{OPSGENIE}, message: m, update_alerts: true, api_url: 'http://{address}/api'}}");
    assert_eq!(show(send(channel("opsgenie", &settings)).await), "delivered");
    let asked = logged(&log);
    assert!(
        asked[0].starts_with(r#"POST /api/v2/alerts GenieKey g3nie-key {"alias":"KEY","message":"m","#),
        "{asked:?}"
    );
    assert_eq!(
        asked[1..],
        [
            r#"PUT /api/v2/alerts/KEY/message?identifierType=alias GenieKey g3nie-key {"message":"m"}"#,
            r#"PUT /api/v2/alerts/KEY/description?identifierType=alias GenieKey g3nie-key {"description":"d"}"#,
        ]
    );
    assert_eq!(send_resolved(channel("opsgenie", &settings)).await, "delivered");
    assert_eq!(
        logged(&log),
        [r#"POST /api/v2/alerts/KEY/close?identifierType=alias GenieKey g3nie-key {"source":"s"}"#]
    );
}

#[tokio::test]
async fn the_first_request_that_fails_decides() {
    for (answer, expected, requests) in [
        (
            (|_| (422, "bad key g3nie-key")) as fn(&str) -> (u16, &'static str),
            "rejected: 422 Unprocessable Entity: bad key <secret>",
            1,
        ),
        (|_| (429, r#"{"retry_after":3}"#), r#"retry after 3s: 429 Too Many Requests: {"retry_after":3}"#, 1),
        (|path| if path.ends_with("/message") { (500, "") } else { (202, "") }, "retry: 500 Internal Server Error", 2),
    ] {
        let (address, log) = server(answer).await;
        let settings = format!("{{{OPSGENIE}, message: m, update_alerts: true, api_url: 'http://{address}'}}");
        assert_eq!(show(send(channel("opsgenie", &settings)).await), expected);
        assert_eq!(logged(&log).len(), requests);
    }
}

#[test]
fn payload_of_victorops() {
    let settings = "{api_key: k, routing_key: r, message_type: '{{ .CommonLabels.severity }}', state_message: st, \
        entity_display_name: 'e {{ .Status }}', custom_fields: {Region: '{{ len .Alerts }}'}}";
    insta::assert_snapshot!(payload("victorops", settings), @r#"
    {
      "Region": "2",
      "entity_display_name": "e firing",
      "entity_id": "196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26",
      "message_type": "CRITICAL",
      "monitoring_tool": "Watchbell",
      "state_message": "st"
    }
    "#);
    assert!(resolved_payload("victorops", settings).contains(r#""message_type": "RECOVERY""#));
    let long = format!("{{api_key: k, routing_key: r, message_type: info, state_message: '{}'}}", "ä".repeat(30_000));
    let message: serde_json::Value = serde_json::from_str(&payload("victorops", &long)).expect("JSON");
    assert_eq!(message["message_type"], "INFO");
    assert_eq!(message["state_message"].as_str().map(|text| text.chars().count()), Some(20_480));
}

#[tokio::test]
async fn victorops_has_its_keys_in_the_address() {
    let (address, log) = server(|path| match path {
        "POST /alert/v1ctor/a%20b" => (200, r#"{"result":"success"}"#),
        _ => (404, "no route v1ctor/other"),
    })
    .await;
    let settings =
        |route: &str| format!("{{api_key: v1ctor, routing_key: {route}, api_url: 'http://{address}/alert'}}");
    assert_eq!(show(send(channel("victorops", &settings("a b"))).await), "delivered");
    assert!(logged(&log)[0].starts_with("POST /alert/v1ctor/a%20b - {"));
    let outcome = show(send(channel("victorops", &settings("'{{ .Status }}'"))).await);
    assert_eq!(outcome, "rejected: 404 Not Found: no route <secret>/other");
}

const PUSHOVER: &str = "user_key: us3r-key, token: t0ken-key, title: t";

#[test]
fn payload_of_pushover() {
    let settings = format!(
        "{{{PUSHOVER}, message: '<b>{{{{ (index .Alerts 0).Annotations.summary }}}} &</b>', html: true, url: 'http://u', \
         url_title: 'see {{{{ .Status }}}}', device: phone, sound: siren, ttl: 90s}}"
    );
    insta::assert_snapshot!(payload("pushover", &settings), @r#"
    title: t
    message: <b>Load is high, überall &</b>
    url: http://u
    url_title: see firing
    priority: 2
    device: phone
    sound: siren
    retry: 60
    expire: 3600
    ttl: 90
    html: 1
    "#);
    let settings = format!("{{{PUSHOVER}, message: ' ', url: '', monospace: true}}");
    insta::assert_snapshot!(resolved_payload("pushover", &settings), @"
    title: t
    message: (no details)
    priority: 0
    monospace: 1
    ");
}

#[test]
fn pushover_keeps_to_the_limits() {
    let settings = format!(
        "{{user_key: u, token: t, title: '{}', message: '{}', url: '{}', priority: '{{{{ len .Alerts }}}}00'}}",
        "ä".repeat(300),
        "ö".repeat(2000),
        "u".repeat(600)
    );
    let shown = payload("pushover", &settings);
    let lengths: Vec<usize> =
        shown.lines().filter_map(|line| line.split_once(": ")).map(|(_, value)| value.chars().count()).collect();
    assert_eq!(lengths[..3], [250, 1024, 512]);
    assert!(shown.contains("\npriority: 2\n"), "{shown}");
}

#[tokio::test]
async fn pushover_says_whether_it_has_taken_it() {
    for (answer, expected) in [
        ((|_| (200, r#"{"status":1,"request":"5"}"#)) as fn(&str) -> (u16, &'static str), "delivered"),
        (
            |_| (200, r#"{"status":0,"errors":["token t0ken-key is bad"]}"#),
            "rejected: Pushover says token <secret> is bad",
        ),
        (|_| (200, "<html>"), "retry: 200 OK, but not from Pushover: <html>"),
        (|_| (400, r#"{"status":0}"#), r#"rejected: 400 Bad Request: {"status":0}"#),
        (|_| (429, ""), "retry: 429 Too Many Requests"),
        (|_| (502, "us3r-key"), "retry: 502 Bad Gateway: <secret>"),
    ] {
        let (address, log) = server(answer).await;
        let settings = format!("{{{PUSHOVER}, message: 'a b', url: '', api_url: 'http://{address}/1/messages.json'}}");
        assert_eq!(show(send(channel("pushover", &settings)).await), expected);
        let form = "token=t0ken-key&user=us3r-key&title=t&message=a+b&priority=2&retry=60&expire=3600";
        assert_eq!(logged(&log), [format!("POST /1/messages.json - {form}")]);
    }
}

const JIRA: &str = "project: OPS, issue_type: Bug, description: 'd', summary: 's', resolve_transition: Done, \
    reopen_transition: Again, reopen_duration: 90s, wont_fix_resolution: 'Won''t \"Fix\"'";

#[test]
fn payload_of_jira() {
    let settings = "{api_url: 'http://j/rest/api/2', project: '{{ .CommonLabels.severity }}', issue_type: Bug, \
        labels: ['two words', '{{ .Status }}', ''], fields: {customfield_1: {value: '{{ .Status }}'}, n: 7, list: [{name: a}]}, \
        description: '{{ range .Alerts }}{{ .Labels.instance }} {{ end }}'}";
    insta::assert_snapshot!(payload("jira", settings), @r#"
    {
      "fields": {
        "customfield_1": {
          "value": "firing"
        },
        "description": "a:9100 bb:9100 ",
        "issuetype": {
          "name": "Bug"
        },
        "labels": [
          "ALERT{196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26}",
          "firing",
          "two_words"
        ],
        "list": [
          {
            "name": "a"
          }
        ],
        "n": 7,
        "priority": {
          "name": "High"
        },
        "project": {
          "key": "critical"
        },
        "summary": "[FIRING:1] HighLoad (critical)"
      }
    }
    "#);
    let document = |description: &str| {
        let settings =
            format!("{{api_url: 'http://j/rest/api/3', project: P, issue_type: Bug, description: {description}}}");
        let body: serde_json::Value = serde_json::from_str(&payload("jira", &settings)).expect("JSON");
        body["fields"]["description"].to_string()
    };
    assert_eq!(document(r#"'{"type":"doc","version":1,"content":[]}'"#), r#"{"content":[],"type":"doc","version":1}"#);
    insta::assert_snapshot!(document(r#""one\n\ntwo""#), @r#"{"content":[{"content":[{"text":"one","type":"text"}],"type":"paragraph"},{"content":[{"text":"two","type":"text"}],"type":"paragraph"}],"type":"doc","version":1}"#);
    let long = format!(
        "{{api_url: 'http://j/rest/api/2', project: P, issue_type: Bug, summary: '{}', description: '{}'}}",
        "ä".repeat(300),
        "ö".repeat(40_000)
    );
    let body: serde_json::Value = serde_json::from_str(&payload("jira", &long)).expect("JSON");
    let length = |name: &str| body["fields"][name].as_str().map(|text| text.chars().count());
    assert_eq!((length("summary"), length("description")), (Some(255), Some(32_767)));
}

fn jira(address: SocketAddr) -> Channel {
    let auth = "http_config: {basic_auth: {username: me, password: p4ssword}}";
    channel("jira", &format!("{{{JIRA}, priority: '', api_url: 'http://{address}/rest/api/2/', {auth}}}"))
}

const BASIC: &str = "Basic bWU6cDRzc3dvcmQ=";

#[tokio::test]
async fn jira_makes_an_issue_where_there_is_none() {
    let (address, log) = server(|request| match request {
        "POST /rest/api/2/search" => (200, r#"{"issues":[]}"#),
        _ => (201, r#"{"key":"OPS-1"}"#),
    })
    .await;
    assert_eq!(show(send(jira(address)).await), "delivered");
    let asked = logged(&log);
    insta::assert_snapshot!(asked.join("\n"), @r#"
    POST /rest/api/2/search Basic bWU6cDRzc3dvcmQ= {"fields":["status"],"jql":"(resolution is EMPTY or resolution != \"Won't \\\"Fix\\\"\") and (resolutiondate is EMPTY or resolutiondate >= -1m) and project = \"OPS\" and labels = \"ALERT{KEY}\" order by status ASC, resolutiondate DESC","maxResults":2}
    POST /rest/api/2/issue Basic bWU6cDRzc3dvcmQ= {"fields":{"description":"d","issuetype":{"name":"Bug"},"labels":["ALERT{KEY}"],"project":{"key":"OPS"},"summary":"s"}}
    "#);
    assert_eq!(send_resolved(jira(address)).await, "delivered");
    let asked = logged(&log);
    assert_eq!(asked.len(), 1, "nothing to resolve");
    assert!(asked[0].contains("and statusCategory != Done and project"), "{asked:?}");
}

const TRANSITIONS: &str = r#"{"transitions":[{"id":"3","name":"Again"},{"id":"4","name":"Done"}]}"#;

#[tokio::test]
async fn jira_opens_and_ends_the_issue_that_is_there() {
    let (address, log) = server(|request| match request {
        "POST /rest/api/2/search" => {
            (200, r#"{"issues":[{"key":"OPS-1","fields":{"status":{"statusCategory":{"key":"done"}}}}]}"#)
        }
        "GET /rest/api/2/issue/OPS-1/transitions" => (200, TRANSITIONS),
        _ => (204, ""),
    })
    .await;
    assert_eq!(show(send(jira(address)).await), "delivered");
    let asked = logged(&log);
    assert!(asked[1].starts_with(&format!(r#"PUT /rest/api/2/issue/OPS-1 {BASIC} {{"fields":{{"#)), "{asked:?}");
    let transitions = "/rest/api/2/issue/OPS-1/transitions";
    let expected =
        [format!("GET {transitions} {BASIC}"), format!(r#"POST {transitions} {BASIC} {{"transition":{{"id":"3"}}}}"#)];
    assert_eq!(asked[2..], expected);

    let (address, log) = server(|request| match request {
        "POST /rest/api/2/search" => {
            (200, r#"{"issues":[{"key":"OPS-1","fields":{"status":{"statusCategory":{"key":"new"}}}}]}"#)
        }
        "GET /rest/api/2/issue/OPS-1/transitions" => (200, TRANSITIONS),
        _ => (204, ""),
    })
    .await;
    assert_eq!(show(send(jira(address)).await), "delivered");
    assert_eq!(logged(&log).len(), 2, "an open issue is brought up to date");
    assert_eq!(send_resolved(jira(address)).await, "delivered");
    assert!(logged(&log)[3].ends_with(r#"{"transition":{"id":"4"}}"#));
}

#[tokio::test]
async fn jira_that_refuses() {
    for (answer, expected) in [
        ((|_| (401, "p4ssword")) as fn(&str) -> (u16, &'static str), "rejected: 401 Unauthorized: <secret>"),
        (|_| (503, ""), "retry: 503 Service Unavailable"),
        (|_| (200, "<html>"), "retry: the answer is not Jira's"),
        (|_| (200, "{}"), "retry: the answer is not Jira's"),
        (
            |request| if request.ends_with("search") { (200, r#"{"issues":[]}"#) } else { (400, r#"{"errors":{}}"#) },
            r#"rejected: 400 Bad Request: {"errors":{}}"#,
        ),
        (
            |request| match request {
                "POST /rest/api/2/search" => {
                    (200, r#"{"issues":[{"key":"OPS-1","fields":{"status":{"statusCategory":{"key":"done"}}}}]}"#)
                }
                _ => (200, r#"{"transitions":[]}"#),
            },
            "rejected: OPS-1 has no transition `Again`",
        ),
    ] {
        let (address, _) = server(answer).await;
        assert_eq!(show(send(jira(address)).await), expected);
    }
}

#[tokio::test]
async fn jira_cloud_searches_by_version_3() {
    for (api, path, expected) in [
        ("cloud", "/rest/api/2", "POST /rest/api/3/search/jql"),
        ("cloud", "/rest/api/3", "POST /rest/api/3/search/jql"),
        ("datacenter", "/rest/api/2", "POST /rest/api/2/search"),
        ("auto", "/rest/api/2", "POST /rest/api/2/search"),
    ] {
        let (address, log) = server(|_| (500, "")).await;
        let settings = format!("{{{JIRA}, api_type: {api}, api_url: 'http://{address}{path}'}}");
        assert!(show(send(channel("jira", &settings)).await).starts_with("retry: 500"));
        assert!(logged(&log)[0].starts_with(&format!("{expected} ")), "{api} {path}");
    }
}

#[tokio::test]
async fn tokens_that_are_not_to_be_had_are_asked_for_again() {
    let (address, log) = server(|request| match request {
        "POST /token" => (503, "cl1ent-secret"),
        _ => (200, ""),
    })
    .await;
    let settings = format!(
        "{{url: 'http://{address}/', http_config: {{oauth2: {{client_id: a, client_secret: cl1ent-secret, \
         token_url: 'http://{address}/token'}}}}}}"
    );
    let channel = channel("webhook", &settings);
    assert_eq!(show(send(channel.clone()).await), "retry: oauth2: no token: 503 Service Unavailable");
    assert_eq!(show(send(channel).await), "retry: oauth2: no token: 503 Service Unavailable");
    assert_eq!(logged(&log).len(), 2);
}
