//! A Slack app: it knows the message that it made, can change it (`chat.update`) and answer in its thread
//! (<https://docs.slack.dev/reference/methods/chat.update>).

use serde::{Deserialize, Serialize};

use super::http::{Answer, Post, json};
use super::slack::SlackMessage;
use super::slack_answer::{is_gone, posted, verdict};
use super::{Attempt, limit};
use crate::deliver::{HttpConfig, IncidentNoteKind, Outcome, Secret, SlackConfig};
use crate::shell::secret::Hidden;

/// Which message stands for a group.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Reference {
    /// The channel as it was configured: another one gets a message of its own.
    to: String,
    /// The channel's id.
    channel: String,
    /// The message's time stamp, which is its name.
    ts: String,
}

impl Reference {
    fn read(text: &str) -> Option<Reference> {
        serde_json::from_str(text).ok()
    }

    fn outcome(&self) -> Outcome {
        match serde_json::to_string(self) {
            Ok(reference) => Outcome::DeliveredAs { reference },
            Err(_) => Outcome::Delivered,
        }
    }
}

/// The app's way to Slack.
struct App<'a> {
    url: &'a str,
    http: HttpConfig,
    config: &'a SlackConfig,
    attempt: &'a Attempt<'a>,
    hidden: &'a mut Hidden,
}

impl App<'_> {
    fn is_of_incident(&self) -> bool {
        self.attempt.notification.incident.is_some()
    }

    async fn call(&mut self, url: &str, message: &SlackMessage) -> Result<(Answer, Outcome), Outcome> {
        let post = Post::json(url, &self.http, limit(self.config.timeout), json(message)?);
        let answer = self.attempt.http.post(post, self.hidden, self.attempt.now).await?;
        let outcome = verdict(&answer, true, self.hidden);
        Ok((answer, outcome))
    }

    /// Changes the message that stands for the group, then answers in its thread, as far as that is configured. `None` if
    /// it is there no more. The change comes first: made twice it is the same, the answer is not.
    async fn follow_up(
        &mut self,
        message: &SlackMessage,
        known: &Reference,
    ) -> Result<Option<(Answer, Outcome)>, Outcome> {
        let mut last = None;
        let is_changed = self.config.update_message || self.is_of_incident() && !self.config.thread_replies;
        let update = is_changed.then(|| update_url(self.url));
        let changed = update.map(|url| (url, message.replacing(&known.channel, &known.ts)));
        let answered = self.config.thread_replies.then(|| message.answering(&known.channel, &known.ts));
        let calls = changed.into_iter().chain(answered.map(|message| (self.url.to_owned(), message)));
        for (url, message) in calls.collect::<Vec<_>>() {
            let (answer, outcome) = self.call(&url, &message).await?;
            if is_gone(&answer) {
                return Ok(None);
            }
            if outcome != Outcome::Delivered {
                return Ok(Some((answer, outcome)));
            }
            last = Some((answer, known.outcome()));
        }
        Ok(last)
    }
}

/// Changes or answers the message that stands for the group, or sends one that does from now on.
pub(super) async fn tell(
    config: &SlackConfig,
    token: &Secret,
    url: &str,
    message: &SlackMessage,
    attempt: &Attempt<'_>,
    hidden: &mut Hidden,
) -> Result<(Answer, Outcome), Outcome> {
    let authorization = Some(("Bearer".to_owned(), token.clone()));
    let http = HttpConfig { authorization, ..config.http.without_authorization() };
    let mut app = App { url, http, config, attempt, hidden };
    let kind = attempt.notification.incident.as_ref().map(|incident| incident.kind);
    // Whoever is to do something hears nothing of a message that changes.
    let is_call = matches!(kind, Some(IncidentNoteKind::Page | IncidentNoteKind::Reminder));
    let known = attempt.reference.and_then(Reference::read).filter(|known| known.to == message.channel() && !is_call);
    if let Some(known) = known
        && let Some(told) = app.follow_up(message, &known).await?
    {
        return Ok(told);
    }
    let (answer, outcome) = app.call(url, message).await?;
    // The page is what shows later who has answered.
    let is_kept = match kind {
        Some(kind) => kind == IncidentNoteKind::Page,
        None => config.update_message || config.thread_replies,
    };
    let reference = posted(&answer).filter(|_| is_kept && outcome == Outcome::Delivered);
    let outcome = reference
        .map_or(outcome, |(channel, ts)| Reference { to: message.channel().to_owned(), channel, ts }.outcome());
    Ok((answer, outcome))
}

/// The address of `chat.update` beside that of `chat.postMessage`.
fn update_url(url: &str) -> String {
    let folder = url.rfind('/').map_or(url, |slash| &url[..slash]);
    format!("{folder}/chat.update")
}
