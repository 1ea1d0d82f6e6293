//! The private files of a server: whether this user may write them, who else may read them, and how
//! much space their disks have.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, AtFlags, CWD, accessat, statvfs};

use super::{finding::Finding, words::bytes};
use crate::{config::Config, store::Files};

/// With less than this, and less than 5 %, a disk is nearly full.
const NEARLY_FULL_BYTES: u64 = 2 << 30;
/// With less than this, writes fail soon.
const FULL_BYTES: u64 = 128 << 20;
const OTHERS_READ: u32 = 0o004;
const OTHERS_ENTER: u32 = 0o001;

/// A file, and its role in the configuration.
struct CheckedPath {
    setting: &'static str,
    path: PathBuf,
}

/// Whether the files that a server writes are writable.
pub fn check_writable(config: &Config) -> Vec<Finding> {
    const SUBJECT: &str = "files";
    let places = written(config);
    let mut findings: Vec<Finding> = places
        .iter()
        .filter_map(|place| {
            let why = unwritable(&place.path)?;
            let text = format!("{}: {} {why}", place.setting, place.path.display());
            let advice = "Make the folder, or let the user of the server write there";
            Some(Finding::failure(SUBJECT, text, advice))
        })
        .collect();
    if findings.is_empty() && !places.is_empty() {
        let names = places.iter().map(|place| place.setting).collect::<Vec<_>>().join(", ");
        findings.push(Finding::ok(SUBJECT, format!("{names} can be written")));
    }
    findings
}

/// Whether other users of this machine can read secret files.
pub fn check_private(config: &Config) -> Vec<Finding> {
    const SUBJECT: &str = "files";
    let secret = |(setting, path): (&'static str, &Option<PathBuf>)| {
        path.clone().map(|path| CheckedPath { setting, path })
    };
    let secrets = [
        ("tls_key", &config.tls_key),
        ("callers_file", &config.callers_file),
        ("token_file", &config.token_file),
    ];
    let secrets = secrets.into_iter().filter_map(secret).chain(written(config));
    secrets
        .filter(|place| is_open_to_others(&place.path))
        .map(|place| {
            let path = place.path.display();
            let text = format!("{}: every user of this machine can read {path}", place.setting);
            Finding::warning(SUBJECT, text, format!("`chmod o= {path}`"))
        })
        .collect()
}

/// The free space of the disks that the server writes to.
pub fn check_disks(config: &Config) -> Vec<Finding> {
    const SUBJECT: &str = "disk";
    let mut disks: BTreeMap<u64, (PathBuf, Vec<&str>)> = BTreeMap::new();
    for place in written(config) {
        let folder = folder(&place.path);
        let Ok(there) = fs::metadata(&folder) else { continue };
        let folder = folder.canonicalize().unwrap_or(folder);
        disks.entry(there.dev()).or_insert_with(|| (folder, Vec::new())).1.push(place.setting);
    }
    let finding = |(folder, settings): (PathBuf, Vec<&str>)| {
        let of = settings.join(", ");
        let Ok(found) = statvfs(&folder) else {
            let text = format!("{}, for {of}, does not say how full it is", folder.display());
            return Finding::note(SUBJECT, text, "");
        };
        let (left, all) = (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize);
        let share = (left.saturating_mul(100)).checked_div(all).unwrap_or(0);
        let text = format!("{} left ({share} %) at {}, for {of}", bytes(left), folder.display());
        let advice = "Make room: a write that finds none is refused until there is some";
        // Some file systems do not count files, and report 0 of 0.
        let lacks_files = found.f_files > 0 && found.f_favail * 100 < found.f_files;
        if left < FULL_BYTES {
            Finding::failure(SUBJECT, text, advice)
        } else if left < NEARLY_FULL_BYTES && share < 5 {
            Finding::warning(SUBJECT, text, advice)
        } else if lacks_files {
            let text = format!("hardly a file more fits on the disk at {}", folder.display());
            Finding::warning(SUBJECT, text, "Remove files: it has no inodes left")
        } else {
            Finding::ok(SUBJECT, text)
        }
    };
    disks.into_values().map(finding).collect()
}

/// The files that a server writes.
fn written(config: &Config) -> Vec<CheckedPath> {
    let files = Files::of(&config.database);
    let (database, audit) = files.map(|it| (it.database, it.audit)).unzip();
    [
        ("database", database),
        ("audit log", audit),
        ("erasure_ledger", config.erasure_ledger.clone()),
        ("audit_seals", config.audit_seals.clone()),
    ]
    .into_iter()
    .filter_map(|(setting, path)| path.map(|path| CheckedPath { setting, path }))
    .collect()
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Why a file cannot be written, or created if it does not exist.
fn unwritable(path: &Path) -> Option<String> {
    let may = |path: &Path, access| accessat(CWD, path, access, AtFlags::EACCESS).err();
    if path.exists() {
        let why = may(path, Access::READ_OK | Access::WRITE_OK);
        return why.map(|why| format!("cannot be written: {why}"));
    }
    let why = may(&folder(path), Access::WRITE_OK | Access::EXEC_OK);
    why.map(|why| format!("cannot be made: {why}"))
}

/// Whether the file exists, and every user may read it and enter its folders.
fn is_open_to_others(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let has = |path: &Path, bit| fs::metadata(path).is_ok_and(|it| it.mode() & bit == bit);
    has(&path, OTHERS_READ) && path.ancestors().skip(1).all(|folder| has(folder, OTHERS_ENTER))
}
