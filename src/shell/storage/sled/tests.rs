use proptest::prelude::*;

use super::super::{MemoryStore, write_snapshot};
use super::*;

fn delete(kind: RecordKind, key: &str) -> Record {
    Record { kind, key: key.into(), value: None }
}

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn open(data: &Path) -> Opened {
    SledStore::open(&StoreOptions::inside(data), NOW).expect("opened")
}

fn some_records() -> Vec<Record> {
    vec![
        put(RecordKind::Alert, "a", r#"{"v":1}"#),
        put(RecordKind::Event, 1u64.to_be_bytes(), "one"),
        put(RecordKind::Event, 256u64.to_be_bytes(), "two"),
        put(RecordKind::Outbox, "", ""),
    ]
}

fn contents() -> Contents {
    Contents { sequence: 2, records: some_records() }
}

#[test]
fn records_survive_reopening() {
    let data = tempfile::tempdir().expect("folder");
    let mut opened = open(data.path());
    assert_eq!((opened.records, opened.recovery), (vec![], None));
    opened.store.apply(&some_records()).expect("applied");
    opened.store.apply(&[delete(RecordKind::Outbox, ""), put(RecordKind::Alert, "a", "2")]).expect("applied");
    opened.store.apply(&[]).expect("nothing to do");
    assert!(opened.store.size_bytes() > 0);
    drop(opened.store);
    let mut expected = some_records();
    expected.pop();
    expected[0].value = Some(b"2".to_vec());
    let opened = open(data.path());
    assert_eq!((&opened.records, opened.recovery), (&expected, None));
    assert_eq!(opened.store.load().expect("loaded"), expected);
}

#[test]
fn large_values_are_split_and_their_parts_removed() {
    let data = tempfile::tempdir().expect("folder");
    let mut store = open(data.path()).store;
    let large = |parts: usize| vec![7u8; parts * PART_BYTES_MAX + 5];
    for (value, keys) in [(large(3), 7), (large(1), 5), (b"small".to_vec(), 3), (large(2), 6)] {
        let record = put(RecordKind::Group, "g", value);
        store.apply(std::slice::from_ref(&record)).expect("applied");
        assert_eq!(store.load().expect("loaded"), std::slice::from_ref(&record));
        assert_eq!(store.tree.len(), keys);
        drop(store);
        let opened = open(data.path());
        assert_eq!(opened.records, [record]);
        store = opened.store;
    }
    store.apply(&[delete(RecordKind::Group, "g")]).expect("applied");
    assert_eq!(store.tree.len(), 2);
}

#[test]
fn what_cannot_be_kept_is_refused_whole() {
    let data = tempfile::tempdir().expect("folder");
    let mut store = open(data.path()).store;
    let mut memory = MemoryStore::default();
    let stores: [&mut dyn Store; 2] = [&mut store, &mut memory];
    for store in stores {
        let good = put(RecordKind::Meta, "good", "1");
        for (bad, message) in [
            (
                put(RecordKind::Meta, "format", "9"),
                "the keys `format` and `sequence` of kind `meta` belong to the store",
            ),
            (put(RecordKind::Meta, vec![0; 5000], ""), "a key of 5000 bytes, more than the limit of 4096"),
            (
                put(RecordKind::Meta, "", vec![0; VALUE + 1]),
                "a value of 67108865 bytes, more than the limit of 67108864",
            ),
        ] {
            let error = store.apply(&[good.clone(), bad]).expect_err("refused");
            assert_eq!(error.to_string(), message);
        }
        assert_eq!(store.load().expect("loaded"), []);
        store.apply(&[good]).expect("a refusal does not break the store");
    }
}

const VALUE: usize = super::super::VALUE_BYTES_MAX;

#[test]
fn a_folder_in_use_is_refused() {
    let data = tempfile::tempdir().expect("folder");
    let _first = open(data.path());
    let error = SledStore::open(&StoreOptions::inside(data.path()), NOW).expect_err("locked");
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn newer_formats_are_refused() {
    let data = tempfile::tempdir().expect("folder");
    let opened = open(data.path());
    opened.store.tree.insert("meta/format", b"2").expect("inserted");
    drop(opened);
    let error = SledStore::open(&StoreOptions::inside(data.path()), NOW).expect_err("newer");
    assert_eq!(error.to_string(), "the state has format version 2, and this version reads up to 1");
}

#[test]
fn a_damaged_database_is_moved_aside_and_restored() {
    let data = tempfile::tempdir().expect("folder");
    let mut opened = open(data.path());
    opened.store.apply(&some_records()).expect("applied");
    opened.store.tree.insert("nonsense", "x").expect("inserted");
    drop(opened);
    let options = StoreOptions::inside(data.path());
    let snapshot = write_snapshot(&options.snapshots, NOW, &contents()).expect("written");
    let opened = open(data.path());
    assert_eq!(opened.records, some_records());
    let recovery = opened.recovery.expect("recovered");
    assert_eq!(recovery.reason, "unknown key nonsense");
    assert_eq!(recovery.moved_to, Some(data.path().join("state.corrupt-1700000000")));
    assert!(recovery.moved_to.expect("moved").join("db").exists());
    assert_eq!(recovery.restored, Restored::Snapshot(snapshot));
    drop(opened.store);
    assert_eq!(open(data.path()).recovery, None);
}

#[test]
fn garbage_files_never_stop_the_start() {
    for (name, from, garbage) in [
        ("db", 0, vec![0xa5; 4096]),
        ("db", 0, vec![]),
        ("db", 100, vec![0xff; 700]),
        ("db", 0, vec![0; 1 << 20]),
        ("conf", 0, b"rubbish".to_vec()),
    ] {
        let data = tempfile::tempdir().expect("folder");
        let mut opened = open(data.path());
        opened.store.apply(&some_records()).expect("applied");
        drop(opened);
        let options = StoreOptions::inside(data.path());
        write_snapshot(&options.snapshots, NOW, &contents()).expect("written");
        let path = options.folder.join(name);
        let mut bytes = fs::read(&path).expect("read");
        bytes.truncate(from);
        bytes.extend(garbage);
        fs::write(&path, bytes).expect("written");
        match SledStore::open(&options, NOW) {
            Ok(opened) => assert_eq!(opened.records, some_records(), "{name}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// sled takes a changed byte for the end of its log. Wherever one is changed, either nothing is lost or it is said so.
#[test]
fn changed_bytes_are_never_silent() {
    let data = tempfile::tempdir().expect("folder");
    let options = StoreOptions::inside(data.path());
    let mut store = open(data.path()).store;
    for number in 0..8u64 {
        store.apply(&[put(RecordKind::Event, number.to_be_bytes(), vec![1; 100])]).expect("applied");
    }
    drop(store);
    let path = options.folder.join("db");
    let whole = fs::read(&path).expect("read");
    let used = whole.iter().rposition(|byte| *byte != 0).expect("data") + 1;
    for at in (0..used).step_by(used / 40) {
        let data = tempfile::tempdir().expect("folder");
        let options = StoreOptions::inside(data.path());
        fs::create_dir(&options.folder).expect("made");
        for file in fs::read_dir(path.parent().expect("parent")).expect("listed").map(|file| file.expect("file")) {
            if file.file_type().expect("kind").is_file() {
                fs::copy(file.path(), options.folder.join(file.file_name())).expect("copied");
            }
        }
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(options.folder.join("db"), changed).expect("written");
        let opened = open(data.path());
        assert!(opened.records.len() == 8 || opened.recovery.is_some(), "byte {at}: {}", opened.records.len());
        assert!(opened.store.sequence() >= 9);
        let records = opened.records.len();
        drop(opened.store);
        let again = open(data.path());
        assert_eq!((again.records.len(), again.recovery), (records, None), "byte {at}");
    }
}

#[test]
fn the_newer_of_the_remains_and_a_snapshot_is_taken() {
    for (snapshot_sequence, expected) in [(3, "own"), (7, "snapshot")] {
        let data = tempfile::tempdir().expect("folder");
        let options = StoreOptions::inside(data.path());
        let mut store = open(data.path()).store;
        for _ in 0..3 {
            store.apply(&[put(RecordKind::Meta, "from", "own")]).expect("applied");
        }
        store.witness.confirm(10);
        drop(store);
        let records = vec![put(RecordKind::Meta, "from", "snapshot")];
        let contents = Contents { sequence: snapshot_sequence, records };
        write_snapshot(&options.snapshots, NOW, &contents).expect("written");
        let opened = open(data.path());
        assert_eq!(opened.records, [put(RecordKind::Meta, "from", expected)]);
        assert_eq!(opened.recovery.expect("recovered").reason, "6 of 10 writes are missing");
        assert_eq!(opened.store.sequence(), 11);
    }
}

#[test]
fn a_lost_database_is_restored() {
    let data = tempfile::tempdir().expect("folder");
    let options = StoreOptions::inside(data.path());
    write_snapshot(&options.snapshots, NOW, &contents()).expect("written");
    let opened = open(data.path());
    assert_eq!(opened.records, some_records());
    assert_eq!(opened.recovery.expect("recovered").moved_to, None);
}

#[test]
fn import_replaces_everything() {
    let data = tempfile::tempdir().expect("folder");
    let mut store = open(data.path()).store;
    let mut memory = MemoryStore::default();
    store.apply(&some_records()).expect("applied");
    let mut text = Vec::new();
    assert_eq!(store.export(&mut text).expect("exported"), 4);
    memory.apply(&[put(RecordKind::Group, "old", "1")]).expect("applied");
    assert_eq!(memory.import(&mut text.as_slice()).expect("imported"), 4);
    assert_eq!(memory.load().expect("loaded"), some_records());
    assert!(memory.import(&mut &text[..text.len() - 3]).is_err());
    assert_eq!(memory.load().expect("loaded"), some_records());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn behaves_as_memory_does(
        batches in prop::collection::vec(prop::collection::vec((0..5usize, 0..4u8, 0..5u8), 0..6), 1..6)
    ) {
        let data = tempfile::tempdir().expect("folder");
        let mut store = open(data.path()).store;
        let mut memory = MemoryStore::default();
        for batch in batches {
            let records: Vec<Record> = batch
                .into_iter()
                .map(|(kind, key, size)| {
                    let value = (size > 0).then(|| vec![key; (usize::from(size) - 1) * (PART_BYTES_MAX / 2)]);
                    Record { kind: RecordKind::ALL[kind], key: vec![b'/', key], value }
                })
                .collect();
            store.apply(&records).expect("applied");
            memory.apply(&records).expect("applied");
            prop_assert_eq!(store.load().expect("loaded"), memory.load().expect("loaded"));
        }
        drop(store);
        prop_assert_eq!(open(data.path()).records, memory.load().expect("loaded"));
    }
}
