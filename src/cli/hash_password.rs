//! `watchbell hash-password`: the bcrypt hash of a password, for `web.users`.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

/// bcrypt looks at no more of a password, in bytes.
const PASSWORD_BYTES_MAX: usize = 72;

/// What is to be hashed.
#[derive(Debug, Args)]
pub(super) struct HashPasswordArgs {
    /// How much work a hash is; each further one doubles it
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(4..=16))]
    cost: u32,
}

pub(super) fn run(args: HashPasswordArgs) -> anyhow::Result<ExitCode> {
    let password = read_password()?;
    if password.is_empty() {
        anyhow::bail!("the password is empty");
    }
    if password.len() > PASSWORD_BYTES_MAX || password.contains('\0') {
        anyhow::bail!("bcrypt takes at most {PASSWORD_BYTES_MAX} bytes, none of them zero");
    }
    let hash = bcrypt::hash(&password, args.cost).context("cannot hash the password")?;
    writeln!(io::stdout(), "{hash}")?;
    Ok(ExitCode::SUCCESS)
}

/// The first line of standard input; asked for on a terminal, where it does not show.
fn read_password() -> anyhow::Result<String> {
    let stdin = io::stdin();
    let mut line = String::new();
    let is_terminal = stdin.is_terminal();
    if is_terminal {
        eprint!("Password: ");
    }
    let hidden = is_terminal.then(EchoOff::new).flatten();
    let read = stdin.lock().take(4096).read_line(&mut line);
    drop(hidden);
    if is_terminal {
        eprintln!();
    }
    read.context("cannot read the password from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal shows nothing of what is typed as long as this lives.
struct EchoOff {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

impl EchoOff {
    #[cfg(unix)]
    fn new() -> Option<EchoOff> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO;
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent).ok()?;
        Some(EchoOff { before })
    }

    #[cfg(not(unix))]
    fn new() -> Option<EchoOff> {
        None
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // A terminal that has gone shows nothing either.
        #[cfg(unix)]
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.before);
    }
}
