//! `throughline vacuum`: rewrites the database.

use super::{connect::refuse_missing_file, failure::Failure};
use crate::config::Config;

/// Rewrites the configured database. Finishes pending erasures first.
pub async fn run(config: &Config) -> Result<(), Failure> {
    refuse_missing_file(&config.database)?;
    let failed = |error| Failure::of_database(&config.database, &error);
    let store = super::open(config).await?;
    store.finish_erasures().await.map_err(failed)?;
    store.vacuum().await.map_err(failed)?;
    store.close().await;
    println!("The database has been rewritten.");
    Ok(())
}
