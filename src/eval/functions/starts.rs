//! What start times tell of counters: whether they started anew between two samples.

use crate::model::{StartTime, Timestamp};

/// The time of a sample and since when it counts, if that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) at: Timestamp,
    pub(super) start: Option<Timestamp>,
}

impl Stamp {
    /// Whether counting started anew after `previous`.
    ///
    /// A start at the time of the previous sample is that of a delta, unless the previous sample's own start is unknown: not
    /// told, or not before the sample itself.
    pub(super) fn starts_anew_after(self, previous: Stamp) -> bool {
        match self.start {
            Some(start) if start < self.at && start > previous.at => true,
            Some(start) if start < self.at && start == previous.at => {
                previous.start.is_some_and(|start| start < previous.at)
            }
            _ => false,
        }
    }

    /// Whether the two count the same stretch of time without having begun together.
    pub(super) fn overlaps(self, previous: Stamp) -> bool {
        self.start.is_some_and(|start| start < previous.at) && self.start != previous.start
    }
}

/// Gives the samples of a series their start times; to be asked in ascending order of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamps<'a> {
    rest: &'a [StartTime],
}

impl<'a> Stamps<'a> {
    /// For samples from `first` on.
    pub(super) fn new(starts: &'a [StartTime], first: Timestamp) -> Self {
        Stamps { rest: &starts[starts.partition_point(|start| start.at < first)..] }
    }

    /// Whether no sample has one.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The stamp of the sample at `at`. A start at the epoch counts as unknown, as on the wire.
    pub(super) fn of(&mut self, at: Timestamp) -> Stamp {
        while let [first, rest @ ..] = self.rest {
            if first.at >= at {
                break;
            }
            self.rest = rest;
        }
        let found = self.rest.first().filter(|first| first.at == at && first.start.millis() != 0);
        Stamp { at, start: found.map(|found| found.start) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp((start, at): (i64, i64)) -> Stamp {
        let time = Timestamp::from_millis;
        Stamp { at: time(at), start: (start != 0).then_some(time(start)) }
    }

    #[test]
    fn resets_and_overlaps() {
        for (case, previous, current, is_reset, is_overlap) in [
            ("no start times", (0, 60), (0, 120), false, false),
            ("a process that runs on", (30, 60), (30, 120), false, false),
            ("a restart in between", (30, 60), (90, 120), true, false),
            ("deltas one after the other", (30, 60), (60, 120), true, false),
            ("an unknown start, told as nothing", (0, 60), (60, 120), false, false),
            ("an unknown start, told as the sample's own time", (60, 60), (60, 120), false, false),
            ("an invalid start before", (70, 60), (60, 120), false, false),
            ("a start at its own sample", (30, 60), (120, 120), false, false),
            ("a start after its own sample", (30, 60), (130, 120), false, false),
            ("overlapping deltas", (30, 60), (50, 120), false, true),
            ("a start that comes to be known late", (0, 60), (50, 120), false, true),
        ] {
            let (previous, current) = (stamp(previous), stamp(current));
            assert_eq!(current.starts_anew_after(previous), is_reset, "{case}");
            assert_eq!(current.overlaps(previous), is_overlap, "{case}");
        }
    }

    #[test]
    fn stamps_follow_the_samples() {
        let time = Timestamp::from_millis;
        let start = |at, start| StartTime { at: time(at), start: time(start) };
        let starts = [start(10, 1), start(20, 0), start(40, 35)];
        let mut stamps = Stamps::new(&starts, time(10));
        let found: Vec<_> = [10, 20, 30, 40].map(|at| stamps.of(time(at)).start.map(Timestamp::millis)).into();
        assert_eq!(found, [Some(1), None, None, Some(35)]);
        assert!(Stamps::new(&starts, time(41)).is_empty());
    }
}
