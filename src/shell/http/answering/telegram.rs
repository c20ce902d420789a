//! `POST /hooks/telegram`: a button under a page, or a message to the bot.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tracing::warn;

use super::refusal::Refused;
use super::respond::{obey, user_known_as, who};
use super::{Author, Desk};
use crate::deliver::{Channel, Secret};
use crate::engine::Engine;
use crate::escalate::Via;
use crate::shell::answers::Command;
use crate::shell::answers::telegram::{TelegramAnswer, is_from_telegram, read, reply};
use crate::shell::secret::reveal;

pub(super) async fn hook(State(desk): State<Desk>, author: Author, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = take(&desk, &author, &headers, &body).await;
    outcome.unwrap_or_else(|refused| refused.response(&desk, &author, Via::Telegram))
}

async fn take(desk: &Desk, author: &Author, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refused> {
    let rules = desk.answering.rules();
    let secret = reveal(rules.answers.telegram_secret_token.as_ref().ok_or(Refused::NotConfigured)?).await?;
    let token = headers.get("x-telegram-bot-api-secret-token").and_then(|value| value.to_str().ok());
    if !is_from_telegram(&secret, token.unwrap_or_default()) {
        return Err(Refused::Signature);
    }
    let Some(asked) = read(body).map_err(|_| Refused::Unreadable)? else { return Ok(StatusCode::OK.into_response()) };
    let user = user_known_as(desk, "telegram", vec![asked.user.to_string()]).await?;
    if user.is_none() && !is_paged(desk, &asked).await? {
        desk.metrics.answered(Via::Telegram, "unknown_person");
        warn!(
            user = asked.user,
            name = asked.name,
            "somebody answers by Telegram who is no user, in a chat that was not paged"
        );
        let text = format!("Watchbell does not know you (Telegram user {}). Nothing was changed.", asked.user);
        return Ok(Json(reply(&asked.way, &text)).into_response());
    }
    let who = who(user.as_deref(), &asked.name, Via::Telegram);
    let text = obey(desk, author, asked.command, who, user.as_deref()).await?;
    Ok(Json(reply(&asked.way, &text)).into_response())
}

/// Whether the incident that is meant was told in the chat that the answer comes from.
async fn is_paged(desk: &Desk, asked: &TelegramAnswer) -> Result<bool, Refused> {
    let (Some((id, name)), Some(Command::Do(_, Some(number)))) = (&asked.chat, asked.command) else { return Ok(false) };
    let chats = desk.decider.read(move |engine| paged_chats(engine, number)).await?;
    for chat in chats {
        let chat = reveal(&chat).await?;
        if chat == id.to_string() || name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&chat)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The chats in which pages about the incident were sent.
fn paged_chats(engine: &Engine, number: u64) -> Vec<Secret> {
    let Some(incident) = engine.incidents().get(number) else { return Vec::new() };
    let is_paged = |name: &str| incident.paged.iter().any(|paged| paged.receiver == name);
    let receivers = engine.plan().receivers.iter().filter(|receiver| is_paged(&receiver.name));
    let chat = |channel: &Channel| match channel {
        Channel::Telegram(config) => Some(config.chat_id.clone()),
        _ => None,
    };
    receivers.flat_map(|receiver| &receiver.integrations).filter_map(|integration| chat(&integration.channel)).collect()
}
