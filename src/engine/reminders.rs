//! Reminders of silences that are about to end while they still hold alerts back.

use std::time::Duration;

use super::state::Call;
use super::telling::OwnNotice;
use super::{Engine, keep};
use crate::deliver::OnBehalf;
use crate::model::{ALERT_NAME, Alert, AlertStatus, Labels, Reason, Timestamp, TraceId};
use crate::route::{Silence, SilenceState};

/// The name of the alert that a reminder tells of.
const REMINDER_ALERT: &str = "WatchbellSilenceEnds";
/// How many alerts a reminder names.
const NAMED_MAX: usize = 20;

/// Who is reminded of silences, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceReminder {
    /// How long before the end.
    pub before: Duration,
    /// Who.
    pub receiver: String,
}

impl Engine {
    /// When the next silence is to be looked at.
    pub(super) fn next_reminder(&self) -> Option<Timestamp> {
        let reminder = self.plan.silence_reminder.as_ref()?;
        self.groups.silences().next_end_after(self.reminded_until).map(|end| end - reminder.before)
    }

    /// The clock went back, or reminders come later now: what ends past the next ones was not reminded of.
    pub(super) fn shorten_reminders(&mut self, now: Timestamp) {
        if let Some(reminder) = &self.plan.silence_reminder {
            self.reminded_until = self.reminded_until.min(now + reminder.before);
        }
    }

    /// Reminds of the silences that end soon and were not reminded of.
    pub(super) fn run_reminders(&mut self, call: &mut Call<'_>) {
        let Some(reminder) = self.plan.silence_reminder.clone() else { return };
        let horizon = call.now + reminder.before;
        let ending: Vec<Silence> =
            self.groups.silences().ending(self.reminded_until, horizon).into_iter().cloned().collect();
        if ending.is_empty() {
            return;
        }
        self.reminded_until = horizon;
        for silence in &ending {
            // One that is as short as that was not forgotten.
            if silence.state(call.now) == SilenceState::Active && silence.starts_at + reminder.before < silence.ends_at
            {
                self.remind(silence, &reminder.receiver, call);
            }
        }
        // Behind the notifications: a crash between them reminds once more, and never not at all.
        call.persist(keep::reminded_until(horizon));
    }

    fn remind(&mut self, silence: &Silence, receiver: &str, call: &mut Call<'_>) {
        let fires = |alert: &&Alert| alert.status(call.now) == AlertStatus::Firing && silence.matches(&alert.labels);
        let alerts: Vec<&Alert> = self.groups.alerts().filter(fires).collect();
        if alerts.is_empty() {
            return;
        }
        let Silence { id, ends_at, created_by, comment, .. } = silence;
        let count = alerts.len();
        let summary = format!("the silence {id} of {created_by} ends at {ends_at} and still holds {count} alerts back");
        let mut named: Vec<String> = alerts.iter().take(NAMED_MAX).map(|alert| alert.labels.to_string()).collect();
        if count > NAMED_MAX {
            named.push(format!("and {} more", count - NAMED_MAX));
        }
        let named = named.join("\n");
        let annotations = [("summary", &summary), ("comment", comment), ("description", &named)];
        let alert = Alert {
            labels: Labels::from_pairs([(ALERT_NAME, REMINDER_ALERT), ("silence", id), ("created_by", created_by)]),
            annotations: Labels::from_pairs(annotations.map(|(name, text)| (name, text.as_str()))),
            starts_at: call.now,
            ends_at: Some(*ends_at),
            updated_at: call.now,
            generator_url: self.plan.external_url.as_str().into(),
            trace: TraceId::NONE,
        };
        let integrations = self.receivers.get(receiver).map_or(0, |receiver| receiver.integrations.len());
        for number in 0..integrations {
            let own = OwnNotice {
                group_key: format!("silence/{id}"),
                alert: alert.clone(),
                reason: Reason::SilenceEnds,
                on_behalf: OnBehalf::default(),
            };
            let target = (receiver.to_owned(), number);
            if let Some(notification) = self.own_notification(&target, own, call.now) {
                self.queue(notification, call);
                self.count_sent(&target, call);
            }
        }
    }
}
