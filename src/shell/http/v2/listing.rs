//! Long lists as JSON, written while they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use serde::Serialize;

use crate::model::Labels;

/// How much is written before it is sent.
const PIECE_BYTES: usize = 64 << 10;

/// The name of something.
#[derive(Serialize)]
pub(super) struct Name<'a> {
    pub(super) name: &'a str,
}

/// An alert as Alertmanager shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertJson<'a> {
    pub(super) annotations: &'a Labels,
    pub(super) ends_at: String,
    pub(super) fingerprint: String,
    pub(super) receivers: Vec<Name<'a>>,
    pub(super) starts_at: String,
    pub(super) status: StatusJson,
    pub(super) updated_at: String,
    #[serde(rename = "generatorURL")]
    pub(super) generator_url: &'a str,
    pub(super) labels: &'a Labels,
}

/// What suppresses an alert.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusJson {
    pub(super) inhibited_by: Vec<String>,
    pub(super) muted_by: Vec<String>,
    pub(super) silenced_by: Vec<String>,
    pub(super) state: &'static str,
}

/// A group with its alerts.
#[derive(Serialize)]
pub(super) struct GroupJson<'a> {
    pub(super) alerts: Vec<AlertJson<'a>>,
    pub(super) labels: &'a Labels,
    pub(super) receiver: Name<'a>,
}

impl AlertJson<'_> {
    /// Writes it behind what is there; returns that it did.
    pub(super) fn write(&self, into: &mut Vec<u8>) -> bool {
        serde_json::to_writer(into, self).is_ok()
    }
}

impl GroupJson<'_> {
    /// Writes it behind what is there, unless it has no alerts; returns whether it did.
    pub(super) fn write(&self, into: &mut Vec<u8>) -> bool {
        !self.alerts.is_empty() && serde_json::to_writer(into, self).is_ok()
    }
}

/// Answers with a JSON list of what `write` writes of each item; it returns whether it wrote anything.
pub(super) fn streamed<T: Send + Unpin + 'static>(
    items: Vec<T>,
    write: impl FnMut(T, &mut Vec<u8>) -> bool + Send + Unpin + 'static,
) -> Response {
    let list = List { items: items.into_iter(), write, state: At::Begin };
    ([(header::CONTENT_TYPE, "application/json")], Body::new(list)).into_response()
}

/// Where a list is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Begin,
    First,
    Later,
    End,
}

struct List<T, W> {
    items: std::vec::IntoIter<T>,
    write: W,
    state: At,
}

impl<T, W: FnMut(T, &mut Vec<u8>) -> bool> List<T, W> {
    /// The next piece; `None` after the last.
    fn piece(&mut self) -> Option<Vec<u8>> {
        let mut piece = match self.state {
            At::End => return None,
            _ if self.items.len() == 0 => Vec::with_capacity(2),
            _ => Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8),
        };
        if self.state == At::Begin {
            piece.push(b'[');
            self.state = At::First;
        }
        while piece.len() < PIECE_BYTES {
            let Some(item) = self.items.next() else {
                piece.push(b']');
                self.state = At::End;
                break;
            };
            let before = piece.len();
            if self.state == At::Later {
                piece.push(b',');
            }
            match (self.write)(item, &mut piece) {
                true => self.state = At::Later,
                false => piece.truncate(before),
            }
        }
        Some(piece)
    }
}

impl<T: Unpin, W: FnMut(T, &mut Vec<u8>) -> bool + Unpin> http_body::Body for List<T, W> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().piece().map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_a_list() {
        for (items, expected) in [(vec![], "[]"), (vec![1], "[1]"), (vec![0, 1, 0, 2, 0], "[1,2]"), (vec![0, 0], "[]")]
        {
            let write = |item: i32, into: &mut Vec<u8>| {
                into.extend(item.to_string().bytes());
                item != 0
            };
            let mut list = List { items: items.into_iter(), write, state: At::Begin };
            let text: Vec<u8> = std::iter::from_fn(|| list.piece()).flatten().collect();
            assert_eq!(String::from_utf8(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn long_lists_come_in_pieces() {
        let write = |item: usize, into: &mut Vec<u8>| {
            into.extend(std::iter::repeat_n(b'1', item));
            true
        };
        let mut list = List { items: vec![1000; 300].into_iter(), write, state: At::Begin };
        let pieces: Vec<usize> = std::iter::from_fn(|| list.piece()).map(|piece| piece.len()).collect();
        assert_eq!(pieces.iter().sum::<usize>(), 300 * 1000 + 299 + 2);
        assert!(pieces.iter().all(|piece| *piece < PIECE_BYTES + 2000) && pieces.len() == 5, "{pieces:?}");
    }
}
