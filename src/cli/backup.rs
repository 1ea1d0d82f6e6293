//! `throughline backup`: one whole state of the database, in a folder of its own.

use std::{
    io::{self, IsTerminal as _, Write as _, stderr},
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    doctor::words::{bytes, count},
    failure::Failure,
    opening,
    render::{Look, pad, thousands},
    terminal,
};
use crate::{
    clock::Clock,
    config::{Config, redacted_url},
    model::Micros,
    store::backup::{BackedUp, BackupError, Facts, Means, Progress, back_up},
};

/// Makes a backup of the database in a new folder, while servers go on
///
/// It holds the database and its audit log, and is checked once it is made. The erasure ledger is
/// no part of it: keep that elsewhere, and its newest state. PostgreSQL is dumped with pg_dump.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// A new folder, best on another disk
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    how: How,
}

/// What a backup and a restore have in common.
#[derive(Args, Debug)]
pub struct How {
    /// How long it may take; it is given up then
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=604_800))]
    time_limit: u64,
    /// The folder of pg_dump and pg_restore; without it they are looked for on the PATH
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// What was done, as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Makes a backup, and tells what is in it.
pub async fn run(args: &BackupArgs, config: &Config) -> Result<(), Failure> {
    let (begun, shown) = (Instant::now(), Shown::new());
    let show = |it| shown.show(it);
    let made = back_up(&config.database, &args.to, args.how.means(config, &show)).await;
    shown.end();
    let made = made.map_err(|error| failure("no backup was made", config, &error))?;
    if let Some(cause) = &made.not_noted {
        tracing::warn!(cause, "the database does not remember this backup");
    }
    let out = &mut io::stdout().lock();
    if args.how.json {
        return Ok(writeln!(out, "{}", as_json(&made, begun.elapsed())?)?);
    }
    let url = redacted_url(&config.database);
    writeln!(out, "{url} was backed up to {}.\n", made.folder.display())?;
    let mut rows = Rows::default();
    rows.add("as of", moment(made.manifest.created_at, &terminal::look(false)));
    rows.add("size", bytes(made.manifest.bytes()));
    rows.add_facts(&made.manifest.facts);
    rows.add("took", seconds(begun.elapsed()));
    Ok(write!(out, "{}", rows.text())?)
}

impl How {
    pub fn means<'a>(
        &'a self,
        config: &'a Config,
        progress: &'a (dyn Fn(Progress) + Sync),
    ) -> Means<'a> {
        Means {
            clock: Clock::System,
            ledger: config.erasure_ledger.as_deref(),
            programs: self.programs.as_deref(),
            until: Instant::now() + Duration::from_secs(self.time_limit),
            progress,
        }
    }
}

/// Why it was not done.
pub fn failure(what: &str, config: &Config, error: &BackupError) -> Failure {
    match error {
        BackupError::Refused { .. } => Failure::Failed(format!("{what}: {error}")),
        BackupError::Unfinished(_) => Failure::Failed(error.to_string()),
        BackupError::Open(error) => {
            Failure::Failed(format!("{what}: {error}. {}", opening::advice(error)))
        }
        BackupError::Store(error) => Failure::of_database(&config.database, error),
    }
}

/// How far it has come, where somebody sees it.
pub struct Shown(Option<ProgressBar>);

impl Shown {
    pub fn new() -> Self {
        let bar = stderr().is_terminal().then(ProgressBar::new_spinner);
        bar.iter().for_each(|bar| bar.enable_steady_tick(Duration::from_millis(100)));
        Self(bar)
    }

    pub fn show(&self, progress: Progress) {
        let Some(bar) = &self.0 else { return };
        let Progress { step, bytes: done, of } = progress;
        bar.set_message(match of {
            Some(of) => format!("{step}: {} of {}", bytes(done), bytes(of)),
            None if done > 0 => format!("{step}: {}", bytes(done)),
            None => step.to_owned(),
        });
    }

    pub fn end(&self) {
        self.0.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// What is told, a line each: a name, and what it is.
#[derive(Default)]
pub struct Rows(Vec<(&'static str, String)>);

impl Rows {
    pub fn add(&mut self, name: &'static str, text: String) {
        self.0.push((name, text));
    }

    pub fn add_facts(&mut self, facts: &Facts) {
        let number = |number: i64| thousands(number as f64);
        self.add("customers", number(facts.customers));
        self.add("entries", number(facts.entries));
        let seals = count(usize::try_from(facts.last_seal).unwrap_or(0), "seal");
        let entries = number(facts.audit_entries);
        self.add("audit log", format!("{entries} entries, {seals}"));
    }

    pub fn text(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let line = |(name, text): &(&str, String)| format!("  {}  {text}\n", pad(name, width));
        self.0.iter().map(line).collect()
    }
}

pub fn moment(at: Micros, look: &Look) -> String {
    let Ok(at) = Timestamp::from_microsecond(at) else { return String::new() };
    at.to_zoned(look.zone.clone()).strftime("%-d %B %Y %H:%M:%S %Z").to_string()
}

pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn as_json(made: &BackedUp, took: Duration) -> Result<Value, Failure> {
    let manifest = serde_json::to_value(&made.manifest).map_err(anyhow::Error::from)?;
    Ok(json!({
        "folder": made.folder,
        "seconds": took.as_secs_f64(),
        "manifest": manifest,
    }))
}
