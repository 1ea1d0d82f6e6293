//! Paths of files and of what stands beside them.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// A file whose name extends that of another.
pub fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// The write-ahead log of a file.
pub fn log_of(file: &Path) -> PathBuf {
    beside(&resolved(file), "-wal")
}

/// The path without links, which SQLite uses for the name of the log.
pub fn resolved(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    // A missing file is expected where its link leads.
    let path = path.read_link().map_or_else(|_| path.to_owned(), |to| folder(path).join(to));
    match (folder(&path).canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// The folder of a file.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether a file exists and is not empty.
pub fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}
