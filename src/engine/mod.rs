//! The one owner of all decisions: inputs in, effects out.

mod plan;

pub use plan::Plan;
