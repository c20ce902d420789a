//! Whole files in, plans and rendered diagnostics out.

mod answers;
mod chat_receivers;
mod conformance;
mod escalation;
mod heartbeats;
mod hostile;
mod http;
mod incidents;
mod including;
mod main_files;
mod muting;
mod noise;
mod oncall;
mod paging;
mod rule_files;
mod slack_mail_webhook;
mod spans;
mod verdicts;
mod web;

use super::*;
use crate::model::{Diagnostic, render_text};

fn no_environment(_: &str) -> Option<String> {
    None
}

/// The rendered problems of a rule file.
fn rules(text: &str) -> String {
    rules_bytes(text.as_bytes())
}

fn rules_bytes(bytes: &[u8]) -> String {
    let mut files = MemoryFiles::default();
    files.0.insert("rules.yml".to_owned(), bytes.to_vec());
    render_text(&check(&["rules.yml".to_owned()], &files, &no_environment).diagnostics, false)
}

/// The rendered problems of a main file.
fn main(text: &str) -> String {
    let files = MemoryFiles::new([("watchbell.yml", text)]);
    render_text(&problems(load(Some("watchbell.yml"), &files, &no_environment)), false)
}

fn problems(loaded: Result<Loaded, Vec<Diagnostic>>) -> Vec<Diagnostic> {
    loaded.map_or_else(|problems| problems, |loaded| loaded.warnings)
}

fn plan(text: &str) -> Plan {
    let files = MemoryFiles::new([("etc/watchbell.yml", text)]);
    let environment = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
    match load(Some("etc/watchbell.yml"), &files, &environment) {
        Ok(loaded) => loaded.plan,
        Err(problems) => panic!("{}", render_text(&problems, false)),
    }
}
