//! Jira.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::deliver::HttpConfig;

/// Alertmanager's `jira_config`. Credentials are those of the connection.
#[derive(Clone, Debug, PartialEq)]
pub struct JiraConfig {
    /// The REST API's address with its version, such as `https://example.atlassian.net/rest/api/2`; does not end with `/`.
    pub api_url: String,
    /// Which Jira it is.
    pub api_type: JiraApi,
    /// The project's key; a template.
    pub project: String,
    /// The issue's type; a template.
    pub issue_type: String,
    /// The issue's title.
    pub summary: JiraText,
    /// The issue's text.
    pub description: JiraText,
    /// Labels beside the one by which the issue is found again; templates.
    pub labels: Vec<String>,
    /// The issue's priority; a template, none if it comes out empty.
    pub priority: String,
    /// Further fields; texts in them are templates.
    pub fields: Map<String, Value>,
    /// The transition that ends an issue; it stays as it is if empty.
    pub resolve_transition: String,
    /// The transition that opens an issue again; a new one is made if empty.
    pub reopen_transition: String,
    /// How long after its end an issue is opened again; never if zero.
    pub reopen_duration: Duration,
    /// The resolution of issues that are left alone.
    pub wont_fix_resolution: String,
    /// The time that a request may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// A text of a Jira issue.
#[derive(Clone, Debug, PartialEq)]
pub struct JiraText {
    /// A template.
    pub template: String,
    /// Whether an issue that is there already gets the new text.
    pub enable_update: bool,
}

/// Which Jira it is: the two search in different ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JiraApi {
    /// `Cloud` for addresses of atlassian.net, else `Datacenter`.
    #[default]
    Auto,
    /// Atlassian's own.
    Cloud,
    /// Run by its users.
    Datacenter,
}
