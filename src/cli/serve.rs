//! `watchbell serve`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::shell::clock::{Clock, Started};
use crate::shell::service::{Environment, ServeError, ServeOptions, serve};
use crate::shell::telemetry::Ids;

/// The service's arguments.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The main file; without one the embedded default runs
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, instead of what the main file says (default 127.0.0.1:9797)
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// The folder of the store and the journal, instead of what the main file says (default ./watchbell-data)
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

pub(super) fn run(args: ServeArgs, clock: Clock, ids: Ids, began: Started) -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let options = ServeOptions { config: args.config, listen: args.listen, data: args.data };
    let outcome = runtime.block_on(serve(options, Environment { clock, ids, began }));
    // What is still blocked is of no use to anybody: everything durable was written by `serve`.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error @ ServeError::Config(_)) => {
            eprintln!("{error}");
            Ok(ExitCode::from(2))
        }
        Err(error) => {
            eprintln!("error: {error}");
            Ok(ExitCode::from(1))
        }
    }
}
