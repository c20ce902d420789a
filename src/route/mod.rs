//! The route tree, grouping and dedup: who is told of which alerts, and why.

mod tree;

pub use tree::{GroupBy, Match, Route};
