//! Logs to standard error, one event a line, as JSON or for people. Inside a span that was opened with a `trace_id` field
//! every line carries `trace_id` and `span_id`.

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, fmt as subscriber};

use super::{Ids, SpanId};
use crate::model::{Timestamp, TraceId};
use crate::shell::clock::Clock;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// `2026-11-22T03:00:00Z INFO watchbell::shell message key=value`
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// How lines are written.
    pub format: LogFormat,
    /// A level (`debug` and `trace` for Watchbell alone) or `tracing` directives such as `info,watchbell::shell=debug`; `None`
    /// for `RUST_LOG`, and without it `info`.
    pub level: Option<String>,
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is not one.
    #[error(
        "invalid log level {0:?}: {1}; use error, warn, info, debug, trace or directives such as `info,watchbell=debug`"
    )]
    Level(String, tracing_subscriber::filter::ParseError),
    /// Logging was set up before.
    #[error("logging is set up already")]
    Twice(#[from] TryInitError),
}

/// Sets up logging for the whole process; once.
///
/// # Errors
///
/// A level that cannot be read, and a second call.
pub fn init_logs(options: &LogOptions, ids: Ids, clock: Clock) -> Result<(), LogError> {
    let directives = match &options.level {
        Some(level) => level.clone(),
        None => std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "info".to_owned()),
    };
    let directives = own(directives);
    let filter = EnvFilter::try_new(&directives).map_err(|error| LogError::Level(directives, error))?;
    let lines = subscriber::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .event_format(LineFormat { format: options.format, clock });
    tracing_subscriber::registry().with(filter).with(SpanContexts { ids }).with(lines).try_init()?;
    Ok(())
}

/// A bare `debug` or `trace` is meant for Watchbell; the libraries below it stay at `info`.
fn own(directives: String) -> String {
    match directives.to_ascii_lowercase().as_str() {
        level @ ("debug" | "trace") => format!("info,watchbell={level}"),
        _ => directives,
    }
}

/// What is known of an open span.
struct SpanContext {
    trace: TraceId,
    span: SpanId,
    fields: Map<String, Value>,
}

/// Gives every span its id and hands the trace id down from parent to child.
struct SpanContexts {
    ids: Ids,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanContexts {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut trace = fields.take_trace();
        if trace == TraceId::NONE
            && let Some(parent) = span.parent()
            && let Some(inherited) = parent.extensions().get::<SpanContext>()
        {
            trace = inherited.trace;
        }
        span.extensions_mut().insert(SpanContext { trace, span: self.ids.span(), fields: fields.0 });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(known) = span.extensions_mut().get_mut::<SpanContext>() {
            let trace = fields.take_trace();
            if trace.is_some() {
                known.trace = trace;
            }
            known.fields.append(&mut fields.0);
        }
    }
}

/// Collects fields as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    /// Takes out the field `trace_id`; anything but 32 hexadecimal digits is no trace.
    fn take_trace(&mut self) -> TraceId {
        self.0.remove("trace_id").and_then(|value| value.as_str()?.parse().ok()).unwrap_or_default()
    }

    fn set(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no NaN and no infinities.
        let number = serde_json::Number::from_f64(value);
        self.set(field, number.map_or_else(|| Value::from(value.to_string()), Value::Number));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::from(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::from(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::from(value));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::from(value));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::from(format!("{value:?}")));
    }
}

/// Writes events as lines.
struct LineFormat {
    format: LogFormat,
    clock: Clock,
}

/// An event with what its spans add.
struct Line<'a> {
    timestamp: String,
    level: &'a str,
    target: &'a str,
    message: String,
    span: Option<&'static str>,
    trace: TraceId,
    span_id: Option<SpanId>,
    fields: Map<String, Value>,
}

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut line = Line {
            timestamp: timestamp(self.clock.now()),
            level: event.metadata().level().as_str(),
            target: event.metadata().target(),
            message: String::new(),
            span: None,
            trace: TraceId::NONE,
            span_id: None,
            fields: Map::new(),
        };
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(known) = span.extensions().get::<SpanContext>() {
                line.span = Some(span.name());
                (line.trace, line.span_id) = (known.trace, Some(known.span));
                line.fields.extend(known.fields.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        let explicit = own.take_trace();
        if explicit.is_some() {
            line.trace = explicit;
        }
        line.fields.append(&mut own.0);
        if let Some(Value::String(message)) = line.fields.remove("message") {
            line.message = message;
        }
        match self.format {
            LogFormat::Json => writeln!(writer, "{}", line.json()),
            LogFormat::Text => writeln!(writer, "{}", line.text()),
        }
    }
}

impl Line<'_> {
    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Object<'a> {
            timestamp: &'a str,
            level: &'a str,
            target: &'a str,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            span: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            trace_id: Option<TraceId>,
            #[serde(skip_serializing_if = "Option::is_none")]
            span_id: Option<String>,
            #[serde(skip_serializing_if = "Map::is_empty")]
            fields: &'a Map<String, Value>,
        }
        let trace_id = Some(self.trace).filter(|trace| trace.is_some());
        let object = Object {
            timestamp: &self.timestamp,
            level: self.level,
            target: self.target,
            message: &self.message,
            span: self.span,
            trace_id,
            span_id: trace_id.and(self.span_id).map(|id| id.to_string()),
            fields: &self.fields,
        };
        // Texts and numbers always have a JSON form.
        serde_json::to_string(&object).unwrap_or_default()
    }

    fn text(&self) -> String {
        let mut text = format!("{} {:5} {} {}", self.timestamp, self.level, self.target, visible(&self.message));
        for (name, value) in &self.fields {
            let value = match value {
                Value::String(word) if !word.is_empty() && !word.contains([' ', '"', '=']) => visible(word),
                other => visible(&other.to_string()),
            };
            let _ = write!(text, " {name}={value}");
        }
        if self.trace.is_some() {
            let _ = write!(text, " trace_id={}", self.trace);
            if let Some(span_id) = self.span_id {
                let _ = write!(text, " span_id={span_id}");
            }
        }
        text
    }
}

/// `text` with control characters escaped, so that nobody can forge a line or drive a terminal.
fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

/// RFC 3339 with three decimals always, so that columns stand under each other.
fn timestamp(now: Timestamp) -> String {
    now.to_jiff().map_or_else(|| now.to_string(), |at| format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_bare_level_is_for_watchbell() {
        for (given, used) in [
            ("debug", "info,watchbell=debug"),
            ("TRACE", "info,watchbell=trace"),
            ("warn", "warn"),
            ("info,sled=debug", "info,sled=debug"),
        ] {
            assert_eq!(super::own(given.to_owned()), used);
        }
    }

    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, work: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let lines = subscriber::layer()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .event_format(LineFormat { format, clock: Clock::system() });
        let stack = tracing_subscriber::registry().with(SpanContexts { ids: Ids::random() }).with(lines);
        tracing::subscriber::with_default(stack, work);
        String::from_utf8(buffer.0.lock().expect("not poisoned").clone()).expect("UTF-8")
    }

    fn story() {
        let trace = TraceId(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        info!(rules = 3, "ready");
        let outer = info_span!("deliver", trace_id = %trace, receiver = "ops").entered();
        warn!(error = "no\nroute", attempt = 2_u64, "delivery failed");
        info_span!("inner").in_scope(|| info!(ratio = f64::NAN, "deep"));
        drop(outer);
    }

    #[test]
    fn json_lines_carry_the_trace() {
        let text = logged(LogFormat::Json, story);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["message"], "ready");
        assert_eq!(lines[0]["fields"]["rules"], 3);
        assert!(lines[0].get("trace_id").is_none() && lines[0].get("span_id").is_none());
        for (line, span) in [(&lines[1], "deliver"), (&lines[2], "inner")] {
            assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
            assert_eq!(line["span"], span);
            assert_eq!(line["span_id"].as_str().map(str::len), Some(16));
            assert_eq!(line["fields"]["receiver"], "ops");
        }
        assert_ne!(lines[1]["span_id"], lines[2]["span_id"]);
        assert_eq!(lines[1]["level"], "WARN");
        assert_eq!(lines[2]["fields"]["ratio"], "NaN");
    }

    #[test]
    fn text_stays_on_one_line() {
        let text = logged(LogFormat::Text, story);
        assert_eq!(text.lines().count(), 3, "{text}");
        let second = text.lines().nth(1).expect("a line");
        assert!(
            second.contains("WARN  watchbell::shell::telemetry::logs::tests delivery failed attempt=2"),
            "{second}"
        );
        assert!(second.contains(r"error=no\nroute"), "{second}");
        assert!(second.contains("trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id="), "{second}");
    }
}
