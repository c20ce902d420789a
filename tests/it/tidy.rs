//! The house rules that a machine can hold.

use std::fs;
use std::path::{Path, PathBuf};

/// A module imports only from those before it.
const LAYERS: [&str; 16] = [
    "model", "lang", "formats", "template", "series", "eval", "rule", "route", "oncall", "deliver", "engine", "config",
    "lint", "sim", "shell", "cli",
];
/// Layers that never import each other: the engine joins them.
const APART: [&str; 5] = ["rule", "route", "oncall", "escalate", "deliver"];
const LINES_MAX: usize = 600;
const VAGUE_NAMES: [&str; 5] = ["utils", "helpers", "manager", "common", "types"];

struct Source {
    /// Relative to `src/`, such as `route/tree.rs`.
    path: String,
    text: String,
}

impl Source {
    fn layer(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_outside(&self) -> bool {
        matches!(self.layer(), "shell" | "cli" | "main")
    }

    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == "tests.rs" || name.ends_with("_tests.rs") || self.path.contains("/tests/")
    }

    /// The numbered lines of code: no comments, and nothing behind `#[cfg(test)]`.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if self.is_test() { Some(0) } else { self.text.find("#[cfg(test)]\nmod ") };
        let code = &self.text[..end.unwrap_or(self.text.len())];
        let code = code.lines().enumerate().map(|(index, line)| (index + 1, line));
        code.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => paths.push(path),
                false => {}
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| Source {
        path: path.strip_prefix(&root).expect("under src").to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(&path).expect("a source file can be read"),
    };
    paths.into_iter().map(read).collect()
}

/// Fails with every violation that `find` names in any file.
#[track_caller]
fn check(find: impl Fn(&Source) -> Vec<String>) {
    let sources = sources();
    assert!(sources.len() > 50, "the sources are found");
    let violations: Vec<String> = sources
        .iter()
        .flat_map(|source| find(source).into_iter().map(move |violation| format!("src/{}: {violation}", source.path)))
        .collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// The layers that a line names: `crate::route::...`, and each of `use crate::{route, rule::Rule}`.
fn layers_named(line: &str) -> Vec<&str> {
    let word = |text: &'_ str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut named = Vec::new();
    for (position, prefix) in line.match_indices("crate::") {
        let rest = &line[position + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => named.extend(list.split([',', '}']).map(str::trim).map(|item| &item[..word(item)])),
            None => named.push(&rest[..word(rest)]),
        }
    }
    named.retain(|name| LAYERS.contains(name));
    named
}

#[test]
fn a_layer_imports_only_from_those_above_it() {
    let place = |layer: &str| LAYERS.iter().position(|name| *name == layer);
    check(|source| {
        let Some(own) = place(source.layer()) else { return Vec::new() };
        let wrong = |layer: &&str| {
            let apart = APART.contains(layer) && APART.contains(&source.layer()) && *layer != source.layer();
            apart || place(layer).is_some_and(|other| other > own)
        };
        let of_line = |(number, line)| {
            let named = layers_named(line).into_iter().filter(wrong);
            named.map(move |layer| format!("line {number} imports from `{layer}`")).collect::<Vec<_>>()
        };
        source.code().flat_map(of_line).collect()
    });
}

#[test]
fn no_path_climbs_out_of_its_layer() {
    check(|source| {
        let depth = source.path.matches('/').count();
        let steps = if source.path.ends_with("/mod.rs") { depth } else { depth + 1 };
        let too_far = "super::".repeat(steps);
        let climbs = |line: &str| line.contains(&too_far);
        let layered = LAYERS.contains(&source.layer()) && depth > 0;
        let lines = source.code().filter(|(_, line)| layered && climbs(line));
        lines.map(|(number, _)| format!("line {number} climbs out of the layer; write `crate::`")).collect()
    });
}

#[test]
fn only_the_clock_reads_the_time() {
    const READS: [&str; 5] = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "Utc::now"];
    check(|source| {
        let is_clock = source.path == "shell/clock.rs";
        let reads = |line: &str| !is_clock && READS.iter().any(|read| line.contains(read));
        let lines = source.code().filter(|(_, line)| reads(line));
        lines.map(|(number, _)| format!("line {number} reads the time; take `now`")).collect()
    });
}

#[test]
fn only_the_shell_touches_the_outside_world() {
    const OUTSIDE: [&str; 7] =
        ["std::fs", "std::net::Tcp", "std::net::Udp", "ToSocketAddrs", "std::process", "std::thread", "tokio::"];
    check(|source| {
        let touches = |line: &str| !source.is_outside() && OUTSIDE.iter().any(|module| line.contains(module));
        let lines = source.code().filter(|(_, line)| touches(line));
        lines.map(|(number, line)| format!("line {number} touches the outside world: {}", line.trim())).collect()
    });
}

#[test]
fn files_are_short_and_finished() {
    check(|source| {
        let mut violations = Vec::new();
        let lines = source.text.lines().count();
        if lines > LINES_MAX && !source.is_test() {
            violations.push(format!("{lines} lines; look for the second subject in it"));
        }
        let unfinished = ["todo!", "unimplemented!", "dbg!"];
        for (number, line) in source.text.lines().enumerate() {
            if let Some(word) = unfinished.iter().find(|word| line.contains(*word)) {
                violations.push(format!("line {} has `{word}`", number + 1));
            }
        }
        violations
    });
}

#[test]
fn modules_say_what_they_are() {
    check(|source| {
        let begins_with_doc = source.text.starts_with("//!");
        let is_root = source.path.ends_with("/mod.rs") || !source.path.contains('/');
        let missing = is_root && !begins_with_doc;
        missing.then(|| "a module begins with `//!` and what it is for".to_owned()).into_iter().collect()
    });
}

#[test]
fn names_say_what_is_inside() {
    check(|source| {
        let vague = source.path.split(['/', '.']).find(|part| VAGUE_NAMES.contains(part));
        vague.map(|name| format!("`{name}` says nothing; name the subject")).into_iter().collect()
    });
}
