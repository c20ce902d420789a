//! The command line: what it prints and how it exits.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

/// `watchbell` in `folder`, deaf to the settings of whoever runs the tests.
fn watchbell(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchbell"));
    command.current_dir(folder).env_remove("RUST_LOG").env("COLUMNS", "100");
    command
}

/// Runs it in the project's root.
fn run(arguments: &str) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    watchbell(root).args(arguments.split(' ')).output().expect("watchbell runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Exit code, standard output and standard error in one text.
fn shown(output: &Output) -> String {
    let code = output.status.code().expect("no signal");
    let mut shown = format!("exit code {code}\n");
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            shown.push_str(&format!("--- {name}\n{}", text(bytes)));
        }
    }
    shown.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("written");
    }
    folder
}

#[test]
fn timelines_are_as_recorded() {
    for (name, arguments) in [
        ("host_cpu", "rules --fixture fixtures/host-cpu.csv"),
        ("disk", "rules --fixture fixtures/disk.jsonl"),
        ("api_errors", "fixtures/rules/api.yml --fixture fixtures/api-errors.series --config fixtures/watchbell.yml"),
        ("web", "fixtures/rules/web.yml --fixture fixtures/web.om"),
        ("web_verbose", "fixtures/rules/web.yml --fixture fixtures/web.om --verbose"),
        ("two_fixtures", "fixtures/rules --fixture fixtures/web.om --fixture fixtures/api-errors.series"),
    ] {
        insta::assert_snapshot!(format!("timeline_{name}"), shown(&run(&format!("dry-run {arguments}"))));
    }
}

#[test]
fn timelines_for_programs() {
    let output = run("dry-run rules --fixture fixtures/host-cpu.csv --format json");
    let timeline: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    insta::assert_json_snapshot!("timeline_json", timeline);
}

#[test]
fn a_rehearsal_repeats_itself() {
    let first = run("dry-run fixtures/rules --fixture fixtures/api-errors.series --verbose --format json");
    let second = run("dry-run fixtures/rules --fixture fixtures/api-errors.series --verbose --format json");
    assert!(first.status.success());
    assert_eq!(text(&first.stdout), text(&second.stdout));
}

#[test]
fn expectations_decide_the_exit_code() {
    for (fixture, expectations, code, unmet) in [
        ("host-cpu.csv", "--expect firing", 0, ""),
        ("host-cpu.csv", "--expect HostHighCpuLoad", 0, ""),
        ("host-cpu.csv", "--expect HostHighCpuLoad --expect firing", 0, ""),
        ("host-cpu.csv", "--expect quiet", 1, "expected `quiet`, and it did not happen\n"),
        ("host-cpu.csv", "--expect HostDown", 1, "expected `HostDown`, and it did not happen\n"),
        ("web.om", "--expect quiet", 0, ""),
        ("web.om", "--expect firing", 1, "expected `firing`, and it did not happen\n"),
    ] {
        let output = run(&format!("dry-run rules --fixture fixtures/{fixture} {expectations}"));
        assert_eq!(text(&output.stderr), unmet, "{fixture} {expectations}");
        assert_eq!(output.status.code(), Some(code), "{fixture} {expectations}");
    }
}

#[test]
fn files_that_cannot_be_rehearsed() {
    let files = folder(&[
        ("good.yml", "groups:\n  - name: a\n    rules:\n      - alert: Down\n        expr: up == 0\n"),
        ("bad.yml", "groups:\n  - name: a\n    rules:\n      - alert: Down\n        expr: up ==\n"),
        ("good.csv", "timestamp,up\n1795316400,0\n"),
        ("bad.csv", "timestamp,up\n1795316400,0\n1795316460,zero\n"),
        ("empty.csv", "timestamp,up\n"),
        ("bad.xml", "<up/>"),
    ]);
    for (name, arguments) in [
        ("rules", "bad.yml --fixture good.csv"),
        ("rules_absent", "absent.yml --fixture good.csv"),
        ("config_absent", "good.yml --fixture good.csv --config absent.yml"),
        ("fixture", "good.yml --fixture bad.csv"),
        ("fixture_empty", "good.yml --fixture empty.csv"),
        ("fixture_absent", "good.yml --fixture absent.csv"),
        ("fixture_unknown", "good.yml --fixture bad.xml"),
    ] {
        let output = watchbell(files.path()).arg("dry-run").args(arguments.split(' ')).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{name}");
        insta::assert_snapshot!(format!("dry_run_bad_{name}"), shown(&output));
    }
}

/// Files with one mistake each, by the name of their snapshot.
const MISTAKES: [(&str, &str); 14] = [
    (
        "unknown_field",
        "groups:\n  - name: api\n    rules:\n      - alert: Down\n        expr: up == 0\n        anotations:\n          summary: gone\n",
    ),
    (
        "expression_in_a_block",
        "groups:\n  - name: api\n    rules:\n      - alert: ErrorsHigh\n        expr: |\n          sum by (job) (rate(errors_total[5m]))\n            / sum by (job) (rat(requests_total[5m])) > 0.1\n        for: 5m\n",
    ),
    (
        "expression_of_wrong_type",
        "groups:\n  - name: api\n    rules:\n      - alert: ErrorsHigh\n        expr: 'rate(errors_total) > 1'\n",
    ),
    (
        "duplicate_key",
        "groups:\n  - name: api\n    rules:\n      - alert: Down\n        expr: up == 0\n        for: 1m\n        for: 5m\n",
    ),
    ("missing_receiver", "route:\n  receiver: pagr\nreceivers:\n  - name: pager\n    console_configs:\n      - {}\n"),
    (
        "bad_template",
        "groups:\n  - name: api\n    rules:\n      - alert: Down\n        expr: up == 0\n        annotations:\n          summary: '{{ $labels.instance }} is down since {{ $value | humanise }}'\n",
    ),
    (
        "bad_notification_template",
        "route:\n  receiver: chat\nreceivers:\n  - name: chat\n    slack_configs:\n      - api_url: https://hooks.example/x\n        title: '{{ .Labels.alertname '\n",
    ),
    (
        "duration",
        "groups:\n  - name: api\n    rules:\n      - alert: Down\n        expr: up == 0\n        for: 5 minutes\n",
    ),
    ("regex", "groups:\n  - name: api\n    rules:\n      - alert: Down\n        expr: 'up{job=~\"a(\"} == 0'\n"),
    ("no_rule_kind", "groups:\n  - name: api\n    rules:\n      - expr: up == 0\n"),
    ("no_such_rule_file", "rule_files:\n  - absent.yml\n"),
    ("unset_variable", "global:\n  slack_api_url: https://hooks.example/${WATCHBELL_TEST_UNSET}\n"),
    ("tab", "groups:\n\t- name: api\n"),
    ("later_block", "scrape_config_files:\n  - jobs.yml\n"),
];

#[test]
fn check_shows_mistakes() {
    for (name, content) in MISTAKES {
        let files = folder(&[("file.yml", content)]);
        let output = watchbell(files.path()).args(["check", "file.yml"]).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{name}: {}", shown(&output));
        insta::assert_snapshot!(format!("check_{name}"), shown(&output));
    }
}

#[test]
fn check_shows_mistakes_to_programs() {
    let files = folder(
        &MISTAKES
            .map(|(name, content)| (format!("{name}.yml"), content))
            .each_ref()
            .map(|(name, content)| (name.as_str(), *content)),
    );
    let output = watchbell(files.path()).args(["check", ".", "--format", "json"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let found: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("an array");
    insta::assert_json_snapshot!("check_json", found);
    for (name, _) in MISTAKES {
        let file = format!("{name}.yml");
        assert!(
            found.iter().any(|problem| problem["file"].as_str().is_some_and(|path| path.ends_with(&file))),
            "{name}"
        );
    }
}

#[test]
fn check_accepts() {
    let good = "groups:\n  - name: a\n    rules:\n      - alert: Down\n        expr: up == 0\n";
    let twice = "groups:\n  - name: a\n    rules:\n      - alert: Down\n        expr: up == 0\n      - alert: Down\n        expr: up < 1\n";
    for (files, paths, code, summary) in [
        (vec![("good.yml", good)], "good.yml", 0, "1 file, 1 rule: no errors\n"),
        (vec![("good.yml", good), ("b.yaml", good)], ".", 0, "2 files, 2 rules: no errors, 1 warning\n"),
        (vec![("twice.yml", twice)], "twice.yml", 0, "1 file, 2 rules: no errors, 1 warning\n"),
        (
            vec![("main.yml", "rule_files: ['*good.yml']\n"), ("good.yml", good)],
            "main.yml",
            0,
            "2 files, 1 rule: no errors\n",
        ),
        (vec![("notes.txt", "")], ".", 0, "0 files, 0 rules: no errors, 1 warning\n"),
        (vec![], "absent.yml", 2, "1 file, 0 rules: 1 error\n"),
    ] {
        let folder = folder(&files);
        let output = watchbell(folder.path()).arg("check").args(paths.split(' ')).output().expect("runs");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), summary), "{files:?} {paths}");
    }
}

#[test]
fn our_own_files_are_accepted() {
    for path in ["rules", "fixtures/rules", "fixtures/watchbell.yml"] {
        let output = run(&format!("check {path}"));
        assert!(output.status.success() && output.stderr.is_empty(), "{}", shown(&output));
    }
}

#[test]
fn published_rules_are_accepted() {
    let Some(root) = std::env::var_os("WATCHBELL_CONFORMANCE") else {
        println!("WATCHBELL_CONFORMANCE is not set: the published rules were not checked");
        return;
    };
    let output = watchbell(Path::new(&root)).args(["check", "rules"]).output().expect("runs");
    assert!(output.status.success(), "{}", shown(&output));
    assert!(text(&output.stdout).starts_with("37 files, 367 rules: no errors"), "{}", shown(&output));
    // What Alertmanager accepts is only accepted as far as this version goes; it must not make the check fail badly.
    let output = watchbell(Path::new(&root)).args(["check", "alertmanager"]).output().expect("runs");
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}", shown(&output));
    println!("alertmanager: {}", text(&output.stdout));
}

#[test]
fn serve_refuses_a_broken_configuration() {
    let files = folder(&[("watchbell.yml", "route:\n  receiver: nobody\n")]);
    let output = watchbell(files.path()).args(["serve", "--config", "watchbell.yml"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!("serve_broken", shown(&output));
    assert!(!files.path().join("watchbell-data").exists(), "nothing is written for a configuration that cannot run");
}

#[test]
fn serve_says_that_its_port_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let files = folder(&[]);
    let output = watchbell(files.path()).args(["serve", "--listen", &address]).output().expect("runs");
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let error = text(&output.stderr);
    assert!(error.starts_with(&format!("error: cannot listen on {address}: ")), "{error}");
    assert!(error.contains("is another watchbell running? choose another address with --listen"), "{error}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let binary = env!("CARGO_BIN_EXE_watchbell");
    let root = env!("CARGO_MANIFEST_DIR");
    for format in ["text", "json"] {
        // The reader is gone before the first byte is written.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = std::process::Command::new(binary)
            .args(["dry-run", "rules", "--fixture", "fixtures/disk.jsonl", "--format", format])
            .current_dir(root)
            .stdout(writer)
            .output()
            .expect("runs");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{format}");
    }
}

/// A server that answers every request with `status`; it runs until the tests end.
fn server(status: &'static str) -> std::net::SocketAddr {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            // Header and body come in one piece or two; the answer may come before the second.
            let _ = stream.read(&mut [0; 65_536]);
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes());
        }
    });
    address
}

#[test]
fn receivers_are_tested() {
    let (good, bad) = (server("200 OK"), server("404 Not Found"));
    let main = format!(
        "route: {{receiver: both}}
receivers:
- name: both
  webhook_configs: [{{url: 'http://{good}/hook'}}, {{url: 'http://{bad}/s3cret-hook'}}]
- name: good
  webhook_configs: [{{url: 'http://{good}/hook', payload: {{text: '{{{{ .CommonAnnotations.summary }}}}'}}}}]
- name: empty
"
    );
    let folder = folder(&[("watchbell.yml", main.as_str()), ("bad.yml", "receivers: 5\n")]);
    let run = |arguments: &str| {
        let output = watchbell(folder.path()).args(arguments.split(' ')).output().expect("runs");
        let seconds = regex::Regex::new(r"after [0-9.]+ s").expect("valid");
        seconds.replace_all(&shown(&output), "after (time)").into_owned()
    };
    let at = " --config watchbell.yml";
    for (arguments, code, expected) in [
        (format!("receiver list{at}"), 0, "both  webhook[0] webhook[1]\ngood  webhook[0]\nempty\n"),
        (format!("receiver list{at} --json"), 0, "\"send_resolved\": true"),
        (format!("receiver test good{at}"), 0, "webhook[0]  delivered  after (time)\n"),
        (format!("receiver test good{at} --resolved --json"), 0, "\"outcome\": \"delivered\""),
        (
            format!("receiver test both{at} --alert Disk host=a"),
            1,
            "webhook[0]  delivered  after (time)\nwebhook[1]  rejected   after (time): 404 Not Found\n",
        ),
        (format!("receiver test both{at} --integration 0"), 0, "--- stdout\nwebhook[0]  delivered  after (time)\n"),
        (format!("receiver test both{at} --integration 7"), 2, "`both` has no integration 7; it has 2"),
        (format!("receiver test god{at}"), 2, "there is no receiver `god`; did you mean `good`?"),
        (format!("receiver test good{at} --alert 1=2"), 2, "`1` is no name of a label"),
        ("receiver test good --config bad.yml".to_owned(), 2, "error[yaml/wrong-type]"),
        (
            format!("receiver test good{at} --dry-run"),
            0,
            "webhook[0]\n{\n  \"text\": \"A test of the receiver good. Nothing is wrong.\"\n}\n",
        ),
        (
            format!("template render{at} --receiver good --annotation summary=full"),
            0,
            "webhook[0]\n{\n  \"text\": \"full\"\n}\n",
        ),
    ] {
        let output = run(&arguments);
        assert!(
            output.starts_with(&format!("exit code {code}\n")) && output.contains(expected),
            "{arguments}: {output}"
        );
        assert!(!output.contains("s3cret"), "{output}");
    }
}

#[test]
fn templates_are_rendered() {
    let data = r#"{"receiver":"r","status":"resolved","commonLabels":{"a":"<b>"},"externalURL":"http://x",
        "alerts":[{"status":"resolved","labels":{"alertname":"A"},"startsAt":"2026-11-22T03:00:00Z","endsAt":"2026-11-22T04:00:00Z"}]}"#;
    let folder = folder(&[
        ("a.tmpl", "{{ define \"mine\" }}mine of {{ .Receiver }}{{ end }}"),
        ("data.json", data),
        ("bad.json", "{"),
        ("bad.tmpl", "{{ define }}"),
    ]);
    for (arguments, code, expected) in [
        (
            &["--template.text", "{{ .Status }} {{ len .Alerts }} {{ .CommonLabels.alertname }}"][..],
            0,
            "firing 1 WatchbellTest\n",
        ),
        (&["--template.glob", "*a.tmpl", "--template.text", "{{ template \"mine\" . }}"], 0, "mine of receiver\n"),
        (
            &[
                "--template.data",
                "data.json",
                "--template.text",
                "{{ (index .Alerts 0).EndsAt }} {{ .CommonLabels.a }}",
            ],
            0,
            "2026-11-22 04:00:00 +0000 UTC <b>\n",
        ),
        (
            &["--template.data=data.json", "--template.type=html", "--template.text={{ .CommonLabels.a }}"],
            0,
            "&lt;b&gt;\n",
        ),
        (&["--template.text", "{{ .Nope }}"], 1, "can't evaluate field Nope"),
        (&["--template.text", "x", "--template.data", "bad.json"], 2, "cannot read the data `bad.json`"),
        (&["--template.text", "x", "--template.data", "none.json"], 2, "cannot read the data `none.json`"),
        (&["--template.text", "x", "--template.glob", "bad.tmpl"], 2, "error: bad.tmpl"),
        (&["--template.text", "x", "--template.glob", "none*"], 2, "matches no file"),
        (&[], 2, "--template.text <TEXT>"),
    ] {
        let output = watchbell(folder.path()).args(["template", "render"]).args(arguments).output().expect("runs");
        let output = shown(&output);
        assert!(
            output.starts_with(&format!("exit code {code}\n")) && output.contains(expected),
            "{arguments:?}: {output}"
        );
    }
}

#[test]
fn wrong_calls() {
    for (arguments, expected) in [
        ("chekc", "unrecognized subcommand 'chekc'"),
        ("check", "required arguments were not provided"),
        ("dry-run rules", "--fixture <FILE>"),
        ("check rules --format yaml", "[possible values: text, json, github]"),
        ("--log-level loud check rules", "no such level"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert!(text(&output.stderr).contains(expected), "{arguments}: {}", shown(&output));
    }
}

#[test]
fn who_is_on_call() {
    let oncall = |arguments: &str| shown(&run(&format!("oncall --config fixtures/oncall/watchbell.yml {arguments}")));
    let json = oncall("--json --at 2026-07-21T12:00:00Z primary");
    assert!(
        json.contains("\"on_call\": [\n      \"cy\"\n    ]") && json.contains("\"until\": \"2026-07-24T23:00:00Z\""),
        "{json}"
    );
    let calendar = oncall("--ical --person dee --at 2026-07-21");
    assert!(calendar.contains("DTSTART:20260724T230000Z\n") && calendar.contains("Dee Dee Sharp"), "{calendar}");
    assert!(oncall("--person ada --at 2026-07-21T20:00:00Z").contains("ada is not on call"));
    for (arguments, part) in [
        ("primry", "did you mean `primary`?"),
        ("--person adda", "did you mean `ada`?"),
        ("--schedule --from 2026-02-01 --until 2026-01-01", "before it begins"),
        ("--report --from 2026-02-01 --until 2126-01-01", "longer than 3660 days"),
        ("--at noon", "no time; write"),
    ] {
        let refused = oncall(arguments);
        assert!(refused.starts_with("exit code 2") && refused.contains(part), "{arguments}: {refused}");
    }
}
