//! The plan of a rehearsal: the routes of one file, the rules of others.

use super::check::{files_below, is_beside_rules};
use super::document::Document;
use super::load::{Environment, Loaded, Loading, load};
use super::main_file::MainFile;
use super::sources::Files;
use crate::model::{Diagnostic, Severity};

/// Loads the rule files `rules` (folders stand for every `*.yml` and `*.yaml` below them, main files and test files left out) under the routes, receivers and
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
        let is_folder = files.is_dir(path);
        let paths = match is_folder {
            true => files_below(path, files, &mut loading.problems),
            false => vec![path.clone()],
        };
        for path in paths {
            let document = Document::read(&path, files);
            if is_folder && document.root.as_ref().is_some_and(is_beside_rules) {
                continue;
            }
            groups.extend(loading.rule_file(document, &path, defaults));
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
