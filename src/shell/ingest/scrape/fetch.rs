//! One GET of a target.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::state::ScrapeFailure;
use super::target::Target;
use crate::config::ScrapeConfig;
use crate::formats::exposition::{self, Format};
use crate::shell::http_client::{HttpClient, SendError, describe};
use crate::shell::secret::Hidden;

/// The greatest size of an answer in bytes, uncompressed, where `body_size_limit` sets none.
const BODY_BYTES_MAX: usize = 256 << 20;
const TIMEOUT_HEADER: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// An answer that may be an exposition.
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    pub(super) format: Format,
}

/// Asks `target`; `client` is built if there is none and dropped when the connection failed, so that changed certificates
/// are read.
pub(super) async fn fetch(
    client: &mut Option<HttpClient>,
    config: &ScrapeConfig,
    target: &Target,
) -> Result<Answer, ScrapeFailure> {
    let answer = tokio::time::timeout(target.timeout, exchange(client, config, target))
        .await
        .unwrap_or(Err(ScrapeFailure::Timeout(target.timeout)));
    if matches!(answer, Err(ScrapeFailure::Connection(_))) {
        *client = None;
    }
    answer
}

async fn exchange(
    client: &mut Option<HttpClient>,
    config: &ScrapeConfig,
    target: &Target,
) -> Result<Answer, ScrapeFailure> {
    let client = match client {
        Some(client) => client,
        None => {
            let built = HttpClient::new(&config.http, target.timeout).await;
            client.insert(built.map_err(|error| ScrapeFailure::Connection(error.to_string()))?)
        }
    };
    let request = client
        .request(Method::GET, target.url.clone())
        .header(ACCEPT, exposition::accept(&config.exposition.protocols()))
        .header(TIMEOUT_HEADER, target.timeout.as_secs_f64().to_string());
    let failed = |error: reqwest::Error| failure(error, target.timeout);
    let answer = client.send(request, &config.http, &mut Hidden::default()).await;
    let mut response = answer.map_err(|error| match error {
        SendError::Client(error) => ScrapeFailure::Connection(error.to_string()),
        SendError::Request(error) => failed(error),
    })?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(ScrapeFailure::Status(status));
    }
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = exposition::format_of(content_type);
    let limit = if config.body_size_limit > 0 { config.body_size_limit } else { BODY_BYTES_MAX };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > limit {
            return Err(ScrapeFailure::BodyTooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { body, format })
}

fn failure(error: reqwest::Error, timeout: Duration) -> ScrapeFailure {
    if error.is_timeout() {
        return ScrapeFailure::Timeout(timeout);
    }
    ScrapeFailure::Connection(describe(error))
}
