//! `msteams_configs` and `msteamsv2_configs`.

use crate::deliver::{Channel, MsteamsConfig, Msteamsv2Config};

use super::{ChannelDefaults, Fields, connection, timeout, webhook_url};

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let webhook_url = webhook_url(fields, None);
    let config = MsteamsConfig {
        title: fields.template_or("title", r#"{{ template "msteams.default.title" . }}"#),
        summary: fields.template_or("summary", r#"{{ template "msteams.default.summary" . }}"#),
        text: fields.template_or("text", r#"{{ template "msteams.default.text" . }}"#),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        webhook_url: webhook_url?,
    };
    Some(Channel::Msteams(Box::new(config)))
}

pub(super) fn read_v2(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let webhook_url = webhook_url(fields, None);
    let config = Msteamsv2Config {
        title: fields.template_or("title", r#"{{ template "msteamsv2.default.title" . }}"#),
        text: fields.template_or("text", r#"{{ template "msteamsv2.default.text" . }}"#),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        webhook_url: webhook_url?,
    };
    Some(Channel::Msteamsv2(Box::new(config)))
}
