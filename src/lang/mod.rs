//! The expression language: PromQL, parsed with nom, checked, printed.
//!
//! [`parse`] reads a text into an [`Expr`] whose functions are known and whose types fit; `Display` writes it in one
//! canonical line that reads back to the same tree, [`pretty`] and [`format`] over several where it is long. The grammar stands in `grammar/promql.ebnf`.

mod ast;
mod check;
mod error;
mod function;
mod lexer;
mod parser;
mod printer;
mod visit;

pub use ast::*;
pub use error::{ParseError, ParseErrorKind, ParseErrors};
pub use function::{Function, Variadic, function, functions};
pub use parser::{NESTING_MAX, TEXT_BYTES_MAX, TREE_HEIGHT_MAX, comments, parse, parse_matchers};
pub use printer::{WIDTH_DEFAULT, format, pretty};
pub use visit::SelectorReach;
