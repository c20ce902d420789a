//! A query that a server answers.

use super::answer::Answer;
use super::json::Data;
use super::times::Times;
use crate::cli::connection::{Connection, LOCAL, wait_for};
use crate::model::Timestamp;
use crate::shell::prometheus_client::{Answered, AskError, PrometheusClient};

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 512 << 20;

/// Asks the server at `url`, else this machine's, for `expression` at `times`.
///
/// # Errors
///
/// [`AskError`] for what the server does; else values that are no numbers, or options that cannot be used.
pub(super) fn ask(
    url: Option<&str>,
    connection: &Connection,
    expression: &str,
    times: Times,
) -> anyhow::Result<Answered<Answer>> {
    let address = url.unwrap_or(LOCAL);
    let config = connection.config()?;
    let (path, form) = form(expression, times);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let asked: Result<Answered<Data>, AskError> = wait_for(async {
        let client = PrometheusClient::new(address, config, connection.timeout, ANSWER_BYTES_MAX).await?;
        client.ask(path, &form).await
    })?;
    let Answered { data, warnings, infos } = asked.map_err(|error| match error {
        AskError::Unreachable { is_connection: true, .. } if url.is_none() => anyhow::anyhow!(
            "{error}\nhint: start `watchbell serve`, or name a server with --url or samples with --fixture"
        ),
        _ => error.into(),
    })?;
    match data.and_then(Data::into_answer) {
        data @ Some(_) => Ok(Answered { data, warnings, infos }),
        None => anyhow::bail!("{address} answers with values that are no numbers"),
    }
}

/// The path and its parameters.
fn form(expression: &str, times: Times) -> (&'static str, Vec<(&'static str, String)>) {
    let seconds = |at: Timestamp| format!("{:.3}", at.seconds_f64());
    let query = ("query", expression.to_owned());
    match times {
        Times::At(at) => ("/api/v1/query", vec![query, ("time", seconds(at))]),
        Times::Range { start, end, step } => (
            "/api/v1/query_range",
            vec![
                query,
                ("start", seconds(start)),
                ("end", seconds(end)),
                ("step", format!("{:.3}", step.as_secs_f64())),
            ],
        ),
    }
}
