//! Contacts, teams, severities, services, escalation policies.

use std::time::Duration;

use super::*;
use crate::deliver::{Channel, Receiver};
use crate::escalate::{
    EscalationPlan, EscalationPolicy, PersonalStep, RepeatPolicy, Severities, Step, StepRepeat, Target, Urgency,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A main file of which every part is as it should be.
const WHOLE: &str = "
global:
  smtp_smarthost: mail.example:587
  smtp_from: watchbell@example.org
  slack_app_token: '${TOKEN}'
  twilio_account_sid: AC0123
  twilio_auth_token: '${TOKEN}'
  twilio_from: '+15550100'
  telegram_bot_token: '${TOKEN}'
users:
  - name: ada
    time_zone: Europe/London
    contacts:
      - {name: phone, sms: '+44 20 7946 0000'}
      - {name: mail, email: Ada <ada@example.org>}
      - {name: chat, slack: U024BE7LH, telegram: 12345, throttle: {notifications: 5, within: 1h}}
    known_as: {slack: W0ADA0000, pagerduty: ada@pager.example}
  - name: ben
    time_zone: Africa/Accra
    contacts:
      - {name: mail, email_configs: [{to: ben@example.org, send_resolved: true}], fallback: room}
      - {name: room, receiver: room}
    notify:
      high: [room, {contact: mail, after: 2m}, {contact: room, after: 1m}]
  - {name: cy, time_zone: UTC, contacts: [{name: push, ntfy: cy-pages}, {name: hook, webhook: 'https://cy.example/'}], notify: [hook]}
  - {name: dee, time_zone: UTC}
teams:
  - {name: web, members: [ada, ben]}
schedules:
  - name: primary
    time_zone: UTC
    layers: [{name: weekly, rotation: {start: 2026-01-05T09:00, every: 1w}, users: [ada, ben]}]
time_intervals:
  - {name: office, time_intervals: [{weekdays: ['monday:friday']}]}
severities:
  label: priority
  default: minor
  levels:
    - {name: major, values: [critical, page], respond_within: 10m}
    - {name: minor, respond_within: 4h, urgency: low, weight: 7}
service_label: app
services:
  - {name: shop, depends_on: [db, cache]}
  - {name: cache, depends_on: [db]}
  - {name: db}
escalation_policies:
  - name: shop
    steps:
      - {targets: ['schedule:primary']}
      - {after: 5m, targets: [{schedule: primary, offset: 1}, 'user:cy'], repeat: 2}
      - targets: ['team:web', {webhook: 'https://hooks.example/x'}, {webhook: {url: 'https://hooks.example/y', max_alerts: 3}}]
        when: office
        repeat: {times: 1, every: 1m}
    repeat: {times: 2, every: 20m}
    fallback: ['channel:room', {webhook: 'https://hooks.example/x'}]
    repage: 30m
    ack_timeout: 2h
    max_age: 7d
    reopen_within: 1h
    correlate_by: [cluster, region]
    correlate_dependencies: true
  - {name: plain, steps: [{targets: [{user: ada}]}], fallback: [{team: web}], repeat: 1}
route: {receiver: pages}
receivers:
  - {name: pages, escalation: shop, console_configs: [{}]}
  - {name: more, escalation: plain}
  - {name: room, slack_configs: [{channel: '#ops'}]}
";

fn escalation(text: &str) -> (std::sync::Arc<EscalationPlan>, Vec<Receiver>) {
    let plan = plan(text);
    (plan.engine.escalation, plan.engine.receivers)
}

fn steps(steps: &[PersonalStep]) -> String {
    let step = |step: &PersonalStep| format!("{} {}", step.receiver, step.after.as_secs());
    steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

#[test]
fn people_and_their_contacts() {
    let (plan, receivers) = escalation(WHOLE);
    for (user, high, low) in [
        ("ada", "@ada/phone 0, @ada/mail 300, @ada/chat 600", "@ada/phone 0"),
        ("ben", "room 0, room 60, @ben/mail 120", "@ben/mail 0"),
        ("cy", "@cy/hook 0", "@cy/hook 0"),
        ("dee", "", ""),
    ] {
        let person = plan.person(user).expect(user);
        assert_eq!((steps(&person.high).as_str(), steps(&person.low).as_str()), (high, low), "{user}");
    }
    let known = |user: &str| {
        let pairs = &plan.person(user).expect(user).known_as;
        pairs.iter().map(|(system, name)| format!("{system}={name}")).collect::<Vec<_>>().join(" ")
    };
    let ada = "slack=W0ADA0000 pagerduty=ada@pager.example twilio=+442079460000 pagerduty=ada@example.org slack=U024BE7LH \
               telegram=12345";
    assert_eq!(known("ada"), ada);
    assert_eq!(known("ben"), "pagerduty=ben@example.org");
    assert_eq!(plan.teams[0].members, ["ada", "ben"]);

    let channels = |receiver: &Receiver| {
        let channels = receiver.integrations.iter().map(|integration| integration.channel.name());
        format!("{}: {}", receiver.name, channels.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(
        receivers.iter().map(channels).collect::<Vec<_>>(),
        [
            "pages: console escalation",
            "more: escalation",
            "room: slack",
            "@ada/phone: twilio",
            "@ada/mail: email",
            "@ada/chat: slack telegram",
            "@ben/mail: email",
            "@cy/push: ntfy",
            "@cy/hook: webhook",
            "@policy shop/webhook 1: webhook",
            "@policy shop/webhook 2: webhook",
        ]
    );
    assert!(receivers.iter().skip(3).all(Receiver::is_hidden) && !receivers.iter().take(3).any(Receiver::is_hidden));
    let receiver = |name: &str| receivers.iter().find(|receiver| receiver.name == name).expect(name);
    assert_eq!(receiver("pages").escalation(), Some("shop"));
    assert_eq!(receiver("@ben/mail").policy.fallback.as_deref(), Some("room"));
    assert!(receiver("@ben/mail").integrations[0].send_resolved);
    assert!(receiver("@ada/chat").policy.throttle.is_some());
    let Channel::Twilio(sms) = &receiver("@ada/phone").integrations[0].channel else { panic!("no SMS") };
    assert_eq!((sms.account_sid.as_str(), sms.to.as_str()), ("AC0123", "+44 20 7946 0000"));
}

#[test]
fn contacts_stay_out_of_what_others_read() {
    let plan = plan(WHOLE);
    for word in ["@ada", "@policy", "escalation"] {
        assert!(!plan.engine.as_alertmanager.contains(word), "{}", plan.engine.as_alertmanager);
    }
    assert!(!plan.engine.written.contains("s3cret"), "{}", plan.engine.written);
}

#[test]
fn policies_as_they_are_written() {
    let (plan, receivers) = escalation(WHOLE);
    let channel = |name: &str| Target::Channel(name.to_owned());
    let schedule = |offset| Target::Schedule { name: "primary".to_owned(), offset };
    let user = |name: &str| Target::User(name.to_owned());
    let expected = EscalationPolicy {
        name: "shop".to_owned(),
        steps: vec![
            Step { after: None, targets: vec![schedule(0)], when: None, repeat: None },
            Step {
                after: Some(5 * MINUTE),
                targets: vec![schedule(1), user("cy")],
                when: None,
                repeat: Some(StepRepeat { times: 2, every: 5 * MINUTE }),
            },
            Step {
                after: None,
                targets: vec![
                    Target::Team("web".to_owned()),
                    channel("@policy shop/webhook 1"),
                    channel("@policy shop/webhook 2"),
                ],
                when: Some("office".to_owned()),
                repeat: Some(StepRepeat { times: 1, every: MINUTE }),
            },
        ],
        repeat: RepeatPolicy { times: 2, every: Some(20 * MINUTE) },
        fallback: vec![channel("room"), channel("@policy shop/webhook 1")],
        repage: 30 * MINUTE,
        ack_timeout: Some(2 * HOUR),
        ack_reminder: 10 * MINUTE,
        max_age: Some(7 * 24 * HOUR),
        reopen_within: HOUR,
        correlate_by: vec!["cluster".to_owned(), "region".to_owned()],
        correlate_dependencies: true,
    };
    assert_eq!(plan.policy("shop"), Some(&expected));
    let second = receivers.iter().find(|receiver| receiver.name == "@policy shop/webhook 2").expect("a webhook");
    assert!(matches!(&second.integrations[0].channel, Channel::Webhook(config) if config.max_alerts == 3));
    let plain = EscalationPolicy {
        name: "plain".to_owned(),
        steps: vec![Step { after: None, targets: vec![user("ada")], when: None, repeat: None }],
        repeat: RepeatPolicy { times: 1, every: None },
        fallback: vec![Target::Team("web".to_owned())],
        repage: HOUR,
        ack_timeout: None,
        ack_reminder: Duration::ZERO,
        max_age: None,
        reopen_within: 30 * MINUTE,
        correlate_by: Vec::new(),
        correlate_dependencies: false,
    };
    assert_eq!(plan.policy("plain"), Some(&plain));
}

#[test]
fn severities_and_services() {
    let (plan, _) = escalation(WHOLE);
    let severities = &plan.severities;
    assert_eq!((severities.label.as_str(), severities.default), ("priority", 1));
    let levels = severities.levels.iter();
    let levels = levels
        .map(|level| (level.name.as_str(), level.values.join(","), level.respond_within, level.urgency, level.weight));
    assert_eq!(
        levels.collect::<Vec<_>>(),
        [
            ("major", "critical,page".to_owned(), 10 * MINUTE, Urgency::High, 100),
            ("minor", String::new(), 4 * HOUR, Urgency::Low, 7),
        ]
    );
    assert_eq!(plan.services.label, "app");
    assert_eq!(plan.services.upstream("shop").into_iter().collect::<Vec<_>>(), ["cache", "db"]);

    let (plan, receivers) = escalation("");
    assert_eq!((&*plan, receivers.len()), (&EscalationPlan::default(), 1));
    let (plan, _) = escalation("severities: {label: level, default: P3}");
    assert_eq!(plan.severities, Severities { label: "level".to_owned(), default: 2, ..Severities::default() });
}

#[test]
fn the_example_is_as_it_should_be() {
    let main = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/on-call/watchbell.yml"));
    let rules = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/on-call/shop.yml"));
    let files = MemoryFiles::new([("rules/on-call/watchbell.yml", main), ("rules/on-call/shop.yml", rules)]);
    let now = crate::model::Timestamp::parse_rfc3339("2026-11-01T00:00:00Z").expect("a time");
    let checked = check_at(&["rules/on-call".to_owned()], &files, &no_environment, now);
    assert_eq!((render_text(&checked.diagnostics, false).as_str(), checked.rules), ("", 3));
    let plan = checked.plan.expect("a plan").engine;
    // What the example says of severities and of the label of services is what holds without it.
    assert_eq!(plan.escalation.severities, Severities::default());
    assert_eq!(plan.escalation.services.label, "service");
    let paged = |policy: &str| {
        let policy = plan.escalation.policy(policy).expect(policy);
        let targets = policy.steps.iter().map(|step| &step.targets).chain([&policy.fallback]);
        let targets = targets.map(|targets| targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        targets.collect::<Vec<_>>().join("; ")
    };
    let shop = "schedule:shop; schedule:shop schedule:shop+1; team:payments; user:ada channel:shop-room";
    assert_eq!(
        (paged("shop").as_str(), paged("later").as_str()),
        (shop, "channel:shop-room; schedule:shop; team:payments")
    );
    let hidden = plan.receivers.iter().filter(|receiver| receiver.is_hidden()).map(|receiver| receiver.name.as_str());
    let expected = ["@ada/phone", "@ada/chat", "@ada/mail", "@ben/telegram", "@ben/mail", "@cy/push", "@dee/push"];
    assert_eq!(hidden.collect::<Vec<_>>(), expected);
}
