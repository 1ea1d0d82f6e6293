//! The database: whether it can be opened, and how it is configured.

use super::{
    finding::Finding,
    postgres,
    words::{bytes, span},
};
use crate::{
    cli::opening,
    clock::{Clock, skew::TOLERANCE},
    config::{Config, redacted_url},
    model::Micros,
    store::{
        OpenError,
        inspect::{Engine, Found, Inspection, Integrity, Sqlite, SqliteFile},
    },
};

const SUBJECT: &str = "database";
/// A larger write-ahead log has not been checkpointed for a long time.
const LOG_BYTES: u64 = 256 << 20;
/// The free space that is worth reporting.
const FREE_BYTES: u64 = 256 << 20;

/// All findings about the database, apart from its tables.
pub fn check(config: &Config, inspection: &Result<Inspection, OpenError>) -> Vec<Finding> {
    let url = redacted_url(&config.database);
    match inspection {
        Err(error) => {
            let text = format!("{url} cannot be opened: {error}");
            vec![Finding::failure(SUBJECT, text, opening::advice(error))]
        }
        Ok(Inspection::Absent(path)) => {
            let text = format!("there is no file {} yet", path.display());
            vec![Finding::note(SUBJECT, text, "The server makes it at its first start")]
        }
        Ok(Inspection::Found(found)) => match &found.engine {
            Engine::Sqlite(engine) => sqlite(engine),
            Engine::Postgres(engine) => postgres::check(config, engine),
        },
    }
}

fn sqlite(engine: &Sqlite) -> Vec<Finding> {
    let Sqlite { database, audit } = engine;
    let text = format!("{} of SQLite, {}", database.path.display(), bytes(database.bytes));
    let mut findings = vec![Finding::ok(SUBJECT, text)];
    findings.extend(file(database));
    match audit {
        Some(audit) => findings.extend(file(audit)),
        None => findings.push(Finding::warning(
            SUBJECT,
            format!("its audit log, {}-audit, is not there", database.path.display()),
            "The server begins a new one. If a backup has it, stop the server and put it back",
        )),
    }
    findings
}

fn file(file: &SqliteFile) -> Vec<Finding> {
    let path = file.path.display();
    let mut findings = Vec::from_iter(integrity(file));
    if !file.is_write_ahead {
        let text = format!("{path} is not written by way of a write-ahead log");
        let advice = "The server sets it when it opens the file; has something else changed it?";
        findings.push(Finding::warning(SUBJECT, text, advice));
    }
    if file.log_bytes > LOG_BYTES {
        let text = format!("the write-ahead log {path}-wal has grown to {}", bytes(file.log_bytes));
        let advice = "Something reads the file for very long: end it, or start the server again";
        findings.push(Finding::warning(SUBJECT, text, advice));
    }
    if file.free_bytes > FREE_BYTES.max(file.bytes / 2) {
        let text = format!("{} of {path} are free", bytes(file.free_bytes));
        let advice = "`throughline vacuum` returns them to the file system";
        findings.push(Finding::note(SUBJECT, text, advice));
    }
    findings
}

fn integrity(file: &SqliteFile) -> Option<Finding> {
    const SUBJECT: &str = "pages";
    let path = file.path.display();
    Some(match &file.integrity {
        Integrity::Whole => {
            Finding::ok(SUBJECT, format!("all pages of {path} are as they should be"))
        }
        Integrity::Unchecked => return None,
        Integrity::Unfinished => Finding::note(
            SUBJECT,
            format!("not all pages of {path} were checked in time"),
            "Give it more time with --page-check-seconds",
        ),
        Integrity::Fault(fault) => Finding::failure(
            SUBJECT,
            format!("{path} is damaged: {fault}"),
            "Stop the server, keep the file, and put a backup back. Is the disk failing?",
        ),
    })
}

/// A larger clock difference is visible in what is recorded.
const CLOCK_WARNING: Micros = 1_000_000;

/// Compares the clock of this machine with that of the database, and with the times in the
/// database.
pub fn check_clock(found: &Found, clock: Clock) -> Vec<Finding> {
    const SUBJECT: &str = "clock";
    let advice = "Have both machines keep their clocks by NTP";
    let mut findings = Vec::new();
    if let Engine::Postgres(engine) = &found.engine {
        let difference = engine.clock;
        let certain = difference.by.abs().saturating_sub(difference.give_or_take);
        let side = if difference.by > 0 { "behind" } else { "ahead of" };
        let text = format!("this machine is {} {side} the database", span(difference.by));
        findings.push(match certain {
            TOLERANCE.. => Finding::failure(SUBJECT, text, advice),
            CLOCK_WARNING.. => Finding::warning(SUBJECT, text, advice),
            _ => {
                let within = span((difference.by.abs() + difference.give_or_take).max(1000));
                Finding::ok(SUBJECT, format!("within {within} of the database's"))
            }
        });
    }
    let Ok(contents) = &found.contents else { return findings };
    if let Some(sealed_at) = contents.newest_seal_at {
        let ahead = sealed_at - clock.now();
        let text = format!("a seal of the audit log is of a time {} from now", span(ahead));
        let advice =
            "Set this machine's clock: it was set back, or it was ahead when the seal was made";
        match ahead {
            TOLERANCE.. => findings.push(Finding::failure(SUBJECT, text, advice)),
            CLOCK_WARNING.. => findings.push(Finding::warning(SUBJECT, text, advice)),
            _ => {}
        }
    }
    findings
}
