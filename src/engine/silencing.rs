//! Silences of the engine, and what is told of suppressed alerts.

use std::sync::Arc;

use super::state::Call;
use super::{Engine, EventKind, keep};
use crate::model::{Timestamp, TraceId};
use crate::route::{Groups, RouteTree, Silence, SilenceChange, SilenceDraft, SilenceError, SuppressedAlert};

impl Engine {
    /// The routed alerts, their groups and the silences.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The route tree in force.
    pub fn routes(&self) -> &Arc<RouteTree> {
        &self.tree
    }

    /// What setting `draft` at `now` will come to.
    ///
    /// # Errors
    ///
    /// A draft that is no silence, or changes none.
    pub fn plan_silence(
        &self,
        now: Timestamp,
        draft: &SilenceDraft,
        new_id: &str,
    ) -> Result<SilenceChange, SilenceError> {
        self.groups.silences().plan(now, draft, new_id)
    }

    pub(super) fn set_silence(&mut self, draft: &SilenceDraft, new_id: &str, call: &mut Call<'_>) {
        let Ok(SilenceChange { silence, replaces }) = self.plan_silence(call.now, draft, new_id) else { return };
        // The new one first: a crash between the two leaves both, and nothing is told that should not be.
        self.keep_silence(silence, call);
        if let Some(id) = replaces {
            self.expire_silence(&id, call);
        }
    }

    pub(super) fn expire_silence(&mut self, id: &str, call: &mut Call<'_>) {
        if let Ok(ended) = self.groups.silences().ended(call.now, id) {
            self.keep_silence(ended, call);
        }
    }

    fn keep_silence(&mut self, silence: Silence, call: &mut Call<'_>) {
        call.persist(keep::silence(&silence));
        tell_silence(&silence, call);
        self.groups.put_silence(silence);
    }

    /// Looks at what suppresses alerts, and forgets silences that ended long ago.
    pub(super) fn run_silences(&mut self, call: &mut Call<'_>) {
        for id in self.groups.forget_silences(call.now) {
            call.persist(keep::silence_gone(&id));
        }
        for silence in self.groups.advance_planned(call.now) {
            tell_silence(&silence, call);
        }
        for key in self.groups.recheck(&self.tree, call.now) {
            self.keep_group(&key, call);
        }
    }

    pub(super) fn tell_suppressed(&self, key: &str, alerts: Vec<SuppressedAlert>, call: &mut Call<'_>) {
        let Some(group) = self.groups.group(key).filter(|_| !alerts.is_empty()) else { return };
        let kind = EventKind::Suppressed { group_key: key.to_owned(), receiver: group.receiver.clone(), alerts };
        call.emit(TraceId::NONE, kind);
    }
}

fn tell_silence(silence: &Silence, call: &mut Call<'_>) {
    let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
    let kind = EventKind::Silence {
        id: silence.id.clone(),
        state: silence.state(call.now),
        matchers: matchers.join(","),
        created_by: silence.created_by.clone(),
        comment: silence.comment.clone(),
        ends_at: silence.ends_at,
    };
    call.emit(TraceId::NONE, kind);
}
