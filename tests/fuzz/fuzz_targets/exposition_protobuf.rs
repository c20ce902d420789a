//! The protobuf exposition and both texts, family by family: labels are sound, and classic histograms can be converted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::formats::exposition::{Dialect, Families, Format, HistogramForms};
use watchbell::model::SampleValue;

fuzz_target!(|bytes: &[u8]| {
    let forms = HistogramForms { native: true, always_classic: bytes.len() % 2 == 0 };
    for format in [Format::Protobuf, Format::Text(Dialect::Prometheus), Format::Text(Dialect::OpenMetrics)] {
        let Ok(mut families) = Families::new(bytes, format, forms) else { continue };
        while let Ok(Some(mut family)) = families.next_family() {
            for metric in &mut family.metrics {
                metric.convert_classic(true);
            }
            for metric in &family.metrics {
                for point in &metric.points {
                    assert!(!family.labels(metric, point).metric_name().is_empty());
                    if let SampleValue::Histogram(histogram) = &point.value {
                        histogram.validate().expect("what is read is valid");
                    }
                }
            }
        }
    }
});
