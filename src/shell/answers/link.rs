//! Links in messages by which one answers: signed, good for one time and for a while.
//!
//! A token is the base64url of: a version, what is done, the number of the incident, the second at which the link ends, a part of
//! the sum of the delivery's key, whether a user is named, the name; then the HMAC-SHA256 of all that.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::LinkKey;
use crate::deliver::{IncidentNote, IncidentNoteKind};
use crate::escalate::{Action, Answer, Via, Who};
use crate::model::Timestamp;
use crate::template::AnswerLinks;

/// How long a link lets an incident wait.
pub const SNOOZE: Duration = Duration::from_secs(60 * 60);
/// The longest token that is read, in bytes.
const TOKEN_BYTES_MAX: usize = 2048;
/// The longest name that a token holds, in bytes.
const NAME_BYTES_MAX: usize = 512;
const VERSION: u8 = 1;
const TAG_BYTES: usize = 32;
const NONCE_BYTES: usize = 8;
/// What is signed begins with this, so that no other signature by the same key can be taken for one of a link.
const CONTEXT: &[u8] = b"watchbell link\0";

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkAction {
    /// Somebody takes care of it.
    Ack,
    /// It is over.
    Resolve,
    /// It waits for [`SNOOZE`].
    Snooze,
    /// The next step is due now.
    Escalate,
}

impl LinkAction {
    const ALL: [LinkAction; 4] = [LinkAction::Ack, LinkAction::Resolve, LinkAction::Snooze, LinkAction::Escalate];

    fn byte(self) -> u8 {
        match self {
            LinkAction::Ack => 1,
            LinkAction::Resolve => 2,
            LinkAction::Snooze => 3,
            LinkAction::Escalate => 4,
        }
    }

    /// What it does at `now`.
    pub fn action(self, now: Timestamp) -> Action {
        match self {
            LinkAction::Ack => Action::Ack,
            LinkAction::Resolve => Action::Resolve,
            LinkAction::Snooze => Action::Snooze { until: now + SNOOZE },
            LinkAction::Escalate => Action::Escalate,
        }
    }
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The number of the incident.
    pub incident: u64,
    /// What it does.
    pub action: LinkAction,
    /// From when on it does nothing; whole seconds.
    pub ends_at: Timestamp,
    /// The user to whom it was sent, or else the receiver.
    pub name: String,
    /// Whether `name` is that of a user.
    pub is_user: bool,
    nonce: [u8; NONCE_BYTES],
}

/// Why a token leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nobody here has signed it.
    #[error("the link is not valid")]
    Invalid,
    /// It was good once.
    #[error("the link has ended")]
    Ended(Box<Link>),
}

impl Link {
    /// The token that stands for it.
    pub fn token(&self, key: &LinkKey) -> String {
        let mut bytes = self.bytes();
        bytes.extend_from_slice(key.sign(&[CONTEXT, &bytes].concat()).as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The link that `token` stands for.
    ///
    /// # Errors
    ///
    /// [`LinkError`]
    pub fn read(token: &str, key: &LinkKey, now: Timestamp) -> Result<Link, LinkError> {
        let bytes = Some(token).filter(|token| token.len() <= TOKEN_BYTES_MAX);
        let bytes = bytes.and_then(|token| URL_SAFE_NO_PAD.decode(token).ok()).ok_or(LinkError::Invalid)?;
        let start = bytes.len().checked_sub(TAG_BYTES).ok_or(LinkError::Invalid)?;
        let (bytes, tag) = bytes.split_at(start);
        if !key.has_signed(&[CONTEXT, bytes].concat(), tag) {
            return Err(LinkError::Invalid);
        }
        let link = Link::of(bytes).ok_or(LinkError::Invalid)?;
        if link.ends_at <= now { Err(LinkError::Ended(Box::new(link))) } else { Ok(link) }
    }

    /// What it says at `now`, by one time only.
    pub fn answer(&self, now: Timestamp) -> Answer {
        let who = Who { name: self.name.clone(), via: Via::Link };
        Answer { incident: self.incident, action: self.action.action(now), who, once: Some(self.once()) }
    }

    /// What is used up by it: no other link has it, and nobody can make the link of it.
    pub fn once(&self) -> String {
        URL_SAFE_NO_PAD.encode(&Sha256::digest(self.bytes())[..12])
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.action.byte()];
        bytes.extend_from_slice(&self.incident.to_be_bytes());
        bytes.extend_from_slice(&(self.ends_at.millis().max(0).unsigned_abs() / 1000).to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        bytes.push(u8::from(self.is_user));
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }

    fn of(bytes: &[u8]) -> Option<Link> {
        let (head, rest) = bytes.split_first_chunk::<2>()?;
        let (incident, rest) = rest.split_first_chunk::<8>()?;
        let (ends_at, rest) = rest.split_first_chunk::<8>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (is_user, name) = rest.split_first()?;
        let [version, action] = *head;
        let action = LinkAction::ALL.into_iter().find(|known| known.byte() == action).filter(|_| version == VERSION)?;
        let ends_at = i64::try_from(u64::from_be_bytes(*ends_at)).ok()?.checked_mul(1000)?;
        Some(Link {
            incident: u64::from_be_bytes(*incident),
            action,
            ends_at: Timestamp::from_millis(ends_at),
            name: String::from_utf8(name.to_vec()).ok()?,
            is_user: *is_user == 1,
            nonce: *nonce,
        })
    }
}

/// What links are made of, besides the message that they stand in.
pub struct LinkMaker<'a> {
    /// What signs them.
    pub key: &'a LinkKey,
    /// The address under which people reach Watchbell.
    pub external_url: &'a str,
    /// How long they are good.
    pub ttl: Duration,
}

/// The links of a message that says `note` to `receiver`. The same for every attempt under one `delivery_key`, if `at` is the time of
/// the decision.
pub fn answer_links(
    note: &IncidentNote,
    receiver: &str,
    delivery_key: &str,
    at: Timestamp,
    maker: &LinkMaker<'_>,
) -> AnswerLinks {
    let actions: &[LinkAction] = match note.kind {
        IncidentNoteKind::Page => &LinkAction::ALL,
        // Another acknowledgement begins its time anew.
        IncidentNoteKind::Reminder => &[LinkAction::Ack, LinkAction::Resolve, LinkAction::Snooze],
        IncidentNoteKind::Answered | IncidentNoteKind::Closed => &[],
    };
    let (name, is_user) = match &note.user {
        Some(user) => (user.as_str(), true),
        None => (receiver, false),
    };
    let sum = Sha256::digest(delivery_key.as_bytes());
    let nonce = sum.first_chunk::<NONCE_BYTES>().copied().unwrap_or_default();
    let url = |action: LinkAction| {
        let name = name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned();
        let link = Link { incident: note.number, action, ends_at: at + maker.ttl, name, is_user, nonce };
        let url = format!("{}/answer/{}", maker.external_url.trim_end_matches('/'), link.token(maker.key));
        actions.contains(&action).then_some(url)
    };
    AnswerLinks {
        ack: url(LinkAction::Ack),
        resolve: url(LinkAction::Resolve),
        snooze: url(LinkAction::Snooze),
        escalate: url(LinkAction::Escalate),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> LinkKey {
        LinkKey::of(&[7; 32])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn link() -> Link {
        Link {
            incident: 12,
            action: LinkAction::Ack,
            ends_at: at(1_000),
            name: "ada".into(),
            is_user: true,
            nonce: [1, 2, 3, 4, 5, 6, 7, 8],
        }
    }

    /// Made by an independent program; a change of it makes links useless that are on their way.
    const TOKEN: &str = "AQEAAAAAAAAADAAAAAAAAAPoAQIDBAUGBwgBYWRhvh2bR1Zo-h3s4u9B_yYauRcqarenKUS5m3Yhd9uXLvA";

    #[test]
    fn a_token_is_what_it_was() {
        assert_eq!(link().token(&key()), TOKEN);
        assert_eq!(Link::read(TOKEN, &key(), at(999)), Ok(link()));
    }

    #[test]
    fn good_for_a_while() {
        let token = link().token(&key());
        for (now, good) in [(0, true), (999, true), (1_000, false), (i64::from(i32::MAX), false)] {
            let expected = if good { Ok(link()) } else { Err(LinkError::Ended(Box::new(link()))) };
            assert_eq!(Link::read(&token, &key(), at(now)), expected, "{now}");
        }
    }

    #[test]
    fn nobody_else_makes_one() {
        let token = link().token(&key());
        assert_eq!(Link::read(&token, &LinkKey::of(&[8; 32]), at(0)), Err(LinkError::Invalid));
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64");
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                let token = URL_SAFE_NO_PAD.encode(changed);
                assert_eq!(Link::read(&token, &key(), at(0)), Err(LinkError::Invalid), "{place} {bit}");
            }
        }
        for length in 0..token.len() {
            assert_eq!(Link::read(&token[..length], &key(), at(0)), Err(LinkError::Invalid), "{length}");
        }
        let padded = format!("{token}=");
        for token in [padded.as_str(), "", "=", "a", "%00", &"A".repeat(5000)] {
            assert_eq!(Link::read(token, &key(), at(0)), Err(LinkError::Invalid));
        }
        // Signed by this key, but not as a link.
        let mut other = link().bytes();
        let tag = key().sign(&other);
        other.extend_from_slice(tag.as_ref());
        assert_eq!(Link::read(&URL_SAFE_NO_PAD.encode(other), &key(), at(0)), Err(LinkError::Invalid));
    }

    #[test]
    fn what_it_answers() {
        for (action, expected) in [
            (LinkAction::Ack, Action::Ack),
            (LinkAction::Resolve, Action::Resolve),
            (LinkAction::Snooze, Action::Snooze { until: at(3_700) }),
            (LinkAction::Escalate, Action::Escalate),
        ] {
            let answer = Link { action, ..link() }.answer(at(100));
            assert_eq!(
                (answer.incident, answer.action, answer.who.to_string().as_str()),
                (12, expected, "ada by link")
            );
        }
        let once: std::collections::BTreeSet<String> = [
            link(),
            Link { action: LinkAction::Resolve, ..link() },
            Link { incident: 13, ..link() },
            Link { nonce: [0; 8], ..link() },
            Link { name: "bob".into(), ..link() },
        ]
        .iter()
        .map(Link::once)
        .collect();
        assert!(once.len() == 5 && once.iter().all(|once| once.len() == 16));
    }

    /// What a page about incident 12 says.
    pub(crate) fn note(user: Option<&str>) -> IncidentNote {
        IncidentNote {
            number: 12,
            kind: IncidentNoteKind::Page,
            user: user.map(str::to_owned),
            text: String::new(),
            severity: "P1".into(),
            priority: String::new(),
            title: String::new(),
            symptoms: Vec::new(),
            opened_at: at(0),
            answer_by: None,
        }
    }

    #[test]
    fn links_of_a_message() {
        let key = key();
        let maker =
            LinkMaker { key: &key, external_url: "https://bell.example.org/watch/", ttl: Duration::from_secs(60) };
        let links = |kind, user| answer_links(&IncidentNote { kind, ..note(user) }, "ops", "key", at(100), &maker);
        let page = links(IncidentNoteKind::Page, Some("ada"));
        assert_eq!(page, links(IncidentNoteKind::Page, Some("ada")));
        for (url, action) in [&page.ack, &page.resolve, &page.snooze, &page.escalate].into_iter().zip(LinkAction::ALL) {
            let url = url.as_deref().expect("a link");
            let token = url.strip_prefix("https://bell.example.org/watch/answer/").expect(url);
            let link = Link::read(token, &key, at(159)).expect("good");
            assert_eq!((link.incident, link.action, link.name.as_str(), link.is_user), (12, action, "ada", true));
            assert!(Link::read(token, &key, at(160)).is_err());
        }
        let channel = links(IncidentNoteKind::Page, None).ack.expect("a link");
        let link = Link::read(channel.rsplit('/').next().expect("a token"), &key, at(100)).expect("good");
        assert_eq!((link.name.as_str(), link.is_user), ("ops", false));
        let reminder = links(IncidentNoteKind::Reminder, Some("ada"));
        assert!(reminder.ack.is_some() && reminder.escalate.is_none());
        assert_eq!(links(IncidentNoteKind::Closed, Some("ada")), AnswerLinks::default());
        let long = "ä".repeat(10_000);
        let long = links(IncidentNoteKind::Page, Some(&long)).ack.expect("a link");
        assert!(Link::read(long.rsplit('/').next().expect("a token"), &key, at(100)).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(token in "\\PC*", seconds: i64) {
            prop_assert_eq!(Link::read(&token, &key(), at(seconds % 1_000_000_000)), Err(LinkError::Invalid));
        }

        #[test]
        fn any_signed_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let key = key();
            let tag = key.sign(&[CONTEXT, &bytes].concat());
            let token = URL_SAFE_NO_PAD.encode([&bytes, tag.as_ref()].concat());
            if let Ok(link) = Link::read(&token, &key, at(0)) {
                prop_assert_eq!(Link::read(&link.token(&key), &key, at(0)), Ok(link));
            }
        }
    }
}
