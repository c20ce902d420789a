//! The plain message; what was read can be kept in version 1.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::formats::remote_write::{decode_v1, decode_v2, decompress, encode_v1};

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = decode_v2(bytes) else { return };
    let written = decompress(&encode_v1(&decoded.batch), usize::MAX).expect("own bytes");
    let again = decode_v1(&written).expect("own bytes");
    // A histogram that marks an end is read back as the float that it became.
    assert_eq!(again.samples + again.histograms, decoded.samples + decoded.histograms);
    assert_eq!((again.refused_series, again.refused_histograms), (0, 0));
    assert_eq!(again.batch.metadata, decoded.batch.metadata);
});
