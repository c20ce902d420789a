//! Jira: one issue per group, found again by a label
//! (<https://developer.atlassian.com/cloud/jira/platform/rest/v2/>).

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::http::Post;
use super::text::{RenderError, Texts, cut, one_line};
use super::{Attempt, limit};
use crate::deliver::{IncidentNoteKind, JiraApi, JiraConfig, Notification, Outcome};
use crate::model::AlertStatus;
use crate::shell::secret::Hidden;

/// The greatest lengths, in characters.
const SUMMARY_LENGTH_MAX: usize = 255;
const DESCRIPTION_LENGTH_MAX: usize = 32_767;
const LABEL_LENGTH_MAX: usize = 255;

/// The most requests of one attempt: search, create or edit, look for the transition, make it.
pub(super) const REQUESTS_MAX: u32 = 4;

/// The issues that were found.
#[derive(Deserialize)]
struct Found {
    issues: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
    #[serde(default)]
    fields: IssueFields,
}

#[derive(Default, Deserialize)]
struct IssueFields {
    status: Option<IssueStatus>,
}

#[derive(Deserialize)]
struct IssueStatus {
    #[serde(rename = "statusCategory")]
    category: Category,
}

#[derive(Deserialize)]
struct Category {
    key: String,
}

impl Issue {
    /// Whether the issue is at its end; `None` if Jira does not say.
    fn is_done(&self) -> Option<bool> {
        self.fields.status.as_ref().map(|status| status.category.key == "done")
    }
}

#[derive(Deserialize)]
struct Transitions {
    transitions: Vec<Transition>,
}

#[derive(Deserialize)]
struct Transition {
    id: String,
    name: String,
}

/// What an issue holds.
#[derive(Serialize)]
pub(super) struct IssueBody {
    fields: Map<String, Value>,
}

/// The issue; one that is there already keeps the texts that are not to be updated.
pub(super) fn render(
    config: &JiraConfig,
    notification: &Notification,
    texts: &Texts<'_>,
    is_new: bool,
) -> Result<IssueBody, RenderError> {
    let further = texts.tree("fields", &Value::Object(config.fields.clone()), Value::String);
    let Value::Object(mut fields) = further else { return Ok(IssueBody { fields: Map::new() }) };
    fields.insert("project".to_owned(), json!({ "key": texts.exact("project", &config.project)? }));
    fields.insert("issuetype".to_owned(), json!({ "name": texts.exact("issue_type", &config.issue_type)? }));
    if is_new || config.summary.enable_update {
        let summary = one_line(&texts.text("summary", &config.summary.template));
        let summary = if summary.is_empty() { notification.group_key.clone() } else { summary };
        fields.insert("summary".to_owned(), cut(&summary, SUMMARY_LENGTH_MAX).into());
    }
    if is_new || config.description.enable_update {
        let text = cut(&texts.text("description", &config.description.template), DESCRIPTION_LENGTH_MAX);
        let description = if config.api_url.ends_with("/3") { document(&text) } else { text.into() };
        fields.insert("description".to_owned(), description);
    }
    fields.insert("labels".to_owned(), labels(config, notification, texts).into());
    let priority = texts.text("priority", &config.priority);
    if !priority.trim().is_empty() {
        fields.insert("priority".to_owned(), json!({ "name": priority.trim() }));
    }
    Ok(IssueBody { fields })
}

/// The label by which the group's issue is found again.
fn own_label(notification: &Notification) -> String {
    format!("ALERT{{{}}}", notification.dedup_key())
}

/// The labels in order. Jira takes none with white space in it.
fn labels(config: &JiraConfig, notification: &Notification, texts: &Texts<'_>) -> Vec<String> {
    let mut labels = vec![own_label(notification)];
    for template in &config.labels {
        let label = one_line(&texts.text("labels", template)).replace(' ', "_");
        labels.extend(Some(cut(&label, LABEL_LENGTH_MAX)).filter(|label| !label.is_empty()));
    }
    labels.sort();
    labels.dedup();
    labels
}

/// `text` as version 3 of the API wants it: a document in Atlassian's format; a text that is none becomes one, a
/// paragraph per line.
fn document(text: &str) -> Value {
    if let Ok(document @ Value::Object(_)) = serde_json::from_str(text) {
        return document;
    }
    let paragraph = |line: &str| json!({ "type": "paragraph", "content": [{ "type": "text", "text": line }] });
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    json!({ "type": "doc", "version": 1, "content": lines.map(paragraph).collect::<Vec<_>>() })
}

/// The query for the group's issue: open ones, and while an alert fires those that may be opened again.
fn query(config: &JiraConfig, project: &str, notification: &Notification, is_firing: bool) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let mut query = String::new();
    if !config.wont_fix_resolution.is_empty() {
        // An issue without a resolution is not unlike one with it: Jira compares only what is there.
        let resolution = quoted(&config.wont_fix_resolution);
        query.push_str(&format!("(resolution is EMPTY or resolution != {resolution}) and "));
    }
    let minutes = config.reopen_duration.as_secs() / 60;
    if is_firing && !config.reopen_transition.is_empty() && minutes > 0 {
        query.push_str(&format!("(resolutiondate is EMPTY or resolutiondate >= -{minutes}m) and "));
    } else {
        query.push_str("statusCategory != Done and ");
    }
    let label = quoted(&own_label(notification));
    query.push_str(&format!("project = {} and labels = {label} ", quoted(project)));
    query.push_str("order by status ASC, resolutiondate DESC");
    query
}

/// Where issues are searched. Jira Cloud has given up the search of version 2.
fn search_url(config: &JiraConfig) -> String {
    let host = config.api_url.split_once("://").map_or("", |(_, rest)| rest).split(['/', ':']).next();
    let is_cloud = match config.api_type {
        JiraApi::Auto => host.is_some_and(|host| host == "atlassian.net" || host.ends_with(".atlassian.net")),
        JiraApi::Cloud => true,
        JiraApi::Datacenter => false,
    };
    match (is_cloud, config.api_url.strip_suffix("/2")) {
        (true, Some(base)) => format!("{base}/3/search/jql"),
        (true, None) => format!("{}/search/jql", config.api_url),
        (false, _) => format!("{}/search", config.api_url),
    }
}

/// The way to one Jira during one attempt.
struct Jira<'a> {
    config: &'a JiraConfig,
    attempt: &'a Attempt<'a>,
    hidden: Hidden,
}

impl Jira<'_> {
    /// The body of the answer, if it is a success.
    async fn call(&mut self, method: Method, url: &str, body: Option<Vec<u8>>) -> Result<Vec<u8>, Outcome> {
        let (http, timeout) = (&self.config.http, limit(self.config.timeout));
        let post = match body {
            Some(body) => Post::json(url, http, timeout, body),
            None => Post::get(url, http, timeout),
        };
        // The names of transitions come in the language that is asked for.
        let post = post.method(method).header("Accept-Language", "en");
        let answer = self.attempt.http.post(post, &mut self.hidden, self.attempt.now).await?;
        match answer.verdict(&self.hidden) {
            Outcome::Delivered => Ok(answer.body),
            outcome => Err(outcome),
        }
    }

    /// The group's issue.
    async fn find(&mut self, project: &str, is_firing: bool) -> Result<Option<Issue>, Outcome> {
        let query = query(self.config, project, self.attempt.notification, is_firing);
        let search = json!({ "jql": query, "maxResults": 2, "fields": ["status"] });
        let body = self.call(Method::POST, &search_url(self.config), Some(super::http::json(&search)?)).await?;
        Ok(understood::<Found>(&body)?.issues.into_iter().next())
    }

    /// Takes the issue `key` through the transition `name`.
    async fn transition(&mut self, key: &str, name: &str) -> Result<(), Outcome> {
        let url = format!("{}/issue/{key}/transitions", self.config.api_url);
        let known: Transitions = understood(&self.call(Method::GET, &url, None).await?)?;
        let Some(transition) = known.transitions.iter().find(|known| known.name == name) else {
            return Err(Outcome::Rejected { error: format!("{key} has no transition `{name}`") });
        };
        let body = super::http::json(&json!({ "transition": { "id": transition.id } }))?;
        self.call(Method::POST, &url, Some(body)).await.map(drop)
    }
}

/// What Jira says, as far as it is JSON as expected: anything else may come from something in between.
fn understood<T: DeserializeOwned>(body: &[u8]) -> Result<T, Outcome> {
    serde_json::from_slice(body)
        .map_err(|_| Outcome::Retry { error: "the answer is not Jira's".to_owned(), after: None })
}

pub(super) async fn send(config: &JiraConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let texts = attempt.texts();
    let is_firing = texts.data().status == AlertStatus::Firing;
    let mut jira = Jira { config, attempt, hidden: Hidden::default() };
    let found = jira.find(&texts.exact("project", &config.project)?, is_firing).await?;
    let kind = attempt.notification.incident.as_ref().map(|incident| incident.kind);
    let begins = is_firing && !matches!(kind, Some(IncidentNoteKind::Answered | IncidentNoteKind::Reminder));
    if found.is_none() && !begins {
        return Ok(Outcome::Delivered);
    }
    let body = super::http::json(&render(config, attempt.notification, &texts, found.is_none())?)?;
    let Some(issue) = found else {
        jira.call(Method::POST, &format!("{}/issue", config.api_url), Some(body)).await?;
        return Ok(Outcome::Delivered);
    };
    jira.call(Method::PUT, &format!("{}/issue/{}", config.api_url, issue.key), Some(body)).await?;
    let transition = match (is_firing, issue.is_done()) {
        (true, Some(true)) => config.reopen_transition.as_str(),
        (false, Some(false)) => config.resolve_transition.as_str(),
        _ => "",
    };
    if !transition.is_empty() {
        jira.transition(&issue.key, transition).await?;
    }
    Ok(Outcome::Delivered)
}
