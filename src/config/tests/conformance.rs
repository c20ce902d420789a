//! Published files of others.

use super::*;
use crate::model::Severity;

#[test]
fn published_rules_are_accepted() {
    let Some(root) = std::env::var_os("WATCHBELL_CONFORMANCE") else {
        println!("WATCHBELL_CONFORMANCE is not set: the published rules were not checked");
        return;
    };
    let mut files = MemoryFiles::default();
    let mut folders = vec![std::path::PathBuf::from(root).join("rules")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.to_string_lossy().into_owned();
                files.0.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    let paths: Vec<String> = files.0.keys().cloned().collect();
    let checked = check(&paths, &files, &no_environment);
    let errors: Vec<&Diagnostic> =
        checked.diagnostics.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{}", render_text(&checked.diagnostics, false));
    assert!(checked.files >= 37 && checked.rules > 300, "{} files, {} rules", checked.files, checked.rules);
}

#[test]
fn alertmanager_files_get_their_verdict() {
    let Some(root) = std::env::var_os("WATCHBELL_CONFORMANCE") else {
        println!("WATCHBELL_CONFORMANCE is not set: Alertmanager's files were not checked");
        return;
    };
    let folder = std::path::PathBuf::from(root).join("alertmanager");
    for line in std::fs::read_to_string(folder.join("verdicts.txt")).expect("verdicts").lines() {
        let (name, verdict) = line.split_once(' ').expect("a name and a verdict");
        let mut files = MemoryFiles::default();
        files.0.insert(name.to_owned(), std::fs::read(folder.join(name)).expect("a file"));
        let checked = check(&[name.to_owned()], &files, &no_environment);
        let shown = render_text(&checked.diagnostics, false);
        assert_eq!(checked.count(Severity::Error) == 0, verdict == "valid", "{name}\n{shown}");
    }
}
