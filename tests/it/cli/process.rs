//! The program itself, as a user starts it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
};

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::TempFolder;

/// The program in a folder of its own, with no setting from outside.
fn throughline(folder: &TempFolder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THROUGHLINE_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder.path()).args(arguments).stdin(Stdio::null());
    command.env("TZ", "Europe/Amsterdam").env("TMPDIR", folder.path());
    command
}

fn run(folder: &TempFolder, arguments: &[&str]) -> Output {
    throughline(folder, arguments).output().unwrap()
}

/// What a command prints that does its work.
fn printed(folder: &TempFolder, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// How a command ends that cannot do its work: the exit code and what it says.
fn refused(folder: &TempFolder, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{arguments:?}");
    let errors = String::from_utf8(output.stderr).unwrap();
    format!("{}: {}", output.status.code().unwrap(), errors.trim_end())
}

/// A folder with the demo's world in `demo.db`.
fn world() -> TempFolder {
    let folder = TempFolder::new();
    printed(&folder, &["demo", "--no-serve", "--database", "sqlite:demo.db"]);
    folder
}

const DEMO: &str = "--database=sqlite:demo.db";

/// The text without what differs from run to run.
fn steady(text: &str) -> String {
    let line = |line: &str| match line.split_whitespace().next() {
        Some("customer") if line.len() == 54 => "  customer        ID".to_owned(),
        Some("known") => "  known since     TODAY".to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_demo_tells_the_story_once_however_often_it_runs() {
    let folder = TempFolder::new();
    let arguments = ["demo", "--no-serve", "--database", "sqlite:demo.db"];
    let first = printed(&folder, &arguments);
    assert_snapshot!(steady(&first), @"");
    assert_eq!(printed(&folder, &arguments), first);
}

#[test]
fn a_timeline_for_machines_is_one_entry_a_line() {
    let folder = world();
    let timeline = ["timeline", DEMO, "--email", "sanne.bakker@example.com", "--json"];
    let lines = printed(&folder, &timeline);
    let times = |lines: &str| -> Vec<String> {
        let entry = |line| serde_json::from_str::<Value>(line).unwrap();
        lines.lines().map(|l| entry(l)["occurredAt"].as_str().unwrap().to_owned()).collect()
    };
    let newest_first = times(&lines);
    assert_eq!(newest_first.len(), 9);
    assert!(newest_first.is_sorted_by(|a, b| a >= b));

    let oldest = printed(&folder, &[&timeline[..], &["--oldest-first", "--limit", "2"]].concat());
    assert_eq!(times(&oldest), ["2025-01-11T13:40:00Z", "2025-01-13T19:02:00Z"]);
    let narrow = ["--channel", "phone,store", "--kind", "note", "--to", "2025-03-03"];
    let notes = printed(&folder, &[&timeline[..], &narrow].concat());
    assert_eq!(times(&notes), ["2025-03-03T09:23:00Z"]);
}

#[test]
fn a_customer_is_found_by_whatever_names_her() {
    let folder = world();
    for who in [
        ["--phone", "06 12345678"],
        ["--email", "Sanne.Bakker@EXAMPLE.com"],
        ["--social", "facebook:100004837265911"],
        ["--name", "bakk"],
        ["--postcode", "3512ph"],
    ] {
        let command = ["customer", DEMO, "--phone-region", "NL"];
        let found = printed(&folder, &[&command[..], &who].concat());
        assert!(found.contains("Sanne Bakker"), "{who:?}: {found}");
    }
    let account = ["customer", DEMO, "--account", "sanne.bakker", "--namespace", "webshop"];
    assert!(printed(&folder, &account).contains("Sanne Bakker"));
}

#[test]
fn a_search_names_the_customer() {
    let folder = world();
    let found = printed(&folder, &["search", DEMO, "leveranse", "forsinket", "--limit", "1"]);
    let id = found.split_whitespace().find(|word| word.len() == 36).unwrap().to_owned();
    assert_snapshot!(found.replace(&id, "ID"), @"");
    assert_eq!(printed(&folder, &["search", DEMO, "zeppelin"]), "\nNo entries.\n");
}

#[test]
fn a_server_answers_the_same_commands() {
    let folder = TempFolder::new();
    let mut demo = throughline(&folder, &["demo", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let serving = lines.find_map(|line| {
        let (url, _) = line.strip_prefix("Serving on ")?.split_once(' ')?;
        Some(url.to_owned())
    });
    let url = serving.unwrap();

    let server = ["--server", &url, "--phone", "06 12345678"];
    let timeline = printed(&folder, &[&["timeline"], &server[..]].concat());
    assert!(timeline.contains("Asks where the promised repair is"), "{timeline}");
    let found = printed(&folder, &[&["search", "powerboard", "--json"], &server[..]].concat());
    assert_eq!(found, "");
    let found = printed(&folder, &[&["search", "power", "--json"], &server[..]].concat());
    assert_eq!(found.lines().count(), 2, "{found}");

    let id = demo.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "the temporary folder is gone");
}

#[test]
fn whatever_goes_wrong_says_what_to_do_next() {
    let folder = world();
    let refused = |arguments: &[&str]| refused(&folder, arguments);
    assert_snapshot!(refused(&["timeline", DEMO]), @"");
    assert_snapshot!(refused(&["timeline", DEMO, "--email", "nobody@example.com"]), @"");
    assert_snapshot!(refused(&["timeline", DEMO, "--phone", "06 12345678"]), @"");
    assert_snapshot!(refused(&["timeline", DEMO, "--social", "1234"]), @"");
    assert_snapshot!(refused(&["timeline", DEMO, "--id", "x", "--from", "yesterday"]), @"");
    assert_snapshot!(refused(&["timeline", "--id", "x"]), @"");
    assert_snapshot!(refused(&["search", "x", "--server", "http://127.0.0.1:1"]), @"");
    assert_snapshot!(refused(&["search", "x", "--server", "https://127.0.0.1:1"]), @"");
    assert_snapshot!(refused(&["customer", DEMO, "--name", "zeppelin"]), @"");
    assert_snapshot!(refused(&["serve", "--listen", "0.0.0.0:0", "--database", "a.db"]), @"");
    assert_snapshot!(refused(&["serve", "--config", "no.toml"]), @"");
    assert_snapshot!(refused(&["migrate", "--database", "sqlite:no/folder/a.db"]), @"");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = world();
    let timeline = ["timeline", DEMO, "--account", "sanne.bakker", "--namespace", "webshop"];
    let mut command = throughline(&folder, &timeline);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}
