//! What the checks of rules want to know of the series of a running Watchbell or Prometheus.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use crate::deliver::HttpConfig;
use crate::lint::{Answer, AskedSeries};
use crate::model::{Labels, Sample, Timestamp, parse_duration, parse_value};

use super::prometheus_client::{AskError, PrometheusClient};

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A server that is asked for series.
pub struct SeriesClient {
    client: PrometheusClient,
}

impl SeriesClient {
    /// A client of the server at `url`, such as `http://localhost:9090`; each answer may take `timeout`.
    ///
    /// # Errors
    ///
    /// A client that cannot be built.
    pub async fn new(url: &str, config: HttpConfig, timeout: Duration) -> Result<SeriesClient, AskError> {
        Ok(SeriesClient { client: PrometheusClient::new(url, config, timeout, ANSWER_BYTES_MAX).await? })
    }

    /// The metrics' names and kinds; questions will be about `at`.
    ///
    /// # Errors
    ///
    /// A server that does not answer. One that has no metadata is taken as it is.
    pub async fn begin(&self, at: Timestamp) -> Result<AskedSeries, AskError> {
        let names = self.get("/api/v1/label/__name__/values", &[]).await?;
        let names = names.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned));
        let metadata = self.get("/api/v1/metadata", &[]).await.unwrap_or_default();
        let mut kinds = HashMap::new();
        for (metric, entries) in metadata.as_object().into_iter().flatten() {
            if let Some(kind) = entries.pointer("/0/type").and_then(Value::as_str) {
                kinds.insert(metric.clone(), kind.to_owned());
            }
        }
        Ok(AskedSeries::new(at, names.collect(), kinds))
    }

    /// How long the server keeps samples, if it says so.
    pub async fn retention(&self) -> Option<Duration> {
        let information = self.get("/api/v1/status/runtimeinfo", &[]).await.ok()?;
        let text = information.get("storageRetention")?.as_str()?;
        // `15d`, or `15d or 10GiB`.
        parse_duration(text.split(' ').next()?).ok().filter(|retention| !retention.is_zero())
    }

    /// Asks every open question of `asked`; those that fail have no answer.
    ///
    /// # Errors
    ///
    /// A server that does not answer at all.
    pub async fn answer(&self, asked: &mut AskedSeries, at: Timestamp) -> Result<usize, AskError> {
        let open = asked.open();
        let count = open.len();
        let time = format!("{:.3}", at.millis() as f64 / 1000.0);
        for query in open {
            let answer = match self.get("/api/v1/query", &[("query", &query), ("time", &time)]).await {
                Ok(data) => Some(series_of(&data)),
                Err(AskError::Refused { .. } | AskError::Foreign { .. } | AskError::TooLarge { .. }) => None,
                Err(error) => return Err(error),
            };
            asked.answer(query, answer);
        }
        Ok(count)
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, AskError> {
        Ok(self.client.ask(path, parameters).await?.data.unwrap_or_default())
    }
}

/// The series of the result of a query; histograms are passed over.
fn series_of(data: &Value) -> Answer {
    let sample = |pair: &Value| {
        let seconds = pair.get(0)?.as_f64()?;
        let value = parse_value(pair.get(1)?.as_str()?)?;
        Some(Sample { at: Timestamp::from_millis((seconds * 1000.0).round() as i64), value })
    };
    let one = |row: &Value| {
        let pairs = row.get("metric")?.as_object()?.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        let values = row.get("values").and_then(Value::as_array).into_iter().flatten();
        let samples = values.chain(row.get("value")).filter_map(sample).collect();
        Some((Labels::from_pairs(pairs), samples))
    };
    data.get("result").and_then(Value::as_array).into_iter().flatten().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_queries() {
        let data = serde_json::json!({"resultType": "matrix", "result": [
            {"metric": {"job": "a"}, "values": [[1, "2"], [1.5, "NaN"]]},
            {"metric": {}, "value": [3, "4"]},
            {"metric": {"x": "h"}, "histogram": [3, {}]},
            "nonsense",
        ]});
        let shown: Vec<String> = series_of(&data)
            .iter()
            .map(|(labels, samples)| {
                format!("{labels} {:?}", samples.iter().map(|s| s.at.millis()).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(shown, [r#"{job="a"} [1000, 1500]"#, "{} [3000]", r#"{x="h"} []"#]);
    }
}
