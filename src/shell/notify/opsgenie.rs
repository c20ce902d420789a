//! Opsgenie: the Alert API (<https://docs.opsgenie.com/docs/alert-api>).

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Serialize;

use super::http::{Post, json};
use super::text::{RenderError, Texts, cut, pretty};
use super::{Attempt, limit};
use crate::deliver::{IncidentNoteKind, Notification, OpsgenieConfig, Outcome};
use crate::model::AlertStatus;
use crate::shell::secret::{Hidden, reveal};

/// The greatest lengths, in characters; a tag's is also that of an action.
const MESSAGE_LENGTH_MAX: usize = 130;
const DESCRIPTION_LENGTH_MAX: usize = 15_000;
const SOURCE_LENGTH_MAX: usize = 100;
const NOTE_LENGTH_MAX: usize = 25_000;
const ENTITY_LENGTH_MAX: usize = 512;
const TAG_LENGTH_MAX: usize = 50;

/// The greatest length of the names and values of all details together, in characters.
const DETAILS_LENGTH_MAX: usize = 8_000;

/// How many there may be of each.
const RESPONDERS_MAX: usize = 50;
const TAGS_MAX: usize = 20;
const ACTIONS_MAX: usize = 10;

/// The most requests of one attempt.
pub(super) const REQUESTS_MAX: u32 = 3;

/// One request, without its key.
pub(super) struct Request {
    method: Method,
    /// After the API's address.
    path: String,
    body: Body,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body {
    Create(Box<Alert>),
    /// Closes or acknowledges it, or adds to it.
    Act {
        source: String,
        #[serde(skip_serializing_if = "String::is_empty")]
        note: String,
    },
    Message {
        message: String,
    },
    Description {
        description: String,
    },
}

#[derive(Serialize)]
struct Alert {
    alias: String,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    details: BTreeMap<String, String>,
    source: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    responders: Vec<Responder>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    priority: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    entity: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<String>,
}

#[derive(Serialize)]
struct Responder {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(rename = "type")]
    kind: String,
}

/// What is asked, in this order: an alert under the group's key is made, and brought up to date if that is wanted, or
/// acknowledged, or closed.
pub(super) fn render(
    config: &OpsgenieConfig,
    notification: &Notification,
    texts: &Texts<'_>,
) -> Result<Vec<Request>, RenderError> {
    let alias = notification.dedup_key();
    let request = |method, what: &str, body| {
        let path = format!("v2/alerts/{alias}/{what}?identifierType=alias");
        Request { method, path, body }
    };
    let kind = notification.incident.as_ref().map(|incident| incident.kind);
    let act = match (kind, texts.data().status) {
        (Some(IncidentNoteKind::Answered), _) => Some("acknowledge"),
        (Some(IncidentNoteKind::Reminder), _) => Some("notes"),
        (_, AlertStatus::Resolved) => Some("close"),
        _ => None,
    };
    if let Some(act) = act {
        let source = cut(&texts.text("source", &config.source), SOURCE_LENGTH_MAX);
        let note = notification.incident.as_ref().map(|incident| cut(&incident.text, NOTE_LENGTH_MAX));
        return Ok(vec![request(Method::POST, act, Body::Act { source, note: note.unwrap_or_default() })]);
    }
    let alert = alert(config, notification, texts)?;
    let (message, description) = (alert.message.clone(), alert.description.clone());
    let create = Body::Create(Box::new(alert));
    let mut requests = vec![Request { method: Method::POST, path: "v2/alerts".to_owned(), body: create }];
    if config.update_alerts {
        requests.push(request(Method::PUT, "message", Body::Message { message }));
        if !description.is_empty() {
            requests.push(request(Method::PUT, "description", Body::Description { description }));
        }
    }
    Ok(requests)
}

fn alert(config: &OpsgenieConfig, notification: &Notification, texts: &Texts<'_>) -> Result<Alert, RenderError> {
    let message = texts.text("message", &config.message);
    let message = if message.trim().is_empty() { notification.group_key.clone() } else { message };
    Ok(Alert {
        alias: notification.dedup_key(),
        message: cut(&message, MESSAGE_LENGTH_MAX),
        description: cut(&texts.text("description", &config.description), DESCRIPTION_LENGTH_MAX),
        details: details(config, texts),
        source: cut(&texts.text("source", &config.source), SOURCE_LENGTH_MAX),
        responders: responders(config, texts)?,
        tags: listed(&texts.text("tags", &config.tags), TAGS_MAX),
        note: cut(&texts.text("note", &config.note), NOTE_LENGTH_MAX),
        priority: priority(&texts.text("priority", &config.priority)),
        entity: cut(&texts.text("entity", &config.entity), ENTITY_LENGTH_MAX),
        actions: listed(&texts.text("actions", &config.actions), ACTIONS_MAX),
    })
}

/// The common labels and what the configuration adds, which takes precedence also over the room that there is.
fn details(config: &OpsgenieConfig, texts: &Texts<'_>) -> BTreeMap<String, String> {
    let own = config.details.iter().map(|(name, template)| (name.clone(), texts.text("details", template)));
    let common = texts.data().common_labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut details = BTreeMap::new();
    let mut left = DETAILS_LENGTH_MAX;
    for (name, value) in own.chain(common) {
        let Some(room) = left.checked_sub(name.chars().count()) else { continue };
        if room > 0 && !details.contains_key(&name) {
            let value = cut(&value, room);
            left = room - value.chars().count();
            details.insert(name, value);
        }
    }
    details
}

/// The responders that come out with a name or an id; `teams` are several of them.
fn responders(config: &OpsgenieConfig, texts: &Texts<'_>) -> Result<Vec<Responder>, RenderError> {
    let mut responders = Vec::new();
    for responder in &config.responders {
        let exact = |template: &str| texts.exact("responders", template);
        let (id, name, username) = (exact(&responder.id)?, exact(&responder.name)?, exact(&responder.username)?);
        let kind = exact(&responder.kind)?.trim().to_lowercase();
        if kind == "teams" {
            let team = |name| Responder { id: String::new(), name, username: String::new(), kind: "team".to_owned() };
            responders.extend(listed(&name, RESPONDERS_MAX).into_iter().map(team));
        } else if !(id.is_empty() && name.is_empty() && username.is_empty()) {
            responders.push(Responder { id, name, username, kind });
        }
    }
    responders.truncate(RESPONDERS_MAX);
    Ok(responders)
}

/// At most `max` of the items that commas separate in `text`.
fn listed(text: &str, max: usize) -> Vec<String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.take(max).map(|item| cut(item, TAG_LENGTH_MAX)).collect()
}

/// `P1` to `P5`, or nothing for a text that Opsgenie would refuse: it then takes its default.
fn priority(text: &str) -> String {
    let text = text.trim().to_uppercase();
    if matches!(text.as_str(), "P1" | "P2" | "P3" | "P4" | "P5") { text } else { String::new() }
}

/// The requests as people read them.
pub(super) fn show(requests: &[Request]) -> String {
    let shown =
        requests.iter().map(|request| format!("{} {}\n{}", request.method, request.path, pretty(&request.body)));
    shown.collect::<Vec<_>>().join("\n\n")
}

pub(super) async fn send(config: &OpsgenieConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let texts = attempt.texts();
    let mut hidden = Hidden::default();
    let requests = render(config, attempt.notification, &texts)?;
    let api_key = texts.secret("api_key", &reveal(&config.api_key).await?)?;
    for request in requests {
        let url = format!("{}{}", config.api_url, request.path);
        let post = Post::json(&url, &config.http, limit(config.timeout), json(&request.body)?)
            .method(request.method)
            .secret_header("Authorization", format!("GenieKey {api_key}"));
        let outcome = attempt.http.post(post, &mut hidden, attempt.now).await?.verdict(&hidden);
        if outcome != Outcome::Delivered {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Delivered)
}
