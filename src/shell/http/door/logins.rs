//! Who may log in: names, passwords and tokens as they are known, and whether what a request gives is one of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::DoorError;
use crate::config::{Password, Roles, Token, Web, bcrypt_cost};
use crate::model::Timestamp;
use crate::shell::secret::reveal;

/// How long a password that was found right is not hashed again, from its last use on.
const REMEMBERED_FOR: Duration = Duration::from_secs(5 * 60);
/// How many right passwords are remembered.
const REMEMBERED_MAX: usize = 4_096;
/// The longest `Authorization` header that is read, in bytes.
const HEADER_BYTES_MAX: usize = 8 << 10;

type Sum = [u8; 32];

/// What a request gives to say who it is.
pub(super) enum Credentials {
    /// Name and password.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

impl Credentials {
    /// Reads the value of an `Authorization` header; `None` if it is of another kind or broken.
    pub(super) fn read(header: &[u8]) -> Option<Credentials> {
        let text = std::str::from_utf8(header).ok().filter(|text| text.len() <= HEADER_BYTES_MAX)?;
        let (scheme, rest) = text.trim().split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Credentials::Bearer(rest.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = base64::engine::general_purpose::STANDARD.decode(rest).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (name, password) = decoded.split_once(':')?;
        Some(Credentials::Basic(name.to_owned(), password.to_owned()))
    }

    /// By what these credentials are remembered.
    pub(super) fn sum(&self) -> Sum {
        match self {
            Credentials::Basic(name, password) => sum(&["basic", name, password]),
            Credentials::Bearer(token) => sum(&["bearer", token]),
        }
    }
}

/// A sum of texts that is another one for any other texts.
fn sum(parts: &[&str]) -> Sum {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) name: Arc<str>,
    pub(super) roles: Roles,
    /// Not a token.
    pub(super) is_user: bool,
}

/// How a user's password is known.
#[derive(Clone, PartialEq, Eq)]
enum Known {
    Bcrypt(Arc<str>),
    Sum(Sum),
}

/// Everybody who may log in.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Logins {
    users: Vec<(Login, Known)>,
    tokens: Vec<(Login, Sum)>,
}

/// What is still to be found out about credentials.
pub(super) enum Question {
    /// Nothing.
    Answered(Option<Login>),
    /// Whether the password has this bcrypt hash; if so, it is this user, if there is one.
    Hash(String, Arc<str>, Option<Login>),
}

impl Logins {
    /// Reads the secrets that `web` names.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or holds no secret of its kind.
    pub(super) async fn read(web: &Web) -> Result<Logins, DoorError> {
        let mut logins = Logins::default();
        for user in &web.users {
            let known = match &user.password {
                Password::Bcrypt(secret) => {
                    let hash = reveal(secret).await?;
                    if bcrypt_cost(&hash).is_none() {
                        return Err(DoorError::NoHash(user.name.clone()));
                    }
                    Known::Bcrypt(Arc::from(hash))
                }
                Password::Plain(secret) => Known::Sum(sum(&[&not_empty(&user.name, reveal(secret).await?)?])),
            };
            logins.users.push((Login { name: Arc::from(user.name.as_str()), roles: user.roles, is_user: true }, known));
        }
        for token in &web.tokens {
            let hash = match &token.token {
                Token::Sha256(hash) => *hash,
                Token::Plain(secret) => Sha256::digest(not_empty(&token.name, reveal(secret).await?)?).into(),
            };
            logins
                .tokens
                .push((Login { name: Arc::from(token.name.as_str()), roles: token.roles, is_user: false }, hash));
        }
        Ok(logins)
    }

    /// What stands for the secret of `login`; `None` if there is no such login any more.
    pub(super) fn proof(&self, login: &Login) -> Option<Sum> {
        let users = self.users.iter().find(|(known, _)| known == login).map(|(_, known)| match known {
            Known::Bcrypt(hash) => sum(&[hash]),
            Known::Sum(sum) => *sum,
        });
        users.or_else(|| self.tokens.iter().find(|(known, _)| known == login).map(|(_, sum)| *sum))
    }

    /// Whether nobody can log in.
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.tokens.is_empty()
    }

    /// Whether there are tokens.
    pub(super) fn has_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Whether there is a user of this name.
    pub(super) fn has_user(&self, name: &str) -> bool {
        self.users.iter().any(|(login, _)| *login.name == *name)
    }

    /// Whose credentials these are. How long it takes does not depend on how much of a secret is right, nor on whether there
    /// is a user of that name if passwords are known by their hashes.
    pub(super) fn ask(&self, credentials: &Credentials) -> Question {
        match credentials {
            Credentials::Bearer(token) => {
                let hash: Sum = Sha256::digest(token).into();
                let mut found = None;
                for (login, known) in &self.tokens {
                    if bool::from(known.ct_eq(&hash)) {
                        found = Some(login.clone());
                    }
                }
                Question::Answered(found)
            }
            Credentials::Basic(name, password) => match self.users.iter().find(|(login, _)| *login.name == **name) {
                Some((login, Known::Bcrypt(hash))) => {
                    Question::Hash(password.clone(), hash.clone(), Some(login.clone()))
                }
                Some((login, Known::Sum(known))) => {
                    let is_right = bool::from(known.ct_eq(&sum(&[password])));
                    Question::Answered(is_right.then(|| login.clone()))
                }
                None => {
                    let any = self.users.iter().find_map(|(_, known)| match known {
                        Known::Bcrypt(hash) => Some(hash.clone()),
                        Known::Sum(_) => None,
                    });
                    any.map_or(Question::Answered(None), |hash| Question::Hash(password.clone(), hash, None))
                }
            },
        }
    }
}

fn not_empty(name: &str, secret: String) -> Result<String, DoorError> {
    if secret.is_empty() { Err(DoorError::Empty(name.to_owned())) } else { Ok(secret) }
}

/// Who was found to be who they say, lately, with what stands for the secret that they had.
#[derive(Default)]
pub(super) struct Remembered(HashMap<Sum, (Login, Sum, Timestamp)>);

impl Remembered {
    /// Who had the credentials of this sum not long ago, if `logins` still has them with the same secret.
    pub(super) fn get(&mut self, sum: &Sum, logins: &Logins, now: Timestamp) -> Option<Login> {
        let (login, proof, at) = self.0.get_mut(sum)?;
        if now.since(*at) >= REMEMBERED_FOR || logins.proof(login) != Some(*proof) {
            self.0.remove(sum);
            return None;
        }
        *at = now.max(*at);
        Some(login.clone())
    }

    /// Remembers credentials that were right.
    pub(super) fn insert(&mut self, sum: Sum, login: &Login, logins: &Logins, now: Timestamp) {
        let Some(proof) = logins.proof(login) else { return };
        if self.0.len() >= REMEMBERED_MAX {
            self.0.retain(|_, (_, _, at)| now.since(*at) < REMEMBERED_FOR);
        }
        if self.0.len() < REMEMBERED_MAX {
            self.0.insert(sum, (login.clone(), proof, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    #[test]
    fn what_credentials_say() {
        let show = |header: &str| {
            Credentials::read(header.as_bytes()).map(|credentials| match credentials {
                Credentials::Basic(name, password) => format!("{name}|{password}"),
                Credentials::Bearer(token) => token,
            })
        };
        for (header, expected) in [
            ("Basic YWRhOmVuZ2luZQ==", Some("ada|engine")),
            ("basic  YWRhOmE6Yg==", Some("ada|a:b")),
            ("Bearer t0ken", Some("t0ken")),
            ("BEARER t0ken ", Some("t0ken")),
            ("Basic YWRh", None),
            ("Basic ???", None),
            ("Basic /////w==", None),
            ("Digest a=b", None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(show(header).as_deref(), expected, "{header}");
        }
        assert!(Credentials::read(format!("Bearer {}", "a".repeat(10_000)).as_bytes()).is_none());
    }

    #[test]
    fn what_is_remembered_ends() {
        let mut remembered = Remembered::default();
        let login = Login { name: Arc::from("ada"), roles: Roles::from(Role::Read), is_user: true };
        let at = |seconds| Timestamp::from_seconds(seconds);
        let logins =
            |secret: &str| Logins { users: vec![(login.clone(), Known::Bcrypt(Arc::from(secret)))], tokens: vec![] };
        let (before, after) = (logins("one"), logins("two"));
        remembered.insert([1; 32], &login, &before, at(0));
        assert_eq!(remembered.get(&[2; 32], &before, at(1)), None);
        assert_eq!(remembered.get(&[1; 32], &before, at(299)), Some(login.clone()));
        assert_eq!(remembered.get(&[1; 32], &before, at(598)), Some(login.clone()));
        assert_eq!(remembered.get(&[1; 32], &before, at(898)), None);
        remembered.insert([1; 32], &login, &before, at(0));
        assert_eq!(remembered.get(&[1; 32], &after, at(1)), None);
        for number in 0..10_000_u32 {
            let mut sum = [0; 32];
            sum[..4].copy_from_slice(&number.to_be_bytes());
            remembered.insert(sum, &login, &before, at(0));
        }
        assert_eq!(remembered.0.len(), REMEMBERED_MAX);
    }
}
