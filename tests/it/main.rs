//! Tests of the whole product.

mod engine;
mod grammar;
mod language;
mod promql;
mod rehearsal;
mod templates;
mod tidy;
