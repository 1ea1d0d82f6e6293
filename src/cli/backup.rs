//! `throughline backup`: a consistent copy of the database, in a folder of its own.

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
    render::{TerminalStyle, pad, thousands},
    terminal,
};
use crate::{
    clock::Clock,
    config::{Config, redacted_url},
    model::Micros,
    store::backup::{BackedUp, BackupError, BackupOptions, Facts, Progress, back_up},
};

/// Backs up the database into a new folder, also while it is served
///
/// The backup holds the database and its audit log, and is verified once it is made. The erasure
/// ledger is not part of it: keep its newest state elsewhere. PostgreSQL is dumped with pg_dump.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// A new folder, preferably on another disk
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    shared: SharedArgs,
}

/// What backup and restore have in common.
#[derive(Args, Debug)]
pub struct SharedArgs {
    /// The time limit
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=604_800))]
    time_limit: u64,
    /// The folder of pg_dump and pg_restore [default: search the PATH]
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Makes a backup, and reports its contents.
pub async fn run(args: &BackupArgs, config: &Config) -> Result<(), Failure> {
    let (begun, shown) = (Instant::now(), Shown::new());
    let show = |it| shown.show(it);
    let made = back_up(&config.database, &args.to, args.shared.options(config, &show)).await;
    shown.end();
    let made = made.map_err(|error| failure("no backup was made", config, &error))?;
    if let Some(cause) = &made.not_noted {
        tracing::warn!(cause, "cannot record this backup in the database");
    }
    let out = &mut io::stdout().lock();
    if args.shared.json {
        return Ok(writeln!(out, "{}", as_json(&made, begun.elapsed())?)?);
    }
    let url = redacted_url(&config.database);
    writeln!(out, "{url} was backed up to {}.\n", made.folder.display())?;
    let mut rows = Rows::default();
    rows.add("as of", moment(made.manifest.created_at, &terminal::style(false)));
    rows.add("size", bytes(made.manifest.bytes()));
    rows.add_facts(&made.manifest.facts);
    rows.add("took", seconds(begun.elapsed()));
    Ok(write!(out, "{}", rows.text())?)
}

impl SharedArgs {
    pub fn options<'a>(
        &'a self,
        config: &'a Config,
        progress: &'a (dyn Fn(Progress) + Sync),
    ) -> BackupOptions<'a> {
        BackupOptions {
            clock: Clock::System,
            ledger: config.erasure_ledger.as_deref(),
            programs: self.programs.as_deref(),
            until: Instant::now() + Duration::from_secs(self.time_limit),
            progress,
        }
    }
}

/// The error of a backup or restore, with advice.
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

/// A progress bar on a terminal, nothing elsewhere.
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

/// A report of lines: a name, and its value.
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

pub fn moment(at: Micros, style: &TerminalStyle) -> String {
    let Ok(at) = Timestamp::from_microsecond(at) else { return String::new() };
    at.to_zoned(style.zone.clone()).strftime("%-d %B %Y %H:%M:%S %Z").to_string()
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
