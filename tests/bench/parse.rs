//! How fast expressions are parsed: all of the published rules (named by `WATCHBELL_CONFORMANCE`), or those of `rules/` and
//! `fixtures/`, beside the crate `promql-parser` over the same texts in the same run.
//!
//! `cargo bench --bench parse`

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use watchbell::lang::parse;

/// All YAML files below `folder`.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            found.push(path);
        }
    }
}

/// The values of every `expr` in a YAML value.
fn expressions(value: &serde_yaml::Value, found: &mut Vec<String>) {
    match value {
        serde_yaml::Value::Mapping(mapping) => {
            for (key, value) in mapping {
                match (key.as_str(), value.as_str()) {
                    (Some("expr"), Some(text)) => found.push(text.to_owned()),
                    _ => expressions(value, found),
                }
            }
        }
        serde_yaml::Value::Sequence(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

/// The expressions that both parsers accept.
fn texts() -> Vec<String> {
    let mut paths = Vec::new();
    match std::env::var_os("WATCHBELL_CONFORMANCE") {
        Some(root) => files(&Path::new(&root).join("rules"), &mut paths),
        None => {
            println!("WATCHBELL_CONFORMANCE is not set: the project's own rules are parsed");
            for folder in ["rules", "fixtures"] {
                files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut paths);
            }
        }
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let text = fs::read_to_string(path).expect("a readable file");
        if let Ok(value) = serde_yaml::from_str(&text) {
            expressions(&value, &mut found);
        }
    }
    let all = found.len();
    found.retain(|text| parse(text).is_ok() && promql_parser::parser::parse(text).is_ok());
    let bytes: usize = found.iter().map(String::len).sum();
    println!("{} of {all} expressions are accepted by both, {bytes} bytes", found.len());
    found
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, texts: &[String], read: fn(&str) -> bool) {
    group.bench_function(name, |bencher| {
        bencher.iter(|| texts.iter().filter(|text| read(black_box(text))).count());
    });
}

fn main() {
    let texts = texts();
    let mut criterion = Criterion::default().configure_from_args().without_plots();
    let bytes: usize = texts.iter().map(String::len).sum();
    for (what, throughput) in
        [("bytes", Throughput::Bytes(bytes as u64)), ("expressions", Throughput::Elements(texts.len() as u64))]
    {
        let mut group = criterion.benchmark_group(format!("parse/{what}"));
        group.throughput(throughput);
        measure(&mut group, "watchbell", &texts, |text| parse(text).is_ok());
        measure(&mut group, "promql-parser", &texts, |text| promql_parser::parser::parse(text).is_ok());
        group.finish();
    }
    criterion.final_summary();
}
