use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::segment::{HEADER, path_of};
use super::*;
use crate::model::{Timestamp, TraceId};

fn entry(second: i64, payload: &[u8]) -> Entry {
    Entry {
        kind: EntryKind::RemoteWriteV1,
        received_at: Timestamp::from_seconds(second),
        trace: TraceId(second as u128 + 7),
        payload: payload.to_vec(),
    }
}

fn read_all(folder: &Path) -> (Vec<Entry>, Vec<DamageKind>) {
    let mut reader = read(folder, Timestamp::MIN).expect("listed");
    let entries = reader.by_ref().collect();
    (entries, reader.damage().iter().map(|damage| damage.kind).collect())
}

/// A journal of one segment that holds `entries`; the segment's bytes.
fn written(folder: &Path, entries: &[Entry]) -> Vec<u8> {
    let mut journal = Journal::open(folder, JournalLimits::default()).expect("opened");
    for entry in entries {
        journal.append(entry).expect("appended");
    }
    journal.sync().expect("synced");
    fs::read(path_of(folder, 1)).expect("read")
}

#[test]
fn entries_are_read_back_after_a_kill() {
    let data = tempfile::tempdir().expect("folder");
    let folder = data.path().join("journal");
    let mut expected = Vec::new();
    for (round, kind) in [EntryKind::RemoteWriteV1, EntryKind::RemoteWriteV2, EntryKind::JsonLines, EntryKind::Samples]
        .into_iter()
        .enumerate()
    {
        let mut journal = Journal::open(&folder, JournalLimits::default()).expect("opened");
        let entry = Entry { kind, ..entry(round as i64, &vec![round as u8; round * 1000]) };
        journal.append(&entry).expect("appended");
        expected.push(entry);
        assert_eq!(journal.stats().segments, 1);
        assert_eq!(read_all(&folder), (expected.clone(), vec![]));
    }
}

#[test]
fn the_layout_on_disk() {
    let data = tempfile::tempdir().expect("folder");
    let bytes = written(data.path(), &[entry(1, b"ab")]);
    let text: Vec<String> = bytes.chunks(8).map(|chunk| chunk.escape_ascii().to_string()).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    wbjrnl01
    \x1b\x00\x00\x00\x169\xf3\xc5
    \x01\xe8\x03\x00\x00\x00\x00\x00
    \x00\x08\x00\x00\x00\x00\x00\x00
    \x00\x00\x00\x00\x00\x00\x00\x00
    \x00ab
    ");
    let names: Vec<_> =
        fs::read_dir(data.path()).expect("listed").map(|entry| entry.expect("entry").file_name()).collect();
    assert_eq!(names, ["00000000000000000001.seg"]);
}

#[test]
fn segments_end_by_size_and_age_and_are_pruned() {
    let data = tempfile::tempdir().expect("folder");
    let limits = JournalLimits { segment_bytes_max: 300, segment_age_max: Duration::from_secs(60), bytes_max: 700 };
    let mut journal = Journal::open(data.path(), limits).expect("opened");
    for (second, size, segments) in [(0, 100, 1), (1, 100, 1), (2, 100, 2), (61, 1, 2), (62, 1, 3), (10, 1, 3)] {
        journal.append(&entry(second, &vec![0; size])).expect("appended");
        assert_eq!(journal.stats().segments, segments, "{second}");
    }
    let seconds = |folder: &Path, since: i64| -> Vec<i64> {
        let reader = read(folder, Timestamp::from_seconds(since)).expect("listed");
        reader.map(|entry| entry.received_at.millis() / 1000).collect()
    };
    assert_eq!(seconds(data.path(), 0), [0, 1, 2, 61, 62, 10]);
    assert_eq!(seconds(data.path(), 2), [2, 61, 62, 10]);
    assert_eq!(seconds(data.path(), 61), [61, 62]);
    assert_eq!(journal.prune(Timestamp::from_seconds(1)).expect("pruned"), 0);
    assert_eq!(journal.prune(Timestamp::from_seconds(2)).expect("pruned"), 1);
    assert_eq!(seconds(data.path(), 0), [2, 61, 62, 10]);
    drop(journal);
    // After a start the end of the older segment is known by the start of the next only.
    let mut journal = Journal::open(data.path(), limits).expect("opened");
    assert_eq!(journal.prune(Timestamp::from_seconds(62)).expect("pruned"), 0);
    assert_eq!(journal.prune(Timestamp::from_seconds(63)).expect("pruned"), 1);
    assert_eq!(seconds(data.path(), 0), [62, 10]);
    for second in 100..110 {
        journal.append(&entry(second, &[0; 200])).expect("appended");
        assert!(journal.stats().bytes <= 700 + 300);
    }
    assert!(journal.stats().dropped_for_size > 0);
    assert_eq!(seconds(data.path(), 0).last(), Some(&109));
}

#[test]
fn too_large_entries_are_refused() {
    let data = tempfile::tempdir().expect("folder");
    let mut journal = Journal::open(data.path(), JournalLimits::default()).expect("opened");
    let error = journal.append(&entry(0, &vec![0; ENTRY_BYTES_MAX + 1])).expect_err("refused");
    assert!(matches!(error, JournalError::EntryTooLarge { .. }));
    assert_eq!(journal.stats(), JournalStats::default());
}

/// Whatever part of the last entry is missing, the others are read, and the journal goes on behind them.
#[test]
fn cut_anywhere_in_the_last_entry() {
    let whole = tempfile::tempdir().expect("folder");
    let entries = [entry(1, b"first"), entry(2, b"second entry")];
    let bytes = written(whole.path(), &entries);
    let first_end = HEADER.len() + 8 + 25 + 5;
    for length in 0..bytes.len() {
        let data = tempfile::tempdir().expect("folder");
        fs::write(path_of(data.path(), 1), &bytes[..length]).expect("written");
        let kept = if length < first_end { &entries[..0] } else { &entries[..1] };
        let torn = length != first_end && length != HEADER.len();
        let damage = if torn { vec![DamageKind::TornTail] } else { vec![] };
        assert_eq!(read_all(data.path()), (kept.to_vec(), damage), "{length}");
        let mut journal = Journal::open(data.path(), JournalLimits::default()).expect("opened");
        journal.append(&entry(3, b"third")).expect("appended");
        let mut expected = kept.to_vec();
        expected.push(entry(3, b"third"));
        assert_eq!(read_all(data.path()), (expected, vec![]), "{length}");
    }
}

#[test]
fn room_without_data_is_a_torn_tail() {
    let data = tempfile::tempdir().expect("folder");
    let mut bytes = written(data.path(), &[entry(1, b"first")]);
    bytes.extend([0; 9000]);
    fs::write(path_of(data.path(), 1), &bytes).expect("written");
    assert_eq!(read_all(data.path()), (vec![entry(1, b"first")], vec![DamageKind::TornTail]));
    let mut journal = Journal::open(data.path(), JournalLimits::default()).expect("opened");
    journal.append(&entry(2, b"second")).expect("appended");
    assert_eq!(read_all(data.path()), (vec![entry(1, b"first"), entry(2, b"second")], vec![]));
}

#[test]
fn damage_in_one_segment_leaves_the_others() {
    let data = tempfile::tempdir().expect("folder");
    let mut bytes = written(data.path(), &[entry(1, b"one"), entry(2, b"two"), entry(3, b"three")]);
    let at = HEADER.len() + 8 + 25 + 3 + 20;
    bytes[at] ^= 1;
    fs::write(path_of(data.path(), 1), &bytes).expect("written");
    let mut journal = Journal::open(data.path(), JournalLimits::default()).expect("opened");
    journal.append(&entry(4, b"four")).expect("appended");
    assert_eq!(read_all(data.path()), (vec![entry(1, b"one"), entry(4, b"four")], vec![DamageKind::Changed]));
    assert_eq!(fs::read(path_of(data.path(), 1)).expect("read"), bytes, "nothing is thrown away");
}

#[test]
fn unknown_kinds_are_skipped_alone_and_newer_files_refused() {
    let data = tempfile::tempdir().expect("folder");
    let bytes = written(data.path(), &[entry(1, b"one"), entry(2, b"two")]);
    let mut changed = bytes.clone();
    let body = HEADER.len() + 8..HEADER.len() + 8 + 25 + 3;
    changed[body.start] = 99;
    let checksum = crc32fast::hash(&changed[body.clone()]).to_le_bytes();
    changed[body.start - 4..body.start].copy_from_slice(&checksum);
    fs::write(path_of(data.path(), 1), &changed).expect("written");
    assert_eq!(read_all(data.path()), (vec![entry(2, b"two")], vec![DamageKind::UnknownKind]));
    let mut newer = bytes;
    newer[7] = b'2';
    fs::write(path_of(data.path(), 1), &newer).expect("written");
    assert_eq!(read_all(data.path()), (vec![], vec![DamageKind::Unreadable]));
    let error = Journal::open(data.path(), JournalLimits::default()).expect_err("newer");
    assert!(matches!(error, JournalError::Newer { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A flipped bit costs entries, never gives false ones, and never stops the journal.
    #[test]
    fn flipped_bits(sizes in prop::collection::vec(0..40usize, 1..6), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let data = tempfile::tempdir().expect("folder");
        let entries: Vec<Entry> = sizes.iter().zip(1..).map(|(size, second)| entry(second, &vec![second as u8; *size])).collect();
        let mut bytes = written(data.path(), &entries);
        let at = HEADER.len() + at.index(bytes.len() - HEADER.len());
        bytes[at] ^= 1 << bit;
        fs::write(path_of(data.path(), 1), &bytes).expect("written");
        let (read, damage) = read_all(data.path());
        prop_assert!(entries.starts_with(&read) && read.len() < entries.len());
        prop_assert_eq!(damage.len(), 1);
        let mut journal = Journal::open(data.path(), JournalLimits::default()).expect("opened");
        journal.append(&entry(99, b"after")).expect("appended");
        let mut expected = read;
        expected.push(entry(99, b"after"));
        prop_assert_eq!(read_all(data.path()).0, expected);
    }

    #[test]
    fn garbage_never_panics(bytes in any::<Vec<u8>>(), with_header in any::<bool>()) {
        let data = tempfile::tempdir().expect("folder");
        let header: &[u8] = if with_header { &HEADER } else { &[] };
        fs::write(path_of(data.path(), 1), [header, &bytes].concat()).expect("written");
        let _ = read_all(data.path());
        if let Ok(mut journal) = Journal::open(data.path(), JournalLimits::default()) {
            journal.append(&entry(1, b"x")).expect("appended");
            prop_assert!(read_all(data.path()).0.contains(&entry(1, b"x")));
        }
    }
}
