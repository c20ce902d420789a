//! The one owner of all decisions: inputs in, effects out.

mod plan;
mod record;

pub use plan::Plan;
pub use record::{Record, RecordKind};
