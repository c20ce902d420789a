//! The ways by which people answer pages from outside: links, buttons, replies. What comes in is checked and read here, without a
//! socket.

mod key;
mod link;
mod signature;

pub use key::{KeyError, LinkKey};
pub use link::{AnswerLinks, Link, LinkAction, LinkError, LinkMaker, SNOOZE, answer_links};
