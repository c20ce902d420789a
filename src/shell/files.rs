//! Configuration files on disk.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use globset::GlobMatcher;

use crate::config::{FILE_BYTES_MAX, FileError, Files, GLOB_FILES_MAX, glob_matcher, has_wildcard};

/// How deep `**` goes; ends loops of links.
const FOLDER_DEPTH_MAX: usize = 32;
/// How many names one pattern looks at.
const NAMES_MAX: usize = 1_000_000;

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let fail = |error: std::io::Error| FileError::new(path, describe(&error));
        if !fs::metadata(path).map_err(fail)?.is_file() {
            return Err(FileError::new(path, "it is no regular file"));
        }
        let mut bytes = Vec::new();
        let limit = FILE_BYTES_MAX as u64 + 1;
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(fail)?;
        Ok(bytes)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        if !has_wildcard(pattern) {
            return Ok(if Path::new(pattern).is_file() { vec![pattern.to_owned()] } else { Vec::new() });
        }
        let first = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
        let base = pattern[..first].rfind('/').map_or("", |slash| &pattern[..=slash]);
        let rest = &pattern[base.len()..];
        let depth = if rest.contains("**") { FOLDER_DEPTH_MAX } else { rest.matches('/').count() };
        let matcher = glob_matcher(pattern)?;
        let mut walk =
            Walk { matcher, hidden: rest.split('/').any(|part| part.starts_with('.')), found: Vec::new(), seen: 0 };
        walk.folder(base, depth)?;
        walk.found.sort();
        Ok(walk.found)
    }

    fn is_dir(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }
}

struct Walk {
    matcher: GlobMatcher,
    /// Whether names that begin with a dot are looked at; the folders of Kubernetes' mounts are such.
    hidden: bool,
    found: Vec<String>,
    seen: usize,
}

impl Walk {
    /// Looks through `folder`, which is empty or ends in `/`.
    fn folder(&mut self, folder: &str, depth: usize) -> Result<(), FileError> {
        let fail = |error: std::io::Error| FileError::new(folder, describe(&error));
        let entries = match fs::read_dir(if folder.is_empty() { "." } else { folder }) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(fail)?,
        };
        for entry in entries {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| self.hidden || !name.starts_with('.')) else { continue };
            self.seen += 1;
            let path = format!("{folder}{name}");
            if self.seen > NAMES_MAX || self.found.len() >= GLOB_FILES_MAX {
                return Err(FileError::new(self.matcher.glob().glob(), "the pattern matches too many files"));
            }
            // Links are followed; those that lead nowhere are passed over.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.is_dir() && depth > 0 {
                self.folder(&format!("{path}/"), depth - 1)?;
            } else if metadata.is_file() && self.matcher.is_match(&path) {
                self.found.push(path);
            }
        }
        Ok(())
    }
}

/// The error in words, without the operating system's number.
fn describe(error: &std::io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().to_str().expect("UTF-8");
        for path in ["a.yml", "b.yaml", "sub/c.yml", "sub/deep/d.yml", "..data/a.yml", "sub/e.txt"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(&path, "x").expect("written");
        }
        for (pattern, expected) in [
            ("*.yml", vec!["a.yml"]),
            ("**/*.yml", vec!["a.yml", "sub/c.yml", "sub/deep/d.yml"]),
            ("sub/*.yml", vec!["sub/c.yml"]),
            ("*/*.yml", vec!["sub/c.yml"]),
            ("a.yml", vec!["a.yml"]),
            ("gone/*.yml", vec![]),
            ("gone.yml", vec![]),
            ("sub", vec![]),
        ] {
            let found = DiskFiles.glob(&format!("{root}/{pattern}")).expect(pattern);
            let expected: Vec<String> = expected.iter().map(|path| format!("{root}/{path}")).collect();
            assert_eq!(found, expected, "{pattern}");
        }
        assert!(DiskFiles.glob(&format!("{root}/[")).is_err());
        assert!(DiskFiles.read(&format!("{root}/sub")).is_err());
        let error = DiskFiles.read(&format!("{root}/gone")).expect_err("missing").to_string();
        assert!(error.ends_with("no such file or directory"), "{error}");
        assert_eq!(DiskFiles.read(&format!("{root}/a.yml")), Ok(b"x".to_vec()));
        assert!(DiskFiles.is_dir(root) && !DiskFiles.is_dir(&format!("{root}/a.yml")));
    }

    #[cfg(unix)]
    #[test]
    fn loops_of_links_end() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.yml"), "x").expect("written");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).expect("linked");
        let found = DiskFiles.glob(&format!("{}/**/*.yml", folder.path().display())).expect("found");
        assert!(found.len() <= FOLDER_DEPTH_MAX + 1);
    }
}
