//! The one owner of all decisions: inputs in, effects out.
