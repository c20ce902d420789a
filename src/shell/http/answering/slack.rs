//! `POST /hooks/slack`: somebody pressed a button under a page.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use reqwest::{Method, Url};
use serde_json::json;
use tracing::{debug, warn};

use super::refusal::Refused;
use super::respond::{answer, user_known_as, who};
use super::{Author, Desk};
use crate::deliver::HttpConfig;
use crate::escalate::{Answer, Via};
use crate::shell::answers::slack::{Press, SlackRequest, is_signed, read, whisper};
use crate::shell::http_client::{HttpClient, SendError, describe};
use crate::shell::secret::{Hidden, reveal};

/// How long an answer may take: Slack waits for 3 s.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// How long the word to the one who pressed may take.
const WHISPER_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn hook(State(desk): State<Desk>, author: Author, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = match tokio::time::timeout(PATIENCE, take(&desk, &author, &headers, &body)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Refused::Slow),
    };
    outcome.unwrap_or_else(|refused| refused.response(&desk, &author, Via::Slack))
}

async fn take(desk: &Desk, author: &Author, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refused> {
    let rules = desk.answering.rules();
    let secret = reveal(rules.answers.slack_signing_secret.as_ref().ok_or(Refused::NotConfigured)?).await?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (timestamp, signature) = (header("x-slack-request-timestamp"), header("x-slack-signature"));
    if !is_signed(&secret, timestamp, signature, body, desk.clock.now()) {
        return Err(Refused::Signature);
    }
    let press = match read(body).ok_or(Refused::Unreadable)? {
        SlackRequest::Challenge(challenge) => return Ok(Json(json!({ "challenge": challenge })).into_response()),
        SlackRequest::Other => return Ok(StatusCode::OK.into_response()),
        SlackRequest::Pressed(press) => press,
    };
    let Press { user: id, name, verb, incident, respond_to } = press;
    let user = user_known_as(desk, "slack", vec![id]).await?;
    let who = who(user.as_deref(), &name, Via::Slack);
    let given = Answer { incident, action: verb.action(desk.clock.now()), who, once: None };
    let text = answer(desk, author, given).await?;
    if let Some(url) = respond_to {
        tokio::spawn(tell(url, text, rules.slack_http.clone()));
    }
    Ok(StatusCode::OK.into_response())
}

/// Tells the one who pressed, and nobody else.
async fn tell(url: Url, text: String, http: HttpConfig) {
    let mut hidden = Hidden::default();
    hidden.add_url(url.as_str());
    let sent = async {
        let client = HttpClient::new(&http, WHISPER_TIMEOUT).await?;
        client.send(client.request(Method::POST, url).json(&whisper(&text)), &http, &mut hidden).await
    };
    let error = match sent.await {
        Ok(response) if response.status().is_success() => return debug!("Slack was told the outcome"),
        Ok(response) => response.status().to_string(),
        Err(SendError::Client(error)) => error.to_string(),
        Err(SendError::Request(error)) => describe(error.without_url()),
    };
    warn!(error = hidden.redact(&error), "whoever pressed a button in Slack cannot be told the outcome");
}
