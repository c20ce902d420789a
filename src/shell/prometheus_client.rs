//! Questions to a running Watchbell or Prometheus, through its HTTP API.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::deliver::HttpConfig;

use super::http_client::{HttpClient, HttpClientError, SendError, describe};
use super::secret::Hidden;

/// How much of an answer that is not understood is shown.
const EXCERPT_CHARACTERS: usize = 200;

/// A question without an answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The server's address is none.
    #[error("`{0}` is not an address; write it as http://localhost:9797")]
    Address(String),
    /// The connection cannot be set up as asked for.
    #[error(transparent)]
    Client(#[from] HttpClientError),
    /// No answer came, or it broke off.
    #[error("cannot ask {url}: {reason}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What happened.
        reason: String,
        /// Whether there was not even a connection.
        is_connection: bool,
    },
    /// The answer is larger than the client may read.
    #[error("{url} answers with more than {} MiB; ask for fewer series or a longer step", .bytes_max >> 20)]
    TooLarge {
        /// What was asked.
        url: String,
        /// The most that is read.
        bytes_max: usize,
    },
    /// What answers has not this API.
    #[error("{url} answers {status}, and not as Prometheus's API does: {excerpt}")]
    Foreign {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: StatusCode,
        /// How the answer begins.
        excerpt: String,
    },
    /// The server answers with an error.
    #[error("{url} answers with an error: {kind}: {text}")]
    Refused {
        /// What was asked.
        url: String,
        /// The kind of the error, `errorType` of the API.
        kind: String,
        /// What the server says.
        text: String,
    },
}

/// A server with Prometheus's HTTP API.
pub struct PrometheusClient {
    client: HttpClient,
    config: HttpConfig,
    address: String,
    answer_bytes_max: usize,
}

/// What a server answers.
#[derive(Debug)]
pub struct Answered<T> {
    /// The `data`, if there is any.
    pub data: Option<T>,
    /// The remarks that are warnings.
    pub warnings: Vec<String>,
    /// The other remarks.
    pub infos: Vec<String>,
}

/// An answer of the API as it stands.
#[derive(Deserialize)]
struct Envelope<T> {
    status: Status,
    data: Option<T>,
    #[serde(rename = "errorType", default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

impl PrometheusClient {
    /// A client of the server at `address`, such as `http://localhost:9090`. Each answer may take `timeout` and have
    /// `answer_bytes_max` bytes, unpacked.
    ///
    /// # Errors
    ///
    /// [`AskError::Address`], and [`AskError::Client`] for files that cannot be used.
    pub async fn new(
        address: &str,
        config: HttpConfig,
        timeout: Duration,
        answer_bytes_max: usize,
    ) -> Result<PrometheusClient, AskError> {
        if !address.starts_with("http://") && !address.starts_with("https://") {
            return Err(AskError::Address(address.to_owned()));
        }
        let client = HttpClient::new(&config, timeout).await?;
        Ok(PrometheusClient { client, config, address: address.trim_end_matches('/').to_owned(), answer_bytes_max })
    }

    /// The answer of `path`, such as `/api/v1/query`; parameters are sent as a form.
    ///
    /// # Errors
    ///
    /// All but [`AskError::Address`].
    pub async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Answered<T>, AskError> {
        let url = self.url(path);
        let request = match parameters {
            [] => self.client.request(Method::GET, &url),
            _ => self.client.request(Method::POST, &url).form(parameters),
        };
        let (status, body) = self.exchange(&url, request).await?;
        understood(url, status, &body)
    }

    /// Asks for a change; `body` is its content type and what it says.
    ///
    /// # Errors
    ///
    /// All but [`AskError::Address`].
    pub async fn tell<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<Answered<T>, AskError> {
        let url = self.url(path);
        let request = self.client.request(method, &url);
        let request = match body {
            Some((content_type, body)) => request.header(CONTENT_TYPE, content_type).body(body),
            None => request,
        };
        let (status, body) = self.exchange(&url, request).await?;
        understood(url, status, &body)
    }

    /// The answer of `path` as text, for what is no JSON.
    ///
    /// # Errors
    ///
    /// All but [`AskError::Address`].
    pub async fn text(&self, path: &str) -> Result<String, AskError> {
        let url = self.url(path);
        let (status, body) = self.exchange(&url, self.client.request(Method::GET, &url)).await?;
        match status.is_success() {
            true => Ok(String::from_utf8_lossy(&body).into_owned()),
            false => Err(understood::<IgnoredAny>(url.clone(), status, &body).err().unwrap_or(AskError::Foreign {
                url,
                status,
                excerpt: String::new(),
            })),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// The status and the body of an answer.
    async fn exchange(&self, url: &str, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), AskError> {
        let unreachable = |error: reqwest::Error| AskError::Unreachable {
            url: url.to_owned(),
            is_connection: error.is_connect(),
            reason: describe(error),
        };
        let mut response = match self.client.send(request, &self.config, &mut Hidden::default()).await {
            Ok(response) => response,
            Err(SendError::Client(error)) => return Err(error.into()),
            Err(SendError::Request(error)) => return Err(unreachable(error)),
        };
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > self.answer_bytes_max {
                return Err(AskError::TooLarge { url: url.to_owned(), bytes_max: self.answer_bytes_max });
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }
}

fn understood<T: DeserializeOwned>(url: String, status: StatusCode, body: &[u8]) -> Result<Answered<T>, AskError> {
    match serde_json::from_slice::<Envelope<T>>(body) {
        Ok(Envelope { status: Status::Success, data, warnings, infos, .. }) => Ok(Answered { data, warnings, infos }),
        Ok(Envelope { status: Status::Error, error_type: kind, error: text, .. }) => {
            Err(AskError::Refused { url, kind, text })
        }
        Err(_) => {
            let excerpt: String = String::from_utf8_lossy(body).chars().take(EXCERPT_CHARACTERS).collect();
            Err(AskError::Foreign { url, status, excerpt: excerpt.trim().to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        for (body, expected) in [
            (r#"{"status":"success","data":[1],"warnings":["w"],"infos":["i"]}"#, r#"Some([1]) ["w"] ["i"]"#),
            (
                r#"{"status":"error","errorType":"bad_data","error":"no"}"#,
                "http://a/b answers with an error: bad_data: no",
            ),
            (r#"{"status":"success","data":null}"#, "None [] []"),
            (
                r#"{"status":"success","data":1}"#,
                r#"http://a/b answers 502 Bad Gateway, and not as Prometheus's API does: {"status":"success","data":1}"#,
            ),
            (" <html> ", "http://a/b answers 502 Bad Gateway, and not as Prometheus's API does: <html>"),
        ] {
            let shown = match understood::<Vec<u8>>("http://a/b".to_owned(), StatusCode::BAD_GATEWAY, body.as_bytes()) {
                Ok(Answered { data, warnings, infos }) => format!("{data:?} {warnings:?} {infos:?}"),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown, expected);
        }
    }
}
