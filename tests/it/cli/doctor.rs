//! `throughline doctor`: each problem is found, and nothing is changed.

mod databases;
mod files;

use std::{collections::BTreeMap, fs};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::process::{self, throughline, world};
use crate::support::TempFolder;

const DEMO: &str = "--database=sqlite:demo.db";

/// Its findings, and its exit code.
pub struct Report {
    pub code: i32,
    findings: Vec<Value>,
    /// All findings, one per line.
    pub text: String,
}

impl Report {
    pub fn of(folder: &TempFolder, arguments: &[&str]) -> Self {
        let all = [&["doctor", "--json"], arguments].concat();
        let output = throughline(folder, &all).output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments:?}");
        let report = Self::read(&String::from_utf8(output.stdout).unwrap());
        Self { code: output.status.code().unwrap(), ..report }
    }

    pub fn read(json: &str) -> Self {
        let report: Value = serde_json::from_str(json).unwrap();
        let findings = report["findings"].as_array().unwrap().clone();
        let line = |it: &Value| {
            format!("\n{} {}: {} ({})", it["verdict"], it["subject"], it["text"], it["advice"])
        };
        let text = findings.iter().map(line).collect();
        Self { code: 0, findings, text }
    }

    /// The verdicts on a subject whose text contains some words.
    pub fn verdicts(&self, subject: &str, words: &str) -> Vec<&str> {
        let found =
            |it: &&Value| it["subject"] == subject && it["text"].as_str().unwrap().contains(words);
        self.findings.iter().filter(found).map(|it| it["verdict"].as_str().unwrap()).collect()
    }

    /// Asserts that there is one such finding with advice.
    #[track_caller]
    pub fn assert_is(&self, verdict: &str, subject: &str, words: &str) {
        assert_eq!(self.verdicts(subject, words), [verdict], "{subject}: {words}: {}", self.text);
        let advises =
            |it: &Value| it["subject"] == subject && !it["advice"].as_str().unwrap().is_empty();
        assert!(verdict == "ok" || self.findings.iter().any(advises), "{subject}: {}", self.text);
    }

    #[track_caller]
    pub fn assert_none(&self, subject: &str, words: &str) {
        assert_eq!(self.verdicts(subject, words), [""; 0], "{subject}: {}", self.text);
    }
}

/// The hash of each file of a folder, by name.
pub fn files(folder: &TempFolder) -> BTreeMap<String, String> {
    let file = |file: fs::DirEntry| {
        let hash = Sha256::digest(fs::read(file.path()).unwrap());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        (file.file_name().into_string().unwrap(), hash)
    };
    folder.path().read_dir().unwrap().map(|it| file(it.unwrap())).collect()
}

#[test]
fn it_fits_a_terminal_and_is_plain_in_a_pipe() {
    let folder = world();
    let output = throughline(&folder, &["doctor", DEMO]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.starts_with("Throughline "), "{text}");
    // The subjects begin in one column, and the texts in another.
    for row in text.lines().skip(2).take_while(|row| !row.is_empty()) {
        let is_blank = |column: usize| row.as_bytes().get(column).is_none_or(|byte| *byte == b' ');
        assert!(is_blank(7) && is_blank(8) && is_blank(20) && is_blank(21), "{row}");
    }
    let report = Report::of(&folder, &[DEMO]);
    assert_eq!(report.code, 0);
    assert_eq!(report.verdicts("pages", ""), ["ok", "ok"]);
    report.assert_is("ok", "tables", "up to date");
}

#[test]
fn nothing_is_changed() {
    let folder = TempFolder::new();
    Report::of(&folder, &[]).assert_is("note", "database", "no file throughline.db");
    assert_eq!(files(&folder), BTreeMap::new(), "made a file");

    let folder = world();
    let before = files(&folder);
    Report::of(&folder, &[DEMO]);
    assert_eq!(files(&folder), before, "a database at rest");

    // A served database is examined alongside the server.
    let (mut server, address, _log) = process::serve(&folder, &[]);
    let report = Report::of(&folder, &[DEMO]);
    assert_eq!(report.verdicts("pages", ""), ["ok", "ok"], "{}", report.text);
    let at = ["timeline", "--server", &address, "--phone", "+31612345678"];
    process::printed(&folder, &at);

    // The files after a crash are examined, and left for the next start.
    server.kill();
    let of_crash = || {
        let mut left = files(&folder);
        // SQLite's index of the log, which it rebuilds after a crash.
        left.retain(|name, _| !name.ends_with("-shm"));
        left
    };
    let before = of_crash();
    assert!(before.contains_key("demo.db-wal"), "{before:?}");
    assert_eq!(Report::of(&folder, &[DEMO]).verdicts("pages", ""), ["ok", "ok"]);
    assert_eq!(of_crash(), before, "after a crash");
}

#[test]
fn no_secret_is_shown() {
    let folder = TempFolder::new();
    let url = "postgres://throughline:hunter2@127.0.0.1:1/customers?sslpassword=hunter3";
    for arguments in [&["doctor", "--database", url][..], &["doctor", "--json", "--database", url]]
    {
        let output = throughline(&folder, arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("throughline:***@127.0.0.1:1"), "{text}");
        assert!(!text.contains("hunter"), "{text}");
        assert!(!String::from_utf8(output.stderr).unwrap().contains("hunter"));
    }
}

#[test]
fn a_database_that_is_away_is_told_with_all_else() {
    let folder = TempFolder::new();
    let report = Report::of(&folder, &["--database", "postgres://x@127.0.0.1:1/x"]);
    assert_eq!(report.code, 1);
    report.assert_is("failure", "database", "cannot be opened");
    report.assert_is("warning", "exposure", "without callers_file");
    report.assert_is("ok", "disk", "erasure_ledger");
    report.assert_none("tables", "");
}

#[test]
fn a_configuration_that_cannot_be_used_is_told_as_by_every_command() {
    let refused = process::refused(&TempFolder::new(), &["doctor", "--listen", "nowhere"]);
    assert!(refused.starts_with("2: throughline: the configuration cannot be used:"), "{refused}");
}
