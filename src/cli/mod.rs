//! The command line: one file per command, and what they share.

mod audit;
mod backup;
mod briefing;
mod caller;
mod completions;
pub mod connect;
mod customer;
mod customer_args;
pub mod demo;
mod doctor;
mod entry_filter;
mod erase;
mod evaluate;
mod export;
pub mod failure;
pub mod fetch;
mod flags;
mod follow;
pub mod import;
pub mod issuer_keys;
mod man;
mod merge;
mod migrate;
mod opening;
pub mod render;
pub mod renew;
mod restore;
mod retention;
mod search;
pub mod serve;
mod status;
mod suggest;
mod suggestions;
mod terminal;
mod timeline;
mod vacuum;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use tracing::Level;

pub use crate::api::json;
use crate::{
    clock::Clock,
    config::Config,
    error::Error,
    store::{ErasureFile, Store},
    telemetry,
};
use failure::Failure;
use flags::Flags;

/// One timeline per customer: every contact, purchase and promise.
#[derive(Debug, Parser)]
#[command(name = "throughline", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// A TOML file with settings; also THROUGHLINE_CONFIG
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Create the database even if files of an earlier one are left
    #[arg(long, global = true)]
    create: bool,
    #[command(flatten)]
    settings: Flags<false>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the timelines over gRPC until Ctrl-C or SIGTERM
    Serve(serve::ServeArgs),
    /// Load a small demo data set, serve it and show what to try
    Demo(demo::DemoArgs),
    /// Show the briefing of a customer
    Briefing(briefing::BriefingArgs),
    /// Show the timeline of a customer
    Timeline(timeline::TimelineArgs),
    /// Search entries for words, of one customer or of all
    Search(search::SearchArgs),
    /// Find customers by name, postcode or identifier
    Customer(customer::CustomerArgs),
    /// Merge two customers
    Merge(merge::MergeArgs),
    /// Reverse a merge
    Unmerge(merge::UnmergeArgs),
    /// Compare all customers and store merge suggestions
    Suggest(suggest::SuggestArgs),
    /// Show merge suggestions
    Suggestions(suggestions::SuggestionsArgs),
    /// Dismiss a merge suggestion
    Dismiss(suggestions::DismissArgs),
    /// Erase all data of a customer
    Erase(erase::EraseArgs),
    /// Rewrite the database so that its free space holds no deleted data
    Vacuum,
    /// Export all data of a customer
    Export(export::ExportArgs),
    /// Remove what the retention rules no longer keep
    Retention(retention::RetentionArgs),
    /// Manage the client applications that may call
    Caller(caller::CallerArgs),
    /// Show the audit log of a customer, or verify it
    Audit(audit::AuditArgs),
    /// Back up the database, also while it is served
    Backup(backup::BackupArgs),
    /// Restore a backup; the database must not be served
    Restore(restore::RestoreArgs),
    /// Migrate the tables of the database
    Migrate,
    /// Import a file of customers and entries
    Import(import::ImportArgs),
    /// Match the records of a CSV file and compare the result with the truth
    Evaluate(evaluate::EvaluateArgs),
    /// Check everything that a server depends on, with advice; changes nothing
    Doctor(doctor::DoctorArgs),
    /// Show whether a running server accepts calls, and its load
    Status(status::StatusArgs),
    /// Print shell completions
    Completions(completions::CompletionsArgs),
    /// Write the manual pages
    Man(man::ManArgs),
}

/// Runs the command line. The exit code is 0 on success, 1 on failure, 2 if the command line or the
/// configuration is wrong.
pub async fn run(cli: Cli) -> ExitCode {
    match dispatch(cli).await {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let (config, database_named) =
        if cli.command.is_configured() { cli.config()? } else { (Config::default(), false) };
    let usual = if cli.command.serves() { Level::INFO } else { Level::WARN };
    let _telemetry = telemetry::start(&config, usual, terminal::colour_wanted());
    match cli.command {
        Command::Serve(args) => return serve::run(&args, &config).await,
        Command::Demo(args) => demo::run(args, config, database_named).await?,
        Command::Briefing(args) => briefing::run(args, &config).await?,
        Command::Timeline(args) => timeline::run(args, &config).await?,
        Command::Search(args) => search::run(args, &config).await?,
        Command::Customer(args) => customer::run(args, &config).await?,
        Command::Merge(args) => merge::merge(args, &config).await?,
        Command::Unmerge(args) => merge::unmerge(args, &config).await?,
        Command::Suggest(args) => suggest::run(args, &config).await?,
        Command::Suggestions(args) => suggestions::list(args, &config).await?,
        Command::Dismiss(args) => suggestions::dismiss(args, &config).await?,
        Command::Erase(args) => erase::run(args, &config).await?,
        Command::Vacuum => vacuum::run(&config).await?,
        Command::Export(args) => export::run(args, &config).await?,
        Command::Retention(args) => retention::run(&args, &config).await?,
        Command::Caller(args) => caller::run(args, &config)?,
        Command::Audit(args) => return audit::run(args, &config).await,
        Command::Backup(args) => backup::run(&args, &config).await?,
        Command::Restore(args) => restore::run(&args, &config).await?,
        Command::Migrate => migrate::run(&config).await?,
        Command::Doctor(args) => return doctor::run(&args, &config).await,
        Command::Status(args) => return status::run(&args, &config).await,
        Command::Evaluate(args) => evaluate::run(&args)?,
        Command::Completions(args) => completions::run(&args)?,
        Command::Man(args) => man::run(&args)?,
        Command::Import(args) => {
            // For an import, 1 means that rows were rejected.
            let store = match open(&config).await {
                Ok(store) => store,
                Err(failure) => {
                    failure.report();
                    return Ok(ExitCode::from(2));
                }
            };
            let done = import::run(args, store.clone(), connect::rules(&config)).await;
            store.close().await;
            return Ok(done?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Command {
    /// Whether the command serves, and therefore logs its state.
    fn serves(&self) -> bool {
        matches!(self, Self::Serve(args) if !args.check)
    }

    /// Whether it needs the configuration. The others work even if that is invalid.
    fn is_configured(&self) -> bool {
        !matches!(self, Self::Completions(_) | Self::Man(_))
    }
}

impl Cli {
    /// The configuration, and whether the database was given on the command line.
    fn config(&self) -> Result<(Config, bool), Failure> {
        let mut flags = self.settings.0.clone();
        match &self.command {
            Command::Serve(args) => flags.extend(args.settings.0.clone()),
            Command::Demo(args) => flags.extend(args.settings.0.clone()),
            Command::Doctor(args) => flags.extend(args.settings.0.clone()),
            _ => {}
        }
        let database_named = flags.iter().any(|(key, _)| *key == "database");
        let mut config = Config::load(&flags, self.config.as_deref())?;
        config.create = self.create;
        Ok((config, database_named))
    }
}

/// Opens the configured database, and migrates it. After a restore, erases again what was erased
/// since the backup.
async fn open(config: &Config) -> Result<Store, Failure> {
    let failed = |error: Error| Failure::of_database(&config.database, &error);
    let mut store = opening::open(config, Clock::System).await?;
    if let Some(path) = &config.erasure_ledger {
        store = store.with_erasure_file(ErasureFile::new(path.clone()));
        let again = store.erase_again().await.map_err(failed)?;
        if again > 0 {
            tracing::warn!(erasures = again, "erasures were repeated after a restore");
        }
    }
    Ok(store)
}
