use super::window::Window;
use crate::model::{Histogram, HistogramSample, Sample, StartTime, Timestamp};

/// Something of a series at a moment.
#[derive(Clone, Debug)]
pub(super) enum Point {
    Float(Sample),
    Histogram(HistogramSample),
    Start(StartTime),
}

impl Point {
    /// Its moment.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Point::Float(sample) => sample.at,
            Point::Histogram(sample) => sample.at,
            Point::Start(start) => start.at,
        }
    }

    /// How much it counts against the limits on samples.
    pub(super) fn load(&self) -> usize {
        match self {
            Point::Float(_) | Point::Start(_) => 1,
            Point::Histogram(sample) => load(&sample.histogram),
        }
    }

    /// What it adds to what is held.
    pub(super) fn measure(&self) -> Held {
        let (samples, histograms) = match self {
            Point::Float(_) => (1, 0),
            Point::Histogram(_) => (1, 1),
            Point::Start(_) => (0, 0),
        };
        Held { samples, histograms, load: self.load() }
    }

    pub(super) fn is_start(&self) -> bool {
        matches!(self, Point::Start(_))
    }
}

/// As how many float samples a histogram counts: as many as fit into the memory that it takes.
fn load(histogram: &Histogram) -> usize {
    bytes(histogram).div_ceil(size_of::<Sample>())
}

fn bytes(histogram: &Histogram) -> usize {
    let Histogram { positive_spans, positive_buckets, negative_spans, negative_buckets, custom_values, .. } = histogram;
    let spans = size_of_val(positive_spans.as_slice()) + size_of_val(negative_spans.as_slice());
    let floats = positive_buckets.len() + negative_buckets.len() + custom_values.len();
    // The two counts of the `Arc` come before the histogram.
    size_of::<HistogramSample>() + 2 * size_of::<usize>() + size_of::<Histogram>() + spans + floats * size_of::<f64>()
}

/// How much is held, or came, or went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Samples of both kinds.
    pub samples: usize,
    /// The histograms among them.
    pub histograms: usize,
    /// What all of it counted against the limits.
    pub load: usize,
}

impl std::ops::AddAssign for Held {
    fn add_assign(&mut self, other: Self) {
        self.samples += other.samples;
        self.histograms += other.histograms;
        self.load += other.load;
    }
}

impl std::ops::SubAssign for Held {
    fn sub_assign(&mut self, other: Self) {
        self.samples -= other.samples;
        self.histograms -= other.histograms;
        self.load -= other.load;
    }
}

/// The samples of one series: floats, and beside them what only some series have.
#[derive(Debug, Default)]
pub(super) struct History {
    floats: Window<Sample>,
    /// `None` for a series that never had a histogram or a start time: it pays one word.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Default)]
struct Rest {
    histograms: Window<HistogramSample>,
    starts: Window<StartTime>,
    /// What both count against the limits.
    load: usize,
}

impl History {
    pub(super) fn floats(&self) -> &[Sample] {
        self.floats.samples()
    }

    /// The floats, histograms and start times after `after` and not after `until`.
    pub(super) fn range(&self, after: Timestamp, until: Timestamp) -> (&[Sample], &[HistogramSample], &[StartTime]) {
        let floats = self.floats.range(after, until);
        match &self.rest {
            None => (floats, &[], &[]),
            Some(rest) => (floats, rest.histograms.range(after, until), rest.starts.range(after, until)),
        }
    }

    /// Whether there is a sample after `after` and not after `until`.
    pub(super) fn is_seen(&self, after: Timestamp, until: Timestamp) -> bool {
        let (floats, histograms, _) = self.range(after, until);
        !floats.is_empty() || !histograms.is_empty()
    }

    /// Whether there is no sample.
    pub(super) fn is_empty(&self) -> bool {
        self.floats().is_empty() && self.rest.as_ref().is_none_or(|rest| rest.histograms.samples().is_empty())
    }

    /// What everything counts against the limits.
    pub(super) fn load(&self) -> usize {
        self.floats().len() + self.rest.as_ref().map_or(0, |rest| rest.load)
    }

    /// The bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| {
            let owned = |sample: &HistogramSample| bytes(&sample.histogram) - size_of::<HistogramSample>();
            let owned: usize = rest.histograms.samples().iter().map(owned).sum();
            size_of::<Rest>() + rest.histograms.bytes() + rest.starts.bytes() + owned
        });
        self.floats.bytes() + rest
    }

    /// What stands where `point` would: `None` if nothing does, else whether it is the same, bit by bit. A start time stands
    /// beside its sample; samples of both kinds exclude each other.
    pub(super) fn standing(&self, point: &Point) -> Option<bool> {
        let at = point.at();
        let rest = self.rest.as_deref();
        let histogram = || rest.and_then(|rest| rest.histograms.get(at));
        match point {
            Point::Float(sample) => match self.floats.get(at) {
                Some(other) => Some(other.value.to_bits() == sample.value.to_bits()),
                None => histogram().map(|_| false),
            },
            Point::Histogram(sample) => match histogram() {
                Some(other) => Some(other.histogram.equals(&sample.histogram)),
                None => self.floats.get(at).map(|_| false),
            },
            Point::Start(start) => rest.and_then(|rest| rest.starts.get(at)).map(|other| other == start),
        }
    }

    /// Whether there is a sample at `at`.
    pub(super) fn has_sample(&self, at: Timestamp) -> bool {
        self.floats.get(at).is_some() || self.rest.as_ref().is_some_and(|rest| rest.histograms.get(at).is_some())
    }

    /// Adds `point`, where [`History::standing`] finds nothing.
    pub(super) fn insert(&mut self, point: Point) {
        let load = point.load();
        match point {
            Point::Float(sample) => return insert(&mut self.floats, sample.at, sample),
            Point::Histogram(sample) => insert(&mut self.rest.get_or_insert_default().histograms, sample.at, sample),
            Point::Start(start) => insert(&mut self.rest.get_or_insert_default().starts, start.at, start),
        }
        self.rest.get_or_insert_default().load += load;
    }

    /// The time of the youngest sample that must go, with all older ones, to make room for `needed`; `None` if even all
    /// samples before `at` are not enough.
    pub(super) fn oldest_for(&self, needed: usize, at: Timestamp) -> Option<Timestamp> {
        let floats = self.floats();
        let Some(rest) = &self.rest else {
            return floats.get(needed.checked_sub(1)?).map(|sample| sample.at).filter(|time| *time < at);
        };
        let (mut floats, mut histograms) = (floats.iter().peekable(), rest.histograms.samples().iter().peekable());
        let mut freed = 0;
        loop {
            let next = [floats.peek().map(|sample| sample.at), histograms.peek().map(|sample| sample.at)];
            let time = next.into_iter().flatten().min().filter(|time| *time < at)?;
            freed += usize::from(rest.starts.get(time).is_some());
            freed += floats.next_if(|sample| sample.at == time).map_or(0, |_| 1);
            freed += histograms.next_if(|sample| sample.at == time).map_or(0, |sample| load(&sample.histogram));
            if freed >= needed {
                return Some(time);
            }
        }
    }

    /// Drops everything before `floor`.
    pub(super) fn drop_before(&mut self, floor: Timestamp) -> Held {
        let floats = self.floats.drop_before(floor);
        let mut dropped = Held { samples: floats, histograms: 0, load: floats };
        if let Some(rest) = &mut self.rest {
            dropped += rest.drop_before(floor);
            if rest.load == 0 {
                self.rest = None;
            }
        }
        dropped
    }
}

impl Rest {
    fn drop_before(&mut self, floor: Timestamp) -> Held {
        let old = self.histograms.samples().iter().take_while(|sample| sample.at < floor);
        let mut load: usize = old.map(|sample| load(&sample.histogram)).sum();
        let histograms = self.histograms.drop_before(floor);
        load += self.starts.drop_before(floor);
        self.load -= load;
        Held { samples: histograms, histograms, load }
    }
}

fn insert<T: crate::model::Timed + Clone>(window: &mut Window<T>, at: Timestamp, sample: T) {
    let (Ok(position) | Err(position)) = window.locate(at);
    window.insert(position, sample);
}
