mod histograms;

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::formats::Metadata;
use crate::formats::protobuf::{put_delimited, put_text, put_varint};
use crate::model::{BucketSpan, CounterResetHint, Histogram, STALE_NAN, is_stale};

/// A field of a text or a message.
fn bytes_field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_delimited(&mut out, number, content.len());
    out.extend_from_slice(content);
    out
}

fn text_field(number: u8, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, number, text);
    out
}

fn integer_field(number: u8, value: u64) -> Vec<u8> {
    let mut out = vec![number << 3];
    put_varint(&mut out, value);
    out
}

fn sample_bytes(value: f64, millis: i64) -> Vec<u8> {
    let mut out = vec![9];
    out.extend_from_slice(&value.to_bits().to_le_bytes());
    out.extend(integer_field(2, millis as u64));
    out
}

fn v1_label(name: &str, value: &str) -> Vec<u8> {
    bytes_field(1, &[text_field(1, name), text_field(2, value)].concat())
}

fn v1_series(labels: &[(&str, &str)], rest: &[Vec<u8>]) -> Vec<u8> {
    let labels: Vec<Vec<u8>> = labels.iter().map(|(name, value)| v1_label(name, value)).collect();
    bytes_field(1, &[labels.concat(), rest.concat()].concat())
}

/// A message of version 2: its symbols and its series.
fn v2(symbols: &[&str], series: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut out: Vec<u8> = symbols.iter().flat_map(|symbol| text_field(4, symbol)).collect();
    out.extend(series.iter().flat_map(|fields| bytes_field(5, &fields.concat())));
    out
}

fn series_text(decoded: &Decoded) -> Vec<String> {
    let batch = &decoded.batch.series;
    batch
        .iter()
        .flat_map(|(labels, samples)| samples.iter().map(move |s| format!("{labels} {} @{}", s.value, s.at.millis())))
        .collect()
}

#[test]
fn version_1() {
    let message = [
        v1_series(
            &[("job", "api"), ("__name__", "up"), ("empty", "")],
            &[
                bytes_field(2, &sample_bytes(2.0, 20)),
                bytes_field(2, &sample_bytes(1.0, -10)),
                bytes_field(3, b""),
                bytes_field(4, b""),
                integer_field(9, 7),
            ],
        ),
        v1_series(&[("__name__", "only_histogram")], &[bytes_field(4, b"")]),
        bytes_field(
            3,
            &[integer_field(1, 1), text_field(2, "up"), text_field(4, "Help."), text_field(5, "s")].concat(),
        ),
        bytes_field(3, &integer_field(1, 99)),
        vec![0x7d, 1, 2, 3, 4],
    ]
    .concat();
    let decoded = decode_v1(&message).expect("valid");
    assert_eq!(series_text(&decoded), ["up{job=\"api\"} 1 @-10", "up{job=\"api\"} 2 @20"]);
    assert_eq!((decoded.samples, decoded.exemplars, decoded.histograms, decoded.refused_series), (2, 1, 2, 0));
    let up = Metadata { metric: "up".into(), kind: "counter".into(), unit: "s".into(), help: "Help.".into() };
    assert_eq!(decoded.batch.metadata, [up, Metadata { kind: "unknown".into(), ..Metadata::default() }]);
}

#[test]
fn bad_labels_cost_only_their_series() {
    let one = [bytes_field(2, &sample_bytes(1.0, 1))];
    let many: Vec<(String, String)> = (0..=LABELS_PER_SERIES_MAX).map(|i| (format!("l{i}"), "x".into())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (labels, reason) in [
        (vec![("job", "api")], "byte 2: series `{job=\"api\"}`: no label `__name__`"),
        (vec![("__name__", "")], "byte 2: series `{}`: no label `__name__`"),
        (vec![("__name__", "a"), ("b", "1"), ("b", "2")], "byte 2: series `a{b=\"1\"}`: label `b` given twice"),
        (vec![("__name__", "a"), ("", "1")], "byte 2: series `a`: a label without a name"),
        (many, "more than 1024 labels"),
    ] {
        let message = [v1_series(&labels, &one), v1_series(&[("__name__", "good")], &one)].concat();
        let decoded = decode_v1(&message).expect("valid");
        assert_eq!(series_text(&decoded), ["good 1 @1"]);
        assert_eq!((decoded.samples, decoded.refused_series), (1, 1));
        let refusal = decoded.refusal.expect("a reason").to_string();
        assert!(refusal.contains(reason), "{refusal}");
    }
}

#[test]
fn malformed_version_1() {
    let label_of = |bytes: &[u8]| bytes_field(1, &bytes_field(1, bytes));
    for (bytes, message) in [
        (vec![0x0a], "byte 1: the input ends inside a number"),
        (vec![0x0a, 5, 1], "byte 2: a field of 5 bytes where 1 are left"),
        (vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], "bytes where 0 are left"),
        (vec![0xff; 12], "byte 0: a number of more than 64 bits"),
        ([vec![0x80; 9], vec![2, 0]].concat(), "byte 0: a number of more than 64 bits"),
        (vec![0x00, 0], "byte 0: 0 is no number of a field"),
        (vec![0x0b, 0x0b, 0x0b], "byte 0: a group, which no message here uses"),
        (vec![0x0f], "byte 0: unknown wire type 7"),
        (vec![0x08, 1], "byte 0: field 1 is not a message"),
        (vec![0x09, 1, 2, 3], "byte 1: a field of 8 bytes where 3 are left"),
        (label_of(&[0x0a, 1, 0xff]), "byte 6: a text that is not UTF-8"),
        (label_of(&[0x08, 1]), "byte 4: field 1 is not a text"),
        (bytes_field(1, &bytes_field(2, &[0x08, 1])), "byte 4: field 1 is not a double"),
        (bytes_field(1, &bytes_field(2, &[0x12, 0])), "byte 4: field 2 is not an integer"),
    ] {
        let error = decode_v1(&bytes).expect_err(message).to_string();
        assert!(error.ends_with(message), "{error} / {message}");
    }
}

#[test]
fn version_2() {
    let symbols = ["", "__name__", "up", "job", "api", "Help.", "seconds"];
    let metadata = [integer_field(1, 2), integer_field(3, 5), integer_field(4, 6)].concat();
    let start = [sample_bytes(1.0, 5), integer_field(3, 1)].concat();
    let message = v2(
        &symbols,
        &[
            vec![
                bytes_field(1, &[3, 4, 1, 2]),
                bytes_field(2, &start),
                bytes_field(5, &metadata),
                bytes_field(4, b""),
                integer_field(6, 9),
            ],
            [1, 1, 1, 2].iter().zip([1, 2, 3, 4]).map(|(_, reference)| integer_field(1, reference)).collect(),
            vec![bytes_field(1, &[1, 2]), bytes_field(3, b""), bytes_field(5, &integer_field(1, 1))],
            vec![bytes_field(1, &[3, 4]), bytes_field(2, &sample_bytes(1.0, 5))],
        ],
    );
    let decoded = decode_v2(&message).expect("valid");
    assert_eq!(series_text(&decoded), ["up{job=\"api\"} 1 @5"]);
    assert_eq!((decoded.samples, decoded.exemplars, decoded.histograms, decoded.refused_series), (1, 1, 1, 1));
    let up = Metadata { metric: "up".into(), kind: "gauge".into(), unit: "seconds".into(), help: "Help.".into() };
    assert_eq!(decoded.batch.metadata, [up]);
}

#[test]
fn malformed_version_2() {
    let symbols = ["", "__name__", "up"];
    for (message, expected) in [
        (v2(&symbols, &[vec![bytes_field(1, &[1, 3])]]), "byte 21: reference to symbol 3, of which there are 3"),
        (v2(&symbols, &[vec![bytes_field(1, &[1, 2, 1])]]), "byte 23: a label name without a value"),
        (v2(&symbols, &[vec![bytes_field(1, &[1, 0x80])]]), "byte 21: the input ends inside a number"),
        (
            v2(&symbols, &[vec![bytes_field(5, &integer_field(3, 9))]]),
            "byte 20: reference to symbol 9, of which there are 3",
        ),
        (v2(&["a"], &[]), "byte 0: the first symbol is not empty"),
    ] {
        assert_eq!(decode_v2(&message).expect_err(expected).to_string(), expected);
    }
}

#[test]
fn symbols_cannot_be_used_to_fill_the_memory() {
    let long = "x".repeat(1 << 20);
    let series = vec![bytes_field(1, &[1, 2, 3, 4, 3, 4, 3, 4, 3, 4])];
    let message = v2(&["", "__name__", "a", "b", &long], &vec![series; 100]);
    let error = decode_v2(&message).expect_err("a bomb");
    assert_eq!(error.message, "the labels, metadata and histograms of this message expand to more than 256 MiB");
}

#[test]
fn metadata_cannot_be_used_to_fill_the_memory() {
    let names: Vec<String> = (0..64).map(|number| format!("m{number}")).collect();
    let long = "\u{e4}".repeat(3 << 10);
    let mut symbols = vec!["", "__name__", &long];
    symbols.extend(names.iter().map(String::as_str));
    let described = |name: u8| {
        let metadata = [integer_field(3, 2), integer_field(4, 2)].concat();
        vec![bytes_field(1, &[1, name + 3]), bytes_field(5, &metadata)]
    };
    let message = v2(&symbols, &(0..64).map(described).collect::<Vec<_>>());
    let decoded = decode_v2(&message).expect("within the limit");
    assert_eq!(decoded.batch.metadata.len(), 64);
    assert!(decoded.batch.metadata.iter().all(|metadata| (metadata.help.len(), metadata.unit.len()) == (4096, 4096)));
    assert!(v2::decode(&message, 64 * 8192).expect_err("a bomb").message.contains("expand to more than"));

    let text = [text_field(2, "m"), text_field(4, &long)].concat();
    let decoded = decode_v1(&bytes_field(3, &text)).expect("within the limit");
    assert_eq!(decoded.batch.metadata[0].help.len(), 4096);
    let empty = bytes_field(3, b"").repeat(64);
    assert_eq!(decode_v1(&empty).expect("within the limit").batch.metadata.len(), 64);
    assert!(v1::decode(&empty, 64 * 20).expect_err("a bomb").message.contains("expand to more than"));
}

#[test]
fn snappy_is_bounded_before_it_is_unpacked() {
    let body = snap::raw::Encoder::new().compress_vec(&[7; 1000]).expect("small");
    assert_eq!(decompress(&body, 1000).expect("fits"), [7; 1000]);
    assert_eq!(decompress(&body, 999), Err(DecompressError::TooLarge { bytes: 1000, bytes_max: 999 }));
    // announces 4 GiB - 1 and holds nothing
    let bomb = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    for (body, bytes_max) in
        [(&bomb[..], usize::MAX), (&body[..body.len() - 1], 1000), (&[][..], 1000), (&[0xff; 9][..], 9)]
    {
        assert!(matches!(decompress(body, bytes_max), Err(DecompressError::Malformed { .. })), "{body:?}");
    }
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let labels = prop::collection::btree_map("[a-z.ä]{1,6}", ".{1,30}", 0..4);
    ("[a-z]{1,8}", labels).prop_map(|(name, labels)| {
        let mut builder = Labels::from_pairs(labels).builder();
        builder.set(METRIC_NAME, &name);
        builder.finish()
    })
}

fn any_histogram() -> impl Strategy<Value = Arc<Histogram>> {
    let hint = prop::sample::select(vec![
        CounterResetHint::Unknown,
        CounterResetHint::Reset,
        CounterResetHint::NotReset,
        CounterResetHint::Gauge,
    ]);
    let counts = || prop::collection::vec(0.0..1e9, 0..5);
    let span = |buckets: &Vec<f64>, offset| match buckets.len() {
        0 => Vec::new(),
        length => vec![BucketSpan { offset, length: length as u32 }],
    };
    (hint, -4..=8, -9..9, counts(), counts(), -1e9..1e9).prop_map(
        move |(counter_reset_hint, schema, offset, positive_buckets, negative_buckets, sum)| {
            Arc::new(Histogram {
                counter_reset_hint,
                schema,
                zero_threshold: 0.5,
                zero_count: 1.0,
                count: 1.0 + positive_buckets.iter().sum::<f64>() + negative_buckets.iter().sum::<f64>(),
                sum,
                positive_spans: span(&positive_buckets, offset),
                negative_spans: span(&negative_buckets, -offset),
                positive_buckets,
                negative_buckets,
                custom_values: Vec::new(),
            })
        },
    )
}

/// Batches of distinct series, each with some samples and perhaps a start time for the first of them.
fn any_batch() -> impl Strategy<Value = Batch> {
    let value = prop_oneof![any::<f64>(), Just(STALE_NAN), Just(f64::NAN), Just(f64::INFINITY)];
    let samples = prop_oneof![
        prop::collection::btree_map(any::<i64>(), value, 1..4).prop_map(Ok),
        prop::collection::btree_map(any::<i64>(), any_histogram(), 1..4).prop_map(Err),
    ];
    let start = prop::option::of(1..i64::MAX);
    let series = prop::collection::btree_map(any_labels(), (samples, start), 0..5);
    let metadata = (".{0,9}", 0..8usize, ".{0,9}", ".{0,200}").prop_map(|(metric, kind, unit, help)| Metadata {
        metric,
        kind: METRIC_KINDS[kind].to_owned(),
        unit,
        help,
    });
    (series, prop::collection::vec(metadata, 0..3)).prop_map(|(series, metadata)| {
        let mut batch = Batch { metadata, ..Batch::default() };
        let time = Timestamp::from_millis;
        for (labels, (samples, start)) in series {
            let mut first = None;
            match samples {
                Ok(floats) => {
                    first = first.or(floats.keys().next().copied());
                    let samples = floats.into_iter().map(|(at, value)| Sample::new(time(at), value)).collect();
                    batch.series.push((labels.clone(), samples));
                }
                Err(histograms) => {
                    first = first.or(histograms.keys().next().copied());
                    let samples =
                        histograms.into_iter().map(|(at, histogram)| HistogramSample { at: time(at), histogram });
                    batch.histograms.push((labels.clone(), samples.collect()));
                }
            }
            if let (Some(at), Some(start)) = (first, start) {
                batch.starts.push((labels, vec![StartTime { at: time(at), start: time(start) }]));
            }
        }
        batch
    })
}

/// A batch with each value as its bits, so that NaNs can be compared.
fn bits(batch: &Batch) -> Vec<(Labels, Vec<(i64, u64)>)> {
    let bits_of = |samples: &[Sample]| samples.iter().map(|s| (s.at.millis(), s.value.to_bits())).collect();
    batch.series.iter().map(|(labels, samples)| (labels.clone(), bits_of(samples))).collect()
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(batch in any_batch()) {
        let decoded = decode_v1(&decompress(&encode_v1(&batch), usize::MAX).expect("own bytes")).expect("own bytes");
        prop_assert_eq!(bits(&decoded.batch), bits(&batch));
        prop_assert_eq!(&decoded.batch.metadata, &batch.metadata);
        prop_assert_eq!(&decoded.batch.histograms, &batch.histograms);
        let in_order = |mut starts: Vec<(Labels, Vec<StartTime>)>| {
            starts.sort_by(|(one, _), (other, _)| one.cmp(other));
            starts
        };
        prop_assert_eq!(in_order(decoded.batch.starts), in_order(batch.starts.clone()));
        prop_assert_eq!(decoded.samples + decoded.histograms, batch.sample_count());
        prop_assert_eq!(decoded.refused_histograms, 0);
        prop_assert_eq!(decoded.refused_series, 0);
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_v1(&bytes);
        let _ = decode_v2(&bytes);
        let _ = decompress(&bytes, 1 << 20);
    }

    #[test]
    fn never_panics_on_damaged_messages(
        batch in any_batch(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = decompress(&encode_v1(&batch), usize::MAX).expect("own bytes");
        bytes.extend(v2(&["", "__name__", "a"], &[vec![bytes_field(1, &[1, 2]), bytes_field(2, &sample_bytes(1.0, 1))]]));
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = decode_v1(&bytes);
        let _ = decode_v2(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = decode_v1(&bytes);
        let _ = decode_v2(&bytes);
    }
}

#[test]
fn the_staleness_marker_survives() {
    let labels = Labels::from_pairs([(METRIC_NAME, "a")]);
    let batch = Batch { series: vec![(labels, vec![Sample::stale(Timestamp::from_millis(1))])], ..Batch::default() };
    let decoded = decode_v1(&decompress(&encode_v1(&batch), 1000).expect("own bytes")).expect("own bytes");
    assert!(is_stale(decoded.batch.series[0].1[0].value));
}
