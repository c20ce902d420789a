//! `twilio_configs` and their defaults in `global`: each telephone of `to` becomes an integration of its own, so that one who has the message does not get it
//! again when another's fails.

use crate::deliver::{BasicAuth, Channel, Secret, TwilioConfig, TwilioSender};

use super::{ChannelDefaults, Fields, address_or, connection, secret_or, several, timeout};

const API_URL: &str = "https://api.twilio.com";

/// What `global` says of Twilio.
#[derive(Debug)]
pub(in crate::config) struct TwilioDefaults {
    api_url: String,
    account_sid: String,
    auth_token: Option<Secret>,
    sender: Option<TwilioSender>,
}

/// Reads `twilio_*` of `global`.
pub(in crate::config) fn twilio_defaults(fields: &mut Fields<'_>) -> TwilioDefaults {
    TwilioDefaults {
        api_url: address_or(fields, "twilio_api_url", API_URL),
        account_sid: fields.text_or("twilio_account_sid", ""),
        auth_token: fields.secret("twilio_auth_token", "twilio_auth_token_file"),
        sender: sender(fields, "twilio_from", "twilio_messaging_service_sid"),
    }
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Vec<Channel> {
    let twilio = &defaults.twilio;
    let account_sid = match (fields.has("account_sid"), twilio.account_sid.as_str()) {
        (true, _) => fields.text("account_sid"),
        (false, "") => missing(fields, "account_sid"),
        (false, default) => Some(default.to_owned()),
    };
    let (has_key, has_token) = (fields.has("api_key"), fields.has("auth_token") || fields.has("auth_token_file"));
    let password = match (has_key, has_token) {
        (true, _) => {
            for name in ["auth_token", "auth_token_file"] {
                if fields.has(name) {
                    fields.error_at(name, "config/auth-twice", "give `auth_token` or `api_key`, not both");
                }
            }
            let secret = secret_or(fields, "api_key_secret", "api_key_secret_file", None);
            fields.text("api_key").zip(secret)
        }
        (false, true) => account_sid.clone().zip(fields.secret("auth_token", "auth_token_file")),
        (false, false) => match &twilio.auth_token {
            Some(token) => account_sid.clone().zip(Some(token.clone())),
            None => missing(fields, "auth_token"),
        },
    };
    let sender = match (fields.has("from") || fields.has("messaging_service_sid"), &twilio.sender) {
        (true, _) => sender(fields, "from", "messaging_service_sid"),
        (false, Some(default)) => Some(default.clone()),
        (false, None) => missing(fields, "from"),
    };
    let api_url = address_or(fields, "api_url", &twilio.api_url);
    let mut http = connection(fields, defaults).without_authorization();
    let body = fields.template_or("body", r#"{{ template "twilio.default.body" . }}"#);
    let status_callback = fields.template_or("status_callback", "");
    let timeout = timeout(fields);
    let telephones = several(fields, "to");
    let (Some(account_sid), Some((username, password)), Some(sender)) = (account_sid, password, sender) else {
        return Vec::new();
    };
    http.basic_auth = Some(BasicAuth { username: Secret::Value(username), password: Some(password) });
    let to_one = |to: String| TwilioConfig {
        api_url: api_url.trim_end_matches('/').to_owned(),
        account_sid: account_sid.clone(),
        sender: sender.clone(),
        to,
        body: body.clone(),
        status_callback: status_callback.clone(),
        timeout,
        http: http.clone(),
    };
    telephones.into_iter().map(|to| Channel::Twilio(Box::new(to_one(to)))).collect()
}

/// Who sends, if one of the two fields says it; templates.
fn sender(fields: &mut Fields<'_>, from: &'static str, service: &'static str) -> Option<TwilioSender> {
    match (fields.has(from), fields.has(service)) {
        (true, true) => {
            fields.error_at(from, "config/twilio", format!("give `{from}` or `{service}`, not both"));
            None
        }
        (true, false) => Some(TwilioSender::From(fields.template_or(from, ""))),
        (false, true) => Some(TwilioSender::Service(fields.template_or(service, ""))),
        (false, false) => None,
    }
}

/// Notes that neither the channel nor `global` says it.
fn missing<T>(fields: &mut Fields<'_>, name: &'static str) -> Option<T> {
    let also = match name {
        "auth_token" => " or `api_key`",
        "from" => " or `messaging_service_sid`",
        _ => "",
    };
    let message = format!("a Twilio channel needs `{name}`{also}, here or as `twilio_{name}` in `global`");
    fields.reader().error("yaml/missing-field", fields.span(), message);
    None
}
