//! Amazon SNS: Publish (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).

use super::aws::{Aws, address, environment, verdict};
use super::sigv4::Scope;
use super::text::{RenderError, Texts, cut, cut_bytes, one_line};
use super::{Attempt, limit};
use crate::deliver::{Notification, Outcome, SnsConfig, SnsTarget};
use crate::shell::secret::Hidden;

/// The greatest size of a message with its attributes, in bytes.
const MESSAGE_SIZE_MAX: usize = 256 << 10;

/// The greatest length of a message to a telephone, in characters.
const SMS_LENGTH_MAX: usize = 1600;

/// The greatest length of a subject, in characters; it must be shorter than 100.
const SUBJECT_LENGTH_MAX: usize = 99;

/// The attribute that says that a message was cut.
const TRUNCATED: &str = "truncated";

/// The parameters of the call, in order.
type Parameters = Vec<(String, String)>;

/// The call without its signature.
pub(super) fn render(
    config: &SnsConfig,
    notification: &Notification,
    texts: &Texts<'_>,
    idempotency_key: &str,
) -> Result<Parameters, RenderError> {
    let (name, target) = match &config.target {
        SnsTarget::Topic(text) => ("TopicArn", texts.exact("topic_arn", text)?),
        SnsTarget::Phone(text) => ("PhoneNumber", texts.exact("phone_number", text)?),
        SnsTarget::Endpoint(text) => ("TargetArn", texts.exact("target_arn", text)?),
    };
    let mut parameters: Parameters = vec![("Action".into(), "Publish".into()), ("Version".into(), "2010-03-31".into())];
    if name == "TopicArn" && target.ends_with(".fifo") {
        // Per notification, not per group: within five minutes a second one under the same id would be dropped.
        parameters.push(("MessageDeduplicationId".into(), idempotency_key.to_owned()));
        parameters.push(("MessageGroupId".into(), notification.dedup_key()));
    }
    parameters.push((name.into(), target));
    let subject = cut(&one_line(&texts.text("subject", &config.subject)), SUBJECT_LENGTH_MAX);
    let (message, attributes) = message(config, notification, texts, &subject)?;
    if !subject.is_empty() {
        parameters.push(("Subject".into(), subject));
    }
    parameters.push(("Message".into(), message));
    for (number, (name, value)) in attributes.into_iter().enumerate() {
        let entry = format!("MessageAttributes.entry.{}", number + 1);
        parameters.push((format!("{entry}.Name"), name));
        parameters.push((format!("{entry}.Value.DataType"), "String".into()));
        parameters.push((format!("{entry}.Value.StringValue"), value));
    }
    Ok(parameters)
}

/// The message within its limit, and the attributes; SNS refuses empty ones of either.
fn message(
    config: &SnsConfig,
    notification: &Notification,
    texts: &Texts<'_>,
    subject: &str,
) -> Result<(String, Parameters), RenderError> {
    let mut attributes = Parameters::new();
    for (name, value) in &config.attributes {
        let (name, value) = (texts.exact("attributes", name)?, texts.text("attributes", value));
        if !name.is_empty() && !value.is_empty() {
            attributes.push((name, value));
        }
    }
    let rendered = texts.text("message", &config.message);
    let whole = [rendered.as_str(), subject, &notification.group_key];
    let whole = whole.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default();
    let cut = match config.target {
        SnsTarget::Phone(_) => cut(whole, SMS_LENGTH_MAX),
        SnsTarget::Topic(_) | SnsTarget::Endpoint(_) => {
            let size: usize = attributes.iter().map(|(name, value)| name.len() + value.len() + "String".len()).sum();
            let marker = TRUNCATED.len() + "true".len() + "String".len();
            cut_bytes(whole, MESSAGE_SIZE_MAX.saturating_sub(size + marker))
        }
    };
    if cut != whole {
        attributes.retain(|(name, _)| name != TRUNCATED);
        attributes.push((TRUNCATED.to_owned(), "true".to_owned()));
    }
    Ok((cut, attributes))
}

pub(super) async fn send(config: &SnsConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let texts = attempt.texts();
    let mut hidden = Hidden::default();
    let aws = Aws {
        sender: attempt.http,
        sigv4: &config.sigv4,
        http: &config.http,
        timeout: limit(config.timeout),
        environment,
        now: attempt.now,
    };
    let region = aws.region()?;
    let url = texts.exact("api_url", &config.api_url)?;
    let url = if url.is_empty() { address("sns", &region) } else { url };
    let parameters = render(config, attempt.notification, &texts, attempt.idempotency_key)?;
    let pairs: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let credentials = aws.credentials(&region, &mut hidden).await?;
    let scope = Scope { region: &region, service: "sns", at: attempt.now };
    let answer = aws.post(&url, &pairs, &scope, &credentials, &mut hidden).await?;
    Ok(verdict(&answer, "MessageId", &hidden))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    use crate::deliver::{Channel, HttpConfig, Secret, Sigv4Config};
    use crate::shell::notify::attempt_tests::{send, server, show};
    use crate::shell::notify::fixture;

    use super::*;

    fn config(target: SnsTarget) -> SnsConfig {
        SnsConfig {
            api_url: String::new(),
            sigv4: Sigv4Config {
                region: "us-east-2".into(),
                keys: Some(("AKIDEXAMPLE".into(), Secret::Value("wJalrXUtnFEMI".into()))),
                ..Sigv4Config::default()
            },
            target,
            subject: r#"{{ template "sns.default.subject" . }}"#.into(),
            message: "{{ .CommonLabels.alertname }} is {{ .Status }}".into(),
            attributes: BTreeMap::from([
                ("severity".into(), "{{ .CommonLabels.severity }}".into()),
                ("empty".into(), "{{ .CommonLabels.nope }}".into()),
            ]),
            timeout: Duration::from_secs(10),
            http: HttpConfig::default(),
        }
    }

    fn topic() -> SnsTarget {
        SnsTarget::Topic("arn:aws:sns:us-east-2:123456789012:{{ .Receiver }}".into())
    }

    fn rendered(config: SnsConfig) -> String {
        fixture::rendered(Channel::Sns(Box::new(config)))
    }

    #[test]
    fn payloads() {
        insta::assert_snapshot!(rendered(config(topic())), @r#"
        Action: Publish
        Version: 2010-03-31
        TopicArn: arn:aws:sns:us-east-2:123456789012:night-watch
        Subject: [FIRING:1] HighLoad (critical)
        Message: HighLoad is firing
        MessageAttributes.entry.1.Name: severity
        MessageAttributes.entry.1.Value.DataType: String
        MessageAttributes.entry.1.Value.StringValue: critical
        "#);
        let fifo = SnsTarget::Topic("arn:aws:sns:us-east-2:123456789012:pages.fifo".into());
        insta::assert_snapshot!(rendered(config(fifo)), @r#"
        Action: Publish
        Version: 2010-03-31
        MessageDeduplicationId: key
        MessageGroupId: 196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26
        TopicArn: arn:aws:sns:us-east-2:123456789012:pages.fifo
        Subject: [FIRING:1] HighLoad (critical)
        Message: HighLoad is firing
        MessageAttributes.entry.1.Name: severity
        MessageAttributes.entry.1.Value.DataType: String
        MessageAttributes.entry.1.Value.StringValue: critical
        "#);
        let phone = SnsConfig { subject: String::new(), ..config(SnsTarget::Phone("+4912345".into())) };
        insta::assert_snapshot!(rendered(phone), @r#"
        Action: Publish
        Version: 2010-03-31
        PhoneNumber: +4912345
        Message: HighLoad is firing
        MessageAttributes.entry.1.Name: severity
        MessageAttributes.entry.1.Value.DataType: String
        MessageAttributes.entry.1.Value.StringValue: critical
        "#);
    }

    #[test]
    fn keeps_to_the_limits() {
        let value = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            line.map(str::to_owned)
        };
        let long = |target: SnsTarget, length: usize| {
            let mut config = config(target);
            config.message = "ä".repeat(length);
            config.subject = "two\nlines ".repeat(20);
            rendered(config)
        };
        let text = long(topic(), 200_000);
        let message = value(&text, "Message").expect("a message");
        assert!(message.len() > MESSAGE_SIZE_MAX - 64 && message.len() < MESSAGE_SIZE_MAX && message.ends_with('…'));
        assert_eq!(value(&text, "Subject").map(|subject| subject.chars().count()), Some(99));
        assert!(text.contains("Name: truncated") && text.contains("StringValue: true"));
        assert!(!long(topic(), 100_000).contains("Name: truncated"));
        let text = long(SnsTarget::Phone("+49".into()), 1601);
        assert_eq!(value(&text, "Message").map(|message| message.chars().count()), Some(1600));
        assert!(text.contains("Name: truncated"));
        let empty = SnsConfig { message: String::new(), subject: String::new(), ..config(topic()) };
        assert_eq!(value(&rendered(empty), "Message").as_deref(), Some(r#"{}:{alertname="HighLoad"}"#));
    }

    fn answer(path: &str) -> axum::response::Response {
        let error = |status: u16, code: &str, message: &str| {
            let body = format!(
                "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
                 <Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            );
            (StatusCode::from_u16(status).expect("a status"), body).into_response()
        };
        match path {
            "/ok" => {
                "<PublishResponse><PublishResult><MessageId>94f20ce6</MessageId></PublishResult></PublishResponse>"
                    .into_response()
            }
            "/page" => "<html>Log in</html>".into_response(),
            "/invalid" => error(400, "InvalidParameter", "Invalid parameter: TopicArn &lt;x&gt;"),
            "/throttled" => error(400, "Throttling", "Rate exceeded"),
            "/old-keys" => error(403, "ExpiredToken", "The security token is expired"),
            "/signature" => error(403, "SignatureDoesNotMatch", "not wJalrXUtnFEMI"),
            "/broken" => error(500, "InternalFailure", "again"),
            _ => (StatusCode::BAD_GATEWAY, "gone").into_response(),
        }
    }

    #[tokio::test]
    async fn answers() {
        let (address, requests) = server(answer).await;
        for (path, expected) in [
            ("ok", "delivered"),
            ("page", "retry: 200 OK without `MessageId`, as AWS would have it"),
            ("invalid", "rejected: 400 Bad Request: InvalidParameter: Invalid parameter: TopicArn <x>"),
            ("throttled", "retry: 400 Bad Request: Throttling: Rate exceeded"),
            ("old-keys", "retry: 403 Forbidden: ExpiredToken: The security token is expired"),
            ("signature", "rejected: 403 Forbidden: SignatureDoesNotMatch: not <secret>"),
            ("broken", "retry: 500 Internal Server Error: InternalFailure: again"),
            ("other", "retry: 502 Bad Gateway: gone"),
        ] {
            let config = SnsConfig { api_url: format!("http://{address}/{path}"), ..config(topic()) };
            assert_eq!(show(send(Channel::Sns(Box::new(config))).await), expected, "{path}");
        }
        let requests = requests.lock().expect("not poisoned");
        let (_, headers, body) = &requests[0];
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(headers["x-amz-date"], "20261122T030000Z");
        let authorization = headers["authorization"].to_str().expect("text");
        let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-2/sns/aws4_request, \
                     SignedHeaders=content-type;host;x-amz-date, Signature=";
        assert!(authorization.starts_with(start), "{authorization}");
        assert!(body.starts_with(b"Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws"));
    }
}
