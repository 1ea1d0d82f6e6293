//! `throughline migrate`: the tables of the database.

use std::io::{self, Write as _};

use super::failure::Failure;
use crate::config::{Config, redacted_url};

/// Brings the tables up to date. `serve` does this at its start too; the command allows doing it
/// earlier, or with another database user.
pub async fn run(config: &Config) -> Result<(), Failure> {
    super::open(config).await?.close().await;
    writeln!(io::stdout(), "{} is up to date", redacted_url(&config.database))?;
    Ok(())
}
