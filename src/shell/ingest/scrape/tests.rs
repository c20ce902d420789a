//! Scraping real HTTP servers on the loopback interface.

use std::sync::Mutex;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::mpsc::UnboundedReceiver;

use super::target::tests::config;
use super::*;
use crate::config::FileDiscovery;
use crate::deliver::{BasicAuth, Secret};
use crate::model::is_stale;
use crate::shell::ingest::{Accepted, Source, testing};

/// A request: its headers and its query.
type Asked = (HeaderMap, Option<String>);
/// An answer: its status, content type and body; `None` for never.
type Answer = Option<(StatusCode, &'static str, Vec<u8>)>;

/// What the exporter was asked, and what it answers.
#[derive(Clone, Default)]
struct Exporter {
    requests: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Exporter {
    fn answers(&self, status: StatusCode, content_type: &'static str, body: &str) {
        *self.answer.lock().expect("not poisoned") = Some((status, content_type, body.into()));
    }

    async fn serve(&self) -> String {
        let handler = async |State(exporter): State<Exporter>, RawQuery(query): RawQuery, headers: HeaderMap| {
            exporter.requests.lock().expect("not poisoned").push((headers, query));
            let answer = exporter.answer.lock().expect("not poisoned").clone();
            match answer {
                Some((status, content_type, body)) => (status, [("content-type", content_type)], body).into_response(),
                None => std::future::pending::<Response>().await,
            }
        };
        testing::serve(Router::new().route("/metrics", get(handler)).with_state(self.clone())).await
    }
}

fn scraper() -> (Scraper, UnboundedReceiver<Accepted>) {
    let (intake, _, announced) = testing::intake(testing::store_all);
    (Scraper::new(intake, Clock::system(), Ids::random(), testing::metrics()), announced)
}

/// A job that asks `address` every 50 ms.
fn fast(address: &str) -> ScrapeConfig {
    let group = TargetGroup { targets: vec![address.to_owned()], labels: Labels::from_pairs([("env", "test")]) };
    let (interval, timeout) = (Duration::from_millis(50), Duration::from_millis(50));
    ScrapeConfig { interval, timeout, static_targets: vec![group], ..config("api") }
}

/// The value of `name` in a batch.
fn value(accepted: &Accepted, name: &str) -> Option<f64> {
    let found = accepted.batch.series.iter().find(|(labels, _)| labels.metric_name() == name);
    found.and_then(|(_, samples)| samples.last()).map(|sample| sample.value)
}

async fn next(announced: &mut UnboundedReceiver<Accepted>, holds: impl Fn(&Accepted) -> bool) -> Accepted {
    let found = async {
        loop {
            let accepted = announced.recv().await.expect("a batch");
            if holds(&accepted) {
                return accepted;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("a batch in time")
}

#[tokio::test]
async fn a_target_from_first_scrape_to_removal() {
    let exporter = Exporter::default();
    exporter.answers(StatusCode::OK, "text/plain; version=0.0.4", "a 1\n");
    let address = exporter.serve().await;
    let (scraper, mut announced) = scraper();
    let mut job = fast(&address);
    // A loaded machine may need longer than the interval for an answer.
    (job.interval, job.timeout) = (Duration::from_millis(1000), Duration::from_millis(1000));
    job.params = vec![("x".to_owned(), vec!["1".to_owned()])];
    job.http.basic_auth =
        Some(BasicAuth { username: Secret::Value("u".to_owned()), password: Some(Secret::Value("p".to_owned())) });
    scraper.apply(vec![job.clone()]).await;

    let first = next(&mut announced, |accepted| value(accepted, "a") == Some(1.0)).await;
    assert_eq!(value(&first, "up"), Some(1.0));
    assert_eq!(value(&first, "scrape_series_added"), Some(1.0));
    assert!(first.trace.is_some());
    assert_eq!(first.source, Source::Scrape { job: "api".to_owned(), instance: address.clone() });
    assert_eq!(first.batch.series[0].0.get("env"), "test");
    {
        let requests = exporter.requests.lock().expect("not poisoned");
        let (headers, query) = &requests[0];
        assert_eq!(query.as_deref(), Some("x=1"));
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(header("accept").starts_with("application/openmetrics-text"));
        assert!(header("user-agent").starts_with("Watchbell/"));
        assert_eq!(header("x-prometheus-scrape-timeout-seconds"), "1");
        assert_eq!(header("accept-encoding"), "gzip");
        assert_eq!(header("authorization"), "Basic dTpw");
    }
    let status = scraper.targets().await;
    assert_eq!((status.len(), status[0].health), (1, TargetHealth::Up));
    assert_eq!(targets_json(&status)["activeTargets"][0]["health"], "up");

    // A reload that changes nothing for the target leaves it alone: its series is not new.
    scraper.apply(vec![job.clone()]).await;
    exporter.answers(StatusCode::OK, "application/openmetrics-text; version=1.0.0", "a 2\n# EOF\n");
    let second = next(&mut announced, |accepted| value(accepted, "a") == Some(2.0)).await;
    assert_eq!(value(&second, "scrape_series_added"), Some(0.0));

    // Changed settings keep the memory of series: the one that is limited away ends.
    job.sample_limit = 1;
    exporter.answers(StatusCode::OK, "text/plain", "a 3\nb 4\n");
    scraper.apply(vec![job]).await;
    let third = next(&mut announced, |accepted| value(accepted, "up") == Some(0.0)).await;
    assert!(value(&third, "a").is_some_and(is_stale));
    let status = scraper.targets().await;
    assert_eq!(status[0].health, TargetHealth::Down);
    assert!(status[0].last_error.as_deref().is_some_and(|error| error.contains("sample_limit")), "{status:?}");

    scraper.apply(Vec::new()).await;
    let last = next(&mut announced, |accepted| value(accepted, "up").is_some_and(is_stale)).await;
    assert_eq!(last.batch.series.len(), 5);
    assert!(scraper.targets().await.is_empty());
}

/// Another path, scheme or parameter does not make another target: its series go on.
#[tokio::test]
async fn a_target_that_moves_keeps_its_series() {
    let exporter = Exporter::default();
    exporter.answers(StatusCode::OK, "text/plain", "a 1\n");
    let address = exporter.serve().await;
    let (scraper, mut announced) = scraper();
    let mut job = fast(&address);
    (job.interval, job.timeout) = (Duration::from_millis(1000), Duration::from_millis(1000));
    scraper.apply(vec![job.clone()]).await;
    next(&mut announced, |accepted| value(accepted, "a") == Some(1.0)).await;

    job.params = vec![("x".to_owned(), vec!["1".to_owned()])];
    exporter.answers(StatusCode::OK, "text/plain", "a 2\n");
    scraper.apply(vec![job.clone()]).await;
    let moved = next(&mut announced, |accepted| value(accepted, "a") != Some(1.0)).await;
    assert_eq!(value(&moved, "a"), Some(2.0));
    assert_eq!(value(&moved, "up"), Some(1.0));

    // The series of the old path end where the new one does not have them.
    job.metrics_path = "/nothing".to_owned();
    scraper.apply(vec![job]).await;
    let failed = next(&mut announced, |accepted| value(accepted, "a") != Some(2.0)).await;
    assert!(value(&failed, "a").is_some_and(is_stale));
    assert_eq!(value(&failed, "up"), Some(0.0));
    let status = scraper.targets().await;
    assert_eq!(status.len(), 1);
    assert!(status[0].url.contains("/nothing"), "{status:?}");
    scraper.stop().await;
}

#[tokio::test]
async fn failures_are_told_apart() {
    let silent = Exporter::default();
    let broken = Exporter::default();
    broken.answers(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "a 1\n");
    let large = Exporter::default();
    large.answers(StatusCode::OK, "text/plain", "a 1\nb 2\nc 3\n");
    let garbled = Exporter::default();
    garbled.answers(StatusCode::OK, "text/plain", "a 1\n{{{\n");
    for (address, error) in [
        (silent.serve().await, "no complete answer within 50ms"),
        (broken.serve().await, "HTTP status 500"),
        (large.serve().await, "longer than body_size_limit (8 bytes)"),
        (garbled.serve().await, "line 2"),
        ("127.0.0.1:1".to_owned(), "onnect"),
    ] {
        let (scraper, mut announced) = scraper();
        let mut job = fast(&address);
        if !error.contains("50ms") {
            (job.interval, job.timeout) = (Duration::from_secs(1), Duration::from_secs(1));
        }
        job.body_size_limit = if error.contains("body_size_limit") { 8 } else { 0 };
        scraper.apply(vec![job]).await;
        let accepted = next(&mut announced, |_| true).await;
        assert_eq!(value(&accepted, "up"), Some(0.0), "{error}");
        assert_eq!(accepted.batch.series.len(), 5, "{error}");
        let status = scraper.targets().await;
        assert!(status[0].last_error.as_deref().is_some_and(|found| found.contains(error)), "{error}: {status:?}");
        scraper.stop().await;
    }
}

#[tokio::test]
async fn targets_come_and_go_with_their_file() {
    let exporter = Exporter::default();
    exporter.answers(StatusCode::OK, "text/plain", "a 1\n");
    let address = exporter.serve().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("targets.yml");
    let (scraper, mut announced) = scraper();
    let files = vec![folder.path().join("*.yml").display().to_string()];
    let mut job = fast(&address);
    (job.interval, job.timeout) = (Duration::from_secs(1), Duration::from_secs(1));
    job.static_targets.clear();
    job.file_discovery = vec![FileDiscovery { files, refresh_interval: Duration::from_millis(100) }];
    scraper.apply(vec![job]).await;
    assert!(scraper.targets().await.is_empty());
    std::fs::write(&file, format!("- targets: ['{address}']\n  labels: {{env: file}}\n")).expect("written");
    let first = next(&mut announced, |accepted| value(accepted, "a") == Some(1.0)).await;
    assert_eq!(first.batch.series[0].0.get("env"), "file");
    std::fs::remove_file(&file).expect("removed");
    let last = next(&mut announced, |accepted| value(accepted, "up").is_some_and(is_stale)).await;
    assert!(value(&last, "a").is_some_and(is_stale));
}

/// Targets that cannot be scraped do not keep the others from being scraped; duplicates are scraped once.
#[tokio::test]
async fn bad_targets_are_left_out() {
    let (scraper, _announced) = scraper();
    let mut job = fast("127.0.0.1:1");
    job.static_targets[0].targets.extend(["a/b".to_owned(), "127.0.0.1:1".to_owned()]);
    scraper.apply(vec![job]).await;
    assert_eq!(scraper.targets().await.len(), 1);
    scraper.stop().await;
    assert!(scraper.targets().await.is_empty());
}

/// `a 1` and a line break, packed by gzip.
const GZIPPED: [u8; 24] = [31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 75, 84, 48, 228, 2, 0, 54, 231, 27, 188, 4, 0, 0, 0];

#[tokio::test]
async fn packed_answers_are_unpacked_and_limited_by_their_unpacked_size() {
    let handler = async || ([("content-encoding", "gzip")], GZIPPED);
    let address = testing::serve(Router::new().route("/metrics", get(handler))).await;
    for (limit, up) in [(4, 1.0), (3, 0.0)] {
        let (scraper, mut announced) = scraper();
        let (interval, timeout) = (Duration::from_secs(1), Duration::from_secs(1));
        scraper.apply(vec![ScrapeConfig { interval, timeout, body_size_limit: limit, ..fast(&address) }]).await;
        let accepted = next(&mut announced, |_| true).await;
        assert_eq!(value(&accepted, "up"), Some(up), "{:?}", scraper.targets().await);
        scraper.stop().await;
    }
}
