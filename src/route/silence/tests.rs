use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn draft(id: Option<&str>, matchers: &[(&str, MatchOp, &str)], starts: i64, ends: i64) -> SilenceDraft {
    let matcher = |(name, op, value): &(&str, MatchOp, &str)| Matcher::new(*name, *op, *value).expect("valid");
    SilenceDraft {
        id: id.map(str::to_owned),
        matchers: matchers.iter().map(matcher).collect(),
        starts_at: at(starts),
        ends_at: at(ends),
        created_by: "me".to_owned(),
        comment: "why".to_owned(),
    }
}

const A: (&str, MatchOp, &str) = ("a", MatchOp::Equal, "1");
const B: (&str, MatchOp, &str) = ("b", MatchOp::Regex, "x.*");

#[test]
fn a_change_keeps_the_id_only_where_it_may() {
    let mut silences = Silences::default();
    silences.put(silences.plan(at(100), &draft(None, &[A, B], 0, 200), "one").expect("valid").silence);
    silences.put(silences.plan(at(100), &draft(None, &[A], 150, 200), "later").expect("valid").silence);
    assert_eq!(silences.get("one").map(|silence| silence.starts_at), Some(at(100)), "no silence starts in the past");
    for (now, id, matchers, starts, ends, expected, replaces) in [
        (110, "one", &[A, B][..], 100, 300, "one", None),
        (110, "one", &[B, A], 100, 300, "one", None),
        (110, "one", &[A], 100, 300, "new", Some("one")),
        (110, "one", &[A, B], 105, 300, "new", Some("one")),
        (110, "later", &[A], 120, 300, "later", None),
        (110, "later", &[A], 100, 300, "new", Some("later")),
        (110, "later", &[B], 150, 300, "new", Some("later")),
        (400, "one", &[A, B], 100, 500, "new", None),
    ] {
        let change = silences.plan(at(now), &draft(Some(id), matchers, starts, ends), "new").expect("valid");
        assert_eq!(
            (change.silence.id.as_str(), change.replaces.as_deref()),
            (expected, replaces),
            "{now} {id} {starts}"
        );
    }
}

#[test]
fn what_is_no_silence() {
    let silences = Silences::default();
    let empty = ("a", MatchOp::Regex, ".*");
    for (draft, error) in [
        (draft(None, &[], 0, 200), SilenceError::MatcherCount(0)),
        (draft(None, &[empty], 0, 200), SilenceError::MatchesEmpty),
        (draft(None, &[("", MatchOp::Equal, "x")], 0, 200), SilenceError::NoName),
        (draft(None, &[A], 300, 300), SilenceError::EndsBeforeStart),
        (draft(None, &[A], 0, 100), SilenceError::EndsInThePast),
        (draft(Some("x"), &[A], 0, 200), SilenceError::NotFound("x".to_owned())),
    ] {
        assert_eq!(silences.plan(at(100), &draft, "new"), Err(error));
    }
    let long = SilenceDraft { comment: "x".repeat(SILENCE_BYTES_MAX), ..draft(None, &[A], 0, 200) };
    assert_eq!(silences.plan(at(100), &long, "new"), Err(SilenceError::TooLong));
}

#[test]
fn silencing_from_the_start_until_the_end() {
    let mut silences = Silences::default();
    for (id, matchers) in [("by-a", &[A][..]), ("by-b", &[B]), ("both", &[A, B])] {
        silences.put(silences.plan(at(0), &draft(None, matchers, 100, 200), id).expect("valid").silence);
    }
    for (labels, now, expected) in [
        (vec![("a", "1")], 99, vec![]),
        (vec![("a", "1")], 100, vec!["by-a"]),
        (vec![("b", "xy")], 150, vec!["by-b"]),
        (vec![("a", "1"), ("b", "xy")], 199, vec!["both", "by-a", "by-b"]),
        (vec![("a", "1"), ("b", "xy")], 200, vec![]),
        (vec![("c", "1")], 150, vec![]),
    ] {
        let labels = Labels::from_pairs(labels);
        let found: Vec<&str> = silences.silencing(&labels, at(now)).iter().map(|silence| silence.id.as_str()).collect();
        assert_eq!(found, expected, "{labels} at {now}");
    }
    let ended = silences.ended(at(150), "by-a").expect("active");
    assert_eq!((ended.starts_at, ended.ends_at), (at(100), at(150)));
    silences.put(ended);
    assert_eq!(silences.ended(at(150), "by-a"), Err(SilenceError::AlreadyExpired("by-a".to_owned())));
    assert!(silences.silencing(&Labels::from_pairs([("a", "1")]), at(150)).is_empty());

    assert_eq!(silences.advance(at(200)), Vec::<String>::new());
    assert!(silences.by_equality.is_empty() && silences.others.is_empty(), "nobody compares with what is over");
    assert_eq!(silences.next_due(), Some(at(150) + SILENCE_RETENTION));
    assert_eq!(silences.advance(at(200) + SILENCE_RETENTION), ["by-a", "both", "by-b"]);
    assert_eq!((silences.iter().count(), silences.next_due()), (0, None));
}

#[test]
fn written_and_read() {
    let silences = Silences::default();
    let matchers = [A, B, ("c", MatchOp::NotEqual, "ä"), ("d", MatchOp::NotRegex, "(y)")];
    let silence = silences.plan(at(0), &draft(None, &matchers, 100, 200), "id").expect("valid").silence;
    let text = serde_json::to_string(&silence).expect("text");
    assert!(text.contains(r#"{"name":"b","value":"x.*","isRegex":true,"isEqual":true}"#), "{text}");
    assert_eq!(serde_json::from_str::<Silence>(&text).expect("a silence"), silence);
}
