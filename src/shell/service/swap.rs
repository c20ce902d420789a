//! Takes over a new plan: it has been compiled beside the running one, and is swapped in whole.

use std::sync::Arc;

use tracing::{info, warn};

use super::decider::Decider;
use super::dispatch::Dispatch;
use super::evaluator::Evaluator;
use super::host_task::HostTask;
use super::settings::{longest_window, retention, surroundings};
use super::watchdog::WatchdogTask;
use super::windows::Windows;
use crate::config::{Limits, Loaded, Plan};
use crate::engine::{Audit, Input};
use crate::model::{Diagnostic, render_text};
use crate::shell::http::{Door, DoorRules, Queries};
use crate::shell::ingest::Scraper;

/// Everything that runs by the plan.
pub(super) struct Swap {
    pub(super) windows: Windows,
    pub(super) decider: Decider,
    pub(super) evaluator: Evaluator,
    pub(super) dispatch: Dispatch,
    pub(super) scraper: Scraper,
    pub(super) queries: Queries,
    pub(super) door: Door,
    pub(super) host: HostTask,
    pub(super) watchdog: WatchdogTask,
    pub(super) fixed: Fixed,
}

/// What the configuration said at the start of the things that change with the next start only.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    listen: String,
    storage_path: String,
    limits: Limits,
}

impl Fixed {
    pub(super) fn of(plan: &Plan) -> Self {
        Fixed { listen: plan.listen.clone(), storage_path: plan.storage_path.clone(), limits: plan.limits }
    }
}

impl Swap {
    /// From now on everything runs by `loaded`; `audit` says who wanted that.
    ///
    /// # Errors
    ///
    /// Files that it names cannot be used; then everything runs on as before.
    pub(super) async fn take(&mut self, loaded: Loaded, audit: Audit) -> Result<(), Vec<Diagnostic>> {
        let door = DoorRules::read(&loaded.plan).await;
        let door = door.map_err(|error| vec![Diagnostic::error("web/file", error.to_string())])?;
        for warning in &loaded.warnings {
            warn!("{}", render_text(std::slice::from_ref(warning), false).trim_end());
        }
        if Fixed::of(&loaded.plan) != self.fixed {
            warn!("`listen`, `storage.path` and `limits` change with the next start only");
        }
        let plan = Arc::new(loaded.plan);
        self.dispatch.replace(plan.clone());
        let (windows, decider, evaluator) = (self.windows.clone(), self.decider.clone(), self.evaluator.clone());
        let swapped = plan.clone();
        // Locks and queues may be busy for a while; that must not hold up this runtime.
        let swap = tokio::task::spawn_blocking(move || {
            windows.write(|database| database.set_retention(retention(&swapped)));
            windows.keep_journal(longest_window(&swapped));
            // An engine that has stopped needs no plan.
            let _ = decider.keep_history(swapped.history);
            let _ = decider.tell(Input::NewPlan(Arc::new(swapped.engine.clone())));
            let _ = decider.audit(audit);
            evaluator.replace(swapped.engine.groups.clone(), surroundings(&swapped));
        });
        drop(swap.await);
        self.scraper.apply(plan.scrapes.clone()).await;
        self.queries.apply(&plan);
        self.door.replace(door);
        self.host.apply(plan.host_samples);
        self.watchdog.apply(plan.watchdog.as_ref());
        let rules: usize = plan.engine.groups.iter().map(|group| group.rules.len()).sum();
        info!(rules, receivers = plan.engine.receivers.len(), "configuration reloaded");
        Ok(())
    }
}
