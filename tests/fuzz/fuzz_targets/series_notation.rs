//! A series, its values, and a fixture file of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::formats::parse_series;
use watchbell::formats::series_notation::{POINTS_PER_SERIES_MAX, parse_file, parse_series_values};

fuzz_target!(|bytes: &[u8]| {
    let _ = parse_file(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(points) = parse_series_values(text) {
        assert!(points.len() <= POINTS_PER_SERIES_MAX);
    }
    let _ = parse_series(text);
});
