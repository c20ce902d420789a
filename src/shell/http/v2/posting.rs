//! `POST /api/v2/alerts`: alerts from outside. Those that can be taken are, even when others of the same request cannot.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use smallvec::SmallVec;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

use super::{App, refused, stopping};
use crate::engine::{ExternalAlert, ExternalError};
use crate::model::{Labels, Timestamp, TraceId};

/// How many alerts a request may hold.
const ALERTS_MAX: usize = 100_000;
/// How many of the largest bodies may be in memory at a time.
const LARGEST_BODIES_MAX: usize = 2;
/// What a body without a length counts for, and a small one at least, in bytes.
const BODY_BYTES_MIN: usize = 16 << 10;
/// Bodies up to this size are read where they arrive, larger ones on a thread that may block.
const INLINE_BYTES_MAX: usize = 128 << 10;
/// How many labels an alert has as a rule, or fewer.
const LABELS_USUAL: usize = 8;
/// How many faults an answer names.
const FAULTS_NAMED_MAX: usize = 20;

/// The room for bodies that are worked on: who finds none waits.
#[derive(Clone)]
pub(super) struct Places {
    bytes: Arc<Semaphore>,
    body_bytes_max: usize,
}

impl Places {
    /// Room for bodies that are as large as `body_bytes_max`.
    pub(super) fn new(body_bytes_max: usize) -> Places {
        let body_bytes_max = body_bytes_max.clamp(BODY_BYTES_MIN, Semaphore::MAX_PERMITS / LARGEST_BODIES_MAX);
        Places { bytes: Arc::new(Semaphore::new(body_bytes_max * LARGEST_BODIES_MAX)), body_bytes_max }
    }

    /// Room for the body of a request, kept until what it says is decided; `None` for a body that says it is too large.
    async fn place(&self, headers: &HeaderMap) -> Option<OwnedSemaphorePermit> {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let bytes = length.unwrap_or(self.body_bytes_max).max(BODY_BYTES_MIN);
        let wanted = u32::try_from(bytes).ok().filter(|_| bytes <= self.body_bytes_max)?;
        Arc::clone(&self.bytes).acquire_many_owned(wanted).await.ok()
    }
}

/// Takes in posted alerts. Answers once they are on disk, with the faults of those that cannot be taken.
pub(super) async fn post(State(app): State<App>, Extension(places): Extension<Places>, request: Request) -> Response {
    let too_large = || {
        let text = format!("the body is larger than the limit of {} bytes", places.body_bytes_max);
        refused(StatusCode::PAYLOAD_TOO_LARGE, text)
    };
    let Some(_place) = places.place(request.headers()).await else { return too_large() };
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let trace = traceparent.and_then(TraceId::from_traceparent).unwrap_or_else(|| app.ids.trace());
    let body = match to_bytes(request.into_body(), places.body_bytes_max).await {
        Ok(body) => body,
        Err(error) if is_too_large(&error) => return too_large(),
        Err(error) => return refused(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}")),
    };
    let read = match body.len() <= INLINE_BYTES_MAX {
        true => read(&body, trace),
        false => match tokio::task::spawn_blocking(move || read(&body, trace)).await {
            Ok(read) => read,
            Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        },
    };
    let (alerts, mut faults) = match read {
        Ok(read) => read,
        Err(error) => return refused(StatusCode::BAD_REQUEST, format!("no alerts: {error}")),
    };
    if alerts.len() + faults.len() > ALERTS_MAX {
        let text = format!("{} alerts; at most {ALERTS_MAX} are taken at a time", alerts.len() + faults.len());
        return refused(StatusCode::PAYLOAD_TOO_LARGE, text);
    }
    match app.decider.post_alerts(alerts).await {
        Ok(refused) => faults.extend(refused),
        Err(error) => return stopping(&error),
    }
    match faults.is_empty() {
        true => StatusCode::OK.into_response(),
        false => {
            debug!(faults = faults.len(), first = %faults[0], "posted alerts refused");
            refused(StatusCode::BAD_REQUEST, joined(&faults))
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains("length limit exceeded"))
}

fn joined(faults: &[ExternalError]) -> String {
    let named: Vec<String> = faults.iter().take(FAULTS_NAMED_MAX).map(ToString::to_string).collect();
    match faults.len().saturating_sub(FAULTS_NAMED_MAX) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

/// The alerts of a body, and what is wrong with the others.
fn read(body: &Bytes, trace: TraceId) -> Result<(Vec<ExternalAlert>, Vec<ExternalError>), serde_json::Error> {
    // Whether it is text is looked at once, and not for each part; if it is none, reading it says where.
    let posted: Vec<Posted> = match str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    }?;
    let mut alerts = Vec::with_capacity(posted.len());
    let mut faults = Vec::new();
    for posted in posted {
        let alert = posted.alert(trace);
        match alert.check() {
            Ok(()) => alerts.push(alert),
            Err(fault) => faults.push(fault),
        }
    }
    Ok((alerts, faults))
}

/// An alert as Prometheus and amtool post it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    #[serde(deserialize_with = "label_set")]
    labels: Labels,
    #[serde(default, deserialize_with = "label_set")]
    annotations: Labels,
    #[serde(default, deserialize_with = "moment")]
    starts_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    ends_at: Option<Timestamp>,
    #[serde(default, rename = "generatorURL", deserialize_with = "text")]
    generator_url: Arc<str>,
}

impl Posted {
    fn alert(self, trace: TraceId) -> ExternalAlert {
        let Posted { labels, annotations, starts_at, ends_at, generator_url } = self;
        ExternalAlert { labels, annotations, starts_at, ends_at, generator_url, trace }
    }
}

/// A text that is not copied unless it has escapes.
struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// A set of labels, empty ones left out; `null` is none.
fn label_set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
    struct Reader;
    impl<'de> Visitor<'de> for Reader {
        type Value = Labels;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of texts")
        }

        fn visit_unit<E: Error>(self) -> Result<Labels, E> {
            Ok(Labels::default())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
            let mut labels: SmallVec<[(Cow<'de, str>, Cow<'de, str>); LABELS_USUAL]> = SmallVec::new();
            while let Some((Text(name), Text(value))) = map.next_entry::<Text<'de>, Text<'de>>()? {
                labels.push((name, value));
            }
            Ok(Labels::from_pairs(labels))
        }
    }
    deserializer.deserialize_any(Reader)
}

/// A time; empty, `null` and Go's zero time are none.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(Text(text)) = Option::<Text<'de>>::deserialize(deserializer)? else { return Ok(None) };
    if text.is_empty() || text.starts_with("0001-01-01T00:00:00") {
        return Ok(None);
    }
    let wrong = || D::Error::custom(format_args!("{text:?} is no time such as 2026-11-22T03:00:00Z"));
    Timestamp::parse_rfc3339(&text).map(Some).ok_or_else(wrong)
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    Ok(Option::<Text<'de>>::deserialize(deserializer)?.map(|Text(text)| Arc::from(text)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(body: &str) -> Result<String, String> {
        let (alerts, faults) =
            read(&Bytes::copy_from_slice(body.as_bytes()), TraceId::NONE).map_err(|error| error.to_string())?;
        let seconds = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| at.to_string());
        let line = |alert: &ExternalAlert| {
            let ExternalAlert { labels, annotations, generator_url, .. } = alert;
            format!("{labels} {annotations} {} {} {generator_url}", seconds(alert.starts_at), seconds(alert.ends_at))
        };
        let faults = faults.iter().map(ToString::to_string);
        Ok(alerts.iter().map(line).chain(faults).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn what_is_posted() {
        for (body, expected) in [
            ("[]", ""),
            (r#"[{"labels":{"b":"2","a":"\u0031","c":""}}]"#, r#"{a="1", b="2"} {} - - "#),
            (r#"[{"labels":{"a":"1","a":"2"},"annotations":null,"generatorURL":null}]"#, r#"{a="2"} {} - - "#),
            (
                r#"[{"labels":{"ü b":"1"},"annotations":{"s":"x"},"generatorURL":"http://p/"}]"#,
                r#"{"ü b"="1"} {s="x"} - - http://p/"#,
            ),
            (
                r#"[{"labels":{"a":"1"},"startsAt":"2026-11-22T04:00:00.123456+01:00","endsAt":"0001-01-01T00:00:00.000Z","more":1}]"#,
                r#"{a="1"} {} 2026-11-22T03:00:00.123Z - "#,
            ),
            (r#"[{"labels":{"a":"1"},"startsAt":"","endsAt":null}]"#, r#"{a="1"} {} - - "#),
            // One that cannot be taken does not hold up another.
            (r#"[{"labels":{"a":""}},{"labels":{"b":"1"}}]"#, "{b=\"1\"} {} - - \nat least one label pair required"),
            (r#"[{"labels":{"":"1"}}]"#, "invalid label set: invalid name \"\""),
            (r#"[{"labels":{"a":"1"},"annotations":{"":"1"}}]"#, "invalid annotations: invalid name \"\""),
        ] {
            assert_eq!(taken(body).as_deref(), Ok(expected), "{body}");
        }
    }

    #[test]
    fn what_is_no_alert() {
        for (body, expected) in [
            ("", "EOF"),
            ("{}", "expected a sequence"),
            ("[{}]", "missing field `labels`"),
            (r#"[{"labels":{"a":1}}]"#, "expected a text"),
            (r#"[{"labels":[]}]"#, "expected an object of texts"),
            (r#"[{"labels":{"a":"1"},"endsAt":"soon"}]"#, "is no time"),
            ("[{\"labels\":{\"a\":\"\u{1}\"}}]", "control character"),
        ] {
            let error = taken(body).expect_err(body);
            assert!(error.contains(expected), "{body}: {error}");
        }
    }
}
