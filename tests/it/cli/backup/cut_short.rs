//! A backup and a restore that are killed at each of their steps.

use std::{fs, process::Command};

use super::{Desk, copy_folder};
use crate::{
    cli::process::{has, throughline},
    support::TempFolder,
};

/// The most renames of a restore: six files are moved away, two are moved in.
const STEPS: usize = 12;

/// Runs a command that is killed at the given rename; returns whether it completed.
fn killed(folder: &TempFolder, arguments: &[&str], rename: usize) -> bool {
    let program = throughline(folder, arguments);
    let mut command = Command::new("strace");
    let kill = format!("inject=rename,renameat,renameat2:signal=SIGKILL:when={rename}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2", "-e"]);
    command.arg(kill).arg(program.get_program()).args(program.get_args());
    command.current_dir(folder.path()).output().unwrap().status.success()
}

pub fn can_kill() -> bool {
    // Some systems do not allow tracing another process.
    has("strace") && Command::new("strace").args(["-qq", "true"]).output().unwrap().status.success()
}

#[test]
fn a_backup_that_is_killed_is_none() {
    if !can_kill() {
        return;
    }
    let desk = Desk::sqlite();
    desk.import("before", 3);
    let backup = desk.command("backup", &["backup"]);
    assert!(!killed(&desk.folder, &backup, 1), "it is not killed");
    let refused = desk.refused("restore", &["backup"]);
    assert!(refused.contains("backup is no whole backup"), "{refused}");
    assert!(desk.refused("backup", &["backup"]).contains("was cut short, remove it"));
    // The control.
    assert!(killed(&desk.folder, &desk.command("backup", &["other"]), STEPS), "it is killed");
    desk.restore("other", &[]);
}

#[test]
fn a_restore_that_is_killed_is_not_served_and_is_done_again() {
    if !can_kill() {
        return;
    }
    let desk = Desk::sqlite();
    let (mut server, ..) =
        crate::cli::process::serve_on(&desk.folder, "--database=sqlite:t.db", &[]);
    desk.import("before", 10);
    desk.backup("backup");
    desk.import("after", 10);
    server.kill();
    let (mut refused, mut done) = (0, false);
    for rename in 1..=STEPS {
        let folder = TempFolder::new();
        copy_folder(desk.folder.path(), folder.path());
        let image = Desk { folder, url: desk.url.clone(), is_sqlite: true };
        done = killed(&image.folder, &image.command("restore", &["backup"]), rename);
        let note = fs::read_to_string(image.path("t.db-lock")).unwrap();
        if note.is_empty() {
            // Everything was in place: killed right afterwards, it is served as restored.
            assert_eq!((image.found("before").len(), image.found("after").len()), (10, 0));
            if done {
                break;
            }
            continue;
        }
        assert_eq!(note, "restoring\n", "rename {rename}, done: {done}");
        for command in [
            &["search", "lorem"][..],
            &["serve", "--listen", "127.0.0.1:0"],
            &["search", "lorem", "--create"],
            &["backup", "another"],
        ] {
            let why = image.refused(command[0], &command[1..]);
            assert!(why.contains("a restore of t.db was begun and not done"), "{rename}: {why}");
        }
        let doctor = throughline(&image.folder, &image.command("doctor", &[])).output().unwrap();
        assert_eq!(doctor.status.code(), Some(1));
        refused += 1;
        // What a copy to another disk would have left.
        fs::write(image.path("t.db-audit.restoring-copy"), "a part").unwrap();
        image.restore("backup", &[]);
        assert_eq!((image.found("before").len(), image.found("after").len()), (10, 0));
        image.assert_audit_is_whole();
        assert!(!image.path("t.db-audit.restoring-copy").exists());
    }
    assert!(done && refused >= 7, "killed {refused} times, and then done: {done}");
}
