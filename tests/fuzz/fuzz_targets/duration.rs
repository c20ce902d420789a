//! Durations; one that was read is printed and read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::model::{format_duration, parse_duration};

fuzz_target!(|text: &str| {
    if let Ok(duration) = parse_duration(text) {
        assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }
});
