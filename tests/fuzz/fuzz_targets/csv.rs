//! A CSV fixture.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::formats::csv::parse;

fuzz_target!(|text: &[u8]| {
    if let Ok(batch) = parse(text, "fixture") {
        assert!(batch.series.iter().all(|(_, samples)| samples.is_sorted_by_key(|sample| sample.at)));
    }
});
