//! Selectors of series.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::lang::parse_matchers;

fuzz_target!(|text: &str| {
    let _ = parse_matchers(text);
});
