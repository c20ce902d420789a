//! Answers of any length, written piece by piece while the client reads.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::Frame;

use super::answer::json_response;
use super::json::{write_histogram_point, write_labels, write_point, write_text, write_texts};
use crate::eval::{Element, Series};
use crate::model::{Labels, SampleValue, Timestamp};
use crate::series::MetricFacts;

/// About how large a piece is, in bytes; one item may make it larger.
const PIECE_BYTES: usize = 128 << 10;

/// The items of an answer, written one after the other with commas in between.
#[derive(Debug)]
pub(super) enum Items {
    /// Series of a matrix.
    Series(IntoIter<Series>),
    /// Elements of a vector at a moment.
    Elements(IntoIter<Element>, Timestamp),
    /// Label sets.
    LabelSets(IntoIter<Labels>),
    /// Texts.
    Texts(IntoIter<String>),
    /// What is known of metrics: `"name":[...]`.
    Metrics(IntoIter<(String, Vec<MetricFacts>)>),
    /// Nothing between head and tail.
    None,
}

/// An answer with success.
#[derive(Debug)]
pub(super) struct Listing {
    /// What stands before the items; taken once it is written.
    head: Vec<u8>,
    items: Items,
    /// What stands behind them; taken once it is written.
    tail: Option<Vec<u8>>,
    is_first: bool,
}

impl Listing {
    /// `{"status":"success","data":` `open` items `close` with the remarks behind.
    pub(super) fn new(open: &[u8], items: Items, close: &[u8], warnings: &[String], infos: &[String]) -> Self {
        let head = [&br#"{"status":"success","data":"#[..], open].concat();
        let mut tail = close.to_vec();
        for (name, remarks) in [("warnings", warnings), ("infos", infos)] {
            if !remarks.is_empty() {
                tail.push(b',');
                write_text(&mut tail, name);
                tail.push(b':');
                write_texts(&mut tail, remarks);
            }
        }
        tail.push(b'}');
        Listing { head, items, tail: Some(tail), is_first: true }
    }

    /// The answer: whole if it is short, else in pieces.
    pub(super) fn into_response(mut self) -> Response {
        let first = self.piece();
        if self.tail.is_none() {
            return json_response(Body::from(first));
        }
        json_response(Body::new(Pieces { first: Some(first), rest: self }))
    }

    /// The next piece; empty at the end.
    fn piece(&mut self) -> Vec<u8> {
        if self.tail.is_none() {
            return Vec::new();
        }
        let mut out = std::mem::take(&mut self.head);
        while out.len() < PIECE_BYTES {
            let separated = out.len();
            if !self.is_first {
                out.push(b',');
            }
            if !self.items.write_next(&mut out) {
                out.truncate(separated);
                out.extend(self.tail.take().unwrap_or_default());
                break;
            }
            self.is_first = false;
        }
        out
    }
}

impl Items {
    /// Writes the next item; false if there is none.
    fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        match self {
            Items::Series(series) => series.next().map(|series| write_series(out, &series)),
            Items::Elements(elements, at) => elements.next().map(|element| write_element(out, &element, *at)),
            Items::LabelSets(sets) => sets.next().map(|labels| write_labels(out, &labels)),
            Items::Texts(texts) => texts.next().map(|text| write_text(out, &text)),
            Items::Metrics(metrics) => metrics.next().map(|(name, facts)| write_metric(out, &name, &facts)),
            Items::None => None,
        }
        .is_some()
    }
}

fn write_series(out: &mut Vec<u8>, series: &Series) {
    out.extend_from_slice(b"{\"metric\":");
    write_labels(out, &series.labels);
    let mut open: &[u8] = b",\"values\":[";
    for sample in &series.samples {
        out.extend_from_slice(std::mem::replace(&mut open, b","));
        write_point(out, sample.at, sample.value);
    }
    if !series.samples.is_empty() {
        out.push(b']');
    }
    let mut open: &[u8] = b",\"histograms\":[";
    for sample in &series.histograms {
        out.extend_from_slice(std::mem::replace(&mut open, b","));
        write_histogram_point(out, sample.at, &sample.histogram);
    }
    if !series.histograms.is_empty() {
        out.push(b']');
    }
    out.push(b'}');
}

fn write_element(out: &mut Vec<u8>, element: &Element, at: Timestamp) {
    out.extend_from_slice(b"{\"metric\":");
    write_labels(out, &element.labels);
    match &element.value {
        SampleValue::Float(value) => {
            out.extend_from_slice(b",\"value\":");
            write_point(out, at, *value);
        }
        SampleValue::Histogram(histogram) => {
            out.extend_from_slice(b",\"histogram\":");
            write_histogram_point(out, at, histogram);
        }
    }
    out.push(b'}');
}

fn write_metric(out: &mut Vec<u8>, name: &str, facts: &[MetricFacts]) {
    write_text(out, name);
    let mut open: &[u8] = b":[";
    for facts in facts {
        out.extend_from_slice(std::mem::replace(&mut open, b","));
        out.extend_from_slice(b"{\"type\":");
        write_text(out, &facts.kind);
        out.extend_from_slice(b",\"help\":");
        write_text(out, &facts.help);
        out.extend_from_slice(b",\"unit\":");
        write_text(out, &facts.unit);
        out.push(b'}');
    }
    out.extend_from_slice(if facts.is_empty() { b":[]" } else { b"]" });
}

/// A listing that is written while the client reads; it ends with the connection.
struct Pieces {
    first: Option<Vec<u8>>,
    rest: Listing,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let piece = match self.first.take() {
            Some(first) => first,
            None => self.rest.piece(),
        };
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(Bytes::from(piece)))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{BucketSpan, Histogram, HistogramSample, Sample};

    #[test]
    fn histograms_and_floats() {
        let histogram = Arc::new(Histogram {
            count: 3.0,
            sum: 4.5,
            zero_threshold: 0.25,
            zero_count: 1.0,
            positive_spans: vec![BucketSpan { offset: 0, length: 2 }],
            positive_buckets: vec![0.0, 2.0],
            ..Histogram::default()
        });
        let (at, labels) = (Timestamp::from_millis(300_500), Labels::from_pairs([("__name__", "sizes")]));
        let shown = r#"{"count":"3","sum":"4.5","buckets":[[3,"-0.25","0.25","1"],[0,"1","2","2"]]}"#;
        let element = Element { labels: labels.clone(), value: SampleValue::Histogram(histogram.clone()) };
        let empty = Element { labels: labels.clone(), value: SampleValue::Histogram(Arc::default()) };
        let series = Series {
            labels,
            samples: vec![Sample::new(at, 1.5), Sample::new(at, -1.0)],
            histograms: vec![HistogramSample { at, histogram }],
        };
        for (items, expected) in [
            (
                Items::Elements(vec![element, empty].into_iter(), at),
                format!(
                    r#"{{"metric":{{"__name__":"sizes"}},"histogram":[300.500,{shown}]}},{{"metric":{{"__name__":"sizes"}},"histogram":[300.500,{{"count":"0","sum":"0"}}]}}"#
                ),
            ),
            (
                Items::Series(vec![series].into_iter()),
                format!(
                    r#"{{"metric":{{"__name__":"sizes"}},"values":[[300.500,"1.5"],[300.500,"-1"]],"histograms":[[300.500,{shown}]]}}"#
                ),
            ),
        ] {
            let mut listing = Listing::new(b"[", items, b"]", &["w".to_owned()], &["i".to_owned(), "j".to_owned()]);
            let written = String::from_utf8(listing.piece()).expect("UTF-8");
            let expected = format!(r#"{{"status":"success","data":[{expected}],"warnings":["w"],"infos":["i","j"]}}"#);
            assert_eq!(written, expected);
            assert!(listing.piece().is_empty());
        }
    }
}
