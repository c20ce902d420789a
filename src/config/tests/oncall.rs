//! Users, schedules and overrides.

use proptest::prelude::*;

use super::*;
use crate::model::Timestamp;
use crate::oncall::{OncallPlan, OverrideChange};

const FIXTURE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/oncall/watchbell.yml"));

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect(text)
}

fn on_call(plan: &OncallPlan, schedule: &str, when: &str) -> String {
    let schedule = plan.schedules.iter().find(|known| known.name == schedule).expect(schedule);
    schedule.on_call(at(when), &plan.overrides).join(" ")
}

#[test]
fn the_example_says_who_is_on_call() {
    let plan = plan(FIXTURE);
    let plan = &plan.engine.oncall;
    for (schedule, when, expected) in [
        ("primary", "2026-01-05T08:59:00Z", ""),
        ("primary", "2026-01-05T09:00:00Z", "ada"),
        ("primary", "2026-01-12T09:00:00Z", "ben"),
        // In summer London's nine is eight of UTC.
        ("primary", "2026-07-20T07:59:00Z", "ada"),
        ("primary", "2026-07-20T08:00:00Z", "cy"),
        ("primary", "2026-07-25T08:00:00Z", "dee"),
        ("primary", "2026-07-26T23:30:00Z", "cy"),
        ("follow-the-sun", "2026-01-05T07:00:00Z", "cy"),
        ("follow-the-sun", "2026-01-05T08:00:00Z", "ada"),
        ("follow-the-sun", "2026-01-06T08:00:00Z", "ben"),
        ("follow-the-sun", "2026-01-06T18:00:00Z", "cy"),
        ("follow-the-sun", "2026-01-10T12:00:00Z", "cy"),
        ("follow-the-sun", "2026-01-17T12:00:00Z", "dee"),
    ] {
        assert_eq!(on_call(plan, schedule, when), expected, "{schedule} {when}");
    }
    assert_eq!(plan.users.len(), 4);
    assert_eq!(plan.overrides[0].change, OverrideChange::Absent { user: "ben".into() });
    // Of an override for all schedules, dates are those of the user.
    assert_eq!(plan.overrides[0].from, at("2026-07-20T00:00:00Z"));
    // Of an override for one, those of the schedule.
    assert_eq!(plan.overrides[1].from, at("2026-07-24T23:00:00Z"));
}

#[test]
fn layers_begin_end_join_and_are_together() {
    let plan = plan(
        "
users:
  - {name: ada, time_zone: UTC}
  - {name: ben, time_zone: UTC}
  - {name: cy, time_zone: UTC}
schedules:
  - name: s
    time_zone: Europe/Berlin
    layers:
      - {name: a, from: 2026-01-02, until: 2026-02-01T12:00, rotation: {start: 2026-01-01T00:00, every: 12h}, users: [ada, [ben, cy]]}
      - name: b
        rotation: {start: 2026-01-03, every: 1mo}
        users: [cy]
        restrictions: [{weekdays: [saturday]}, {weekdays: ['sunday:monday'], start: '22:00', end: '06:00'}]
        joins: true
",
    );
    for (when, expected) in [
        ("2026-01-01T12:00:00Z", ""),
        ("2026-01-02T00:00:00Z", "ada"),
        ("2026-01-02T12:00:00Z", "ben cy"),
        ("2026-01-03T06:00:00Z", "ada cy"),
        ("2026-01-05T03:00:00Z", "ada cy"),
        ("2026-01-05T06:00:00Z", "ada"),
        ("2026-02-01T12:00:00Z", ""),
    ] {
        assert_eq!(on_call(&plan.engine.oncall, "s", when), expected, "{when}");
    }
}

/// A main file with one schedule of one layer, in which `old` is `new`.
fn with(old: &str, new: &str) -> String {
    let whole = "
users:
  - {name: ada, time_zone: UTC}
  - {name: benedict, time_zone: UTC}
schedules:
  - name: s
    time_zone: UTC
    layers:
      - name: a
        rotation: {start: 2026-01-05T09:00, every: 1w}
        users: [ada, benedict]
        restrictions: [{start: '09:00', end: '17:00'}]
overrides:
  - {schedule: s, add: ada, from: 2026-01-05, until: 2026-01-06}
";
    assert!(whole.contains(old), "{old}");
    main(&whole.replacen(old, new, 1))
}

#[test]
fn what_cannot_be_is_refused() {
    assert_eq!(with("1w", "2w"), "");
    for (old, new, expected) in [
        ("ada, time_zone: UTC", "ada", "a user needs the field `time_zone`"),
        ("ada, time_zone: UTC", "ada, time_zone: Europe/Brelin", "there is no time zone `Europe/Brelin`"),
        ("ada, time_zone: UTC", "ada, time_zone: UTC, email: a@b", "unknown field `email`"),
        ("{name: ada", "{name: benedict", "another user is named `benedict` too"),
        ("\n    time_zone: UTC", "", "a schedule needs the field `time_zone`"),
        ("users: [ada, benedict]", "users: [ada, benedikt]", "did you mean `benedict`?"),
        ("users: [ada, benedict]", "users: [ada, []]", "nobody has this turn"),
        ("users: [ada, benedict]", "users: []", "a layer needs the field `users`"),
        ("users: [ada, benedict]", "users: [zoe, ada]", "no user is named `zoe`"),
        ("1w", "0w", "`0w` is no distance of handoffs"),
        ("1w", "90m", "`90m` is no distance of handoffs"),
        ("1w", "1w, cron: '0 9 * * 1'", "not both"),
        (", every: 1w", "", "a rotation needs one of `every`, `cron`"),
        ("every: 1w", "cron: '0 9 * *'", "not the five of cron"),
        ("every: 1w", "cron: '0 9 31 2 *'", "names no time after the start"),
        ("every: 1w", "cron: '0 * * * *'", "only 100000 handoffs are counted"),
        ("2026-01-05T09:00", "2026-01-05T09:00:00Z", "is no such time"),
        ("2026-01-05T09:00", "monday", "is no such time"),
        ("start: 2026-01-05T09:00, ", "", "a rotation needs the field `start`"),
        ("        rotation: {start: 2026-01-05T09:00, every: 1w}\n", "", "a layer needs the field `rotation`"),
        (
            "- name: a\n",
            "- name: a\n        from: 2026-02-01\n        until: 2026-01-01\n",
            "`until` must be after `from`",
        ),
        ("- name: a\n", "- name: a\n        from: soon\n", "`soon` is no time"),
        ("end: '17:00'", "end: '09:00'", "the end is the start"),
        ("end: '17:00'", "end: '25:00'", "`25:00` is no time of the day"),
        (", end: '17:00'", "", "a restriction needs the field `end`"),
        ("start: '09:00', ", "weekdays: [funday], start: '09:00', ", "`funday` is no day of the week"),
        ("schedule: s, ", "schedule: z, ", "no schedule is named `z`"),
        ("add: ada", "add: adda", "did you mean `ada`?"),
        ("add: ada", "add: ada, absent: ada", "give `add` or `absent`, not both"),
        ("add: ada, ", "", "an override needs one of `add`, `remove`, `replace`, `absent`"),
        ("add: ada", "replace: {user: ada, by: ada}", "nobody can take their own place"),
        ("until: 2026-01-06", "until: 2026-01-04", "`until` must be after `from`"),
        (", until: 2026-01-06", "", "an override needs the field `until`"),
    ] {
        let found = with(old, new);
        assert!(found.contains(expected), "{old} -> {new}: expected {expected}, got\n{found}");
    }
}

#[test]
fn places_and_hints() {
    insta::assert_snapshot!(with("users: [ada, benedict]", "users: [ada, [bendict]]"), @r"
    error[config/unknown-user]: no user is named `bendict`
      --> watchbell.yml:11:23
       |
    11 |         users: [ada, [bendict]]
       |                       ^^^^^^^
       |
       = help: did you mean `benedict`?
    ");
}

#[test]
fn gaps_are_found() {
    let files = MemoryFiles::new([("watchbell.yml", FIXTURE)]);
    let found = |text: &str, now: &str| {
        let files = MemoryFiles::new([("watchbell.yml", text)]);
        let checked = check_at(&["watchbell.yml".to_owned()], &files, &no_environment, at(now));
        render_text(&checked.diagnostics, false)
    };
    assert_eq!(found(FIXTURE, "2026-06-01T00:00:00Z"), "");
    assert!(check(&["watchbell.yml".to_owned()], &files, &no_environment).diagnostics.is_empty());
    let with_gap =
        FIXTURE.replace("        users: [cy, dee]\n", "        users: [cy, dee]\n        until: 2026-06-05\n");
    insta::assert_snapshot!(found(&with_gap, "2026-06-01T00:00:00Z"), @r"
    warning[schedule/gap]: nobody is on call by `follow-the-sun` within the next 90 days from 2026-06-05 00:00 to 2026-06-05 08:00, from 2026-06-05 18:00 to 2026-06-08 08:00, from 2026-06-08 18:00 to 2026-06-09 08:00, and 59 times more (UTC)
      --> watchbell.yml:18:11
       |
    18 |   - name: follow-the-sun
       |           ^^^^^^^^^^^^^^
    ");
}

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Ada Lovelace instead of ben\r\n\
    DTSTART;VALUE=DATE:20260112\r\nDTEND;VALUE=DATE:20260113\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nSUMMARY:dee\r\n\
    DTSTART:20240105T100000\r\nDURATION:PT2H\r\nRRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// The fixture with calendars for the first schedule.
fn with_calendars(calendars: &str) -> String {
    let name = "  - name: primary\n";
    assert!(FIXTURE.contains(name));
    FIXTURE.replacen(name, &format!("{name}    override_calendars: {calendars}\n"), 1)
}

#[test]
fn calendars_are_overrides_too() {
    let main = with_calendars("['cal/*.ics']");
    let files = MemoryFiles::new([("etc/watchbell.yml", main.as_str()), ("etc/cal/a.ics", CALENDAR)]);
    let loaded =
        load_at(Some("etc/watchbell.yml"), &files, &no_environment, at("2026-01-01T00:00:00Z")).expect("valid");
    assert!(loaded.read.contains(&"etc/cal/a.ics".to_owned()) && loaded.patterns.contains(&"etc/cal/*.ics".to_owned()));
    let plan = &loaded.plan.engine.oncall;
    for (when, expected) in [
        ("2026-01-12T12:00:00Z", "ada"),
        ("2026-01-13T12:00:00Z", "ben"),
        // Ten by London's clock, on every Friday.
        ("2026-07-17T09:30:00Z", "ada dee"),
        ("2026-07-17T11:30:00Z", "ada"),
    ] {
        assert_eq!(on_call(plan, "primary", when), expected, "{when}");
    }
    assert_eq!(plan.overrides.last().map(|it| it.created_by.as_str()), Some("etc/cal/a.ics"));
    // Without a present, from the beginning of what recurs.
    let timeless = load(Some("etc/watchbell.yml"), &files, &no_environment).expect("valid").plan;
    assert_eq!(on_call(&timeless.engine.oncall, "primary", "2024-12-27T10:30:00Z"), "dee");
}

#[test]
fn what_calendars_cannot_be() {
    let shown = |calendars: &str, text: &str| {
        let main = with_calendars(calendars);
        let files = MemoryFiles::new([("watchbell.yml", main.as_str()), ("a.ics", text)]);
        render_text(&problems(load(Some("watchbell.yml"), &files, &no_environment)), false)
    };
    assert_eq!(shown("[a.ics]", CALENDAR), "");
    insta::assert_snapshot!(shown("[a.ics]", &CALENDAR.replace("Lovelace", "Lovelase")), @r"
    error[calendar/event]: no user is called `Ada Lovelase`; did you mean `Ada Lovelace`?
     --> a.ics:4:1
      |
    4 | SUMMARY:Ada Lovelase instead of ben
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    let absent = shown("[b.ics]", CALENDAR);
    assert!(absent.contains("there is no such file") && absent.contains("watchbell.yml:"), "{absent}");
    let uid = shown("[a.ics]", &CALENDAR.replace("UID:2\r\n", ""));
    assert!(uid.contains("a.ics:8:1") && uid.contains("the event has no `UID`"), "{uid}");
    assert!(shown("[a.ics]", &" ".repeat((1 << 20) + 1)).contains("more than 1024 KiB"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics(
        start in "(-?[0-9]{4}|2026)-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9])?",
        every in "[0-9]{1,5}(h|d|w|mo)",
        times in "[0-2][0-9]:[0-5][0-9]",
        when in any::<i64>(),
    ) {
        let text = format!(
            "
users: [{{name: a, time_zone: UTC}}, {{name: b, time_zone: UTC}}]
schedules:
  - name: s
    time_zone: Australia/Lord_Howe
    layers:
      - {{name: l, rotation: {{start: '{start}', every: {every}}}, users: [a, b], restrictions: [{{start: '{times}', end: '08:00'}}]}}
overrides: [{{absent: b, from: '{start}', until: 2100-01-01}}]
"
        );
        let files = MemoryFiles::new([("watchbell.yml", text.as_str())]);
        if let Ok(loaded) = load(Some("watchbell.yml"), &files, &no_environment) {
            let plan = &loaded.plan.engine.oncall;
            for when in [when, when % 4_102_444_800_000] {
                prop_assert_eq!(plan.duties(Timestamp::from_millis(when)).len(), 1);
            }
        }
    }
}
