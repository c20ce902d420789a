//! Recorded or made-up samples in a file: the form is chosen by the file's name.

use super::exposition::{self, Dialect};
use super::{Batch, FormatError, csv, json_lines, series_notation};
use crate::model::nearest;

/// The extensions that [`read`] knows, without the dot.
pub const EXTENSIONS: [&str; 8] = ["csv", "jsonl", "ndjson", "json", "om", "prom", "txt", "series"];

/// Reads a fixture; `name` is the file's path or name.
///
/// | extension | form |
/// |---|---|
/// | `csv` | comma-separated values ([`csv`]) |
/// | `jsonl`, `ndjson`, `json` | one JSON object a line ([`json_lines`]) |
/// | `om` | OpenMetrics text, each sample with its timestamp |
/// | `prom`, `txt` | Prometheus's text format, each sample with its timestamp; OpenMetrics if it ends with `# EOF` |
/// | `series` | promtool's series notation ([`series_notation`]) |
///
/// Each series stands once, its samples in order of time, one at a time: of several the last in the file.
///
/// # Errors
///
/// An extension that is not known; the first fault of the text.
pub fn read(name: &str, bytes: &[u8]) -> Result<Batch, FormatError> {
    let file_name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let (stem, extension) = file_name.rsplit_once('.').unwrap_or((file_name, ""));
    let mut batch = match extension.to_ascii_lowercase().as_str() {
        "csv" => csv::parse(bytes, stem),
        "jsonl" | "ndjson" | "json" => json_lines::parse_timed(bytes, None),
        "om" => exposition::parse_timed(bytes, Dialect::OpenMetrics),
        "prom" | "txt" => {
            let is_openmetrics = bytes.trim_ascii_end().ends_with(b"\n# EOF");
            exposition::parse_timed(bytes, if is_openmetrics { Dialect::OpenMetrics } else { Dialect::Prometheus })
        }
        "series" => series_notation::parse_file(bytes),
        other => Err(unknown_extension(other)),
    }?;
    for (_, samples) in &mut batch.series {
        // `dedup_by` keeps the first of a run, so the later one is moved into it.
        samples.dedup_by(|later, kept| {
            let same_time = later.at == kept.at;
            if same_time {
                kept.value = later.value;
            }
            same_time
        });
    }
    for (_, samples) in &mut batch.histograms {
        samples.dedup_by(|later, kept| {
            let same_time = later.at == kept.at;
            if same_time {
                std::mem::swap(later, kept);
            }
            same_time
        });
    }
    Ok(batch)
}

fn unknown_extension(extension: &str) -> FormatError {
    let error = FormatError::new(1, 1, format!("fixtures with the extension `{extension}` are not known"));
    let known = EXTENSIONS.map(|known| format!(".{known}")).join(", ");
    match extension {
        "yml" | "yaml" => error.hint(
            "move the lines of `input_series` into a file `NAME.series`, one `SERIES VALUES` each, under a line `interval 1m`",
        ),
        _ => match nearest(extension, EXTENSIONS) {
            Some(near) => error.hint(format!("did you mean `.{near}`? known are {known}")),
            None => error.hint(format!("known are {known}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str) -> Result<Vec<String>, FormatError> {
        let mut lines = Vec::new();
        for (labels, samples) in read(name, text.as_bytes())?.series {
            lines.extend(samples.iter().map(|sample| format!("{labels} {} @{}", sample.value, sample.at.millis())));
        }
        Ok(lines)
    }

    #[test]
    fn chosen_by_extension() {
        for (name, text) in [
            ("fixtures/up.csv", "timestamp,value\n2,9\n1,1\n2,2\n"),
            (
                "UP.JSONL",
                "{\"name\":\"up\",\"value\":9,\"timestamp\":2000}\n{\"metric\":{\"__name__\":\"up\"},\"values\":[2,1],\"timestamps\":[2000,1000]}",
            ),
            ("a.b.om", "up 9 2\nup 2 2\nup 1 1\n# EOF\n"),
            ("c:\\x.prom", "up 9 2000\nup 2 2000\nup 1 1000\n"),
            ("x.txt", "# TYPE up gauge\nup 9 2\nup 2 2\nup 1 1\n# EOF\n"),
            ("x.series", "interval 1s\nstart 1970-01-01T00:00:01Z\nup 1 9\nup _ 2\n"),
        ] {
            assert_eq!(read_text(name, text).expect(name), ["up 1 @1000", "up 2 @2000"], "{name}");
        }
    }

    #[test]
    fn refused() {
        for (name, text, expected) in [
            ("tests.yml", "", "line 1, column 1: fixtures with the extension `yml` are not known; move the lines"),
            ("x.cvs", "", "line 1, column 1: fixtures with the extension `cvs` are not known; did you mean `.csv`?"),
            ("x", "", "line 1, column 1: fixtures with the extension `` are not known; known are .csv, .jsonl,"),
            ("x.prom", "up 1 1\nup 1\n", "line 2, column 1: a sample without a timestamp"),
            ("x.json", "\n{\"name\":\"up\",\"value\":9}", "line 2, column 1: a sample without a `timestamp`"),
        ] {
            let error = read_text(name, text).expect_err(name).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
