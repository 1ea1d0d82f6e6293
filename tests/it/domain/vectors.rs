//! Test vectors that the project did not write.

use crate::support::outside_data;

/// The rows of a CSV file without its header. None if the file is absent and not required.
pub fn rows(name: &str) -> Option<Vec<Vec<String>>> {
    let mut reader = csv::Reader::from_path(outside_data(name)?).expect("a file");
    let rows =
        reader.records().map(|row| row.expect("a row of CSV").iter().map(str::to_owned).collect());
    Some(rows.collect())
}
