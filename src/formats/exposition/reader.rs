use std::borrow::Cow;
use std::ops::Range;

use super::Dialect;
use super::labels::{RawLabel, canonical_bound, unescape, unescape_help};
use crate::formats::error::{excerpt, utf8};
use crate::formats::{FormatError, LABELS_PER_SERIES_MAX};
use crate::model::{Labels, LabelsBuilder, METRIC_NAME, Timestamp, parse_value};

/// The type of a metric family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as it is written after `# TYPE`")]
pub enum MetricKind {
    #[default]
    Unknown,
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
}

impl MetricKind {
    /// The name in OpenMetrics and in Prometheus's metadata API.
    pub fn as_str(self) -> &'static str {
        match self {
            MetricKind::Unknown => "unknown",
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            MetricKind::GaugeHistogram => "gaugehistogram",
            MetricKind::Summary => "summary",
            MetricKind::Info => "info",
            MetricKind::StateSet => "stateset",
        }
    }

    /// The type that `text` names in a dialect.
    fn parse(text: &str, dialect: Dialect) -> Option<Self> {
        Some(match (text, dialect) {
            ("counter", _) => MetricKind::Counter,
            ("gauge", _) => MetricKind::Gauge,
            ("histogram", _) => MetricKind::Histogram,
            ("summary", _) => MetricKind::Summary,
            ("untyped", Dialect::Prometheus) | ("unknown", Dialect::OpenMetrics) => MetricKind::Unknown,
            ("gaugehistogram", Dialect::OpenMetrics) => MetricKind::GaugeHistogram,
            ("info", Dialect::OpenMetrics) => MetricKind::Info,
            ("stateset", Dialect::OpenMetrics) => MetricKind::StateSet,
            _ => return None,
        })
    }
}

/// One line that says something.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'a> {
    /// A sample; its labels are those of [`Reader::labels`].
    Sample {
        /// The series as written: the same text is the same series, so that a known one needs no labels.
        series: &'a str,
        /// The value.
        value: f64,
        /// The time, where one is given.
        at: Option<Timestamp>,
    },
    /// `# HELP`
    Help {
        /// The family.
        metric: Cow<'a, str>,
        /// What it says.
        help: Cow<'a, str>,
    },
    /// `# TYPE`
    Type {
        /// The family.
        metric: Cow<'a, str>,
        /// Its type.
        kind: MetricKind,
    },
    /// `# UNIT`, in OpenMetrics.
    Unit {
        /// The family.
        metric: Cow<'a, str>,
        /// Its unit.
        unit: &'a str,
    },
}

/// Reads an exposition line by line. Beyond a list that it uses again for each line it allocates only what
/// [`Reader::labels`] returns and texts with escapes.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
    /// The type of the last `# TYPE`.
    kind: MetricKind,
    /// The metric's name of the last sample; may hold escapes.
    name: Range<usize>,
    labels: Vec<RawLabel>,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`.
    ///
    /// # Errors
    ///
    /// Text that is not UTF-8.
    pub fn new(text: &'a [u8], dialect: Dialect) -> Result<Self, FormatError> {
        let text = utf8(text)?;
        Ok(Reader { text, at: 0, dialect, kind: MetricKind::Unknown, name: 0..0, labels: Vec::new() })
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// A line that is not of the format, or a missing `# EOF` in OpenMetrics. Nothing can be read after an error.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'a>>, FormatError> {
        loop {
            self.skip_blanks();
            match self.peek() {
                None if self.dialect == Dialect::OpenMetrics => {
                    return Err(self.error("the text does not end with `# EOF`").hint("it may have been cut off"));
                }
                None => return Ok(None),
                Some(b'\n') if self.dialect == Dialect::Prometheus => self.at += 1,
                Some(b'#') if self.dialect == Dialect::OpenMetrics => return self.openmetrics_comment(),
                Some(b'#') => {
                    if let Some(entry) = self.prometheus_comment()? {
                        return Ok(Some(entry));
                    }
                }
                Some(_) => return self.sample().map(Some),
            }
        }
    }

    /// The labels of the last sample, the metric's name among them.
    ///
    /// # Errors
    ///
    /// A label that is given twice.
    pub fn labels(&self) -> Result<Labels, FormatError> {
        let mut builder = LabelsBuilder::default();
        builder.insert_new(METRIC_NAME, &unescape(&self.text[self.name.clone()]));
        for label in &self.labels {
            let name = unescape(&self.text[label.name.clone()]);
            let mut value = unescape(&self.text[label.value.clone()]);
            let is_bound =
                matches!((self.kind, &*name), (MetricKind::Histogram, "le") | (MetricKind::Summary, "quantile"));
            if is_bound && let Some(bound) = canonical_bound(&value) {
                value = Cow::Owned(bound);
            }
            if !builder.insert_new(&name, &value) {
                let message = format!("label `{}` is given twice", excerpt(&name));
                return Err(self.error_at(label.name.start, message));
            }
        }
        Ok(builder.finish())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error_at(&self, offset: usize, message: impl Into<String>) -> FormatError {
        FormatError::in_text(self.text.as_bytes(), offset, message)
    }

    fn error(&self, message: impl Into<String>) -> FormatError {
        self.error_at(self.at, message)
    }

    /// An error here: `expected` did not come.
    fn expected(&self, expected: &str) -> FormatError {
        let found = match self.rest().chars().next() {
            None => "the end".to_owned(),
            Some('\n') => "the end of the line".to_owned(),
            Some(character) => format!("{character:?}"),
        };
        let error = self.error(format!("expected {expected}, found {found}"));
        match self.peek() {
            Some(b'\r') => error.hint("lines end with \\n alone"),
            Some(b' ' | b'\t') if self.dialect == Dialect::OpenMetrics => {
                error.hint("OpenMetrics allows exactly one space between the parts of a line and none inside braces")
            }
            _ => error,
        }
    }

    /// Skips spaces and tabs, which only Prometheus's format allows anywhere.
    fn skip_blanks(&mut self) {
        if self.dialect == Dialect::Prometheus {
            while matches!(self.peek(), Some(b' ' | b'\t')) {
                self.at += 1;
            }
        }
    }

    /// Passes `byte`, or says that it is not here.
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The end of the line that `self.at` is in: the offset of its `\n`, or of the end of the text.
    fn line_end(&self) -> usize {
        memchr::memchr(b'\n', self.rest().as_bytes()).map_or(self.text.len(), |length| self.at + length)
    }

    /// A comment of Prometheus's format; `None` for one that says nothing to a program.
    fn prometheus_comment(&mut self) -> Result<Option<Entry<'a>>, FormatError> {
        let end = self.line_end();
        self.at += 1;
        self.skip_blanks();
        let keyword = self.rest().get(..4).unwrap_or_default();
        let spaced = matches!(self.text.as_bytes().get(self.at + 4), Some(b' ' | b'\t'));
        if !spaced || !(keyword == "HELP" || keyword == "TYPE") {
            self.at = end;
            return Ok(None);
        }
        self.at += 4;
        self.skip_blanks();
        let metric = self.family_name(keyword)?;
        let after_name = &self.text[self.at..end];
        let text = after_name.strip_prefix([' ', '\t']).unwrap_or(after_name);
        if !after_name.is_empty() && text.len() == after_name.len() {
            return Err(self.expected("a space after the metric's name"));
        }
        let entry = match keyword {
            "HELP" => Entry::Help { metric, help: unescape_help(text, false) },
            _ => Entry::Type { metric, kind: self.kind_of(text.trim_matches([' ', '\t']))? },
        };
        self.at = end;
        Ok(Some(entry))
    }

    /// A metadata line of OpenMetrics, or its `# EOF`.
    fn openmetrics_comment(&mut self) -> Result<Option<Entry<'a>>, FormatError> {
        let end = self.line_end();
        let line = &self.text[self.at..end];
        if line == "# EOF" {
            self.at = (end + 1).min(self.text.len());
            return match self.at == self.text.len() {
                true => Ok(None),
                false => Err(self.error("text after `# EOF`")),
            };
        }
        let keyword = line.get(2..6).unwrap_or_default();
        if !line.starts_with("# ") || !matches!(keyword, "HELP" | "TYPE" | "UNIT") || !line[6..].starts_with(' ') {
            return Err(self
                .error("not a line of OpenMetrics")
                .hint("a line that begins with `#` is `# HELP`, `# TYPE`, `# UNIT` or the final `# EOF`"));
        }
        self.at += 7;
        let metric = self.family_name(keyword)?;
        if !self.eat(b' ') {
            return Err(self.expected("a space and a text after the metric's name"));
        }
        if end == self.text.len() {
            return Err(self.error_at(end, "the text does not end with `# EOF`").hint("it may have been cut off"));
        }
        let text = &self.text[self.at..end];
        let entry = match keyword {
            "HELP" => Entry::Help { metric, help: unescape_help(text, true) },
            "TYPE" => Entry::Type { metric, kind: self.kind_of(text)? },
            _ => {
                let is_suffix = metric.strip_suffix(text).is_some_and(|head| head.ends_with('_'));
                if !text.is_empty() && !is_suffix {
                    let message = format!("unit `{}` is not the end of the metric's name", excerpt(text));
                    return Err(self.error(message));
                }
                Entry::Unit { metric, unit: text }
            }
        };
        self.at = end + 1;
        Ok(Some(entry))
    }

    fn kind_of(&mut self, text: &str) -> Result<MetricKind, FormatError> {
        self.kind = MetricKind::parse(text, self.dialect).ok_or_else(|| {
            let error = self.error(format!("unknown metric type `{}`", excerpt(text)));
            match self.dialect {
                Dialect::Prometheus => error.hint("counter, gauge, histogram, summary or untyped"),
                Dialect::OpenMetrics => {
                    error.hint("counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown")
                }
            }
        })?;
        Ok(self.kind)
    }

    /// The name after `# HELP` and its like, plain or quoted.
    fn family_name(&mut self, keyword: &str) -> Result<Cow<'a, str>, FormatError> {
        let range = match self.peek() {
            Some(b'"') => self.quoted()?,
            _ => self.bare_name(true),
        };
        if range.is_empty() {
            return Err(self.expected(&format!("a metric name after {keyword}")));
        }
        Ok(unescape(&self.text[range]))
    }

    /// Passes a name of the classic alphabet; empty if there is none.
    fn bare_name(&mut self, colons: bool) -> Range<usize> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            let fits = byte.is_ascii_alphabetic()
                || byte == b'_'
                || (byte == b':' && colons)
                || (byte.is_ascii_digit() && self.at > start);
            if !fits {
                break;
            }
            self.at += 1;
        }
        start..self.at
    }

    /// Passes a quoted text, whose opening quote is here, and yields what is between the quotes.
    fn quoted(&mut self) -> Result<Range<usize>, FormatError> {
        let opening = self.at;
        let start = opening + 1;
        let bytes = self.text.as_bytes();
        let mut at = start;
        while let Some(length) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at..]) {
            at += length;
            match bytes[at] {
                b'"' => {
                    self.at = at + 1;
                    return Ok(start..at);
                }
                b'\\' if at + 1 < bytes.len() && bytes[at + 1] != b'\n' => at += 2,
                _ => break,
            }
        }
        Err(self.error_at(opening, "a quote that is not closed on its line").hint("write a line break as \\n"))
    }

    fn sample(&mut self) -> Result<Entry<'a>, FormatError> {
        let start = self.at;
        self.labels.clear();
        self.name = self.bare_name(true);
        let mut series_end = self.at;
        self.skip_blanks();
        if self.name.is_empty() && self.peek() != Some(b'{') {
            return Err(self.expected("a metric name, `{` or a comment"));
        }
        if self.eat(b'{') {
            self.label_set(true)?;
            series_end = self.at;
        }
        if self.name.is_empty() {
            return Err(self.error_at(start, "a series without a metric name"));
        }
        let value = self.value("the series")?;
        let at = self.timestamp_and_end()?;
        Ok(Entry::Sample { series: &self.text[start..series_end], value, at })
    }

    /// Reads labels until the closing brace, the opening one being passed. A quoted text alone is the metric's name
    /// where `named`; the labels of an exemplar are checked and forgotten.
    fn label_set(&mut self, named: bool) -> Result<(), FormatError> {
        let kept = self.labels.len();
        loop {
            self.skip_blanks();
            if self.eat(b'}') {
                break;
            }
            let quoted = self.peek() == Some(b'"');
            let at = self.at;
            let name = if quoted { self.quoted()? } else { self.bare_name(false) };
            if name.is_empty() {
                return Err(self.expected("a label name or `}`"));
            }
            self.skip_blanks();
            if quoted && named && matches!(self.peek(), Some(b',' | b'}')) {
                if !self.name.is_empty() {
                    return Err(self.error_at(at, "a second metric name"));
                }
                self.name = name;
            } else {
                if !self.eat(b'=') {
                    return Err(self.expected("`=` after the label's name"));
                }
                self.skip_blanks();
                if self.peek() != Some(b'"') {
                    return Err(self.expected("a label value in double quotes"));
                }
                let value = self.quoted()?;
                if self.labels.len() == LABELS_PER_SERIES_MAX {
                    return Err(self.error(format!("more than {LABELS_PER_SERIES_MAX} labels")));
                }
                self.labels.push(RawLabel { name, value });
            }
            self.skip_blanks();
            if !self.eat(b',') && self.peek() != Some(b'}') && self.dialect == Dialect::OpenMetrics {
                return Err(self.expected("`,` or `}`"));
            }
        }
        if !named {
            self.labels.truncate(kept);
        }
        Ok(())
    }

    /// The word here: up to the next space or end of the line.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let length = match self.dialect {
            Dialect::Prometheus => memchr::memchr3(b' ', b'\t', b'\n', bytes),
            Dialect::OpenMetrics => memchr::memchr2(b' ', b'\n', bytes),
        }
        .unwrap_or(bytes.len());
        self.at += length;
        &rest[..length]
    }

    /// Passes the blank before a word; exactly one space in OpenMetrics.
    fn before_word(&mut self) -> bool {
        match self.dialect {
            Dialect::Prometheus => {
                self.skip_blanks();
                true
            }
            Dialect::OpenMetrics => self.eat(b' '),
        }
    }

    fn value(&mut self, of: &str) -> Result<f64, FormatError> {
        if !self.before_word() {
            return Err(self.expected(&format!("a space and a value after {of}")));
        }
        let start = self.at;
        let word = self.word();
        if word.is_empty() {
            return Err(self.expected(&format!("a value after {of}")));
        }
        parse_float(word).ok_or_else(|| {
            let error = self.error_at(start, format!("not a number: `{}`", excerpt(word)));
            match word.ends_with('\r') {
                true => error.hint("lines end with \\n alone"),
                false => error.hint("write a decimal number, NaN, +Inf or -Inf"),
            }
        })
    }

    /// What may follow a value: a timestamp, an exemplar (in OpenMetrics), the end of the line.
    fn timestamp_and_end(&mut self) -> Result<Option<Timestamp>, FormatError> {
        if self.dialect == Dialect::Prometheus {
            self.skip_blanks();
            let start = self.at;
            let word = self.word();
            let at = match word {
                "" => None,
                _ => {
                    let at = word.parse().map_err(|_| {
                        let message = format!("not a timestamp: `{}`", excerpt(word));
                        self.error_at(start, message).hint("milliseconds since 1970 as a whole number")
                    })?;
                    Some(Timestamp::from_millis(at))
                }
            };
            self.skip_blanks();
            return match self.eat(b'\n') || self.peek().is_none() {
                true => Ok(at),
                false => Err(self.expected("the end of the line after the timestamp")),
            };
        }
        let at = match self.rest().starts_with(" # {") || self.peek() != Some(b' ') {
            true => None,
            false => Some(self.seconds()?),
        };
        if self.rest().starts_with(" # {") {
            self.at += " # {".len();
            self.label_set(false)?;
            self.value("the exemplar's labels")?;
            if self.peek() == Some(b' ') {
                self.seconds()?;
            }
        }
        match (self.eat(b'\n'), self.peek()) {
            (true, _) => Ok(at),
            (false, None) => Err(self.error("the text does not end with `# EOF`").hint("it may have been cut off")),
            (false, Some(_)) => Err(self.expected("the end of the line or an exemplar")),
        }
    }

    /// A space and a timestamp in seconds.
    fn seconds(&mut self) -> Result<Timestamp, FormatError> {
        self.at += 1;
        let start = self.at;
        let word = self.word();
        parse_float(word).and_then(Timestamp::from_seconds_f64).ok_or_else(|| {
            let message = format!("not a timestamp: `{}`", excerpt(word));
            self.error_at(start, message).hint("seconds since 1970, with the milliseconds as fraction")
        })
    }
}

/// Reads a float as Prometheus does in expositions: decimal, `NaN`, `Inf` in any case; no hexadecimal, no `_`, nothing
/// out of range.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    if text.bytes().any(|byte| matches!(byte, b'x' | b'X' | b'_')) {
        return None;
    }
    let value = parse_value(text)?;
    let overflowed = value.is_infinite() && text.ends_with(|last: char| last.is_ascii_digit() || last == '.');
    (!overflowed).then_some(value)
}
