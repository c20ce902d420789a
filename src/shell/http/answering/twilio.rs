//! `POST /hooks/twilio`: a reply by SMS; `POST /hooks/twilio/status`: what became of a message.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tracing::{info, warn};

use super::refusal::Refused;
use super::respond::{obey, user_known_as, who};
use super::{Author, Desk};
use crate::escalate::Via;
use crate::shell::answers::Command;
use crate::shell::answers::form::fields;
use crate::shell::answers::twilio::{Sms, SmsStatus, is_signed, read, reply};
use crate::shell::secret::reveal;

pub(super) async fn hook(
    State(desk): State<Desk>,
    author: Author,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = take(&desk, &author, &uri, &headers, &body).await;
    outcome.unwrap_or_else(|refused| refused.response(&desk, &author, Via::Sms))
}

async fn take(desk: &Desk, author: &Author, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refused> {
    let fields = signed(desk, uri, headers, body).await?;
    let Sms { from, text } = read(&fields).ok_or(Refused::Unreadable)?;
    let Some(user) = user_known_as(desk, "twilio", vec![from.clone()]).await? else {
        desk.metrics.answered(Via::Sms, "unknown_person");
        warn!(from, "somebody replies by SMS whose number is no user's");
        return Ok(twiml("This number is not known to Watchbell. Nothing was changed."));
    };
    let who = who(Some(&user), &from, Via::Sms);
    Ok(twiml(&obey(desk, author, Command::read(&text), who, Some(&user)).await?))
}

pub(super) async fn status(
    State(desk): State<Desk>,
    author: Author,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match signed(&desk, &uri, &headers, &body).await.map(|fields| SmsStatus::read(&fields)) {
        Ok(Some(status)) if status.is_failure() => {
            let SmsStatus { message, status, error } = status;
            warn!(message, status, error, "an SMS has not arrived");
            StatusCode::NO_CONTENT.into_response()
        }
        Ok(Some(SmsStatus { message, status, .. })) => {
            info!(message, status, "what became of an SMS");
            StatusCode::NO_CONTENT.into_response()
        }
        Ok(None) => Refused::Unreadable.response(&desk, &author, Via::Sms),
        Err(refused) => refused.response(&desk, &author, Via::Sms),
    }
}

/// The fields that Twilio has posted to the address by which it knows us.
async fn signed(desk: &Desk, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Vec<(String, String)>, Refused> {
    let rules = desk.answering.rules();
    let token = reveal(rules.answers.twilio_auth_token.as_ref().ok_or(Refused::NotConfigured)?).await?;
    let signature = headers.get("x-twilio-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = uri.path_and_query().map_or(uri.path(), axum::http::uri::PathAndQuery::as_str);
    let fields = fields(body);
    match is_signed(&token, &rules.address(path), &fields, signature) {
        true => Ok(fields),
        false => Err(Refused::Signature),
    }
}

fn twiml(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], reply(text)).into_response()
}
