//! Answering over the command line and HTTP: a real service, real incidents.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// How long something may take that the service does at once.
const PATIENCE: Duration = Duration::from_secs(60);

const MAIN: &str = "
host_samples: false
users:
  - {name: ada, time_zone: Europe/London, contacts: [{name: phone, console_configs: [{}]}]}
  - {name: ben, time_zone: Africa/Accra, contacts: [{name: phone, console_configs: [{}]}]}
schedules:
  - name: primary
    time_zone: Europe/London
    layers: [{name: weekly, rotation: {start: 2026-01-05T09:00, every: 1w}, users: [ada]}]
escalation_policies:
  - name: web
    steps: [{targets: ['schedule:primary']}, {after: 15m, targets: ['user:ben']}]
    fallback: ['user:ada']
    ack_timeout: 1h
time_intervals:
  - {name: midnight, time_intervals: [{times: [{start_time: '00:00', end_time: '00:01'}]}]}
receivers: [{name: pager, escalation: web}]
route: {receiver: pager, group_by: [service], group_wait: 0s, group_interval: 1m}
";

/// A running service; it ends with the value.
struct Service {
    child: Child,
    address: String,
    lines: Receiver<Value>,
}

impl Service {
    fn start(folder: &Path) -> Service {
        let mut child = Command::new(env!("CARGO_BIN_EXE_watchbell"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--log-format",
                "json",
                "--config",
                "watchbell.yml",
                "--data",
                "data",
            ])
            .current_dir(folder)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let log = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                // Whoever listened may have gone; the pipe is emptied all the same.
                let _ = serde_json::from_str(&line).map(|line| sender.send(line));
            }
        });
        let mut service = Service { child, address: String::new(), lines };
        let ready = service.line("watchbell is ready", |_| true);
        service.address = ready["fields"]["address"].as_str().expect("an address").to_owned();
        service
    }

    /// The next line of the log with this message that satisfies `is_it`.
    fn line(&self, message: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no line `{message}`: {error}"));
            if line["message"] == message && is_it(&line["fields"]) {
                return line;
            }
        }
    }

    /// Waits until this happens to an incident; its number.
    fn incident(&self, happening: &str) -> u64 {
        let line = self.line("incident", |fields| fields["happening"].as_str().is_some_and(|text| text == happening));
        line["fields"]["incident"].as_u64().expect("a number")
    }

    /// Head and body of the answer.
    fn post(&self, path: &str, headers: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
            .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    /// Posts an alert, and waits for its incident.
    fn open(&self, name: &str, service: &str, severity: &str, headers: &str) -> u64 {
        let body = format!(
            r#"[{{"labels":{{"alertname":"{name}","service":"{service}","severity":"{severity}"}},"annotations":{{"summary":"about {name}"}}}}]"#
        );
        assert_eq!(self.post("/api/v2/alerts", headers, &body).0, "HTTP/1.1 200 OK");
        self.incident("opened")
    }

    /// Runs `watchbell` against it; what it writes, behind its exit code.
    fn run(&self, arguments: &[&str]) -> String {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_watchbell"))
            .args(arguments)
            .env("WATCHBELL_URL", format!("http://{}", self.address))
            .env("USER", "me")
            .env("COLUMNS", "80")
            .env_remove("WATCHBELL_TOKEN")
            .env_remove("RUST_LOG")
            .envs(variables.iter().copied())
            .output()
            .expect("it runs");
        shown(&output)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }
}

fn shown(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    format!("{} {out}{err}", output.status.code().unwrap_or(-1))
}

fn folder(main: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("watchbell.yml"), main).expect("written");
    folder
}

#[test]
fn answers_by_the_command_line() {
    let folder = folder(MAIN);
    let service = Service::start(folder.path());
    assert_eq!(service.run(&["incidents"]), "0 no incidents\n");
    assert_eq!(service.open("Disk", "db", "critical", ""), 1);
    assert_eq!(service.open("Slow", "shop", "warning", ""), 2);
    let is = |arguments: &[&str], expected: &str| {
        let shown = service.run(arguments);
        assert!(shown.starts_with(expected), "{arguments:?}\n{shown}\n{expected}");
    };
    let table = service.run(&["incidents"]);
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert!(rows[0].starts_with("1  P1   open   1") && rows[0].contains("Disk db"), "{table}");
    assert!(rows[1].starts_with("2  P2   open   ") && rows[1].contains(": user:ben"), "{table}");
    is(&["ack", "1", "--by", "ada", "--comment", "on it"], "0 incident 1 (P1 Disk db): acknowledged by ada\n");
    is(&["ack", "1", "--by", "ada"], "0 incident 1 (P1 Disk db): acknowledged by ada\n");
    is(&["ack", "99", "2"], "1 incident 2 (P2 Slow shop): acknowledged by me\nerror: there is no incident 99\n");
    is(&["incidents", "list", "--state", "open"], "0 no incidents\n");
    is(&["unack", "1", "2"], "0 incident 1 (P1 Disk db): open; next ");
    is(&["unack", "1"], "1 error: incident 1 is neither acknowledged nor snoozed\n");
    is(&["snooze", "1", "--for", "2h"], "0 incident 1 (P1 Disk db): snoozed by me until ");
    is(&["snooze", "1", "--until-interval", "midnight"], "0 incident 1 (P1 Disk db): snoozed by me until ");
    is(
        &["snooze", "1", "--until-interval", "midnigth"],
        "1 error: `until_interval`: there is no time interval `midnigth`; did you mean `midnight`?\n",
    );
    is(
        &["snooze", "1", "--until", "2020-01-01T00:00:00Z"],
        "1 error: incident 1 cannot be snoozed until 2020-01-01T00:00:00Z",
    );
    is(&["reassign", "1", "--to", "user:ben"], "0 incident 1 (P1 Disk db): open; next ");
    is(&["reassign", "1", "--to", "user:eve"], "1 error: `user:eve` is not configured\n");
    is(&["escalate", "1"], "0 incident 1 (P1 Disk db): open; next ");
    is(&["note", "1", "the", "disk is on its way"], "0 incident 1 (P1 Disk db): noted; open\n");
    is(&["merge", "2", "--into", "1"], "0 incident 2 (P2 Slow shop): closed: merged into 1 by me by API\n");
    is(&["merge", "1", "--into", "1"], "1 error: incident 1 cannot be merged into itself\n");
    let all = service.run(&["incidents", "show", "1"]);
    for part in [
        "Incident 1: Disk db\nP1, priority 1",
        "Likely cause\n  Disk{service=\"db\", severity=\"critical\"}  fires for ",
        "Symptoms\n  Slow{service=\"shop\", severity=\"warning\"}  fires for ",
        "    about Slow\n",
        "\n  ada (@ada/phone)  ",
        "    step 1 of 2, on call by primary\n",
        "\n  ben (@ben/phone)  ",
        "reassigned by me",
        "Z  ada by API: acknowledged\n",
        "Z  me by API: note: the disk is on its way\n",
    ] {
        assert!(all.contains(part), "{part}\n{all}");
    }
    is(&["resolve", "1"], "0 incident 1 (P1 Disk db): closed: resolved by me by API\n");
    is(&["ack", "1"], "1 error: incident 1 is closed\n");
    let audit = service.run(&["history", "--event", "audit", "--url", &format!("http://{}", service.address)]);
    assert!(audit.contains("anonymous incident.ack 1: for ada: on it\n"), "{audit}");
    // What was confirmed is on disk.
    drop(service);
    let service = Service::start(folder.path());
    let closed = service.run(&["incidents", "--all", "--json"]);
    let closed: Value = serde_json::from_str(closed.trim_start_matches("0 ")).expect("JSON");
    let states: Vec<&Value> = closed.as_array().expect("a list").iter().map(|incident| &incident["state"]).collect();
    assert_eq!(states, ["closed", "closed"]);
    assert!(service.run(&["incidents", "show", "1", "--json"]).contains("the disk is on its way"));
}

#[test]
fn wrong_calls() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchbell"));
        let output = command.args(arguments).env_remove("WATCHBELL_URL").env_remove("RUST_LOG").output();
        shown(&output.expect("it runs"))
    };
    for arguments in [
        &["ack"][..],
        &["ack", "one"],
        &["snooze", "1"],
        &["snooze", "1", "--for", "2h", "--until-interval", "x"],
        &["snooze", "1", "--until", "tomorrow"],
        &["reassign", "1"],
        &["reassign", "1", "--to", "ben"],
        &["merge", "1"],
        &["note", "1"],
        &["incidents", "--state", "opne"],
        &["incidents", "show"],
        &["ack", "1", "--url", "localhost"],
    ] {
        let shown = run(arguments);
        assert!(shown.starts_with("2 "), "{arguments:?}\n{shown}");
    }
    for arguments in [&["incidents", "--url", "http://127.0.0.1:1"][..], &["ack", "1", "--url", "http://127.0.0.1:1"]] {
        let shown = run(arguments);
        assert!(shown.starts_with("1 error: cannot ask http://127.0.0.1:1/"), "{arguments:?}\n{shown}");
    }
}

#[test]
fn who_answers_and_who_may() {
    let web = "
web:
  anonymous: none
  users: [{name: ada, password: 's3cret-of-ada', role: respond}]
  tokens:
    - {name: bot, token: 's3cret-of-bot', role: [respond, write]}
    - {name: screen, token: 's3cret-of-screen', role: read}
";
    let folder = folder(&format!("{MAIN}{web}"));
    let service = Service::start(folder.path());
    let bot = "Authorization: Bearer s3cret-of-bot\r\n";
    assert_eq!(service.open("Disk", "db", "critical", bot), 1);
    let ack = |variables: &[(&str, &str)], more: &[&str]| {
        let arguments: Vec<&str> = ["ack", "1"].iter().chain(more).copied().collect();
        service.run_with(&arguments, variables)
    };
    let token = |token| [("WATCHBELL_TOKEN", token)];
    for (shown, expected) in [
        (ack(&token("s3cret-of-bot"), &["--by", "ben"]), "0 incident 1 (P1 Disk db): acknowledged by ben\n"),
        (ack(&token("s3cret-of-bot"), &[]), "0 incident 1 (P1 Disk db): acknowledged by me\n"),
        (
            ack(&[("WATCHBELL_PASSWORD", "s3cret-of-ada")], &["--user", "ada", "--by", "ben"]),
            "0 incident 1 (P1 Disk db): acknowledged by ada\n",
        ),
        (ack(&token("s3cret-of-screen"), &[]), "1 error: this needs the role `respond`; `screen` has read\n"),
        (ack(&[], &[]), "1 error: "),
    ] {
        assert!(shown.starts_with(expected), "{shown}\n{expected}");
    }
    assert!(service.run_with(&["incidents"], &token("s3cret-of-screen")).contains("ada, "));
    for (path, body, status, text) in [
        ("/api/v1/incidents/1/ack", "", "HTTP/1.1 200 OK", r#""state":"acknowledged""#),
        ("/api/v1/incidents/1/akc", "", "HTTP/1.1 404 Not Found", "did you mean `ack`?"),
        ("/api/v1/incidents/9/ack", "", "HTTP/1.1 404 Not Found", r#""errorType":"not_found""#),
        ("/api/v1/incidents/x/ack", "", "HTTP/1.1 400 Bad Request", "`x` is not the number of an incident"),
        ("/api/v1/incidents/1/merge", r#"{"into":9}"#, "HTTP/1.1 400 Bad Request", "there is no incident 9"),
        ("/api/v1/incidents/1/note", r#"{"text":" "}"#, "HTTP/1.1 400 Bad Request", "a note has"),
        ("/api/v1/incidents/1/resolve", "", "HTTP/1.1 200 OK", r#""state":"closed""#),
        ("/api/v1/incidents/1/ack", "", "HTTP/1.1 409 Conflict", r#""errorType":"conflict""#),
    ] {
        let (head, answer) = service.post(path, bot, body);
        assert!(head == status && answer.contains(text), "{path} {body}\n{head}\n{answer}");
    }
}
