//! Where the data that nobody of the project wrote is found.

use std::{env, fs, path::PathBuf};

/// The text of a file under `../shared/data`. None where the folder is absent and not required.
pub fn read(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if env::var_os("REQUIRE_DATA").is_some_and(|value| value == "1") => {
            panic!("{}: {error}", path.display())
        }
        Err(_) => {
            println!("skipped: {name} is not there");
            None
        }
    }
}

/// The rows of a CSV file under `../shared/data`, without its header.
pub fn rows(name: &str) -> Option<Vec<Vec<String>>> {
    let text = read(name)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows =
        reader.records().map(|row| row.expect("a row of CSV").iter().map(str::to_owned).collect());
    Some(rows.collect())
}
