//! `answers`.

use std::time::Duration;

use super::*;
use crate::deliver::Secret;

#[test]
fn everything_that_answers_may_say() {
    let answers = plan(
        "
answers:
  link_ttl: 12h
  slack: {signing_secret_file: slack.secret}
  twilio: {auth_token: '${TOKEN}'}
  pagerduty: {webhook_secrets: ['${TOKEN}', other], webhook_secret_file: /pagerduty.secret}
  telegram: {secret_token: a-Z_9}
",
    )
    .answers;
    let value = |text: &str| Secret::Value(text.to_owned());
    assert_eq!(
        answers,
        Answers {
            link_ttl: Duration::from_secs(12 * 3600),
            slack_signing_secret: Some(Secret::File("etc/slack.secret".to_owned())),
            twilio_auth_token: Some(value("s3cret")),
            pagerduty_webhook_secrets: vec![
                value("s3cret"),
                value("other"),
                Secret::File("/pagerduty.secret".to_owned()),
            ],
            telegram_secret_token: Some(value("a-Z_9")),
        }
    );
    assert!(!format!("{answers:?}").contains("s3cret"), "{answers:?}");
    assert_eq!(plan("answers:\n").answers, Answers::default());
}

#[test]
fn what_cannot_be_is_refused() {
    for (block, expected) in [
        ("link_ttl: 0s", "`link_ttl` must be greater than zero"),
        ("link_ttl: 91d", "`link_ttl` may be 90 days at most"),
        ("slack: {signing_secret: a, signing_secret_file: b}", "not both"),
        ("slack: {}", "`slack` of `answers` needs one of `signing_secret`, `signing_secret_file`"),
        ("slack: {secret: hush}", "unknown field `secret`"),
        ("twilio: {auth_token: ''}", "`twilio` of `answers` needs one of `auth_token`, `auth_token_file`"),
        ("twilio: {auth_token: '${UNSET}'}", "the environment variable `UNSET` is not set"),
        ("pagerduty: {}", "needs one of `webhook_secrets`, `webhook_secret_file`"),
        ("pagerduty: {webhook_secrets: ['']}", "must not hold empty texts"),
        ("telegram: {secret_token: 'not this'}", "Telegram takes no other"),
        ("mail: {}", "unknown field `mail`"),
    ] {
        let found = main(&format!("answers:\n  {block}\n"));
        assert!(found.contains(expected), "{block}: expected {expected}, got\n{found}");
        assert!(!found.contains("hush") && !found.contains("not this"), "{found}");
    }
    let files = MemoryFiles::new([("watchbell.yml", "answers: {slack: {signing_secret: '${EMPTY}'}}\n")]);
    let empty = |name: &str| (name == "EMPTY").then(String::new);
    let found = render_text(&problems(load(Some("watchbell.yml"), &files, &empty)), false);
    assert!(found.contains("`signing_secret` must not be empty"), "{found}");
}
