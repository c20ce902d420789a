//! `watchbell query` against a server, and `watchbell test` against scripts of every fate.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};

use insta::assert_snapshot;

/// A server that answers one request with `status` and `body`; the handle yields the request.
fn server(status: &'static str, body: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let handle = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = stream.read(&mut buffer).expect("bytes");
            request.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, sent)) = text.split_once("\r\n\r\n") else { continue };
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if read == 0 || sent.len() >= length.unwrap_or(0) {
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                stream.write_all(format!("{head}{body}").as_bytes()).expect("written");
                return text;
            }
        }
    });
    (address, handle)
}

fn watchbell(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_watchbell"))
        .args(arguments)
        .env_remove("WATCHBELL_URL")
        .env("COLUMNS", "100")
        .output()
        .expect("it runs")
}

fn shown(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    format!("exit {}\n{out}{err}", output.status.code().unwrap_or(-1))
}

#[test]
fn a_server_answers() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"up","job":"api"},"value":[10.5,"1"]},
        {"metric":{"__name__":"up","job":"web"},"histogram":[10.5,{"count":"3","sum":"4.5","buckets":[[0,"1","2","3"]]}]}]},
        "warnings":["PromQL warning: quantile value should be between 0 and 1, got 2 (1:4)"],"infos":["results truncated"]}"#;
    let (address, request) = server("200 OK", body);
    let output = watchbell(&[
        "query",
        "up + 2",
        "--url",
        &format!("http://{address}/prometheus/"),
        "--at",
        "10.5",
        "--header",
        "X-Scope-OrgID: a",
    ]);
    let request = request.join().expect("a request");
    assert!(request.starts_with("POST /prometheus/api/v1/query HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\nquery=up+%2B+2&time=10.500"), "{request}");
    assert!(request.to_ascii_lowercase().contains("x-scope-orgid: a\r\n"), "{request}");
    assert_snapshot!(shown(&output), @"
    exit 0
    metric  job  value
    up      api  1
    up      web  {count:3, sum:4.5, (1,2]:3}
    warning[query/remark]: quantile value should be between 0 and 1, got 2
     --> EXPR:1:4
      |
    1 | up + 2
      |    ^

    info[query/remark]: results truncated
    ");
}

#[test]
fn a_range_of_a_server_is_drawn_and_written() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"api"},"values":[[0,"1"],[60,"NaN"],[120,"3"]]}]}}"#;
    for (format, expected) in [
        (
            "json",
            "{\n  \"result\": [\n    {\n      \"metric\": {\n        \"job\": \"api\"\n      },\n      \"values\": [\n        [\n          0,\n          \"1\"\n        ],",
        ),
        (
            "csv",
            "timestamp,job,value\n1970-01-01T00:00:00Z,api,1\n1970-01-01T00:01:00Z,api,NaN\n1970-01-01T00:02:00Z,api,3\n",
        ),
        ("table", "time                  {job=\"api\"}\n1970-01-01T00:00:00Z  1\n1970-01-01T00:01:00Z  NaN\n"),
        ("chart", "  3 ┤"),
    ] {
        let (address, request) = server("200 OK", body);
        let url = format!("http://{address}");
        let arguments =
            ["query", "up", "--url", &url, "--start", "0", "--end", "2m", "--step", "1m", "--format", format];
        let arguments = arguments.map(|argument| if argument == "2m" { "120" } else { argument });
        let output = watchbell(&arguments);
        assert!(request.join().expect("a request").ends_with("query=up&start=0.000&end=120.000&step=60.000"));
        let text = shown(&output);
        assert!(text.starts_with(&format!("exit 0\n{expected}")), "{text}");
    }
}

#[test]
fn a_server_refuses_or_is_none() {
    for (status, body, expected) in [
        (
            "422 Unprocessable Entity",
            r#"{"status":"error","errorType":"execution","error":"too many samples"}"#,
            "exit 1\nerror[query/failed]: execution: too many samples\n",
        ),
        (
            "404 Not Found",
            "<html>nothing here</html>",
            "/api/v1/query answers 404 Not Found, and not as Prometheus's API does: <html>nothing here",
        ),
        (
            "200 OK",
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"one"]}}"#,
            "values that are no numbers",
        ),
    ] {
        let (address, request) = server(status, body);
        let output = watchbell(&["query", "1", "--url", &format!("http://{address}")]);
        request.join().expect("a request");
        assert_eq!(output.status.code(), Some(1));
        assert!(shown(&output).contains(expected), "{}", shown(&output));
    }
    // Nobody listens on a port that was just given back.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let output = watchbell(&["query", "1", "--url", &format!("http://{address}")]);
    assert!(shown(&output).contains("exit 1\n") && shown(&output).contains("onnection refused"), "{}", shown(&output));
    for (arguments, expected) in [
        (&["query", "1", "--url", "localhost"][..], "`localhost` is not an address; write it as http://localhost:9797"),
        (&["query", "1", "--at", "noon", "--fixture", "fixtures/web.om"], "--at: not a time: `noon`"),
        (&["query", "1", "--at", "1", "--range", "1h"], "cannot be used with"),
        (&["query", "1", "--url", "http://x", "--fixture", "y"], "cannot be used with"),
        (&["query", "1", "--fixture", "nothing.csv"], "cannot read the fixture `nothing.csv`"),
    ] {
        let output = watchbell(arguments);
        assert!(shown(&output).contains(expected), "{arguments:?}: {}", shown(&output));
    }
}

#[test]
fn scripts_of_every_fate() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let good = write("good.test", "eval instant at 0 1\n  1\n");
    let bad = write("bad.test", "eval instant at 0 1\n  2\n");
    let broken = write("broken.test", "evil instant at 0 1\n");
    let folder = folder.path().to_str().expect("UTF-8");
    for (arguments, code, expected) in [
        (&["test", "--promql", &good][..], 0, "1 passed, 0 failed\n"),
        (&["test", "--promql", &good, "--verbose"], 0, "good.test:1: 1: passed\n1 passed, 0 failed\n"),
        (&["test", "--promql", &good, &bad], 1, "bad.test:1: 1: found 1, expected 2\n1 passed, 1 failed\n"),
        (&["test", "--promql", folder], 2, "1 passed, 1 failed; 1 file cannot be used\n"),
        (&["test", "--promql", &broken], 2, "did you mean `eval`?"),
        (&["test", &good], 2, "watchbell test --promql PATH..."),
        (&["test", "--promql", "docs"], 2, "the folder `docs` holds no `*.test`"),
    ] {
        let output = watchbell(arguments);
        assert_eq!(output.status.code(), Some(code), "{}", shown(&output));
        assert!(shown(&output).contains(expected), "{}", shown(&output));
    }
}
