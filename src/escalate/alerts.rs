//! How alerts make an incident what it is: they join it, end, make it worse.

use std::sync::Arc;

use super::incident::ALERTS_MAX;
use super::{Begun, Closed, EscalationPlan, Happening, Incident, Order};
use crate::model::{Alert, AlertStatus, Fingerprint, Timestamp};

impl Incident {
    /// Takes in how `alerts` are now: those that fire belong to it, those that are over no more. When none is left that
    /// fires, it is over. When it has become more severe, paging begins anew, whoever has answered.
    pub fn take_alerts(
        &mut self,
        now: Timestamp,
        alerts: &[Arc<Alert>],
        plan: &EscalationPlan,
        orders: &mut Vec<Order>,
    ) {
        let before = self.rank;
        self.absorb(now, alerts, plan);
        self.close_if_over(now, orders);
        let is_new = before >= plan.severities.levels.len();
        if self.rank < before && !is_new && !self.is_closed() {
            self.worsen(now, plan);
        }
    }

    /// Takes in how `alerts` are now.
    pub(super) fn absorb(&mut self, now: Timestamp, alerts: &[Arc<Alert>], plan: &EscalationPlan) {
        for alert in alerts {
            let fingerprint = alert.fingerprint();
            match alert.status(now) {
                AlertStatus::Firing => self.join(now, fingerprint, alert, plan),
                AlertStatus::Resolved => self.end_alert(now, fingerprint, Some(alert)),
            }
        }
    }

    fn join(&mut self, now: Timestamp, fingerprint: Fingerprint, alert: &Arc<Alert>, plan: &EscalationPlan) {
        let known = self.alerts.get(&fingerprint);
        let is_new = known.is_none_or(|known| known.status(now) == AlertStatus::Resolved);
        if is_new && known.is_none() && self.alerts.len() >= ALERTS_MAX {
            self.further_alerts.insert(fingerprint);
        } else {
            if is_new && self.timeline.len() > 1 {
                self.note(now, Happening::AlertJoined { labels: alert.labels.clone() });
            }
            // The end that its sender foresees moves on with every post.
            let held = match alert.ends_at {
                None => Arc::clone(alert),
                Some(_) => Arc::new(Alert { ends_at: None, ..Alert::clone(alert) }),
            };
            self.alerts.insert(fingerprint, held);
        }
        let rank = plan.severities.rank(&alert.labels);
        if rank < self.rank {
            self.rank = rank;
            self.answer_by = self.answer_by.min(now + plan.severities.level(rank).respond_within);
        }
    }

    /// An alert is over, or gone.
    pub fn end_alert(&mut self, now: Timestamp, fingerprint: Fingerprint, ended: Option<&Alert>) {
        self.further_alerts.remove(&fingerprint);
        let Some(known) = self.alerts.get(&fingerprint).filter(|known| known.status(now) == AlertStatus::Firing) else {
            return;
        };
        let ends_at = ended.and_then(|alert| alert.ends_at).unwrap_or(now).min(now);
        let over = Alert { ends_at: Some(ends_at), ..Alert::clone(ended.unwrap_or(known)) };
        self.note(now, Happening::AlertOver { labels: over.labels.clone() });
        self.alerts.insert(fingerprint, Arc::new(over));
    }

    /// Closes it when none of its alerts fires.
    pub fn close_if_over(&mut self, now: Timestamp, orders: &mut Vec<Order>) {
        if !self.is_closed() && !self.fires(now) {
            self.close(now, Closed::AlertsOver, orders);
        }
    }

    /// An incident that is worked at or waits has become more severe: paging begins anew. Who was to be reached still is.
    fn worsen(&mut self, now: Timestamp, plan: &EscalationPlan) {
        if self.is_open() && self.pending.is_empty() && !self.has_asked() {
            return;
        }
        let severity = plan.severities.level(self.rank).name.clone();
        let was_open = self.is_open();
        let (pending, watches) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.watches));
        self.begin(now, Begun::Worse { severity });
        match was_open {
            true => (self.pending, self.watches) = (pending, watches),
            false => self.set_deadline(now, plan),
        }
    }
}
