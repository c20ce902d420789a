//! What the body of an answer says whose status says nothing, or too little.

use super::http::Answer;
use super::text::{cut, one_line};
use crate::deliver::Outcome;
use crate::shell::secret::Hidden;

/// The greatest length of a reason that is quoted, in characters.
const REASON_LENGTH_MAX: usize = 256;

/// `service` has refused for `reason`; transient reasons are worth another attempt.
pub(super) fn refused(service: &str, reason: &str, is_transient: bool, answer: &Answer, hidden: &Hidden) -> Outcome {
    let error = format!("{service} says {}", excerpt(reason, hidden));
    match is_transient {
        true => Outcome::Retry { error, after: answer.retry_after },
        false => Outcome::Rejected { error },
    }
}

/// A success that is not in the words of `service`: half an answer, or something in between has answered. Try again.
pub(super) fn not_understood(service: &str, answer: &Answer, hidden: &Hidden) -> Outcome {
    let text = String::from_utf8_lossy(&answer.body);
    let error = format!("{}, but not from {service}: {}", answer.status, excerpt(&text, hidden));
    Outcome::Retry { error, after: answer.retry_after }
}

/// For services whose status says it all: delivered is a success that is not a web page, which something in between
/// has answered.
pub(super) fn unless_page(service: &str, answer: &Answer, hidden: &Hidden) -> Outcome {
    let is_page = answer.body.trim_ascii_start().starts_with(b"<");
    match answer.status.is_success() && is_page {
        true => not_understood(service, answer, hidden),
        false => answer.verdict(hidden),
    }
}

/// As much of `text` as is quoted, on one line and without secrets.
pub(super) fn excerpt(text: &str, hidden: &Hidden) -> String {
    cut(&one_line(&hidden.redact(text)), REASON_LENGTH_MAX)
}
