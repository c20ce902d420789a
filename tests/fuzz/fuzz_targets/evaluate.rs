//! Any expression over a few series of every kind, at a moment and over a range.

#![no_main]

use std::sync::OnceLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use watchbell::eval::{Options, Value, instant, range};
use watchbell::lang::parse;
use watchbell::model::Timestamp;
use watchbell::sim::promql_script::{CommandKind, Store, read};

/// Floats and native histograms, resets, gaps, stale markers, start times, numbers that are none.
const SERIES: &str = r#"load_with_nhcb 1m
  a{x="1",y="2"} 0+1x20
  a{x="2"} 20-1x20
  b{x="1"} 0 1 NaN Inf -Inf stale _x3 5x10
  b{x="2"} 1e300x20
  c@st _ -30s-1mx18
  c _ 1+2x18
  h{x="1"} {{schema:0 count:10 sum:5 z_bucket:1 z_bucket_w:0.1 buckets:[1 2 3] n_buckets:[3]}}+{{count:2 sum:1 buckets:[1 1]}}x20
  h{x="2"} {{schema:1 count:4 sum:5 buckets:[1 2 1]}}x5 1 2 stale {{schema:3 count:4 sum:NaN buckets:[1 2 1] counter_reset_hint:gauge}}x9
  h{x="3"} {{schema:-53 count:4 sum:5 custom_values:[1 2] buckets:[1 2 1]}}x9 {{schema:-53 count:1 sum:5 custom_values:[1 3] buckets:[1]}}x9
  r_bucket{le="1"} 0+1x20
  r_bucket{le="2"} 0+2x20
  r_bucket{le="+Inf"} 0+3x20
  r_count 0+3x20
  r_sum 0+4x20
  target_info{x="1",data="info"} 1x20
"#;

fn store() -> &'static Store {
    static STORE: OnceLock<Store> = OnceLock::new();
    STORE.get_or_init(|| {
        let script = read(SERIES).expect("a script");
        let mut store = Store::default();
        for command in &script.commands {
            if let CommandKind::Load(load) = &command.kind {
                store.load(load).expect("series");
            }
        }
        store
    })
}

fuzz_target!(|text: &str| {
    let Ok(expression) = parse(text) else { return };
    let options = Options { samples_max: 20_000, ..Options::default() };
    let at = Timestamp::from_seconds(600);
    let _ = instant(store(), &expression, at, &options);
    let (start, end) = (Timestamp::from_seconds(500), Timestamp::from_seconds(700));
    let ranged = range(store(), &expression, start, end, Duration::from_secs(50), &options);
    if let Ok(Value::Matrix(series)) = ranged.map(|evaluated| evaluated.value) {
        assert!(series.iter().all(|series| series.samples.len() + series.histograms.len() <= 5));
        assert!(series.windows(2).all(|pair| pair[0].labels < pair[1].labels));
    }
});
