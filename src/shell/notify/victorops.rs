//! VictorOps (Splunk On-Call): the REST endpoint
//! (<https://help.victorops.com/knowledge-base/rest-endpoint-integration-guide/>).

use std::collections::BTreeMap;

use reqwest::Url;

use super::http::{Post, json};
use super::text::{Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{IncidentNoteKind, Notification, Outcome, VictoropsConfig};
use crate::model::AlertStatus;
use crate::shell::secret::{Hidden, reveal};

/// The greatest length of a text, in characters.
const MESSAGE_LENGTH_MAX: usize = 20_480;

/// The fields of the message: an incident under the group's key begins, changes or ends.
pub(super) fn render(
    config: &VictoropsConfig,
    notification: &Notification,
    texts: &Texts<'_>,
) -> BTreeMap<String, String> {
    let kind = notification.incident.as_ref().map(|incident| incident.kind);
    let message_type = match (kind, texts.data().status) {
        (Some(IncidentNoteKind::Answered), _) => "ACKNOWLEDGEMENT",
        // Beside the incident, without a change of its state.
        (Some(IncidentNoteKind::Reminder), _) => "INFO",
        (_, AlertStatus::Firing) => message_type(&texts.text("message_type", &config.message_type)),
        (_, AlertStatus::Resolved) => "RECOVERY",
    };
    let custom = config.custom_fields.iter();
    let mut message: BTreeMap<String, String> =
        custom.map(|(name, template)| (name.clone(), texts.text("custom_fields", template))).collect();
    let own = [
        ("message_type", message_type.to_owned()),
        ("entity_id", notification.dedup_key()),
        ("entity_display_name", texts.text("entity_display_name", &config.entity_display_name)),
        ("state_message", texts.text("state_message", &config.state_message)),
        ("monitoring_tool", texts.text("monitoring_tool", &config.monitoring_tool)),
    ];
    message.extend(own.map(|(name, value)| (name.to_owned(), value)));
    message.values_mut().for_each(|value| *value = cut(value, MESSAGE_LENGTH_MAX));
    message
}

/// The type by that name; `CRITICAL` for a name that begins no incident.
fn message_type(name: &str) -> &'static str {
    ["CRITICAL", "WARNING", "INFO"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name.trim()))
        .unwrap_or("CRITICAL")
}

pub(super) async fn send(config: &VictoropsConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let texts = attempt.texts();
    let mut hidden = Hidden::default();
    let message = render(config, attempt.notification, &texts);
    let api_key = reveal(&config.api_key).await?;
    hidden.add(&api_key);
    let url = address(&config.api_url, &api_key, &texts.exact("routing_key", &config.routing_key)?)?;
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&message)?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(answer.verdict(&hidden))
}

/// `api_url` with the two keys as further parts of its path.
fn address(api_url: &str, api_key: &str, routing_key: &str) -> Result<String, Outcome> {
    let mut url = Url::parse(api_url).map_err(|_| Outcome::Rejected { error: "`api_url` is no address".to_owned() })?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(api_key).push(routing_key);
    }
    Ok(url.into())
}
