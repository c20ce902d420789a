use std::mem::needs_drop;

use crate::model::{Timed, Timestamp};

/// The samples of one series: one contiguous run, strictly ascending in time.
///
/// Appending at the end and dropping at the start take constant time on average, unless samples own memory, which is given
/// back at once; a late sample moves the shorter side.
#[derive(Debug)]
pub(super) struct Window<T> {
    /// `buffer[head..]` are the samples; what stands before is free room.
    buffer: Vec<T>,
    head: usize,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Window { buffer: Vec::new(), head: 0 }
    }
}

impl<T: Timed + Clone> Window<T> {
    /// All samples, oldest first.
    pub(super) fn samples(&self) -> &[T] {
        &self.buffer[self.head..]
    }

    /// The samples after `after` and not after `until`.
    pub(super) fn range(&self, after: Timestamp, until: Timestamp) -> &[T] {
        let samples = self.samples();
        let end = match samples.last() {
            Some(last) if last.at() <= until => samples.len(),
            _ => samples.partition_point(|sample| sample.at() <= until),
        };
        let start = samples[..end].partition_point(|sample| sample.at() <= after);
        &samples[start..end]
    }

    /// Where a sample at `at` stands (`Ok`) or would be inserted (`Err`), counted from the oldest.
    pub(super) fn locate(&self, at: Timestamp) -> Result<usize, usize> {
        let samples = self.samples();
        match samples.last() {
            Some(last) if last.at() >= at => samples.binary_search_by(|sample| sample.at().cmp(&at)),
            _ => Err(samples.len()),
        }
    }

    /// The sample at `at`.
    pub(super) fn get(&self, at: Timestamp) -> Option<&T> {
        self.locate(at).ok().and_then(|position| self.samples().get(position))
    }

    /// Inserts `sample` at `position`, as told by [`Window::locate`].
    pub(super) fn insert(&mut self, position: usize, sample: T) {
        let length = self.samples().len();
        let nearer_to_start = position < length / 2 && !needs_drop::<T>();
        if nearer_to_start {
            self.make_room_at_start(&sample);
            let at = self.head + position;
            self.head -= 1;
            self.buffer[self.head] = sample;
            self.buffer[self.head..at].rotate_left(1);
        } else {
            self.make_room_at_end();
            self.buffer.insert(self.head + position, sample);
        }
    }

    /// Drops the samples before `floor`; says how many.
    pub(super) fn drop_before(&mut self, floor: Timestamp) -> usize {
        match self.samples().first() {
            Some(first) if first.at() < floor => {}
            _ => return 0,
        }
        let dropped = self.samples().partition_point(|sample| sample.at() < floor);
        self.drop_first(dropped);
        if self.head == 0 && self.buffer.capacity() > 2 * self.buffer.len() + 8 {
            self.buffer.shrink_to(self.buffer.len() + self.buffer.len() / 4);
        }
        dropped
    }

    /// Drops the `count` oldest samples, of which there are that many.
    pub(super) fn drop_first(&mut self, count: usize) {
        self.head = (self.head + count).min(self.buffer.len());
        if needs_drop::<T>() || self.head > self.buffer.len() / 2 {
            self.compact();
        }
    }

    /// The bytes on the heap, without what samples own.
    pub(super) fn bytes(&self) -> usize {
        self.buffer.capacity() * size_of::<T>()
    }

    fn compact(&mut self) {
        self.buffer.drain(..self.head);
        self.head = 0;
    }

    /// Grows by a quarter rather than to the double: most windows have a steady length.
    fn make_room_at_end(&mut self) {
        if self.buffer.len() < self.buffer.capacity() {
            return;
        }
        if self.head > self.buffer.len() / 4 {
            self.compact();
        } else {
            self.buffer.reserve_exact(self.buffer.len() / 4 + 4);
        }
    }

    fn make_room_at_start(&mut self, filler: &T) {
        if self.head > 0 {
            return;
        }
        let room = self.buffer.len() / 4 + 4;
        self.buffer.splice(..0, std::iter::repeat_n(filler.clone(), room));
        self.head = room;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Histogram, HistogramSample, Sample};

    fn sample(seconds: i64) -> Sample {
        Sample::new(Timestamp::from_seconds(seconds), seconds as f64)
    }

    fn seconds(samples: &[Sample]) -> Vec<i64> {
        samples.iter().map(|sample| sample.at.millis() / 1000).collect()
    }

    #[test]
    fn any_order_in_sorted_out() {
        let mut window = Window::default();
        for second in [50, 10, 40, 20, 60, 5, 4, 3, 2, 1, 45, 55] {
            let position = window.locate(sample(second).at).expect_err("new");
            window.insert(position, sample(second));
        }
        assert_eq!(seconds(window.samples()), [1, 2, 3, 4, 5, 10, 20, 40, 45, 50, 55, 60]);
        assert_eq!(window.locate(sample(40).at), Ok(7));
        assert_eq!(seconds(window.range(sample(5).at, sample(45).at)), [10, 20, 40, 45]);
        assert!(window.range(sample(45).at, sample(5).at).is_empty());
    }

    #[test]
    fn sliding_keeps_memory_small() {
        let mut window = Window::default();
        for second in 0..10_000 {
            window.insert(window.locate(sample(second).at).expect_err("new"), sample(second));
            window.drop_before(sample(second - 9).at);
        }
        assert_eq!(seconds(window.samples()), (9_990..10_000).collect::<Vec<_>>());
        assert!(window.bytes() <= 64 * size_of::<Sample>(), "{}", window.bytes());
        assert_eq!(window.drop_before(Timestamp::MAX), 10);
        assert!(window.samples().is_empty());
        window.drop_first(1);
        assert!(window.samples().is_empty());
    }

    /// Nothing that was dropped is kept in memory, in whatever order histograms come.
    #[test]
    fn histograms_are_given_back_at_once() {
        let histogram = Arc::new(Histogram::default());
        let mut window = Window::default();
        for second in [5, 1, 4, 2, 3, 0] {
            let sample = HistogramSample { at: Timestamp::from_seconds(second), histogram: Arc::clone(&histogram) };
            window.insert(window.locate(sample.at).expect_err("new"), sample);
        }
        assert!(window.samples().is_sorted_by_key(|sample| sample.at));
        assert_eq!(Arc::strong_count(&histogram), 7);
        assert_eq!(window.drop_before(Timestamp::from_seconds(2)), 2);
        assert_eq!(Arc::strong_count(&histogram), 5);
        window.drop_first(1);
        assert_eq!(window.get(Timestamp::from_seconds(2)), None);
        assert!(window.get(Timestamp::from_seconds(3)).is_some());
        assert_eq!(Arc::strong_count(&histogram), 4);
    }
}
