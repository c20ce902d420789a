//! `POST /hooks/pagerduty`: what people do in PagerDuty about incidents that we opened there.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tracing::{debug, info};

use super::refusal::Refused;
use super::respond::{answer, user_known_as, who};
use super::{Author, Desk};
use crate::deliver::dedup_key;
use crate::engine::Engine;
use crate::escalate::{Action, Answer, IncidentState, Via, Who};
use crate::shell::answers::pagerduty::{PagerdutyEvent, is_signed, read};
use crate::shell::secret::reveal;
use crate::shell::service::Stopping;

/// The name of whoever does what no person did.
const NOBODY: &str = "PagerDuty";
/// How much of an event's id is kept, in bytes.
const ID_BYTES_MAX: usize = 64;

pub(super) async fn hook(State(desk): State<Desk>, author: Author, headers: HeaderMap, body: Bytes) -> Response {
    match take(&desk, &author, &headers, &body).await {
        // Whatever it says: an event that was understood is not to come again.
        Ok(()) => StatusCode::OK.into_response(),
        Err(refused) => refused.response(&desk, &author, Via::Pagerduty),
    }
}

async fn take(desk: &Desk, author: &Author, headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
    let rules = desk.answering.rules();
    if rules.answers.pagerduty_webhook_secrets.is_empty() {
        return Err(Refused::NotConfigured);
    }
    let mut secrets = Vec::new();
    for secret in &rules.answers.pagerduty_webhook_secrets {
        secrets.push(reveal(secret).await?);
    }
    let header = headers.get("x-pagerduty-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_signed(&secrets, header, body) {
        return Err(Refused::Signature);
    }
    let event = read(body).ok_or(Refused::Unreadable)?;
    if let Some(key) = &event.key {
        desk.answering.learn_pagerduty(&event.incident, key);
    }
    match given(desk, event).await? {
        Ok(given) => {
            let incident = given.incident;
            let text = answer(desk, author, given).await?;
            info!(incident, text, "PagerDuty told what was done there");
        }
        Err(why) => {
            desk.metrics.answered(Via::Pagerduty, why);
            debug!(why, "an event of PagerDuty is passed over");
        }
    }
    Ok(())
}

/// The answer that an event gives, or why it gives none.
async fn given(desk: &Desk, event: PagerdutyEvent) -> Result<Result<Answer, &'static str>, Stopping> {
    let Some(action) = event.action else { return Ok(Err("other_event")) };
    if event.is_integration {
        return Ok(Err("own_event"));
    }
    // That an acknowledgement times out there is nobody's doing, and counts; that nobody closes an incident there says nothing.
    let who = match &event.person {
        Some(person) => {
            let names = person.names().map(str::to_owned).collect();
            who(user_known_as(desk, "pagerduty", names).await?.as_deref(), &person.name, Via::Pagerduty)
        }
        None if action == Action::Unack => Who { name: NOBODY.to_owned(), via: Via::Pagerduty },
        None => return Ok(Err("no_person")),
    };
    let key = event.key.or_else(|| desk.answering.pagerduty_key(&event.incident));
    let Some(key) = key else { return Ok(Err("unknown_incident")) };
    let find = move |engine: &Engine| {
        let mut incidents = engine.incidents().iter().rev();
        incidents
            .find(|incident| dedup_key(&incident.group_key()) == key)
            .map(|incident| (incident.number, incident.state.clone()))
    };
    let Some((incident, state)) = desk.decider.read(find).await? else { return Ok(Err("unknown_incident")) };
    if is_so(&action, &state) {
        return Ok(Err("needless"));
    }
    let id = &event.id[..event.id.floor_char_boundary(ID_BYTES_MAX)];
    Ok(Ok(Answer { incident, action, who, once: Some(format!("pagerduty:{id}")) }))
}

/// Whether the incident is as the event says, so that what goes to and fro between the two ends.
fn is_so(action: &Action, state: &IncidentState) -> bool {
    match action {
        Action::Ack => matches!(state, IncidentState::Acknowledged { .. } | IncidentState::Closed { .. }),
        // What was acknowledged elsewhere does not end with what happens in PagerDuty.
        Action::Unack => !matches!(state, IncidentState::Acknowledged { by, .. } if by.via == Via::Pagerduty),
        Action::Resolve => matches!(state, IncidentState::Closed { .. }),
        _ => false,
    }
}
