//! The outside world: sockets, files, the store, the clock. The only place with `async`.

pub mod answers;
pub mod clock;
pub mod files;
pub mod history;
pub mod http;
pub mod http_client;
pub mod ingest;
pub mod journal;
pub mod notify;
mod oauth2;
pub(crate) mod plot;
pub mod prometheus_client;
mod proxy;
pub mod reload;
pub mod secret;
pub mod series_client;
pub mod service;
pub mod storage;
pub mod telemetry;
mod tls;
mod tls_server;
