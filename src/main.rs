//! The command `throughline`.

use std::process::ExitCode;

use clap::Parser as _;
use throughline::cli::{self, Cli};

/// A call often allocates in one thread and frees in another. This allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await
}
