//! What is kept outside of the database: the erasure ledger and the seals of the audit log, and
//! whether they match the database.

use std::{collections::BTreeSet, fs, path::Path};

use uuid::Uuid;

use super::{finding::Finding, words::count};
use crate::{
    config::Config,
    domain::audit,
    model::Seal,
    store::{
        OpenError,
        inspect::{Contents, Inspection, erasures_of_ledger},
    },
};

/// Compares the erasures of the ledger with those of the database.
pub async fn check_erasures(config: &Config, contents: Option<&Contents>) -> Vec<Finding> {
    const SUBJECT: &str = "erasures";
    let Some(path) = &config.erasure_ledger else {
        return vec![Finding::note(
            SUBJECT,
            "there is no erasure ledger",
            "Something else must erase again what a restored backup brings back: else set \
             erasure_ledger",
        )];
    };
    let ledger = match erasures_of_ledger(path.clone()).await {
        Ok(ledger) => ledger,
        Err(error) => {
            let advice = "The server does not start without it: put the newest copy back";
            return vec![Finding::failure(SUBJECT, error.cause(), advice)];
        }
    };
    let Some(contents) = contents else { return Vec::new() };
    vec![compare(path, &ledger, &contents.erasures)]
}

fn compare(path: &Path, ledger: &BTreeSet<Uuid>, database: &BTreeSet<Uuid>) -> Finding {
    const SUBJECT: &str = "erasures";
    let path = path.display();
    let (undone, untold) =
        (ledger.difference(database).count(), database.difference(ledger).count());
    if undone > 0 {
        let text = format!("the database lacks {} of {path}", count(undone, "erasure"));
        let advice = "A backup was restored, or it is another database. The server repeats the \
            erasures when it starts, before it serves";
        return Finding::warning(SUBJECT, text, advice);
    }
    if untold > 0 {
        let text = format!("{path} lacks {} of the database", count(untold, "erasure"));
        let advice = "The server adds them when it starts, and within minutes while it runs. Is \
                      it the newest ledger?";
        return Finding::warning(SUBJECT, text, advice);
    }
    Finding::ok(SUBJECT, format!("{path} and the database have {}", count(ledger.len(), "erasure")))
}

/// The last seal outside of the database. The error is a finding.
pub fn last_outside_seal(config: &Config) -> Result<Option<Seal>, Finding> {
    const SUBJECT: &str = "seals";
    let Some(path) = &config.audit_seals else { return Ok(None) };
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().rev().find_map(audit::read_line)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let text = format!("{} cannot be read: {error}", path.display());
            Err(Finding::failure(SUBJECT, text, "Name a file in audit_seals that can be written"))
        }
    }
}

/// Compares the seals outside of the database with those in it.
pub fn check_seals(
    config: &Config,
    outside: Result<Option<Seal>, Finding>,
    contents: Option<&Contents>,
) -> Vec<Finding> {
    const SUBJECT: &str = "seals";
    let Some(path) = &config.audit_seals else {
        let advice = "Set audit_seals to a file that those who can write the database cannot write";
        return vec![Finding::note(SUBJECT, "the seals are only in the log", advice)];
    };
    let path = path.display();
    let (outside, contents) = match (outside, contents) {
        (Err(finding), _) => return vec![finding],
        (Ok(_), None) => return Vec::new(),
        (Ok(outside), Some(contents)) => (outside, contents),
    };
    let Some(outside) = outside else {
        let text = format!("{path} has no seal yet");
        return vec![Finding::note(SUBJECT, text, "The server adds them as it seals")];
    };
    if contents.has_outside_seal != Some(true) {
        let text = format!("seal {} of {path} is none of the database", outside.number);
        let advice = "A backup was restored, or somebody has changed the audit log: name another \
                      file in audit_seals, and see `throughline audit verify`";
        return vec![Finding::failure(SUBJECT, text, advice)];
    }
    let behind = contents.last_seal.map_or(0, |number| number - outside.number);
    match behind {
        0 => vec![Finding::ok(SUBJECT, format!("{path} has all, up to number {}", outside.number))],
        _ => vec![Finding::note(
            SUBJECT,
            format!("{path} lacks the last {behind}"),
            "The server adds them when it seals next",
        )],
    }
}

/// The contents of the tables, if they can be read.
pub fn contents(inspection: &Result<Inspection, OpenError>) -> Option<&Contents> {
    match inspection {
        Ok(Inspection::Found(found)) => found.contents.as_ref().ok(),
        _ => None,
    }
}
