//! The configuration of verbs that look at one and run nothing.

use std::io::IsTerminal;

use crate::config::{self, Plan};
use crate::model::render_text;
use crate::shell::clock::Clock;
use crate::shell::files::DiskFiles;

/// The plan of the main file at `path`, else the embedded default; `None` after its problems were written to standard error.
pub(super) fn plan(path: Option<&str>, clock: &Clock) -> Option<Plan> {
    match config::load_at(path, &DiskFiles, &|name| std::env::var(name).ok(), clock.now()) {
        Ok(loaded) => Some(loaded.plan),
        Err(diagnostics) => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            eprint!("{}", render_text(&diagnostics, color));
            None
        }
    }
}
