//! The configuration of verbs that look at one and run nothing.

use std::io::IsTerminal;

use crate::config::{self, Plan};
use crate::model::{Timestamp, render_text};
use crate::shell::files::DiskFiles;

/// The plan of the main file at `path`, else the embedded default; `None` after its problems were written to standard error.
/// Calendars are read around `now`.
pub(super) fn plan(path: Option<&str>, now: Timestamp) -> Option<Plan> {
    match config::load_at(path, &DiskFiles, &|name| std::env::var(name).ok(), now) {
        Ok(loaded) => Some(loaded.plan),
        Err(diagnostics) => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            eprint!("{}", render_text(&diagnostics, color));
            None
        }
    }
}
