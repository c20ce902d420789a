//! Standard output.

/// Lines on standard output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsoleConfig {}
