//! `discord_configs`.

use crate::deliver::{Channel, DiscordConfig};

use super::{ChannelDefaults, Fields, connection, timeout, webhook_url};

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let webhook_url = webhook_url(fields, None);
    let config = DiscordConfig {
        title: fields.template_or("title", r#"{{ template "discord.default.title" . }}"#),
        message: fields.template_or("message", r#"{{ template "discord.default.message" . }}"#),
        content: fields.template_or("content", r#"{{ template "discord.default.content" . }}"#),
        username: fields.template_or("username", ""),
        avatar_url: fields.template_or("avatar_url", ""),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        webhook_url: webhook_url?,
    };
    Some(Channel::Discord(Box::new(config)))
}
