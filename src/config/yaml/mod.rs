//! YAML as users write it: a tree that remembers where everything stands, and a reader that reports every mistake.

mod fields;
mod offset;
mod reader;
mod tree;

pub(super) use fields::Fields;
pub(super) use offset::file_range;
pub(super) use reader::{Reader, beside, blank, shorten};
pub use tree::{ALIASED_NODES_MAX, DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX};
pub(super) use tree::{Entry, Node, NodeKind, Scalar, parse};
