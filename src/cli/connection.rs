//! How a server with Prometheus's API is reached: the options of all verbs that ask one.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::query::duration;
use crate::deliver::{BasicAuth, HttpConfig, Secret, TlsConfig};
use crate::model::push_percent_encoded;
use crate::shell::prometheus_client::{Answered, AskError, PrometheusClient};

/// The address of a service of this machine.
pub(super) const LOCAL: &str = "http://localhost:9797";
/// The longest answer of a running Watchbell that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The bearer token to send when no other credentials are given.
const TOKEN_VARIABLE: &str = "WATCHBELL_TOKEN";
/// The password of `--user` when no file is given.
const PASSWORD_VARIABLE: &str = "WATCHBELL_PASSWORD";

/// How the server is asked.
#[derive(Args, Debug)]
pub struct Connection {
    /// A file with the bearer token to send; without one and without --user, the token is that of
    /// WATCHBELL_TOKEN
    #[arg(long, value_name = "FILE", help_heading = "Connection", conflicts_with = "user")]
    token_file: Option<String>,
    /// The user of basic authentication
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    user: Option<String>,
    /// A file with the user's password; without one, the password is that of WATCHBELL_PASSWORD
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
    /// How long an answer may take
    #[arg(long, value_name = "DURATION", help_heading = "Connection", default_value = "2m", value_parser = duration)]
    pub(super) timeout: Duration,
}

impl Connection {
    /// The options as a configuration.
    ///
    /// # Errors
    ///
    /// A header that is none.
    pub(super) fn config(&self) -> anyhow::Result<HttpConfig> {
        let mut headers = Vec::new();
        for header in &self.header {
            let (name, value) =
                header.split_once(':').with_context(|| format!("--header: `{header}` is not `NAME: VALUE`"))?;
            headers.push((name.trim().to_owned(), Secret::Value(value.trim().to_owned())));
        }
        let file = |path: &String| Secret::File(path.clone());
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(Secret::Value);
        let password = || self.password_file.as_ref().map(file).or_else(|| variable(PASSWORD_VARIABLE));
        let says_who = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let token = match (&self.token_file, &self.user) {
            (Some(path), _) => Some(file(path)),
            (None, None) if !says_who => variable(TOKEN_VARIABLE),
            (None, _) => None,
        };
        Ok(HttpConfig {
            basic_auth: self
                .user
                .clone()
                .map(|username| BasicAuth { username: Secret::Value(username), password: password() }),
            authorization: token.map(|token| ("Bearer".to_owned(), token)),
            tls: TlsConfig {
                ca: self.ca_file.as_ref().map(file),
                cert: self.cert_file.as_ref().map(file),
                key: self.key_file.as_ref().map(file),
                insecure_skip_verify: self.insecure,
                ..TlsConfig::default()
            },
            headers,
            ..HttpConfig::default()
        })
    }
}

/// Where a running Watchbell is: the options of the verbs that are of no use without one.
#[derive(Args, Debug)]
pub(super) struct Running {
    /// The Watchbell that is asked
    #[arg(long, value_name = "URL", default_value = LOCAL, env = "WATCHBELL_URL")]
    url: String,
    #[command(flatten)]
    connection: Connection,
}

impl Running {
    pub(super) fn service(&self) -> Service<'_> {
        Service { url: &self.url, connection: &self.connection }
    }
}

/// A running Watchbell that is asked.
pub(super) struct Service<'a> {
    /// Its address.
    pub(super) url: &'a str,
    /// How it is reached.
    pub(super) connection: &'a Connection,
}

impl Service<'_> {
    async fn client(&self) -> Result<PrometheusClient, ServiceError> {
        let config = self.connection.config()?;
        Ok(PrometheusClient::new(self.url, config, self.connection.timeout, ANSWER_BYTES_MAX).await?)
    }

    /// What it answers to a request by `method`; `body` is its content type and what it says.
    ///
    /// # Errors
    ///
    /// It refuses, cannot be asked, or answers with nothing.
    pub(super) fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<T, ServiceError> {
        let answered: Result<Answered<T>, ServiceError> =
            wait_for(async { Ok(self.client().await?.tell(method, path, body).await?) })?;
        answered?.data.ok_or(ServiceError::NoData)
    }

    /// What it answers under `path`.
    ///
    /// # Errors
    ///
    /// As of [`Service::request`].
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ServiceError> {
        self.request(Method::GET, path, None)
    }

    /// What it answers under `path`, which is no JSON.
    ///
    /// # Errors
    ///
    /// It refuses, or cannot be asked.
    pub(super) fn text(&self, path: &str) -> Result<String, ServiceError> {
        wait_for(async { Ok(self.client().await?.text(path).await?) })?
    }
}

/// A service that does not give what is asked of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServiceError {
    /// What it says, without its address.
    #[error("{0}")]
    Refused(String),
    /// It cannot be asked.
    #[error(transparent)]
    Unreachable(AskError),
    /// The connection is not described well.
    #[error("{0:#}")]
    Call(#[from] anyhow::Error),
    /// The answer is empty.
    #[error("the answer holds nothing")]
    NoData,
}

impl From<AskError> for ServiceError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused { text, .. } => ServiceError::Refused(text),
            error @ (AskError::Address(_) | AskError::Client(_)) => ServiceError::Call(error.into()),
            error => ServiceError::Unreachable(error),
        }
    }
}

impl ServiceError {
    /// Writes it to standard error; the exit code: 2 for what was called wrongly, 1 for a service that cannot answer.
    pub(super) fn report(&self) -> ExitCode {
        eprintln!("error: {self}");
        match self {
            ServiceError::Refused(_) | ServiceError::Call(_) => ExitCode::from(2),
            ServiceError::Unreachable(_) | ServiceError::NoData => ExitCode::from(1),
        }
    }
}

/// `path` with `parameters` behind it.
pub(super) fn with_query<'a>(path: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut whole = path.to_owned();
    for (index, (name, value)) in parameters.into_iter().enumerate() {
        whole.push(if index == 0 { '?' } else { '&' });
        whole.push_str(name);
        whole.push('=');
        push_percent_encoded(value, &mut whole);
    }
    whole
}

/// Waits for what a server answers.
///
/// # Errors
///
/// The runtime cannot be started.
pub(super) fn wait_for<F: Future>(answer: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("cannot start the runtime")?.block_on(answer))
}
