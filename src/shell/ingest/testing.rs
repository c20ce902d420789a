//! A far end of the intake that keeps what it gets, and a server in front of it. For tests of the sources.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Accepted, BodyLimits, Intake, IntakeError, Stored, push_routes};
use crate::deliver::HttpConfig;
use crate::model::Timestamp;
use crate::shell::clock::Clock;
use crate::shell::http_client;
use crate::shell::telemetry::{Ids, Metrics};

pub(super) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub(super) const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Everything of a batch is stored.
pub(super) fn store_all(accepted: &Accepted) -> Result<Stored, IntakeError> {
    let histograms: usize = accepted.batch.histograms.iter().map(|(_, histograms)| histograms.len()).sum();
    let samples_stored = accepted.batch.sample_count() as u64;
    Ok(Stored { samples_stored, histograms_stored: histograms as u64, ..Stored::default() })
}

/// What came in so far; each batch is announced on a channel too.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<Accepted>>>);

impl Kept {
    pub(super) fn all(&self) -> Vec<Accepted> {
        self.0.lock().expect("not poisoned").clone()
    }
}

/// An intake whose batches are answered by `answer` and handed on to the receiver.
pub(super) fn intake(
    answer: impl Fn(&Accepted) -> Result<Stored, IntakeError> + Send + 'static,
) -> (Intake, Kept, tokio::sync::mpsc::UnboundedReceiver<Accepted>) {
    let (intake, mut far) = Intake::new(16);
    let kept = Kept::default();
    let (told, announced) = tokio::sync::mpsc::unbounded_channel();
    let list = kept.clone();
    tokio::spawn(async move {
        while let Some((accepted, outcome)) = far.recv().await {
            let answered = answer(&accepted);
            list.0.lock().expect("not poisoned").push(accepted.clone());
            let _ = told.send(accepted);
            let _ = outcome.send(answered);
        }
    });
    (intake, kept, announced)
}

pub(super) fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new(Timestamp::default()))
}

/// Serves `router` on a free port of the loopback interface; returns `host:port`.
pub(super) async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The push endpoints in front of a far end.
pub(super) struct PushServer {
    address: String,
    client: reqwest::Client,
    kept: Kept,
}

impl PushServer {
    pub(super) async fn start(
        limits: BodyLimits,
        answer: impl Fn(&Accepted) -> Result<Stored, IntakeError> + Send + 'static,
    ) -> Self {
        let (intake, kept, _) = intake(answer);
        let router = push_routes(intake, Clock::system(), Ids::random(), metrics(), limits);
        let client = http_client::client(&HttpConfig::default(), Duration::from_secs(10)).await.expect("a client");
        PushServer { address: serve(router).await, client, kept }
    }

    pub(super) async fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> reqwest::Response {
        let mut request = self.client.post(format!("http://{}{path}", self.address)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn accepted(&self) -> Vec<Accepted> {
        self.kept.all()
    }
}
