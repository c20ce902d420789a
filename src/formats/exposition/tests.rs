use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn read(text: &str, dialect: Dialect) -> Result<String, FormatError> {
    let batch = parse(text.as_bytes(), dialect, NOW, true)?;
    let mut lines: Vec<String> = Vec::new();
    for (labels, samples) in &batch.series {
        for sample in samples {
            lines.push(format!("{labels} {} @{}", sample.value, sample.at.millis()));
        }
    }
    Ok(lines.join("\n"))
}

#[test]
fn samples() {
    use Dialect::{OpenMetrics as Om, Prometheus as Text};
    for (dialect, text, expected) in [
        (Text, "", ""),
        (Text, "\n \n# a comment\n#\n#HELP x\n", ""),
        (Text, "up 1", "up 1 @1000"),
        (Text, "up 1\n", "up 1 @1000"),
        (Text, " up\t1 \t123 \n", "up 1 @123"),
        (Text, "up 1 -123\n", "up 1 @-123"),
        (Text, "a{b=\"c\"} +Inf\n", "a{b=\"c\"} inf @1000"),
        (Text, "a {b = \"c\" , d=\"e\",} nan 5\n", "a{b=\"c\", d=\"e\"} NaN @5"),
        (Text, "a{b=\"c\" d=\"e\"} 1\n", "a{b=\"c\", d=\"e\"} 1 @1000"),
        (Text, "a{} 1e3\n", "a 1000 @1000"),
        (Text, r#"a{b="c\\d\"e\nf\g"} -.5"#, r#"a{b="c\\d\"e\nf\\g"} -0.5 @1000"#),
        (Text, "{\"a.b\",\"c.d\"=\"e\"} 1", "{\"a.b\", \"c.d\"=\"e\"} 1 @1000"),
        (Text, "{ \"a\" } 1", "a 1 @1000"),
        (Text, "{b=\"c\",\"a\"} 1", "a{b=\"c\"} 1 @1000"),
        (Text, "a{b=\"}#,\"} 1 2", "a{b=\"}#,\"} 1 @2"),
        (Text, "a{b=\"\"} 1", "a 1 @1000"),
        (Text, "a:b 1", "a:b 1 @1000"),
        (Text, "a{b=\"\u{0}\"} 1", "a{b=\"\\0\"} 1 @1000"),
        (Text, "a 1 2\na 3 1\na 9 1\n", "a 3 @1\na 1 @2"),
        (Text, "a{x=\"1\",y=\"2\"} 1 1\na{y=\"2\",x=\"1\"} 2 2", "a{x=\"1\", y=\"2\"} 1 @1\na{x=\"1\", y=\"2\"} 2 @2"),
        (Text, "# TYPE h histogram\nh_bucket{le=\"1\"} 2", "h_bucket{le=\"1.0\"} 2 @1000"),
        (Text, "# TYPE s summary\ns{quantile=\"0.50\",le=\"1\"} 2", "s{le=\"1\", quantile=\"0.5\"} 2 @1000"),
        (Om, "# EOF", ""),
        (Om, "# EOF\n", ""),
        (Om, "a_total 1\n# EOF\n", "a_total 1 @1000"),
        (Om, "a 1 1520879607.789\n# EOF\n", "a 1 @1520879607789"),
        (Om, "a{b=\"c\",} 1 1e3 # {id=\"x\"} 4 5.5\nb 2\n# EOF\n", "a{b=\"c\"} 1 @1000000\nb 2 @1000"),
        (Om, "a 1 # {} 4\n# EOF\n", "a 1 @1000"),
        (Om, "a_created 1.5\n# EOF\n", "a_created 1.5 @1000"),
        (Om, "{\"a.b\",\"c\"=\"d\"} 1\n# EOF\n", "{\"a.b\", c=\"d\"} 1 @1000"),
    ] {
        assert_eq!(read(text, dialect).as_deref(), Ok(expected), "{text:?}");
    }
}

#[test]
fn refused() {
    use Dialect::{OpenMetrics as Om, Prometheus as Text};
    for (dialect, text, line, column, message) in [
        (Text, "a", 1, 2, "expected a value after the series, found the end"),
        (Text, "a\n", 1, 2, "expected a value after the series, found the end of the line"),
        (Text, "ok 1\na{b='c'} 1\n", 2, 5, "expected a label value in double quotes, found '\\''"),
        (Text, "a{b=\n", 1, 5, "expected a label value in double quotes, found the end of the line"),
        (Text, "{\"a\", \"b = \"c\"}", 1, 13, "expected `=` after the label's name, found 'c'"),
        (Text, "a{b=\"c", 1, 5, "a quote that is not closed on its line"),
        (Text, "a{b=\"c\n\"} 1", 1, 5, "a quote that is not closed on its line"),
        (Text, "a{b=\"c\\", 1, 5, "a quote that is not closed on its line"),
        (Text, "a true\n", 1, 3, "not a number: `true`"),
        (Text, "a{=\"\"} 0", 1, 3, "expected a label name or `}`, found '='"),
        (Text, "a{,b=\"\"} 0", 1, 3, "expected a label name or `}`, found ','"),
        (Text, "a 1_2\n", 1, 3, "not a number: `1_2`"),
        (Text, "a 0x1p-3\n", 1, 3, "not a number: `0x1p-3`"),
        (Text, "a 1e999\n", 1, 3, "not a number: `1e999`"),
        (Text, "a 0 1_2\n", 1, 5, "not a timestamp: `1_2`"),
        (Text, "a 0 1 2\n", 1, 7, "expected the end of the line after the timestamp, found '2'"),
        (Text, "a 1\r\n", 1, 3, "not a number: `1\r`"),
        (Text, "{a=\"ok\"} 1", 1, 1, "a series without a metric name"),
        (Text, "a{\"b\"} 1", 1, 3, "a second metric name"),
        (Text, "a{b=\"1\",b=\"2\"} 1", 1, 9, "label `b` is given twice"),
        (Text, "a{__name__=\"b\"} 1", 1, 3, "label `__name__` is given twice"),
        (Text, "9 1", 1, 1, "expected a metric name, `{` or a comment, found '9'"),
        (Text, "# TYPE a meter\n", 1, 9, "unknown metric type `meter`"),
        (Text, "# TYPE #\n", 1, 8, "expected a metric name after TYPE, found '#'"),
        (Text, "# HELP a{ x\n", 1, 9, "expected a space after the metric's name, found '{'"),
        (Om, "", 1, 1, "the text does not end with `# EOF`"),
        (Om, "\n", 1, 1, "expected a metric name, `{` or a comment, found the end of the line"),
        (Om, "a 1", 1, 4, "the text does not end with `# EOF`"),
        (Om, "a 1\n", 2, 1, "the text does not end with `# EOF`"),
        (Om, "# HELP a", 1, 9, "expected a space and a text after the metric's name, found the end"),
        (Om, "# HELP a b", 1, 11, "the text does not end with `# EOF`"),
        (Om, "# EOF\na 1", 2, 1, "text after `# EOF`"),
        (Om, "# EOF\n\n", 2, 1, "text after `# EOF`"),
        (Om, "# EOFa 1", 1, 1, "not a line of OpenMetrics"),
        (Om, "#EOF\n", 1, 1, "not a line of OpenMetrics"),
        (Om, "#  TYPE c counter\n", 1, 1, "not a line of OpenMetrics"),
        (Om, "# TYPE u untyped\n# EOF\n", 1, 10, "unknown metric type `untyped`"),
        (Om, "# TYPE c  counter\n", 1, 10, "unknown metric type ` counter`"),
        (Om, "# UNIT m_seconds bytes\n", 1, 18, "unit `bytes` is not the end of the metric's name"),
        (Om, "# UNIT mbytes bytes\n", 1, 15, "unit `bytes` is not the end of the metric's name"),
        (Om, " a 1\n# EOF\n", 1, 1, "expected a metric name, `{` or a comment, found ' '"),
        (Om, "a\t1\n# EOF\n", 1, 2, "expected a space and a value after the series, found '\\t'"),
        (Om, "a  1\n# EOF\n", 1, 3, "expected a value after the series, found ' '"),
        (Om, "a 1 2 \n# EOF\n", 1, 6, "expected the end of the line or an exemplar, found ' '"),
        (Om, "a 1 NaN\n# EOF\n", 1, 5, "not a timestamp: `NaN`"),
        (Om, "a{b=\"c\", d=\"e\"} 1\n# EOF\n", 1, 9, "expected a label name or `}`, found ' '"),
        (Om, "a{b=\"c\"d=\"e\"} 1\n# EOF\n", 1, 8, "expected `,` or `}`, found 'd'"),
        (Om, "a 1 # {bb} 1\n# EOF\n", 1, 10, "expected `=` after the label's name, found '}'"),
        (Om, "a 1 # {\"bb\"} 1\n# EOF\n", 1, 12, "expected `=` after the label's name, found '}'"),
        (
            Om,
            "a 1 # {a=\"b\"}\n# EOF\n",
            1,
            14,
            "expected a space and a value after the exemplar's labels, found the end of the line",
        ),
        (Om, "a 1 # {a=\"b\"} 1 Inf\n# EOF\n", 1, 17, "not a timestamp: `Inf`"),
    ] {
        let error = parse(text.as_bytes(), dialect, NOW, true).expect_err(text);
        assert_eq!((error.line, error.column, error.message.as_str()), (line, column, message), "{text:?}");
    }
    let error = parse(b"a 1\na{b=\"\xff\"} 1\n", Dialect::Prometheus, NOW, true).expect_err("not UTF-8");
    assert_eq!((error.line, error.column), (2, 6));
}

#[test]
fn too_many_labels() {
    let labels: String = (0..=LABELS).map(|i| format!("l{i}=\"x\",")).collect();
    const LABELS: usize = crate::formats::LABELS_PER_SERIES_MAX;
    let text = format!("a{{{labels}}} 1");
    let error = parse(text.as_bytes(), Dialect::Prometheus, NOW, true).expect_err("too many");
    assert_eq!(error.message, "more than 1024 labels");
}

#[test]
fn metadata() {
    let text = "# HELP a_bytes It\\\\s \\\"text\\\"\\n.\n# TYPE a_bytes gauge\n# UNIT a_bytes bytes\na_bytes 1\n# TYPE \"b.c\" unknown\n# EOF\n";
    let batch = parse(text.as_bytes(), Dialect::OpenMetrics, NOW, true).expect("valid");
    let of = |metric: &str, kind: &str, unit: &str, help: &str| Metadata {
        metric: metric.into(),
        kind: kind.into(),
        unit: unit.into(),
        help: help.into(),
    };
    assert_eq!(batch.metadata, [of("a_bytes", "gauge", "bytes", "It\\s \"text\"\n."), of("b.c", "unknown", "", "")]);

    let text = "# HELP a say \\\"no\\\"\n# HELP b\n# TYPE a  untyped \n";
    let batch = parse(text.as_bytes(), Dialect::Prometheus, NOW, true).expect("valid");
    assert_eq!(batch.metadata, [of("a", "unknown", "", "say \\\"no\\\""), of("b", "unknown", "", "")]);
}

#[test]
fn timestamps_may_be_ignored() {
    let batch = parse(b"a 1 5\n", Dialect::Prometheus, NOW, false).expect("valid");
    assert_eq!(batch.series[0].1, [Sample::new(NOW, 1.0)]);
}

#[test]
fn a_reader_tells_series_by_their_text() {
    let mut reader = Reader::new(b"a{b=\"c\"} 1 5\na 2\n", Dialect::Prometheus).expect("UTF-8");
    let entry = |series, value, at| Ok(Some(Entry::Sample { series, value, at }));
    assert_eq!(reader.next_entry(), entry("a{b=\"c\"}", 1.0, Some(Timestamp::from_millis(5))));
    assert_eq!(reader.next_entry(), entry("a", 2.0, None));
    assert_eq!(reader.labels().expect("valid").to_string(), "a");
    assert_eq!(reader.next_entry(), Ok(None));
}

#[test]
fn formats() {
    for (header, expected) in [
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", Format::Text(Dialect::OpenMetrics)),
        ("Application/OpenMetrics-Text", Format::Text(Dialect::OpenMetrics)),
        ("application/vnd.google.protobuf; proto=x; encoding=delimited", Format::Protobuf),
        ("text/plain; version=0.0.4", Format::Text(Dialect::Prometheus)),
        ("", Format::Text(Dialect::Prometheus)),
    ] {
        assert_eq!(format_of(header), expected, "{header}");
    }
}

#[test]
fn what_a_scrape_asks_for() {
    assert_eq!(
        accept(&ScrapeProtocol::TEXT_FIRST),
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
         text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    );
    assert_eq!(
        accept(&[ScrapeProtocol::PrometheusProto]),
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.2,*/*;q=0.1"
    );
}

proptest! {
    #[test]
    fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&text, Dialect::Prometheus, NOW, true);
        let _ = parse(&text, Dialect::OpenMetrics, NOW, true);
    }

    #[test]
    fn never_panics_near_the_format(text in r#"([a-c_{}=",\\# \n]|HELP|TYPE|UNIT|EOF|[0-9.e-]|ä|# |" ){0,40}"#) {
        let _ = parse(text.as_bytes(), Dialect::Prometheus, NOW, true);
        let _ = parse(text.as_bytes(), Dialect::OpenMetrics, NOW, true);
    }

    #[test]
    fn label_values_survive(value in ".{1,20}") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        for (dialect, text) in [
            (Dialect::Prometheus, format!("a{{b=\"{escaped}\"}} 1\n")),
            (Dialect::OpenMetrics, format!("a{{b=\"{escaped}\"}} 1\n# EOF\n")),
        ] {
            let batch = parse(text.as_bytes(), dialect, NOW, true).expect("valid");
            prop_assert_eq!(batch.series[0].0.get("b"), value.as_str());
        }
    }
}
