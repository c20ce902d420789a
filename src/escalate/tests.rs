//! What time and people do to an incident, as its timeline tells.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{Alert, Fingerprint, Labels, Timestamp, TraceId, format_duration, parse_duration};

/// A world in which ada and ben take turns, and everybody has a telephone at once and mail after 5 minutes.
struct Stage {
    plan: EscalationPlan,
    on_call: BTreeMap<&'static str, Vec<&'static str>>,
    is_night: bool,
    is_quiet: bool,
    incidents: Incidents,
    told: Vec<String>,
}

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn seconds(text: &str) -> Duration {
    parse_duration(text).unwrap()
}

fn policy() -> EscalationPolicy {
    let schedule = |offset| Target::Schedule { name: "primary".to_owned(), offset };
    let step = |after: Option<&str>, targets| Step { after: after.map(seconds), targets, when: None, repeat: None };
    EscalationPolicy {
        name: "web".to_owned(),
        steps: vec![step(None, vec![schedule(0)]), step(None, vec![schedule(1)])],
        repeat: RepeatPolicy::default(),
        fallback: vec![Target::User("eve".to_owned())],
        repage: seconds("1h"),
        ack_timeout: Some(seconds("2h")),
        ack_reminder: seconds("10m"),
        max_age: None,
        reopen_within: seconds("30m"),
        correlate_by: Vec::new(),
        correlate_dependencies: false,
    }
}

fn stage(policy: EscalationPolicy) -> Stage {
    let person = |user: &str| {
        let step =
            |contact: &str, after: &str| PersonalStep { receiver: format!("@{user}/{contact}"), after: seconds(after) };
        let high = vec![step("sms", "0s"), step("mail", "5m")];
        Person { user: user.to_owned(), low: high.clone(), high, known_as: Vec::new() }
    };
    let plan = EscalationPlan {
        policies: vec![policy],
        people: ["ada", "ben", "eve"].map(person).into(),
        ..EscalationPlan::default()
    };
    Stage {
        plan,
        on_call: BTreeMap::from([("primary", vec!["ada"]), ("primary+1", vec!["ben"])]),
        is_night: false,
        is_quiet: false,
        incidents: Incidents::default(),
        told: Vec::new(),
    }
}

fn alert(name: &str, labels: &[(&str, &str)], starts: &str, ends: Option<&str>) -> Arc<Alert> {
    let labels = labels.iter().copied().chain([("alertname", name)]);
    Arc::new(Alert {
        labels: Labels::from_pairs(labels),
        annotations: Labels::default(),
        starts_at: START + seconds(starts),
        ends_at: ends.map(|ends| START + seconds(ends)),
        updated_at: START,
        generator_url: "".into(),
        trace: TraceId::NONE,
    })
}

impl Stage {
    fn change(
        &mut self,
        number: u64,
        at: &str,
        change: impl FnOnce(&mut Incident, Timestamp, &World<'_>, &mut Vec<Order>),
    ) {
        let now = START + seconds(at);
        let mut incidents = std::mem::take(&mut self.incidents);
        let Stage { plan, on_call, is_night, is_quiet, .. } = &*self;
        let people = |schedule: &str, offset: usize| {
            let key = if offset == 0 { schedule.to_owned() } else { format!("{schedule}+{offset}") };
            on_call.get(key.as_str()).into_iter().flatten().map(|name| (*name).to_owned()).collect()
        };
        let world = World {
            plan,
            on_call: &people,
            holds: &|_| *is_night,
            is_receiver: &|name: &str| !name.contains("nowhere"),
            is_quiet: &|_: Fingerprint| *is_quiet,
        };
        let mut orders = Vec::new();
        incidents.change(number, |incident| change(incident, now, &world, &mut orders));
        self.incidents = incidents;
        self.tell(at, orders);
    }

    fn tell(&mut self, at: &str, orders: Vec<Order>) {
        for order in orders {
            let text = match order {
                Order::Page { receiver, cause, .. } => format!("page {receiver}: {cause}"),
                Order::TellAnswered { text } => format!("all: {text}"),
                Order::TellClosed { text } => format!("all, over: {text}"),
                Order::Remind { user, text } => format!("remind {user}: {text}"),
            };
            self.told.push(format!("{at} {text}"));
        }
    }

    fn alerts(&mut self, at: &str, alerts: &[Arc<Alert>]) -> Option<u64> {
        let policy = self.plan.policies[0].clone();
        let now = START + seconds(at);
        let group = Labels::from_pairs([("cluster", "eu")]);
        let bundles = self.incidents.bundles(&policy, ("group", &group), alerts.to_vec(), now, &self.plan);
        let mut changed = None;
        for bundle in bundles {
            let mut orders = Vec::new();
            changed = self.incidents.take_bundle(now, &policy, bundle, &self.plan, &mut orders).or(changed);
            self.tell(at, orders);
        }
        if let Some(number) = changed {
            self.advance(number, at);
        }
        changed
    }

    fn advance(&mut self, number: u64, at: &str) {
        self.change(number, at, |incident, now, world, orders| incident.advance(now, world, orders));
    }

    /// Looks at the incident whenever something is due, up to `until`.
    fn run(&mut self, number: u64, until: &str) {
        let end = START + seconds(until);
        while let Some(due) = self.incidents.get(number).unwrap().next_due().filter(|due| *due <= end) {
            if self.incidents.get(number).unwrap().is_closed() {
                break;
            }
            self.advance(number, &format_duration(due.since(START)));
        }
    }

    fn answer(&mut self, number: u64, at: &str, name: &str, action: Action) {
        let who = Who { name: name.to_owned(), via: Via::Api };
        let answer = Answer { incident: number, action, who, once: None };
        self.change(number, at, |incident, now, world, orders| incident.take_answer(now, &answer, world, orders));
    }

    fn told(&mut self) -> String {
        std::mem::take(&mut self.told).join("\n")
    }
}

fn critical(name: &str) -> Arc<Alert> {
    alert(name, &[("severity", "critical"), ("cluster", "eu")], "0s", None)
}

#[test]
fn nobody_answers() {
    let mut stage =
        stage(EscalationPolicy { repeat: RepeatPolicy { times: 1, every: Some(seconds("20m")) }, ..policy() });
    let number = stage.alerts("0s", &[critical("Down")]).unwrap();
    stage.run(number, "3h");
    insta::assert_snapshot!(stage.told(), @r"
    0s page @ada/sms: step 1 of 2, on call by primary
    5m page @ada/mail: step 1 of 2, on call by primary, 5m after the page
    15m page @ben/sms: step 2 of 2, on call by primary
    20m page @ben/mail: step 2 of 2, on call by primary, 5m after the page
    35m page @ada/sms: step 1 of 2, round 2, on call by primary
    40m page @ada/mail: step 1 of 2, round 2, on call by primary, 5m after the page
    50m page @ben/sms: step 2 of 2, round 2, on call by primary
    55m page @ben/mail: step 2 of 2, round 2, on call by primary, 5m after the page
    1h10m page @eve/sms: nobody has answered any step
    1h15m page @eve/mail: nobody has answered any step, 5m after the page
    2h10m page @eve/sms: nobody has answered, paged once before
    2h15m page @eve/mail: nobody has answered, paged once before, 5m after the page
    ");
}

#[test]
fn somebody_answers_and_time_goes_on() {
    let mut stage = stage(policy());
    let number = stage.alerts("0s", &[critical("Down")]).unwrap();
    stage.run(number, "16m");
    stage.answer(number, "16m", "ben", Action::Ack);
    stage.run(number, "2h20m");
    stage.answer(number, "2h20m", "ben", Action::Snooze { until: START + seconds("3h") });
    stage.run(number, "3h1m");
    stage.answer(number, "3h1m", "ada", Action::Escalate);
    stage.answer(number, "3h2m", "ben", Action::Reassign { to: vec![Target::User("eve".to_owned())] });
    stage.run(number, "3h15m");
    stage.alerts("3h20m", &[alert("Down", &[("severity", "critical"), ("cluster", "eu")], "0s", Some("3h20m"))]);
    stage.alerts("3h30m", &[alert("Down", &[("severity", "critical"), ("cluster", "eu")], "3h29m", None)]);
    stage.answer(number, "3h31m", "eve", Action::Resolve);
    // What was resolved by hand stays so while the same alert goes on.
    assert_eq!(
        stage.alerts("3h40m", &[alert("Down", &[("severity", "critical"), ("cluster", "eu")], "3h29m", None)]),
        None
    );
    insta::assert_snapshot!(stage.told(), @r"
    0s page @ada/sms: step 1 of 2, on call by primary
    5m page @ada/mail: step 1 of 2, on call by primary, 5m after the page
    15m page @ben/sms: step 2 of 2, on call by primary
    16m all: acknowledged by ben by API
    2h6m remind ben: acknowledged by ben, and opened again at 2027-01-15T10:16:00Z unless it is over
    2h16m page @ada/sms: step 1 of 2, on call by primary; opened again: acknowledged by ben 2h ago and not over
    2h20m all: snoozed by ben by API until 2027-01-15T11:00:00Z
    3h page @ada/sms: step 1 of 2, on call by primary; opened again: ben had snoozed it until now
    3h1m page @ben/sms: step 2 of 2, on call by primary; opened again: ben had snoozed it until now
    3h2m page @eve/sms: reassigned by ben; opened again: ben had snoozed it until now
    3h7m page @eve/mail: reassigned by ben, 5m after the page; opened again: ben had snoozed it until now
    3h20m all, over: none of its alerts fires
    3h30m page @ada/sms: step 1 of 2, on call by primary; opened again: its alerts fire again
    3h31m all, over: resolved by eve by API
    ");
    let lines: Vec<String> =
        stage.incidents.get(number).unwrap().timeline.iter().map(|entry| entry.what.to_string()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    opened
    paged ada (@ada/sms): step 1 of 2, on call by primary
    paged ada (@ada/mail): step 1 of 2, on call by primary, 5m after the page
    nobody answered within the response time
    paged ben (@ben/sms): step 2 of 2, on call by primary
    ben by API: acknowledged
    reminded that the acknowledgement times out
    opened again: acknowledged by ben 2h ago and not over
    paged ada (@ada/sms): step 1 of 2, on call by primary; opened again: acknowledged by ben 2h ago and not over
    ben by API: snoozed until 2027-01-15T11:00:00Z
    opened again: ben had snoozed it until now
    paged ada (@ada/sms): step 1 of 2, on call by primary; opened again: ben had snoozed it until now
    ada by API: escalated
    paged ben (@ben/sms): step 2 of 2, on call by primary; opened again: ben had snoozed it until now
    ben by API: reassigned to user:eve
    paged eve (@eve/sms): reassigned by ben; opened again: ben had snoozed it until now
    paged eve (@eve/mail): reassigned by ben, 5m after the page; opened again: ben had snoozed it until now
    nobody answered within the response time
    alert over: Down{cluster="eu", severity="critical"}
    over: none of its alerts fires
    opened again: its alerts fire again
    alert fires: Down{cluster="eu", severity="critical"}
    paged ada (@ada/sms): step 1 of 2, on call by primary; opened again: its alerts fire again
    eve by API: resolved
    over: resolved by eve by API
    "#);
}

#[test]
fn what_was_missed_is_caught_up_once() {
    let mut stage = stage(policy());
    let number = stage.alerts("0s", &[critical("Down")]).unwrap();
    stage.told.clear();
    stage.advance(number, "5h");
    stage.run(number, "6h");
    insta::assert_snapshot!(stage.told(), @r"
    5h page @ada/mail: step 1 of 2, on call by primary, 5m after the page; 4h55m late: Watchbell did not run
    5h page @ben/sms: step 2 of 2, on call by primary; 4h45m late: Watchbell did not run
    5h page @eve/sms: nobody has answered any step; 4h30m late: Watchbell did not run
    5h5m page @ben/mail: step 2 of 2, on call by primary, 5m after the page
    5h5m page @eve/mail: nobody has answered any step, 5m after the page
    6h page @eve/sms: nobody has answered, paged once before
    ");
}

#[test]
fn whoever_cannot_be_paged_does_not_keep_others_from_it() {
    for (name, on_call, when) in
        [("nobody", vec![], None), ("unknown", vec!["zoe"], None), ("day", vec!["ada"], Some("night"))]
    {
        let mut own = policy();
        own.steps.truncate(1);
        own.steps[0].when = when.map(str::to_owned);
        let mut stage = stage(own);
        stage.on_call.insert("primary", on_call);
        let number = stage.alerts("0s", &[critical("Down")]).unwrap();
        stage.run(number, "1h");
        let told = stage.told();
        assert!(told.starts_with("0s page @eve/sms: "), "{name}: {told}");
    }
}

#[test]
fn whoever_comes_on_call_is_paged() {
    let mut stage = stage(policy());
    let number = stage.alerts("0s", &[critical("Down")]).unwrap();
    stage.told.clear();
    let hand_over = |stage: &mut Stage, at: &str| {
        stage.change(number, at, |incident, now, world, orders| incident.hand_over(now, world, orders));
    };
    hand_over(&mut stage, "1m");
    stage.on_call.insert("primary", vec!["ben"]);
    hand_over(&mut stage, "2m");
    stage.on_call.insert("primary", vec![]);
    hand_over(&mut stage, "3m");
    stage.answer(number, "4m", "ben", Action::Ack);
    stage.on_call.insert("primary", vec!["ada"]);
    hand_over(&mut stage, "5m");
    insta::assert_snapshot!(stage.told(), @r"
    2m page @ben/sms: handed over while nobody had answered, on call by primary
    3m page @eve/sms: nobody is on call by primary
    4m all: acknowledged by ben by API
    ");
}

#[test]
fn a_failed_page_moves_on() {
    let mut stage = stage(policy());
    let number = stage.alerts("0s", &[critical("Down")]).unwrap();
    stage.told.clear();
    let paged = |incident: &mut Incident, receiver: &str, now| {
        let receiver = receiver.to_owned();
        let user = Some("ada".to_owned());
        incident.paged.push(Paged {
            user,
            receiver,
            first_at: now,
            last_at: now,
            times: 1,
            arrived: 0,
            on_their_way: vec![],
        });
    };
    stage.change(number, "1m", |incident, now, _, _| {
        paged(incident, "@ada/sms", now);
        incident.take_failure(now, "@ada/sms", "refused");
    });
    stage.advance(number, "1m");
    stage.change(number, "2m", |incident, now, _, _| {
        paged(incident, "@ada/mail", now);
        incident.take_failure(now, "@ada/mail", "refused");
    });
    stage.advance(number, "2m");
    insta::assert_snapshot!(stage.told(), @r"
    1m page @ada/mail: step 1 of 2, on call by primary
    2m page @ben/sms: step 2 of 2, on call by primary
    ");
}

#[test]
fn a_silenced_incident_pages_nobody_until_it_is_not() {
    let mut stage = stage(policy());
    stage.is_quiet = true;
    let number = stage.alerts("0s", &[critical("Down")]).unwrap();
    stage.run(number, "10m");
    assert_eq!(stage.told(), "");
    stage.is_quiet = false;
    stage.run(number, "12m");
    assert_eq!(stage.told(), "11m page @ada/sms: step 1 of 2, on call by primary");
}

#[test]
fn alerts_share_incidents_by_labels_and_dependencies() {
    let mut own = policy();
    own.correlate_by = vec!["cluster".to_owned()];
    own.correlate_dependencies = true;
    let mut stage = stage(own);
    let service = |name: &str, needs: &[&str]| {
        let depends_on = needs.iter().map(|need| (*need).to_owned()).collect();
        (name.to_owned(), Service { name: name.to_owned(), depends_on })
    };
    stage.plan.services.services =
        BTreeMap::from([service("shop", &["pay"]), service("pay", &["db"]), service("db", &[]), service("mail", &[])]);
    let of = |name: &str, service: &str, cluster: &str, starts: &str| {
        alert(name, &[("service", service), ("cluster", cluster), ("severity", "critical")], starts, None)
    };
    stage.alerts("2m", &[of("SlowShop", "shop", "eu", "1m")]);
    stage.alerts(
        "3m",
        &[of("DbDown", "db", "eu", "2m"), of("MailDown", "mail", "eu", "2m"), of("DbDown", "db", "us", "2m")],
    );
    stage.alerts("4m", &[of("PayErrors", "pay", "eu", "0s")]);
    let now = START + seconds("25m");
    let shown: Vec<String> = stage
        .incidents
        .iter()
        .map(|incident| {
            let symptoms = incident.symptoms(now, &stage.plan, 5).join(", ");
            format!(
                "{} | {} | {} | {symptoms}",
                incident.key,
                incident.title(now, &stage.plan),
                incident.priority(now, &stage.plan)
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    {cluster="eu"}/shop | DbDown eu | 122 = 100 (P1) + 20 (3 services) + 2 (open for 23m) | PayErrors pay, SlowShop shop
    {cluster="eu"}/mail | MailDown eu | 102 = 100 (P1) + 0 (1 service) + 2 (open for 22m) | 
    {cluster="us"}/db | DbDown us | 122 = 100 (P1) + 20 (3 services) + 2 (open for 22m) |
    "#);
}

#[test]
fn incidents_are_read_as_they_are_written() {
    let mut stage = stage(policy());
    let number = stage.alerts("0s", &[critical("Down")]).unwrap();
    stage.run(number, "20m");
    stage.answer(number, "21m", "ada", Action::Ack);
    stage.answer(number, "22m", "ada", Action::Note { text: "looking".to_owned() });
    stage.change(number, "22m", |incident, _, _, _| drop(incident.take_news()));
    let incident = stage.incidents.get(number).unwrap();
    let read: Incident = serde_json::from_slice(&serde_json::to_vec(incident).unwrap()).unwrap();
    assert_eq!(&read, incident);
}
