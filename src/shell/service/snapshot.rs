//! The series as a query reads them: copied out under the lock, selector by selector, so that evaluating holds up nobody.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::windows::Windows;
use crate::model::{Matcher, Timestamp};
use crate::series::{Querier, Stretch};

/// The series for one query, at its limits.
pub struct Snapshot<'a> {
    windows: &'a Windows,
    samples_max: u64,
    read: AtomicU64,
    /// Set once more samples were asked for than the limit allows: what was found since is cut.
    canceled: Arc<AtomicBool>,
}

impl<'a> Snapshot<'a> {
    /// The series of `windows`; sets `canceled` when a query reads more than `samples_max` samples.
    pub fn new(windows: &'a Windows, samples_max: usize, canceled: Arc<AtomicBool>) -> Self {
        let samples_max = u64::try_from(samples_max).unwrap_or(u64::MAX);
        Snapshot { windows, samples_max, read: AtomicU64::new(0), canceled }
    }

    /// How many samples were read.
    pub fn samples_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Whether the query wanted more samples than it may have.
    pub fn is_exceeded(&self) -> bool {
        self.samples_read() > self.samples_max
    }
}

impl Querier for Snapshot<'_> {
    fn select(&self, matchers: &[Matcher], after: Timestamp, until: Timestamp) -> Vec<Stretch<'_>> {
        if self.canceled.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.windows.read(|database| {
            let mut copied = Vec::new();
            for found in database.select(matchers, after, until) {
                let more = found.samples.len().saturating_add(found.histograms.len());
                self.read.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
                if self.is_exceeded() {
                    self.canceled.store(true, Ordering::Relaxed);
                    break;
                }
                copied.push(Stretch {
                    labels: Cow::Owned(found.labels.into_owned()),
                    samples: Cow::Owned(found.samples.into_owned()),
                    histograms: Cow::Owned(found.histograms.into_owned()),
                    starts: Cow::Owned(found.starts.into_owned()),
                });
            }
            copied
        })
    }
}
