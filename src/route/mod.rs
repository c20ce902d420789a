//! The route tree, grouping and dedup: who is told of which alerts, and why.

mod groups;
mod tree;
mod verdict;

pub use groups::{Decision, Forgotten, Group, Groups, Integrated, Ledger, Target};
pub use tree::{GroupBy, Match, Route, RouteTree};
pub use verdict::{Told, Verdict, WAITING_MAX, Withheld};
