//! Watchbell: samples in, the right person told, once, in time, until somebody answers.
//!
//! The modules stand in the order of the pipeline; each imports only from those above it.

pub mod model;

pub mod lang;

pub mod formats;

pub mod template;

pub mod series;

pub mod eval;

pub mod rule;

pub mod route;

pub mod oncall;

pub mod escalate;

pub mod deliver;

pub mod engine;

pub mod config;

pub mod lint;

pub mod sim;

#[cfg(feature = "shell")]
pub mod shell;

#[cfg(feature = "shell")]
pub mod cli;
