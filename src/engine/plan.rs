//! The compiled configuration of every decision.

use std::sync::Arc;
use std::time::Duration;

use super::{HeartbeatPolicy, SilenceReminder};
use crate::deliver::Receiver;
use crate::escalate::EscalationPlan;
use crate::model::{FlapPolicy, Labels};
use crate::oncall::OncallPlan;
use crate::route::{InhibitRule, PlannedSilence, Route, TimeInterval};
use crate::rule::Group;

/// What the engine runs by; swapped whole on reload.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rules.
    pub groups: Vec<Group>,
    /// Who is told of what.
    pub route: Route,
    /// Which alerts make others not worth telling.
    pub inhibit_rules: Vec<InhibitRule>,
    /// The times that routes name.
    pub time_intervals: Vec<TimeInterval>,
    /// When alerts are said to flap whose rule does not say, and those from outside.
    pub flap: Option<FlapPolicy>,
    /// What is not told at planned times.
    pub planned_silences: Vec<PlannedSilence>,
    /// Who is reminded of silences that end.
    pub silence_reminder: Option<SilenceReminder>,
    /// The signs of life that are awaited; names differ.
    pub heartbeats: Vec<HeartbeatPolicy>,
    /// The people and their schedules.
    pub oncall: Arc<OncallPlan>,
    /// Whom incidents page, and when.
    pub escalation: Arc<EscalationPlan>,
    /// Every receiver that the routes name.
    pub receivers: Vec<Receiver>,
    /// Labels laid under those of every alert.
    pub external_labels: Labels,
    /// The address under which people reach Watchbell.
    pub external_url: String,
    /// After how long an alert that came from outside without an end is taken as resolved.
    pub resolve_timeout: Duration,
    /// The main file as it is written, without its secrets; for people.
    pub written: Arc<str>,
    /// The same as Alertmanager's tools read it: routes, receivers and what belongs to them.
    pub as_alertmanager: Arc<str>,
}
