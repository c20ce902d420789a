//! All records as JSON lines: a header `{"watchbell_state":1,"sequence":N}`, a line per record, `{"records":N}` at the end.
//!
//! A record is `{"kind":"alert","key":"...","value":...}`, in this order: the value as it is where it is JSON on one line,
//! else `"value_base64"`; likewise `"key_base64"` for keys that are no printable text. Reading gives the same bytes back.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{StoreError, VALUE_BYTES_MAX, check, put};
use crate::engine::{Record, RecordKind};
use crate::model::Timestamp;

/// How many snapshot files are kept.
pub const SNAPSHOTS_KEPT: usize = 3;
/// The version of the text format.
const SNAPSHOT_VERSION: u64 = 1;
/// The longest line: the longest value in base64, and room for its key.
const LINE_BYTES_MAX: usize = VALUE_BYTES_MAX / 3 * 4 + (64 << 10);
/// The longest header that is looked at to find the newest file.
const HEADER_BYTES_MAX: u64 = 1 << 10;
const NAME_START: &str = "state-";
const NAME_END: &str = ".jsonl";

/// All records of a store as of one write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The number of that write.
    pub sequence: u64,
    /// The records; those without a value do not count.
    pub records: Vec<Record>,
}

impl Contents {
    /// Writes the records as JSON lines.
    ///
    /// # Errors
    ///
    /// What `writer` says.
    pub fn export(&self, writer: &mut dyn Write) -> Result<(), StoreError> {
        let mut write = || -> io::Result<()> {
            writeln!(writer, "{{\"watchbell_state\":{SNAPSHOT_VERSION},\"sequence\":{}}}", self.sequence)?;
            let mut count = 0;
            for record in &self.records {
                let Some(value) = &record.value else { continue };
                writer.write_all(line(record, value).as_bytes())?;
                count += 1;
            }
            writeln!(writer, "{{\"records\":{count}}}")?;
            writer.flush()
        };
        write().map_err(StoreError::io("cannot write", "the snapshot"))
    }

    /// Reads what [`Contents::export`] wrote.
    ///
    /// # Errors
    ///
    /// The first line that is not as it is written; a missing end; what `reader` says.
    pub fn import(reader: &mut dyn BufRead) -> Result<Self, StoreError> {
        let mut contents = Contents::default();
        let mut text = String::new();
        for number in 1.. {
            let at = |reason: &str| StoreError::Snapshot { line: number, reason: reason.to_owned() };
            text.clear();
            let read = reader.take(LINE_BYTES_MAX as u64).read_line(&mut text);
            let length = read.map_err(|error| at(&error.to_string()))?;
            if length == 0 {
                return Err(at("the end is missing"));
            }
            let line = text.strip_suffix('\n').ok_or_else(|| at("the line is cut off or too long"))?;
            if number == 1 {
                contents.sequence = read_header(line).ok_or_else(|| at("this is no snapshot of Watchbell"))??;
            } else if let Ok(Trailer { records }) = serde_json::from_str(line) {
                let read = contents.records.len();
                let reason = || format!("{records} records announced, {read} read");
                return if records == read { Ok(contents) } else { Err(at(&reason())) };
            } else {
                let record = parse(line).map_err(|reason| at(&reason))?;
                check(&record)?;
                contents.records.push(record);
            }
        }
        Err(StoreError::Snapshot { line: usize::MAX, reason: "too many lines".to_owned() })
    }
}

/// The sequence number in the first line; `None` if that is no header.
fn read_header(line: &str) -> Option<Result<u64, StoreError>> {
    let header: Header = serde_json::from_str(line).ok()?;
    let found = header.watchbell_state;
    let is_newer = found > SNAPSHOT_VERSION;
    Some(if is_newer { Err(StoreError::Newer { found, supported: SNAPSHOT_VERSION }) } else { Ok(header.sequence) })
}

/// Writes a snapshot of `contents` into `folder`, durably and whole or not at all, and deletes all but the newest
/// [`SNAPSHOTS_KEPT`]; says where it is. The newest are those of the highest sequence numbers, whatever the clock said.
///
/// # Errors
///
/// A file that cannot be written.
pub fn write_snapshot(folder: &Path, now: Timestamp, contents: &Contents) -> Result<PathBuf, StoreError> {
    fs::create_dir_all(folder).map_err(StoreError::io("cannot create", folder))?;
    let path = folder.join(format!("{NAME_START}{:020}-{:020}{NAME_END}", contents.sequence, now.millis().max(0)));
    let temporary = path.with_extension("partial");
    let file = File::create(&temporary).map_err(StoreError::io("cannot create", &temporary))?;
    let mut writer = BufWriter::new(file);
    contents.export(&mut writer)?;
    let synced = writer.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    synced.map_err(StoreError::io("cannot write", &temporary))?;
    fs::rename(&temporary, &path).map_err(StoreError::io("cannot rename", &temporary))?;
    sync_folder(folder)?;
    for old in snapshots(folder).into_iter().filter(|old| *old != path).skip(SNAPSHOTS_KEPT - 1) {
        if let Err(error) = fs::remove_file(&old) {
            tracing::warn!(%error, path = %old.display(), "old snapshot not removed");
        }
    }
    Ok(path)
}

/// The newest snapshot in `folder` that can be read, with what it holds; those that cannot are logged.
pub(super) fn newest_snapshot(folder: &Path) -> Option<(PathBuf, Contents)> {
    snapshots(folder).into_iter().find_map(|path| {
        let read = File::open(&path)
            .map_err(StoreError::io("cannot open", &path))
            .and_then(|file| Contents::import(&mut BufReader::new(file)));
        match read {
            Ok(contents) => Some((path, contents)),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "snapshot not usable");
                None
            }
        }
    })
}

/// Makes the names in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io("cannot sync", folder))
}

/// The snapshot files, newest first: by the sequence number in their headers, then by name.
fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_snapshot = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(NAME_START) && name.ends_with(NAME_END))
    };
    let paths = entries.flatten().map(|entry| entry.path()).filter(is_snapshot);
    let mut snapshots: Vec<(Option<u64>, PathBuf)> = paths.map(|path| (sequence_of(&path), path)).collect();
    snapshots.sort_unstable_by(|one, other| other.cmp(one));
    snapshots.into_iter().map(|(_, path)| path).collect()
}

/// The sequence number of a snapshot file; `None` if its header cannot be read.
fn sequence_of(path: &Path) -> Option<u64> {
    let mut line = String::new();
    BufReader::new(File::open(path).ok()?.take(HEADER_BYTES_MAX)).read_line(&mut line).ok()?;
    read_header(line.trim_end())?.ok()
}

#[derive(Deserialize)]
struct Header {
    watchbell_state: u64,
    #[serde(default)]
    sequence: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    records: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: String,
    key: Option<String>,
    key_base64: Option<String>,
    #[serde(default)]
    value: Option<IgnoredAny>,
    value_base64: Option<String>,
}

/// The prefix of the kind without its slash.
fn kind_name(kind: RecordKind) -> &'static str {
    kind.prefix().trim_end_matches('/')
}

fn line(record: &Record, value: &[u8]) -> String {
    let printable = std::str::from_utf8(&record.key).ok().filter(|key| !key.chars().any(char::is_control));
    let key = match printable {
        Some(key) => format!("\"key\":{}", serde_json::Value::from(key)),
        None => format!("\"key_base64\":\"{}\"", BASE64.encode(&record.key)),
    };
    let value = match json_on_one_line(value) {
        Some(json) => format!("{VALUE_FIELD}{json}"),
        None => format!("\"value_base64\":\"{}\"", BASE64.encode(value)),
    };
    format!("{{\"kind\":\"{}\",{key},{value}}}\n", kind_name(record.kind))
}

/// What stands before a JSON value. Inside a JSON text these characters cannot follow each other by chance.
const VALUE_FIELD: &str = "\"value\":";

/// The value if it is JSON that can be taken as it is: without line breaks or blanks around it, and not `null`.
fn json_on_one_line(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let plain = !text.contains(['\n', '\r']) && text.trim() == text && text != "null";
    (plain && serde_json::from_str::<IgnoredAny>(text).is_ok()).then_some(text)
}

fn parse(line: &str) -> Result<Record, String> {
    let fields: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let kind = RecordKind::ALL.into_iter().find(|kind| kind_name(*kind) == fields.kind);
    let kind = kind.ok_or_else(|| format!("unknown kind {:?}", fields.kind))?;
    let decode = |text: &str| BASE64.decode(text).map_err(|error| error.to_string());
    let key = match (fields.key, fields.key_base64) {
        (Some(key), None) => key.into_bytes(),
        (None, Some(key)) => decode(&key)?,
        _ => return Err("either `key` or `key_base64` is needed".to_owned()),
    };
    let value = match (fields.value, fields.value_base64) {
        (Some(_), None) => raw_value(line).ok_or("`value` has to be the last field")?.as_bytes().to_vec(),
        (None, Some(value)) => decode(&value)?,
        _ => return Err("either `value` or `value_base64` is needed".to_owned()),
    };
    Ok(put(kind, key, value))
}

/// The bytes of the last field, which is `value`.
fn raw_value(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(VALUE_FIELD)?;
    let raw = rest.trim_end().strip_suffix('}')?;
    serde_json::from_str::<IgnoredAny>(raw).ok().map(|_| raw)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contents(records: &[Record], sequence: u64) -> Contents {
        Contents { sequence, records: records.to_vec() }
    }

    fn text_of(records: &[Record]) -> String {
        let mut text = Vec::new();
        contents(records, 7).export(&mut text).expect("written");
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn readable_lines() {
        let records = [
            put(RecordKind::Alert, "up/1", r#"{"v":1,"at":0.1}"#),
            put(RecordKind::Event, 7u64.to_be_bytes(), "\u{1}raw"),
            put(RecordKind::Meta, r#"a "value":1"#, "null"),
            Record { kind: RecordKind::Meta, key: b"gone".to_vec(), value: None },
        ];
        insta::assert_snapshot!(text_of(&records), @r#"
        {"watchbell_state":1,"sequence":7}
        {"kind":"alert","key":"up/1","value":{"v":1,"at":0.1}}
        {"kind":"event","key_base64":"AAAAAAAAAAc=","value_base64":"AXJhdw=="}
        {"kind":"meta","key":"a \"value\":1","value_base64":"bnVsbA=="}
        {"records":3}
        "#);
    }

    #[test]
    fn refuses_what_is_not_whole() {
        for (text, reason) in [
            ("", "line 1 of the snapshot: the end is missing"),
            ("hello\n", "line 1 of the snapshot: this is no snapshot of Watchbell"),
            ("{\"watchbell_state\":2}\n", "the state has format version 2, and this version reads up to 1"),
            ("{\"watchbell_state\":1}\n", "line 2 of the snapshot: the end is missing"),
            ("{\"watchbell_state\":1}\n{\"records\":0}", "line 2 of the snapshot: the line is cut off or too long"),
            ("{\"watchbell_state\":1}\n{\"records\":1}\n", "line 2 of the snapshot: 1 records announced, 0 read"),
            (
                "{\"watchbell_state\":1}\n{\"kind\":\"x\",\"key\":\"\",\"value\":1}\n",
                "line 2 of the snapshot: unknown kind \"x\"",
            ),
            (
                "{\"watchbell_state\":1}\n{\"value\":1,\"kind\":\"meta\",\"key\":\"\"}\n",
                "line 2 of the snapshot: `value` has to be the last field",
            ),
            (
                "{\"watchbell_state\":1}\n{\"kind\":\"meta\",\"key\":\"format\",\"value\":1}\n",
                "the keys `format` and `sequence` of kind `meta` belong to the store",
            ),
        ] {
            let error = Contents::import(&mut text.as_bytes()).expect_err(text);
            assert_eq!(error.to_string(), reason);
        }
    }

    #[test]
    fn keeps_the_newest_and_skips_the_unreadable() {
        let folder = tempfile::tempdir().expect("folder");
        let record = |second: i64| put(RecordKind::Meta, "second", second.to_string());
        // Named by the time alone, as they once were, and by a clock that was far ahead.
        let old = Contents { sequence: 2, records: vec![record(0)] };
        let mut file = File::create(folder.path().join("state-00000099999999999999.jsonl")).expect("created");
        old.export(&mut file).expect("written");
        for second in 1..=5 {
            let path = write_snapshot(
                folder.path(),
                Timestamp::from_seconds(100 - second),
                &contents(&[record(second)], second.unsigned_abs()),
            )
            .expect("written");
            assert!(path.exists());
        }
        assert_eq!(snapshots(folder.path()).len(), SNAPSHOTS_KEPT);
        let (newest, found) = newest_snapshot(folder.path()).expect("found");
        assert_eq!(found, contents(&[record(5)], 5));
        fs::write(newest, "torn").expect("written");
        assert_eq!(newest_snapshot(folder.path()).expect("found").1.records, [record(4)]);
    }

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(
            rows in prop::collection::vec(
                (prop::sample::select(RecordKind::ALL.to_vec()), any::<Vec<u8>>(), any::<Vec<u8>>(), ".*"), 0..8),
        ) {
            let mut records = Vec::new();
            for (kind, key, bytes, text) in rows {
                records.push(put(kind, key, bytes));
                records.push(put(kind, format!("k{text}"), serde_json::json!({ "value": text }).to_string()));
                records.push(put(kind, format!("t{text}"), text));
            }
            let text = text_of(&records);
            prop_assert_eq!(Contents::import(&mut text.as_bytes()).expect("read"), contents(&records, 7));
        }

        #[test]
        fn never_panics(text in ".*") {
            let lines = format!("{{\"watchbell_state\":1}}\n{text}\n");
            let _ = Contents::import(&mut lines.as_bytes());
        }
    }
}
