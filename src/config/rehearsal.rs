//! The plan of a rehearsal: the routes of one file, the rules of others.

use super::check::files_below;
use super::document::Document;
use super::load::{Environment, Loaded, Loading, load};
use super::main_file::MainFile;
use super::sources::Files;
use crate::model::{Diagnostic, Severity};

/// Loads the rule files `rules` (folders stand for every `*.yml` and `*.yaml` below them) under the routes, receivers and
/// defaults of the main file at `main`; without one, everything goes to the console and groups are evaluated every minute
/// unless they say otherwise.
///
/// # Errors
///
/// Every problem found, warnings among them, when one of them is an error.
pub fn load_rehearsal(
    main: Option<&str>,
    rules: &[String],
    files: &dyn Files,
    environment: Environment<'_>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut loaded = load(main, files, environment)?;
    let mut loading = Loading::default();
    let mut defaults = MainFile::default().rules;
    if main.is_some() {
        defaults.interval = loaded.plan.evaluation_interval;
    } else {
        loaded.plan.evaluation_interval = defaults.interval;
        loaded.plan.engine.route = MainFile::default().route;
    }
    let mut groups = Vec::new();
    for path in rules {
        let paths = match files.is_dir(path) {
            true => files_below(path, files, &mut loading.problems),
            false => vec![path.clone()],
        };
        for path in paths {
            groups.extend(loading.rule_file(Document::read(&path, files), &path, defaults));
            loaded.read.push(path);
        }
    }
    loaded.plan.engine.groups = groups;
    loaded.warnings.append(&mut loading.problems);
    match loaded.warnings.iter().any(|problem| problem.severity == Severity::Error) {
        true => Err(loaded.warnings),
        false => Ok(loaded),
    }
}
