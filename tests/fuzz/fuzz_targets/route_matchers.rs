//! Matchers of routes, in both syntaxes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::config::parse_matchers;

fuzz_target!(|text: &str| {
    let _ = parse_matchers(text);
});
