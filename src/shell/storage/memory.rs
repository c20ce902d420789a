use std::collections::BTreeMap;

use super::{Store, StoreError, check, put, split_key, stored_key};
use crate::engine::{Record, RecordKind};

/// Keeps records for as long as it lives, for rehearsals and tests.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    sequence: u64,
}

impl Store for MemoryStore {
    fn apply(&mut self, records: &[Record]) -> Result<(), StoreError> {
        records.iter().try_for_each(check)?;
        for record in records {
            let key = stored_key(record.kind, &record.key);
            match &record.value {
                Some(value) => self.records.insert(key, value.clone()),
                None => self.records.remove(&key),
            };
        }
        self.sequence += 1;
        Ok(())
    }

    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn load(&self) -> Result<Vec<Record>, StoreError> {
        Ok(self.records.iter().filter_map(record).collect())
    }

    fn below(&self, kind: RecordKind, key: &[u8], limit: usize) -> Result<Vec<Record>, StoreError> {
        let found = self.records.range(stored_key(kind, &[])..stored_key(kind, key)).rev().take(limit);
        Ok(found.filter_map(record).collect())
    }

    fn size_bytes(&self) -> u64 {
        self.records.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}

fn record((stored, value): (&Vec<u8>, &Vec<u8>)) -> Option<Record> {
    split_key(stored).map(|(kind, key)| put(kind, key, value.clone()))
}
