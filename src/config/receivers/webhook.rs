//! `webhook_configs`.

use crate::deliver::{Channel, WebhookConfig};

use super::{ChannelDefaults, Fields, check_url, connection, timeout};

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    if let Some(node) = fields.take("url") {
        fields.reader().note_template(node);
    }
    let url = fields.secret("url", "url_file");
    check_url(fields, "url", url.as_ref());
    let has_url = fields.take("url").is_some() || fields.take("url_file").is_some();
    if url.is_none() && !has_url {
        fields.missing("url");
    }
    let reader = fields.reader();
    let payload = fields.take("payload").map(|node| reader.template_tree(node));
    let config = WebhookConfig {
        max_alerts: fields.count("max_alerts").unwrap_or(0),
        payload,
        timeout: timeout(fields),
        http: connection(fields, defaults),
        url: url?,
    };
    Some(Channel::Webhook(Box::new(config)))
}
