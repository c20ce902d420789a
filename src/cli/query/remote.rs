//! A query that a server answers.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use reqwest::StatusCode;

use super::answer::Answer;
use super::json::Envelope;
use super::times::{Times, duration};
use crate::deliver::{BasicAuth, HttpConfig, Secret, TlsConfig};
use crate::model::Timestamp;
use crate::shell::http_client::{authorize, client, describe};

/// The address of a service of this machine.
const LOCAL: &str = "http://localhost:9797";
/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 512 << 20;
/// How much of an answer that is not understood is shown.
const EXCERPT_CHARACTERS: usize = 200;

/// Which server is asked, and how.
#[derive(Args, Debug)]
pub(super) struct Connection {
    /// The Watchbell or Prometheus that is asked (default http://localhost:9797)
    #[arg(long, value_name = "URL", conflicts_with = "fixture", env = "WATCHBELL_URL")]
    url: Option<String>,
    /// A file with the bearer token to send
    #[arg(long, value_name = "FILE", help_heading = "Connection", conflicts_with = "user")]
    token_file: Option<String>,
    /// The user of basic authentication
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    user: Option<String>,
    /// A file with the user's password
    #[arg(long, value_name = "FILE", help_heading = "Connection", requires = "user")]
    password_file: Option<String>,
    /// A header to send, such as `X-Scope-OrgID: team`
    #[arg(long, value_name = "NAME: VALUE", help_heading = "Connection")]
    header: Vec<String>,
    /// A file with the certificates to trust, instead of the machine's
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    ca_file: Option<String>,
    /// Our certificate, for servers that ask for one
    #[arg(long, value_name = "FILE", help_heading = "Connection", requires = "key_file")]
    cert_file: Option<String>,
    /// The certificate's key
    #[arg(long, value_name = "FILE", help_heading = "Connection", requires = "cert_file")]
    key_file: Option<String>,
    /// Accept any certificate
    #[arg(long, help_heading = "Connection")]
    insecure: bool,
    /// How long the answer may take
    #[arg(long, value_name = "DURATION", help_heading = "Connection", default_value = "2m", value_parser = duration)]
    timeout: Duration,
}

/// A server's answer with its remarks, each with its level's word in front.
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

/// A query that failed at the server.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {text}")]
pub(super) struct Refused {
    pub(super) kind: String,
    pub(super) text: String,
}

impl Connection {
    /// Asks for `expression` at `times`.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the server answers with an error; else a connection or an answer that cannot be used.
    pub(super) fn ask(&self, expression: &str, times: Times) -> anyhow::Result<Answered> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
        let (status, body) = runtime.block_on(self.fetch(expression, times))?;
        let Ok(envelope) = serde_json::from_slice::<Envelope>(&body) else {
            let excerpt: String = String::from_utf8_lossy(&body).chars().take(EXCERPT_CHARACTERS).collect();
            bail!("{} answers {status}, and not as Prometheus's API does: {}", self.address(), excerpt.trim());
        };
        if envelope.status != "success" {
            return Err(Refused { kind: envelope.error_type, text: envelope.error }.into());
        }
        let answer = envelope.data.and_then(|data| data.into_answer());
        let answer = answer.with_context(|| format!("{} answers with values that are no numbers", self.address()))?;
        Ok(Answered { answer, warnings: envelope.warnings, infos: envelope.infos })
    }

    fn address(&self) -> &str {
        self.url.as_deref().unwrap_or(LOCAL).trim_end_matches('/')
    }

    async fn fetch(&self, expression: &str, times: Times) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let address = self.address();
        if !address.starts_with("http://") && !address.starts_with("https://") {
            bail!("`{address}` is not an address; write it as {LOCAL}");
        }
        let (method, form) = form(expression, times);
        let config = self.config()?;
        let client = client(&config, self.timeout).await?;
        let request = authorize(client.post(format!("{address}/api/v1/{method}")).form(&form), &config).await?;
        let mut response = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                bail!(
                    "{address} answers with more than {} MB; ask for fewer series or a longer step",
                    ANSWER_BYTES_MAX >> 20
                );
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }

    fn config(&self) -> anyhow::Result<HttpConfig> {
        let mut headers = Vec::new();
        for header in &self.header {
            let (name, value) =
                header.split_once(':').with_context(|| format!("--header: `{header}` is not `NAME: VALUE`"))?;
            headers.push((name.trim().to_owned(), Secret::Value(value.trim().to_owned())));
        }
        let file = |path: &String| Secret::File(path.clone());
        Ok(HttpConfig {
            basic_auth: self
                .user
                .clone()
                .map(|username| BasicAuth { username, password: self.password_file.as_ref().map(file) }),
            authorization: self.token_file.as_ref().map(|path| ("Bearer".to_owned(), file(path))),
            tls: TlsConfig {
                ca_file: self.ca_file.clone(),
                cert_file: self.cert_file.clone(),
                key_file: self.key_file.clone(),
                server_name: None,
                insecure_skip_verify: self.insecure,
            },
            headers,
            ..HttpConfig::default()
        })
    }

    fn unreachable(&self, error: reqwest::Error) -> anyhow::Error {
        let is_connection = error.is_connect();
        let text = format!("cannot ask {}: {}", self.address(), describe(error));
        match (is_connection, &self.url) {
            (true, None) => {
                anyhow!("{text}\nhint: start `watchbell serve`, or name a server with --url or samples with --fixture")
            }
            _ => anyhow!(text),
        }
    }
}

/// The method and its parameters.
fn form(expression: &str, times: Times) -> (&'static str, Vec<(&'static str, String)>) {
    let seconds = |at: Timestamp| format!("{:.3}", at.seconds_f64());
    let query = ("query", expression.to_owned());
    match times {
        Times::At(at) => ("query", vec![query, ("time", seconds(at))]),
        Times::Range { start, end, step } => (
            "query_range",
            vec![
                query,
                ("start", seconds(start)),
                ("end", seconds(end)),
                ("step", format!("{:.3}", step.as_secs_f64())),
            ],
        ),
    }
}
