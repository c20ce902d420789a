//! The release binary as a process: started, asked over HTTP, looked at in `/proc`, stopped.

#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(dead_code, reason = "each bench uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the service may take to become ready.
const READY_PATIENCE: Duration = Duration::from_secs(120);

/// A running `watchbell serve`; killed when dropped.
pub(crate) struct Process {
    child: Child,
    address: String,
}

impl Process {
    /// Starts the service and waits until `/ready` answers 200; says how long that took.
    pub(crate) fn start(config: Option<&str>, data: &Path) -> (Process, Duration) {
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchbell"));
        command.args(["serve", "--listen", &address, "--data"]).arg(data);
        if let Some(config) = config {
            command.args(["--config", config]);
        }
        Process::launch(command, address, "/ready")
    }

    /// Starts Prometheus, which takes remote writes, if it is installed.
    pub(crate) fn start_prometheus(folder: &Path) -> Option<Process> {
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, "global: {scrape_interval: 15s}\n").expect("the file is written");
        Command::new("prometheus").arg("--version").output().ok()?;
        let address = free_address();
        let mut command = Command::new("prometheus");
        command.args(["--web.enable-remote-write-receiver", "--log.level=error"]);
        command.arg(format!("--web.listen-address={address}"));
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()));
        Some(Process::launch(command, address, "/-/ready").0)
    }

    /// Starts `command` and waits until `ready_path` answers 200; says how long that took.
    fn launch(mut command: Command, address: String, ready_path: &str) -> (Process, Duration) {
        let logs = std::env::var_os("WATCHBELL_BENCH_LOGS").is_some();
        let output = || if logs { Stdio::inherit() } else { Stdio::null() };
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(output()).stderr(output()).spawn().expect("the binary starts");
        let mut process = Process { child, address };
        while process.get(ready_path).is_none_or(|(status, _)| status != 200) {
            assert!(started.elapsed() < READY_PATIENCE, "the service does not become ready");
            if let Ok(Some(status)) = process.child.try_wait() {
                panic!("the service has ended: {status}; WATCHBELL_BENCH_LOGS=1 shows why");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let took = started.elapsed();
        (process, took)
    }

    /// The status and body of `GET path`; `None` while nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut connection = Connection::open(&self.address)?;
        connection.ask("GET", path, &[], &[])
    }

    /// A connection to the service.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(&self.address).expect("the service listens")
    }

    /// Starts Alertmanager by the configuration at `config`, alone, if it is installed.
    pub(crate) fn start_alertmanager(config: &Path, folder: &Path) -> Option<Process> {
        Command::new("prometheus-alertmanager").arg("--version").output().ok()?;
        let address = free_address();
        let mut command = Command::new("prometheus-alertmanager");
        command.args(["--cluster.listen-address=", "--log.level=error"]);
        command.arg(format!("--web.listen-address={address}"));
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.path={}", folder.join("alertmanager").display()));
        Some(Process::launch(command, address, "/-/ready").0)
    }

    /// The value of a metric without labels, if the service has it.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// The most memory that was resident so far, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.status_kib("VmHWM:") / 1024.0
    }

    /// How many bytes the process has had written to disks.
    pub(crate) fn written_bytes(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/io", self.child.id())).expect("the process runs");
        let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: ")).expect("what was written");
        line.parse().expect("a number")
    }

    /// The resident set in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.status_kib("VmRSS:") / 1024.0
    }

    fn status_kib(&self, field: &str) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The CPU time that was used so far.
    pub(crate) fn cpu_time(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the process runs");
        let after_name = text.rsplit(')').next().expect("the rest of the line");
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        // `utime` and `stime`, in ticks of 10 ms.
        let ticks: u64 = [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Asks the service to stop, and waits for its end.
    pub(crate) fn stop(mut self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        if told.is_ok_and(|status| status.success()) {
            drop(self.child.wait());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An HTTP connection that stays open from request to request.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: &str) -> Option<Connection> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Connection { stream: BufReader::new(stream) })
    }

    /// The status and the body of the answer.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<(u16, String)> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: watchbell\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let stream = self.stream.get_mut();
        stream.write_all(&[request.as_bytes(), body].concat()).ok()?;
        self.answer()
    }

    fn answer(&mut self) -> Option<(u16, String)> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        let mut chunked = false;
        loop {
            line.clear();
            self.stream.read_line(&mut line).ok()?;
            let header = line.trim();
            if header.is_empty() {
                break;
            }
            let Some((name, value)) = header.split_once(':') else { continue };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok()?,
                "transfer-encoding" => chunked = true,
                _ => {}
            }
        }
        let body = if chunked { self.chunks()? } else { self.exactly(length)? };
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }

    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some(body)
    }

    /// A body that comes in chunks, each after its length.
    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).ok()?;
            let length = usize::from_str_radix(line.trim(), 16).ok()?;
            body.extend(self.exactly(length)?);
            self.exactly(2)?;
            if length == 0 {
                return Some(body);
            }
        }
    }

    /// Posts a remote-write body.
    ///
    /// # Panics
    ///
    /// Panics if it is not taken.
    pub(crate) fn write(&mut self, body: &[u8]) {
        let headers = [
            ("Content-Type", "application/x-protobuf"),
            ("Content-Encoding", "snappy"),
            ("X-Prometheus-Remote-Write-Version", "0.1.0"),
        ];
        let (status, text) = self.ask("POST", "/api/v1/write", &headers, body).expect("an answer");
        assert!(status / 100 == 2, "status {status}: {text}");
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}
