//! The command `throughline`.

use std::process::ExitCode;

use clap::Parser as _;
use throughline::cli::{self, Cli};

/// A call often allocates in one thread and frees in another, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await
}
