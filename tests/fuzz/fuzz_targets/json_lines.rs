//! The body of an import.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::formats::json_lines::parse;
use watchbell::model::Timestamp;

fuzz_target!(|text: &[u8]| {
    if let Ok(batch) = parse(text, Timestamp::default()) {
        assert!(batch.series.iter().all(|(labels, samples)| !labels.metric_name().is_empty() && !samples.is_empty()));
    }
});
