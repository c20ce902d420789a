//! Reads Linux's `/proc` texts (proc(5)) into node_exporter's series. Pure: text in, readings out.

use super::readings::Readings;

/// The kernel's clock ticks per second in everything that `/proc` shows: 100 on every Linux.
const USER_HZ: f64 = 100.0;
/// The unit of sectors in `/proc/diskstats`, whatever the disk says.
const SECTOR_BYTES: f64 = 512.0;

/// The modes of the columns of `/proc/stat`; guest time, which follows, is part of `user` and `nice`.
const CPU_MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// `/proc/stat`: CPU time by mode, context switches, forks, runnable and blocked processes. Whether any CPU was there.
pub(super) fn stat(text: &str, readings: &mut Readings) -> bool {
    let mut found = false;
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next().unwrap_or_default();
        let mut number = || fields.next().and_then(|field| field.parse::<f64>().ok());
        match name {
            "ctxt" => readings.add_some("node_context_switches_total", &[], number()),
            "processes" => readings.add_some("node_forks_total", &[], number()),
            "procs_running" => readings.add_some("node_procs_running", &[], number()),
            "procs_blocked" => readings.add_some("node_procs_blocked", &[], number()),
            _ => {}
        }
        let Some(cpu) = name.strip_prefix("cpu").filter(|cpu| cpu.parse::<u32>().is_ok()) else { continue };
        for mode in CPU_MODES {
            let seconds = number().map(|ticks| ticks / USER_HZ);
            readings.add_some("node_cpu_seconds_total", &[("cpu", cpu), ("mode", mode)], seconds);
            found |= seconds.is_some();
        }
    }
    found
}

/// `/proc/meminfo`: `MemTotal: 1 kB` becomes `node_memory_MemTotal_bytes`, `Active(anon)` becomes `Active_anon`. Whether
/// the total was there.
pub(super) fn meminfo(text: &str, readings: &mut Readings) -> bool {
    let mut found = false;
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let mut fields = rest.split_ascii_whitespace();
        let Some(value) = fields.next().and_then(|value| value.parse::<f64>().ok()) else { continue };
        let (factor, unit) = if fields.next() == Some("kB") { (1024.0, "_bytes") } else { (1.0, "") };
        let name = name.replace('(', "_").replace(')', "");
        if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            readings.add(&format!("node_memory_{name}{unit}"), &[], value * factor);
            found |= name == "MemTotal";
        }
    }
    found
}

/// `/proc/diskstats`: what whole disks have read and written.
pub(super) fn diskstats(text: &str, readings: &mut Readings) {
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace().skip(2);
        let Some(device) = fields.next().filter(|device| is_whole_disk(device)) else { continue };
        let values: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
        for (name, column, factor) in [
            ("node_disk_reads_completed_total", 0, 1.0),
            ("node_disk_read_bytes_total", 2, SECTOR_BYTES),
            ("node_disk_read_time_seconds_total", 3, 0.001),
            ("node_disk_writes_completed_total", 4, 1.0),
            ("node_disk_written_bytes_total", 6, SECTOR_BYTES),
            ("node_disk_write_time_seconds_total", 7, 0.001),
            ("node_disk_io_now", 8, 1.0),
            ("node_disk_io_time_seconds_total", 9, 0.001),
        ] {
            readings.add_some(name, &[("device", device)], values.get(column).map(|value| value * factor));
        }
    }
}

/// Neither a partition nor a loop, floppy or RAM disk, by the kernel's naming.
fn is_whole_disk(device: &str) -> bool {
    let bare = device.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered = bare.len() < device.len();
    if ["loop", "ram", "zram", "fd"].contains(&bare) {
        return false;
    }
    let is_lettered = ["sd", "hd", "vd", "xvd"].iter().any(|prefix| {
        bare.strip_prefix(prefix)
            .is_some_and(|letters| !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_lowercase()))
    });
    let is_numbered_partition = (device.starts_with("nvme") || device.starts_with("mmcblk")) && bare.ends_with('p');
    !(numbered && (is_lettered || is_numbered_partition))
}

/// `/proc/net/dev`: what the network interfaces have received and sent. Whether there was any.
pub(super) fn net_dev(text: &str, readings: &mut Readings) -> bool {
    const COLUMNS: [&str; 16] = [
        "receive_bytes",
        "receive_packets",
        "receive_errs",
        "receive_drop",
        "receive_fifo",
        "receive_frame",
        "receive_compressed",
        "receive_multicast",
        "transmit_bytes",
        "transmit_packets",
        "transmit_errs",
        "transmit_drop",
        "transmit_fifo",
        "transmit_colls",
        "transmit_carrier",
        "transmit_compressed",
    ];
    let mut found = false;
    for line in text.lines().skip(2) {
        let Some((device, rest)) = line.rsplit_once(':') else { continue };
        let values = rest.split_ascii_whitespace().map(|field| field.parse::<f64>().ok());
        for (column, value) in COLUMNS.iter().zip(values) {
            readings.add_some(&format!("node_network_{column}_total"), &[("device", device.trim())], value);
            found = true;
        }
    }
    found
}

/// The state letters of `/proc/PID/stat` and their names; the rest counts as `other`.
pub(super) const PROCESS_STATES: [(char, &str); 7] = [
    ('R', "running"),
    ('S', "sleeping"),
    ('D', "blocked"),
    ('I', "idle"),
    ('T', "stopped"),
    ('t', "stopped"),
    ('Z', "zombie"),
];

/// The state of a `/proc/PID/stat` line.
pub(super) fn process_state(stat: &str) -> Option<&'static str> {
    let letter = stat.rsplit_once(')')?.1.trim_start().chars().next()?;
    Some(PROCESS_STATES.iter().find(|(known, _)| *known == letter).map_or("other", |(_, name)| name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    fn shown(fill: impl FnOnce(&mut Readings)) -> String {
        let mut readings = Readings::new(&Labels::default());
        fill(&mut readings);
        readings.lines()
    }

    #[test]
    fn cpu_time() {
        let text = "cpu  9 9 9 9\ncpu0 100 2 50 1000 3 0 4 5 0 0\ncpu1 200\nctxt 77\nprocs_running 2\nbtime x\n";
        insta::assert_snapshot!(shown(|readings| assert!(stat(text, readings))), @r#"
        node_context_switches_total 77
        node_cpu_seconds_total{cpu="0", mode="idle"} 10
        node_cpu_seconds_total{cpu="0", mode="iowait"} 0.03
        node_cpu_seconds_total{cpu="0", mode="irq"} 0
        node_cpu_seconds_total{cpu="0", mode="nice"} 0.02
        node_cpu_seconds_total{cpu="0", mode="softirq"} 0.04
        node_cpu_seconds_total{cpu="0", mode="steal"} 0.05
        node_cpu_seconds_total{cpu="0", mode="system"} 0.5
        node_cpu_seconds_total{cpu="0", mode="user"} 1
        node_cpu_seconds_total{cpu="1", mode="user"} 2
        node_procs_running 2
        "#);
    }

    #[test]
    fn memory() {
        let text = "MemTotal:  2 kB\nActive(anon): 1 kB\nHugePages_Total:   3\nodd name: 1 kB\nBad: x kB\n";
        insta::assert_snapshot!(shown(|readings| assert!(meminfo(text, readings))), @r"
        node_memory_Active_anon_bytes 1024
        node_memory_HugePages_Total 3
        node_memory_MemTotal_bytes 2048
        ");
    }

    #[test]
    fn disks_and_networks() {
        let disks = " 8 0 sda 1 2 3 4000 5 6 7 8000 9 10000 0\n 8 1 sda1 1 1 1 1 1 1 1 1 1 1 1\n";
        let networks = "Inter-| Receive\n face |bytes\n  lo: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\n";
        insta::assert_snapshot!(shown(|readings| {
            diskstats(disks, readings);
            assert!(net_dev(networks, readings));
        }), @r#"
        node_disk_io_now{device="sda"} 9
        node_disk_io_time_seconds_total{device="sda"} 10
        node_disk_read_bytes_total{device="sda"} 1536
        node_disk_read_time_seconds_total{device="sda"} 4
        node_disk_reads_completed_total{device="sda"} 1
        node_disk_write_time_seconds_total{device="sda"} 8
        node_disk_writes_completed_total{device="sda"} 5
        node_disk_written_bytes_total{device="sda"} 3584
        node_network_receive_bytes_total{device="lo"} 10
        node_network_receive_compressed_total{device="lo"} 0
        node_network_receive_drop_total{device="lo"} 0
        node_network_receive_errs_total{device="lo"} 0
        node_network_receive_fifo_total{device="lo"} 0
        node_network_receive_frame_total{device="lo"} 0
        node_network_receive_multicast_total{device="lo"} 0
        node_network_receive_packets_total{device="lo"} 1
        node_network_transmit_bytes_total{device="lo"} 20
        node_network_transmit_carrier_total{device="lo"} 0
        node_network_transmit_colls_total{device="lo"} 0
        node_network_transmit_compressed_total{device="lo"} 0
        node_network_transmit_drop_total{device="lo"} 0
        node_network_transmit_errs_total{device="lo"} 0
        node_network_transmit_fifo_total{device="lo"} 0
        node_network_transmit_packets_total{device="lo"} 2
        "#);
    }

    #[test]
    fn whole_disks_and_process_states() {
        for (device, whole) in [
            ("sda", true),
            ("sda1", false),
            ("vda", true),
            ("nvme0n1", true),
            ("nvme0n1p2", false),
            ("mmcblk0", true),
            ("mmcblk0p1", false),
            ("loop0", false),
            ("zram0", false),
            ("md0", true),
            ("dm-3", true),
        ] {
            assert_eq!(is_whole_disk(device), whole, "{device}");
        }
        for (stat, state) in [("1 (a) b) S 0", Some("sleeping")), ("1 (a) X 0", Some("other")), ("", None), ("(", None)]
        {
            assert_eq!(process_state(stat), state, "{stat}");
        }
    }
}
