//! `throughline restore`: replaces the database with a backup.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    backup::{Rows, SharedArgs, Shown, failure, moment, seconds},
    doctor::{ledger::last_outside_seal, words::count},
    failure::Failure,
    terminal,
};
use crate::{
    config::{Config, redacted_url},
    model::Seal,
    store::backup::{Restored, Restoring, restore},
};

/// Restores a backup; the database must not be served
///
/// Existing SQLite files are moved into a folder beside them; a PostgreSQL database must be empty.
/// Customers who were erased since the backup are erased again, by the erasure ledger, which must
/// exist. If the restore is interrupted, it reports what is left: run it again.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// The folder of the backup
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    #[command(flatten)]
    shared: SharedArgs,
    /// The file with the seals outside of the database, to detect what the audit log has lost
    #[arg(long, value_name = "FILE")]
    seals: Option<PathBuf>,
}

/// Restores a backup, and reports what the database has now, and what it lacks.
pub async fn run(args: &RestoreArgs, config: &Config) -> Result<(), Failure> {
    let seals = args.seals.clone().or_else(|| config.audit_seals.clone());
    let with_seals = Config { audit_seals: seals, ..config.clone() };
    let outside_seal =
        last_outside_seal(&with_seals).map_err(|finding| Failure::Failed(finding.text))?;
    let (begun, shown) = (Instant::now(), Shown::new());
    let how = Restoring {
        url: &config.database,
        from: &args.from,
        connections: config.database_connections,
        outside_seal: outside_seal.clone(),
    };
    let restored = restore(&how, args.shared.options(config, &|it| shown.show(it))).await;
    shown.end();
    let restored = restored.map_err(|error| failure("nothing was restored", config, &error))?;
    let out = &mut io::stdout().lock();
    if args.shared.json {
        return Ok(writeln!(out, "{}", as_json(&restored, begun.elapsed())?)?);
    }
    let url = redacted_url(&config.database);
    writeln!(out, "{url} was restored from {}.\n", args.from.display())?;
    write!(out, "{}", rows(&restored, config, outside_seal.as_ref(), begun.elapsed()).text())?;
    Ok(writeln!(out, "\nWhat was recorded after that moment is not in it.")?)
}

fn rows(restored: &Restored, config: &Config, outside_seal: Option<&Seal>, took: Duration) -> Rows {
    let style = terminal::style(false);
    let mut rows = Rows::default();
    rows.add("as of", moment(restored.manifest.created_at, &style));
    rows.add_facts(&restored.facts);
    rows.add(
        "erasures",
        match &config.erasure_ledger {
            None => {
                "no ledger says who was erased since: something else must erase them".to_owned()
            }
            Some(path) => {
                let again = count(restored.erased_again, "erasure");
                format!("{again} of {} done again", path.display())
            }
        },
    );
    if let (Some(false), Some(seal)) = (restored.has_outside_seal, outside_seal) {
        rows.add("seals", format!(
            "the log ends with seal {}, and seal {} of {} was made outside: name another file in \
             audit_seals, and keep this one",
            restored.facts.last_seal,
            seal.number,
            moment(seal.sealed_at, &style)
        ));
    }
    for folder in &restored.moved_to {
        rows.add("before", format!("{}: remove it when all is well", folder.display()));
    }
    rows.add("took", seconds(took));
    rows
}

fn as_json(restored: &Restored, took: Duration) -> Result<Value, Failure> {
    let facts = serde_json::to_value(&restored.facts).map_err(anyhow::Error::from)?;
    let created_at = Timestamp::from_microsecond(restored.manifest.created_at).ok();
    Ok(json!({
        "created_at": created_at.map(|at| at.to_string()),
        "facts": facts,
        "erased_again": restored.erased_again,
        "has_outside_seal": restored.has_outside_seal,
        "moved_to": restored.moved_to,
        "seconds": took.as_secs_f64(),
    }))
}
