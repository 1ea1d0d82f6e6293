//! The drill: a backup during writes, more writes and an erasure, a crash, a restore.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::{Desk, copy_folder};
use crate::{
    cli::process::serve_on,
    support::{Database, TempFolder, on_both},
};

/// Checks that the entries of a backup made during writes are consistent: everything from before
/// it, and the writer's entries up to some moment.
fn assert_is_one_moment(desk: &Desk, manifest: &Value, before: usize, erased: &[usize]) {
    let all: BTreeSet<usize> = (0..before).filter(|number| !erased.contains(number)).collect();
    assert_eq!(desk.found("before"), all);
    let during = desk.found("during");
    assert_eq!(during, (0..during.len()).collect(), "a part without those before it");
    let entries = usize::try_from(manifest["facts"]["entries"].as_i64().unwrap()).unwrap();
    assert_eq!(entries, before + during.len());
}

/// The target of a restore: the same files, or another database of PostgreSQL.
async fn target(desk: &Desk) -> Desk {
    let url = match desk.is_sqlite {
        true => desk.url.clone(),
        false => Database::postgres().await.unwrap().url,
    };
    let folder = TempFolder::new();
    copy_folder(desk.folder.path(), folder.path());
    Desk { folder, url, is_sqlite: desk.is_sqlite }
}

#[tokio::test]
async fn a_restored_backup_is_what_it_was_and_erases_again() {
    on_both(async |database| {
        let desk = Desk::new(database);
        let (mut server, address, _log) =
            serve_on(&desk.folder, &format!("--database={}", desk.url), &[]);
        desk.import("before", 30);
        let mut writer = desk.importing("during", 150);
        let manifest = desk.backup("backup");
        assert!(writer.wait().unwrap().success());
        assert!(manifest["facts"]["entries"].as_i64().unwrap() >= 30, "{manifest}");

        desk.import("after", 20);
        let erased = desk.customer("before-7");
        let at = ["--server", &address];
        let ticket = [&[erased.as_str(), "--ticket", "T-1"], &at[..]].concat();
        crate::cli::process::printed(&desk.folder, &[&["erase"], &ticket[..]].concat());
        let programs = super::programs();
        let again = ["backup", "--programs", &programs];
        let refused = desk.refused("restore", &again);
        let why = if desk.is_sqlite { "a process has t.db open" } else { "is not empty" };
        assert!(refused.contains(why), "{refused}");
        assert_eq!(desk.found("after").len(), 20, "it is as it was");
        server.kill();

        let desk = target(&desk).await;
        if desk.is_sqlite {
            assert!(fs::metadata(desk.path("t.db-wal")).unwrap().len() > 0, "a crash leaves it");
            control(&desk);
        }
        let restored = desk.restore("backup", &[]);
        assert_eq!(restored["erased_again"], 1, "{restored}");
        assert_is_one_moment(&desk, &manifest, 30, &[7]);
        assert_eq!(desk.found("after"), BTreeSet::new());
        let gone = desk.refused("customer", &["--id", &erased]);
        assert!(gone.contains("customer not found"), "{gone}");
        desk.assert_audit_is_whole();
        let found = desk.printed("doctor", &["--json"]);
        let found: Value = serde_json::from_str(&found).unwrap();
        let verdicts = found["findings"].as_array().unwrap();
        assert!(verdicts.iter().all(|it| it["verdict"] != "failure"), "{found}");

        // It can be served, and accepts entries.
        let (mut server, ..) = serve_on(&desk.folder, &format!("--database={}", desk.url), &[]);
        desk.import("later", 1);
        server.stop();
        if desk.is_sqlite {
            let moved = restored["moved_to"][0].as_str().unwrap();
            let mut names: Vec<String> = fs::read_dir(moved)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            let all =
                ["t.db", "t.db-audit", "t.db-audit-shm", "t.db-audit-wal", "t.db-shm", "t.db-wal"];
            assert_eq!(names, all);
        }
    })
    .await;
}

/// The former way: a copy over the file, next to the log that the crash left.
fn control(desk: &Desk) {
    let control = TempFolder::new();
    copy_folder(desk.folder.path(), control.path());
    let over = control.path().join("t.db");
    fs::copy(desk.path("backup/throughline.db"), over).unwrap();
    let arguments = ["search", "--database=sqlite:t.db", "before"];
    let refused = crate::cli::process::refused(&control, &arguments);
    assert!(refused.contains("t.db-wal does not belong to"), "{refused}");
    assert!(refused.contains("throughline restore"), "{refused}");
}

/// At any moment: what was written before it is in the backup, in both files.
#[tokio::test]
async fn backups_beside_a_writer_are_each_of_one_moment() {
    on_both(async |database| {
        let desk = Desk::new(database);
        let (mut server, ..) = serve_on(&desk.folder, &format!("--database={}", desk.url), &[]);
        desk.import("before", 10);
        let mut writer = desk.importing("during", 190);
        let backups = ["one", "two", "three"];
        let manifests = backups.map(|name| desk.backup(name));
        assert!(writer.wait().unwrap().success());
        server.stop();
        for (name, manifest) in backups.into_iter().zip(&manifests) {
            let desk = target(&desk).await;
            desk.restore(name, &[]);
            assert_is_one_moment(&desk, manifest, 10, &[]);
            desk.assert_audit_is_whole();
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_remembers_its_backup() {
    on_both(async |database| {
        let desk = Desk::new(database);
        let backups = |desk: &Desk| {
            let output = crate::cli::process::throughline(
                &desk.folder,
                &desk.command("doctor", &["--json"]),
            );
            let output = { output }.output().unwrap();
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let findings = report["findings"].as_array().unwrap().clone();
            let of_backups = findings.into_iter().filter(|it| it["subject"] == "backups");
            let text = |it: Value| format!("{}: {}", it["verdict"], it["text"]).replace('"', "");
            of_backups.map(text).collect::<Vec<_>>()
        };
        desk.import("before", 3);
        assert_eq!(backups(&desk), ["warning: this database knows of no backup"]);
        desk.backup("backup");
        let found = backups(&desk);
        assert!(found[0].starts_with("ok: the last one, /"), "{found:?}");
        assert!(found[1].contains("has 0 erasures since the last backup"), "{found:?}");

        // A ledger that was reset.
        let erased = desk.customer("before-1");
        desk.printed("erase", &[&erased, "--ticket", "T-1"]);
        assert!(backups(&desk)[1].contains("has 1 erasure since"), "{:?}", backups(&desk));
        desk.backup("second");
        fs::write(desk.path("throughline.erasures"), "").unwrap();
        let found = backups(&desk);
        assert!(found[1].starts_with("failure: throughline.erasures has 0 erasures, and had 1"));

        // After the restore, it knows which backup it is.
        let desk = target(&desk).await;
        let programs = super::programs();
        let refused = desk.refused("restore", &["second", "--programs", &programs]);
        assert!(refused.contains("has 0 of at least 1 erasures that /"), "{refused}");
        desk.restore("second", &["--erasure-ledger", "none"]);
        let found = backups(&desk);
        assert!(found[0].contains("/second, is "), "{found:?}");
        fs::remove_dir_all(desk.path("second")).unwrap();
        assert!(backups(&desk)[1].contains("/second has no backup any more"));
    })
    .await;
}
