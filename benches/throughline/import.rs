//! The rate of an import, against COPY of the same rows.

use std::time::Instant;

use crate::{pgbench::Pgbench, table, world::World};

/// The tables that an entry is written to.
const TABLES: [&str; 3] = ["entries", "entry_words", "idempotency_keys"];

/// Copies what the import has written into empty tables with the same indexes, through a file as
/// COPY does, and compares the rates.
pub fn compare_with_copy(world: &World, pgbench: &Pgbench) -> anyhow::Result<()> {
    let folder = std::env::temp_dir();
    let file = |table: &str| folder.join(format!("bench-{}-{table}.copy", std::process::id()));
    for table in TABLES {
        pgbench.sql(&format!("\\copy {table} to '{}'", file(table).display()))?;
        pgbench.sql(&format!("create table copy_{table} (like {table} including all)"))?;
    }
    let started = Instant::now();
    for table in TABLES {
        pgbench.sql(&format!("\\copy copy_{table} from '{}'", file(table).display()))?;
    }
    let seconds = started.elapsed().as_secs_f64();
    for table in TABLES {
        std::fs::remove_file(file(table))?;
        pgbench.sql(&format!("drop table copy_{table}"))?;
    }
    let entries = f64::from(world.customers * 20);
    let copied = entries / seconds;
    let row = vec![
        entries.to_string(),
        format!("{:.0}/s", world.import_rate),
        format!("{copied:.0}/s"),
        format!("{:.2}", world.import_rate / copied),
    ];
    let title = "Import into postgres: entries a second";
    table::print(title, &["entries", "import", "COPY of the same rows", "ratio"], &[row]);
    Ok(())
}
