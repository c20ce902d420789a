//! Reading secrets, and keeping them out of what people see.

use tokio::io::AsyncReadExt;

use crate::deliver::Secret;

/// The greatest size of a file that holds a secret, in bytes.
const SECRET_FILE_SIZE_MAX: u64 = 64 << 10;

/// Texts shorter than this are not searched for: hiding every `a` hides nothing and ruins the message.
const HIDDEN_LENGTH_MIN: usize = 4;

/// A part of an address's path that is as long as this, in bytes, may be a token by itself.
const TOKEN_LENGTH_MIN: usize = 20;

/// A file of the configuration that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system says no.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is larger than such a file may be.
    #[error("{path} is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// It is not UTF-8.
    #[error("{path} does not hold text")]
    NotText {
        /// The file.
        path: String,
    },
}

/// The content of `path`, if it has at most `limit` bytes.
pub(crate) async fn read_bounded(path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
    let io = |source| FileError::Io { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(io)?;
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).await.map_err(io)?;
    if content.len() as u64 > limit {
        return Err(FileError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(content)
}

/// The value of `secret`, read from its file if it has one; white space around a file's content is cut.
pub(crate) async fn reveal(secret: &Secret) -> Result<String, FileError> {
    match secret {
        Secret::Value(value) => Ok(value.clone()),
        Secret::File(path) => {
            let content = read_bounded(path, SECRET_FILE_SIZE_MAX).await?;
            let text = String::from_utf8(content).map_err(|_| FileError::NotText { path: path.clone() })?;
            Ok(text.trim().to_owned())
        }
    }
}

/// The secrets of one attempt, so that what the other side answers can be shown without them.
#[derive(Default)]
pub(crate) struct Hidden(Vec<String>);

impl Hidden {
    /// Hides `text` from now on; longer texts are hidden first, whatever the order of the calls.
    pub(crate) fn add(&mut self, text: &str) {
        if text.len() >= HIDDEN_LENGTH_MIN && !self.0.iter().any(|known| known == text) {
            let at = self.0.partition_point(|known| known.len() > text.len());
            self.0.insert(at, text.to_owned());
        }
    }

    /// Hides an address: as a whole, and its path and query with their parts, by which incoming webhooks are authorised.
    pub(crate) fn add_url(&mut self, url: &str) {
        self.add(url);
        let Some((_, rest)) = url.split_once("://") else { return };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some((user_info, _)) = authority.rsplit_once('@') {
            self.add(user_info);
            if let Some((_, password)) = user_info.split_once(':') {
                self.add(password);
            }
        }
        self.add(path);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.add(path);
        self.add(query);
        let values = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1)).filter(|value| *value != "true");
        let parts = path.split('/').filter(|part| part.len() >= TOKEN_LENGTH_MIN);
        parts.chain(values).for_each(|secret| self.add(secret));
    }

    /// `text` with every hidden text replaced by `<secret>`.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, hidden| text.replace(hidden.as_str(), "<secret>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_the_longest_first() {
        let mut hidden = Hidden::default();
        hidden.add("abcd");
        hidden.add_url("https://user:pass1@hooks.example.org/services/T0/B0/xyz?key=12345");
        hidden.add("abcdefgh");
        hidden.add("x");
        for (text, shown) in [
            ("abcdefgh abcd x", "<secret> <secret> x"),
            ("no such path: /services/T0/B0/xyz", "no such path: /<secret>"),
            ("bad https://user:pass1@hooks.example.org/services/T0/B0/xyz?key=12345!", "bad <secret>!"),
            ("key=12345 pass1", "<secret> <secret>"),
            ("hooks.example.org", "hooks.example.org"),
        ] {
            assert_eq!(hidden.redact(text), shown);
        }
    }

    #[test]
    fn hides_the_long_parts_of_an_address() {
        let mut hidden = Hidden::default();
        hidden.add_url("https://hooks.example.org/services/T0/0123456789abcdefghij?wait=true&key=s3cretkey");
        for (text, shown) in [
            ("no token 0123456789abcdefghij", "no token <secret>"),
            ("the key s3cretkey is wrong", "the key <secret> is wrong"),
            ("services wait, true", "services wait, true"),
        ] {
            assert_eq!(hidden.redact(text), shown);
        }
    }

    #[tokio::test]
    async fn read_from_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token").display().to_string();
        let secret = Secret::File(path.clone());
        assert!(matches!(reveal(&secret).await, Err(FileError::Io { .. })));
        std::fs::write(&path, " s3cret\n").expect("written");
        assert_eq!(reveal(&secret).await.expect("read"), "s3cret");
        std::fs::write(&path, vec![b'a'; 65_537]).expect("written");
        assert!(matches!(reveal(&secret).await, Err(FileError::TooLarge { .. })));
        std::fs::write(&path, [0xff, 0xfe]).expect("written");
        assert!(matches!(reveal(&secret).await, Err(FileError::NotText { .. })));
    }
}
