//! Receivers of chat services: defaults of `global`, and what is refused.

use super::*;
use crate::deliver::{Channel, Secret};

fn with(global: &str, channel: &str, settings: &str) -> String {
    format!(
        "global: {{{global}}}\nroute: {{receiver: r}}\nreceivers:\n  - name: r\n    {channel}_configs:\n      - {settings}\n"
    )
}

#[test]
fn channels_take_the_defaults_of_global() {
    for (global, channel, settings) in [
        ("mattermost_webhook_url: 'http://x/'", "mattermost", "{}"),
        ("mattermost_webhook_url_file: a", "mattermost", "{}"),
        ("rocketchat_token: a, rocketchat_token_id_file: b", "rocketchat", "{}"),
        ("telegram_bot_token_file: a", "telegram", "{chat_id: -5}"),
        ("telegram_bot_token: a", "telegram", "{chat_id_file: b, bot_token_file: c}"),
        ("wechat_api_secret: a, wechat_api_corp_id: b", "wechat", "{}"),
        ("wechat_api_secret_file: a", "wechat", "{corp_id: b}"),
        ("http_config: {authorization: {credentials: a}}", "webex", "{room_id: b}"),
    ] {
        assert_eq!(main(&with(global, channel, settings)), "", "{channel}: {global} {settings}");
    }
    let global = "telegram_bot_token: global, telegram_api_url: 'http://g/'";
    for (settings, token, api_url) in [
        ("{chat_id: 5}", Secret::Value("global".into()), "http://g/"),
        ("{chat_id: 5, bot_token: own, api_url: 'http://o'}", Secret::Value("own".into()), "http://o"),
        ("{chat_id: 5, bot_token_file: own}", Secret::File("etc/own".into()), "http://g/"),
    ] {
        let plan = plan(&with(global, "telegram", settings));
        let Channel::Telegram(telegram) = &plan.engine.receivers[0].integrations[0].channel else {
            panic!("no Telegram channel")
        };
        assert_eq!((&telegram.bot_token, telegram.api_url.as_str()), (&token, api_url), "{settings}");
    }
}

#[test]
fn resolved_alerts_are_told_as_in_alertmanager() {
    for (channel, settings, send_resolved) in [
        ("discord", "{webhook_url: 'http://x/'}", true),
        ("msteams", "{webhook_url: 'http://x/'}", true),
        ("msteamsv2", "{webhook_url: 'http://x/'}", true),
        ("mattermost", "{webhook_url: 'http://x/'}", true),
        ("rocketchat", "{token: a, token_id: b}", false),
        ("telegram", "{bot_token: a, chat_id: 1}", true),
        ("wechat", "{api_secret: a, corp_id: b}", false),
        ("ntfy", "{topic: a}", true),
        ("gotify", "{url_file: a, token: b}", true),
    ] {
        let plan = plan(&with("", channel, settings));
        let integration = &plan.engine.receivers[0].integrations[0];
        assert_eq!((integration.channel.name(), integration.send_resolved), (channel, send_resolved));
    }
}

#[test]
fn what_is_refused() {
    for (global, channel, settings, expected) in [
        ("", "discord", "{}", "a Discord channel needs the field `webhook_url`"),
        ("", "discord", "{webhook_url: 'x'}", "`webhook_url` must begin with `http://`"),
        ("", "msteams", "{webhook_url: 'http://x', webhook_url_file: y}", "not both"),
        ("", "msteamsv2", "{webhook_url: 'http://x', summary: y}", "unknown field `summary`"),
        ("", "mattermost", "{}", "needs the field `webhook_url`"),
        ("", "mattermost", "{webhook_url: 'http://x', fields: [{title: a}]}", "needs the field `value`"),
        ("", "mattermost", "{webhook_url: 'http://x', attachments: [{titel: a}]}", "unknown field `titel`"),
        ("mattermost_webhook_url: ftp", "mattermost", "{}", "`mattermost_webhook_url` must begin"),
        ("rocketchat_token: a", "rocketchat", "{}", "needs the field `token_id`"),
        ("rocketchat_token: a, rocketchat_token_file: b", "rocketchat", "{token: a, token_id: b}", "not both"),
        ("", "rocketchat", "{token: a, token_id: b, actions: [{type: menu}]}", "the type `button` alone"),
        ("", "webex", "{room_id: a}", "Webex needs the bot's token"),
        ("", "webex", "{http_config: {authorization: {credentials: a}}}", "needs the field `room_id`"),
        ("", "telegram", "{chat_id: 1}", "needs the field `bot_token`"),
        ("", "telegram", "{bot_token: a}", "needs the field `chat_id`"),
        ("", "telegram", "{bot_token: a, chat_id: 0}", "`chat_id` must be a number"),
        ("", "telegram", "{bot_token: a, chat_id: ops}", "`chat_id` must be a number"),
        ("", "telegram", "{bot_token: a, chat_id: 1, chat_id_file: b}", "not both"),
        ("", "telegram", "{bot_token: a, chat_id: 1, parse_mode: html}", "`parse_mode` is"),
        ("telegram_api_url: ftp", "telegram", "{bot_token: a, chat_id: 1}", "`telegram_api_url` must begin"),
        ("", "wechat", "{api_secret: a}", "needs the field `corp_id`"),
        ("wechat_api_corp_id: a", "wechat", "{}", "needs the field `api_secret`"),
        ("", "wechat", "{api_secret: a, corp_id: b, message_type: html}", "`message_type` is"),
        ("", "ntfy", "{}", "needs the field `topic`"),
        ("", "ntfy", "{topic: a, token: b, http_config: {authorization: {credentials: c}}}", "not both"),
        ("", "ntfy", "{topic: a, actions: [{action: broadcast, label: b, url: c}]}", "`action` is `view` or `http`"),
        ("", "ntfy", "{topic: a, actions: [{action: view, url: c}]}", "needs the field `label`"),
        ("", "ntfy", "{topic: '{{ .Nope'}", "template"),
        ("", "gotify", "{url: 'http://x'}", "needs the field `token`"),
        ("", "gotify", "{url: 'http://x', token: a, content_type: html}", "`content_type` is"),
    ] {
        let problems = main(&with(global, channel, settings));
        assert!(problems.contains(expected), "{channel}: {global} {settings}\n{problems}");
    }
}

#[test]
fn secrets_do_not_show() {
    for (global, channel, settings) in [
        ("telegram_bot_token: hunter2", "telegram", "{chat_id: x, bot_token: hunter2}"),
        ("rocketchat_token: hunter2, rocketchat_token_id: hunter2", "rocketchat", "{token: hunter2, tokn: hunter2}"),
        ("wechat_api_secret: hunter2", "wechat", "{api_secret: hunter2, api_secret_file: x}"),
        ("mattermost_webhook_url: hunter2", "mattermost", "{webhook_url: hunter2}"),
        ("", "discord", "{webhook_url: hunter2}"),
        ("", "ntfy", "{topic: 'hunter2{{', token: hunter2, token_file: x}"),
        ("", "gotify", "{url: hunter2, token: hunter2}"),
    ] {
        let problems = main(&with(global, channel, settings));
        assert!(!problems.is_empty() && !problems.contains("hunter2"), "{problems}");
    }
}
