//! Calendars as programs write them, and as nobody should.

use proptest::prelude::*;

use super::*;

fn calendar(event: &str) -> String {
    let event = event.trim_matches('\n').replace('\n', "\r\n");
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
}

fn one(event: &str) -> Result<CalendarEvent, String> {
    match parse_calendar(&calendar(event)) {
        Ok(events) => Ok(events.into_iter().next().expect("an event")),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

fn starts(event: &str, many: usize) -> Vec<String> {
    let event = one(event).expect(event);
    let from = event.start.wall;
    event.occurrences(from).take(many).map(|it| it.start.wall.to_string()).collect()
}

#[test]
fn what_programs_write() {
    let text = "\u{feff}BEGIN:VCALENDAR\nPRODID:-//Google Inc//Google Calendar 70.9054//EN\nBEGIN:VTIMEZONE\nTZID:Europe/Berlin\n\
        BEGIN:STANDARD\nDTSTART:19701025T030000\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\nEND:STANDARD\nEND:VTIMEZONE\n\
        BEGIN:VEVENT\nDTSTART;TZID=\"Europe/Berlin\":20260720T090000\nDTEND;TZID=Europe/Berlin:20260721T090000\n\
        UID:7@google.com\nSUMMARY;LANGUAGE=en:Cy Twombly\\, \n the \\\"second\\\"\\nline\nDESCRIPTION:a: b\nBEGIN:VALARM\nTRIGGER:-P1D\n\
        DESCRIPTION:no\nSUMMARY:neither\nEND:VALARM\nEND:VEVENT\nEND:VCALENDAR";
    let events = parse_calendar(text).expect("a calendar");
    let CalendarEvent { line, uid, summary, summary_line, start, end, .. } = &events[0];
    assert_eq!((*line, uid.as_str(), *summary_line), (10, "7@google.com", 14));
    assert_eq!(summary, "Cy Twombly, the \"second\"\nline");
    assert_eq!(start.zone.as_ref().and_then(TimeZone::iana_name), Some("Europe/Berlin"));
    assert_eq!(format!("{} {}", start.wall, end.wall), "2026-07-20T09:00:00 2026-07-21T09:00:00");
}

#[test]
fn times() {
    for (start, end, expected) in [
        ("DTSTART;VALUE=DATE:20260720", "", "2026-07-20T00:00:00 2026-07-21T00:00:00 None day"),
        (
            "DTSTART;VALUE=DATE:20260720",
            "DTEND;VALUE=DATE:20260725",
            "2026-07-20T00:00:00 2026-07-25T00:00:00 None day",
        ),
        ("DTSTART:20260720T090000Z", "DURATION:PT8H30M", "2026-07-20T09:00:00 2026-07-20T17:30:00 Some(\"UTC\") time"),
        ("DTSTART:20260720T090000", "DURATION:P1W", "2026-07-20T09:00:00 2026-07-27T09:00:00 None time"),
        (
            "DTSTART;TZID=W. Europe Standard Time:20260720T090000",
            "DTEND:20260720T170060Z",
            "2026-07-20T09:00:00 2026-07-20T17:00:59 Some(\"Europe/Berlin\") time",
        ),
        (
            "DTSTART;TZID=/freeassociation.sourceforge.net/America/Argentina/Ushuaia:20260720T090000",
            "DURATION:P1D",
            "2026-07-20T09:00:00 2026-07-21T09:00:00 Some(\"America/Argentina/Ushuaia\") time",
        ),
    ] {
        let event = one(&format!("UID:1\nSUMMARY:a\n{start}\n{end}")).expect(start);
        let zone = event.start.zone.as_ref().and_then(TimeZone::iana_name);
        let kind = if event.start.is_day { "day" } else { "time" };
        assert_eq!(format!("{} {} {zone:?} {kind}", event.start.wall, event.end.wall), expected, "{start}");
    }
}

#[test]
fn recurrences() {
    for (start, rule, expected) in [
        ("20260720T090000", "FREQ=DAILY;INTERVAL=3;COUNT=3", vec!["2026-07-20", "2026-07-23", "2026-07-26"]),
        ("20260720T090000", "FREQ=DAILY;UNTIL=20260722", vec!["2026-07-20", "2026-07-21", "2026-07-22"]),
        ("20260720T090000", "FREQ=DAILY;UNTIL=20260721T085959;", vec!["2026-07-20"]),
        (
            "20260720T090000",
            "FREQ=WEEKLY;BYDAY=FR,MO;COUNT=4",
            vec!["2026-07-20", "2026-07-24", "2026-07-27", "2026-07-31"],
        ),
        // The example of RFC 5545 on what the beginning of a week changes.
        (
            "19970805T090000",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            vec!["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"],
        ),
        (
            "19970805T090000",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            vec!["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"],
        ),
        ("20260131T090000", "FREQ=MONTHLY;COUNT=3", vec!["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("20260131T090000", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", vec!["2026-01-31", "2026-02-28", "2026-03-31"]),
        (
            "20260105T090000",
            "FREQ=MONTHLY;BYDAY=1MO,-1FR;COUNT=4",
            vec!["2026-01-05", "2026-01-30", "2026-02-02", "2026-02-27"],
        ),
        ("20240229T090000", "FREQ=YEARLY;COUNT=3", vec!["2024-02-29", "2028-02-29", "2032-02-29"]),
        ("20251224T090000", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24;COUNT=2", vec!["2025-12-24", "2026-12-24"]),
        ("20261126T090000", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2", vec!["2026-11-26", "2027-11-25"]),
        (
            "20260720T090000",
            "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=6",
            vec!["2026-07-20", "2026-07-21", "2026-07-22", "2026-07-23", "2026-07-24", "2026-07-27"],
        ),
        ("20260720T090000", "FREQ=DAILY;BYMONTH=7;COUNT=13", vec!["2026-07-20", "2026-07-21"]),
        // There is no 30th of February.
        ("20260115T090000", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", vec!["2026-01-15"]),
    ] {
        let event = format!("UID:1\nSUMMARY:a\nDTSTART:{start}\nDURATION:PT1H\nRRULE:{rule}");
        let days: Vec<String> = starts(&event, if rule.contains("BYMONTH=7") { 2 } else { 20 });
        let days: Vec<&str> = days.iter().map(|wall| &wall[..10]).collect();
        assert_eq!(days, expected, "{rule}");
    }
}

#[test]
fn what_is_left_out_and_what_was_long_ago() {
    let event = "UID:1\nSUMMARY:a\nDTSTART;TZID=Europe/Berlin:20260720T090000\nDURATION:PT8H\nRRULE:FREQ=DAILY;COUNT=5\n\
        EXDATE;TZID=Europe/Berlin:20260721T090000,20260722T091500\nEXDATE;VALUE=DATE:20260723\nEXDATE:20260724T070000Z";
    assert_eq!(starts(event, 9), ["2026-07-20T09:00:00", "2026-07-22T09:00:00"]);
    let old = one("UID:1\nSUMMARY:a\nDTSTART:19700105T090000\nDTEND:19700108T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2")
        .expect("an event");
    let from = Date::constant(2026, 7, 20).at(0, 0, 0, 0);
    let found: Vec<Occurrence> = old.occurrences(from).take(8).collect();
    assert!(found.iter().skip(1).all(|it| it.start.wall.year() == 2026), "{found:?}");
    let days: Vec<i32> =
        found.iter().map(|it| (it.start.wall.date() - old.start.wall.date()).get_days() % 14).collect();
    assert_eq!(days, [0; 8]);
    let all = old.occurrences(old.start.wall);
    let later: Vec<Occurrence> = all.filter(|it| it.end.wall > from).take(4).collect();
    assert_eq!(found.into_iter().filter(|it| it.end.wall > from).take(4).collect::<Vec<_>>(), later);
}

#[test]
fn what_is_wrong() {
    let event = "UID:1\nSUMMARY:a\nDTSTART:20260720T090000\nDTEND:20260721T090000";
    for (old, new, expected) in [
        ("UID:1\n", "", "line 3: the event has no `UID`"),
        ("SUMMARY:a\n", "", "line 3: the event has no `SUMMARY`"),
        ("\nDTEND:20260721T090000", "", "line 3: the event has no `DTEND`"),
        ("20260720T090000", "20260230", "line 6: `20260230` is no date and no time"),
        ("20260720T090000", "20260720T2500", "line 6: `20260720T2500` is no date and no time"),
        ("20260720T090000", "２０２６０７２０", "is no date and no time"),
        ("DTSTART:", "DTSTART;TZID=Customized Time Zone:", "line 6: there is no time zone `Customized Time Zone`"),
        ("DTEND:20260721T090000", "DURATION:long", "line 7: `long` is no duration"),
        ("DTEND:20260721T090000", "DURATION:P9999999Y", "line 7: `P9999999Y` is no duration"),
        ("UID:1", "UID:1\nUID:2", "line 5: `UID` stands in line 4 already"),
        ("UID:1", "UID:1\nRDATE:20260801T090000", "line 5: `RDATE` is not read"),
        ("UID:1", "UID:1\nRRULE:FREQ=HOURLY", "line 5: `FREQ=HOURLY` is not understood"),
        ("UID:1", "UID:1\nRRULE:INTERVAL=2", "line 5: a rule of recurrence needs `FREQ`"),
        ("UID:1", "UID:1\nRRULE:FREQ=DAILY;COUNT=0", "line 5: `COUNT=0` is not understood"),
        (
            "UID:1",
            "UID:1\nRRULE:FREQ=WEEKLY;BYDAY=1MO",
            "line 5: the rule of recurrence `FREQ=WEEKLY;BYDAY=1MO` is more than is read",
        ),
        ("UID:1", "UID:1\nRRULE:FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-1", "line 5: `BYSETPOS=-1` is not understood"),
        ("UID:1", "UID", "line 4: `UID` is no line of a calendar: it has no `:`"),
        ("UID:1", "UID;a", "line 4: `UID;a` has no value"),
        ("UID:1", "UID;a:b", "line 4: `UID;a:b` has a parameter without `=`"),
        ("UID:1", "END:VALARM\nUID:1", "line 4: `END:VEVENT` is missing, for line 3"),
    ] {
        let text = event.replacen(old, new, 1);
        let problems = one(&text).expect_err(new);
        assert!(problems.contains(expected), "{new}: {problems}");
    }
    for (text, expected) in [
        ("", "line 1: a calendar begins with `BEGIN:VCALENDAR`"),
        ("BEGIN:VEVENT\nEND:VEVENT", "line 1: a calendar begins with `BEGIN:VCALENDAR`"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "line 2: `END:VEVENT` is missing"),
        ("END:VCALENDAR", "line 1: nothing is open that could end here"),
        ("UID:1", "line 1: nothing may stand outside"),
        ("<html>", "line 1: `<html>` is no line of a calendar"),
    ] {
        let problems = parse_calendar(text).expect_err(text);
        assert!(problems[0].to_string().starts_with(expected), "{text}: {problems:?}");
    }
    let deep = "BEGIN:VCALENDAR\n".to_owned() + &"BEGIN:X\n".repeat(1000);
    assert!(parse_calendar(&deep).expect_err("deep").len() <= PROBLEMS_MAX + 1);
    assert!(parse_calendar(&"x".repeat(CALENDAR_BYTES_MAX + 1)).is_err());
}

proptest! {
    #[test]
    fn no_text_panics(text in "(BEGIN|END|UID|[A-Z]{0,8}|\\PC{0,6})([:;=,\\\\\"\r\n T0-9]|VEVENT|VCALENDAR|\\PC){0,60}") {
        drop(parse_calendar(&text));
        drop(parse_calendar(&calendar(&text)));
    }

    #[test]
    fn no_event_panics(
        start in "[0-9]{4}(0[1-9]|1[0-2])([0-2][0-9]|3[01])(T[0-2][0-9][0-5][0-9][0-6][0-9]Z?)?",
        end in "[0-9]{8}(T[0-9]{6}Z?)?",
        frequency in "DAILY|WEEKLY|MONTHLY|YEARLY",
        interval in 1..=10_000_u32,
        by in "(;BYDAY=(-?[1-5])?(MO|WE|SU)(,FR)?)?(;BYMONTHDAY=-?[0-9]{1,2})?(;BYMONTH=[0-9]{1,2})?(;WKST=SU)?(;COUNT=[0-9]{1,5}|;UNTIL=[0-9]{8})?",
        from in "[0-9]{4}-0[1-9]-[0-2]1",
    ) {
        let event = format!("UID:1\nSUMMARY:a\nDTSTART:{start}\nDTEND:{end}\nRRULE:FREQ={frequency};INTERVAL={interval}{by}\nEXDATE:{start}");
        let (Ok(event), Ok(from)) = (one(&event), from.parse::<Date>()) else { return Ok(()) };
        let from = from.at(0, 0, 0, 0);
        let found: Vec<DateTime> = event.occurrences(from).take(50).map(|it| it.start.wall).collect();
        prop_assert!(found.is_sorted());
    }
}
