use super::*;

#[test]
fn what_is_kept_of_a_text() {
    let long = "ä".repeat(HEARTBEAT_MESSAGE_BYTES_MAX);
    for (text, expected) in [
        ("", String::new()),
        (" 12 GB\n", "12 GB".to_owned()),
        ("a\u{1b}[2J\nb", "a [2J b".to_owned()),
        (&long, "ä".repeat(HEARTBEAT_MESSAGE_BYTES_MAX / 2)),
    ] {
        assert_eq!(kept_text(text), expected);
    }
}

#[test]
fn records_are_read_as_they_were_written() {
    let missing = Some(Missing { since: Timestamp::from_seconds(5), failed: true });
    let pulse = Pulse {
        name: "a-b.c".to_owned(),
        last_beat: Some(Timestamp::from_seconds(3)),
        message: "full".to_owned(),
        missing,
        from: Timestamp::from_seconds(4),
        waited_ms: 7,
    };
    let record = keep::heartbeat(&pulse);
    assert!(matches!(keep::restore(&record), Ok(keep::Kept::Heartbeat(read)) if *read == pulse));
    let alive = keep::alive(Some(Timestamp::from_seconds(9)));
    assert!(matches!(keep::restore(&alive), Ok(keep::Kept::Alive(at)) if at == Timestamp::from_seconds(9)));
    assert_ne!(record.key, alive.key);
    assert_ne!(keep::heartbeat(&Pulse { name: "live".to_owned(), ..pulse }).key, alive.key);
}
