//! Tests of the whole product.

mod grammar;
mod language;
mod promql;
mod templates;
