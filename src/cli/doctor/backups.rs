//! The last backup: how old it is, whether it still exists, and whether the erasure ledger is at
//! least as new.

use std::path::Path;

use super::{
    finding::Finding,
    words::{count, span},
};
use crate::{
    config::Config,
    model::Micros,
    store::{
        backup::{LastBackup, Manifest},
        inspect::{Contents, erasures_of_ledger},
    },
};

const SUBJECT: &str = "backups";
/// A daily backup is not older, including the time that it takes.
const DAILY: Micros = 26 * 3_600_000_000;
const WEEKLY: Micros = 8 * 24 * 3_600_000_000;

pub async fn check(config: &Config, contents: Option<&Contents>, now: Micros) -> Vec<Finding> {
    let Some(contents) = contents else { return Vec::new() };
    let Some(last) = &contents.last_backup else {
        let text = "this database knows of no backup";
        let advice = "Make one daily, on another disk, with `throughline backup FOLDER`";
        return vec![Finding::warning(SUBJECT, text, advice)];
    };
    let mut findings = vec![age(last, now)];
    // Backups are often moved to where this machine does not see them.
    if let Ok(manifest) = Manifest::read(Path::new(&last.folder)) {
        findings.extend(of_ledger(config, &manifest).await);
    } else {
        let text = format!("{} has no backup any more", last.folder);
        let advice = "It is all right where it was moved away: try now and then that it can be \
                      put back";
        findings.push(Finding::note(SUBJECT, text, advice));
    }
    findings
}

fn age(last: &LastBackup, now: Micros) -> Finding {
    let text = format!("the last one, {}, is {} old", last.folder, span(now - last.at));
    let advice = "Make one daily with `throughline backup FOLDER`: whatever is newer than it is \
                  lost with the disk";
    match now - last.at {
        WEEKLY.. => Finding::failure(SUBJECT, text, advice),
        DAILY.. => Finding::warning(SUBJECT, text, advice),
        _ => Finding::ok(SUBJECT, text),
    }
}

/// A ledger that was reset does not know who was erased since the backup.
async fn of_ledger(config: &Config, manifest: &Manifest) -> Option<Finding> {
    let (path, before) = (config.erasure_ledger.as_ref()?, manifest.ledger.as_ref()?);
    let now = erasures_of_ledger(path.clone()).await.ok()?.len();
    let path = path.display();
    if now < before.erasures {
        let text = format!(
            "{path} has {}, and had {} when the last backup was made",
            count(now, "erasure"),
            before.erasures
        );
        let advice = "Put the newest ledger in its place: without it a restored backup brings \
                      back who was erased";
        return Some(Finding::failure(SUBJECT, text, advice));
    }
    let since = now - before.erasures;
    let text = format!("{path} has {} since the last backup", count(since, "erasure"));
    Some(Finding::ok(SUBJECT, text))
}
