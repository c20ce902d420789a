//! `watchbell check` as a reviewer of rules: silences, policies, samples, formats, exit codes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};

use assert_cmd::Command;

const RULES: &str =
    "groups:\n  - name: api\n    rules:\n      - alert: ApiGone\n        expr: absent(up{job=\"api\"})\n";

/// Exit code and standard output of `watchbell check` in a folder with these files.
fn check(files: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("written");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchbell"));
    let output = command.current_dir(folder.path()).arg("check").args(arguments).env_remove("RUST_LOG").output();
    let output = output.expect("watchbell runs");
    (output.status.code().expect("no signal"), String::from_utf8(output.stdout).expect("UTF-8"))
}

/// The ids and severities that are found.
fn ids(files: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
    let arguments = [arguments, &["--format", "json", "--severity", "info"]].concat();
    let (_, out) = check(files, &arguments);
    let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let found = found.as_array().expect("an array").iter();
    found
        .map(|row| format!("{} {}", row["id"].as_str().expect("id"), row["severity"].as_str().expect("severity")))
        .collect()
}

#[test]
fn exit_codes() {
    let rules = [("rules.yml", RULES)];
    for (arguments, expected) in [
        (vec!["rules.yml"], 0),
        (vec!["rules.yml", "--deny", "warnings"], 1),
        (vec!["rules.yml", "--deny", "warnings", "--severity", "error"], 1),
        (vec!["gone.yml", "--deny", "warnings"], 2),
        (vec!["--explain"], 0),
        (vec!["--explain", "alert/always-fires"], 0),
        (vec!["--explain", "alert/nothing"], 2),
        (vec!["rules.yml", "--fixture", "gone.om"], 2),
        (vec!["rules.yml", "--url", "http://127.0.0.1:9"], 2),
    ] {
        assert_eq!(check(&rules, &arguments).0, expected, "{arguments:?}");
    }
}

#[test]
fn annotations_for_github() {
    let (_, out) = check(&[("rules.yml", RULES)], &["rules.yml", "--format", "github"]);
    let expected = "::warning file=rules.yml,line=5,col=15,endLine=5,endColumn=36,title=alert/absent-short-for::\
                    `absent()` without `for` fires when one scrape fails%0Await longer: `for: 2m`\n";
    assert_eq!(out, expected);
}

#[test]
fn silences() {
    let with = |before: &str, inside: &str, after: &str| {
        format!(
            "{before}groups:\n  - name: api\n    rules:\n{inside}      - alert: ApiGone\n        expr: absent(up{{job=\"api\"}}){after}\n      - alert: WebGone\n        expr: absent(up{{job=\"web\"}})\n"
        )
    };
    let short = "alert/absent-short-for warning".to_owned();
    for (before, inside, after, expected) in [
        ("", "", "", vec![short.clone(), short.clone()]),
        ("", "      # watchbell: ignore alert/absent-short-for reason\n", "", vec![short.clone()]),
        (
            "",
            "",
            " # watchbell: ignore alert/absent-short-for, alert/redundant-for",
            vec![short.clone(), "lint/unused-silence warning".to_owned()],
        ),
        ("# watchbell: ignore-file alert/absent-short-for reason\n", "", "", vec![]),
        (
            "# watchbell: ignore alert/absent-short-for reason\n",
            "",
            "",
            vec!["lint/bad-silence warning".to_owned(), short.clone(), short.clone()],
        ),
        ("", "", " # watchbell: ignore alert/absent-short-for until 2999-01-01", vec![short.clone()]),
        (
            "",
            "",
            " # watchbell: ignore alert/absent-short-for until 2001-01-01",
            vec![short.clone(), "lint/expired-silence warning".to_owned(), short.clone()],
        ),
        (
            "",
            "",
            " # watchbell: ignore alert/absent-short-for until tomorrow",
            vec![short.clone(), "lint/bad-silence warning".to_owned(), short.clone()],
        ),
        (
            "",
            "",
            " # watchbell: ignore alert/absent",
            vec![short.clone(), "lint/unknown-check warning".to_owned(), short.clone()],
        ),
    ] {
        let rules = with(before, inside, after);
        let mut found = ids(&[("rules.yml", &rules)], &["rules.yml"]);
        let mut expected = expected;
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{rules}");
    }
}

#[test]
fn the_policy_of_the_main_file() {
    let files = |policy: &'static str| [("watchbell.yml", policy), ("rules.yml", RULES)];
    for (policy, expected) in [
        ("lint:\n  disabled: [alert/absent-short-for]\n", vec![]),
        ("lint:\n  severities:\n    alert/absent-short-for: error\n", vec!["alert/absent-short-for error"]),
        ("lint:\n  disabled: [alert/absent]\n", vec!["alert/absent-short-for warning", "lint/unknown-check warning"]),
        (
            "lint:\n  required_labels:\n    severity: page\n",
            vec!["rule/required-label warning", "alert/absent-short-for warning"],
        ),
        (
            "lint:\n  required_labels:\n    severity: '('\n",
            vec!["alert/absent-short-for warning", "config/regex error"],
        ),
    ] {
        assert_eq!(ids(&files(policy), &["watchbell.yml", "rules.yml"]), expected, "{policy}");
    }
}

/// A server of Prometheus's API that knows one metric, in a thread that ends with the tests; it asks for `token` if there is one.
fn server(token: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut request, mut length, mut is_welcome) = (String::new(), 0, token.is_none());
            let _ = reader.read_line(&mut request);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                is_welcome |= token.is_some_and(|token| line.trim_end().ends_with(&format!("Bearer {token}")));
                line.clear();
            }
            let mut body = vec![0; length];
            let _ = reader.read_exact(&mut body);
            let body = String::from_utf8_lossy(&body).into_owned();
            let data = match request.split(' ').nth(1).unwrap_or_default() {
                "/api/v1/label/__name__/values" => r#"["errors_total"]"#.to_owned(),
                "/api/v1/metadata" => r#"{"errors_total":[{"type":"counter"}]}"#.to_owned(),
                "/api/v1/query" if body.contains("errors_total") && body.contains("count") => {
                    r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}"#.to_owned()
                }
                "/api/v1/query" if body.contains("errors_total") => {
                    r#"{"resultType":"matrix","result":[{"metric":{"__name__":"errors_total","job":"api"},"values":[[1,"1"],[16,"1"]]}]}"#.to_owned()
                }
                _ => r#"{"resultType":"vector","result":[]}"#.to_owned(),
            };
            let answer = match is_welcome {
                true => format!(r#"{{"status":"success","data":{data}}}"#),
                false => r#"{"status":"error","errorType":"unauthorized","error":"no token"}"#.to_owned(),
            };
            let _ = write!(
                reader.get_mut(),
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                answer.len()
            );
        }
    });
    address
}

#[test]
fn against_a_running_server() {
    let rules = "groups:\n  - name: api\n    rules:\n      - alert: A\n        expr: rate(error_total[5m]) > 1\n      - alert: B\n        expr: errors_total > 5\n      - alert: C\n        expr: rate(errors_total[20s]) > 5\n";
    let url = format!("http://{}", server(None));
    let found = ids(&[("rules.yml", rules)], &["rules.yml", "--url", &url]);
    let expected = [
        "series/no-metric warning",
        "series/fires-now info",
        "promql/raw-counter warning",
        "series/fires-now info",
        "promql/rate-range-too-short warning",
    ];
    assert_eq!(found, expected);
}

#[test]
fn against_a_server_that_asks_who_we_are() {
    let rules = "groups:\n  - name: api\n    rules:\n      - alert: A\n        expr: rate(error_total[5m]) > 1\n";
    let files = [("rules.yml", rules), ("token", "s3cret\n")];
    let url = format!("http://{}", server(Some("s3cret")));
    let (code, out) = check(&files, &["rules.yml", "--url", &url]);
    assert_eq!(code, 2, "{out}");
    assert_eq!(ids(&files, &["rules.yml", "--url", &url, "--token-file", "token"]), ["series/no-metric warning"]);
}
