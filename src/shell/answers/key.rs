//! The key that signs links: a file of the data folder that is made once and never shows.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use tracing::{info, warn};

/// The name of the file.
const FILE_NAME: &str = "answer.key";
/// How long the key is, in bytes.
const KEY_BYTES: usize = 32;

/// The key that signs links.
#[derive(Clone)]
pub struct LinkKey(hmac::Key);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(<secret>)")
    }
}

/// There is no key to sign links by.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system says no.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error(
        "{} has not the {KEY_BYTES} bytes of a key: put back the right file, or remove it to get a new one; links that were sent end with the old one",
        path.display()
    )]
    Length {
        /// The file.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

impl LinkKey {
    /// The key of the data `folder`; made if there is none.
    ///
    /// # Errors
    ///
    /// [`KeyError`]
    pub fn open(folder: &Path) -> Result<LinkKey, KeyError> {
        let path = folder.join(FILE_NAME);
        let io = |what, source| KeyError::Io { what, path: path.clone(), source };
        let mut bytes = Vec::with_capacity(KEY_BYTES + 1);
        match fs::File::open(&path) {
            Ok(file) => {
                if is_readable_by_others(&file) {
                    warn!(file = %path.display(), "others may read the key that signs links: take the right from them (chmod 600)");
                }
                file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|source| io("read", source))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => bytes = make(&path)?.to_vec(),
            Err(source) => return Err(io("open", source)),
        }
        match <[u8; KEY_BYTES]>::try_from(bytes.as_slice()) {
            Ok(bytes) => Ok(LinkKey::of(&bytes)),
            Err(_) => Err(KeyError::Length { path }),
        }
    }

    /// The key of these bytes.
    pub(crate) fn of(bytes: &[u8; KEY_BYTES]) -> LinkKey {
        LinkKey(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The signature of `text`.
    pub(super) fn sign(&self, text: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, text)
    }

    /// Whether `tag` is the signature of `text`.
    pub(super) fn has_signed(&self, text: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, text, tag).is_ok()
    }
}

/// Writes a new key beside `path` and puts it in place, so that there is never half of one.
fn make(path: &Path) -> Result<[u8; KEY_BYTES], KeyError> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::Random)?;
    let temporary = path.with_extension("key.new");
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| KeyError::Io { what: "write", path: path.to_owned(), source })?;
    info!(file = %path.display(), "a key was made that signs links in messages");
    Ok(bytes)
}

#[cfg(unix)]
fn is_readable_by_others(file: &fs::File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &fs::File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        let key = LinkKey::open(folder.path()).expect("made");
        let again = LinkKey::open(folder.path()).expect("read");
        let tag = key.sign(b"text");
        assert!(again.has_signed(b"text", tag.as_ref()) && !again.has_signed(b"texts", tag.as_ref()));
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        #[cfg(unix)]
        assert!(!is_readable_by_others(&fs::File::open(&path).expect("there")));
        fs::remove_file(&path).expect("removed");
        let other = LinkKey::open(folder.path()).expect("made");
        assert!(!other.has_signed(b"text", tag.as_ref()));
        assert_eq!(format!("{other:?}"), "LinkKey(<secret>)");
    }

    #[test]
    fn what_is_no_key_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        for length in [0, 1, 31, 33, 4000] {
            fs::write(&path, vec![7; length]).expect("written");
            let error = LinkKey::open(folder.path()).expect_err("no key").to_string();
            assert!(error.contains("answer.key has not the 32 bytes of a key"), "{error}");
        }
        let error = LinkKey::open(&folder.path().join("gone")).expect_err("no folder").to_string();
        assert!(error.starts_with("cannot write"), "{error}");
    }
}
