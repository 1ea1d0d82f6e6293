//! The check of files after a crash, before they are served.

use std::{collections::BTreeSet, fs, os::unix::fs::FileExt as _, path::Path};

use super::{Desk, copy_folder};
use crate::{cli::process::serve_on, support::TempFolder};

const PAGE_BYTES: usize = 4096;
/// The first byte of a table's leaf page.
const ROWS: u8 = 0x0d;

/// The last leaf page that the log does not contain.
fn unlogged_page(file: &Path) -> u64 {
    let log = fs::read(format!("{}-wal", file.display())).unwrap();
    let frames = log[32..].chunks_exact(24 + PAGE_BYTES);
    // They are counted from 1.
    let logged = frames.map(|frame| u32::from_be_bytes(frame[..4].try_into().unwrap()) - 1);
    let logged: BTreeSet<u64> = logged.map(u64::from).collect();
    let bytes = fs::read(file).unwrap();
    let pages = bytes.chunks_exact(PAGE_BYTES).zip(0..);
    let fit = pages.filter(|(page, number)| page[0] == ROWS && !logged.contains(number));
    fit.last().unwrap().1
}

/// The files after a crash, with one corrupted page.
fn damaged() -> Desk {
    let desk = Desk::sqlite();
    desk.import("before", 60);
    let (mut server, ..) = serve_on(&desk.folder, &format!("--database={}", desk.url), &[]);
    desk.import("after", 1);
    server.kill();
    let folder = TempFolder::new();
    copy_folder(desk.folder.path(), folder.path());
    // The page gets an invalid kind.
    let page = unlogged_page(&folder.path().join("t.db"));
    let file = fs::File::options().write(true).open(folder.path().join("t.db")).unwrap();
    file.write_all_at(&[0xff; 64], page * PAGE_BYTES as u64).unwrap();
    Desk { folder, url: desk.url.clone(), is_sqlite: true }
}

#[test]
fn a_damaged_file_is_not_served_after_a_crash() {
    let desk = damaged();
    let refused = desk.refused("search", &["lorem"]);
    assert!(refused.contains("t.db is damaged: "), "{refused}");
    assert!(refused.contains("throughline restore"), "{refused}");
    // The control: without the check it is served.
    let more = ["--check-at-start-seconds", "0"];
    let (mut server, ..) = serve_on(&desk.folder, "--database=sqlite:t.db", &more);
    server.kill();
}

#[test]
fn a_setting_says_how_long_it_may_take() {
    let desk = Desk::sqlite();
    let refused = desk.refused("migrate", &["--check-at-start-seconds", "soon"]);
    assert!(refused.contains("must be a whole number from 0 to 86400"), "{refused}");
}

/// A file that is still open looks like one after a crash.
#[test]
fn commands_close_what_they_opened() {
    let desk = Desk::sqlite();
    desk.import("before", 1);
    desk.found("before");
    desk.backup("backup");
    desk.restore("backup", &[]);
    desk.printed("migrate", &[]);
    for name in ["t.db-wal", "t.db-shm", "t.db-audit-wal", "t.db-audit-shm"] {
        assert!(!desk.path(name).exists(), "{name}");
    }
}
