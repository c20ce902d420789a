//! The reference evaluator: what an expression yields at a moment.
