//! The table of functions: names, argument types, result types.

use super::ValueType;

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The types of its arguments, in order; the last repeats while `variadic` allows.
    pub args: &'static [ValueType],
    /// How many further arguments may be left out or added.
    pub variadic: Variadic,
    /// What it yields.
    pub returns: ValueType,
}

/// How the number of arguments may differ from the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variadic {
    /// Exactly the list.
    No,
    /// The last `n` of the list may be left out.
    Optional(usize),
    /// The last of the list may repeat any number of times, or be absent.
    Repeat,
}
