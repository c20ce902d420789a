//! The outside world: sockets, files, the store, the clock. The only place with `async`.

pub mod clock;
pub mod ingest;
pub mod telemetry;
