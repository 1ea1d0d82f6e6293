//! The command `throughline`.

use std::process::ExitCode;

use clap::Parser as _;
use throughline::cli::{self, Cli};

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await
}
