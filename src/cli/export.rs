//! `throughline export`: all data of a customer, for the customer.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, IsTerminal as _, Write, stderr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;

use super::{
    connect::{Client, with_client},
    failure::Failure,
};
use crate::{config::Config, pb};

/// Exports all data of a customer, across all merged records, as lines of JSON
///
/// Each line is a row with its table and record. The last line counts the rows; without it the
/// export is incomplete. Restricted customers are exported too.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The id of the customer
    #[arg(value_name = "CUSTOMER")]
    customer: String,
    /// A new file that only its owner can read [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A running server, such as http://127.0.0.1:7417 [default: open the database]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// Exports a customer.
pub async fn run(args: ExportArgs, config: &Config) -> Result<(), Failure> {
    with_client(args.server.as_deref(), config, async |client| match &args.output {
        None => write(client, args.customer, &mut io::stdout(), false).await,
        Some(path) => {
            let mut file = BufWriter::new(private_file(path)?);
            let done = write(client, args.customer, &mut file, true).await;
            if done.is_err() {
                // An incomplete file is not left behind. The reason for the failure is what
                // matters.
                let _ = fs::remove_file(path);
            }
            done
        }
    })
    .await
}

async fn write(
    client: &mut Client,
    customer_id: String,
    out: &mut impl Write,
    is_file: bool,
) -> Result<(), Failure> {
    let request = pb::ExportCustomerRequest { customer_id };
    let answer = client.privacy.export_customer(request).await;
    let mut stream = answer.map_err(|status| client.failure(&status))?.into_inner();
    // On a terminal the lines themselves are the progress.
    let bar = (is_file && stderr().is_terminal()).then(ProgressBar::new_spinner);
    bar.iter().for_each(|bar| bar.enable_steady_tick(Duration::from_millis(100)));
    let mut rows = 0;
    while let Some(part) = stream.message().await.map_err(|status| client.failure(&status))? {
        out.write_all(part.lines.as_bytes())?;
        rows += part.lines.lines().count();
        bar.iter().for_each(|bar| bar.set_message(format!("{rows} lines")));
    }
    bar.iter().for_each(ProgressBar::finish_and_clear);
    Ok(out.flush()?)
}

/// Creates a file that nobody else may read, and that must not exist yet.
fn private_file(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let name = || format!("cannot make {}", path.display());
    Ok(options.open(path).with_context(name)?)
}
