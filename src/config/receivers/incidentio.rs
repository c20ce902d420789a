//! `incidentio_configs`.

use crate::deliver::{Channel, IncidentioConfig};

use super::{ChannelDefaults, Fields, check_url, connection, secret_or, timeout};

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let url = secret_or(fields, "url", "url_file", None);
    check_url(fields, "url", url.as_ref());
    let mut http = connection(fields, defaults);
    let is_twice = fields.has("alert_source_token") && fields.has("alert_source_token_file");
    match (fields.secret("alert_source_token", "alert_source_token_file"), &http.authorization) {
        (Some(_), Some(_)) if fields.has("http_config") => {
            let message = "give `alert_source_token` or `authorization` in `http_config`, not both";
            let name = if fields.has("alert_source_token") { "alert_source_token" } else { "alert_source_token_file" };
            fields.error_at(name, "config/auth-twice", message);
        }
        (Some(token), _) => {
            http = http.without_authorization();
            http.authorization = Some(("Bearer".to_owned(), token));
        }
        (None, None) if !is_twice => fields.missing("alert_source_token"),
        (None, _) => {}
    }
    let config = IncidentioConfig {
        max_alerts: fields.count("max_alerts").unwrap_or(0),
        timeout: timeout(fields),
        http,
        url: url?,
    };
    Some(Channel::Incidentio(Box::new(config)))
}
