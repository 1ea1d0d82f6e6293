//! Backups and restores by the program itself, alongside a server, on both databases.

mod check;
mod cut_short;
mod drill;
mod postgres;
mod refused;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use serde_json::Value;

use super::process::{printed, throughline};
use crate::support::{Database, TempFolder, postgres::postgres};

/// A line of an import file: an entry of a separate customer.
fn line(name: &str, number: usize) -> String {
    let text = format!("{name} {number} {}", "lorem ipsum ".repeat(20));
    serde_json::json!({"entry": {
        "identifiers": [{"kind": "IDENTIFIER_KIND_ACCOUNT", "value": format!("{name}-{number}")}],
        "entry": {
            "occurred_at": "2026-01-02T10:00:00Z",
            "channel": "CHANNEL_PHONE",
            "source": name,
            "source_ref": number.to_string(),
            "note": {"text": text},
        },
    }})
    .to_string()
}

/// A folder in which commands run on one database.
struct Desk {
    folder: TempFolder,
    url: String,
    is_sqlite: bool,
}

impl Desk {
    /// A desk over a test's database; an SQLite file is in the folder.
    fn new(database: &Database) -> Self {
        let is_sqlite = database.name == "SQLite";
        let url = if is_sqlite { "sqlite:t.db".to_owned() } else { database.url.clone() };
        Self { folder: with_ledger(), url, is_sqlite }
    }

    fn sqlite() -> Self {
        Self { folder: with_ledger(), url: "sqlite:t.db".to_owned(), is_sqlite: true }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command on its database, with further arguments.
    fn command<'a>(&'a self, name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&[name, "--database", &self.url], more].concat()
    }

    fn printed(&self, name: &str, more: &[&str]) -> String {
        printed(&self.folder, &self.command(name, more))
    }

    fn refused(&self, name: &str, more: &[&str]) -> String {
        super::process::refused(&self.folder, &self.command(name, more))
    }

    /// Writes a file of entries, and returns its name.
    fn entries(&self, name: &str, count: usize) -> String {
        let lines: Vec<String> = (0..count).map(|number| line(name, number)).collect();
        let file = format!("{name}.ndjson");
        fs::write(self.path(&file), lines.join("\n")).unwrap();
        file
    }

    /// Records entries, each in a transaction of its own.
    fn import(&self, name: &str, count: usize) {
        let file = self.entries(name, count);
        self.printed("import", &[&file, "--batch", "1"]);
    }

    /// Starts recording entries, in the background.
    fn importing(&self, name: &str, count: usize) -> Child {
        let file = self.entries(name, count);
        let mut command =
            throughline(&self.folder, &self.command("import", &[&file, "--batch", "1"]));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn backup(&self, to: &str) -> Value {
        let programs = programs();
        let told = self.printed("backup", &[to, "--json", "--programs", &programs]);
        serde_json::from_str::<Value>(&told).unwrap()["manifest"].clone()
    }

    fn restore(&self, from: &str, more: &[&str]) -> Value {
        let programs = programs();
        let arguments = [&[from, "--json", "--programs", &programs], more].concat();
        serde_json::from_str(&self.printed("restore", &arguments)).unwrap()
    }

    /// The numbers of the entries of a name in the database.
    fn found(&self, name: &str) -> BTreeSet<usize> {
        let lines = self.printed("search", &[name, "--limit", "200", "--json"]);
        let number = |line: &str| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let text = entry["note"]["text"].as_str().unwrap();
            let mut words = text.split(' ');
            assert_eq!(words.next(), Some(name), "{text}");
            words.next().unwrap().parse().unwrap()
        };
        lines.lines().map(number).collect()
    }

    /// The id of the customer of an entry.
    fn customer(&self, account: &str) -> String {
        let told = self.printed("customer", &["--account", account]);
        told.split_whitespace().find(|word| word.len() == 36).unwrap().to_owned()
    }

    fn assert_audit_is_whole(&self) {
        let told = self.printed("audit", &["verify", "--json"]);
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["problems"], serde_json::json!([]), "{told}");
    }
}

/// A folder with an empty erasure ledger.
fn with_ledger() -> TempFolder {
    let folder = TempFolder::new();
    fs::write(folder.path().join("throughline.erasures"), "").unwrap();
    folder
}

/// The folder of the client programs, if PostgreSQL is installed.
fn programs() -> String {
    postgres().map_or_else(String::new, |cluster| cluster.program("").display().to_string())
}

/// Copies the files of a folder, and those of folders in it.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let copy = to.join(file.file_name());
        match file.file_type().unwrap().is_dir() {
            true => copy_folder(&file.path(), &copy),
            false => drop(fs::copy(file.path(), copy).unwrap()),
        }
    }
}
