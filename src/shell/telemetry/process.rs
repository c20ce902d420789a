//! What the operating system knows of this process, read anew for each scrape of `/metrics`.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::model::Timestamp;

/// The kernel's clock ticks per second in everything that `/proc` shows: 100 on every Linux.
const USER_HZ: f64 = 100.0;

/// The `process_*` metrics of the Prometheus client libraries; only the start time where there is no `/proc`.
#[derive(Debug)]
pub(super) struct ProcessCollector {
    /// When the process began.
    pub(super) started_at: Timestamp,
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let start = ConstGauge::new(self.started_at.seconds_f64());
        let seconds = Some(&Unit::Seconds);
        start.encode(encoder.encode_descriptor(
            "process_start_time",
            "When the process began, in seconds since 1970.",
            seconds,
            start.metric_type(),
        )?)?;
        if let Some(cpu) = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat)) {
            let cpu = ConstCounter::new(cpu);
            let help = "CPU time that the process used, in user and system mode.";
            cpu.encode(encoder.encode_descriptor("process_cpu", help, seconds, cpu.metric_type())?)?;
        }
        if let Some(bytes) = std::fs::read_to_string("/proc/self/status").ok().and_then(|s| resident_bytes(&s)) {
            let memory = ConstGauge::new(bytes);
            let help = "Memory of the process that is held in RAM.";
            let bytes = Some(&Unit::Bytes);
            memory.encode(encoder.encode_descriptor(
                "process_resident_memory",
                help,
                bytes,
                memory.metric_type(),
            )?)?;
        }
        if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
            let open = ConstGauge::new(i64::try_from(entries.count()).unwrap_or(i64::MAX));
            let help = "File descriptors that the process has open.";
            open.encode(encoder.encode_descriptor("process_open_fds", help, None, open.metric_type())?)?;
        }
        Ok(())
    }
}

/// User plus system time of a `/proc/PID/stat` line (proc(5): fields 14 and 15).
fn cpu_seconds(stat: &str) -> Option<f64> {
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / USER_HZ)
}

/// `VmRSS` of a `/proc/PID/status` text, which is in KiB.
fn resident_bytes(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_proc() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1000 10";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    12 kB\n"), Some(12288));
        for bad in ["", "1 (x", "1 (x) S 1"] {
            assert_eq!(cpu_seconds(bad), None, "{bad}");
            assert_eq!(resident_bytes(bad), None, "{bad}");
        }
    }
}
