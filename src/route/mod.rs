//! The route tree, grouping and dedup: who is told of which alerts, and why.

mod group;
mod groups;
mod tree;
mod verdict;

pub use group::{Group, Integrated, Ledger, Target};
pub use groups::{Decision, Forgotten, Groups};
pub use tree::{GroupBy, Match, Route, RouteTree};
pub use verdict::{Told, Verdict, WAITING_MAX, Withheld};
