//! Scenarios on the simulated clock: alerts posted from outside, what people do meanwhile, and who is told what when. They
//! stand in `tests/scenarios/*.txt`, in the form that `tests/scenarios/README.md` explains.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use watchbell::config::{self, MemoryFiles, parse_matchers};
use watchbell::deliver::{Notification, Outcome};
use watchbell::engine::{Effect, Engine, ExternalAlert, Input, Plan, Record, RecordKind};
use watchbell::model::{AlertStatus, Labels, Reason, Timestamp, TraceId, parse_duration};
use watchbell::route::SilenceDraft;

const FILES: [(&str, &str); 4] = [
    ("alertmanager", include_str!("../scenarios/alertmanager.txt")),
    ("muting", include_str!("../scenarios/muting.txt")),
    ("calendar", include_str!("../scenarios/calendar.txt")),
    ("restarts", include_str!("../scenarios/restarts.txt")),
];

#[test]
fn scenarios_go_as_they_are_told() {
    let (mut failed, mut count) = (Vec::new(), 0);
    for (file, text) in FILES {
        let mut parts = text.split("\n### ");
        let configs = configurations(parts.next().unwrap_or_default());
        for part in parts {
            let (name, script) = part.split_once('\n').unwrap_or((part, ""));
            let (expected, told) = play(&configs, script);
            if expected != told {
                let show = |lines: &[String]| lines.iter().map(|line| format!("    {line}\n")).collect::<String>();
                failed.push(format!("{file}: {name}\n  expected\n{}  told\n{}", show(&expected), show(&told)));
            }
            count += 1;
        }
    }
    assert!(failed.is_empty(), "{} scenarios went otherwise\n\n{}", failed.len(), failed.join("\n"));
    assert!(count > 30, "{count} scenarios");
}

/// The plans of a file's head: `@NAME` and the lines of YAML below it.
fn configurations(head: &str) -> BTreeMap<String, Arc<Plan>> {
    let blocks = head.split("\n@").skip(1);
    let plan = |block: &str| {
        let (name, yaml) = block.split_once('\n').expect("a configuration below its name");
        let yaml = format!("{yaml}\nhost_samples: false\n");
        let files = MemoryFiles::new([("watchbell.yml", yaml.as_str())]);
        let loaded = config::load(Some("watchbell.yml"), &files, &|_| None);
        let plan = loaded.unwrap_or_else(|problems| panic!("{name}: {problems:#?}")).plan;
        (name.trim().to_owned(), Arc::new(plan.engine))
    };
    blocks.map(plan).collect()
}

/// Plays a script; returns what it expects to be told, and what is.
fn play(configs: &BTreeMap<String, Arc<Plan>>, script: &str) -> (Vec<String>, Vec<String>) {
    let mut world: Option<World> = None;
    let (mut start, mut config) = (Timestamp::from_seconds(1_000_000_020), "plain".to_owned());
    let mut expected = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match first {
            "start" => start = Timestamp::parse_rfc3339(rest).expect("a moment"),
            "config" => config = rest.to_owned(),
            _ if rest.starts_with("=>") => expected.push(line.split_whitespace().collect::<Vec<_>>().join(" ")),
            _ => {
                let at = parse_duration(first).unwrap_or_else(|error| panic!("{line}: {error}"));
                let world = world.get_or_insert_with(|| World::new(start, &configs[&config]));
                world.live_until(start + at);
                world.perform(rest, configs, line);
            }
        }
    }
    (expected, world.map(|world| world.told).unwrap_or_default())
}

/// An engine with a store and receivers that take everything unless they are said to fail.
struct World {
    start: Timestamp,
    now: Timestamp,
    engine: Engine,
    plan: Arc<Plan>,
    store: BTreeMap<(RecordKind, Vec<u8>), Vec<u8>>,
    failing: BTreeSet<String>,
    silences: BTreeMap<String, String>,
    told: Vec<String>,
}

impl World {
    fn new(start: Timestamp, plan: &Arc<Plan>) -> World {
        World {
            start,
            now: start,
            engine: Engine::new(Arc::clone(plan)),
            plan: Arc::clone(plan),
            store: BTreeMap::new(),
            failing: BTreeSet::new(),
            silences: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    fn live_until(&mut self, at: Timestamp) {
        while let Some(due) = self.engine.next_wakeup().filter(|due| *due <= at) {
            self.now = self.now.max(due);
            self.handle(Input::Tick);
        }
        self.now = at;
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist(Record { kind, key, value }) => match value {
                    Some(value) => drop(self.store.insert((kind, key), value)),
                    None => drop(self.store.remove(&(kind, key))),
                },
                Effect::Send(delivery) => {
                    let fails = self.failing.contains(&delivery.notification.receiver);
                    let outcome = match fails {
                        true => Outcome::Retry { error: "it does not answer".to_owned(), after: None },
                        false => Outcome::Delivered,
                    };
                    if !fails {
                        let line = self.line(&delivery.notification);
                        self.told.push(line);
                    }
                    self.handle(Input::Attempted { number: delivery.number, outcome });
                }
                Effect::Emit(_) => {}
            }
        }
    }

    fn perform(&mut self, action: &str, configs: &BTreeMap<String, Arc<Plan>>, line: &str) {
        let words: Vec<&str> = action.split_whitespace().collect();
        match words.as_slice() {
            ["post", alert @ ..] => self.post(alert, line),
            ["silence", id, "for", duration, matchers @ ..] => {
                let draft = SilenceDraft {
                    id: self.silences.get(*id).cloned(),
                    matchers: parse_matchers(&matchers.join(" ")).expect(line),
                    starts_at: self.now,
                    ends_at: self.now + parse_duration(duration).expect(line),
                    created_by: "crew".to_owned(),
                    comment: String::new(),
                };
                let new_id = format!("{id}-{}", self.told.len() + self.store.len());
                let change = self.engine.plan_silence(self.now, &draft, &new_id).expect(line);
                self.silences.insert((*id).to_owned(), change.silence.id);
                self.handle(Input::SetSilence { draft, new_id });
            }
            ["expire", id] => self.handle(Input::ExpireSilence { id: self.silences[*id].clone() }),
            ["fail", receiver] => drop(self.failing.insert((*receiver).to_owned())),
            ["work", receiver] => drop(self.failing.remove(*receiver)),
            ["reload", config] => {
                self.plan = Arc::clone(&configs[*config]);
                self.handle(Input::NewPlan(Arc::clone(&self.plan)));
            }
            ["restart"] => self.restart(),
            ["end"] => {}
            ["state", labels @ .., state] => {
                let found = self.state(&labelled(labels));
                if found != *state {
                    self.told.push(format!("{line}: it is {found}"));
                }
            }
            _ => panic!("{line}: no such action"),
        }
    }

    /// `NAME LABEL=VALUE... [since DURATION] [for DURATION | over]`
    fn post(&mut self, words: &[&str], line: &str) {
        let mut alert = ExternalAlert {
            labels: Labels::default(),
            annotations: Labels::default(),
            starts_at: None,
            ends_at: None,
            generator_url: "".into(),
            trace: TraceId::NONE,
        };
        let mut labels = words;
        loop {
            let duration = |text: &str| parse_duration(text).expect(line);
            labels = match labels {
                [rest @ .., "over"] => {
                    alert.ends_at = Some(self.now);
                    rest
                }
                [rest @ .., "for", until] => {
                    alert.ends_at = Some(self.now + duration(until));
                    rest
                }
                [rest @ .., "since", ago] => {
                    alert.starts_at = Some(self.now - duration(ago));
                    rest
                }
                _ => break,
            };
        }
        alert.labels = labelled(labels);
        self.handle(Input::ExternalAlerts(vec![alert]));
    }

    /// The process ends and starts anew from what is on disk.
    fn restart(&mut self) {
        let record = |((kind, key), value): (&(RecordKind, Vec<u8>), &Vec<u8>)| Record {
            kind: *kind,
            key: key.clone(),
            value: Some(value.clone()),
        };
        let records: Vec<Record> = self.store.iter().map(record).collect();
        let mut effects = Vec::new();
        let (engine, errors) = Engine::restore(Arc::clone(&self.plan), records, self.now, &mut effects);
        assert_eq!(errors, []);
        self.engine = engine;
        self.take(effects);
        self.handle(Input::Tick);
    }

    /// `gone`, `over`, `active`, or what suppresses the alert.
    fn state(&self, labels: &Labels) -> &'static str {
        use watchbell::route::Suppression::{Inactive, Inhibited, Muted, Silenced};
        let groups = self.engine.groups();
        let Some(alert) = groups.alert(labels.fingerprint()) else { return "gone" };
        if alert.status(self.now) == AlertStatus::Resolved {
            return "over";
        }
        let routed = self.engine.routes().matching(labels).into_iter().next().expect("a route");
        let key = format!("{}:{}", routed.key, routed.route.group_labels(labels));
        match groups.suppression(self.engine.routes(), &key, alert, self.now) {
            None => "active",
            Some(Inhibited { .. }) => "inhibited",
            Some(Inactive { .. }) => "inactive",
            Some(Muted { .. }) => "muted",
            Some(Silenced { .. }) => "silenced",
        }
    }

    /// `30s => crew first A(a) -A(b)`
    fn line(&self, notification: &Notification) -> String {
        let reason = match notification.reason {
            Reason::FirstNotification => "first",
            Reason::NewAlerts => "new",
            Reason::AllResolved => "all-over",
            Reason::SomeResolved => "some-over",
            Reason::RepeatInterval => "repeat",
            #[allow(unreachable_patterns, reason = "reasons may be added")]
            other => other.as_str(),
        };
        let mut line = format!("{} => {} {reason}", written(self.now.since(self.start)), notification.receiver);
        for alert in &notification.alerts {
            let is_over = alert.status(notification.decided_at) == AlertStatus::Resolved;
            let values: Vec<&str> =
                alert.labels.iter().filter(|(name, _)| *name != "alertname").map(|(_, value)| value).collect();
            line.push_str(&format!(
                " {}{}({})",
                if is_over { "-" } else { "" },
                alert.labels.get("alertname"),
                values.join(",")
            ));
        }
        line
    }
}

/// The labels of `NAME LABEL=VALUE...`.
fn labelled(words: &[&str]) -> Labels {
    let (name, labels) = words.split_first().expect("an alert's name");
    let pairs = labels.iter().map(|pair| pair.split_once('=').unwrap_or_else(|| panic!("{pair} is no label")));
    Labels::from_pairs(pairs.chain([("alertname", *name)]))
}

/// `1h2m3s`
fn written(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    let millis = time.subsec_millis();
    match (text.is_empty(), millis) {
        (true, 0) => "0s".to_owned(),
        (_, 0) => text,
        _ => format!("{text}{millis}ms"),
    }
}
