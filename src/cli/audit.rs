//! `throughline audit`: shows the audit log, and verifies it and the entries.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::{
    connect::{refuse_missing_file, with_client},
    failure::Failure,
    json, render, terminal,
};
use crate::{config::Config, domain::audit, model::Seal, pb, store::Verified};

#[derive(Args, Debug)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the audit log of a customer, the newest entry first
    List(ListArgs),
    /// Hash the audit log and all entries again, and report differences from the seals
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
struct ListArgs {
    /// The id of the customer
    customer: String,
    /// The maximum number to print
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=200))]
    limit: i32,
    /// Print one audit entry per line, as JSON
    #[arg(long)]
    json: bool,
    /// A running server, such as http://127.0.0.1:7417 [default: open the database]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

#[derive(Args, Debug)]
struct VerifyArgs {
    /// The seals outside of the database [default: the file that audit_seals names]
    #[arg(long, value_name = "FILE")]
    seals: Option<PathBuf>,
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command. The exit code is 1 if something differs from what was sealed.
pub async fn run(args: AuditArgs, config: &Config) -> Result<ExitCode, Failure> {
    match args.command {
        Command::List(args) => list(args, config).await.map(|()| ExitCode::SUCCESS),
        Command::Verify(args) => verify(args, config).await,
    }
}

async fn list(args: ListArgs, config: &Config) -> Result<(), Failure> {
    let style = terminal::style(false);
    let request = pb::ListAuditEntriesRequest {
        customer_id: args.customer,
        page_size: args.limit,
        page_token: String::new(),
    };
    let page = with_client(args.server.as_deref(), config, async |client| {
        let answer = client.privacy.list_audit_entries(request).await;
        Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
    })
    .await?;
    let out = &mut io::stdout().lock();
    if args.json {
        for access in &page.entries {
            writeln!(out, "{}", json::to_json("AuditEntry", access)?)?;
        }
        return Ok(());
    }
    if page.entries.is_empty() {
        writeln!(out, "No audit entries.")?;
    }
    write!(out, "{}", render::audit_entries(&page.entries, &style))?;
    if !page.next_page_token.is_empty() {
        writeln!(out, "There are more: name a higher --limit.")?;
    }
    Ok(())
}

async fn verify(args: VerifyArgs, config: &Config) -> Result<ExitCode, Failure> {
    refuse_missing_file(&config.database)?;
    let path = args.seals.or_else(|| config.audit_seals.clone());
    let outside = path.as_ref().map(read_seals).transpose()?;
    let store = super::open(config).await?;
    let found = store.verify(outside.as_deref().unwrap_or_default()).await;
    store.close().await;
    let found = found.map_err(|error| Failure::of_database(&config.database, &error))?;
    let out = &mut io::stdout().lock();
    if args.json {
        writeln!(out, "{}", as_json(&found))?;
    } else {
        write!(out, "{}", render::verified(&found, &terminal::style(false)))?;
        if outside.is_none() {
            writeln!(out, "No seals outside of the database were compared: name them by --seals.")?;
        }
    }
    Ok(if found.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read_seals(path: &PathBuf) -> Result<Vec<Seal>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Failed(format!("{}: cannot be read: {error}; see --seals", path.display()))
    })?;
    // The server rewrites a line that was cut off by a power failure.
    Ok(text.lines().filter_map(audit::read_line).collect())
}

fn as_json(found: &Verified) -> serde_json::Value {
    serde_json::json!({
        "audit_entries": found.audit_entries,
        "logs": found.logs,
        "seals": found.seals,
        "unsealed": found.unsealed,
        "outside": found.outside,
        "entries": found.entries,
        "entry_seals": found.entry_seals,
        "unsealed_entries": found.unsealed_entries,
        "removed_entries": found.removed_entries,
        "put_back": found.put_back,
        "problems": found.problems,
        "more_problems": found.more_problems,
    })
}
