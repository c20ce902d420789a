//! What could not be delivered is told to the receiver's fallback.

use super::state::Call;
use super::{Engine, EventKind};
use crate::deliver::{Delivery, Integration, Notification, OnBehalf};
use crate::model::{AlertStatus, Reason, TraceId};
use crate::route::{Target, Told, Withheld};

impl Engine {
    /// Hands what `failed` says to the fallback of its receiver, each integration by itself. What the fallback was told
    /// already is not told again before the repeat interval is over. Called before the failure is noted: the records of the
    /// new deliveries come before the one that forgets the old, so that a crash between them loses nothing.
    pub(super) fn fail_over(&mut self, failed: &Delivery, call: &mut Call<'_>) {
        let fallback = self.receivers.get(&failed.notification.receiver).and_then(|it| it.policy.fallback.clone());
        let Some(receiver) = fallback.and_then(|name| self.receivers.get(&name)).cloned() else { return };
        for (number, integration) in receiver.integrations.iter().enumerate() {
            self.fail_over_to(failed, (receiver.name.clone(), number), integration, call);
        }
    }

    fn fail_over_to(&mut self, failed: &Delivery, target: Target, integration: &Integration, call: &mut Call<'_>) {
        let original = &failed.notification;
        let news = match self.news_for(failed, &target, call) {
            Ok(news) => news,
            Err(reason) => {
                let (receiver, integration) = target;
                let (group_key, suppressed) = (original.group_key.clone(), Vec::new());
                let kind = EventKind::Withheld { group_key, receiver, integration, reason, suppressed };
                return call.emit(TraceId::NONE, kind);
            }
        };
        let notification = Notification {
            receiver: target.0.clone(),
            integration: target.1,
            channel: integration.channel.name().to_owned(),
            reason: Reason::Fallback,
            on_behalf: OnBehalf { receiver: Some(original.receiver.clone()), ..original.on_behalf.clone() },
            ..original.clone()
        };
        let delivery = self.queue(notification, call);
        self.count_sent(&target, call);
        for (key, told) in news {
            self.groups.note_waiting(&key, &target, delivery.number, told);
            self.keep_group(&key, call);
        }
    }

    /// What `target` will have been told, by group, if it is told what `failed` says; or why it is not told.
    fn news_for(&self, failed: &Delivery, target: &Target, call: &Call<'_>) -> Result<Vec<(String, Told)>, Withheld> {
        let original = &failed.notification;
        let source = (original.receiver.clone(), original.integration);
        let mut news = Vec::new();
        let mut withheld = None;
        for key in original.groups() {
            let Some(told) = self.groups.waiting_told(key, &source, failed.number) else { continue };
            match self.groups.stand_in(&self.tree, key, target, told, call.now) {
                Ok(told) => news.push((key.to_owned(), told)),
                Err(reason) => withheld = Some(reason),
            }
        }
        match (withheld, news.is_empty(), original.status()) {
            (_, false, _) | (None, true, AlertStatus::Firing) => Ok(news),
            (reason, true, _) => Err(reason.unwrap_or(Withheld::NothingToTell)),
        }
    }
}
