//! `POST /api/v1/write`: Prometheus's remote write 1.0 and 2.0.
//!
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/>, <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, debug, info_span, warn};

use super::http::{Push, RETRY_AFTER_SECONDS, Refusal, body, decode, header};
use super::intake::{Source, Stored, Wire, WireKind};
use crate::formats::remote_write::{Decoded, DecompressError, decode_v1, decode_v2, decompress};
use crate::model::TraceId;
use crate::shell::clock::Started;

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

const MEDIA_TYPE: &str = "application/x-protobuf";
const ENCODING: &str = "snappy";
const MESSAGE_V1: &str = "prometheus.WriteRequest";
const MESSAGE_V2: &str = "io.prometheus.write.v2.Request";

/// The handler.
pub(super) async fn write(State(push): State<Push>, request: Request) -> Response {
    let started = push.clock.start();
    let trace = push.trace(request.headers());
    let span = info_span!("remote_write", trace_id = %trace);
    let message = match message_of(request.headers()) {
        Ok(message) => message,
        Err(refusal) => return refused(&push, refusal, false),
    };
    let is_v2 = message == WireKind::RemoteWriteV2;
    match accept(&push, message, request, trace, started).instrument(span.clone()).await {
        Ok(written) => span.in_scope(|| answer(&written, is_v2)),
        Err(refusal) => span.in_scope(|| refused(&push, refusal, is_v2)),
    }
}

/// What was written of a message, and what was not.
#[derive(Debug, Default)]
struct Written {
    stored: Stored,
    refused_series: usize,
    refused_histograms: usize,
    refusal: Option<String>,
    /// How many of the stored samples came as histograms and mark the end of their series.
    ended: u64,
}

/// The message that a request's headers announce. The specification has senders name type and encoding and leaves open what
/// a receiver does when they do not; as in Prometheus, that is the message of version 1, and snappy.
fn message_of(headers: &HeaderMap) -> Result<WireKind, Refusal> {
    let unsupported =
        |message: String| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message);
    let said = |name: HeaderName| header(headers, name.as_str()).filter(|value| !value.is_empty());
    let content_type = said(CONTENT_TYPE).unwrap_or(MEDIA_TYPE);
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().unwrap_or_default().eq_ignore_ascii_case(MEDIA_TYPE) {
        return Err(unsupported(format!("Content-Type is {content_type:?}; send {MEDIA_TYPE}")));
    }
    let mut message = MESSAGE_V1;
    for part in parts {
        match part.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("proto") => {
                message = value.trim().trim_matches('"')
            }
            _ => {}
        }
    }
    let kind = match message {
        MESSAGE_V1 => WireKind::RemoteWriteV1,
        MESSAGE_V2 => WireKind::RemoteWriteV2,
        other => {
            return Err(unsupported(format!("the message {other:?} is unknown; send {MESSAGE_V1} or {MESSAGE_V2}")));
        }
    };
    let encoding = said(CONTENT_ENCODING).unwrap_or(ENCODING);
    if !encoding.eq_ignore_ascii_case(ENCODING) {
        return Err(unsupported(format!("Content-Encoding is {encoding:?}; send {ENCODING}")));
    }
    Ok(kind)
}

async fn accept(
    push: &Push,
    message: WireKind,
    request: Request,
    trace: TraceId,
    started: Started,
) -> Result<Written, Refusal> {
    let _place = push.place()?;
    let bytes = body(request, push.limits.compressed_bytes_max).await?;
    let (packed, unpacked_max) = (bytes.clone(), push.limits.uncompressed_bytes_max);
    let decoded = decode(bytes.len(), move || read(&packed, message, unpacked_max)).await?;
    let mut written = Written {
        refused_series: decoded.refused_series,
        refusal: decoded.refusal.as_ref().map(ToString::to_string),
        refused_histograms: decoded.refused_histograms,
        ended: ended_histograms(&decoded),
        ..Written::default()
    };
    if !decoded.batch.is_empty() {
        let wire = Wire { kind: message, bytes };
        let now = push.clock.now();
        written.stored = push.submit(decoded.batch, wire, Source::RemoteWrite, trace, now, started).await?;
    }
    let left_out = [("invalid_labels", written.refused_series), ("invalid_histogram", written.refused_histograms)];
    for (reason, count) in left_out {
        push.metrics.samples_rejected("remote_write", reason, count as u64);
    }
    Ok(written)
}

fn read(packed: &[u8], message: WireKind, unpacked_max: usize) -> Result<Decoded, Refusal> {
    let unpacked = decompress(packed, unpacked_max).map_err(|error| match error {
        DecompressError::TooLarge { .. } => Refusal::too_large(error.to_string()),
        DecompressError::Malformed { .. } => Refusal::malformed(error.to_string()),
    })?;
    let decoded = if message == WireKind::RemoteWriteV2 { decode_v2(&unpacked) } else { decode_v1(&unpacked) };
    decoded.map_err(|error| Refusal::malformed(format!("the message cannot be read: {error}")))
}

/// 204 if everything was written; else 400, which tells the sender not to send the rest again, with what was left out.
fn answer(written: &Written, is_v2: bool) -> Response {
    let mut problems = Vec::new();
    if written.refused_series > 0 {
        problems.push(format!("{} series have invalid labels", written.refused_series));
    }
    if written.refused_histograms > 0 {
        problems.push(format!("{} native histograms are invalid", written.refused_histograms));
    }
    if let Some(refusal) = &written.refusal {
        problems.push(format!("the first of these: {refusal}"));
    }
    for (reason, count) in &written.stored.rejected {
        problems.push(format!("{count} samples: {reason}"));
    }
    if let Some(error) = &written.stored.first_error {
        problems.push(format!("the first rejected sample: {error}"));
    }
    let samples = written.stored.samples_stored;
    let mut response = if problems.is_empty() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        debug!(samples, ?problems, "partial write");
        let message = format!("{samples} samples written; not written: {}\n", problems.join("; "));
        (StatusCode::BAD_REQUEST, message).into_response()
    };
    if is_v2 {
        // A marker that was refused is counted among the rejected samples, whichever way it came.
        let histograms = (written.stored.histograms_stored + written.ended).min(samples);
        set_written(&mut response, samples - histograms, histograms);
    }
    response
}

/// How many staleness markers came as histograms.
fn ended_histograms(decoded: &Decoded) -> u64 {
    let kept: usize = decoded.batch.histograms.iter().map(|(_, histograms)| histograms.len()).sum();
    decoded.histograms.saturating_sub(kept) as u64
}

fn refused(push: &Push, refusal: Refusal, is_v2: bool) -> Response {
    push.metrics.batch_refused("remote_write", refusal.reason);
    if refusal.is_temporary() {
        warn!(reason = refusal.reason, error = refusal.message, "remote write refused for now");
    } else {
        debug!(reason = refusal.reason, error = refusal.message, "remote write refused");
    }
    let mut response = (refusal.status, format!("{}\n", refusal.message)).into_response();
    if refusal.is_temporary() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    if is_v2 {
        set_written(&mut response, 0, 0);
    }
    response
}

/// The counts that version 2 asks for in every answer.
fn set_written(response: &mut Response, samples: u64, histograms: u64) {
    for (name, count) in [(SAMPLES_WRITTEN, samples), (HISTOGRAMS_WRITTEN, histograms), (EXEMPLARS_WRITTEN, 0)] {
        response.headers_mut().insert(name, HeaderValue::from(count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Batch;
    use crate::formats::remote_write::encode_v1;
    use crate::model::{Labels, METRIC_NAME, STALE_NAN, Sample, Timestamp};
    use crate::shell::ingest::testing::{self, PushServer};
    use crate::shell::ingest::{BodyLimits, IntakeError};

    const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

    fn batch() -> Batch {
        let labels = Labels::from_pairs([(METRIC_NAME, "up"), ("job", "api")]);
        Batch { series: vec![(labels, vec![Sample::new(Timestamp::from_millis(1000), 1.0)])], ..Batch::default() }
    }

    /// `Request { symbols: ["", "__name__", "up"], timeseries: [{ labels_refs: [1, 2], samples: [1 @ 1000] }] }`
    fn message_v2() -> Vec<u8> {
        let mut sample = vec![0x09];
        sample.extend(1.0_f64.to_le_bytes());
        sample.extend([0x10, 0xe8, 0x07]);
        let mut series = vec![0x0a, 2, 1, 2, 0x12, sample.len() as u8];
        series.extend(sample);
        let mut message = vec![0x22, 0];
        for symbol in ["__name__", "up"] {
            message.extend([0x22, symbol.len() as u8]);
            message.extend(symbol.as_bytes());
        }
        message.extend([0x2a, series.len() as u8]);
        message.extend(series);
        snap::raw::Encoder::new().compress_vec(&message).expect("small")
    }

    async fn post(server: &PushServer, kind: &str, encoding: &str, body: Vec<u8>) -> (u16, String, Option<String>) {
        let headers = [("content-type", kind), ("content-encoding", encoding), ("traceparent", testing::TRACEPARENT)];
        let response = server.post("/api/v1/write", &headers, body).await;
        let written = response.headers().get(SAMPLES_WRITTEN).map(|value| value.to_str().expect("text").to_owned());
        let status = response.status().as_u16();
        assert_eq!(response.headers().contains_key(RETRY_AFTER), status == 503);
        (status, response.text().await.expect("text"), written)
    }

    #[tokio::test]
    async fn both_versions_are_stored() {
        let server = PushServer::start(BodyLimits::default(), testing::store_all).await;
        let (status, text, written) = post(&server, "application/x-protobuf", "snappy", encode_v1(&batch())).await;
        assert_eq!((status, text.as_str(), written), (204, "", None));
        let (status, text, written) = post(&server, V2, "snappy", message_v2()).await;
        assert_eq!((status, text.as_str(), written.as_deref()), (204, "", Some("1")));
        let accepted = server.accepted();
        assert_eq!(accepted[0].batch, batch());
        assert_eq!(accepted[1].batch.series[0].0.to_string(), "up");
        for (accepted, kind) in accepted.iter().zip([WireKind::RemoteWriteV1, WireKind::RemoteWriteV2]) {
            assert_eq!(accepted.wire.as_ref().map(|wire| wire.kind), Some(kind));
            assert_eq!(accepted.trace.to_string(), testing::TRACE);
            assert_eq!(accepted.source, Source::RemoteWrite);
        }
    }

    #[tokio::test]
    async fn refusals() {
        let limits = BodyLimits { compressed_bytes_max: 4096, uncompressed_bytes_max: 8192 };
        let server = PushServer::start(limits, testing::store_all).await;
        let good = encode_v1(&batch());
        let pack = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).expect("small");
        for (kind, encoding, body, status, message) in [
            ("text/plain", "snappy", good.clone(), 415, "send application/x-protobuf"),
            ("application/x-protobuf;proto=x.Y", "snappy", good.clone(), 415, "\"x.Y\" is unknown"),
            ("application/x-protobuf", "gzip", good.clone(), 415, "send snappy"),
            ("application/x-protobuf", "identity", good.clone(), 415, "send snappy"),
            ("application/x-protobuf", "snappy", vec![0xff; 9], 400, "snappy"),
            ("application/x-protobuf", "snappy", pack(&[0x0a, 0x7f]), 400, "cannot be read"),
            (V2, "snappy", pack(&[0x2a, 0x7f]), 400, "cannot be read"),
            ("application/x-protobuf", "snappy", vec![0; 5000], 413, "limit of 4096"),
            ("application/x-protobuf", "snappy", pack(&[0; 9000]), 413, "limit is 8192"),
        ] {
            let (found, text, written) = post(&server, kind, encoding, body).await;
            assert_eq!(found, status, "{kind} {encoding}: {text}");
            assert!(text.contains(message), "{text}");
            assert_eq!(written.as_deref(), (kind == V2).then_some("0"));
        }
        assert!(server.accepted().is_empty());
        assert_eq!(post(&server, "application/x-protobuf", "snappy", pack(&[])).await.0, 204, "an empty message");
    }

    #[tokio::test]
    async fn without_headers_version_1_in_snappy_is_meant() {
        let server = PushServer::start(BodyLimits::default(), testing::store_all).await;
        for headers in [&[][..], &[("content-type", "application/x-protobuf")], &[("content-encoding", "snappy")]] {
            let response = server.post("/api/v1/write", headers, encode_v1(&batch())).await;
            assert_eq!(response.status().as_u16(), 204, "{headers:?}");
        }
        assert_eq!(post(&server, "", "", encode_v1(&batch())).await.0, 204, "empty headers say nothing");
        assert!(server.accepted().iter().all(|accepted| accepted.batch == batch()));
    }

    #[tokio::test]
    async fn a_batch_beyond_the_journal_is_not_asked_for_again() {
        let too_large = |_: &_| Err(IntakeError::TooLarge("5 bytes".to_owned()));
        let server = PushServer::start(BodyLimits::default(), too_large).await;
        assert_eq!(post(&server, V2, "snappy", message_v2()).await.0, 413);
    }

    #[tokio::test]
    async fn partial_writes_and_overload() {
        let partial = |_: &_| {
            let rejected = vec![("too_old", 2)];
            let first_error = Some("up{} at 3 is too old".to_owned());
            Ok(Stored { samples_stored: 5, rejected, first_error, ..Stored::default() })
        };
        let server = PushServer::start(BodyLimits::default(), partial).await;
        let (status, text, written) = post(&server, V2, "snappy", message_v2()).await;
        assert_eq!((status, written.as_deref()), (400, Some("5")));
        assert_eq!(
            text,
            "5 samples written; not written: 2 samples: too_old; the first rejected sample: up{} at 3 is too old\n"
        );
        for error in [IntakeError::Full, IntakeError::NotDurable("disk full".to_owned()), IntakeError::Closed] {
            let server = PushServer::start(BodyLimits::default(), move |_: &_| Err(error.clone())).await;
            let (status, text, written) = post(&server, V2, "snappy", message_v2()).await;
            assert_eq!((status, written.as_deref()), (503, Some("0")), "{text}");
        }
    }

    /// The answer counts histograms apart from samples; one that marks the end of its series is a histogram for its sender.
    #[tokio::test]
    async fn histograms_are_stored_and_counted() {
        let stale = STALE_NAN.to_bits().to_le_bytes();
        let mut series = vec![0x0a, 2, 1, 2, 0x1a, 0, 0x1a, 11, 0x19];
        series.extend(stale);
        series.extend([0x78, 9]);
        let mut message = vec![0x22, 0];
        for symbol in ["__name__", "h"] {
            message.extend([0x22, symbol.len() as u8]);
            message.extend(symbol.as_bytes());
        }
        message.extend([0x2a, series.len() as u8]);
        message.extend(series);
        let body = snap::raw::Encoder::new().compress_vec(&message).expect("small");
        let server = PushServer::start(BodyLimits::default(), testing::store_all).await;
        let headers = [("content-type", V2), ("content-encoding", "snappy")];
        let response = server.post("/api/v1/write", &headers, body).await;
        assert_eq!(response.status().as_u16(), 204);
        let count =
            |name: HeaderName| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(count(SAMPLES_WRITTEN).as_deref(), Some("0"));
        assert_eq!(count(HISTOGRAMS_WRITTEN).as_deref(), Some("2"));
        let batch = &server.accepted()[0].batch;
        assert_eq!((batch.series.len(), batch.histograms.len()), (1, 1));
    }

    /// A series without a name is refused, the rest of the message is stored.
    #[tokio::test]
    async fn invalid_series_do_not_hold_up_the_rest() {
        let mut batch = batch();
        batch.series.push((Labels::from_pairs([("job", "x")]), vec![Sample::new(Timestamp::from_millis(1), 2.0)]));
        let server = PushServer::start(BodyLimits::default(), testing::store_all).await;
        let (status, text, _) = post(&server, "application/x-protobuf", "snappy", encode_v1(&batch)).await;
        assert_eq!(status, 400);
        assert!(text.starts_with("1 samples written; not written: 1 series have invalid labels"), "{text}");
        assert_eq!(server.accepted()[0].batch.series.len(), 1);
    }
}
