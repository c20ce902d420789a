//! Tests of the whole product.

#[cfg(feature = "shell")]
mod cli;
#[cfg(feature = "shell")]
mod docs;
mod engine;
mod grammar;
mod language;
mod promql;
mod rehearsal;
mod templates;
mod tidy;
mod traces;
