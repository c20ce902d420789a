//! WeChat Work.

use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `wechat_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct WechatConfig {
    /// The API's address; ends with a slash.
    pub api_url: String,
    /// The app's secret; a template.
    pub api_secret: Secret,
    /// The company's id.
    pub corp_id: String,
    /// The app's id.
    pub agent_id: String,
    /// Users, separated by `|`; `@all` for all.
    pub to_user: String,
    /// Departments, separated by `|`.
    pub to_party: String,
    /// Tags, separated by `|`.
    pub to_tag: String,
    /// The message.
    pub message: String,
    /// Whether the message is Markdown.
    pub is_markdown: bool,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}
