//! What Slack, mail and webhooks take beyond texts.

use super::*;
use crate::deliver::{Channel, MailThreading, Secret};

fn with_receiver(configs: &str) -> String {
    format!("route: {{receiver: r}}\nreceivers:\n- name: r\n{configs}")
}

fn channel(configs: &str) -> Channel {
    plan(&with_receiver(configs)).engine.receivers[0].integrations[0].channel.clone()
}

#[test]
fn slack() {
    let read = channel(
        "  slack_configs:
  - app_token: x
    channel: '#a'
    update_message: true
    thread_replies: true
    blocks:
    - {type: section, text: {type: mrkdwn, text: '{{ .Status }}', verbatim: true}, n: 5, s: '5', none: ~}
",
    );
    let Channel::Slack(slack) = read else { panic!("{read:?}") };
    assert!(slack.update_message && slack.thread_replies);
    let section = serde_json::json!({"type": "section", "n": 5, "s": "5", "none": null,
        "text": {"type": "mrkdwn", "text": "{{ .Status }}", "verbatim": true}});
    assert_eq!(slack.blocks, [section]);
    let many = ["{type: divider}"; 50].join(", ");
    let faulty = with_receiver(&format!(
        "  slack_configs:
  - api_url: http://x
    update_message: true
    actions: [{{type: button, text: x, url: y}}]
    blocks: [{many}]
  - api_url: http://x
    blocks: [{{text: '{{{{ .Nope | nope }}}}'}}, 5]
"
    ));
    insta::assert_snapshot!(main(&faulty).lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n"), @r#"
    error[config/slack]: `update_message` needs an app (`app_token`): a webhook does not say which message it made
    error[config/slack]: Slack takes 50 blocks; with that of the actions here are 51
    error[config/slack]: a block of a Slack message needs the field `type`
    error[template/syntax]: function "nope" not defined
    error[yaml/wrong-type]: expected a block of a Slack message, found a text
    "#);
}

#[test]
fn mail() {
    let read = |extra: &str| {
        let own = format!("  email_configs:\n  - {{to: a@x, {extra}}}\n");
        let global = "global: {smtp_from: b@x, smtp_smarthost: 'm:25', smtp_auth_username: u, smtp_auth_secret: s, smtp_auth_identity: i}\n";
        let plan = plan(&format!("{global}{}", with_receiver(&own)));
        match plan.engine.receivers[0].integrations[0].channel.clone() {
            Channel::Email(email) => *email,
            other => panic!("{other:?}"),
        }
    };
    for (extra, secret, identity, threading) in [
        ("", "s", "i", MailThreading::Off),
        ("auth_secret: t, auth_identity: j", "t", "j", MailThreading::Off),
        ("threading: {thread_by_date: daily}", "s", "i", MailThreading::Off),
        ("threading: {enabled: true, thread_by_date: daily}", "s", "i", MailThreading::GroupAndDay),
        ("threading: {enabled: true, thread_by_date: none}", "s", "i", MailThreading::Group),
    ] {
        let email = read(extra);
        assert_eq!(email.auth_secret, Some(Secret::Value(secret.to_owned())), "{extra}");
        assert_eq!((email.auth_identity.as_str(), email.threading), (identity, threading), "{extra}");
    }
    for (extra, expected) in [("", false), ("chart: false", false), ("chart: true", true)] {
        assert_eq!(read(extra).chart, expected, "{extra}");
    }
    for (threading, expected) in [
        ("{enabled: true}", "`thread_by_date` must be"),
        ("{enabled: true, thread_by_date: weekly}", "`thread_by_date` must be"),
        ("{enabled: true, thread_by_date: none}, headers: {references: x}", "threading sets the header `References`"),
    ] {
        let own = format!("  email_configs:\n  - {{to: a@x, from: b@x, smarthost: 'm:25', threading: {threading}}}\n");
        let shown = main(&with_receiver(&own));
        assert!(shown.contains(expected), "{threading}: {shown}");
    }
}

#[test]
fn webhook() {
    let read = channel("  webhook_configs:\n  - {url: 'http://x', payload: ['{{ .Status }}', 1.5, false, 'no', no]}\n");
    let Channel::Webhook(webhook) = read else { panic!("{read:?}") };
    assert_eq!(webhook.payload, Some(serde_json::json!(["{{ .Status }}", 1.5, false, "no", "no"])));
    let shown =
        main(&with_receiver("  webhook_configs:\n  - {url: 'http://x', payload: {a: {'{{ nope }}': '{{ .'}}}\n"));
    assert_eq!(shown.lines().filter(|line| line.starts_with("error")).count(), 2, "{shown}");
}
