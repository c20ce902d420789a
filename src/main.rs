//! The `watchbell` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    watchbell::cli::main()
}
