//! `twilio_configs`: each telephone of `to` becomes an integration of its own, so that one who has the message does not get it
//! again when another's fails.

use crate::deliver::{BasicAuth, Channel, Secret, TwilioConfig, TwilioSender};

use super::{ChannelDefaults, Fields, address_or, connection, secret_or, several, timeout};

const API_URL: &str = "https://api.twilio.com";

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Vec<Channel> {
    let account_sid = fields.need_text("account_sid");
    let password = match fields.need_one_of(&["api_key", "auth_token", "auth_token_file"]) {
        Some("api_key") => {
            for name in ["auth_token", "auth_token_file"] {
                if fields.has(name) {
                    fields.error_at(name, "config/auth-twice", "give `auth_token` or `api_key`, not both");
                }
            }
            let secret = secret_or(fields, "api_key_secret", "api_key_secret_file", None);
            fields.text("api_key").zip(secret)
        }
        Some(_) => account_sid.clone().zip(fields.secret("auth_token", "auth_token_file")),
        None => None,
    };
    let sender = match fields.need_one_of(&["from", "messaging_service_sid"]) {
        Some("from") if fields.has("messaging_service_sid") => {
            fields.error_at("from", "config/twilio", "give `from` or `messaging_service_sid`, not both");
            None
        }
        Some("from") => Some(TwilioSender::From(fields.template_or("from", ""))),
        Some(_) => Some(TwilioSender::Service(fields.template_or("messaging_service_sid", ""))),
        None => None,
    };
    let api_url = address_or(fields, "api_url", API_URL);
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
