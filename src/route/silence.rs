//! Silences: matchers whose alerts are not told for a while.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Labels, MatchOp, Matcher, Timestamp};

/// How long a silence is kept after its end.
pub const SILENCE_RETENTION: Duration = Duration::from_secs(120 * 60 * 60);
/// The greatest number of silences, ended ones included.
pub const SILENCES_MAX: usize = 50_000;
/// The greatest number of matchers of a silence.
pub const SILENCE_MATCHERS_MAX: usize = 256;
/// The greatest length of a silence's texts together, in bytes.
pub const SILENCE_BYTES_MAX: usize = 64 << 10;

/// Alerts that satisfy all of `matchers` are not told from `starts_at` until before `ends_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// What names it.
    pub id: String,
    /// What an alert must satisfy.
    #[serde(with = "written_matchers")]
    pub matchers: Vec<Matcher>,
    /// Its first moment.
    pub starts_at: Timestamp,
    /// Its end.
    pub ends_at: Timestamp,
    /// Who set it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Where a silence stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// It has begun.
    Active,
    /// It has not begun.
    Pending,
    /// It is over.
    Expired,
}

impl SilenceState {
    /// `active`, `pending` or `expired`.
    pub fn as_str(self) -> &'static str {
        match self {
            SilenceState::Active => "active",
            SilenceState::Pending => "pending",
            SilenceState::Expired => "expired",
        }
    }
}

impl Silence {
    /// Its state at `now`.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        match (self.ends_at <= now, self.starts_at <= now) {
            (true, _) => SilenceState::Expired,
            (false, true) => SilenceState::Active,
            (false, false) => SilenceState::Pending,
        }
    }

    /// Whether `labels` satisfy its matchers.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

/// A silence as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceDraft {
    /// The silence that it changes.
    pub id: Option<String>,
    /// What an alert must satisfy.
    pub matchers: Vec<Matcher>,
    /// Its first moment; one that is past means now.
    pub starts_at: Timestamp,
    /// Its end.
    pub ends_at: Timestamp,
    /// Who sets it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// A silence that cannot be set or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// There is none with this id.
    #[error("there is no silence {0}")]
    NotFound(String),
    /// It is over already.
    #[error("silence {0} already expired")]
    AlreadyExpired(String),
    /// It has no matcher, or too many.
    #[error("a silence needs 1 to {SILENCE_MATCHERS_MAX} matchers, not {0}")]
    MatcherCount(usize),
    /// It would silence everything.
    #[error("at least one matcher must not match the empty string")]
    MatchesEmpty,
    /// A matcher without a label.
    #[error("a matcher needs the name of a label")]
    NoName,
    /// It ends before it starts.
    #[error("start time must be before end time")]
    EndsBeforeStart,
    /// It would be over already.
    #[error("end time can't be in the past")]
    EndsInThePast,
    /// Its texts are too long.
    #[error("a silence's texts take at most {SILENCE_BYTES_MAX} bytes")]
    TooLong,
    /// There are too many.
    #[error("there are {SILENCES_MAX} silences already")]
    TooMany,
}

/// What setting a silence comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceChange {
    /// The silence as it will be.
    pub silence: Silence,
    /// The silence that ends in favour of this one.
    pub replaces: Option<String>,
}

/// All silences.
#[derive(Clone, Debug, Default)]
pub struct Silences {
    by_id: BTreeMap<String, Silence>,
    /// Those that are not over, by the time of their end.
    open: BTreeSet<(Timestamp, String)>,
    /// All, by the time at which they are forgotten.
    kept_until: BTreeSet<(Timestamp, String)>,
    /// Those that are not over and have an equality, by its label and value.
    by_equality: HashMap<String, HashMap<String, BTreeSet<String>>>,
    /// Those that are not over and have none.
    others: BTreeSet<String>,
}

impl Silences {
    /// The silence with this id.
    pub fn get(&self, id: &str) -> Option<&Silence> {
        self.by_id.get(id)
    }

    /// All silences, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.by_id.values()
    }

    /// What setting `draft` at `now` comes to. A change of a silence that is not over keeps its id if its matchers stay;
    /// otherwise the old one ends and the new one is known as `new_id`.
    ///
    /// # Errors
    ///
    /// A draft that is no silence, or changes none.
    pub fn plan(&self, now: Timestamp, draft: &SilenceDraft, new_id: &str) -> Result<SilenceChange, SilenceError> {
        check(now, draft)?;
        let mut silence = Silence {
            id: new_id.to_owned(),
            matchers: draft.matchers.clone(),
            starts_at: draft.starts_at,
            ends_at: draft.ends_at,
            created_by: draft.created_by.clone(),
            comment: draft.comment.clone(),
            updated_at: now,
        };
        let id = draft.id.as_deref().filter(|id| !id.is_empty());
        let former = match id {
            Some(id) => Some(self.get(id).ok_or_else(|| SilenceError::NotFound(id.to_owned()))?),
            None => None,
        };
        if let Some(former) = former.filter(|former| is_same(former, draft, now)) {
            (silence.id, silence.starts_at) = (former.id.clone(), draft.starts_at);
            return Ok(SilenceChange { silence, replaces: None });
        }
        if self.by_id.len() >= SILENCES_MAX {
            return Err(SilenceError::TooMany);
        }
        silence.starts_at = silence.starts_at.max(now);
        let replaces = former.filter(|former| former.state(now) != SilenceState::Expired);
        Ok(SilenceChange { silence, replaces: replaces.map(|former| former.id.clone()) })
    }

    /// The silence `id` as it is once it is ended at `now`.
    ///
    /// # Errors
    ///
    /// There is none, or it is over already.
    pub fn ended(&self, now: Timestamp, id: &str) -> Result<Silence, SilenceError> {
        let silence = self.get(id).ok_or_else(|| SilenceError::NotFound(id.to_owned()))?;
        match silence.state(now) {
            SilenceState::Expired => Err(SilenceError::AlreadyExpired(id.to_owned())),
            _ => {
                Ok(Silence { starts_at: silence.starts_at.min(now), ends_at: now, updated_at: now, ..silence.clone() })
            }
        }
    }

    /// Takes up a silence, in place of the one with its id.
    pub fn put(&mut self, silence: Silence) {
        self.remove(&silence.id.clone());
        let id = silence.id.clone();
        self.open.insert((silence.ends_at, id.clone()));
        self.kept_until.insert((silence.ends_at + SILENCE_RETENTION, id.clone()));
        match self.rarest_equality(&silence.matchers) {
            Some((name, value)) => {
                self.by_equality.entry(name).or_default().entry(value).or_default().insert(id.clone());
            }
            None => drop(self.others.insert(id.clone())),
        }
        self.by_id.insert(id, silence);
    }

    /// The equality that the fewest other silences are found by.
    fn rarest_equality(&self, matchers: &[Matcher]) -> Option<(String, String)> {
        let equalities =
            matchers.iter().filter(|matcher| matcher.op() == MatchOp::Equal && !matcher.value().is_empty());
        let count = |matcher: &&Matcher| {
            self.by_equality.get(matcher.name()).and_then(|values| values.get(matcher.value())).map_or(0, BTreeSet::len)
        };
        equalities.min_by_key(count).map(|matcher| (matcher.name().to_owned(), matcher.value().to_owned()))
    }

    fn remove(&mut self, id: &str) {
        let Some(silence) = self.by_id.remove(id) else { return };
        self.kept_until.remove(&(silence.ends_at + SILENCE_RETENTION, id.to_owned()));
        self.close(&silence);
    }

    /// No alert needs to be compared with it any more.
    fn close(&mut self, silence: &Silence) {
        self.open.remove(&(silence.ends_at, silence.id.clone()));
        self.others.remove(&silence.id);
        for matcher in silence.matchers.iter().filter(|matcher| matcher.op() == MatchOp::Equal) {
            let Some(values) = self.by_equality.get_mut(matcher.name()) else { continue };
            let Some(ids) = values.get_mut(matcher.value()) else { continue };
            ids.remove(&silence.id);
            if ids.is_empty() {
                values.remove(matcher.value());
            }
            if values.is_empty() {
                self.by_equality.remove(matcher.name());
            }
        }
    }

    /// Time has passed: forgets silences that ended long ago, and names them.
    pub fn advance(&mut self, now: Timestamp) -> Vec<String> {
        while let Some((_, id)) = self.open.first().cloned().filter(|(end, _)| *end <= now) {
            match self.by_id.get(&id).cloned() {
                Some(silence) => self.close(&silence),
                None => drop(self.open.pop_first()),
            }
        }
        let mut gone = Vec::new();
        while let Some((_, id)) = self.kept_until.first().cloned().filter(|(until, _)| *until <= now) {
            self.remove(&id);
            gone.push(id);
        }
        gone
    }

    /// The clock went back: what was over may not be.
    pub(super) fn reopen(&mut self) {
        for silence in std::mem::take(self).by_id.into_values() {
            self.put(silence);
        }
    }

    /// When [`Silences::advance`] next forgets one.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.kept_until.first().map(|(until, _)| *until)
    }

    /// The end of the first silence that ends after `at`.
    pub fn next_end_after(&self, at: Timestamp) -> Option<Timestamp> {
        let past = (Excluded((at, String::from(char::MAX))), Unbounded);
        self.open.range(past).next().map(|(end, _)| *end)
    }

    /// The silences that end after `from` and not after `until`, by their end.
    pub fn ending(&self, from: Timestamp, until: Timestamp) -> Vec<&Silence> {
        let past = (Excluded((from, String::from(char::MAX))), Unbounded);
        let ending = self.open.range(past).take_while(|(end, _)| *end <= until);
        ending.filter_map(|(_, id)| self.by_id.get(id)).collect()
    }

    /// The silences that are active and that `labels` satisfy, by id.
    pub fn silencing<'a>(&'a self, labels: &Labels, now: Timestamp) -> Vec<&'a Silence> {
        if self.open.is_empty() {
            return Vec::new();
        }
        let by_label = |(name, value): (&str, &str)| self.by_equality.get(name).and_then(|values| values.get(value));
        let by_equality = labels.iter().filter_map(by_label).flatten();
        let candidates = self.others.iter().chain(by_equality).filter_map(|id| self.by_id.get(id));
        let silences = |silence: &&Silence| silence.state(now) == SilenceState::Active && silence.matches(labels);
        let mut found: Vec<&Silence> = candidates.filter(silences).collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }
}

fn check(now: Timestamp, draft: &SilenceDraft) -> Result<(), SilenceError> {
    let SilenceDraft { matchers, starts_at, ends_at, created_by, comment, .. } = draft;
    if matchers.is_empty() || matchers.len() > SILENCE_MATCHERS_MAX {
        return Err(SilenceError::MatcherCount(matchers.len()));
    }
    if matchers.iter().any(|matcher| matcher.name().is_empty()) {
        return Err(SilenceError::NoName);
    }
    if matchers.iter().all(|matcher| matcher.matches_value("")) {
        return Err(SilenceError::MatchesEmpty);
    }
    if ends_at <= starts_at {
        return Err(SilenceError::EndsBeforeStart);
    }
    if *ends_at <= now {
        return Err(SilenceError::EndsInThePast);
    }
    let bytes: usize = matchers.iter().map(|matcher| matcher.name().len() + matcher.value().len()).sum();
    match bytes + created_by.len() + comment.len() > SILENCE_BYTES_MAX {
        true => Err(SilenceError::TooLong),
        false => Ok(()),
    }
}

/// Whether `draft` only changes what may change of a silence.
fn is_same(former: &Silence, draft: &SilenceDraft, now: Timestamp) -> bool {
    let sorted = |matchers: &[Matcher]| {
        let mut texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    };
    let starts_as_before = match former.state(now) {
        // What has begun has begun when it has: written times may be cut to seconds.
        SilenceState::Active => former.starts_at.millis().div_euclid(1000) == draft.starts_at.millis().div_euclid(1000),
        SilenceState::Pending => draft.starts_at >= now,
        SilenceState::Expired => false,
    };
    starts_as_before && sorted(&former.matchers) == sorted(&draft.matchers)
}

/// Matchers as Alertmanager writes them in JSON.
mod written_matchers {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::model::{MatchOp, Matcher};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Written {
        name: String,
        value: String,
        is_regex: bool,
        is_equal: bool,
    }

    pub(super) fn serialize<S: Serializer>(matchers: &[Matcher], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(matchers.iter().map(|matcher| Written {
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
            is_regex: matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex),
            is_equal: matches!(matcher.op(), MatchOp::Regex | MatchOp::Equal),
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Matcher>, D::Error> {
        let read = |written: Written| {
            let op = match (written.is_regex, written.is_equal) {
                (false, true) => MatchOp::Equal,
                (false, false) => MatchOp::NotEqual,
                (true, true) => MatchOp::Regex,
                (true, false) => MatchOp::NotRegex,
            };
            Matcher::new(written.name, op, written.value).map_err(D::Error::custom)
        };
        Vec::<Written>::deserialize(deserializer)?.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests;
