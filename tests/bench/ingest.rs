//! Remote write over loopback: batches of 1,000 series with one sample each, answered once they are durable; and the memory
//! that 100,000 series take.
//!
//! `cargo bench --bench ingest`

mod measured;
mod process;

use std::time::Duration;

use measured::{batch, now, report, series, timed};
use process::Process;
use watchbell::formats::remote_write::encode_v1;

const SERIES_PER_BATCH: usize = 1_000;
const BATCHES: usize = 400;
const SERIES_MANY: usize = 100_000;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("watchbell.yml");
    std::fs::write(&config, "host_samples: false\n").expect("the main file is written");
    let config = config.to_str().expect("text");
    for connections in [1, 4, 16] {
        throughput(config, &folder.path().join(connections.to_string()), connections);
    }
    memory(config, &folder.path().join("memory"));
}

fn throughput(config: &str, data: &std::path::Path, connections: usize) {
    let (process, _) = Process::start(Some(config), data);
    let all = series(SERIES_PER_BATCH * connections);
    let start = now() - Duration::from_secs(600);
    let bodies: Vec<Vec<Vec<u8>>> = all
        .chunks(SERIES_PER_BATCH)
        .map(|series| {
            let at = |number: u32| start + Duration::from_secs(1) * number;
            let count = u32::try_from(BATCHES).expect("a small number");
            (0..count).map(|number| encode_v1(&batch(series, at(number), f64::from(number) * 1.5))).collect()
        })
        .collect();
    let bytes: usize = bodies.iter().flatten().map(Vec::len).sum();
    let cpu_before = process.cpu_time();
    let (took, mut answers) = timed(|| {
        std::thread::scope(|scope| {
            let process = &process;
            let threads: Vec<_> = bodies.iter().map(|bodies| scope.spawn(|| post_all(process, bodies))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect::<Vec<Duration>>()
        })
    });
    let batches = answers.len() as f64;
    let seconds = took.as_secs_f64();
    println!(
        "{connections} connection(s): {:.0} batches/s, {:.0} samples/s, {:.1} MB/s, service CPU {:.0} %, {:.0} MiB resident",
        batches / seconds,
        batches * SERIES_PER_BATCH as f64 / seconds,
        bytes as f64 / seconds / 1e6,
        (process.cpu_time() - cpu_before).as_secs_f64() / seconds * 100.0,
        process.resident_mib(),
    );
    report(&format!("{connections} connection(s): an answer"), &mut answers);
    process.stop();
}

fn post_all(process: &Process, bodies: &[Vec<u8>]) -> Vec<Duration> {
    let mut connection = process.connect();
    bodies.iter().map(|body| timed(|| connection.write(body)).0).collect()
}

fn memory(config: &str, data: &std::path::Path) {
    let (process, _) = Process::start(Some(config), data);
    println!("no series: {:.0} MiB resident", process.resident_mib());
    let all = series(SERIES_MANY);
    let start = now() - Duration::from_secs(1500);
    let mut connection = process.connect();
    let mut sent = 0;
    for samples in [1, 20, 100] {
        for number in sent..samples {
            let at = start + Duration::from_secs(15) * number;
            for part in all.chunks(SERIES_PER_BATCH) {
                connection.write(&encode_v1(&batch(part, at, f64::from(number) * 1.5)));
            }
        }
        sent = samples;
        println!("{SERIES_MANY} series, {samples} samples each: {:.0} MiB resident", process.resident_mib());
    }
    process.stop();
}
