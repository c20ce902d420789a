//! How often an integration is told: a sliding window in which groups that wait have their places, and storms.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DeliveryPolicy, Rate};
use crate::model::Timestamp;

/// How long groups are gathered for the first summary of a storm.
const FIRST_SUMMARY_WAIT: Duration = Duration::from_secs(30);
/// How many groups one summary stands for; more wait for the next.
const SUMMARY_GROUPS_MAX: usize = 10_000;

/// When one integration was told, and who waits to tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// When it was told, oldest first, as far back as its rates look.
    sent: VecDeque<Timestamp>,
    /// When each group that waits may tell it.
    places: BTreeMap<String, Timestamp>,
    /// The storm that is told in summaries.
    storm: Option<Storm>,
}

/// More notifications than an integration is to get: summaries stand for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Storm {
    /// When it began.
    pub since: Timestamp,
    /// How many summaries were told.
    pub summaries: u32,
    /// Whether notifications are still held back. After that it stays known until what only summaries told of is over.
    pub rages: bool,
    /// The groups that have news since the last summary.
    held: BTreeSet<String>,
    /// When they are looked at.
    next_look: Timestamp,
}

/// Whether a group may tell an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, and is counted.
    Now,
    /// The throttle is used up until then; the group's place is kept.
    At(Timestamp),
    /// There is a storm: the group's news go into a summary.
    Storm,
}

/// What a look at a storm comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StormLook {
    /// A summary is due that stands for these groups.
    Summary(Vec<String>),
    /// It is calm: these groups are told as always.
    Over(Vec<String>),
    /// It is over; what it stood for may be or not.
    Past,
}

impl Pace {
    /// Whether the group may tell the integration now.
    pub fn admit(&mut self, now: Timestamp, group: &str, policy: &DeliveryPolicy) -> Admission {
        self.prune(now, policy);
        if let Some(rate) = policy.storm
            && self.holds_back(now, group, rate)
        {
            return Admission::Storm;
        }
        match policy.throttle.map_or(now, |rate| self.place(now, group, rate)) {
            at if at <= now => {
                self.places.remove(group);
                self.sent.push_back(now);
                Admission::Now
            }
            at => {
                self.places.insert(group.to_owned(), at);
                Admission::At(at)
            }
        }
    }

    /// Counts a notification that goes out whatever the rates say.
    pub fn count(&mut self, now: Timestamp, policy: &DeliveryPolicy) {
        self.sent.push_back(now);
        self.prune(now, policy);
    }

    /// The group waits no more; `None` if it did not. Those behind it move up: returns which may tell the integration when.
    pub fn release(&mut self, group: &str) -> Option<Vec<(String, Timestamp)>> {
        let freed = self.places.remove(group)?;
        let mut behind: Vec<(Timestamp, String)> = self.places.iter().map(|(group, at)| (*at, group.clone())).collect();
        behind.retain(|(at, _)| *at >= freed);
        behind.sort();
        let mut free = freed;
        let mut moved = Vec::new();
        for (at, group) in behind {
            if at > free {
                self.places.insert(group.clone(), free);
                moved.push((group, free));
            }
            free = at;
        }
        Some(moved)
    }

    /// Whether the group has asked to tell the integration, and waits for that at `now`.
    pub fn holds_up(&self, now: Timestamp, group: &str) -> bool {
        let in_storm = |storm: &Storm| storm.rages && storm.held.contains(group);
        self.places.get(group).is_some_and(|at| *at > now) || self.storm.as_ref().is_some_and(in_storm)
    }

    /// Whether nothing is to be remembered.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.places.is_empty() && self.storm.is_none()
    }

    /// The storm, if there is one.
    pub fn storm(&self) -> Option<&Storm> {
        self.storm.as_ref()
    }

    /// When [`Pace::look`] is due.
    pub fn next_look(&self) -> Option<Timestamp> {
        self.storm.as_ref().map(|storm| storm.next_look)
    }

    /// The storm is forgotten, with what it still held back.
    pub fn end_storm(&mut self) -> Vec<String> {
        self.storm.take().map(|storm| storm.held.into_iter().collect()).unwrap_or_default()
    }

    /// Where the clock went back, nobody waits for a time that is far ahead.
    pub fn shorten_waits(&mut self, now: Timestamp) {
        let lies_ahead = |at: &Timestamp| *at > now;
        if self.storm.as_ref().map(|storm| storm.since).iter().chain(&self.sent).all(|at| !lies_ahead(at)) {
            return;
        }
        self.places.clear();
        for sent in &mut self.sent {
            *sent = (*sent).min(now);
        }
        if let Some(storm) = &mut self.storm {
            storm.since = storm.since.min(now);
            storm.next_look = storm.next_look.min(now + FIRST_SUMMARY_WAIT);
        }
    }

    /// Looks at the storm. It is over once no more groups had news in a whole stretch of `rate` than `rate` allows.
    pub fn look(&mut self, now: Timestamp, rate: Rate) -> StormLook {
        let Some(storm) = &mut self.storm else { return StormLook::Past };
        storm.next_look = now + rate.within;
        if !storm.rages {
            return StormLook::Past;
        }
        if storm.summaries > 0 && storm.held.len() <= rate.notifications {
            storm.rages = false;
            return StormLook::Over(std::mem::take(&mut storm.held).into_iter().collect());
        }
        let rest = storm.held.iter().nth(SUMMARY_GROUPS_MAX).cloned();
        let rest = rest.map(|first| storm.held.split_off(&first)).unwrap_or_default();
        let told = std::mem::replace(&mut storm.held, rest);
        storm.summaries = storm.summaries.saturating_add(1);
        StormLook::Summary(told.into_iter().collect())
    }

    /// Whether the group's news belong to a storm, which they may begin.
    fn holds_back(&mut self, now: Timestamp, group: &str, rate: Rate) -> bool {
        let recent = self.sent.iter().filter(|sent| **sent + rate.within > now).count();
        let waiting = self.places.keys().filter(|waiting| *waiting != group).count();
        let begins = recent + waiting >= rate.notifications;
        let next_look = now + FIRST_SUMMARY_WAIT.min(rate.within);
        match &mut self.storm {
            Some(storm) if storm.rages => {}
            Some(storm) if begins => (storm.rages, storm.summaries, storm.next_look) = (true, 0, next_look),
            None if begins => {
                let held = BTreeSet::new();
                self.storm = Some(Storm { since: now, summaries: 0, rages: true, held, next_look });
            }
            _ => return false,
        }
        if let Some(storm) = &mut self.storm {
            storm.held.insert(group.to_owned());
            storm.held.extend(std::mem::take(&mut self.places).into_keys());
        }
        true
    }

    /// When the group may tell the integration: its place, or the first that is free.
    fn place(&self, now: Timestamp, group: &str, rate: Rate) -> Timestamp {
        if let Some(place) = self.places.get(group) {
            return *place;
        }
        let mut taken: Vec<Timestamp> = self.sent.iter().chain(self.places.values()).copied().collect();
        taken.sort_unstable();
        match taken.len().checked_sub(rate.notifications) {
            Some(index) => (taken[index] + rate.within).max(now),
            None => now,
        }
    }

    fn prune(&mut self, now: Timestamp, policy: &DeliveryPolicy) {
        let rates = || policy.throttle.into_iter().chain(policy.storm);
        let within = rates().map(|rate| rate.within).max().unwrap_or_default();
        let count = rates().map(|rate| rate.notifications).max().unwrap_or_default();
        while self.sent.front().is_some_and(|sent| *sent + within <= now) || self.sent.len() > count {
            self.sent.pop_front();
        }
        if policy.throttle.is_none() {
            self.places.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn rate(notifications: usize, seconds: u64) -> Option<Rate> {
        Some(Rate { notifications, within: Duration::from_secs(seconds) })
    }

    #[test]
    fn a_window_slides_and_places_are_kept_in_order() {
        let policy = DeliveryPolicy { throttle: rate(2, 60), ..DeliveryPolicy::default() };
        let mut pace = Pace::default();
        for (now, group, expected) in [
            (0, "a", Admission::Now),
            (10, "b", Admission::Now),
            (20, "c", Admission::At(at(60))),
            (21, "d", Admission::At(at(70))),
            (22, "e", Admission::At(at(120))),
            (30, "d", Admission::At(at(70))),
            (60, "e", Admission::At(at(120))),
            (60, "c", Admission::Now),
            (70, "d", Admission::Now),
            (100, "e", Admission::At(at(120))),
            (120, "e", Admission::Now),
            (500, "a", Admission::Now),
        ] {
            assert_eq!(pace.admit(at(now), group, &policy), expected, "{now} {group}");
        }
        assert!(pace.sent.len() <= 3 && pace.places.is_empty());
    }

    #[test]
    fn what_is_counted_does_not_pile_up() {
        let policy = DeliveryPolicy { throttle: rate(2, 60), ..DeliveryPolicy::default() };
        let mut pace = Pace::default();
        for now in 0..1_000 {
            pace.count(at(now), &policy);
        }
        assert_eq!(pace.sent, [at(998), at(999)]);
        assert_eq!(pace.admit(at(1_000), "a", &policy), Admission::At(at(1_058)));
    }

    #[test]
    fn a_storm_begins_is_summed_up_and_ends() {
        let policy = DeliveryPolicy { storm: rate(2, 60), ..DeliveryPolicy::default() };
        let rate = policy.storm.expect("set");
        let mut pace = Pace::default();
        let names = |groups: &[&str]| groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>();
        for (now, group, expected) in [
            (0, "a", Admission::Now),
            (1, "b", Admission::Now),
            (2, "c", Admission::Storm),
            (3, "d", Admission::Storm),
            (4, "c", Admission::Storm),
        ] {
            assert_eq!(pace.admit(at(now), group, &policy), expected, "{now} {group}");
        }
        assert_eq!(pace.next_look(), Some(at(32)));
        assert_eq!(pace.look(at(32), rate), StormLook::Summary(names(&["c", "d"])));
        for group in ["e", "f", "g"] {
            assert_eq!(pace.admit(at(90), group, &policy), Admission::Storm);
        }
        assert_eq!(pace.look(at(92), rate), StormLook::Summary(names(&["e", "f", "g"])));
        assert_eq!(pace.admit(at(100), "h", &policy), Admission::Storm);
        assert_eq!(pace.look(at(152), rate), StormLook::Over(names(&["h"])));
        assert_eq!(pace.admit(at(152), "h", &policy), Admission::Now);
        assert_eq!(pace.look(at(212), rate), StormLook::Past);
        assert_eq!(pace.end_storm(), names(&[]));
    }
}
