//! Prometheus's query API: `/api/v1/query`, `query_range`, `series`, `labels`, `label/*/values`, `metadata`, and those about
//! expressions. Its JSON and errors: <https://prometheus.io/docs/prometheus/latest/querying/api/>.

mod answer;
mod escaped;
mod evaluate;
mod form;
mod json;
mod language;
mod listing;
mod lookup;
mod parameters;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tokio::sync::Semaphore;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use self::answer::{Failure, FailureKind};
use self::form::FORM_BYTES_MAX;
use crate::config::{Plan, QueryLimits};
use crate::eval;
use crate::model::Timestamp;
use crate::shell::clock::Clock;
use crate::shell::service::Windows;

/// Answers queries; clones share everything.
#[derive(Clone)]
pub struct Queries {
    windows: Windows,
    clock: Clock,
    started_at: Timestamp,
    bounds: Arc<RwLock<Arc<Bounds>>>,
}

/// What bounds queries.
struct Bounds {
    limits: QueryLimits,
    options: eval::Options,
    retention_floor: Duration,
    /// One permit for each query that is worked on.
    places: Arc<Semaphore>,
}

impl Bounds {
    fn of(plan: &Plan) -> Arc<Self> {
        let places = plan.query.concurrency_max.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Bounds {
            limits: plan.query,
            options: plan.eval_options(),
            retention_floor: plan.retention_floor,
            places: Arc::new(Semaphore::new(places)),
        })
    }
}

/// Tells the query under way when nobody waits for it any more.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Queries {
    /// Queries of the series in `windows` by the settings of `plan`.
    pub fn new(windows: Windows, clock: Clock, started_at: Timestamp, plan: &Plan) -> Self {
        Queries { windows, clock, started_at, bounds: Arc::new(RwLock::new(Bounds::of(plan))) }
    }

    /// From now on queries run by the settings of `plan`; those under way end by the old ones.
    pub fn apply(&self, plan: &Plan) {
        *self.bounds.write().unwrap_or_else(PoisonError::into_inner) = Bounds::of(plan);
    }

    fn bounds(&self) -> Arc<Bounds> {
        Arc::clone(&self.bounds.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does `work` on a thread that may block, when there is a place for it. Sets the flag that it is given when
    /// `timeout` (or the configured one, which is an upper bound) is over, or when the client has gone and this future is
    /// dropped.
    async fn run<T: Send + 'static>(
        &self,
        bounds: &Bounds,
        timeout: Option<Duration>,
        work: impl FnOnce(Arc<AtomicBool>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let timeout = timeout.map_or(bounds.limits.timeout, |timeout| timeout.min(bounds.limits.timeout));
        let canceled = Arc::new(AtomicBool::new(false));
        let _cancel = CancelOnDrop(Arc::clone(&canceled));
        let places = Arc::clone(&bounds.places);
        let mut phase = "query queue";
        if timeout.is_zero() {
            return Err(timed_out(phase));
        }
        let working = async {
            let place = places.acquire_owned().await;
            phase = "expression evaluation";
            let worked = tokio::task::spawn_blocking(move || {
                let _place = place;
                work(canceled)
            });
            // The task is lost when it panics or the runtime stops.
            worked.await.unwrap_or_else(|error| Err(Failure::new(FailureKind::Internal, error.to_string())))
        };
        let outcome = tokio::time::timeout(timeout, working).await;
        outcome.unwrap_or_else(|_| Err(timed_out(phase)))
    }
}

fn timed_out(phase: &str) -> Failure {
    Failure::new(FailureKind::Timeout, format!("query timed out in {phase}"))
}

/// The routes. They keep to the timeout of queries and need no other.
pub(super) fn query_routes(queries: Queries) -> Router {
    Router::new()
        .route("/api/v1/query", get(evaluate::instant).post(evaluate::instant))
        .route("/api/v1/query_range", get(evaluate::range).post(evaluate::range))
        .route("/api/v1/query_exemplars", get(lookup::exemplars).post(lookup::exemplars))
        .route("/api/v1/series", get(lookup::series).post(lookup::series))
        .route("/api/v1/labels", get(lookup::labels).post(lookup::labels))
        .route("/api/v1/label/{name}/values", get(lookup::label_values))
        .route("/api/v1/metadata", get(lookup::metadata))
        .route("/api/v1/format_query", get(language::format).post(language::format))
        .route("/api/v1/parse_query", get(language::parse).post(language::parse))
        .route("/api/v1/status/runtimeinfo", get(lookup::runtime))
        .with_state(queries)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        // Large answers are mostly digits: the fastest level takes off most of what there is to gain.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}
