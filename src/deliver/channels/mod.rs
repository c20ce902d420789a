//! The settings of each channel, one file per channel, as `<channel>_configs` gives them.

mod console;
mod email;
mod pagerduty;
mod slack;
mod webhook;

pub use console::*;
pub use email::*;
pub use pagerduty::*;
pub use slack::*;
pub use webhook::*;
