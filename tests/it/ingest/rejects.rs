//! What cannot be recorded is written to a file, from which it can be corrected and replayed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use super::notes_map;
use crate::support::TempFolder;

const AT: &str = "2025-01-01T00:00:00Z";

/// A folder with a database, a map and a file of which two rows are bad.
fn folder() -> TempFolder {
    let folder = TempFolder::new();
    let head = format!("id,at,text\n1,{AT},one\n2,yesterday,two\n3,{AT},three\n");
    let rows = format!("{head}4,{AT},\n5,{AT},five\n6,{AT},\"six\n");
    fs::write(folder.path().join("notes.csv"), rows).unwrap();
    fs::write(folder.path().join("notes.toml"), notes_map("")).unwrap();
    folder
}

fn import(folder: &TempFolder, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    command.current_dir(folder.path()).env("THROUGHLINE_DATABASE", "sqlite:notes.db");
    command.args(["import", "notes.csv", "--map", "notes.toml"]).args(more);
    command.output().unwrap()
}

/// The exit code and the summary.
fn summary(folder: &TempFolder, more: &[&str]) -> (i32, Value) {
    let output = import(folder, &[more, &["--json"]].concat());
    let summary = serde_json::from_slice(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), summary.unwrap_or_else(|_| panic!("{errors}")))
}

fn rejects(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn default_file(folder: &TempFolder) -> PathBuf {
    folder.path().join("notes.csv.rejects.ndjson")
}

#[test]
fn rejects_say_where_and_why_and_the_rest_goes_on() {
    let folder = folder();
    let (code, summary) = summary(&folder, &[]);
    assert_eq!((code, &summary["entries"], &summary["rejected"]), (1, &3.into(), &3.into()));
    assert_eq!(summary["rejects_file"], "notes.csv.rejects.ndjson");
    let found = rejects(&default_file(&folder));
    let places: Vec<_> =
        found.iter().map(|it| (&it["line"], &it["byte_offset"], &it["field"])).collect();
    let field = |name: &str| Value::from(name);
    assert_eq!(
        places,
        [
            (&3.into(), &38.into(), &field("entry.occurred_at")),
            (&5.into(), &83.into(), &field("entry.note.text")),
            (&7.into(), &135.into(), &field("")),
        ]
    );
    assert_eq!(found[0]["raw"], "2,yesterday,two");
    assert_eq!(found[0]["file"], "notes.csv");
    assert_eq!(found[2]["reason"], "has a quote that is never closed");
    let (code, again) = self::summary(&folder, &[]);
    assert_eq!((code, &again["entries"], &again["duplicates"]), (1, &0.into(), &3.into()));
    assert_eq!(rejects(&default_file(&folder)), found);
}

#[test]
fn mended_rows_are_replayed_under_their_own_places() {
    let folder = folder();
    summary(&folder, &[]);
    let path = default_file(&folder);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("yesterday", AT).replace("\\\"six", "six")).unwrap();
    let (code, first) = summary(&folder, &["--replay"]);
    assert_eq!((code, &first["rows"], &first["entries"]), (1, &3.into(), &2.into()));
    let left = rejects(&path);
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0]["line"], &left[0]["byte_offset"]), (&5.into(), &83.into()));

    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&format!("4,{AT},"), &format!("4,{AT},four"))).unwrap();
    let (code, second) = summary(&folder, &["--replay"]);
    assert_eq!((code, &second["entries"]), (0, &1.into()));
    assert!(!path.exists(), "nothing is left to mend");
    let (code, none) = (import(&folder, &["--replay"]), 2);
    assert_eq!(code.status.code(), Some(none));
    assert!(String::from_utf8_lossy(&code.stderr).contains("run without --replay"));
}

#[test]
fn a_dry_run_tells_the_same_and_writes_nothing() {
    let folder = folder();
    let (code, dry) = summary(&folder, &["--dry-run"]);
    assert_eq!((code, &dry["entries"], &dry["customers"]), (1, &3.into(), &3.into()));
    assert!(!default_file(&folder).exists());
    let (_, told) = summary(&folder, &["--dry-run", "--rejects", "told.ndjson"]);
    assert_eq!(rejects(&folder.path().join("told.ndjson")).len(), 3);
    let (_, wet) = summary(&folder, &[]);
    assert_eq!(wet["duplicates"], 0, "the dry runs recorded nothing");
    for same in ["rows", "entries", "entries_by", "customers", "rejected", "rejected_by"] {
        assert_eq!((&dry[same], &told[same]), (&wet[same], &wet[same]), "{same}");
    }
}

#[test]
fn the_summary_for_people() {
    let folder = folder();
    let output = import(&folder, &[]);
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r#"
    rows                                        6
    customers                                   3
      created                                   3
      known                                     0
    entries recorded                            3
      note by store                             3
    entries that were there already             0
    rejected                                    3
                 1  entry.note.text: is required
                 1  entry.occurred_at: column "at" is not a date of the format iso
                 1  has a quote that is never closed
    such as
      notes.csv, line 3 (byte 38): entry.occurred_at: column "at" is not a date of the format iso
      notes.csv, line 5 (byte 83): entry.note.text: is required
      notes.csv, line 7 (byte 135): has a quote that is never closed
    what was rejected is in notes.csv.rejects.ndjson
    "#);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn what_cannot_run_ends_with_2() {
    let folder = folder();
    let refused = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
        command.current_dir(folder.path()).env("THROUGHLINE_DATABASE", "sqlite:notes.db");
        let output = command.arg("import").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&["notes.csv"]).contains("give --map MAP.toml"));
    assert!(refused(&["none.csv", "--map", "notes.toml"]).contains("cannot read none.csv"));
    assert!(refused(&["notes.csv", "--map", "none.toml"]).contains("cannot read none.toml"));
    fs::write(folder.path().join("bad.toml"), notes_map("colour = 1")).unwrap();
    assert!(refused(&["notes.csv", "--map", "bad.toml"]).contains("colour"));
    fs::write(folder.path().join("other.csv"), "a,b\n1,2\n").unwrap();
    let fault = refused(&["other.csv", "--map", "notes.toml"]);
    assert!(fault.contains("the file has the columns \"a\", \"b\""), "{fault}");
}

#[test]
fn no_other_file_is_replaced() {
    let folder = folder();
    for file in ["notes.csv", "notes.toml"] {
        let before = fs::read(folder.path().join(file)).unwrap();
        let output = import(&folder, &["--rejects", file]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("exists and holds no rejects"));
        assert_eq!(fs::read(folder.path().join(file)).unwrap(), before);
    }
}

#[test]
fn a_file_without_faults_ends_with_0_and_forgets_older_rejects() {
    let folder = folder();
    summary(&folder, &[]);
    let good = format!("id,at,text\n1,{AT},one\n");
    fs::write(folder.path().join("notes.csv"), good).unwrap();
    let (code, summary) = summary(&folder, &[]);
    assert_eq!((code, &summary["duplicates"], &summary["complete"]), (0, &1.into(), &true.into()));
    assert!(!default_file(&folder).exists());
}
