//! `/answer/TOKEN`: the page behind a link, and its button.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::warn;

use super::respond::{look, take};
use super::{Author, Desk, Unproven};
use crate::escalate::{AnswerError, Via};
use crate::model::Timestamp;
use crate::shell::answers::form::{fields, first};
use crate::shell::answers::page::{CONTENT_SECURITY_POLICY, Page, TAKE_OVER};
use crate::shell::answers::{Link, LinkError, Seen};
use crate::shell::service::Stopping;

/// `GET /answer/TOKEN`: asks, and changes nothing.
pub(super) async fn show(State(desk): State<Desk>, author: Author, Path(token): Path<String>) -> Response {
    let now = desk.clock.now();
    let link = match read(&desk, &author, &token, now).await {
        Ok(link) => link,
        Err(refused) => return *refused,
    };
    let answer = link.answer(now);
    let number = link.incident;
    let found = desk.decider.read(move |engine| (Seen::find(engine, number, now), engine.plan_answer(now, &answer)));
    let page = match found.await {
        Ok((Some(seen), Ok(()))) => Page::ask(&link, seen),
        Ok((seen, Err(error))) => refused(&link, &error, seen, now),
        Ok((None, Ok(()))) => Page::refused(&link, &AnswerError::Unknown(number), None),
        Err(Stopping) => Page::unavailable(),
    };
    response(&page, now)
}

/// `POST /answer/TOKEN`: does what the link says.
pub(super) async fn act(State(desk): State<Desk>, author: Author, Path(token): Path<String>, form: Bytes) -> Response {
    let now = desk.clock.now();
    let link = match read(&desk, &author, &token, now).await {
        Ok(link) => link,
        Err(refused) => return *refused,
    };
    response(&outcome(&desk, &author, &link, &form, now).await.unwrap_or_else(|Stopping| Page::unavailable()), now)
}

async fn outcome(desk: &Desk, author: &Author, link: &Link, form: &[u8], now: Timestamp) -> Result<Page, Stopping> {
    if let Some(seen) = look(desk, link.incident).await?
        && Page::other(link, &seen).is_some()
        && first(&fields(form), TAKE_OVER).is_empty()
    {
        return Ok(Page::overtaken(link, seen));
    }
    let taken = take(desk, author, link.answer(now)).await?;
    let seen = look(desk, link.incident).await?;
    Ok(match taken {
        Ok(()) => Page::done(link, seen, now),
        Err(error) => refused(link, &error, seen, now),
    })
}

/// Why the link does nothing; somebody who presses the button twice hears twice that it is done.
fn refused(link: &Link, error: &AnswerError, seen: Option<Seen>, now: Timestamp) -> Page {
    let is_done = seen.as_ref().is_some_and(|seen| seen.is_done(&link.action.action(now), &link.name));
    match is_done && matches!(error, AnswerError::Used(_) | AnswerError::Closed(_)) {
        true => Page::done(link, seen, now),
        false => Page::refused(link, error, seen),
    }
}

/// The link that `token` stands for, or the answer to one that stands for none.
async fn read(desk: &Desk, author: &Author, token: &str, now: Timestamp) -> Result<Link, Box<Response>> {
    let error = match Link::read(token, desk.answering.key(), now) {
        Ok(link) => return Ok(link),
        Err(error) => error,
    };
    desk.metrics.answered(Via::Link, if error == LinkError::Invalid { "signature" } else { "ended" });
    warn!(%error, address = author.actor.address.map(tracing::field::display), "a link is refused");
    Err(Box::new(match error {
        LinkError::Ended(link) => match look(desk, link.incident).await {
            Ok(seen) => response(&Page::ended(&link, seen), now),
            Err(Stopping) => response(&Page::unavailable(), now),
        },
        LinkError::Invalid => {
            let mut response = response(&Page::invalid(), now);
            response.extensions_mut().insert(Unproven);
            response
        }
    }))
}

fn response(page: &Page, now: Timestamp) -> Response {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let policy =
        HeaderValue::from_str(&CONTENT_SECURITY_POLICY).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // The address is what gives the right to answer.
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    (status, headers, page.html(now)).into_response()
}
