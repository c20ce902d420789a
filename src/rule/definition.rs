//! Compiled rules: what the configuration yields and the evaluation runs.

use std::time::Duration;

use crate::lang::Expr;
use crate::model::{Fingerprint, FlapPolicy, Labels};
use crate::template::RuleTemplate;

/// A group of rules, evaluated one after the other at the same moments.
#[derive(Clone, Debug)]
pub struct Group {
    /// The file it stands in, as the user named it.
    pub file: String,
    /// Its name, unique in the file.
    pub name: String,
    /// The distance of its evaluations.
    pub interval: Duration,
    /// How far back the queries look from the moment of evaluation.
    pub query_offset: Duration,
    /// The greatest number of alerts or series per rule; 0 for none.
    pub limit: usize,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// A rule of either kind.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Writes its result as a new series.
    Recording(RecordingRule),
    /// Raises alerts.
    Alerting(AlertingRule),
}

impl Rule {
    /// The rule's identity.
    pub fn id(&self) -> RuleId {
        match self {
            Rule::Recording(rule) => rule.id,
            Rule::Alerting(rule) => rule.id,
        }
    }

    /// The name of the recorded series or of the alert.
    pub fn name(&self) -> &str {
        match self {
            Rule::Recording(rule) => &rule.record,
            Rule::Alerting(rule) => &rule.alert,
        }
    }

    /// The expression.
    pub fn expr(&self) -> &Expr {
        match self {
            Rule::Recording(rule) => &rule.expr,
            Rule::Alerting(rule) => &rule.expr,
        }
    }
}

/// `record: name`.
#[derive(Clone, Debug)]
pub struct RecordingRule {
    /// Stable across reloads and restarts.
    pub id: RuleId,
    /// The name of the new series.
    pub record: String,
    /// The expression.
    pub expr: Expr,
    /// The text of the expression, as written.
    pub expr_text: String,
    /// Labels laid over the result; the group's labels are already among them.
    pub labels: Labels,
}

/// `alert: name`.
#[derive(Clone, Debug)]
pub struct AlertingRule {
    /// Stable across reloads and restarts.
    pub id: RuleId,
    /// The alert's name.
    pub alert: String,
    /// The expression.
    pub expr: Expr,
    /// The text of the expression, as written.
    pub expr_text: String,
    /// How long the expression must hold before the alert fires.
    pub hold_for: Duration,
    /// How long the alert goes on firing after the expression has ceased to hold.
    pub keep_firing_for: Duration,
    /// Labels laid over those of the result; the group's labels are already among them.
    pub labels: Vec<(String, RuleTemplate)>,
    /// What the alert says.
    pub annotations: Vec<(String, RuleTemplate)>,
    /// What becomes of a firing alert whose data are gone.
    pub no_data: NoData,
    /// When its alerts are said to flap.
    pub flap: FlapSetting,
}

impl AlertingRule {
    /// Whether an alert with these labels can be this rule's: it has every constant label that the rule sets.
    pub fn carries(&self, labels: &Labels) -> bool {
        let mut constant = self.labels.iter().filter(|(_, template)| template.is_constant());
        constant.all(|(name, template)| labels.get(name) == template.text())
    }
}

/// When the alerts of a rule are said to flap.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum FlapSetting {
    /// As the main file says.
    #[default]
    Default,
    /// Never.
    Off,
    /// By its own policy.
    On(FlapPolicy),
}

/// What becomes of a firing alert when the series under it are gone, so that nothing shows that it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoData {
    /// It resolves, as in Prometheus.
    Resolve,
    /// It goes on firing until data show otherwise, for at most this long; then it expires, and the notice says so.
    KeepFor(Duration),
}

impl Default for NoData {
    /// Kept for a day.
    fn default() -> Self {
        NoData::KeepFor(Duration::from_secs(24 * 60 * 60))
    }
}

/// The identity of a rule: file, group, name and its labels as written, with a number among equals.
///
/// A changed expression keeps the identity, so that its alerts survive the edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub Fingerprint);

impl RuleId {
    /// The identity of rule number `ordinal` among those of `group` in `file` with this name and these label texts.
    pub fn new<'a>(
        file: &str,
        group: &str,
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        ordinal: usize,
    ) -> Self {
        let label_text: String = labels.into_iter().map(|(name, value)| format!("{name}\u{1}{value}\u{2}")).collect();
        let ordinal = format!("#{ordinal}");
        let parts = [("file", file), ("group", group), ("name", name), ("labels", &label_text), ("ordinal", &ordinal)];
        RuleId(Labels::from_pairs(parts).fingerprint())
    }
}
