//! `gotify_configs`.

use crate::deliver::{Channel, GotifyConfig};

use super::{ChannelDefaults, Fields, check_url, connection, secret_or, timeout};

/// The priority unless the configuration says otherwise.
const PRIORITY: &str = r#"{{ template "gotify.default.priority" . }}"#;

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let url = secret_or(fields, "url", "url_file", None);
    check_url(fields, "url", url.as_ref());
    let token = secret_or(fields, "token", "token_file", None);
    let config = GotifyConfig {
        title: fields.template_or("title", r#"{{ template "gotify.default.title" . }}"#),
        message: fields.template_or("message", r#"{{ template "gotify.default.message" . }}"#),
        priority: fields.template_or("priority", PRIORITY),
        markdown: is_markdown(fields),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        url: url?,
        token: token?,
    };
    Some(Channel::Gotify(Box::new(config)))
}

fn is_markdown(fields: &mut Fields<'_>) -> bool {
    match fields.text("content_type").as_deref() {
        None | Some("" | "text/plain") => false,
        Some("text/markdown") => true,
        Some(_) => {
            fields.error_at("content_type", "config/gotify", "`content_type` is `text/plain` or `text/markdown`");
            false
        }
    }
}
