//! Restores an SQLite backup: its files replace the existing ones, which are moved away.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown,
    },
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::prepare::{Restored, Restoring, ensure_same, prepare};
use crate::store::{
    backup::{
        BackupError, BackupOptions, Manifest,
        copy::{AUDIT, DATABASE, check},
        folder::{ensure_room, sync_folder},
        manifest::Content,
        options::Progress,
    },
    files::{Files, StoreLock, UnderWay},
    paths::{beside, folder, has_content, log_of},
};

/// The name of a copy on its target disk until it is complete.
const COPY: &str = ".restoring-copy";
/// A database file, and the files that SQLite keeps beside it.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

pub async fn restore(
    files: &Files,
    manifest: Manifest,
    how: &Restoring<'_>,
    options: BackupOptions<'_>,
) -> Result<Restored, BackupError> {
    let Some(lock) = files.lock_alone()? else {
        let what = format!("a process has {} open", files.database.display());
        return Err(BackupError::refused(what, "Stop the server, and whatever else uses it"));
    };
    remove_old_copies(files)?;
    let staging = Staging::create(files)?;
    // It is written twice if much has to be erased again.
    ensure_room(&staging.0, manifest.bytes() * 2)?;
    for content in &manifest.files {
        staging.take(content, how.from, options).await?;
    }
    let (database, audit) = (staging.0.join(DATABASE), staging.0.join(AUDIT));
    ensure_same(&manifest, &check(&database, &audit, options.until).await?)?;
    let Some(path) = database.to_str() else {
        let what = format!("the name {} is no UTF-8", database.display());
        return Err(BackupError::refused(what, "Name another file"));
    };
    let prepared = prepare(&format!("sqlite:{path}"), &manifest, how, options).await?;
    ensure_no_log(&[&database, &audit])?;
    (options.progress)(Progress { step: "checking what was restored", bytes: 0, of: None });
    let facts = check(&database, &audit, options.until).await?;
    let swap = Swap { files, staging: &staging, time: options.clock.now() };
    let moved_to = swap.run(lock).map_err(|error| {
        let what = format!("the files cannot be put in their place: {error}");
        BackupError::refused(what, "Make room or give the right to, and restore again")
    })?;
    Ok(Restored {
        manifest,
        facts,
        erased_again: prepared.erased_again,
        moved_to,
        has_outside_seal: prepared.has_outside_seal,
    })
}

/// Removes what an interrupted restore has left on another disk.
fn remove_old_copies(files: &Files) -> Result<(), BackupError> {
    for copy in files.resolved().map(|target| beside(&target, COPY)) {
        match fs::remove_file(&copy) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(BackupError::of_file(&copy, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses if SQLite has left a log, as on a full disk: the files are moved without it.
fn ensure_no_log(files: &[&Path]) -> Result<(), BackupError> {
    let Some(log) = files.iter().map(|file| log_of(file)).find(|log| has_content(log)) else {
        return Ok(());
    };
    let what = format!("SQLite could not empty the log {}", log.display());
    Err(BackupError::refused(what, "Is there room on that disk? Restore again"))
}

/// A folder beside the database, in which the restored database is prepared.
struct Staging(PathBuf);

impl Staging {
    fn create(files: &Files) -> Result<Self, BackupError> {
        let [database, _] = files.resolved();
        let path = beside(&database, ".restoring");
        let of_folder = |error: io::Error| BackupError::of_file(&path, &error);
        if path.exists() {
            // It is left from an interrupted restore: nobody else has the lock.
            fs::remove_dir_all(&path).map_err(of_folder)?;
        }
        DirBuilder::new().mode(0o700).create(&path).map_err(of_folder)?;
        Ok(Self(path))
    }

    /// Copies a file of the backup and verifies it.
    async fn take(
        &self,
        content: &Content,
        from: &Path,
        options: BackupOptions<'_>,
    ) -> Result<(), BackupError> {
        let known = [DATABASE, AUDIT].into_iter().find(|name| *name == content.name);
        let Some(name) = known else {
            let what = format!("{} has the file {}", from.display(), content.name);
            return Err(BackupError::refused(what, "Use the version that made it"));
        };
        let step = "copying the backup";
        (options.progress)(Progress { step, bytes: 0, of: Some(content.bytes) });
        let (source, copy) = (from.join(name), self.0.join(name));
        let copying = tokio::task::spawn_blocking(move || {
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy)?;
            let found = Content::copied(&source, name, options.until, &mut file)?;
            file.sync_all()?;
            io::Result::Ok(found)
        });
        let copied = copying.await.unwrap_or_else(|_| Err(io::Error::other("a task failed")));
        let found = copied.map_err(|error| BackupError::of_reading(&from.join(name), &error))?;
        content.ensure_is(&found, from)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // If this fails, the next restore removes it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The replacement of the files. If interrupted, it leaves a note in the lock, so that nobody opens
/// the files; running it again completes it.
struct Swap<'a> {
    files: &'a Files,
    staging: &'a Staging,
    time: i64,
}

impl Swap<'_> {
    /// Returns the folders with the replaced files.
    fn run(&self, mut lock: StoreLock) -> io::Result<BTreeSet<PathBuf>> {
        let targets = self.files.resolved();
        let before = targets.each_ref().map(|target| fs::metadata(target).ok());
        lock.set_under_way(Some(UnderWay::Restoring))?;
        hand_over(self.files.lock_path(), folder(&targets[0]), before[0].as_ref())?;
        let mut moved_to = BTreeSet::new();
        // Whatever is missing from now on, the database file is: without it no database is opened.
        for target in &targets {
            moved_to.extend(self.move_away(target)?);
        }
        let whole = [DATABASE, AUDIT].map(|name| self.staging.0.join(name));
        for (index, (target, whole)) in targets.iter().zip(&whole).enumerate().rev() {
            if has_content(whole) {
                put(whole, target, before[index].as_ref())?;
            }
        }
        lock.set_under_way(None)?;
        Ok(moved_to)
    }

    fn move_away(&self, target: &Path) -> io::Result<Option<PathBuf>> {
        let parts: Vec<PathBuf> = PARTS.iter().map(|end| beside(target, end)).collect();
        let parts: Vec<&PathBuf> = parts.iter().filter(|part| part.exists()).collect();
        if parts.is_empty() {
            return Ok(None);
        }
        let away = self.away(folder(target))?;
        for part in parts {
            let name = part.file_name().ok_or_else(|| io::Error::other("a file without a name"))?;
            fs::rename(part, away.join(name))?;
        }
        sync_folder(&away)?;
        sync_folder(folder(target))?;
        Ok(Some(away))
    }

    /// The folder for replaced files, beside them.
    fn away(&self, folder: &Path) -> io::Result<PathBuf> {
        let [database, _] = self.files.resolved();
        let name = database.file_name().unwrap_or_default();
        let time = Timestamp::from_microsecond(self.time).unwrap_or_default();
        let end = format!(".before-restore-{}", time.strftime("%Y%m%dT%H%M%S%6fZ"));
        let away = beside(&folder.join(name), &end);
        match DirBuilder::new().mode(0o700).create(&away) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(away),
        }
    }
}

/// Moves a file to a free name, with the owner of the previous one.
fn put(file: &Path, target: &Path, before: Option<&Metadata>) -> io::Result<()> {
    let place = folder(target);
    // A link may lead to another disk.
    if fs::metadata(file)?.dev() != fs::metadata(place)?.dev() {
        let copy = beside(target, COPY);
        fs::copy(file, &copy)?;
        fs::File::open(&copy)?.sync_all()?;
        own(&copy, place, before)?;
        fs::rename(&copy, target)?;
    } else {
        own(file, place, before)?;
        fs::rename(file, target)?;
    }
    sync_folder(place)
}

/// Sets the owner and the mode of a file from the previous one.
fn own(file: &Path, place: &Path, before: Option<&Metadata>) -> io::Result<()> {
    hand_over(file, place, before)?;
    let mode = before.map_or(0o600, |before| before.mode() & 0o777);
    fs::set_permissions(file, Permissions::from_mode(mode))
}

/// Root restores for the user of the server: the owner of the previous file, or else of the folder.
fn hand_over(file: &Path, place: &Path, before: Option<&Metadata>) -> io::Result<()> {
    let own = fs::metadata(file)?;
    let (user, group) = match before {
        Some(before) => (before.uid(), before.gid()),
        None => {
            let place = fs::metadata(place)?;
            (place.uid(), place.gid())
        }
    };
    if own.uid() == 0 && (own.uid(), own.gid()) != (user, group) {
        chown(file, Some(user), Some(group))?;
    }
    Ok(())
}
