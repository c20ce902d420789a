//! Receivers that page by message, command or another Alertmanager.

use std::time::Duration;

use super::*;
use crate::deliver::{Channel, PagerdutyKey, Secret, SnsTarget, TwilioSender};

/// A main file with one receiver of these fields.
fn receiver(fields: &str) -> String {
    format!("route: {{receiver: a}}\nreceivers:\n- name: a\n  {}\n", fields.trim().replace('\n', "\n  "))
}

fn channels(text: &str) -> Vec<Channel> {
    plan(text).engine.receivers[0].integrations.iter().map(|integration| integration.channel.clone()).collect()
}

#[test]
fn pages_by_message() {
    let channels = channels(&receiver(
        r#"
sns_configs:
- topic_arn: arn:aws:sns:us-east-2:1:t
  sigv4: {region: us-east-2, access_key: "k-${TOKEN}", secret_key_file: secret, role_arn: r, external_id: e}
  attributes: {severity: Sev2}
- phone_number: '+49'
incidentio_configs:
- {url: https://api.incident.io/v2/alert_events/alertmanager/1, alert_source_token: "${TOKEN}", max_alerts: 5}
- {url_file: url, http_config: {authorization: {credentials_file: token}}}
pagerduty_configs:
- {service_key: "${TOKEN}"}
- {routing_key_file: key}
twilio_configs:
- {account_sid: AC1, auth_token: "${TOKEN}", from: '+1', to: ['+2', '+3']}
- {account_sid: AC1, api_key: SK1, api_key_secret: "${TOKEN}", messaging_service_sid: MG1, to: ['+4'], timeout: 5s}
"#,
    ));
    let mut telephones = Vec::new();
    for channel in &channels {
        match channel {
            Channel::Sns(sns) => match &sns.target {
                SnsTarget::Topic(_) => {
                    let keys = Some(("k-s3cret".to_owned(), Secret::File("etc/secret".to_owned())));
                    assert_eq!((&sns.sigv4.keys, sns.sigv4.role_arn.as_str()), (&keys, "r"));
                    assert_eq!(sns.subject, r#"{{ template "sns.default.subject" . }}"#);
                }
                target => assert_eq!(*target, SnsTarget::Phone("+49".to_owned())),
            },
            Channel::Incidentio(incidentio) => {
                let secret = match &incidentio.url {
                    Secret::Value(_) => Secret::Value("s3cret".to_owned()),
                    Secret::File(_) => Secret::File("etc/token".to_owned()),
                };
                assert_eq!(incidentio.http.authorization, Some(("Bearer".to_owned(), secret)));
            }
            Channel::Pagerduty(pagerduty) => match &pagerduty.key {
                PagerdutyKey::Service(_) => assert!(pagerduty.url.ends_with("/generic/2010-04-15/create_event.json")),
                PagerdutyKey::Routing(_) => assert!(pagerduty.url.ends_with("/v2/enqueue")),
            },
            Channel::Twilio(twilio) => {
                let auth = twilio.http.basic_auth.as_ref().expect("credentials");
                assert_eq!(auth.password, Some(Secret::Value("s3cret".to_owned())));
                let user = if matches!(twilio.sender, TwilioSender::From(_)) { "AC1" } else { "SK1" };
                assert_eq!((&auth.username, twilio.account_sid.as_str()), (&Secret::Value(user.to_owned()), "AC1"));
                telephones.push(twilio.to.as_str());
            }
            other => panic!("not here: {other:?}"),
        }
    }
    assert_eq!(telephones, ["+2", "+3", "+4"]);
}

#[test]
fn commands_and_peers() {
    let text = receiver(
        r#"
exec_configs:
- {command: bin/page, args: ['{{ .Status }}', '$HOME'], env: {KEY: "${TOKEN}"}, timeout: 5s, max_alerts: 3}
- {command: page}
alertmanager_configs:
- {urls: ['http://a:9093/', 'https://b/am'], expire_after: 2h, http_config: {basic_auth: {username: u}}}
"#,
    );
    let channels = channels(&format!("allow_exec: true\n{text}"));
    let [Channel::Exec(own), Channel::Exec(named), Channel::Alertmanager(a), Channel::Alertmanager(b)] = &channels[..]
    else {
        panic!("not as many: {channels:?}")
    };
    assert_eq!((own.command.as_str(), named.command.as_str()), ("etc/bin/page", "page"));
    assert_eq!(own.args, ["{{ .Status }}", "$HOME"]);
    assert_eq!((own.env["KEY"].as_str(), own.timeout, own.max_alerts), ("s3cret", Duration::from_secs(5), 3));
    assert_eq!((a.url.as_str(), b.url.as_str()), ("http://a:9093", "https://b/am"));
    assert!(b.expire_after == Duration::from_secs(7200) && b.http.basic_auth.is_some());
    assert_eq!(named.timeout, Duration::from_secs(30));
}

#[test]
fn errors_of_paging() {
    insta::assert_snapshot!(main(&receiver(
        r#"
sns_configs:
- {api_url: 'ftp://x', sigv4: {access_key: hunter2}}
- {topic_arn: a, phone_number: b, sigv4: {secret_key: hunter2}, message: '{{ .x'}
incidentio_configs:
- {alert_source_token: hunter2}
- {url: x, alert_source_token: hunter2, http_config: {authorization: {credentials: hunter2}}}
- {url: http://x}
- {url: http://x, url_file: y, alert_source_token: hunter2, alert_source_token_file: z}
pagerduty_configs:
- {routing_key: ''}
- {service_key: hunter2, routing_key: hunter2}
twilio_configs:
- {to: []}
- {account_sid: a, auth_token: hunter2, api_key: k, from: x, messaging_service_sid: y, to: ['', '+1', '+1']}
exec_configs:
- {args: ['{{ nope }}'], env: {'a=b': hunter2}}
alertmanager_configs:
- {urls: ['a:9093', 'http://u:p@a'], expire_after: 0s}
"#
    )), @r#"
    error[yaml/missing-field]: an SNS channel needs one of `topic_arn`, `phone_number` and `target_arn`
     --> watchbell.yml:5:5
      |
    5 |   - {api_url: 'ftp://x', sigv4: {access_key: hunter2}}
      |     ^

    error[config/url]: `api_url` must begin with `http://` or `https://`
     --> watchbell.yml:5:6
      |
    5 |   - {api_url: 'ftp://x', sigv4: {access_key: hunter2}}
      |      ^^^^^^^

    error[config/sigv4]: `access_key` and `secret_key` belong together; one is missing
     --> watchbell.yml:5:34
      |
    5 |   - {api_url: 'ftp://x', sigv4: {access_key: hunter2}}
      |                                  ^^^^^^^^^^

    error[config/sns]: give one of `topic_arn`, `phone_number` and `target_arn`, not several
     --> watchbell.yml:6:20
      |
    6 |   - {topic_arn: a, phone_number: b, sigv4: {secret_key: *******}, message: '{{ .x'}
      |                    ^^^^^^^^^^^^

    error[config/sigv4]: `access_key` and `secret_key` belong together; one is missing
     --> watchbell.yml:6:45
      |
    6 |   - {topic_arn: a, phone_number: b, sigv4: {secret_key: *******}, message: '{{ .x'}
      |                                             ^^^^^^^^^^

    error[template/syntax]: template: unclosed action
     --> watchbell.yml:6:82
      |
    6 |   - {topic_arn: a, phone_number: b, sigv4: {secret_key: *******}, message: '{{ .x'}
      |                                                                                  ^
      |
      = help: close the action with `}}`

    error[yaml/missing-field]: an incident.io channel needs the field `url`
     --> watchbell.yml:8:5
      |
    8 |   - {alert_source_token: *******}
      |     ^

    error[config/url]: `url` must begin with `http://` or `https://`
     --> watchbell.yml:9:6
      |
    9 |   - {url: *, alert_source_token: *******, http_config: {authorization: {credentials: *******}}}
      |      ^^^

    error[config/auth-twice]: give `alert_source_token` or `authorization` in `http_config`, not both
     --> watchbell.yml:9:14
      |
    9 |   - {url: *, alert_source_token: *******, http_config: {authorization: {credentials: *******}}}
      |              ^^^^^^^^^^^^^^^^^^

    error[yaml/missing-field]: an incident.io channel needs the field `alert_source_token`
      --> watchbell.yml:10:5
       |
    10 |   - {url: ********}
       |     ^

    error[config/secret-twice]: give `url` or `url_file`, not both
      --> watchbell.yml:11:21
       |
    11 |   - {url: ********, url_file: y, alert_source_token: *******, alert_source_token_file: z}
       |                     ^^^^^^^^

    error[config/secret-twice]: give `alert_source_token` or `alert_source_token_file`, not both
      --> watchbell.yml:11:63
       |
    11 |   - {url: ********, url_file: y, alert_source_token: *******, alert_source_token_file: z}
       |                                                               ^^^^^^^^^^^^^^^^^^^^^^^

    error[yaml/missing-field]: a PagerDuty channel needs the field `routing_key`
      --> watchbell.yml:13:5
       |
    13 |   - {routing_key: ''}
       |     ^

    warning[config/no-effect]: `routing_key` has no effect: `service_key` is given, and events go to the API's version 1
      --> watchbell.yml:14:28
       |
    14 |   - {service_key: *******, routing_key: *******}
       |                            ^^^^^^^^^^^

    error[yaml/missing-field]: a Twilio channel needs `account_sid`, here or as `twilio_account_sid` in `global`
      --> watchbell.yml:16:5
       |
    16 |   - {to: []}
       |     ^

    error[yaml/missing-field]: a Twilio channel needs `auth_token` or `api_key`, here or as `twilio_auth_token` in `global`
      --> watchbell.yml:16:5
       |
    16 |   - {to: []}
       |     ^

    error[yaml/missing-field]: a Twilio channel needs `from` or `messaging_service_sid`, here or as `twilio_from` in `global`
      --> watchbell.yml:16:5
       |
    16 |   - {to: []}
       |     ^

    error[yaml/missing-field]: a Twilio channel needs the field `to`
      --> watchbell.yml:16:5
       |
    16 |   - {to: []}
       |     ^

    error[yaml/missing-field]: a Twilio channel needs the field `api_key_secret`
      --> watchbell.yml:17:5
       |
    17 |   - {account_sid: a, auth_token: hunter2, api_key: k, from: x, messaging_service_sid: y, to: ['', '+1', '+1']}
       |     ^

    error[config/auth-twice]: give `auth_token` or `api_key`, not both
      --> watchbell.yml:17:22
       |
    17 |   - {account_sid: a, auth_token: hunter2, api_key: k, from: x, messaging_service_sid: y, to: ['', '+1', '+1']}
       |                      ^^^^^^^^^^

    error[config/twilio]: give `from` or `messaging_service_sid`, not both
      --> watchbell.yml:17:55
       |
    17 |   - {account_sid: a, auth_token: hunter2, api_key: k, from: x, messaging_service_sid: y, to: ['', '+1', '+1']}
       |                                                       ^^^^

    error[yaml/empty]: `to` must not hold empty texts
      --> watchbell.yml:17:95
       |
    17 |   - {account_sid: a, auth_token: hunter2, api_key: k, from: x, messaging_service_sid: y, to: ['', '+1', '+1']}
       |                                                                                               ^^

    error[config/duplicate]: `+1` is given twice
      --> watchbell.yml:17:105
       |
    17 |   - {account_sid: a, auth_token: hunter2, api_key: k, from: x, messaging_service_sid: y, to: ['', '+1', '+1']}
       |                                                                                                         ^^^^

    error[config/exec]: a receiver may not run commands unless that is allowed
      --> watchbell.yml:19:5
       |
    19 |   - {args: ['{{ nope }}'], env: {'a=b': *******}}
       |     ^
       |
       = help: `allow_exec: true` at the top of the main file allows it

    error[yaml/missing-field]: a command needs the field `command`
      --> watchbell.yml:19:5
       |
    19 |   - {args: ['{{ nope }}'], env: {'a=b': *******}}
       |     ^

    error[template/syntax]: function "nope" not defined
      --> watchbell.yml:19:17
       |
    19 |   - {args: ['{{ nope }}'], env: {'a=b': *******}}
       |                 ^

    error[config/exec]: a variable of `env` needs a name without `=`
      --> watchbell.yml:19:28
       |
    19 |   - {args: ['{{ nope }}'], env: {'a=b': *******}}
       |                            ^^^

    error[config/url]: the addresses in `urls` must begin with `http://` or `https://`
      --> watchbell.yml:21:6
       |
    21 |   - {urls: ['a:9093', **************], expire_after: 0s}
       |      ^^^^

    error[config/url]: an address in `urls` ends with host, port and path; credentials go to `http_config`
      --> watchbell.yml:21:6
       |
    21 |   - {urls: ['a:9093', **************], expire_after: 0s}
       |      ^^^^

    error[config/zero]: `expire_after` must be greater than zero
      --> watchbell.yml:21:40
       |
    21 |   - {urls: ['a:9093', **************], expire_after: 0s}
       |                                        ^^^^^^^^^^^^
    "#);
}

#[test]
fn alerts_that_end_too_early() {
    let text = receiver("alertmanager_configs: [{urls: ['http://a'], expire_after: 4h}]");
    insta::assert_snapshot!(main(&text), @r#"
    warning[config/expire-after]: `expire_after` of the receiver `a` is not longer than the `repeat_interval` of its route: its alerts end between two repetitions
     --> watchbell.yml:1:8
      |
    1 | route: {receiver: a}
      |        ^
    "#);
    assert_eq!(main(&text.replace("4h", "4h1s")), "");
}
