//! Looks at this machine: `/proc` where there is one, sysinfo for the rest. Blocking.

use std::collections::BTreeMap;
use std::time::Duration;

use sysinfo::{Disks, Networks, ProcessRefreshKind, ProcessesToUpdate, System};

use super::proc;
use super::readings::Readings;
use crate::model::{Labels, Timestamp};

/// The greatest number of file systems that are reported.
const FILE_SYSTEMS_MAX: usize = 500;

/// This machine, with what has to be remembered between looks.
#[derive(Debug)]
pub(super) struct Machine {
    base: Labels,
    system: System,
    disks: Disks,
    networks: Networks,
    /// Busy and idle seconds of each CPU, where the system has no counters.
    cpu_seconds: Vec<(f64, f64)>,
}

impl Machine {
    /// `instance` is the label of its samples.
    pub(super) fn new(instance: &str) -> Self {
        Machine {
            base: Labels::from_pairs([("job", "host"), ("instance", instance)]),
            system: System::new(),
            disks: Disks::new(),
            networks: Networks::new(),
            cpu_seconds: Vec::new(),
        }
    }

    /// The machine's name, or `localhost`.
    pub(super) fn name() -> String {
        System::host_name().filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
    }

    /// Reads everything, `since_last` after the last look.
    pub(super) fn read(&mut self, now: Timestamp, since_last: Duration) -> Readings {
        let mut readings = Readings::new(&self.base);
        readings.add("up", &[], 1.0);
        readings.add("node_time_seconds", &[], now.seconds_f64());
        readings.add("node_boot_time_seconds", &[], System::boot_time() as f64);
        let load = System::load_average();
        for (name, value) in [("node_load1", load.one), ("node_load5", load.five), ("node_load15", load.fifteen)] {
            readings.add(name, &[], value);
        }
        let release = System::kernel_version().unwrap_or_default();
        let (nodename, machine) = (System::host_name().unwrap_or_default(), System::cpu_arch());
        let sysname = if cfg!(target_os = "linux") { "Linux".to_owned() } else { System::name().unwrap_or_default() };
        let uname = [("nodename", &*nodename), ("release", &release), ("sysname", &sysname), ("machine", &machine)];
        readings.add("node_uname_info", &uname, 1.0);
        if !read_proc("/proc/stat").is_some_and(|text| proc::stat(&text, &mut readings)) {
            self.cpu(since_last, &mut readings);
        }
        if !read_proc("/proc/meminfo").is_some_and(|text| proc::meminfo(&text, &mut readings)) {
            self.memory(&mut readings);
        }
        if let Some(text) = read_proc("/proc/diskstats") {
            proc::diskstats(&text, &mut readings);
        }
        self.file_systems(&mut readings);
        if !read_proc("/proc/net/dev").is_some_and(|text| proc::net_dev(&text, &mut readings)) {
            self.network(&mut readings);
        }
        self.processes(&mut readings);
        readings
    }

    /// Integrates CPU usage into counters.
    fn cpu(&mut self, since_last: Duration, readings: &mut Readings) {
        self.system.refresh_cpu_usage();
        let cpus = self.system.cpus();
        self.cpu_seconds.resize(cpus.len(), (0.0, 0.0));
        for (index, (cpu, (busy, idle))) in cpus.iter().zip(&mut self.cpu_seconds).enumerate() {
            let share = f64::from(cpu.cpu_usage().clamp(0.0, 100.0)) / 100.0;
            *busy += share * since_last.as_secs_f64();
            *idle += (1.0 - share) * since_last.as_secs_f64();
            let cpu = index.to_string();
            readings.add("node_cpu_seconds_total", &[("cpu", &cpu), ("mode", "user")], *busy);
            readings.add("node_cpu_seconds_total", &[("cpu", &cpu), ("mode", "idle")], *idle);
        }
    }

    fn memory(&mut self, readings: &mut Readings) {
        self.system.refresh_memory();
        for (name, bytes) in [
            ("node_memory_MemTotal_bytes", self.system.total_memory()),
            ("node_memory_MemFree_bytes", self.system.free_memory()),
            ("node_memory_MemAvailable_bytes", self.system.available_memory()),
            ("node_memory_SwapTotal_bytes", self.system.total_swap()),
            ("node_memory_SwapFree_bytes", self.system.free_swap()),
        ] {
            readings.add(name, &[], bytes as f64);
        }
    }

    /// Local file systems. What is reserved for root is not known here, so that free space is what is available.
    fn file_systems(&mut self, readings: &mut Readings) {
        self.disks.refresh(true);
        for disk in self.disks.list().iter().take(FILE_SYSTEMS_MAX) {
            let (device, mountpoint) = (disk.name().to_string_lossy(), disk.mount_point().to_string_lossy());
            let fstype = disk.file_system().to_string_lossy();
            let labels = [("device", &*device), ("mountpoint", &*mountpoint), ("fstype", &*fstype)];
            let available = disk.available_space() as f64;
            readings.add("node_filesystem_size_bytes", &labels, disk.total_space() as f64);
            readings.add("node_filesystem_avail_bytes", &labels, available);
            readings.add("node_filesystem_free_bytes", &labels, available);
            readings.add("node_filesystem_readonly", &labels, f64::from(u8::from(disk.is_read_only())));
        }
    }

    fn network(&mut self, readings: &mut Readings) {
        self.networks.refresh(true);
        for (device, data) in self.networks.list() {
            for (column, value) in [
                ("receive_bytes", data.total_received()),
                ("receive_packets", data.total_packets_received()),
                ("receive_errs", data.total_errors_on_received()),
                ("transmit_bytes", data.total_transmitted()),
                ("transmit_packets", data.total_packets_transmitted()),
                ("transmit_errs", data.total_errors_on_transmitted()),
            ] {
                readings.add(&format!("node_network_{column}_total"), &[("device", device)], value as f64);
            }
        }
    }

    /// How many processes there are in each state.
    fn processes(&mut self, readings: &mut Readings) {
        let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
        match processes_of_proc() {
            Some(states) => {
                for (_, state) in proc::PROCESS_STATES {
                    counts.insert(state, 0.0);
                }
                states.for_each(|state| *counts.entry(state).or_default() += 1.0);
            }
            None => {
                let kind = ProcessRefreshKind::nothing();
                let count = self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
                counts.insert("any", count as f64);
            }
        }
        for (state, count) in counts {
            readings.add("watchbell_host_processes", &[("state", state)], count);
        }
    }
}

/// A text of `/proc`; `None` where there is none.
fn read_proc(path: &str) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The states of all processes; `None` where there is no `/proc`. Processes that end meanwhile are left out.
fn processes_of_proc() -> Option<impl Iterator<Item = &'static str>> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let entries = std::fs::read_dir("/proc").ok()?;
    Some(entries.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        let id = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit()))?;
        proc::process_state(&read_proc(&format!("/proc/{id}/stat"))?)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_machine() {
        let mut machine = Machine::new("here");
        let now = Timestamp::from_seconds(1_800_000_000);
        machine.read(now, Duration::ZERO);
        let batch = machine.read(now, Duration::from_secs(5)).into_batch(now);
        let value = |name: &str| {
            let found = batch.series.iter().find(|(labels, _)| labels.metric_name() == name);
            found.map(|(_, samples)| samples[0].value)
        };
        for name in ["node_memory_MemTotal_bytes", "node_cpu_seconds_total", "node_time_seconds", "up"] {
            assert!(value(name).is_some_and(|value| value >= 0.0), "{name}");
        }
        assert!(value("watchbell_host_processes").is_some());
        for (labels, _) in &batch.series {
            assert_eq!((labels.get("job"), labels.get("instance")), ("host", "here"));
        }
    }
}
