//! The ways by which people answer pages from outside: links, buttons, replies. What comes in is checked and read here, without a
//! socket.

pub(crate) mod form;
mod key;
mod link;
pub(crate) mod page;
mod seen;
mod signature;

pub use key::{KeyError, LinkKey};
pub use link::{AnswerLinks, Link, LinkAction, LinkError, LinkMaker, SNOOZE, answer_links};
pub use seen::{Seen, done_text};

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::{Answers, Plan};

/// What answers are taken by; clones are the same one.
#[derive(Clone, Debug)]
pub struct Answering(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: LinkKey,
    rules: RwLock<Arc<AnswerRules>>,
}

/// What the configuration says of answers.
#[derive(Clone, Debug)]
pub struct AnswerRules {
    /// The ways that are open, with their secrets.
    pub answers: Answers,
    /// The address under which people, and what sends answers, reach Watchbell.
    pub external_url: String,
}

impl AnswerRules {
    fn of(plan: &Plan) -> Arc<AnswerRules> {
        Arc::new(AnswerRules { answers: plan.answers.clone(), external_url: plan.engine.external_url.clone() })
    }

    /// The address of `path`, as others know it.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.external_url.trim_end_matches('/'))
    }
}

impl Answering {
    /// Answers by what `plan` says; links are signed by `key`.
    pub fn new(key: LinkKey, plan: &Plan) -> Answering {
        Answering(Arc::new(Inner { key, rules: RwLock::new(AnswerRules::of(plan)) }))
    }

    /// From now on answers by what `plan` says.
    pub fn replace(&self, plan: &Plan) {
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = AnswerRules::of(plan);
    }

    /// What the configuration says now.
    pub fn rules(&self) -> Arc<AnswerRules> {
        Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What signs links.
    pub fn key(&self) -> &LinkKey {
        &self.0.key
    }
}
