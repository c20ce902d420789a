//! SMS by Twilio (<https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>).

use super::http::Post;
use super::text::{RenderError, Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{Notification, Outcome, TwilioConfig, TwilioSender};
use crate::shell::secret::Hidden;

/// The greatest length of a message, in characters.
const BODY_LENGTH_MAX: usize = 1600;

/// The form, without credentials; `hint` is how to answer, which stands at the end.
pub(super) fn render(
    config: &TwilioConfig,
    notification: &Notification,
    texts: &Texts<'_>,
    hint: Option<&str>,
) -> Result<Vec<(String, String)>, RenderError> {
    let (name, sender) = match &config.sender {
        TwilioSender::From(text) => ("From", texts.exact("from", text)?),
        TwilioSender::Service(text) => ("MessagingServiceSid", texts.exact("messaging_service_sid", text)?),
    };
    let body = texts.text("body", &config.body);
    // Twilio refuses an empty message: better a dull text than no page.
    let body = if body.trim().is_empty() { notification.group_key.as_str() } else { body.trim() };
    let mut pairs = vec![
        ("To".to_owned(), texts.exact("to", &config.to)?),
        (name.to_owned(), sender),
        ("Body".to_owned(), with_hint(body, hint)),
    ];
    let callback = texts.text("status_callback", &config.status_callback);
    if !callback.is_empty() {
        pairs.push(("StatusCallback".to_owned(), callback));
    }
    Ok(pairs)
}

/// As much of `body` as leaves room for the hint, and the hint on a line of its own.
fn with_hint(body: &str, hint: Option<&str>) -> String {
    match hint {
        None => cut(body, BODY_LENGTH_MAX),
        Some(hint) => format!("{}\n{hint}", cut(body, BODY_LENGTH_MAX.saturating_sub(hint.chars().count() + 1))),
    }
}

pub(super) async fn send(config: &TwilioConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let pairs = {
        let hint = attempt.ways.and_then(|ways| ways.sms_hint(attempt.notification));
        render(config, attempt.notification, &attempt.texts(), hint.as_deref())?
    };
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = format!("{}/2010-04-01/Accounts/{}/Messages.json", config.api_url, config.account_sid);
    let post = Post::form(&url, &config.http, limit(config.timeout), &pairs);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(answer.verdict(&hidden))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    use crate::deliver::{BasicAuth, Channel, HttpConfig, Secret};
    use crate::shell::notify::attempt_tests::{send, server, show};
    use crate::shell::notify::fixture;

    use super::*;

    fn config(to: &str) -> TwilioConfig {
        let basic_auth =
            BasicAuth { username: Secret::Value("AC1".into()), password: Some(Secret::Value("auth-t0ken".into())) };
        TwilioConfig {
            api_url: "https://api.twilio.com".into(),
            account_sid: "AC1".into(),
            sender: TwilioSender::From("+15005550006".into()),
            to: to.into(),
            body: r#"{{ template "twilio.default.body" . }}"#.into(),
            status_callback: String::new(),
            timeout: Duration::from_secs(10),
            http: HttpConfig { basic_auth: Some(basic_auth), ..HttpConfig::default() },
        }
    }

    fn rendered(change: impl FnOnce(&mut TwilioConfig)) -> String {
        let mut config = config("+4912345");
        change(&mut config);
        fixture::rendered(Channel::Twilio(Box::new(config)))
    }

    #[test]
    fn payloads() {
        insta::assert_snapshot!(rendered(|_| ()), @r#"
        To: +4912345
        From: +15005550006
        Body: [FIRING:1] HighLoad (critical)
        "#);
        let by_service = rendered(|config| {
            config.sender = TwilioSender::Service("MG1".into());
            config.to = "{{ .CommonLabels.severity }}".into();
            config.body = " {{ (index .Alerts 0).Annotations.summary }}\n".into();
            config.status_callback = "{{ .ExternalURL }}/sms".into();
        });
        insta::assert_snapshot!(by_service, @r#"
        To: critical
        MessagingServiceSid: MG1
        Body: Load is high, überall
        StatusCallback: http://watchbell.example.org/sms
        "#);
    }

    #[test]
    fn keeps_to_the_limits() {
        let body = |text: &str| {
            let shown = rendered(|config| config.body = text.into());
            shown.lines().find_map(|line| line.strip_prefix("Body: ")).map(str::to_owned).expect("a body")
        };
        assert_eq!(body(&"ü".repeat(1600)).chars().count(), 1600);
        let long = body(&"ü".repeat(1601));
        assert!(long.chars().count() == 1600 && long.ends_with('…'));
        assert_eq!(body("{{ .CommonLabels.nope }}"), r#"{}:{alertname="HighLoad"}"#);
    }

    #[tokio::test]
    async fn attempts() {
        let (address, requests) = server(|path| match path {
            "/2010-04-01/Accounts/AC1/Messages.json" => {
                (StatusCode::CREATED, r#"{"sid":"SM1","status":"queued"}"#).into_response()
            }
            "/2010-04-01/Accounts/AC2/Messages.json" => {
                let body = r#"{"code":21211,"message":"The 'To' number +49 is not a valid phone number","status":400}"#;
                (StatusCode::BAD_REQUEST, body).into_response()
            }
            "/2010-04-01/Accounts/AC3/Messages.json" => {
                let body = r#"{"code":20429,"message":"Too Many Requests","status":429}"#;
                (StatusCode::TOO_MANY_REQUESTS, body).into_response()
            }
            _ => (StatusCode::UNAUTHORIZED, r#"{"code":20003,"message":"auth-t0ken"}"#).into_response(),
        })
        .await;
        for (account, expected) in [
            ("AC1", "delivered"),
            (
                "AC2",
                r#"rejected: 400 Bad Request: {"code":21211,"message":"The 'To' number +49 is not a valid phone number","status":400}"#,
            ),
            ("AC3", r#"retry: 429 Too Many Requests: {"code":20429,"message":"Too Many Requests","status":429}"#),
            ("AC4", r#"rejected: 401 Unauthorized: {"code":20003,"message":"<secret>"}"#),
        ] {
            let mut config = config("+49 1");
            config.api_url = format!("http://{address}");
            config.account_sid = account.into();
            assert_eq!(show(send(Channel::Twilio(Box::new(config))).await), expected, "{account}");
        }
        let requests = requests.lock().expect("not poisoned");
        let (_, headers, body) = &requests[0];
        assert_eq!(headers["authorization"], "Basic QUMxOmF1dGgtdDBrZW4=");
        assert!(body.starts_with(b"To=%2B49+1&From=%2B15005550006&Body="));
    }
}
