//! PostgreSQL's client programs: found, recent enough, and given no secret on their command line.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::Desk;
use crate::support::{Database, TempFolder};

/// A folder with fake programs of a version, which record their arguments, and fail.
fn programs(desk: &Desk, version: &str) -> String {
    let folder = desk.path(version);
    fs::create_dir(&folder).unwrap();
    for name in ["pg_dump", "pg_restore"] {
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{name} (PostgreSQL) {version}'\n\
             else echo \"$@\" > {0}/arguments; echo \"$PGPASSWORD\" > {0}/password\n\
             echo '{name}: error: it does not want to' >&2\n\
             echo 'CONTEXT:  COPY entries, line 1: secret' >&2; exit 1; fi\n",
            folder.display()
        );
        let path = folder.join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder.display().to_string()
}

#[tokio::test]
async fn what_is_missing_or_too_old_is_told_with_what_to_do() {
    let Some(database) = Database::postgres().await else { return };
    let desk = Desk::new(&database);
    desk.import("before", 1);
    let refused = desk.refused("backup", &["backup", "--programs", "nowhere"]);
    assert!(refused.contains("nowhere/pg_dump cannot be run: "), "{refused}");
    assert!(refused.contains("Install the client programs of PostgreSQL"), "{refused}");
    let old = programs(&desk, "9.6.24");
    let refused = desk.refused("backup", &["backup", "--programs", &old]);
    assert!(refused.contains("pg_dump is of PostgreSQL 9, and the server of "), "{refused}");
    assert!(refused.contains("--programs"), "{refused}");
    assert!(!desk.path("backup").exists());
}

#[tokio::test]
async fn the_password_stands_in_no_argument() {
    let Some(database) = Database::postgres().await else { return };
    let with_password = format!("{}&password=hunter%212", database.url);
    let desk = Desk { folder: TempFolder::new(), url: with_password, is_sqlite: false };
    desk.import("before", 1);
    let new = programs(&desk, "99.1");
    let refused = desk.refused("backup", &["backup", "--programs", &new]);
    assert!(refused.contains("pg_dump failed: pg_dump: error: it does not want to"), "{refused}");
    assert!(!refused.contains("secret") && !refused.contains("hunter"), "{refused}");
    let told = |name: &str| fs::read_to_string(desk.path("99.1").join(name)).unwrap();
    assert!(told("arguments").contains("--snapshot="), "{}", told("arguments"));
    assert!(!told("arguments").contains("hunter"), "{}", told("arguments"));
    assert_eq!(told("password"), "hunter!2\n");
}

/// A folder with a replacement for one of the client programs; `$real` is the original.
fn instead(desk: &Desk, name: &str, script: &str) -> String {
    let folder = desk.path("instead");
    fs::create_dir(&folder).unwrap();
    for program in ["pg_dump", "pg_restore"] {
        let real = format!("{}/{program}", super::programs());
        let script = if program == name { script } else { "exec \"$real\" \"$@\"" };
        let path = folder.join(program);
        let text = format!(
            "#!/bin/sh\nreal={real}\n[ \"$1\" = --version ] && exec \"$real\" \"$@\"\n{script}\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder.display().to_string()
}

#[tokio::test]
async fn a_restore_that_fails_after_the_dump_was_read_says_so_and_goes_on() {
    let Some(database) = Database::postgres().await else { return };
    let desk = Desk::new(&database);
    desk.import("before", 3);
    desk.backup("backup");
    let erased = desk.customer("before-1");
    desk.printed("erase", &[&erased, "--ticket", "T-1"]);
    let other = Database::postgres().await.unwrap();
    let desk = Desk { url: other.url.clone(), ..desk };
    let fails = instead(&desk, "pg_restore", "\"$real\" \"$@\"; exit 1");
    let refused = desk.refused("restore", &["backup", "--programs", &fails]);
    assert!(refused.contains("the dump is in the database, but the restore was not"), "{refused}");
    assert!(!refused.contains("nothing was restored"), "{refused}");
    assert_eq!(desk.restore("backup", &[])["erased_again"], 1);
    assert_eq!(desk.found("before").len(), 2);
    // The control: what has continued since is not a verified backup.
    let programs = super::programs();
    let refused = desk.refused("restore", &["backup", "--programs", &programs]);
    assert!(refused.contains("nothing was restored: the database is not empty"), "{refused}");
}

#[tokio::test]
async fn a_program_whose_time_is_up_writes_nothing_more() {
    let Some(database) = Database::postgres().await else { return };
    let desk = Desk::new(&database);
    desk.import("before", 1);
    let slow = instead(&desk, "pg_dump", "touch begun; sleep 8; touch ended");
    let arguments = ["backup", "--programs", &slow, "--time-limit", "3"];
    let refused = desk.refused("backup", &arguments);
    assert!(refused.contains("longer than it may"), "{refused}");
    assert!(desk.path("begun").exists() && !desk.path("ended").exists());
    assert!(!desk.path("backup").exists());
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_with_what_to_do() {
    let Some(database) = Database::postgres().await else { return };
    let desk = Desk::new(&database);
    desk.import("before", 1);
    desk.backup("backup");
    let (place, rest) = database.url.split_once('?').unwrap();
    let url = format!("{place}_not_there?{rest}");
    let desk = Desk { url, ..desk };
    let refused = desk.refused("restore", &["backup"]);
    assert!(refused.contains("createdb --owner USER NAME"), "{refused}");
}
