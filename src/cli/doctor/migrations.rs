//! Whether the tables match this version.

use super::finding::Finding;
use crate::{
    cli::opening,
    store::inspect::{Contents, Engine, Found, Migrations},
};

const SUBJECT: &str = "tables";

pub fn check(found: &Found) -> Vec<Finding> {
    match &found.contents {
        Err(error) => {
            let text = format!("they cannot be read: {error}");
            vec![Finding::failure(SUBJECT, text, opening::advice(error))]
        }
        Ok(contents) => of_contents(found, contents),
    }
}

fn of_contents(found: &Found, contents: &Contents) -> Vec<Finding> {
    let Migrations { applied, pending, unknown, changed, failed, needed } = &contents.migrations;
    let newest = Migrations::newest_known();
    let mut findings = Vec::new();
    if !failed.is_empty() {
        let text = format!("migration {} was begun and not done", list(failed));
        let advice = "Put the backup back that was made before the upgrade";
        findings.push(Finding::failure(SUBJECT, text, advice));
    }
    if !changed.is_empty() {
        let text = format!("migration {} was another one when it ran", list(changed));
        let advice = "Which program made this database? Use a released version of Throughline";
        findings.push(Finding::failure(SUBJECT, text, advice));
    }
    if *needed > newest {
        let text = format!("a newer version has changed them: they need migration {needed}");
        let advice = format!("Use that version: this one knows migrations up to {newest}");
        findings.push(Finding::failure(SUBJECT, text, advice));
    } else if !unknown.is_empty() {
        let text = format!("a newer version has added migration {}", list(unknown));
        let advice = "This version works with it; update it when all servers are updated";
        findings.push(Finding::note(SUBJECT, text, advice));
    }
    if !pending.is_empty() {
        findings.push(of_pending(found, applied, pending));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(SUBJECT, format!("up to date, with migration {newest}")));
    }
    findings
}

fn of_pending(found: &Found, applied: &[i64], pending: &[i64]) -> Finding {
    let text = match applied.is_empty() {
        true => "there are none yet".to_owned(),
        false => format!("migration {} is not done yet", list(pending)),
    };
    if let Engine::Postgres(server) = &found.engine
        && !server.place.may_create
    {
        let advice = "This user may not make tables: `alter database NAME owner to USER`, or run \
                      `throughline migrate` as one who may";
        return Finding::failure(SUBJECT, text, advice);
    }
    let advice = "The server brings them up to date at its start, and `throughline migrate` \
                  before that. Make a backup first";
    match applied.is_empty() {
        true => Finding::note(SUBJECT, text, "The server makes them at its start"),
        false => Finding::note(SUBJECT, text, advice),
    }
}

fn list(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
