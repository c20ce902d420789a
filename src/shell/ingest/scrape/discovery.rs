//! Targets from files (`file_sd_configs`): JSON or YAML lists of `{targets, labels}`, read again and again.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use serde::Deserialize;

use crate::config::{FileDiscovery, TargetGroup};
use crate::model::Labels;

/// The greatest size of a file of targets, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// The greatest number of files that one pattern may name.
const FILES_MAX: usize = 1000;

/// A file of targets that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiscoveryError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not YAML: {0}")]
    Yaml(String),
    #[error("its name ends in neither .json, .yml nor .yaml")]
    Extension,
    #[error("not a file pattern: {0}")]
    Pattern(#[from] globset::Error),
    #[error("more than {FILES_MAX} files")]
    TooManyFiles,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// The targets of `file_discovery`, with what was last read of each file.
#[derive(Debug, Default)]
pub(super) struct DiscoveredFiles {
    known: BTreeMap<PathBuf, Vec<TargetGroup>>,
}

impl DiscoveredFiles {
    /// Reads all files again; blocking. A file that cannot be used keeps what it last held; one that is gone is forgotten.
    ///
    /// Returns the problems with the path that each is about.
    pub(super) fn refresh(&mut self, discovery: &[FileDiscovery]) -> Vec<(String, DiscoveryError)> {
        let mut problems = Vec::new();
        let mut next = BTreeMap::new();
        for pattern in discovery.iter().flat_map(|discovery| &discovery.files) {
            let paths = match expand(pattern) {
                Ok(paths) => paths,
                Err(error) => {
                    problems.push((pattern.clone(), error));
                    continue;
                }
            };
            for path in paths {
                match read(&path) {
                    Ok(groups) => {
                        next.insert(path, groups);
                    }
                    Err(error) => {
                        problems.push((path.display().to_string(), error));
                        if let Some(groups) = self.known.remove(&path) {
                            next.insert(path, groups);
                        }
                    }
                }
            }
        }
        self.known = next;
        problems
    }

    /// The groups of all files.
    pub(super) fn groups(&self) -> impl Iterator<Item = &TargetGroup> {
        self.known.values().flatten()
    }
}

/// The files that `pattern` names, in order; `*` and the like only in its last part.
fn expand(pattern: &str) -> Result<Vec<PathBuf>, DiscoveryError> {
    let path = Path::new(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?', '[']) {
        return Ok(if path.exists() { vec![path.to_owned()] } else { Vec::new() });
    }
    let glob = GlobBuilder::new(&name).literal_separator(true).build()?.compile_matcher();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = Vec::new();
    let entries = match std::fs::read_dir(parent) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        entries => entries?,
    };
    for entry in entries {
        let file_name = entry?.file_name();
        if glob.is_match(&file_name) {
            files.push(parent.join(file_name));
        }
        if files.len() > FILES_MAX {
            return Err(DiscoveryError::TooManyFiles);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<TargetGroup>, DiscoveryError> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(DiscoveryError::TooLarge);
    }
    parse(path, &text)
}

/// The groups of a file's text; each gets `__meta_filepath`.
fn parse(path: &Path, text: &str) -> Result<Vec<TargetGroup>, DiscoveryError> {
    let raw: Vec<RawGroup> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(text)?,
        Some("yml" | "yaml") if text.trim().is_empty() => Vec::new(),
        Some("yml" | "yaml") => serde_saphyr::from_str(text).map_err(|error| yaml(&error))?,
        _ => return Err(DiscoveryError::Extension),
    };
    let file = path.display().to_string();
    Ok(raw
        .into_iter()
        .map(|group| {
            let mut labels = Labels::from_pairs(group.labels).builder();
            labels.set("__meta_filepath", &file);
            TargetGroup { targets: group.targets, labels: labels.finish() }
        })
        .collect())
}

/// The first line of the reader's words; an excerpt of the file follows in the others.
fn yaml(error: &serde_saphyr::Error) -> DiscoveryError {
    DiscoveryError::Yaml(error.to_string().lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn discovery(files: &[String]) -> Vec<FileDiscovery> {
        vec![FileDiscovery { files: files.to_vec(), refresh_interval: Duration::from_secs(300) }]
    }

    fn shown(found: &DiscoveredFiles, folder: &Path) -> Vec<String> {
        let folder = format!("{}/", folder.display());
        found.groups().map(|group| format!("{:?} {}", group.targets, group.labels).replace(&folder, "")).collect()
    }

    #[test]
    fn reads_json_and_yaml() {
        let expected = r#"["a:1", "b:2"] {__meta_filepath="FILE", env="prod"}"#;
        for (file, text) in [
            ("t.json", r#"[{"targets": ["a:1", "b:2"], "labels": {"env": "prod"}}]"#),
            ("t.yml", "- targets: ['a:1', 'b:2']\n  labels: {env: prod}\n"),
            ("t.yaml", "- targets:\n  - a:1\n  - b:2\n  labels:\n    env: prod\n"),
        ] {
            let groups = parse(Path::new(file), text).expect(file);
            assert_eq!(format!("{:?} {}", groups[0].targets, groups[0].labels), expected.replace("FILE", file));
        }
        for (file, text) in [
            ("t.txt", "[]"),
            ("t.json", "{}"),
            ("t.json", "[{\"target\": []}]"),
            ("t.yml", "targets: []"),
            ("t.yml", "- targets: [a]\n  lables: {}\n"),
            ("t.yml", "- targets: [a]\n  targets: [b]\n"),
            ("t.yml", &"[".repeat(100_000)),
        ] {
            let error = parse(Path::new(file), text).expect_err(file).to_string();
            assert!(error.len() < 300 && !error.contains('\n'), "{error}");
        }
        assert!(parse(Path::new("t.yml"), "\n").expect("empty").is_empty());
    }

    #[test]
    fn follows_files_through_their_life() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let pattern = discovery(&[path("*.json").display().to_string(), path("nothing/*.yml").display().to_string()]);
        let mut found = DiscoveredFiles::default();
        assert!(found.refresh(&pattern).is_empty());
        std::fs::write(path("b.json"), r#"[{"targets": ["b:1"]}]"#).expect("written");
        std::fs::write(path("a.json"), r#"[{"targets": ["a:1"]}]"#).expect("written");
        std::fs::write(path("c.yml"), "- targets: [c:1]\n").expect("written");
        assert!(found.refresh(&pattern).is_empty());
        let both = [r#"["a:1"] {__meta_filepath="a.json"}"#, r#"["b:1"] {__meta_filepath="b.json"}"#];
        assert_eq!(shown(&found, folder.path()), both);
        std::fs::write(path("a.json"), "[{").expect("written");
        assert_eq!(found.refresh(&pattern).len(), 1);
        assert_eq!(shown(&found, folder.path()), both, "a broken file keeps its targets");
        std::fs::remove_file(path("a.json")).expect("removed");
        assert!(found.refresh(&pattern).is_empty());
        assert_eq!(shown(&found, folder.path()), both[1..]);
    }
}
