/// Paging by an escalation policy: nothing is sent, an incident is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscalationConfig {
    /// The name of the policy; configured.
    pub policy: String,
}
