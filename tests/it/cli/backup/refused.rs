//! An incomplete backup is not restored, and the database stays as it is.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use super::{Desk, copy_folder, programs};
use crate::{cli::process::throughline, support::on_both};

/// Asserts that a folder is not restored, and why.
#[track_caller]
fn assert_refused(desk: &Desk, from: &str, why: &str) {
    let programs = programs();
    let refused = desk.refused("restore", &[from, "--programs", &programs]);
    assert!(refused.starts_with("1: throughline: nothing was restored: "), "{refused}");
    assert!(refused.contains(why), "{why}: {refused}");
}

#[tokio::test]
async fn only_a_whole_backup_is_put_back() {
    on_both(async |database| {
        let desk = Desk::new(database);
        desk.import("before", 5);
        let manifest = desk.backup("backup");
        let file = manifest["files"][0]["name"].as_str().unwrap().to_owned();
        desk.import("after", 5);
        // One of PostgreSQL needs an empty one.
        let other = match desk.is_sqlite {
            true => None,
            false => crate::support::Database::postgres().await,
        };
        let url = other.as_ref().map_or(desk.url.clone(), |other| other.url.clone());
        let target = Desk { url, ..desk };
        let damaged = |name: &str| {
            copy_folder(&target.path("backup"), &target.path(name));
            target.path(name)
        };

        fs::remove_file(damaged("cut").join("backup.json")).unwrap();
        assert_refused(&target, "cut", "cut is no whole backup: it has no backup.json");
        fs::remove_file(damaged("lost").join(&file)).unwrap();
        assert_refused(&target, "lost", &format!("{file} is not what was written"));

        let path = damaged("changed").join(&file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_refused(&target, "changed", &format!("{file} is not what was written"));
        fs::write(&path, &bytes[..middle]).unwrap();
        assert_refused(&target, "changed", &format!("{file} is not what was written"));

        let path = damaged("newer").join("backup.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
        assert_refused(&target, "newer", "newer is a backup of form 2");
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        assert_refused(&target, "newer", "backup.json is damaged");
        assert_refused(&target, "nowhere", "nowhere is no whole backup");

        let other_kind = match target.is_sqlite {
            true => text.replace("\"sqlite\"", "\"postgres\""),
            false => text.replace("\"postgres\"", "\"sqlite\""),
        };
        fs::write(&path, other_kind).unwrap();
        assert_refused(&target, "newer", "newer is a backup of ");
        if target.is_sqlite {
            // It is as before, and no other files are left.
            assert_eq!(target.found("after").len(), 5);
            let left = fs::read_dir(target.folder.path()).unwrap();
            let left = left.map(|file| file.unwrap().file_name().into_string().unwrap());
            let left: Vec<String> = left.filter(|name| name.contains("restor")).collect();
            assert_eq!(left, [""; 0]);
        }
        // The control: the complete folder.
        target.restore("backup", &[]);
        assert_eq!((target.found("before").len(), target.found("after").len()), (5, 0));
    })
    .await;
}

#[test]
fn a_backup_goes_into_a_new_folder_for_its_owner_alone() {
    let desk = Desk::sqlite();
    let refused = desk.refused("backup", &["backup"]);
    assert!(refused.contains("there is no database t.db"), "{refused}");
    assert!(!desk.path("backup").exists());
    desk.import("before", 1);
    desk.backup("backup");
    let mode = |name: &str| fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("backup"), 0o700);
    for file in fs::read_dir(desk.path("backup")).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    assert!(desk.refused("backup", &["backup"]).contains("backup holds a backup"));
    fs::create_dir(desk.path("full")).unwrap();
    fs::write(desk.path("full/mine"), "mine").unwrap();
    assert!(desk.refused("backup", &["full"]).contains("full is not empty"));
    assert_eq!(fs::read(desk.path("full/mine")).unwrap(), b"mine");
    fs::create_dir(desk.path("empty")).unwrap();
    fs::set_permissions(desk.path("empty"), fs::Permissions::from_mode(0o755)).unwrap();
    desk.backup("empty");
    assert_eq!(mode("empty"), 0o700);
    assert!(desk.refused("backup", &["no/folder"]).contains("there is no folder no"));
}

#[tokio::test]
async fn a_ledger_that_is_not_there_is_not_taken_for_an_empty_one() {
    on_both(async |database| {
        let desk = Desk::new(database);
        desk.import("before", 2);
        desk.backup("backup");
        let url = match desk.is_sqlite {
            true => desk.url.clone(),
            false => crate::support::Database::postgres().await.unwrap().url,
        };
        let desk = Desk { url, ..desk };
        fs::remove_file(desk.path("throughline.erasures")).unwrap();
        assert_refused(&desk, "backup", "there is no erasure ledger throughline.erasures (that of");
        assert_refused(&desk, "backup", &desk.path("throughline.erasures").display().to_string());
        // The control: it is stated that there is none.
        desk.restore("backup", &["--erasure-ledger", "none"]);
        assert_eq!(desk.found("before").len(), 2);
    })
    .await;
}

/// A database on a disk that was remounted read-only can still be locked.
#[test]
fn a_lock_that_cannot_be_written_is_read() {
    if !super::cut_short::can_kill() {
        return;
    }
    let desk = Desk::sqlite();
    desk.import("before", 2);
    let backup = |to: &str, fault: &str| {
        let program = throughline(&desk.folder, &desk.command("backup", &[to]));
        let mut command = Command::new("strace");
        let lock = desk.path("t.db-lock").canonicalize().unwrap();
        command.args(["-f", "-qq", "-o", "trace", "-e", "trace=openat", "-P"]).arg(lock);
        command.args(["-e", &format!("inject=openat:error={fault}:when=1")]);
        command.arg(program.get_program()).args(program.get_args());
        let output = command.current_dir(desk.folder.path()).output().unwrap();
        assert!(fs::read_to_string(desk.path("trace")).unwrap().contains("INJECTED"));
        output.status.success()
    };
    assert!(backup("read-only", "EROFS"));
    assert!(!backup("broken", "EIO"), "the control");
}

/// To a writer, a file size limit is like a full disk.
#[test]
fn a_disk_that_takes_no_more_leaves_no_backup() {
    let desk = Desk::sqlite();
    desk.import("before", 50);
    let backup = throughline(&desk.folder, &desk.command("backup", &["backup"]));
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\""]);
    command.arg(backup.get_program()).args(backup.get_args()).current_dir(desk.folder.path());
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("throughline: no backup was made: "), "{said}");
    assert!(!desk.path("backup").exists());
    desk.backup("backup");
}
