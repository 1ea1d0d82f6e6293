//! `throughline completions`: completions of the command line for a shell.

use std::io::{self, Write as _};

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Cli, failure::Failure};

#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Writes the completions to the standard output.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    // Written at once: the generator panics if its writer fails, as a closed pipe does.
    let mut text = Vec::new();
    generate(args.shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut text);
    io::stdout().write_all(&text)?;
    Ok(())
}
