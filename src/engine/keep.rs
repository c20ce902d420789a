//! The engine's state as records, and back.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::external::PageEntry;
use super::heartbeats::Pulse;
use super::overrides::StoredOverride;
use super::{Record, RecordKind};
use crate::deliver::{Delivery, Pace};
use crate::escalate::Incident;
use crate::model::{Alert, Fingerprint, Timestamp};
use crate::route::{Flap, Group, Silence, Target};
use crate::rule::{ActiveAlert, RuleId};

/// The version of the values that this program writes.
const VERSION: u32 = 1;
const RULE_ALERT: u8 = b'r';
const ROUTED_ALERT: u8 = b'd';
const OWN_ALERT: u8 = b'o';
const PACE: u8 = b'p';
const FLAP: u8 = b'f';
const REMINDED_UNTIL: &[u8] = b"reminded-until";
const PAGE: u8 = b'p';
const HEARTBEAT: u8 = b'b';
const ALIVE: &[u8] = b"alive";
const LAST_NUMBER: &[u8] = b"delivery-number";
const LAST_INCIDENT: &[u8] = b"incident-number";

/// A record, read.
pub(super) enum Kept {
    RuleAlert(RuleId, Box<ActiveAlert>),
    Routed(Box<Alert>),
    /// An alert of Watchbell itself.
    Own(Box<Alert>),
    /// Alerts from outside.
    Page(u64, Vec<PageEntry>),
    Group(Box<Group>),
    Delivery(Box<Delivery>),
    Silence(Box<Silence>),
    Override(Box<StoredOverride>),
    Pace(Target, Box<Pace>),
    Flap(Fingerprint, Box<Flap>),
    Incident(Box<Incident>),
    LastIncident(u64),
    RemindedUntil(Timestamp),
    Heartbeat(Box<Pulse>),
    /// When Watchbell was last noted to run.
    Alive(Timestamp),
    LastNumber(u64),
    /// Nothing of the engine's.
    Foreign,
}

/// A record of the store that cannot be read; it is left as it is and takes no part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unreadable {kind} record: {reason}")]
pub struct KeepError {
    /// The prefix of its kind.
    pub kind: &'static str,
    /// Why.
    pub reason: String,
}

#[derive(Serialize)]
struct Written<'a, T> {
    v: u32,
    data: &'a T,
}

#[derive(Deserialize)]
struct Read<T> {
    v: u32,
    data: T,
}

fn record<T: Serialize>(kind: RecordKind, key: Vec<u8>, value: Option<&T>) -> Record {
    let value = value.map(|data| {
        serde_json::to_vec(&Written { v: VERSION, data })
            .expect("our own records have only text keys and finite numbers")
    });
    Record { kind, key, value }
}

fn read<T: DeserializeOwned>(kind: RecordKind, value: &[u8]) -> Result<T, KeepError> {
    let error = |reason: String| KeepError { kind: kind.prefix(), reason };
    let read: Read<T> = serde_json::from_slice(value).map_err(|reason| error(reason.to_string()))?;
    if read.v == VERSION { Ok(read.data) } else { Err(error(format!("version {} is not known", read.v))) }
}

fn rule_alert_key(rule: RuleId, fingerprint: Fingerprint) -> Vec<u8> {
    [&[RULE_ALERT][..], &rule.0.0.to_be_bytes(), &fingerprint.0.to_be_bytes()].concat()
}

pub(super) fn rule_alert(rule: RuleId, alert: &ActiveAlert) -> Record {
    record(RecordKind::Alert, rule_alert_key(rule, alert.labels.fingerprint()), Some(alert))
}

pub(super) fn rule_alert_gone(rule: RuleId, fingerprint: Fingerprint) -> Record {
    record::<ActiveAlert>(RecordKind::Alert, rule_alert_key(rule, fingerprint), None)
}

fn routed_key(fingerprint: Fingerprint) -> Vec<u8> {
    [&[ROUTED_ALERT][..], &fingerprint.0.to_be_bytes()].concat()
}

pub(super) fn routed(alert: &Alert) -> Record {
    record(RecordKind::Alert, routed_key(alert.fingerprint()), Some(alert))
}

fn own_alert_key(fingerprint: Fingerprint) -> Vec<u8> {
    [&[OWN_ALERT][..], &fingerprint.0.to_be_bytes()].concat()
}

pub(super) fn own_alert(alert: &Alert) -> Record {
    record(RecordKind::Alert, own_alert_key(alert.fingerprint()), Some(alert))
}

pub(super) fn own_alert_gone(fingerprint: Fingerprint) -> Record {
    record::<Alert>(RecordKind::Alert, own_alert_key(fingerprint), None)
}

fn page_key(page: u64) -> Vec<u8> {
    [&[PAGE][..], &page.to_be_bytes()].concat()
}

/// A page of alerts from outside, packed, since they are much alike; one without any is deleted.
pub(super) fn page(page: u64, entries: &[PageEntry]) -> Record {
    if entries.is_empty() {
        return Record { kind: RecordKind::Alert, key: page_key(page), value: None };
    }
    let written = record(RecordKind::Alert, page_key(page), Some(&entries));
    let pack = |bytes: Vec<u8>| {
        let packed = snap::raw::Encoder::new().compress_vec(&bytes);
        packed.expect("a page is far smaller than the 4 GiB that can be packed")
    };
    Record { value: written.value.map(pack), ..written }
}

pub(super) fn routed_gone(fingerprint: Fingerprint) -> Record {
    record::<Alert>(RecordKind::Alert, routed_key(fingerprint), None)
}

fn group_key(key: &str) -> Vec<u8> {
    Sha256::digest(key.as_bytes())[..16].to_vec()
}

pub(super) fn group(group: &Group) -> Record {
    record(RecordKind::Group, group_key(&group.key), Some(group))
}

/// What tells one state of a group from another; of equal groups it is equal while the process lives.
pub(super) fn group_digest(group: &Group, interval: Duration) -> u64 {
    let bytes = serde_json::to_vec(group).expect("groups have only text keys and whole numbers");
    let mut hasher = DefaultHasher::new();
    (bytes, interval).hash(&mut hasher);
    hasher.finish()
}

pub(super) fn group_gone(key: &str) -> Record {
    record::<Group>(RecordKind::Group, group_key(key), None)
}

pub(super) fn delivery(delivery: &Delivery) -> Record {
    record(RecordKind::Outbox, delivery.number.to_be_bytes().to_vec(), Some(delivery))
}

pub(super) fn delivery_gone(number: u64) -> Record {
    record::<Delivery>(RecordKind::Outbox, number.to_be_bytes().to_vec(), None)
}

pub(super) fn silence(silence: &Silence) -> Record {
    record(RecordKind::Silence, silence.id.as_bytes().to_vec(), Some(silence))
}

pub(super) fn silence_gone(id: &str) -> Record {
    record::<Silence>(RecordKind::Silence, id.as_bytes().to_vec(), None)
}

pub(super) fn exception(stored: &StoredOverride) -> Record {
    record(RecordKind::Override, stored.exception.id.as_bytes().to_vec(), Some(stored))
}

pub(super) fn exception_gone(id: &str) -> Record {
    record::<StoredOverride>(RecordKind::Override, id.as_bytes().to_vec(), None)
}

fn pace_key((receiver, integration): &Target) -> Vec<u8> {
    let receiver = &Sha256::digest(receiver.as_bytes())[..16];
    [&[PACE][..], receiver, &integration.to_be_bytes()].concat()
}

pub(super) fn pace(target: &Target, pace: &Pace) -> Record {
    match pace.is_empty() {
        true => pace_gone(target),
        false => record(RecordKind::Noise, pace_key(target), Some(&(target, pace))),
    }
}

pub(super) fn pace_gone(target: &Target) -> Record {
    record::<Pace>(RecordKind::Noise, pace_key(target), None)
}

pub(super) fn flap(alert: Fingerprint, flap: Option<&Flap>) -> Record {
    let value = flap.map(|flap| (alert, flap));
    record(RecordKind::Noise, [&[FLAP][..], &alert.0.to_be_bytes()].concat(), value.as_ref())
}

pub(super) fn reminded_until(until: Timestamp) -> Record {
    record(RecordKind::Meta, REMINDED_UNTIL.to_vec(), Some(&until))
}

fn heartbeat_key(name: &str) -> Vec<u8> {
    [&[HEARTBEAT][..], name.as_bytes()].concat()
}

pub(super) fn heartbeat(pulse: &Pulse) -> Record {
    record(RecordKind::Heartbeat, heartbeat_key(pulse.name()), Some(pulse))
}

pub(super) fn heartbeat_gone(name: &str) -> Record {
    record::<Pulse>(RecordKind::Heartbeat, heartbeat_key(name), None)
}

pub(super) fn alive(at: Option<Timestamp>) -> Record {
    record(RecordKind::Heartbeat, ALIVE.to_vec(), at.as_ref())
}

pub(super) fn last_number(number: u64) -> Record {
    record(RecordKind::Meta, LAST_NUMBER.to_vec(), Some(&number))
}

pub(super) fn incident(incident: &Incident) -> Record {
    record(RecordKind::Incident, incident.number.to_be_bytes().to_vec(), Some(incident))
}

pub(super) fn incident_gone(number: u64) -> Record {
    record::<Incident>(RecordKind::Incident, number.to_be_bytes().to_vec(), None)
}

pub(super) fn last_incident(number: u64) -> Record {
    record(RecordKind::Meta, LAST_INCIDENT.to_vec(), Some(&number))
}

/// Reads a record.
pub(super) fn restore(record: &Record) -> Result<Kept, KeepError> {
    let Some(value) = record.value.as_deref() else { return Ok(Kept::Foreign) };
    match (record.kind, record.key.as_slice()) {
        (RecordKind::Alert, [RULE_ALERT, rest @ ..]) => {
            let rule = rest.first_chunk::<8>().map(|bytes| RuleId(Fingerprint(u64::from_be_bytes(*bytes))));
            let rule =
                rule.ok_or_else(|| KeepError { kind: record.kind.prefix(), reason: "its key is too short".into() })?;
            Ok(Kept::RuleAlert(rule, Box::new(read(record.kind, value)?)))
        }
        (RecordKind::Alert, [PAGE, rest @ ..]) => {
            let error = |reason: String| KeepError { kind: record.kind.prefix(), reason };
            let page = rest.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
            let page = page.ok_or_else(|| error("its key is too short".into()))?;
            let bytes = snap::raw::Decoder::new().decompress_vec(value).map_err(|reason| error(reason.to_string()))?;
            Ok(Kept::Page(page, read(record.kind, &bytes)?))
        }
        (RecordKind::Alert, [OWN_ALERT, ..]) => Ok(Kept::Own(Box::new(read(record.kind, value)?))),
        (RecordKind::Alert, _) => Ok(Kept::Routed(Box::new(read(record.kind, value)?))),
        (RecordKind::Group, _) => Ok(Kept::Group(Box::new(read(record.kind, value)?))),
        (RecordKind::Outbox, _) => Ok(Kept::Delivery(Box::new(read(record.kind, value)?))),
        (RecordKind::Silence, _) => Ok(Kept::Silence(Box::new(read(record.kind, value)?))),
        (RecordKind::Override, _) => Ok(Kept::Override(Box::new(read(record.kind, value)?))),
        (RecordKind::Meta, REMINDED_UNTIL) => Ok(Kept::RemindedUntil(read(record.kind, value)?)),
        (RecordKind::Incident, _) => Ok(Kept::Incident(Box::new(read(record.kind, value)?))),
        (RecordKind::Meta, LAST_INCIDENT) => Ok(Kept::LastIncident(read(record.kind, value)?)),
        (RecordKind::Meta, LAST_NUMBER) => Ok(Kept::LastNumber(read(record.kind, value)?)),
        (RecordKind::Heartbeat, ALIVE) => Ok(Kept::Alive(read(record.kind, value)?)),
        (RecordKind::Heartbeat, _) => Ok(Kept::Heartbeat(Box::new(read(record.kind, value)?))),
        (RecordKind::Noise, [PACE, ..]) => {
            let (target, pace) = read(record.kind, value)?;
            Ok(Kept::Pace(target, Box::new(pace)))
        }
        (RecordKind::Noise, [FLAP, ..]) => {
            let (alert, flap) = read(record.kind, value)?;
            Ok(Kept::Flap(alert, Box::new(flap)))
        }
        (RecordKind::Meta | RecordKind::Event | RecordKind::Noise, _) => Ok(Kept::Foreign),
    }
}
