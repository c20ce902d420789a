//! The language against the world: published expressions, and a second parser as oracle.

use std::fs;
use std::path::{Path, PathBuf};

use watchbell::lang::{parse, parse_matchers};

/// The folder of conformance data, if this machine has one.
fn conformance() -> Option<PathBuf> {
    let folder = std::env::var_os("WATCHBELL_CONFORMANCE").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("WATCHBELL_CONFORMANCE is not set: published expressions are not tried");
    }
    folder
}

/// All files below `folder` whose name ends with `ending`.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

/// The expressions of every rule in a YAML value.
fn rule_expressions(value: &serde_yaml::Value, found: &mut Vec<String>) {
    match value {
        serde_yaml::Value::Mapping(mapping) => {
            for (key, value) in mapping {
                match (key.as_str(), value.as_str()) {
                    (Some("expr"), Some(text)) => found.push(text.to_owned()),
                    _ => rule_expressions(value, found),
                }
            }
        }
        serde_yaml::Value::Sequence(items) => items.iter().for_each(|item| rule_expressions(item, found)),
        _ => {}
    }
}

/// The expression of an `eval` line, or `None` for other lines.
fn evaluated(line: &str) -> Option<&str> {
    let words_before = match line.split_whitespace().nth(1)? {
        "instant" => 4,
        "range" => 8,
        _ => return None,
    };
    let mut rest = line;
    if !rest.starts_with("eval") {
        return None;
    }
    for _ in 0..words_before {
        rest = rest.trim_start().split_once(char::is_whitespace)?.1;
    }
    Some(rest.trim())
}

/// Parses `text`, prints it, parses that again: both prints must be the same.
fn round_trip(text: &str) -> Result<(), String> {
    let printed = parse(text).map_err(|errors| format!("{text}\n  {errors}"))?.to_string();
    let again = parse(&printed).map_err(|errors| format!("{text}\n  printed as {printed}\n  {errors}"))?.to_string();
    if printed == again { Ok(()) } else { Err(format!("{text}\n  {printed}\n  {again}")) }
}

#[test]
fn published_expressions_are_valid() {
    let Some(folder) = conformance() else { return };
    let mut failures = Vec::new();
    let mut paths = Vec::new();
    files(&folder.join("rules"), ".yml", &mut paths);
    let mut rules = Vec::new();
    for path in &paths {
        let text = fs::read_to_string(path).expect("readable");
        rule_expressions(&serde_yaml::from_str(&text).expect("YAML"), &mut rules);
    }
    assert!(rules.len() > 300, "only {} rules in {} files", rules.len(), paths.len());
    failures.extend(rules.iter().filter_map(|text| round_trip(text).err()));

    paths.clear();
    files(&folder.join("promqltest"), ".test", &mut paths);
    let mut evaluations = 0;
    for path in &paths {
        let text = fs::read_to_string(path).expect("readable");
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(expression) = evaluated(line) else { continue };
            let fails = line.starts_with("eval_fail")
                || lines.peek().is_some_and(|next| next.trim().starts_with("expect fail"));
            evaluations += 1;
            if !fails {
                failures.extend(round_trip(expression).err());
            }
        }
    }
    assert!(evaluations > 1000, "only {evaluations} evaluations");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Whatever the oracle knows too must be accepted or refused alike.
#[test]
fn agrees_with_another_parser() {
    let operands = [
        "x",
        "x{a='b'}",
        "{a=~'b+'}",
        "1",
        "-1",
        "'s'",
        "x[5m]",
        "x offset 5m",
        "x @ 5",
        "sum(x)",
        "rate(x[5m])",
        "sum by (a) (x)",
        "x[5m:1m]",
        "time()",
        "(x)",
        "x{a='b',}",
        "vector(1)",
        "x[5m] offset -1h",
        "{}",
        "x{__name__='y'}",
    ];
    let frames = [
        "@",
        "-@",
        "(@)",
        "sum(@)",
        "topk(5, @)",
        "topk(@, x)",
        "rate(@)",
        "abs(@)",
        "@[5m]",
        "@[1h:5m]",
        "@ offset 1m",
        "@ @ start()",
        "@ + 1",
        "@ == 1",
        "@ == bool 1",
        "1 + @",
        "@ and x",
        "@ or x",
        "x unless on(a) @",
        "x + on(a) group_left(b) @",
        "x * ignoring(a, b) @",
        "x > bool @",
        "clamp(@, 0, 1)",
        "label_replace(@, 'a', '$1', 'b', '.*')",
        "histogram_quantile(0.9, @)",
        "scalar(@)",
        "count_values('a', @)",
        "quantile(0.5, @)",
        "round(@)",
        "round(@, 5)",
        "@ atan2 x",
        "@ ^ @ ^ @",
        "absent(@)",
        "predict_linear(@, 3600)",
        "sum(@) by (a, b)",
        "sum without (a) (@)",
        "@,",
        "@ @",
        "(@",
        "@)",
        "sum(@,)",
        "@ by (a)",
        "@ + + @",
        "@ * * @",
        "hour(@)",
        "day_of_month()",
        "time(@)",
    ];
    let mut disagreements = Vec::new();
    for frame in frames {
        for operand in operands {
            let text = frame.replacen("@ @ start()", "\u{1} @ start()", 1);
            let text = text.replace(if frame.contains("start()") { '\u{1}' } else { '@' }, operand);
            let (ours, theirs) = (parse(&text), promql_parser::parser::parse(&text));
            if ours.is_ok() != theirs.is_ok() {
                let ours = ours.err().map(|errors| errors.to_string());
                disagreements.push(format!("{text}\n  ours: {ours:?}\n  oracle: {:?}", theirs.err()));
            }
        }
    }
    assert!(disagreements.is_empty(), "{} disagreements:\n{}", disagreements.len(), disagreements.join("\n"));
}

#[test]
fn matchers_of_a_series() {
    let matchers = parse_matchers("http_requests_total{code=~\"5..\", job!=\"x\"}").expect("valid");
    let names: Vec<_> = matchers.iter().map(|matcher| matcher.name()).collect();
    assert_eq!(names, ["__name__", "code", "job"]);
}
