//! `throughline import`: a file of customers and entries.

use std::process::ExitCode;

use crate::{api::validate::Rules, store::Store};

#[derive(clap::Args, Debug)]
pub struct ImportArgs {}

pub async fn run(args: ImportArgs, store: Store, rules: Rules) -> anyhow::Result<ExitCode> {
    let _ = (args, store, rules);
    Ok(ExitCode::SUCCESS)
}
