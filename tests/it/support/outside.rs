//! Data that the project neither wrote nor ships: `../shared/data`, next to the checkout.

use std::{env, io::Write as _, path::PathBuf};

/// A file or folder of it. None if it is absent, which is reported; with `REQUIRE_DATA=1` that is a
/// failure.
pub fn outside_data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    let absent = format!("../shared/data/{name} is not there");
    assert!(env::var_os("REQUIRE_DATA").is_none_or(|on| on != "1"), "REQUIRE_DATA=1, but {absent}");
    // Bypasses the capture of the test harness, which hides what a passing test prints.
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "skipped: {test}, because {absent}");
    None
}
