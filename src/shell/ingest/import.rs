//! `POST /api/v1/import`: JSON lines, plain or with `Content-Encoding: gzip`. A body with a fault is refused whole.

use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Map, Value, json};
use tracing::{Instrument, debug, info_span, warn};

use super::http::{Push, RETRY_AFTER_SECONDS, Refusal, body, decode};
use super::intake::{Source, Stored, Wire, WireKind};
use crate::formats::{FormatError, json_lines};
use crate::model::TraceId;
use crate::shell::clock::Started;

/// The handler; the body comes unpacked. Answers with JSON.
pub(super) async fn import(State(push): State<Push>, request: Request) -> Response {
    let started = push.clock.start();
    let trace = push.trace(request.headers());
    let span = info_span!("import", trace_id = %trace);
    match accept(&push, request, trace, started).instrument(span.clone()).await {
        Ok(stored) => answer(&stored),
        Err(fault) => span.in_scope(|| fault.respond(&push)),
    }
}

/// Why nothing was stored.
enum Fault {
    Line(FormatError),
    Refused(Refusal),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

async fn accept(push: &Push, request: Request, trace: TraceId, started: Started) -> Result<Stored, Fault> {
    let _place = push.place()?;
    let bytes = body(request, push.limits.uncompressed_bytes_max).await?;
    let (text, received_at) = (bytes.clone(), push.clock.now());
    let batch = decode(bytes.len(), move || Ok(json_lines::parse(&text, received_at))).await?.map_err(Fault::Line)?;
    if batch.is_empty() {
        return Ok(Stored::default());
    }
    let wire = Wire { kind: WireKind::JsonLines, bytes };
    Ok(push.submit(batch, wire, Source::Import, trace, received_at, started).await?)
}

/// 200 with the count, or 400 if samples were rejected, with the counts by reason.
fn answer(stored: &Stored) -> Response {
    if stored.rejected.is_empty() {
        return Json(json!({ "status": "success", "samples": stored.samples_stored })).into_response();
    }
    let rejected: Map<String, Value> =
        stored.rejected.iter().map(|(reason, count)| ((*reason).to_owned(), Value::from(*count))).collect();
    let message = stored.first_error.as_deref().unwrap_or("samples were rejected");
    let body = json!({
        "status": "error",
        "errorType": "bad_data",
        "error": message,
        "samples": stored.samples_stored,
        "rejected": rejected,
    });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

impl Fault {
    fn respond(self, push: &Push) -> Response {
        let (status, reason, mut body) = match self {
            Fault::Line(error) => {
                let place = json!({ "line": error.line, "column": error.column, "hint": error.hint });
                let mut body = json!({ "status": "error", "errorType": "bad_data", "error": error.to_string() });
                if let (Value::Object(body), Value::Object(place)) = (&mut body, place) {
                    body.extend(place.into_iter().filter(|(_, value)| !value.is_null()));
                }
                (StatusCode::BAD_REQUEST, "malformed", body)
            }
            Fault::Refused(refusal) => {
                let kind = if refusal.is_temporary() { "unavailable" } else { "bad_data" };
                let body = json!({ "status": "error", "errorType": kind, "error": refusal.message });
                (refusal.status, refusal.reason, body)
            }
        };
        push.metrics.batch_refused("import", reason);
        if let Value::Object(body) = &mut body {
            body.insert("samples".to_owned(), Value::from(0));
        }
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            warn!(reason, "import refused for now");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        } else {
            debug!(reason, "import refused");
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::ingest::testing::{self, PushServer};
    use crate::shell::ingest::{BodyLimits, IntakeError};

    const GOOD: &str = r#"{"metric":{"__name__":"up","job":"api"},"values":[1,2],"timestamps":[1000,2000]}"#;
    /// `{"name":"up","labels":{"job":"api"},"value":1,"timestamp":1000}`, packed by gzip.
    const GZIPPED: [u8; 79] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 202, 75, 204, 77, 85, 178, 82, 42, 45, 80, 210, 81, 202, 73, 76, 74,
        205, 41, 86, 178, 170, 86, 202, 202, 79, 2, 10, 38, 22, 100, 42, 213, 234, 40, 149, 37, 230, 148, 2, 213, 24,
        234, 40, 149, 100, 230, 166, 22, 151, 36, 230, 22, 0, 121, 6, 6, 6, 181, 0, 184, 31, 29, 94, 63, 0, 0, 0,
    ];

    async fn post(server: &PushServer, encoding: Option<&str>, body: Vec<u8>) -> (u16, Value) {
        let mut headers = vec![("traceparent", testing::TRACEPARENT)];
        headers.extend(encoding.map(|encoding| ("content-encoding", encoding)));
        let response = server.post("/api/v1/import", &headers, body).await;
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    #[tokio::test]
    async fn stores_plain_and_packed_lines() {
        let server = PushServer::start(BodyLimits::default(), testing::store_all).await;
        assert_eq!(post(&server, None, GOOD.into()).await, (200, json!({"status": "success", "samples": 2})));
        assert_eq!(post(&server, Some("gzip"), GZIPPED.into()).await.1["samples"], 1);
        assert_eq!(post(&server, None, b"\n".into()).await, (200, json!({"status": "success", "samples": 0})));
        let accepted = server.accepted();
        assert_eq!(accepted.len(), 2);
        for accepted in &accepted {
            let wire = accepted.wire.as_ref().expect("wire bytes");
            assert_eq!(json_lines::parse(&wire.bytes, accepted.received_at).expect("readable"), accepted.batch);
            assert_eq!(accepted.trace.to_string(), testing::TRACE);
        }
    }

    #[tokio::test]
    async fn a_bad_line_refuses_the_whole_body() {
        let server = PushServer::start(BodyLimits::default(), testing::store_all).await;
        let (status, body) = post(&server, None, format!("{GOOD}\n{{\"name\":1}}\n").into()).await;
        assert_eq!((status, &body["line"], &body["samples"]), (400, &json!(2), &json!(0)), "{body}");
        assert!(body["error"].as_str().is_some_and(|error| error.starts_with("line 2")), "{body}");
        assert!(server.accepted().is_empty());
    }

    #[tokio::test]
    async fn other_refusals() {
        let limits = BodyLimits { compressed_bytes_max: 1000, uncompressed_bytes_max: 70 };
        let server = PushServer::start(limits, testing::store_all).await;
        assert_eq!(post(&server, None, GOOD.into()).await.0, 413);
        assert_eq!(post(&server, Some("br"), GOOD.into()).await.0, 415);
        assert_eq!(post(&server, Some("gzip"), b"no gzip".into()).await.0, 400);
        let smaller = BodyLimits { uncompressed_bytes_max: 60, ..limits };
        let server = PushServer::start(smaller, testing::store_all).await;
        assert_eq!(post(&server, Some("gzip"), GZIPPED.into()).await.0, 413, "the limit is on the unpacked body");
        let server = PushServer::start(BodyLimits::default(), |_: &_| Err(IntakeError::Full)).await;
        assert_eq!(post(&server, None, GOOD.into()).await.0, 503);
        let late = |_: &_| Ok(Stored { samples_stored: 1, rejected: vec![("too_old", 1)], ..Stored::default() });
        let server = PushServer::start(BodyLimits::default(), late).await;
        let (status, body) = post(&server, None, GOOD.into()).await;
        assert_eq!((status, &body["rejected"]), (400, &json!({"too_old": 1})));
    }
}
