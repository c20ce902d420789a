use proptest::prelude::*;

use super::*;
use crate::formats::protobuf::{put_delimited, put_double, put_doubles, put_integer, put_text, put_varint, put_zigzag};
use crate::model::{BucketSpan, Histogram, format_value};

const NATIVE: HistogramForms = HistogramForms { native: true, always_classic: false };
const CLASSIC: HistogramForms = HistogramForms { native: false, always_classic: false };
const BOTH: HistogramForms = HistogramForms { native: true, always_classic: true };

/// The fields that `write` writes.
fn fields(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn message(number: u8, content: &[u8]) -> Vec<u8> {
    fields(|out| {
        put_delimited(out, number, content.len());
        out.extend_from_slice(content);
    })
}

fn double(number: u8, value: f64) -> Vec<u8> {
    fields(|out| put_double(out, number, value))
}

fn integer(number: u8, value: u64) -> Vec<u8> {
    fields(|out| put_integer(out, number, value))
}

fn text(number: u8, value: &str) -> Vec<u8> {
    fields(|out| put_text(out, number, value))
}

fn label(name: &str, value: &str) -> Vec<u8> {
    message(1, &[text(1, name), text(2, value)].concat())
}

/// A family behind its length.
fn family(name: &str, kind: u64, metrics: &[Vec<u8>]) -> Vec<u8> {
    let head = [text(1, name), text(2, "Help."), integer(3, kind)].concat();
    let metrics: Vec<u8> = metrics.iter().flat_map(|metric| message(4, metric)).collect();
    let content = [head, metrics].concat();
    fields(|out| {
        put_varint(out, content.len() as u64);
        out.extend_from_slice(&content);
    })
}

fn created(number: u8) -> Vec<u8> {
    message(number, &[integer(1, 7), integer(2, 500_000_000)].concat())
}

fn spans(number: u8, offset: i64, length: u64) -> Vec<u8> {
    message(
        number,
        &fields(|out| {
            put_zigzag(out, 1, offset);
            put_integer(out, 2, length);
        }),
    )
}

/// Classic buckets 2 up to 1 and 3 up to infinity, with an exemplar.
fn classic() -> Vec<u8> {
    [
        message(3, &[integer(1, 2), double(2, 1.0), message(3, b"")].concat()),
        message(3, &[integer(1, 3), double(2, f64::INFINITY)].concat()),
    ]
    .concat()
}

fn integer_histogram() -> Vec<u8> {
    let deltas = message(13, &[2, 2]); // zigzag: 1, 1
    [integer(1, 3), double(2, 4.5), classic(), spans(12, 1, 2), deltas, double(6, 0.001), created(15)].concat()
}

fn float_histogram() -> Vec<u8> {
    let counts = fields(|out| put_doubles(out, 14, &[0.5, 1.0]));
    [double(4, 1.5), double(2, 4.5), spans(12, 1, 2), counts].concat()
}

fn lines(bytes: &[u8], forms: HistogramForms) -> Result<Vec<String>, FormatError> {
    let mut reader = ProtobufReader::new(bytes, forms);
    let mut lines = Vec::new();
    while let Some(family) = reader.next_family()? {
        for metric in &family.metrics {
            for point in &metric.points {
                let value = match &point.value {
                    SampleValue::Float(value) => format_value(*value),
                    SampleValue::Histogram(histogram) => {
                        format!("{:?} of {}", histogram.positive_buckets, histogram.count)
                    }
                };
                let at = point.at.map_or(String::new(), |at| format!(" @{}", at.millis()));
                let start = metric.start.map_or(String::new(), |start| format!(" since {}", start.millis()));
                lines.push(format!("{} {value}{at}{start}", family.labels(metric, point)));
            }
        }
    }
    Ok(lines)
}

#[test]
fn every_type() {
    let exposition = [
        family("c_total", 0, &[[label("a", "b"), message(3, &[double(1, 3.0), created(3)].concat())].concat()]),
        family("g", 1, &[[message(2, &double(1, -1.5)), integer(6, 9)].concat(), vec![]]),
        family(
            "s",
            2,
            &[message(
                4,
                &[integer(1, 4), double(2, 5.0), message(3, &[double(1, 0.5), double(2, 1.25)].concat()), created(4)]
                    .concat(),
            )],
        ),
        family("u", 3, &[message(5, &double(1, f64::NAN))]),
        family(
            "h",
            4,
            &[message(
                7,
                &[integer(1, 5), double(2, 9.0), message(3, &[integer(1, 2), double(2, 10.0)].concat())].concat(),
            )],
        ),
        family("none", 1, &[]),
    ]
    .concat();
    assert_eq!(
        lines(&exposition, NATIVE).expect("valid"),
        [
            "c_total{a=\"b\"} 3 since 7500",
            "g -1.5 @9",
            "g 0",
            "s_count 4 since 7500",
            "s_sum 5 since 7500",
            "s{quantile=\"0.5\"} 1.25 since 7500",
            "u NaN",
            "h_count 5",
            "h_sum 9",
            "h_bucket{le=\"10.0\"} 2",
            "h_bucket{le=\"+Inf\"} 5",
        ]
    );
    let first = ProtobufReader::new(&exposition, NATIVE).next_family().expect("valid").expect("one");
    let metadata =
        Metadata { metric: "c_total".into(), kind: "counter".into(), unit: String::new(), help: "Help.".into() };
    assert_eq!((first.metadata, first.is_described), (metadata, true));
}

#[test]
fn forms_of_histograms() {
    let classic = [
        "h_count 3 since 7500",
        "h_sum 4.5 since 7500",
        "h_bucket{le=\"1.0\"} 2 since 7500",
        "h_bucket{le=\"+Inf\"} 3 since 7500",
    ];
    let native = ["h [1.0, 2.0] of 3 since 7500"];
    let integers = family("h", 4, &[message(7, &integer_histogram())]);
    assert_eq!(lines(&integers, NATIVE).expect("valid"), native);
    assert_eq!(lines(&integers, CLASSIC).expect("valid"), classic);
    assert_eq!(lines(&integers, BOTH).expect("valid"), [&native[..], &classic].concat());
    let floats = family("h", 5, &[message(7, &float_histogram())]);
    assert_eq!(lines(&floats, BOTH).expect("valid"), ["h [0.5, 1.0] of 1.5"]);
    let found = ProtobufReader::new(&floats, BOTH).next_family().expect("valid").expect("one");
    let expected = Histogram {
        counter_reset_hint: CounterResetHint::Gauge,
        count: 1.5,
        sum: 4.5,
        positive_spans: vec![BucketSpan { offset: 1, length: 2 }],
        positive_buckets: vec![0.5, 1.0],
        ..Histogram::default()
    };
    assert_eq!(found.metrics[0].points[0].value, SampleValue::Histogram(expected.into()));
    let without_observations = family("h", 4, &[message(7, &spans(12, 0, 0))]);
    assert_eq!(lines(&without_observations, NATIVE).expect("valid"), ["h [] of 0"]);
}

#[test]
fn refused() {
    let gauge = |labels: &[u8]| family("g", 1, &[labels.to_vec()]);
    for (bytes, message) in [
        (vec![5, 1], "byte 1: a field of 5 bytes where 1 are left"),
        (family("", 1, &[]), "byte 1: a metric family without a name"),
        (family("g", 6, &[]), "byte 11: 6 is no type of a metric"),
        (gauge(&[label("a", "1"), label("a", "2")].concat()), "byte 23: label `a` is given twice"),
        (gauge(&label("", "1")), "byte 15: a label without a name"),
        (gauge(&label("a", "1").repeat(1)[..3]), "a field of"),
    ] {
        let error = lines(&bytes, NATIVE).expect_err(message).to_string();
        assert!(error.contains(message), "{error} / {message}");
    }
}

/// A long label, which stands once on the wire, in each of very many buckets.
#[test]
fn labels_cannot_be_used_to_fill_the_memory() {
    let buckets = message(3, b"").repeat(20_000);
    let metric = [label("a", &"x".repeat(60_000)), message(7, &buckets)].concat();
    let error = lines(&family("h", 4, &[metric]), NATIVE).expect_err("a bomb");
    assert_eq!(error.message, "the labels of this exposition expand to more than 1 GiB");
    let error = lines(&family("h", 4, &[message(7, &message(3, b"").repeat(70_000))]), NATIVE).expect_err("too many");
    assert_eq!(error.message, "a metric with more than 65536 buckets or quantiles");
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), start in 0..3usize, at: prop::sample::Index) {
        let mut whole = [
            vec![],
            family("h", 4, &[[label("a", "b"), message(7, &integer_histogram())].concat()]),
            family("h", 5, &[message(7, &float_histogram())]),
        ][start].clone();
        let at = at.index(whole.len() + 1);
        whole.splice(at..(at + bytes.len() / 16).min(whole.len()), bytes);
        let _ = lines(&whole, BOTH);
    }
}
