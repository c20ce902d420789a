//! Tests of the whole product.

#[cfg(feature = "shell")]
mod answering;
#[cfg(feature = "shell")]
mod cli;
#[cfg(feature = "shell")]
mod docs;
mod engine;
mod external;
mod grammar;
mod heartbeats;
mod incidents;
mod language;
#[cfg(feature = "shell")]
mod lint;
mod noise;
mod overrides;
mod promql;
#[cfg(feature = "shell")]
mod query;
mod rehearsal;
mod scenarios;
mod templates;
mod tidy;
mod traces;
