//! What the documentation shows is true: examples are checked, commands are run, lists are complete.
//!
//! With `WATCHBELL_BLESS=1` outputs and generated tables are written anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use regex::Regex;
use watchbell::config::{MemoryFiles, check};
use watchbell::lang::{ValueType, Variadic, functions};
use watchbell::model::render_text;

/// What stands behind the opening of a fenced block, and how the block is checked.
const KINDS: [&str; 6] = ["console", "yaml config", "yaml rules", "text", "json", "sh"];
/// The files that examples of configurations may name.
const FILES: [&str; 4] = ["rules/host.yml", "/etc/watchbell/rules/team.yml", "templates/own.tmpl", "pager.yml"];

/// Held by whoever may write documents, so that two tests do not write the same one.
static WRITING: Mutex<()> = Mutex::new(());

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn is_blessing() -> bool {
    std::env::var_os("WATCHBELL_BLESS").is_some()
}

/// README, the change log and everything below `docs/`, as paths from the root.
fn documents() -> Vec<String> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => below(&path, found),
                false if path.extension().is_some_and(|extension| extension == "md") => found.push(path),
                false => {}
            }
        }
    }
    let mut found = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    below(&root().join("docs"), &mut found);
    found.sort();
    found.iter().map(|path| path.strip_prefix(root()).expect("below").to_str().expect("UTF-8").to_owned()).collect()
}

/// A fenced block: what it is, where its first line stands (from 1), its text.
struct Block {
    kind: String,
    line: usize,
    text: String,
}

/// A document in pieces, so that it can be put together again with other blocks.
enum Piece {
    Prose(String),
    Block(Block),
}

fn pieces(document: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut prose = String::new();
    let mut open: Option<Block> = None;
    for (index, line) in document.split_inclusive('\n').enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                prose.push_str(line);
                pieces.push(Piece::Prose(std::mem::take(&mut prose)));
                open = Some(Block { kind: kind.trim().to_owned(), line: index + 2, text: String::new() });
            }
            (Some(_), Some(_)) => {
                pieces.extend(open.take().map(Piece::Block));
                prose.push_str(line);
            }
            (Some(block), None) => block.text.push_str(line),
            (None, None) => prose.push_str(line),
        }
    }
    assert!(open.is_none(), "a fenced block is not closed");
    pieces.push(Piece::Prose(prose));
    pieces
}

fn blocks(path: &str) -> Vec<Block> {
    let blocks = pieces(&read(path)).into_iter().filter_map(|piece| match piece {
        Piece::Block(block) => Some(block),
        Piece::Prose(_) => None,
    });
    blocks.collect()
}

/// Runs each `$ command` of a console block in the project's root, and returns the block as it should be.
fn replay(block: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_watchbell")).parent().expect("a folder");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut shown = String::new();
    let mut script = String::new();
    for line in block.lines() {
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let _ = write!(script, "printf '%s\\n' '$ {}'\n{command}\n", command.replace('\'', r"'\''"));
    }
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(root())
        .env("PATH", path)
        .env("COLUMNS", "100")
        .env_remove("RUST_LOG")
        .output()
        .expect("sh runs");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let _ = writeln!(shown, "{}", line.trim_end());
    }
    shown
}

#[test]
fn commands_show_what_they_print() {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    for path in documents() {
        let mut document = String::new();
        for piece in pieces(&read(&path)) {
            match piece {
                Piece::Block(block) if block.kind == "console" => {
                    let actual = replay(&block.text);
                    if !is_blessing() {
                        assert_eq!(block.text, actual, "{path}:{} is not what the commands print", block.line);
                    }
                    document.push_str(&actual);
                }
                Piece::Block(block) => document.push_str(&block.text),
                Piece::Prose(prose) => document.push_str(&prose),
            }
        }
        if is_blessing() && document != read(&path) {
            std::fs::write(root().join(&path), document).expect("written");
        }
    }
}

#[test]
fn examples_of_files_are_accepted() {
    let mut seen = 0;
    for path in documents() {
        for block in blocks(&path) {
            let Some(what) = block.kind.strip_prefix("yaml ") else { continue };
            let mut files: Vec<(&str, &str)> = FILES.iter().map(|name| (*name, "")).collect();
            files.push(("vacations.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n"));
            files.push(("example.yml", &block.text));
            let environment = |name: &str| Some(format!("value-of-{name}"));
            let checked = check(&["example.yml".to_owned()], &MemoryFiles::new(files), &environment);
            let problems = render_text(&checked.diagnostics, false);
            assert!(checked.diagnostics.is_empty(), "{path}:{}\n{problems}", block.line);
            assert_eq!(what == "rules", checked.rules > 0, "{path}:{} is marked as `{what}`", block.line);
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} examples were found");
}

#[test]
fn blocks_are_of_a_known_kind() {
    for path in documents() {
        for block in blocks(&path) {
            assert!(KINDS.contains(&block.kind.as_str()), "{path}:{}: `{}`", block.line, block.kind);
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#\s]+)(#[^)]*)?\)").expect("valid");
    for path in documents() {
        let text = read(&path);
        let folder = root().join(&path).parent().expect("a folder").to_owned();
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            let is_outside = target.contains("://") || target.starts_with("mailto:");
            assert!(is_outside || folder.join(&target).exists(), "{path}: the link `{target}` leads nowhere");
        }
    }
}

/// What `expression` finds in the sources below `folder`, tests left out.
fn in_sources(folder: &str, expression: &str) -> BTreeSet<String> {
    fn below(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("tests") {
                below(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).expect("readable");
                text.push_str(source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
            }
        }
    }
    let mut text = String::new();
    below(&root().join(folder), &mut text);
    let expression = Regex::new(expression).expect("valid");
    expression
        .captures_iter(&text)
        .flat_map(|found| {
            let groups = found.iter().skip(1).flatten().map(|group| group.as_str().to_owned());
            groups.collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_field_is_explained() {
    let readers = "entry|take|text|text_or|template_or|path|need_text|need_template|duration|positive_duration|flag|count|bytes|list|texts|labels";
    let simple = format!(r#"(?:\.(?:{readers})\(|(?:patterns|relabel_rules)\(&?(?:mut )?fields, )"([a-z][a-z0-9_]*)""#);
    let mut names = in_sources("src/config", &simple);
    names.extend(in_sources("src/config", r#"\.secret\(\s*"([a-z_0-9]+)",\s*"([a-z_0-9]+)""#));
    names.extend(in_sources("src/config", r#"\("([a-z]+_configs)""#));
    assert!(names.len() > 100, "only {} fields were found", names.len());
    let pages = ["configuration", "receivers", "rules"].map(|page| read(&format!("docs/reference/{page}.md")));
    // `name`[`_file`] stands for both.
    let with_files = Regex::new(r"`([a-z_0-9]+)`\[`_file`\]").expect("valid");
    let pages = with_files.replace_all(&pages.concat(), "`$1` `${1}_file`").into_owned();
    let words: BTreeSet<&str> = pages.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let absent: Vec<&String> = names.iter().filter(|name| !words.contains(name.as_str())).collect();
    assert!(absent.is_empty(), "the reference says nothing of {absent:?}");
}

#[test]
fn every_route_is_explained() {
    let mut routes = in_sources("src/shell/http", r#"\.route\(\s*"(/[^"]*)""#);
    routes.extend(in_sources("src/shell/ingest", r#"\.route\(\s*"(/[^"]*)""#));
    assert!(routes.len() > 10, "only {} routes were found", routes.len());
    let page = read("docs/reference/api.md");
    let absent: Vec<&String> = routes.iter().filter(|route| !page.contains(&format!("{route}`"))).collect();
    assert!(absent.is_empty(), "docs/reference/api.md says nothing of {absent:?}");
}

#[test]
fn every_route_is_described() {
    let mut routes = in_sources("src/shell/http", r#"\.route\(\s*"(/[^"]*)""#);
    routes.extend(in_sources("src/shell/ingest", r#"\.route\(\s*"(/[^"]*)""#));
    let parameters = Regex::new(r"\{[^}]*\}").expect("a regex");
    let plain = |path: &str| parameters.replace_all(path, "{}").into_owned();
    let described: serde_json::Value =
        serde_yaml::from_str(&read("src/shell/http/openapi.yaml")).expect("a description");
    let paths: BTreeSet<String> =
        described["paths"].as_object().expect("paths").keys().map(|path| plain(path)).collect();
    let routes: BTreeSet<String> = routes.iter().map(|route| plain(route)).collect();
    assert_eq!(paths, routes, "src/shell/http/openapi.yaml and the routes differ");
}

#[test]
fn every_dependency_is_explained() {
    let manifest = read("Cargo.toml");
    let page = read("docs/dependencies.md");
    let mut in_dependencies = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if let (true, Some((name, _))) = (in_dependencies, line.split_once(" = ")) {
            assert!(page.contains(&format!("| `{name}` |")), "docs/dependencies.md says nothing of {name}");
        }
    }
}

#[test]
fn every_verb_has_its_help() {
    let page = read("docs/reference/cli.md");
    let verbs = in_sources("src/cli", r"\n    (Serve|[A-Z][A-Za-z]+)\((?:[a-z_]+::)?[A-Z][A-Za-z]+Args\)");
    assert!(verbs.len() >= 3, "{verbs:?}");
    for verb in verbs {
        let words = verb.chars().enumerate().fold(String::new(), |mut words, (index, letter)| {
            if letter.is_uppercase() && index > 0 {
                words.push('-');
            }
            words.push(letter.to_ascii_lowercase());
            words
        });
        assert!(page.contains(&format!("$ watchbell {words} --help\n")), "docs/reference/cli.md lacks `{words}`");
    }
}

#[test]
fn every_decision_record_is_listed() {
    let index = read("docs/adr/README.md");
    let numbered = Regex::new(r"^\d{4}-[a-z-]+\.md$").expect("valid");
    for path in documents().iter().filter_map(|path| path.strip_prefix("docs/adr/")).filter(|name| *name != "README.md")
    {
        assert!(index.contains(&format!("({path})")), "docs/adr/README.md does not list {path}");
        assert!(numbered.is_match(path), "{path}");
        for part in ["**Context.**", "**Decision.**", "**Consequences.**"] {
            assert!(read(&format!("docs/adr/{path}")).contains(part), "docs/adr/{path} lacks {part}");
        }
    }
}

/// A function as the reference shows it: `round(vector, [scalar])`.
fn signature(function: &watchbell::lang::Function) -> String {
    let word = |value: &ValueType| match value {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::InstantVector => "vector",
        ValueType::RangeVector => "range",
    };
    let required = function.args_min();
    let mut arguments: Vec<String> = function.args.iter().map(|argument| word(argument).to_owned()).collect();
    for argument in arguments.iter_mut().skip(required) {
        *argument = format!("[{argument}]");
    }
    if function.variadic == Variadic::Repeat
        && let Some(last) = arguments.last_mut()
    {
        last.push_str("...");
    }
    format!("| `{}({})` | {} |", function.name, arguments.join(", "), word(&function.returns))
}

#[test]
fn every_function_is_listed() {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = "docs/reference/functions.md";
    let page = read(path);
    let (head, table) = page.split_once("|---|---|---|\n").expect("a table");
    let (table, tail) = table.split_once("\n\n").map_or((table, ""), |(table, tail)| (table, tail));
    let meaning = |name: &str| {
        let row = table.lines().find(|row| row.starts_with(&format!("| `{name}(")))?;
        row.split('|').nth(3).map(|meaning| meaning.trim().to_owned()).filter(|meaning| !meaning.is_empty())
    };
    let mut rows = Vec::new();
    for function in functions() {
        let meaning = meaning(function.name).unwrap_or_else(|| panic!("{path} does not say what {} is", function.name));
        rows.push(format!("{} {meaning} |", signature(function)));
    }
    let expected = format!("{head}|---|---|---|\n{}\n\n{}", rows.join("\n"), tail);
    if is_blessing() {
        std::fs::write(root().join(path), &expected).expect("written");
    } else {
        assert_eq!(page.trim_end(), expected.trim_end(), "{path} is not up to date; run with WATCHBELL_BLESS=1");
    }
}

#[test]
fn every_check_is_explained() {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = "docs/reference/lint.md";
    let page = read(path);
    let (head, _) = page.split_once("\n## Checks\n").expect("a heading");
    let mut expected = format!("{head}\n## Checks\n\n| id | severity | finds | needs |\n|---|---|---|---|\n");
    for check in watchbell::lint::checks() {
        let (severity, needs) = (check.severity_name(), check.needs_text());
        let _ = writeln!(expected, "| `{}` | {severity} | {} | {needs} |", check.id, check.finds.replace('|', "\\|"));
    }
    for check in watchbell::lint::checks() {
        let _ = write!(expected, "\n### {}\n\n{}\n\n{}\n", check.id, check.finds, check.why);
        let parts =
            [("Main file", check.settings), ("Samples", check.samples), ("Bad", check.bad), ("Good", check.good)];
        for (title, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
            let _ = write!(expected, "\n{title}:\n\n```text\n{}\n```\n", text.trim_end());
        }
    }
    if is_blessing() {
        std::fs::write(root().join(path), &expected).expect("written");
    } else {
        assert_eq!(page, expected, "{path} is not up to date; run with WATCHBELL_BLESS=1");
    }
}
