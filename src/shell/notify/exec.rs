//! A local command: the webhook's payload on its standard input, the outcome by its exit code. No shell takes part.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::http::json;
use super::text::{RenderError, Texts, cut, cut_bytes, one_line};
use super::webhook::{self, WebhookPayload};
use super::{Attempt, limit};
use crate::deliver::{ExecConfig, Notification, Outcome};
use crate::shell::secret::Hidden;
use crate::template::NotificationData;

/// The greatest part of what the command says that is kept, in bytes; the rest is read and dropped.
const OUTPUT_SIZE_MAX: usize = 64 << 10;

/// The greatest part of what it says that an error quotes, in characters.
const EXCERPT_LENGTH_MAX: usize = 256;

/// The greatest size of an argument or variable, in bytes; the system takes 128 KiB, a variable's name and the end included.
const ARGUMENT_SIZE_MAX: usize = 96 << 10;

/// `EX_TEMPFAIL` of sysexits.h: try again later.
const TRY_LATER: i32 = 75;

/// What is still to be read when the command has ended is waited for this long: something that it left behind may keep
/// its output open.
const DRAIN: Duration = Duration::from_millis(200);

/// The variables that the command gets of our environment. The others may hold secrets.
const PASSED_ON: [&str; 8] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE"];

/// What is run.
pub(super) struct Invocation {
    program: String,
    args: Vec<String>,
    /// Names with values, which may be secret.
    env: Vec<(String, String)>,
    payload: WebhookPayload,
}

impl Invocation {
    /// As people read it: variables by name alone.
    pub(super) fn show(&self) -> String {
        let mut lines = vec![format!("command: {:?}", self.program)];
        lines.extend(self.args.iter().map(|argument| format!("argument: {argument:?}")));
        lines.extend(self.env.iter().map(|(name, _)| format!("variable: {name}")));
        lines.push("standard input:".to_owned());
        // Texts and numbers: nothing that JSON does not have.
        lines.push(serde_json::to_string_pretty(&self.payload).unwrap_or_default());
        lines.join("\n")
    }
}

/// What would be run.
pub(super) fn render(
    config: &ExecConfig,
    notification: &Notification,
    texts: &Texts<'_>,
    idempotency_key: &str,
) -> Result<Invocation, RenderError> {
    let data: &NotificationData = texts.data();
    let mut env = vec![
        ("WATCHBELL_RECEIVER".to_owned(), data.receiver.clone()),
        ("WATCHBELL_STATUS".to_owned(), data.status.as_str().to_owned()),
        ("WATCHBELL_GROUP_KEY".to_owned(), notification.group_key.clone()),
        ("WATCHBELL_IDEMPOTENCY_KEY".to_owned(), idempotency_key.to_owned()),
    ];
    if let Some(incident) = &data.incident {
        let told = [
            ("NUMBER", incident.number.to_string()),
            ("KIND", incident.kind.to_owned()),
            ("SEVERITY", incident.severity.clone()),
            ("TITLE", incident.title.clone()),
            ("TEXT", incident.text.clone()),
            ("USER", incident.user.clone()),
        ];
        env.extend(told.map(|(name, value)| (format!("WATCHBELL_INCIDENT_{name}"), value)));
    }
    for (name, value) in &config.env {
        env.push((name.clone(), texts.secret("env", value)?));
    }
    for (_, value) in &mut env {
        *value = taken(value);
    }
    let mut args = Vec::new();
    for argument in &config.args {
        args.push(taken(&texts.exact("args", argument)?));
    }
    let payload = webhook::payload(config.max_alerts, webhook::VERSION, notification, data);
    Ok(Invocation { program: config.command.clone(), args, env, payload })
}

/// `text` as the system takes it for an argument or variable: not too long, and without the character that ends it, which
/// a label may have in it.
fn taken(text: &str) -> String {
    cut_bytes(&text.replace('\0', "\u{fffd}"), ARGUMENT_SIZE_MAX)
}

pub(super) async fn send(config: &ExecConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let invocation = render(config, attempt.notification, &attempt.texts(), attempt.idempotency_key)?;
    let mut hidden = Hidden::default();
    let own = invocation.env.len().saturating_sub(config.env.len());
    invocation.env[own..].iter().for_each(|(_, value)| hidden.add(value));
    let input = json(&invocation.payload)?;
    let mut child = spawn(&invocation)?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let limit = limit(config.timeout);
    match tokio::time::timeout(limit, converse(&mut child, &input, &mut group)).await {
        Ok(Ok((status, output))) => Ok(verdict(status, &hidden.redact(&output))),
        Ok(Err(error)) => Err(Outcome::Retry { error: error.to_string(), after: None }),
        Err(_) => {
            group.kill();
            // Killed, it ends at once; waiting keeps it from staying as a zombie.
            drop(child.wait().await);
            Err(Outcome::Retry { error: format!("the command ran longer than {limit:?} and was killed"), after: None })
        }
    }
}

fn spawn(invocation: &Invocation) -> Result<Child, Outcome> {
    let passed_on = PASSED_ON.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let spawned = Command::new(&invocation.program)
        .args(&invocation.args)
        .env_clear()
        .envs(passed_on)
        .envs(invocation.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    spawned.map_err(|error| {
        use std::io::ErrorKind::{ArgumentListTooLong, InvalidInput, NotFound, PermissionDenied};
        let text = format!("cannot run {}: {error}", invocation.program);
        match error.kind() {
            NotFound | PermissionDenied | InvalidInput | ArgumentListTooLong => Outcome::Rejected { error: text },
            _ => Outcome::Retry { error: text, after: None },
        }
    })
}

/// The command's process group, killed when it is dropped, unless the command has ended by itself.
struct Group(Option<Pid>);

impl Group {
    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // It may have ended meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Feeds the command and listens to it until it ends. One that does not read its input is none the worse for it.
async fn converse(child: &mut Child, input: &[u8], group: &mut Group) -> std::io::Result<(ExitStatus, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut said = Said::default();
    let status = {
        let feed = async {
            if let Some(mut stdin) = stdin {
                drop(stdin.write_all(input).await);
            }
        };
        let talk = async { tokio::join!(feed, listen(stdout, &said.out), listen(stderr, &said.err)) };
        let mut talk = std::pin::pin!(talk);
        let mut is_open = true;
        let status = loop {
            tokio::select! {
                _ = &mut talk, if is_open => is_open = false,
                status = child.wait() => break status?,
            }
        };
        // From here on the number may be another process's.
        group.0 = None;
        if is_open {
            drop(tokio::time::timeout(DRAIN, talk).await);
        }
        status
    };
    Ok((status, said.text()))
}

/// What the command says, on standard error and on standard output.
#[derive(Default)]
struct Said {
    out: std::sync::Mutex<Vec<u8>>,
    err: std::sync::Mutex<Vec<u8>>,
}

impl Said {
    /// What it complained of; else what it said.
    fn text(&mut self) -> String {
        let line = |bytes: &mut std::sync::Mutex<Vec<u8>>| {
            let bytes = bytes.get_mut().map(std::mem::take).unwrap_or_default();
            one_line(&String::from_utf8_lossy(&bytes))
        };
        let errors = line(&mut self.err);
        if errors.is_empty() { line(&mut self.out) } else { errors }
    }
}

async fn listen(source: Option<impl AsyncRead + Unpin>, kept: &std::sync::Mutex<Vec<u8>>) {
    let Some(mut source) = source else { return };
    let mut chunk = vec![0; 8 << 10];
    while let Ok(read @ 1..) = source.read(&mut chunk).await {
        if let Ok(mut kept) = kept.lock() {
            let room = OUTPUT_SIZE_MAX.saturating_sub(kept.len());
            kept.extend_from_slice(&chunk[..read.min(room)]);
        }
    }
}

fn verdict(status: ExitStatus, output: &str) -> Outcome {
    if status.success() {
        return Outcome::Delivered;
    }
    let excerpt = cut(output, EXCERPT_LENGTH_MAX);
    let error = if excerpt.is_empty() { status.to_string() } else { format!("{status}: {excerpt}") };
    match status.code() {
        // A signal: memory ran out, or somebody ended it.
        Some(TRY_LATER) | None => Outcome::Retry { error, after: None },
        Some(_) => Outcome::Rejected { error },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::deliver::Channel;
    use crate::shell::notify::attempt_tests::{send, show};
    use crate::shell::notify::fixture;

    use super::*;

    /// `script` of a shell, which here is the command.
    fn shell(script: &str) -> ExecConfig {
        ExecConfig {
            command: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: BTreeMap::new(),
            max_alerts: 0,
            timeout: Duration::from_secs(10),
        }
    }

    async fn run(config: ExecConfig) -> String {
        show(send(Channel::Exec(Box::new(config))).await)
    }

    #[test]
    fn what_would_be_run() {
        let config = ExecConfig {
            command: "/usr/local/bin/page".into(),
            args: vec!["--status={{ .Status }}".into(), "$(reboot); {{ .CommonLabels.alertname }}".into()],
            env: BTreeMap::from([("TOKEN".into(), "s3cret".into())]),
            max_alerts: 1,
            timeout: Duration::from_secs(10),
        };
        let shown = fixture::rendered(Channel::Exec(Box::new(config)));
        let (head, payload) = shown.split_once("standard input:\n").expect("a payload");
        insta::assert_snapshot!(head, @r#"
        command: "/usr/local/bin/page"
        argument: "--status=firing"
        argument: "$(reboot); HighLoad"
        variable: WATCHBELL_RECEIVER
        variable: WATCHBELL_STATUS
        variable: WATCHBELL_GROUP_KEY
        variable: WATCHBELL_IDEMPOTENCY_KEY
        variable: TOKEN
        "#);
        let payload: serde_json::Value = serde_json::from_str(payload).expect("JSON");
        assert_eq!((&payload["version"], &payload["truncatedAlerts"]), (&"4".into(), &1.into()));
    }

    #[tokio::test]
    async fn exit_codes() {
        for (script, expected) in [
            ("exit 0", "delivered"),
            ("echo done; exit 75", "retry: exit status: 75: done"),
            ("echo noise; echo 'no such\nqueue' >&2; exit 1", "rejected: exit status: 1: no such queue"),
            ("exit 127", "rejected: exit status: 127"),
            ("kill -TERM $$", "retry: signal: 15 (SIGTERM)"),
            ("echo \"$SECRET\" >&2; exit 2", "rejected: exit status: 2: <secret>"),
            ("cat > /dev/null; exit 0", "delivered"),
            // What it leaves behind keeps its output open, and is not waited for.
            ("sleep 30 & exit 0", "delivered"),
        ] {
            let mut config = shell(script);
            config.env.insert("SECRET".into(), "{{ .Receiver }}-s3cret".into());
            assert_eq!(run(config).await, expected, "{script}");
        }
        let mut config = shell("");
        config.command = "/nonexistent/page".into();
        assert_eq!(run(config).await, "rejected: cannot run /nonexistent/page: No such file or directory (os error 2)");
    }

    #[tokio::test]
    async fn gets_the_payload_its_arguments_and_a_clean_environment() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("got").display().to_string();
        let mut config = shell("{ cat; printf '\n%s|' \"$@\"; env; } > \"$0\"");
        let args = [path.as_str(), "; rm -rf /", "{{ .CommonLabels.severity }} $(id)", ""];
        config.args.extend(args.map(str::to_owned));
        config.env.insert("QUEUE".into(), "{{ .Status }}".into());
        assert_eq!(run(config).await, "delivered");
        let got = std::fs::read_to_string(&path).expect("written");
        let (payload, rest) = got.split_once('\n').expect("two parts");
        let payload: serde_json::Value = serde_json::from_str(payload).expect("JSON");
        assert_eq!(payload["receiver"], "night-watch");
        let (args, env) = rest.rsplit_once('|').expect("arguments");
        assert_eq!(args, "; rm -rf /|\ncritical $(id)|\n");
        for line in ["QUEUE=firing", "WATCHBELL_STATUS=firing", "WATCHBELL_IDEMPOTENCY_KEY=key-1"] {
            assert!(env.lines().any(|found| found == line), "{line}: {env}");
        }
        assert!(!env.contains("CARGO"), "{env}");
    }

    #[tokio::test]
    async fn texts_that_the_system_does_not_take_are_made_to_fit() {
        let mut config = shell("test \"$1\" = \"a\u{fffd}b\" && test -n \"$2$LONG\"");
        config.args.extend(["-".to_owned(), "a\0b".to_owned(), "\u{1f514}".repeat(ARGUMENT_SIZE_MAX)]);
        config.env.insert("LONG".into(), "\u{1f514}".repeat(ARGUMENT_SIZE_MAX));
        assert_eq!(run(config).await, "delivered");
    }

    /// Whoever lives of the group holds the pipe open for writing, so that its reader sees no end.
    #[tokio::test]
    async fn one_that_hangs_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        let mut config = shell("exec 9> \"$0\"; sleep 600 & echo up >&9; wait");
        config.args.push(path.display().to_string());
        config.timeout = Duration::from_secs(3);
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path));
        assert_eq!(run(config).await, "retry: the command ran longer than 3s and was killed");
        let read = tokio::time::timeout(Duration::from_secs(60), read).await.expect("all have ended");
        assert_eq!(read.expect("read").expect("text"), "up\n");
    }

    #[tokio::test]
    async fn much_is_said_and_nothing_read() {
        let config = shell("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 3");
        let outcome = run(config).await;
        assert!(outcome.starts_with("rejected: exit status: 3: xxx") && outcome.len() < 400, "{outcome}");
    }
}
