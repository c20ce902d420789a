use super::*;

/// The fields of an integer histogram: buckets 2 and 1 at 0 and 1, 3 at 4; one negative; two in the zero bucket.
fn integer_histogram() -> Vec<u8> {
    let double = |number: u8, value: f64| [vec![number << 3 | 1], value.to_bits().to_le_bytes().to_vec()].concat();
    let span = |offset: u64, length: u64| [integer_field(1, offset << 1), integer_field(2, length)].concat();
    [
        integer_field(1, 9),
        double(3, 12.5),
        integer_field(4, 3), // zigzag: -2
        double(5, 0.001),
        integer_field(6, 2),
        bytes_field(8, &span(0, 1)),
        bytes_field(9, &[2]),
        bytes_field(11, &span(0, 2)),
        bytes_field(11, &span(2, 1)),
        bytes_field(12, &[4, 1, 4]), // zigzag: 2, -1, 2
        integer_field(14, 2),
        integer_field(15, 30),
    ]
    .concat()
}

/// An integer in a field above 15, whose key takes two bytes.
fn wide(number: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, number << 3);
    put_varint(&mut out, value);
    out
}

#[test]
fn both_versions() {
    let expected = Histogram {
        counter_reset_hint: CounterResetHint::NotReset,
        schema: -2,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 9.0,
        sum: 12.5,
        positive_spans: vec![BucketSpan { offset: 0, length: 2 }, BucketSpan { offset: 2, length: 1 }],
        positive_buckets: vec![2.0, 1.0, 3.0],
        negative_spans: vec![BucketSpan { offset: 0, length: 1 }],
        negative_buckets: vec![1.0],
        custom_values: Vec::new(),
    };
    let stale = [vec![3 << 3 | 1], STALE_NAN.to_bits().to_le_bytes().to_vec(), integer_field(15, 40)].concat();
    let began = [integer_histogram(), wide(17, 5)].concat();
    let messages = |number| [bytes_field(number, &stale), bytes_field(number, &began)];
    let v1 = v1_series(&[("__name__", "h")], &messages(4));
    let v2 = v2(&["", "__name__", "h"], &[[vec![bytes_field(1, &[1, 2])], messages(3).to_vec()].concat()]);
    for decoded in [decode_v1(&v1).expect("valid"), decode_v2(&v2).expect("valid")] {
        let labels = Labels::from_pairs([(METRIC_NAME, "h")]);
        let at = Timestamp::from_millis(30);
        let sample = HistogramSample { at, histogram: Arc::new(expected.clone()) };
        assert_eq!(decoded.batch.histograms, [(labels.clone(), vec![sample])]);
        assert_eq!(decoded.batch.starts, [(labels, vec![StartTime { at, start: Timestamp::from_millis(5) }])]);
        assert_eq!(series_text(&decoded), ["h NaN @40"]);
        assert!(is_stale(decoded.batch.series[0].1[0].value));
        assert_eq!((decoded.samples, decoded.histograms, decoded.refused_histograms), (0, 2, 0));
    }
}

#[test]
fn an_impossible_one_costs_only_itself() {
    let many = bytes_field(12, &vec![0; (1 << 16) + 1]);
    let message = v1_series(&[("__name__", "h")], &[bytes_field(4, &many), bytes_field(4, &integer_histogram())]);
    let decoded = decode_v1(&message).expect("valid");
    assert_eq!((decoded.histograms, decoded.refused_histograms, decoded.refused_series), (1, 1, 0));
    let refusal = decoded.refusal.expect("a reason").to_string();
    assert!(refusal.ends_with("a histogram of more than 65536 buckets"), "{refusal}");
}

/// A histogram of two bytes on the wire takes some two hundred in memory.
#[test]
fn they_cannot_be_used_to_fill_the_memory() {
    let empty = bytes_field(4, b"").repeat(64);
    let message = v1_series(&[("__name__", "h")], &[empty]);
    assert_eq!(decode_v1(&message).expect("within the limit").histograms, 64);
    assert!(v1::decode(&message, 64 * 100).expect_err("a bomb").message.contains("expand to more than"));
}

/// A start time of the whole series, as drafts of version 2 had it, holds for samples without their own.
#[test]
fn start_times() {
    let own = [sample_bytes(1.0, 20), integer_field(3, 15)].concat();
    let message = v2(
        &["", "__name__", "a"],
        &[vec![
            bytes_field(1, &[1, 2]),
            bytes_field(2, &sample_bytes(1.0, 30)),
            bytes_field(2, &own),
            integer_field(6, 7),
        ]],
    );
    let decoded = decode_v2(&message).expect("valid");
    let starts: Vec<_> = decoded.batch.starts[0].1.iter().map(|s| (s.at.millis(), s.start.millis())).collect();
    assert_eq!(starts, [(20, 15), (30, 7)]);
}
