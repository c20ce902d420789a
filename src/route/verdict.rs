//! Whether one integration is told of a group, and why.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{NotifyOn, NotifyPolicy};
use crate::model::{Fingerprint, Reason, Timestamp};

/// What an integration was last told of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When it was decided.
    pub at: Timestamp,
    /// The alerts that it knows as firing.
    pub firing: BTreeSet<Fingerprint>,
    /// The alerts that it knows as resolved.
    pub resolved: BTreeSet<Fingerprint>,
    /// The alerts that it knows as firing and that were suppressed since: they are news once they are not.
    #[serde(default)]
    pub hushed: BTreeSet<Fingerprint>,
    /// Those of the firing ones that it knows to flap.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub flapping: BTreeSet<Fingerprint>,
    /// How many times in a row it was told the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeats: u32,
    /// Whether it was told by a summary of many groups.
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_summary: bool,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Told {
    /// Whether it knows `alert` as firing, however it is now.
    pub fn knows_firing(&self, alert: Fingerprint) -> bool {
        self.firing.contains(&alert) || self.hushed.contains(&alert)
    }
}

/// The decision about one integration at one flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is told.
    Send(Reason),
    /// It is not told.
    Withhold(Withheld),
}

/// Why an integration is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// Nothing fires and it was told of nothing.
    NothingToTell,
    /// It knows all of it, and the repeat interval has not passed.
    AlreadyTold,
    /// Only ends of alerts are new, and it does not want those.
    ResolvedNotWanted,
    /// Earlier notifications still wait for it; it is told at the first look after they are through.
    Waiting,
    /// All that fires and is news is inhibited, muted or silenced.
    Suppressed,
    /// Only a repeat is due, and the route's `notify_on` wants none.
    RepeatNotWanted,
    /// Only ends of some alerts are new, and the route's `notify_on` wants those with the next news.
    EndsWithNextNews,
    /// The receiver's `throttle` is used up; the group is told once it is not.
    Throttled,
    /// Too many groups have news for the receiver: a summary stands for them.
    Storm,
}

impl Withheld {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Withheld::NothingToTell => "nothing to tell",
            Withheld::AlreadyTold => "already told, repeat interval not over",
            Withheld::ResolvedNotWanted => "only resolved alerts, and send_resolved is off",
            Withheld::Waiting => "earlier notifications still wait to be delivered",
            Withheld::Suppressed => "inhibited, muted or silenced",
            Withheld::RepeatNotWanted => "already told, and notify_on wants no repeats",
            Withheld::EndsWithNextNews => {
                "only some alerts resolved, and notify_on waits for new ones or the end of all"
            }
            Withheld::Throttled => "the receiver's throttle is used up",
            Withheld::Storm => "part of a storm that is told as a summary",
        }
    }
}

/// How many undelivered notifications of one group one integration may have waiting; further changes wait in the group
/// and are told together.
pub const WAITING_MAX: usize = 4;

/// The situation of one integration at a flush.
pub(super) struct Situation<'a> {
    pub(super) now: Timestamp,
    pub(super) firing: &'a BTreeSet<Fingerprint>,
    pub(super) resolved: &'a BTreeSet<Fingerprint>,
    /// Whether more fires that is not told.
    pub(super) suppressed: bool,
    pub(super) told: Option<&'a Told>,
    pub(super) waiting: usize,
    pub(super) send_resolved: bool,
    pub(super) repeat_interval: Duration,
    pub(super) notify: NotifyPolicy,
    /// Those of the firing alerts that flap.
    pub(super) flapping: &'a BTreeSet<Fingerprint>,
    /// Whether one that it knows as firing has ended and begun again since it was told.
    pub(super) begun_again: bool,
}

impl Situation<'_> {
    /// The first rule that holds decides, in Alertmanager's order.
    pub(super) fn verdict(&self) -> Verdict {
        let verdict = self.by_what_was_told();
        match verdict {
            Verdict::Send(Reason::RepeatInterval) if self.waiting > 0 => Verdict::Withhold(Withheld::Waiting),
            Verdict::Send(_) if self.waiting >= WAITING_MAX => Verdict::Withhold(Withheld::Waiting),
            Verdict::Send(_) if self.firing.is_empty() && !self.send_resolved => {
                Verdict::Withhold(Withheld::ResolvedNotWanted)
            }
            other => other,
        }
    }

    fn by_what_was_told(&self) -> Verdict {
        let quiet = Verdict::Withhold(if self.suppressed { Withheld::Suppressed } else { Withheld::NothingToTell });
        let Some(told) = self.told else {
            return if self.firing.is_empty() { quiet } else { Verdict::Send(Reason::FirstNotification) };
        };
        let begun_again = self.begun_again && self.notify.on == NotifyOn::New;
        if begun_again || !self.firing.is_subset(&told.firing) {
            return Verdict::Send(Reason::NewAlerts);
        }
        let newly_resolved = self.resolved.iter().any(|alert| !told.resolved.contains(alert));
        if self.firing.is_empty() {
            return match (told.firing.is_empty() && told.hushed.is_empty(), self.suppressed) {
                (true, _) => quiet,
                (false, false) => Verdict::Send(Reason::AllResolved),
                (false, true) if newly_resolved => Verdict::Send(Reason::SomeResolved),
                (false, true) => quiet,
            };
        }
        if self.send_resolved && newly_resolved {
            return match self.notify.on {
                NotifyOn::New => Verdict::Withhold(Withheld::EndsWithNextNews),
                NotifyOn::Changed | NotifyOn::All => Verdict::Send(Reason::SomeResolved),
            };
        }
        if self.notify.on != NotifyOn::New && !self.flapping.is_subset(&told.flapping) {
            return Verdict::Send(Reason::FlappingStarted);
        }
        let settled = |alert: &&Fingerprint| self.firing.contains(*alert) && !self.flapping.contains(*alert);
        if self.notify.on != NotifyOn::New && told.flapping.iter().any(|alert| settled(&alert)) {
            return Verdict::Send(Reason::FlappingStopped);
        }
        self.by_time(told)
    }

    /// Whether the same is told again.
    fn by_time(&self, told: &Told) -> Verdict {
        match self.notify.repeat_wait(self.repeat_interval, told.repeats) {
            Some(wait) if told.at + wait <= self.now => Verdict::Send(Reason::RepeatInterval),
            None if told.at + self.repeat_interval <= self.now => Verdict::Withhold(Withheld::RepeatNotWanted),
            _ => Verdict::Withhold(Withheld::AlreadyTold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u64]) -> BTreeSet<Fingerprint> {
        ids.iter().map(|id| Fingerprint(*id)).collect()
    }

    #[test]
    fn the_first_rule_that_holds() {
        use Reason::*;
        use Verdict::{Send, Withhold};
        let told = |firing: &[u64], resolved: &[u64]| {
            Some(Told {
                at: Timestamp::from_seconds(0),
                firing: set(firing),
                resolved: set(resolved),
                ..Told::default()
            })
        };
        // firing, resolved, told, seconds since, send_resolved, waiting -> verdict
        for (firing, resolved, told, at, send_resolved, waiting, expected) in [
            (&[1][..], &[][..], None, 0, true, 0, Send(FirstNotification)),
            (&[], &[1], None, 0, true, 0, Withhold(Withheld::NothingToTell)),
            (&[1, 2], &[], told(&[1], &[]), 10, true, 0, Send(NewAlerts)),
            (&[1], &[], told(&[1], &[]), 10, true, 0, Withhold(Withheld::AlreadyTold)),
            (&[1], &[], told(&[1], &[]), 3600, true, 0, Send(RepeatInterval)),
            (&[1], &[], told(&[1], &[]), 3600, true, 1, Withhold(Withheld::Waiting)),
            (&[], &[1], told(&[1], &[]), 10, true, 0, Send(AllResolved)),
            (&[], &[1], told(&[1], &[]), 10, false, 0, Withhold(Withheld::ResolvedNotWanted)),
            (&[], &[1], told(&[], &[1]), 10, true, 0, Withhold(Withheld::NothingToTell)),
            (&[1], &[2], told(&[1, 2], &[]), 10, true, 0, Send(SomeResolved)),
            (&[1], &[2], told(&[1, 2], &[]), 10, false, 0, Withhold(Withheld::AlreadyTold)),
            (&[1], &[2], told(&[1], &[2]), 10, true, 0, Withhold(Withheld::AlreadyTold)),
            (&[1, 2], &[], told(&[1], &[]), 10, true, WAITING_MAX, Withhold(Withheld::Waiting)),
        ] {
            let (firing, resolved) = (set(firing), set(resolved));
            let situation = Situation {
                now: Timestamp::from_seconds(at),
                firing: &firing,
                resolved: &resolved,
                suppressed: false,
                told: told.as_ref(),
                waiting,
                send_resolved,
                repeat_interval: Duration::from_secs(3600),
                notify: NotifyPolicy::default(),
                flapping: &BTreeSet::new(),
                begun_again: false,
            };
            assert_eq!(situation.verdict(), expected, "{firing:?} {resolved:?} {told:?} {at}");
        }
    }
}
