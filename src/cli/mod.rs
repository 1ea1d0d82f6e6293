//! The command line: one file per command, and what they share.

mod audit;
mod backup;
mod briefing;
mod caller;
mod completions;
pub mod connect;
mod customer;
pub mod demo;
mod doctor;
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
mod what;
mod who;

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
    /// A file with settings (TOML); also as THROUGHLINE_CONFIG
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Create the database even where something is left of an earlier one
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
    /// Load a small invented world, serve it and show what to try
    Demo(demo::DemoArgs),
    /// Show what to know of a customer before saying hello
    Briefing(briefing::BriefingArgs),
    /// Show what happened with a customer
    Timeline(timeline::TimelineArgs),
    /// Find entries that hold all the words, of one customer or of all
    Search(search::SearchArgs),
    /// Find customers by name, postcode or identifier
    Customer(customer::CustomerArgs),
    /// Make two customers one
    Merge(merge::MergeArgs),
    /// Take a merge back
    Unmerge(merge::UnmergeArgs),
    /// Find the customers who may be one person, among all that are there
    Suggest(suggest::SuggestArgs),
    /// Show the customers who may be one person
    Suggestions(suggestions::SuggestionsArgs),
    /// Say that two customers are not one person
    Dismiss(suggestions::DismissArgs),
    /// Erase all that is kept of a customer
    Erase(erase::EraseArgs),
    /// Write the database anew, so that its free space holds nothing of what was deleted
    Vacuum,
    /// Write all that is kept of a customer
    Export(export::ExportArgs),
    /// Remove what is older than the rules of retention keep
    Retention(retention::RetentionArgs),
    /// Say which applications may call
    Caller(caller::CallerArgs),
    /// Show who looked at a customer, and whether that was changed
    Audit(audit::AuditArgs),
    /// Make a backup of the database, while it may be served
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the database, which nobody may serve
    Restore(restore::RestoreArgs),
    /// Bring the tables of the database up to date
    Migrate,
    /// Load a file of customers and entries
    Import(import::ImportArgs),
    /// Find the records of one person in a CSV file, and compare with the truth
    Evaluate(evaluate::EvaluateArgs),
    /// Look at everything that a server stands on, and say what to do; nothing is changed
    Doctor(doctor::DoctorArgs),
    /// Show whether a running server takes calls, and what it is doing
    Status(status::StatusArgs),
    /// Write the completions of a shell
    Completions(completions::CompletionsArgs),
    /// Write the manual pages
    Man(man::ManArgs),
}

/// Does what the command line says. The exit code is 0 where it was done, 1 where it could not be
/// done, 2 where the command line or the configuration is wrong.
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
            // Of an import 1 means that rows were rejected.
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
    /// Whether its log says how the server is.
    fn serves(&self) -> bool {
        matches!(self, Self::Serve(args) if !args.check)
    }

    /// Whether it depends on the configuration. The others work where that cannot be used.
    fn is_configured(&self) -> bool {
        !matches!(self, Self::Completions(_) | Self::Man(_))
    }
}

impl Cli {
    /// The configuration, and whether the database stands on the command line itself.
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

/// The database of the configuration, with its tables up to date. What was erased since a backup
/// was made that was put back is erased again.
async fn open(config: &Config) -> Result<Store, Failure> {
    let failed = |error: Error| Failure::of_database(&config.database, &error);
    let mut store = opening::open(config, Clock::System).await?;
    if let Some(path) = &config.erasure_ledger {
        store = store.with_erasure_file(ErasureFile::new(path.clone()));
        let again = store.erase_again().await.map_err(failed)?;
        if again > 0 {
            tracing::warn!(erasures = again, "erasures were done again, of a restored database");
        }
    }
    Ok(store)
}
