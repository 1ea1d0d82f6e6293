//! The folder of a backup: new, readable only by its owner, and removed if the backup fails.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Instant,
};

use rustix::fs::statvfs;

use super::{
    BackupError,
    manifest::{Content, Manifest, NAME},
};
use crate::store::paths::folder;

/// The prefix of the files in a backup, except for the manifest.
pub const STEM: &str = "throughline.";
/// How much must stay free on each disk: a full disk stops the database.
const RESERVE_BYTES: u64 = 64 << 20;

/// A folder that is being filled. It is emptied if it is dropped before it is finished.
pub struct Folder {
    path: PathBuf,
    /// Whether it was created.
    is_new: bool,
    is_finished: bool,
}

impl Folder {
    /// Creates a folder, or takes an empty one, readable only by its owner.
    pub fn create(path: &Path) -> Result<Self, BackupError> {
        let made = DirBuilder::new().mode(0o700).create(path);
        let is_new = match made {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                ensure_empty(path)?;
                fs::set_permissions(path, Permissions::from_mode(0o700))
                    .map_err(|error| BackupError::of_file(path, &error))?;
                false
            }
            Err(error) => return Err(BackupError::of_file(path, &error)),
        };
        let path = path.canonicalize().map_err(|error| BackupError::of_file(path, &error))?;
        Ok(Self { path, is_new, is_finished: false })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates an empty file readable only by its owner, which keeps its mode when it is written.
    pub fn new_file(&self, name: &str) -> Result<PathBuf, BackupError> {
        let path = self.file(name);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.map(drop).map_err(|error| BackupError::of_file(&path, &error))?;
        Ok(path)
    }

    /// Describes a complete file once it is durable.
    pub async fn keep(&self, name: &'static str, until: Instant) -> Result<Content, BackupError> {
        let path = self.file(name);
        let kept = tokio::task::spawn_blocking({
            let path = path.clone();
            move || {
                File::open(&path)?.sync_all()?;
                Content::of(&path, name, until)
            }
        });
        let kept = kept.await.unwrap_or_else(|_| Err(io::Error::other("a file task failed")));
        kept.map_err(|error| BackupError::of_reading(&path, &error))
    }

    /// Writes the manifest, which makes the folder a backup, and returns its path.
    pub fn finish(mut self, manifest: &Manifest) -> Result<PathBuf, BackupError> {
        let (path, whole) = (self.file(NAME), self.file("backup.json.new"));
        let write = || -> io::Result<()> {
            // The names of its files are durable.
            sync_folder(&self.path)?;
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&whole)?;
            file.write_all(manifest.text()?.as_bytes())?;
            file.sync_all()?;
            fs::rename(&whole, &path)?;
            sync_folder(&self.path)?;
            sync_folder(folder(&self.path))
        };
        write().map_err(|error| BackupError::of_file(&path, &error))?;
        self.is_finished = true;
        Ok(self.path.clone())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // What cannot be removed is left: without a manifest it is not a backup.
        for file in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = file.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(STEM) || name.starts_with(NAME) {
                let _ = fs::remove_file(file.path());
            }
        }
        if self.is_new {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

fn ensure_empty(path: &Path) -> Result<(), BackupError> {
    let mut files = fs::read_dir(path).map_err(|error| BackupError::of_file(path, &error))?;
    if files.next().is_none() {
        return Ok(());
    }
    let shown = path.display();
    if path.join(NAME).exists() {
        let advice = "Name a new folder: each backup has one of its own";
        return Err(BackupError::refused(format!("{shown} holds a backup"), advice));
    }
    let advice = "Name a new folder. Where it is what a backup left that was cut short, remove it";
    Err(BackupError::refused(format!("{shown} is not empty"), advice))
}

/// Makes the names in a folder durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Refuses if the disk of a folder lacks room for so many more bytes.
pub fn ensure_room(folder: &Path, bytes: u64) -> Result<(), BackupError> {
    let found = statvfs(folder).map_err(|error| BackupError::of_file(folder, &error.into()))?;
    let (free, needed) = (found.f_bavail * found.f_frsize, bytes.saturating_add(RESERVE_BYTES));
    if free >= needed {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let what = format!(
        "{} MiB may be needed at {}, with {} MiB to spare, and {} MiB are free",
        mib(bytes),
        folder.display(),
        mib(RESERVE_BYTES),
        free >> 20
    );
    Err(BackupError::refused(what, "Make room, or name a folder on another disk"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::ensure_room;

    #[test]
    fn room_is_looked_for_before() -> Result<(), super::BackupError> {
        ensure_room(Path::new("."), 0)?;
        let refused = ensure_room(Path::new("."), u64::MAX).map_err(|error| error.to_string());
        let said = refused.err().unwrap_or_default();
        assert!(said.contains("MiB may be needed at .") && said.contains("Make room"), "{said}");
        Ok(())
    }
}
