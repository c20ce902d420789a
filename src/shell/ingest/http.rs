//! What the two push endpoints share: state, limits, refusals.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::handler::Handler;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{post, post_service};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::decompression::RequestDecompression;

use super::intake::{Accepted, Intake, IntakeError, Source, Stored, Wire};
use super::{import, remote_write};
use crate::formats::Batch;
use crate::model::{Timestamp, TraceId};
use crate::shell::clock::{Clock, Started};
use crate::shell::telemetry::{Ids, Metrics};

/// How many pushes are received and decoded at a time; more are asked to come again before their bodies are read.
const REQUESTS_MAX: usize = 32;
/// Bodies up to this size are decoded where they are read, larger ones on a thread that may block.
const INLINE_BYTES_MAX: usize = 128 << 10;
/// When a sender should come again, in seconds.
pub(super) const RETRY_AFTER_SECONDS: &str = "1";

/// How large bodies may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Of a compressed remote-write body as it comes, in bytes. Default 16 MiB.
    pub compressed_bytes_max: usize,
    /// Of any body after it was unpacked, in bytes. Default 64 MiB.
    pub uncompressed_bytes_max: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        BodyLimits { compressed_bytes_max: 16 << 20, uncompressed_bytes_max: 64 << 20 }
    }
}

/// The routes `POST /api/v1/write` and `POST /api/v1/import`. Nothing is answered with success before
/// [`Intake::submit`] resolved.
pub fn push_routes(intake: Intake, clock: Clock, ids: Ids, metrics: Arc<Metrics>, limits: BodyLimits) -> Router {
    let places = Arc::new(Semaphore::new(REQUESTS_MAX));
    let push = Push { intake, clock, ids, metrics, limits, places };
    let write = post(remote_write::write).with_state(push.clone());
    Router::new().route("/api/v1/write", write.layer(DefaultBodyLimit::max(limits.compressed_bytes_max))).route(
        "/api/v1/import",
        post_service(RequestDecompression::new(import::import.with_state(push)))
            .layer(DefaultBodyLimit::max(limits.uncompressed_bytes_max)),
    )
}

/// What the handlers need.
#[derive(Clone)]
pub(super) struct Push {
    pub(super) intake: Intake,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    pub(super) metrics: Arc<Metrics>,
    pub(super) limits: BodyLimits,
    places: Arc<Semaphore>,
}

/// Why a push was refused; nothing of it is stored.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// A stable name for metrics.
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Refusal { status, reason, message: message.into() }
    }

    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    }

    /// Whether the same push may work later.
    pub(super) fn is_temporary(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }
}

/// 413 for what is too large and 503 for all else: Prometheus comes again after a 5xx, but drops the samples after a 429
/// unless it is told otherwise.
impl From<IntakeError> for Refusal {
    fn from(error: IntakeError) -> Self {
        let status = match error {
            IntakeError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            IntakeError::Full | IntakeError::NotDurable(_) | IntakeError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        };
        Refusal::new(status, error.reason(), error.to_string())
    }
}

impl Push {
    /// A place among the pushes that are worked on; to be had before the body is read, and kept while it is in memory.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_requests", "too many pushes at a time")
        })
    }

    /// The trace of a request: what its `traceparent` says, else a new one.
    pub(super) fn trace(&self, headers: &HeaderMap) -> TraceId {
        header(headers, "traceparent").and_then(TraceId::from_traceparent).unwrap_or_else(|| self.ids.trace())
    }

    /// Hands in a batch and counts what became of it; `started` is when the request arrived.
    pub(super) async fn submit(
        &self,
        batch: Batch,
        wire: Wire,
        source: Source,
        trace: TraceId,
        received_at: Timestamp,
        started: Started,
    ) -> Result<Stored, Refusal> {
        let (name, bytes) = (source.name(), wire.bytes.len());
        let accepted = Accepted { batch, wire: Some(wire), source, trace, received_at };
        let stored = self.intake.submit(accepted).await?;
        self.metrics.batch_stored(name, bytes, &stored, self.clock.elapsed_since(started));
        Ok(stored)
    }
}

/// The value of a header, if it is text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// Reads the body, unless it is too large or cut off. [`Push::place`] comes first.
pub(super) async fn body(request: Request, bytes_max: usize) -> Result<Bytes, Refusal> {
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal::too_large(format!("the body is larger than the limit of {bytes_max} bytes"))
        }
        _ => Refusal::malformed(rejection.body_text()),
    })
}

/// Runs `work` over `bytes` bytes, off the runtime's threads if it may take long.
pub(super) async fn decode<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    if bytes <= INLINE_BYTES_MAX {
        return work();
    }
    // The task is lost only when the runtime stops.
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(IntakeError::Closed.into()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::shell::ingest::testing::{self, PushServer};

    /// A sender that was told to go on with its body, and does not.
    async fn half_sent(address: &str, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 100");
        stream
    }

    #[tokio::test]
    async fn bodies_in_memory_are_limited_in_number() {
        let server = PushServer::start(BodyLimits::default(), testing::store_all).await;
        let mut waiting = Vec::new();
        for number in 0..REQUESTS_MAX {
            let path = if number % 2 == 0 { "/api/v1/write" } else { "/api/v1/import" };
            waiting.push(half_sent(server.address(), path).await);
        }
        for path in ["/api/v1/write", "/api/v1/import"] {
            let response = server.post(path, &[], Vec::new()).await;
            assert_eq!(response.status().as_u16(), 503, "{path}");
            assert!(response.text().await.expect("text").contains("too many pushes"), "{path}");
        }
        drop(waiting);
    }
}
