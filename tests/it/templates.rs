//! The template dialect against the world: the labels and annotations of published alert rules.

use std::fs;
use std::path::{Path, PathBuf};

use watchbell::model::{Labels, Timestamp};
use watchbell::template::{QueryRow, RuleData, RuleTemplate};

/// All files below `folder` whose name ends with `.yml` or `.yaml`.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml") {
            found.push(path);
        }
    }
}

/// The values of `labels` and `annotations`, wherever they stand.
fn templates(value: &serde_yaml::Value, found: &mut Vec<String>) {
    match value {
        serde_yaml::Value::Mapping(mapping) => {
            for (key, value) in mapping {
                match (key.as_str(), value) {
                    (Some("labels" | "annotations"), serde_yaml::Value::Mapping(texts)) => {
                        found.extend(texts.iter().filter_map(|(_, text)| text.as_str().map(str::to_owned)));
                    }
                    _ => templates(value, found),
                }
            }
        }
        serde_yaml::Value::Sequence(items) => items.iter().for_each(|item| templates(item, found)),
        _ => {}
    }
}

#[test]
fn published_annotations_parse_and_expand() {
    let Some(folder) = std::env::var_os("WATCHBELL_CONFORMANCE").map(PathBuf::from) else {
        eprintln!("WATCHBELL_CONFORMANCE is not set: published annotations are not tried");
        return;
    };
    let mut paths = Vec::new();
    files(&folder.join("rules"), &mut paths);
    let labels = Labels::from_pairs([("instance", "web-1:9090"), ("job", "api")]);
    let none = Labels::default();
    let data = RuleData {
        labels: &labels,
        value: 0.25.into(),
        external_labels: &none,
        external_url: "http://localhost:9797",
        at: Timestamp::from_seconds(1_700_000_000),
    };
    let query = |_: &str| Ok(vec![QueryRow { labels: labels.clone(), value: 1.0 }]);
    let mut tried = 0;
    for path in paths {
        let text = fs::read_to_string(&path).expect("a readable file");
        let mut texts = Vec::new();
        templates(&serde_yaml::from_str(&text).expect("YAML"), &mut texts);
        for text in texts {
            let expanded = RuleTemplate::parse(&text).and_then(|template| template.expand(&data, &query));
            assert!(expanded.is_ok(), "{}: {text}: {expanded:?}", path.display());
            tried += 1;
        }
    }
    assert!(tried > 1000, "only {tried} templates found");
}
