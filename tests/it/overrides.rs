//! Exceptions from schedules that people set: what they change, what is kept, what a restart and a reload make of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchbell::config::{self, MemoryFiles};
use watchbell::engine::{Effect, Engine, Event, EventKind, Input, OVERRIDES_AT_ONCE_MAX, Plan, Record, RecordKind};
use watchbell::model::Timestamp;
use watchbell::oncall::{Override, OverrideChange};

const MAIN: &str = "
users:
  - {name: ada, time_zone: Europe/London}
  - {name: ben, time_zone: Europe/London}
  - {name: cy, time_zone: Europe/London}
schedules:
  - name: primary
    time_zone: Europe/London
    layers: [{name: weekly, rotation: {start: 2026-01-05T09:00, every: 1w}, users: [ada, ben]}]
overrides:
  - {schedule: primary, replace: {user: ada, by: cy}, from: 2026-01-06, until: 2026-01-07}
";

fn plan(main: &str) -> Arc<Plan> {
    let files = MemoryFiles::new([("watchbell.yml", main)]);
    let loaded = config::load(Some("watchbell.yml"), &files, &|_| None);
    Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems:#?}")).plan.engine)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect(text)
}

fn exception(id: &str, change: OverrideChange, from: &str, until: &str) -> Override {
    Override {
        id: id.into(),
        schedule: Some("primary".into()),
        from: at(from),
        until: at(until),
        change,
        created_by: "me".into(),
        comment: "why".into(),
    }
}

fn absent(user: &str) -> OverrideChange {
    OverrideChange::Absent { user: user.into() }
}

fn add(user: &str) -> OverrideChange {
    OverrideChange::Add { user: user.into() }
}

struct World {
    engine: Engine,
    now: Timestamp,
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What became of overrides.
    told: Vec<String>,
}

impl World {
    fn new(now: &str) -> World {
        World { engine: Engine::new(plan(MAIN)), now: at(now), store: BTreeMap::new(), told: Vec::new() }
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist(Record { kind: RecordKind::Override, key, value }) => match value {
                    Some(value) => drop(self.store.insert(key, value)),
                    None => drop(self.store.remove(&key)),
                },
                Effect::Emit(event) => {
                    let Event { kind, .. } = *event;
                    if let EventKind::Override { id, fate, change, .. } = kind {
                        self.told.push(format!("{id} {}: {change}", fate.as_str()));
                    }
                }
                _ => {}
            }
        }
    }

    fn restart(&mut self, main: &str) {
        let kind = RecordKind::Override;
        let records = std::mem::take(&mut self.store).into_iter();
        let records: Vec<Record> = records.map(|(key, value)| Record { kind, key, value: Some(value) }).collect();
        for Record { key, value, .. } in &records {
            self.store.insert(key.clone(), value.clone().expect("a value"));
        }
        let mut effects = Vec::new();
        let (engine, errors) = Engine::restore(plan(main), records, self.now, &mut effects);
        assert!(errors.is_empty(), "{errors:?}");
        self.engine = engine;
        self.perform(effects);
    }

    fn on_call(&self, when: &str) -> String {
        let oncall = self.engine.oncall();
        oncall.schedules[0].on_call(at(when), &oncall.overrides).join(" ")
    }

    fn ids(&self) -> Vec<&str> {
        self.engine.overrides().iter().map(|stored| stored.exception.id.as_str()).collect()
    }
}

#[test]
fn what_is_set_counts_behind_what_the_configuration_says() {
    let mut world = World::new("2026-01-05T00:00:00Z");
    let configured = Arc::clone(world.engine.oncall());
    assert_eq!(world.on_call("2026-01-06T12:00:00Z"), "cy");
    world.handle(Input::Tick);
    assert!(Arc::ptr_eq(&configured, world.engine.oncall()), "nothing has changed");
    world.handle(Input::SetOverrides(vec![
        exception("1", add("ben"), "2026-01-06T00:00:00Z", "2026-01-08T00:00:00Z"),
        exception("2", absent("cy"), "2026-01-06T18:00:00Z", "2026-01-07T00:00:00Z"),
    ]));
    for (when, expected) in [
        ("2026-01-05T12:00:00Z", "ada"),
        ("2026-01-06T12:00:00Z", "cy ben"),
        ("2026-01-06T19:00:00Z", "ben"),
        ("2026-01-07T12:00:00Z", "ada ben"),
    ] {
        assert_eq!(world.on_call(when), expected, "{when}");
    }
    assert_eq!(world.told, ["1 set: ben too", "2 set: cy is absent"]);
    assert_eq!(world.store.len(), 2);
    // The same again is no news; another under the same id takes its place.
    world.handle(Input::SetOverrides(vec![exception("1", add("ben"), "2026-01-06T00:00:00Z", "2026-01-08T00:00:00Z")]));
    assert_eq!(world.told.len(), 2);
    world.handle(Input::SetOverrides(vec![exception("1", add("cy"), "2026-01-07T00:00:00Z", "2026-01-08T00:00:00Z")]));
    assert_eq!((world.on_call("2026-01-07T12:00:00Z").as_str(), world.ids()), ("ada cy", vec!["1", "2"]));
}

#[test]
fn all_or_none_are_set() {
    let mut world = World::new("2026-02-01T00:00:00Z");
    let good = || exception("1", add("cy"), "2026-02-02T00:00:00Z", "2026-02-03T00:00:00Z");
    let many = || (0..=OVERRIDES_AT_ONCE_MAX).map(|id| Override { id: id.to_string(), ..good() }).collect();
    for (overrides, position, expected) in [
        (
            vec![good(), exception("2", add("zoe"), "2026-02-02T00:00:00Z", "2026-02-03T00:00:00Z")],
            1,
            "no user is named",
        ),
        (vec![Override { schedule: Some("primry".into()), ..good() }], 0, "did you mean `primary`?"),
        (
            vec![good(), good(), exception("3", add("cy"), "2026-01-02T00:00:00Z", "2026-02-01T00:00:00Z")],
            2,
            "over already",
        ),
        (vec![exception("3", add("cy"), "2026-02-02T00:00:00Z", "2026-02-02T00:00:00Z")], 0, "must be after"),
        (many(), 0, "at most 1000 are kept"),
    ] {
        let refusal = world.engine.plan_overrides(world.now, &overrides).expect_err(expected);
        assert_eq!(refusal.position, position, "{refusal}");
        assert!(refusal.to_string().contains(expected), "{refusal}");
        world.handle(Input::SetOverrides(overrides));
        assert!(world.ids().is_empty() && world.store.is_empty() && world.told.is_empty());
    }
}

#[test]
fn taking_back_ends_what_has_begun_and_forgets_what_has_not() {
    let mut world = World::new("2026-02-02T00:00:00Z");
    world.handle(Input::SetOverrides(vec![
        exception("now", add("cy"), "2026-02-02T00:00:00Z", "2026-02-04T00:00:00Z"),
        exception("later", add("cy"), "2026-02-05T00:00:00Z", "2026-02-06T00:00:00Z"),
    ]));
    world.now = at("2026-02-03T00:00:00Z");
    for id in ["now", "later", "now", "never"] {
        world.handle(Input::RemoveOverride { id: id.into() });
    }
    assert_eq!(world.told[2..], ["now ended: cy too", "later removed: cy too"]);
    let error = |id: &str| world.engine.plan_removal(world.now, id).expect_err(id).to_string();
    assert_eq!(error("now"), "override now is over already");
    assert_eq!(error("later"), "there is no override later");
    // What was is not changed.
    assert_eq!(world.on_call("2026-02-02T23:00:00Z"), "ada cy");
    assert_eq!(world.on_call("2026-02-03T00:00:00Z"), "ada");
}

#[test]
fn restarts_keep_what_was_set_and_its_order() {
    let mut world = World::new("2026-02-02T00:00:00Z");
    let (from, until) = ("2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z");
    world.handle(Input::SetOverrides(vec![exception("z", add("cy"), from, until)]));
    world.now = at("2026-02-02T01:00:00Z");
    world.handle(Input::SetOverrides(vec![exception("a", OverrideChange::Remove { user: "cy".into() }, from, until)]));
    let before = Arc::clone(world.engine.oncall());
    assert_eq!(world.on_call("2026-02-03T12:00:00Z"), "ada", "the last word is the later one");
    world.restart(MAIN);
    assert_eq!(before, *world.engine.oncall());
    assert_eq!(world.ids(), ["z", "a"]);
    // Thirty days after its end it is forgotten.
    assert_eq!(world.engine.next_wakeup(), Some(at("2026-03-06T00:00:00Z")));
    world.now = at("2026-03-05T23:59:59Z");
    world.handle(Input::Tick);
    assert_eq!(world.ids().len(), 2);
    world.now = at("2026-03-06T00:00:00Z");
    world.handle(Input::Tick);
    assert!(world.ids().is_empty() && world.store.is_empty());
    assert_eq!(world.engine.next_wakeup(), None);
}

#[test]
fn what_names_somebody_who_is_gone_has_no_effect_and_stays() {
    let mut world = World::new("2026-02-02T00:00:00Z");
    let during = "2026-02-03T12:00:00Z";
    world.handle(Input::SetOverrides(vec![exception("1", add("cy"), "2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z")]));
    assert_eq!(world.on_call(during), "ada cy");
    let without = MAIN.replace("  - {name: cy, time_zone: Europe/London}\n", "").replace("by: cy", "by: ben");
    world.handle(Input::NewPlan(plan(&without)));
    assert_eq!((world.on_call(during).as_str(), world.ids()), ("ada", vec!["1"]));
    world.restart(&without);
    assert_eq!((world.on_call(during).as_str(), world.ids()), ("ada", vec!["1"]));
    world.handle(Input::NewPlan(plan(MAIN)));
    assert_eq!(world.on_call(during), "ada cy");
}
