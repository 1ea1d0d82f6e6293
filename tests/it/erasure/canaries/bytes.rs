//! Searches the raw bytes of files for texts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

use super::fill::NEEDLE;
use crate::support::Database;

/// The files that hold the tables of a database, after a checkpoint.
pub async fn files(database: &Database) -> Vec<PathBuf> {
    if let Some(file) = database.url.strip_prefix("sqlite:") {
        for url in [database.url.clone(), database.audit_url()] {
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            connection.execute("pragma wal_checkpoint(truncate)").await.unwrap();
            connection.close().await.unwrap();
        }
        let ends = ["", "-wal", "-shm", "-audit", "-audit-wal", "-audit-shm"];
        return ends.map(|end| PathBuf::from(format!("{file}{end}"))).into();
    }
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    connection.execute("checkpoint").await.unwrap();
    let path = "select current_setting('data_directory') || '/base/' || oid from pg_database \
        where datname = current_database()";
    let path: String = sqlx::query_scalar(path).fetch_one(&mut connection).await.unwrap();
    fs::read_dir(path).unwrap().map(|file| file.unwrap().path()).collect()
}

/// The field of each needle that was found, and the files that contain it.
pub fn found(
    needles: &BTreeMap<Vec<u8>, String>,
    files: &[PathBuf],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        for needle in in_bytes(needles, &read(file)) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            found.entry(needle).or_default().insert(name);
        }
    }
    found
}

/// The needles in some bytes, in any case.
pub fn in_bytes(needles: &BTreeMap<Vec<u8>, String>, bytes: &[u8]) -> BTreeSet<String> {
    let begins: BTreeSet<[u8; 3]> =
        needles.keys().map(|needle| [needle[0], needle[1], needle[2]]).collect();
    let mut is_begin = vec![false; 1 << 24];
    let place = |it: &[u8]| usize::from(it[0]) << 16 | usize::from(it[1]) << 8 | usize::from(it[2]);
    begins.iter().for_each(|begin| is_begin[place(begin)] = true);
    let lower = bytes.to_ascii_lowercase();
    let mut found = BTreeSet::new();
    for window in lower.windows(NEEDLE) {
        if is_begin[place(window)]
            && let Some(name) = needles.get(window)
        {
            found.insert(format!("{name} {}", String::from_utf8_lossy(window)));
        }
    }
    found
}

fn read(file: &Path) -> Vec<u8> {
    // One that is not there holds nothing.
    fs::read(file).unwrap_or_default()
}
