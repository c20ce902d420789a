//! The expression language: PromQL, parsed with nom, checked, printed.

mod ast;
mod function;

pub use ast::*;
pub use function::{Function, Variadic};
