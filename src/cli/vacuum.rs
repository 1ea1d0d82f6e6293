//! `throughline vacuum`: the database, written anew.

use super::{connect::refuse_missing_file, failure::Failure};
use crate::config::Config;

/// Writes the configured database anew. What was erased is finished first.
pub async fn run(config: &Config) -> Result<(), Failure> {
    refuse_missing_file(&config.database)?;
    let failed = |error| Failure::of_database(&config.database, &error);
    let store = super::open(config).await?;
    store.finish_erasures().await.map_err(failed)?;
    store.vacuum().await.map_err(failed)?;
    store.close().await;
    println!("The database is written anew.");
    Ok(())
}
