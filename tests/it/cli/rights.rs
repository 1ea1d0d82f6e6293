//! The commands of the customer's rights: export and retention.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use super::process::{printed, refused, world};
use crate::support::TempFolder;

const DEMO: &str = "--database=sqlite:demo.db";

/// The id of a customer of the demo.
fn customer(folder: &TempFolder) -> String {
    let found = printed(folder, &["customer", "--name", "Sanne", "--json", DEMO]);
    let first: Value = serde_json::from_str(found.lines().next().unwrap()).unwrap();
    first["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_export_is_a_new_file_of_its_owner_alone() {
    let folder = world();
    let id = customer(&folder);
    assert_eq!(printed(&folder, &["export", &id, "--output", "sanne.jsonl", DEMO]), "");
    let path = folder.path().join("sanne.jsonl");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["customer"], id.as_str());
    assert_eq!(lines.last().unwrap()["end"], true);
    assert!(lines.len() > 10);
    // To the standard output the same, at another time, when the one before was a look at her.
    let shown = printed(&folder, &["export", &id, DEMO]);
    let rows = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains("audit_log"));
        lines.skip(1).map(str::to_owned).collect()
    };
    assert_eq!(rows(&shown), rows(&text));

    let again = refused(&folder, &["export", &id, "--output", "sanne.jsonl", DEMO]);
    assert_snapshot!(again, @"1: throughline: cannot make sanne.jsonl: File exists (os error 17)");
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "what was there stays");
    let nobody = "0190f3c4-7b1a-7cc0-8000-00000000beef";
    let refusal = refused(&folder, &["export", nobody, "--output", "nobody.jsonl", DEMO]);
    assert!(refusal.starts_with("1: throughline: customer not found."), "{refusal}");
    assert!(!folder.path().join("nobody.jsonl").exists(), "nothing half-made is left behind");
}

#[test]
fn retention_tells_what_would_go_and_what_went() {
    let folder = world();
    let rules = "[[rule]]\nkinds = ['interaction', 'feedback']\nchannels = ['chat', 'phone']\n\
                 keep_days = 30\n[[rule]]\nkinds = ['note']\nkeep_days = 36525\n";
    fs::write(folder.path().join("rules.toml"), rules).unwrap();
    let arguments = ["retention", "--retention-file=rules.toml", DEMO];
    let dry_run = printed(&folder, &[&arguments[..], &["--dry-run"]].concat());
    assert_snapshot!(dry_run, @"
    rule  kinds                  kept     channel  entries  oldest
    1     interaction, feedback  30 days  phone          5  2025-01-29
    1     interaction, feedback  30 days  chat           2  2025-02-01

    7 entries would go.
    ");
    let done = printed(&folder, &arguments);
    assert_eq!(done, dry_run.replace("would go", "went"));
    assert_eq!(printed(&folder, &arguments), "0 entries went.\n");
    let none = refused(&folder, &["retention", DEMO]);
    assert_snapshot!(none, @"2: throughline: there are no retention rules: set retention_file");
}
