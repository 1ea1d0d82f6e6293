//! pgbench and psql of the same PostgreSQL.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::Context as _;

pub struct Pgbench {
    pgbench: PathBuf,
    psql: PathBuf,
    url: String,
}

impl Pgbench {
    pub fn new(pgbench: PathBuf, psql: PathBuf, url: &str) -> Self {
        Self { pgbench, psql, url: url.to_owned() }
    }

    /// Transactions a second of a script, with prepared statements.
    pub fn run(&self, script: &str, callers: usize, time: Duration) -> anyhow::Result<f64> {
        let file = std::env::temp_dir().join(format!("pgbench-{}.sql", std::process::id()));
        fs::write(&file, script)?;
        let output = Command::new(&self.pgbench)
            .args(["--no-vacuum", "--protocol=prepared"])
            .arg(format!("--client={callers}"))
            .arg(format!("--jobs={}", callers.min(2)))
            .arg(format!("--time={}", time.as_secs().max(1)))
            .arg(format!("--file={}", file.display()))
            .arg(&self.url)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = tps.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        tps.with_context(|| format!("pgbench told no rate:\n{text}{errors}"))
    }

    /// Runs SQL, for preparation.
    pub fn sql(&self, sql: &str) -> anyhow::Result<()> {
        let output = Command::new(&self.psql)
            .args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", sql])
            .arg(&self.url)
            .output()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.success(), "psql: {errors}");
        Ok(())
    }
}
