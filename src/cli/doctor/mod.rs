//! `throughline doctor`: checks everything that a server depends on. It changes nothing, can run
//! while a server does, and shows no secrets.

mod backups;
mod callers;
mod certificates;
mod database;
mod exposure;
pub mod finding;
pub mod ledger;
mod limits;
mod migrations;
mod paths;
mod postgres;
pub mod words;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Args;

use super::{failure::Failure, flags::Flags, opening, render::TerminalStyle, terminal};
use crate::{
    clock::Clock,
    config::{Config, redacted_url},
    store::inspect::{Inspecting, Inspection, inspect},
};
use finding::Finding;

/// Columns of the report: those of a default terminal.
const WIDTH: usize = 80;

#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The time limit for checking the pages of an SQLite file
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    page_check_seconds: u64,
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub settings: Flags<true>,
}

/// Runs all checks. The exit code is 1 if one has failed.
pub async fn run(args: &DoctorArgs, config: &Config) -> Result<ExitCode, Failure> {
    let limit = Duration::from_secs(args.page_check_seconds);
    let findings = examine(config, Clock::System, limit).await;
    let (database, version) = (redacted_url(&config.database), env!("CARGO_PKG_VERSION"));
    let out = &mut io::stdout().lock();
    if args.json {
        let report = serde_json::json!({
            "version": version,
            "database": database,
            "findings": finding::as_json(&findings),
        });
        writeln!(out, "{report}")?;
    } else {
        writeln!(out, "Throughline {version} on {database}\n")?;
        write!(out, "{}", finding::render(&findings, &style()))?;
        writeln!(out, "\n{}", finding::summary(&findings))?;
    }
    Ok(if finding::has_failed(&findings) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The style of findings on the standard output.
pub fn style() -> TerminalStyle {
    let style = terminal::style(false);
    TerminalStyle { width: style.width.min(WIDTH), ..style }
}

/// The checks that must pass before a server starts, apart from the files of the configuration,
/// which the start reads itself.
pub async fn examine_before_serving(config: &Config, clock: Clock) -> Vec<Finding> {
    let opening = opening::opening(config);
    let how = Inspecting { clock, opening, page_check: None, outside_seal: None };
    let inspection = inspect(&config.database, &how).await;
    let mut findings = database::check(config, &inspection);
    if let Ok(Inspection::Found(found)) = &inspection {
        findings.extend(migrations::check(found));
    }
    findings.extend(ledger::check_erasures(config, ledger::contents(&inspection)).await);
    findings.extend(paths::check_writable(config));
    findings.extend(exposure::check(config));
    findings.extend(certificates::check(config, clock.now()));
    findings.extend(callers::check(config, clock.now()));
    findings
}

/// All checks, in the order of the report.
async fn examine(config: &Config, clock: Clock, page_check: Duration) -> Vec<Finding> {
    let now = clock.now();
    let outside_seal = ledger::last_outside_seal(config);
    let how = Inspecting {
        clock,
        opening: opening::opening(config),
        page_check: Some(page_check),
        outside_seal: outside_seal.as_ref().ok().cloned().flatten(),
    };
    let inspection = inspect(&config.database, &how).await;
    let contents = ledger::contents(&inspection);
    let mut findings = database::check(config, &inspection);
    if let Ok(Inspection::Found(found)) = &inspection {
        findings.extend(migrations::check(found));
        findings.extend(database::check_clock(found, clock));
    }
    findings.extend(ledger::check_erasures(config, contents).await);
    findings.extend(ledger::check_seals(config, outside_seal, contents));
    findings.extend(backups::check(config, contents, now).await);
    findings.extend(paths::check_writable(config));
    findings.extend(paths::check_private(config));
    findings.extend(paths::check_disks(config));
    findings.extend(exposure::check(config));
    findings.extend(certificates::check(config, now));
    findings.extend(callers::check(config, now));
    findings.extend(limits::check_descriptors(config));
    findings.extend(limits::check_memory(config));
    findings
}
