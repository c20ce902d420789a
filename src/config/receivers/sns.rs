//! `sns_configs`.

use crate::deliver::{Channel, Sigv4Config, SnsConfig, SnsTarget};

use super::{ChannelDefaults, Fields, Node, Reader, check_address, connection, templates_by_name, timeout};

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    let api_url = fields.template_or("api_url", "");
    check_address(fields, "api_url", &api_url);
    let target = target(fields);
    let config = SnsConfig {
        api_url,
        sigv4: fields.take("sigv4").map(|node| sigv4(reader, node)).unwrap_or_default(),
        subject: fields.template_or("subject", r#"{{ template "sns.default.subject" . }}"#),
        message: fields.template_or("message", r#"{{ template "sns.default.message" . }}"#),
        attributes: templates_by_name(fields, "attributes"),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        target: target?,
    };
    Some(Channel::Sns(Box::new(config)))
}

fn target(fields: &mut Fields<'_>) -> Option<SnsTarget> {
    type Target = fn(String) -> SnsTarget;
    let kinds: [(&'static str, Target); 3] =
        [("topic_arn", SnsTarget::Topic), ("phone_number", SnsTarget::Phone), ("target_arn", SnsTarget::Endpoint)];
    let mut given = Vec::new();
    for (name, kind) in kinds {
        let text = fields.template_or(name, "");
        if !text.is_empty() {
            given.push((name, kind(text)));
        }
    }
    if given.len() > 1 {
        let message = "give one of `topic_arn`, `phone_number` and `target_arn`, not several";
        fields.error_at(given[1].0, "config/sns", message);
        return None;
    }
    let Some((_, target)) = given.pop() else {
        let message = "an SNS channel needs one of `topic_arn`, `phone_number` and `target_arn`";
        fields.reader().error("yaml/missing-field", fields.span(), message);
        return None;
    };
    Some(target)
}

fn sigv4(reader: &Reader<'_>, node: &Node) -> Sigv4Config {
    let Some(mut fields) = reader.fields(node, "`sigv4`") else { return Sigv4Config::default() };
    let access_key = fields.text_or("access_key", "");
    let access_key = reader.expand(&access_key, &fields.key_span("access_key")).unwrap_or_default();
    let secret_key = fields.secret("secret_key", "secret_key_file");
    if access_key.is_empty() == secret_key.is_some() {
        let given = if access_key.is_empty() { "secret_key" } else { "access_key" };
        fields.error_at(given, "config/sigv4", "`access_key` and `secret_key` belong together; one is missing");
    }
    let config = Sigv4Config {
        region: fields.text_or("region", ""),
        keys: secret_key.map(|secret| (access_key, secret)),
        profile: fields.text_or("profile", ""),
        role_arn: fields.text_or("role_arn", ""),
        external_id: fields.text_or("external_id", ""),
        fips: fields.flag("use_fips_sts_endpoint").unwrap_or(false),
    };
    fields.finish();
    config
}
