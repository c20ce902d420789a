//! YAML -> tree -> compiled plan. Nothing here touches a disk: files come through [`Files`].

mod access;
mod alertmanager;
mod check;
mod document;
mod expression;
mod format;
mod heartbeats;
mod http;
mod include;
mod inhibit_rules;
mod jobs;
mod lint_policy;
mod load;
mod main_file;
mod matchers;
mod noise;
mod oncall;
mod plan;
mod planned;
mod receivers;
mod rehearsal;
mod relabeling;
mod routes;
mod rules;
mod scrape;
mod sources;
#[cfg(test)]
mod tests;
mod time_intervals;
mod web;
mod written;
mod yaml;

pub use access::{Role, Roles};
pub use check::{Checked, check, check_at};
pub use format::{Edit, FormattedRules, format_rules};
pub use heartbeats::{HEARTBEAT_KEY_BYTES_MIN, HeartbeatKey, WatchdogConfig, WatchdogMethod};
pub use lint_policy::{LabelPolicy, LintPolicy, NamedCheck, RequiredText};
pub use load::{Environment, Loaded, load};
pub use matchers::{MatcherSyntaxError, parse_matchers};
pub use plan::{HistoryLimits, HostSamples, Limits, Plan, QueryLimits};
pub use rehearsal::load_rehearsal;
pub use scrape::{ExpositionConfig, FileDiscovery, ScrapeConfig, TargetGroup};
pub use sources::{FileError, Files, GLOB_FILES_MAX, MemoryFiles, glob_matcher, has_wildcard};
pub use web::{ANONYMOUS, Password, Token, Web, WebLimits, WebTls, WebToken, WebUser, bcrypt_cost};
pub use written::{RuleFile, WrittenEntry, WrittenGroup, WrittenRule, WrittenText};
pub use yaml::{ALIASED_NODES_MAX, DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX};
