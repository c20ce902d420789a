//! All incidents.

use std::collections::BTreeMap;

use super::Incident;

/// All incidents, those included that were closed not long ago.
#[derive(Debug, Default)]
pub struct Incidents {
    all: BTreeMap<u64, Incident>,
}

impl Incidents {
    /// The incident of that number.
    pub fn get(&self, number: u64) -> Option<&Incident> {
        self.all.get(&number)
    }

    /// The incidents by their numbers, the earliest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.all.values()
    }
}
