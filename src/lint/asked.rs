//! Answers about samples from a server: what is asked is noted, answered outside, and asked again.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Duration;

use crate::lang::Expr;
use crate::model::{Labels, Matcher, Sample, Timestamp};

use super::knowledge::{SERIES_SHOWN_MAX, SelectorFacts, SeriesKnowledge};
use super::samples::usual_distance;

/// How far back series are looked at one by one.
const WINDOW: &str = "10m";
/// The same in milliseconds.
const WINDOW_MS: i64 = 600_000;
/// How far back a series that is gone is looked for.
const PAST: &str = "7d:1h";
/// How many questions are asked in all.
pub const QUESTIONS_MAX: usize = 10_000;

/// The series of an instant query's result, each with its samples.
pub type Answer = Vec<(Labels, Vec<Sample>)>;

/// What a server has said so far, and what it is still to be asked.
///
/// Checks that lack an answer find nothing; run them again once [`AskedSeries::open`] has been answered, until it is empty.
pub struct AskedSeries {
    at: Timestamp,
    names: Rc<[String]>,
    kinds: HashMap<String, String>,
    answers: HashMap<String, Option<Rc<Answer>>>,
    open: RefCell<BTreeSet<String>>,
}

impl AskedSeries {
    /// Nothing but the metrics' names and kinds is known; questions are about the moment `at`.
    pub fn new(at: Timestamp, names: Vec<String>, kinds: HashMap<String, String>) -> AskedSeries {
        AskedSeries { at, names: names.into(), kinds, answers: HashMap::new(), open: RefCell::default() }
    }

    /// The expressions whose results are wanted, and takes them for asked.
    pub fn open(&self) -> Vec<String> {
        let room = QUESTIONS_MAX.saturating_sub(self.answers.len());
        self.open.take().into_iter().take(room).collect()
    }

    /// Notes the result of a query; `None` if it failed.
    pub fn answer(&mut self, query: String, answer: Option<Answer>) {
        self.answers.insert(query, answer.map(Rc::new));
    }

    fn ask(&self, query: &str) -> Option<Rc<Answer>> {
        match self.answers.get(query) {
            Some(answer) => answer.clone(),
            None => {
                self.open.borrow_mut().insert(query.to_owned());
                None
            }
        }
    }

    /// The one number that `query` yields; 0 if it yields nothing.
    fn number(&self, query: &str) -> Option<f64> {
        let answer = self.ask(query)?;
        Some(answer.first().and_then(|(_, samples)| samples.last()).map_or(0.0, |sample| sample.value))
    }
}

impl SeriesKnowledge for AskedSeries {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn facts(&self, matchers: &[Matcher]) -> Option<Rc<SelectorFacts>> {
        let conditions: Vec<String> = matchers.iter().map(Matcher::to_string).collect();
        let selector = format!("{{{}}}", conditions.join(","));
        let count = self.number(&format!("count({selector})"))? as usize;
        let mut facts = SelectorFacts { count, ..SelectorFacts::default() };
        if count == 0 {
            let seconds = self.number(&format!("max(max_over_time(timestamp({selector})[{PAST}]))"))?;
            facts.last_seen = (seconds > 0.0).then(|| Timestamp::from_millis((seconds * 1000.0) as i64));
        } else if count <= SERIES_SHOWN_MAX {
            let answer = self.ask(&format!("{selector}[{WINDOW}]"))?;
            let begin = self.at.millis() - WINDOW_MS;
            for (labels, samples) in answer.iter() {
                let moments: Vec<i64> = samples.iter().map(|sample| sample.at.millis()).collect();
                let distance = usual_distance(&moments);
                facts.interval = facts.interval.or(distance.map(|millis| Duration::from_millis(millis.unsigned_abs())));
                let born = samples
                    .first()
                    .filter(|first| first.value > 0.0 && first.at.millis() - begin > distance.unwrap_or(WINDOW_MS) * 2);
                if let (None, Some(first)) = (&facts.newborn, born) {
                    facts.newborn = Some((labels.clone(), first.value));
                }
                facts.series.push(labels.clone());
            }
        }
        Some(Rc::new(facts))
    }

    fn count(&self, expr: &Expr) -> Option<usize> {
        self.number(&format!("count({expr})")).map(|count| count as usize)
    }

    fn metric_names(&self) -> Option<Rc<[String]>> {
        Some(Rc::clone(&self.names))
    }

    fn kind(&self, metric: &str) -> Option<String> {
        self.kinds.get(metric).cloned()
    }
}
