//! Requests and what they are answered with, word for word.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::config::{MemoryFiles, load};
use crate::deliver::HttpConfig;
use crate::formats::Metadata;
use crate::model::{Labels, Sample, TraceId};
use crate::series::{Catalogue, Database, Limits};
use crate::shell::http_client;
use crate::shell::ingest::Intake;

/// The query API before a few series, each with a sample a minute from 0 to 300 s.
struct Server {
    address: String,
    client: reqwest::Client,
}

fn filled() -> Database {
    let mut database = Database::new(Limits::default());
    let mut add = |pairs: &[(&str, &str)], value: &dyn Fn(f64) -> f64| {
        let labels = Labels::from_pairs(pairs.iter().copied());
        for minute in 0..6 {
            let sample = Sample::new(Timestamp::from_seconds(minute * 60), value(minute as f64));
            database.append(&labels, sample, TraceId::NONE).expect("taken");
        }
    };
    add(&[("__name__", "up"), ("job", "api"), ("instance", "a")], &|_| 1.0);
    add(&[("__name__", "up"), ("job", "api"), ("instance", "b")], &|_| 0.0);
    add(&[("__name__", "requests_total"), ("job", "api")], &|minute| minute * 30.0);
    add(&[("__name__", "odd.name"), ("http.status", "5\"0\"0")], &|minute| minute / 1e9);
    database
}

impl Server {
    async fn start(settings: &str) -> Self {
        Server::over(filled(), settings).await
    }

    async fn over(database: Database, settings: &str) -> Self {
        let files = MemoryFiles::new([("watchbell.yml", settings)]);
        let plan = load(Some("watchbell.yml"), &files, &|_| None).expect("valid").plan;
        let mut catalogue = Catalogue::default();
        let facts = |metric: &str, kind: &str, help: &str| Metadata {
            metric: metric.to_owned(),
            kind: kind.to_owned(),
            unit: String::new(),
            help: help.to_owned(),
        };
        catalogue.tell(&[
            facts("up", "gauge", "old"),
            facts("up", "gauge", "Is it \"up\"?"),
            facts("requests_total", "counter", ""),
        ]);
        let windows = Windows::new(database, catalogue, Intake::new(1).0);
        let router = query_routes(Queries::new(windows, Clock::system(), Timestamp::default(), &plan));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = http_client::client(&HttpConfig::default(), Duration::from_secs(60)).await.expect("a client");
        Server { address, client }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(format!("http://{}/api/v1/{path}", self.address)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    async fn post(&self, path: &str, form: String) -> (u16, String) {
        let request = self.client.post(format!("http://{}/api/v1/{path}", self.address)).body(form);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }
}

/// Success with these data, and what else stands behind them.
fn success(data: &str) -> String {
    format!(r#"{{"status":"success","data":{data}}}"#)
}

fn error(kind: &str, text: &str) -> String {
    format!(r#"{{"status":"error","errorType":"{kind}","error":{}}}"#, serde_json::to_string(text).expect("JSON"))
}

#[tokio::test]
async fn instant_queries() {
    let server = Server::start("").await;
    let a = r#"{"metric":{"__name__":"up","instance":"a","job":"api"},"value":[300,"1"]}"#;
    let b = r#"{"metric":{"__name__":"up","instance":"b","job":"api"},"value":[300,"0"]}"#;
    let vector = |elements: &str| success(&format!(r#"{{"resultType":"vector","result":[{elements}]}}"#));
    for (path, expected) in [
        ("query?query=up&time=300", vector(&format!("{a},{b}"))),
        ("query?query=up==1&time=1970-01-01T00:05:00Z", vector(a)),
        ("query?query=nothing&time=300", vector("")),
        ("query?query=up&time=900", vector("")),
        ("query?query=up==1&time=899.5&lookback_delta=15m", vector(&a.replace("[300,", "[899.500,"))),
        (
            "query?query={%22odd.name%22}&time=60",
            vector(r#"{"metric":{"__name__":"odd.name","http.status":"5\"0\"0"},"value":[60,"1e-09"]}"#),
        ),
        ("query?query=1/0&time=0.25", success(r#"{"resultType":"scalar","result":[0.250,"+Inf"]}"#)),
        ("query?query=1e-7&time=0", success(r#"{"resultType":"scalar","result":[0,"0.0000001"]}"#)),
        ("query?query='a%22b'&time=-1", success(r#"{"resultType":"string","result":[-1,"a\"b"]}"#)),
        (
            "query?query=requests_total[2m]&time=130",
            success(
                r#"{"resultType":"matrix","result":[{"metric":{"__name__":"requests_total","job":"api"},"values":[[60,"30"],[120,"60"]]}]}"#,
            ),
        ),
    ] {
        let (status, body) = server.get(path).await;
        assert_eq!((status, body), (200, expected), "{path}");
    }
    // The words behind the place are the parser's.
    let (status, body) = server.get("query?query=up%20or%20%5D").await;
    let head = r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:7: parse error: "#;
    assert!(status == 400 && body.starts_with(head), "{body}");
    let (_, limited) = server.get("query?query=up&time=300&limit=1").await;
    let warnings = r#","warnings":["results truncated due to limit"]}"#;
    assert_eq!(limited, vector(a).strip_suffix('}').expect("an object").to_owned() + warnings);
    let posted = server.post("query?query=1&time=300", "query=up%3D%3D1".to_owned()).await;
    assert_eq!(posted, (200, vector(a)), "what the body says comes first");
}

#[tokio::test]
async fn range_queries() {
    let server = Server::start("").await;
    let matrix = |series: &str| success(&format!(r#"{{"resultType":"matrix","result":[{series}]}}"#));
    for (path, expected) in [
        (
            "query_range?query=rate(requests_total[2m])&start=120&end=240&step=1m",
            matrix(r#"{"metric":{"job":"api"},"values":[[120,"0.5"],[180,"0.5"],[240,"0.5"]]}"#),
        ),
        (
            "query_range?query=2&start=0&end=1&step=0.5",
            matrix(r#"{"metric":{},"values":[[0,"2"],[0.500,"2"],[1,"2"]]}"#),
        ),
        ("query_range?query=up&start=9999999&end=9999999&step=60", matrix("")),
    ] {
        assert_eq!(server.get(path).await, (200, expected), "{path}");
    }
}

#[tokio::test]
async fn refusals() {
    let server = Server::start("").await;
    let parameter = |name: &str, text: &str| error("bad_data", &format!("invalid parameter {name:?}: {text}"));
    let points =
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
    let step = "zero or negative query resolution step widths are not accepted. Try a positive integer";
    let century = "query_range?query=up&start=0&end=3153600000&step=0.001";
    for (path, expected) in [
        ("query", parameter("query", "unknown position: parse error: no expression found in input")),
        (
            "query?query=up&time=noon",
            parameter("time", "invalid time value for 'time': cannot parse \"noon\" to a valid timestamp"),
        ),
        (
            "query?query=up&time=NaN",
            parameter("time", "invalid time value for 'time': cannot parse \"NaN\" to a valid timestamp"),
        ),
        ("query?query=up&timeout=soon", parameter("timeout", "cannot parse \"soon\" to a valid duration")),
        ("query?query=up&limit=-1", parameter("limit", "limit must be non-negative")),
        ("query?query=up&limit=many", parameter("limit", "strconv.Atoi: parsing \"many\": invalid syntax")),
        (
            "query?query=up&lookback_delta=x",
            error("bad_data", "error parsing lookback delta duration: cannot parse \"x\" to a valid duration"),
        ),
        ("query?query=%ff", error("bad_data", "error parsing form values: a parameter is not UTF-8")),
        ("query_range?query=up&end=1&step=1", parameter("start", "cannot parse \"\" to a valid timestamp")),
        ("query_range?query=up&start=2&end=1&step=1", parameter("end", "end timestamp must not be before start time")),
        ("query_range?query=up&start=0&end=1&step=0", parameter("step", step)),
        ("query_range?query=up&start=0&end=1&step=-5", parameter("step", step)),
        ("query_range?query=up&start=0&end=1&step=0.0001", parameter("step", step)),
        (
            "query_range?query=up&start=0&end=1&step=1e300",
            parameter("step", "cannot parse \"1e300\" to a valid duration. It overflows int64"),
        ),
        ("query_range?query=up&start=0&end=11001&step=1", error("bad_data", points)),
        (century, error("bad_data", points)),
        (
            "query_range?query=up[5m]&start=0&end=1&step=1",
            parameter(
                "query",
                "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
            ),
        ),
        ("series", error("bad_data", "no match[] parameter provided")),
        ("series?match[]={}", parameter("match[]", "match[] must contain at least one non-empty matcher")),
        ("labels?match[]={a=~'.*'}", parameter("match[]", "match[] must contain at least one non-empty matcher")),
        (
            "labels?start=x",
            parameter("start", "invalid time value for 'start': cannot parse \"x\" to a valid timestamp"),
        ),
        ("label/U__/values", error("bad_data", "invalid label name: \"\"")),
        ("label/%ff/values", error("bad_data", "invalid label name: it is not UTF-8")),
        ("metadata?limit=x", error("bad_data", "limit must be a number")),
        (
            "query_exemplars?query=up&start=2&end=1",
            error("bad_data", "end timestamp must not be before start timestamp"),
        ),
    ] {
        assert_eq!(server.get(path).await, (400, expected), "{path}");
    }
}

#[tokio::test]
async fn lookups() {
    let server = Server::start("").await;
    let odd = r#"{"__name__":"odd.name","http.status":"5\"0\"0"}"#;
    let [a, b] = ["a", "b"].map(|instance| format!(r#"{{"__name__":"up","instance":"{instance}","job":"api"}}"#));
    for (path, expected) in [
        ("series?match[]=up", format!("[{a},{b}]")),
        ("series?match[]=up&match[]={instance='b'}&match[]={%22odd.name%22}", format!("[{odd},{a},{b}]")),
        ("series?match[]=up&start=301", "[]".to_owned()),
        ("series?match[]=up&start=300&end=300", format!("[{a},{b}]")),
        ("labels", r#"["__name__","http.status","instance","job"]"#.to_owned()),
        ("labels?match[]=requests_total", r#"["__name__","job"]"#.to_owned()),
        ("labels?match[]=requests_total&match[]=up", r#"["__name__","instance","job"]"#.to_owned()),
        ("label/__name__/values", r#"["odd.name","requests_total","up"]"#.to_owned()),
        ("label/instance/values?match[]=up", r#"["a","b"]"#.to_owned()),
        ("label/U__http_2e_status/values", r#"["5\"0\"0"]"#.to_owned()),
        ("label/http.status/values", r#"["5\"0\"0"]"#.to_owned()),
        ("label/nothing/values", "[]".to_owned()),
        (
            "metadata",
            r#"{"requests_total":[{"type":"counter","help":"","unit":""}],"up":[{"type":"gauge","help":"Is it \"up\"?","unit":""},{"type":"gauge","help":"old","unit":""}]}"#
                .to_owned(),
        ),
        ("metadata?limit=1", r#"{"requests_total":[{"type":"counter","help":"","unit":""}]}"#.to_owned()),
        (
            "metadata?metric=up&limit_per_metric=1",
            r#"{"up":[{"type":"gauge","help":"Is it \"up\"?","unit":""}]}"#.to_owned(),
        ),
        ("metadata?metric=nothing", "{}".to_owned()),
        ("metadata?limit=0", "{}".to_owned()),
        ("query_exemplars?query=up", "[]".to_owned()),
    ] {
        assert_eq!(server.get(path).await, (200, success(&expected)), "{path}");
    }
    let warned =
        |data: &str| format!(r#"{{"status":"success","data":{data},"warnings":["results truncated due to limit"]}}"#);
    for (path, expected) in [
        ("series?match[]=up&limit=1", warned(&format!("[{a}]"))),
        ("labels?limit=2", warned(r#"["__name__","http.status"]"#)),
        ("label/instance/values?limit=1", warned(r#"["a"]"#)),
        ("series?match[]=up&limit=2", success(&format!("[{a},{b}]"))),
        ("series?match[]=up&limit=9223372036854775807", success(&format!("[{a},{b}]"))),
    ] {
        assert_eq!(server.get(path).await, (200, expected), "{path}");
    }
    let posted = server.post("series", "match%5B%5D=up&limit=1".to_owned()).await;
    assert_eq!(posted, (200, warned(&format!("[{a}]"))));
}

#[tokio::test]
async fn trees() {
    let server = Server::start("").await;
    let query = "sum%20by%20(a)%20(rate(x{b!=%22c%22}[5m]%20offset%201m))%20/%20on(a)%20group_left()%20y%20@%20end()";
    let (status, body) = server.get(&format!("parse_query?query={query}")).await;
    assert_eq!(status, 200, "{body}");
    insta::assert_json_snapshot!(serde_json::from_str::<serde_json::Value>(&body).expect("JSON")["data"]);
    for (query, expected) in [
        ("1e3", r#"{"type":"numberLiteral","val":"1000"}"#),
        (
            "-(inf)",
            r#"{"expr":{"expr":{"type":"numberLiteral","val":"+Inf"},"type":"parenExpr"},"op":"-","type":"unaryExpr"}"#,
        ),
        ("'x'", r#"{"type":"stringLiteral","val":"x"}"#),
    ] {
        assert_eq!(server.get(&format!("parse_query?query={query}")).await, (200, success_sorted(expected)), "{query}");
    }
    let formatted = server.get("format_query?query=sum(foo)by(bar)").await;
    assert_eq!(formatted, (200, success_sorted(r#""sum by (bar) (foo)""#)));
    assert_eq!(server.get("format_query?query=sum(").await.0, 400);
}

/// As [`success`], by a writer that sorts.
fn success_sorted(data: &str) -> String {
    format!(r#"{{"data":{data},"status":"success"}}"#)
}

#[tokio::test]
async fn statistics_and_runtime() {
    let server = Server::start("").await;
    let (_, body) = server.get("query?query=sum(up)&time=300&stats=all").await;
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert!(body["data"]["stats"]["samples"]["totalQueryableSamples"].as_u64().is_some_and(|samples| samples >= 2));
    assert!(body["data"]["stats"]["timings"]["evalTotalTime"].is_number(), "{body}");
    let (_, body) = server.get("status/runtimeinfo").await;
    assert!(
        body.contains(r#""startTime":"1970-01-01T00:00:00Z""#) && body.contains(r#""storageRetention":"2h""#),
        "{body}"
    );
}

#[tokio::test]
async fn hostile_requests() {
    let server = Server::start("query: {max_samples: 10}").await;
    let many = error("execution", "query processing would load too many samples into memory in query execution");
    assert_eq!(server.get("query?query={job=%22api%22}[5m]&time=300").await, (422, many));
    assert_eq!(server.get("query?query=up&time=300").await.0, 200);
    let server = Server::start("").await;
    for (expression, status) in [
        (format!("up{}", "%2Bup".repeat(200_000)), 400),
        ("(".repeat(1 << 20), 400),
        ("a".repeat((1 << 20) + 1), 400),
        (format!("up{{a=~%22{}%22}}", "(x{1000}){1000}"), 400),
    ] {
        let (got, body) = server.post("query", format!("query={expression}")).await;
        assert_eq!(got, status, "{}", &body[..body.len().min(300)]);
        assert!(body.len() < 4000 && body.starts_with(r#"{"status":"error","errorType":"bad_data""#));
    }
    let (status, body) = server.post("query", "a".repeat(FORM_BYTES_MAX + 1)).await;
    assert_eq!((status, body.contains("bad_data")), (413, true), "{body}");
    let century = server.get("query_range?query=up&start=0&end=3153600000&step=300000").await;
    assert_eq!(century.0, 200, "{}", century.1);
    let (status, _) = server.get("query?query=up&time=9100000000000000").await;
    assert_eq!(status, 200);
    let (status, _) = server.get("query_range?query=up&start=-9100000000000000&end=9100000000000000&step=9e9").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn time_is_limited() {
    let server = Server::start("").await;
    let timed_out = error("timeout", "query timed out in query queue");
    assert_eq!(server.get("query?query=up&timeout=0").await, (503, timed_out));
}

#[tokio::test]
async fn a_query_nobody_waits_for_is_canceled() {
    let files = MemoryFiles::new([("watchbell.yml", "query: {max_concurrency: 1}")]);
    let plan = load(Some("watchbell.yml"), &files, &|_| None).expect("valid").plan;
    let windows = Windows::new(filled(), Catalogue::default(), Intake::new(1).0);
    let queries = Queries::new(windows, Clock::system(), Timestamp::default(), &plan);
    let bounds = queries.bounds();
    let (began, begins) = tokio::sync::oneshot::channel();
    let (ended, ends) = tokio::sync::oneshot::channel();
    let endless = queries.run(&bounds, None, move |canceled| {
        began.send(()).expect("awaited");
        while !canceled.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        ended.send(()).expect("awaited");
        Ok(())
    });
    tokio::select! {
        outcome = endless => panic!("{outcome:?}"),
        begun = begins => begun.expect("it begins"),
    }
    ends.await.expect("it ends once it is dropped");
    // Its place is free again, and a panic is an answer and takes no place with it.
    for _ in 0..2 {
        let panicked = queries.run::<()>(&bounds, None, |_| panic!("by design")).await;
        assert_eq!(panicked.expect_err("no answer").kind, FailureKind::Internal);
    }
}

#[tokio::test]
async fn large_answers_come_in_pieces_and_packed() {
    let mut database = Database::new(Limits::default());
    for number in 0..5000 {
        let labels = Labels::from_pairs([("__name__", "many"), ("number", &number.to_string())]);
        database.append(&labels, Sample::new(Timestamp::from_seconds(0), 0.1), TraceId::NONE).expect("taken");
    }
    let server = Server::over(database, "").await;
    let (status, body) = server.get("query?query=many&time=0").await;
    let read: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, read["data"]["result"].as_array().map(Vec::len)), (200, Some(5000)));
    let mut stream = tokio::net::TcpStream::connect(&server.address).await.expect("connected");
    let request = "GET /api/v1/series?match[]=many HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("read");
    let head = String::from_utf8_lossy(&answer[..300]).into_owned();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(answer.len() < 100_000, "{} bytes", answer.len());
}

/// Every example of the reference that begins with `GET /api/v1/` and stands as text is what the server answers.
#[tokio::test]
async fn the_reference_shows_what_is_answered() {
    let server = Server::start("").await;
    let page = include_str!("../../../../docs/reference/api.md");
    let mut seen = 0;
    for block in page.split("```text\nGET /api/v1/").skip(1) {
        let (block, _) = block.split_once("\n```").expect("a fence");
        let (path, answer) = block.split_once('\n').expect("an answer");
        assert_eq!(server.get(path).await.1, answer.replace('\n', ""), "{path}");
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} examples were found");
}
