//! Both text formats: names are there and times in order.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::formats::exposition::{Dialect, parse};
use watchbell::model::Timestamp;

fuzz_target!(|text: &[u8]| {
    for dialect in [Dialect::Prometheus, Dialect::OpenMetrics] {
        let Ok(batch) = parse(text, dialect, Timestamp::default(), true) else { continue };
        for (labels, samples) in &batch.series {
            assert!(!labels.metric_name().is_empty());
            assert!(samples.is_sorted_by(|a, b| a.at < b.at), "{labels}");
        }
    }
});
