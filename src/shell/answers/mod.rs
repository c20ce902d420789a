//! The ways by which people answer pages from outside: links, buttons, replies. What comes in is checked and read here, without a
//! socket.

pub mod command;
pub(crate) mod form;
mod key;
mod link;
pub(crate) mod page;
pub mod pagerduty;
mod seen;
mod signature;
pub mod slack;
pub mod telegram;
pub mod twilio;
mod ways;

pub use command::{Command, Verb};
pub use key::{KeyError, LinkKey};
pub use link::{Link, LinkAction, LinkError, LinkMaker, SNOOZE, answer_links};
pub use seen::{Seen, done_text};
pub use ways::AnswerWays;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::config::{Answers, Plan};
use crate::deliver::{Channel, HttpConfig};

/// How many incidents of PagerDuty are known by their ids.
const PAGERDUTY_INCIDENTS_MAX: usize = 1_000;

/// What answers are taken by; clones are the same one.
#[derive(Clone, Debug)]
pub struct Answering(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: LinkKey,
    rules: RwLock<Arc<AnswerRules>>,
    /// The ids of incidents of PagerDuty with their keys: of notes, PagerDuty tells the id alone.
    pagerduty: Mutex<VecDeque<(String, String)>>,
}

/// What the configuration says of answers.
#[derive(Clone, Debug)]
pub struct AnswerRules {
    /// The ways that are open, with their secrets.
    pub answers: Answers,
    /// The address under which people, and what sends answers, reach Watchbell.
    pub external_url: String,
    /// How Slack is reached: as by the first receiver of that kind, without its credentials.
    pub slack_http: HttpConfig,
}

impl AnswerRules {
    fn of(plan: &Plan) -> Arc<AnswerRules> {
        let integrations = plan.engine.receivers.iter().flat_map(|receiver| &receiver.integrations);
        let mut slack_http = integrations.filter_map(|integration| match &integration.channel {
            Channel::Slack(config) => Some(HttpConfig { headers: Vec::new(), ..config.http.without_authorization() }),
            _ => None,
        });
        Arc::new(AnswerRules {
            answers: plan.answers.clone(),
            external_url: plan.engine.external_url.clone(),
            slack_http: HttpConfig { follow_redirects: false, ..slack_http.next().unwrap_or_default() },
        })
    }

    /// The address of `path`, as others know it.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.external_url.trim_end_matches('/'))
    }
}

impl Answering {
    /// Answers by what `plan` says; links are signed by `key`.
    pub fn new(key: LinkKey, plan: &Plan) -> Answering {
        Answering(Arc::new(Inner { key, rules: RwLock::new(AnswerRules::of(plan)), pagerduty: Mutex::default() }))
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

    /// Takes note of the key of an incident of PagerDuty.
    pub(crate) fn learn_pagerduty(&self, incident: &str, key: &str) {
        let mut known = self.0.pagerduty.lock().unwrap_or_else(PoisonError::into_inner);
        if !incident.is_empty() && !known.iter().any(|(id, _)| id == incident) {
            known.push_back((incident.to_owned(), key.to_owned()));
            if known.len() > PAGERDUTY_INCIDENTS_MAX {
                known.pop_front();
            }
        }
    }

    /// The key of an incident of PagerDuty, if it was told since the start.
    pub(crate) fn pagerduty_key(&self, incident: &str) -> Option<String> {
        let known = self.0.pagerduty.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(id, _)| id == incident).map(|(_, key)| key.clone())
    }
}
