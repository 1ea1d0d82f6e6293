//! `throughline import`.

use std::{
    fs,
    io::{IsTerminal as _, Write as _, stderr, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    api::validate::Rules,
    clock::Clock,
    ingest::{
        map::Map,
        rejects::default_path,
        run::{MAX_BATCH, Options, Outcome, Progress, run as import},
        source::Input,
    },
    store::Store,
};

/// The interval of plain progress lines, in microseconds.
const LINE_EVERY_US: i64 = 5_000_000;

/// Imports a file of customers or entries. Running it again creates no duplicates.
///
/// The exit code is 0 if all rows were imported, 1 if some were rejected, and 2 if the import could
/// not run or not complete.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// A CSV or NDJSON file with --map, or an NDJSON file in the native format.
    pub file: PathBuf,
    /// A TOML file that maps columns to fields.
    #[arg(long)]
    pub map: Option<PathBuf>,
    /// The file with the order lines, if it is not beside FILE.
    #[arg(long, requires = "map")]
    pub lines: Option<PathBuf>,
    /// The file for rejected rows [default: FILE.rejects.ndjson; none with --dry-run].
    #[arg(long)]
    pub rejects: Option<PathBuf>,
    /// Import the corrected rows of the rejects instead of those of FILE.
    #[arg(long)]
    pub replay: bool,
    /// The number of rows per transaction, 1 to 1,000.
    #[arg(long, default_value_t = MAX_BATCH, value_name = "CALLS")]
    pub batch: usize,
    /// Check every row and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Imports a file, reports the result, and returns the exit code.
pub async fn run(args: ImportArgs, store: Store, rules: Rules) -> anyhow::Result<ExitCode> {
    let json = args.json;
    let options = match options(args) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("import: {error:#}");
            return Ok(ExitCode::from(2));
        }
    };
    // With a clock that is off, valid rows would be rejected for good.
    if let Err(error) = store.check_clock().await {
        eprintln!("import: {error}");
        return Ok(ExitCode::from(2));
    }
    let rules = Rules { skew: Some(store.skew().clone()), ..rules };
    let mut display = Display::new(rules.clock);
    let Outcome { summary, stopped } =
        import(options, &store, &rules, |progress| display.show(progress)).await;
    display.clear();
    if json {
        writeln!(stdout(), "{}", serde_json::to_string(&summary)?)?;
    } else if stopped.is_none() || summary.rows > 0 {
        write!(stdout(), "{summary}")?;
    }
    if let Some(error) = stopped {
        eprintln!("import: {error:#}");
        return Ok(ExitCode::from(2));
    }
    Ok(ExitCode::from(u8::from(summary.rejected > 0)))
}

fn options(args: ImportArgs) -> anyhow::Result<Options> {
    let map = args.map.as_deref().map(read_map).transpose()?;
    let name = args.file.to_string_lossy().to_lowercase();
    let own = [".ndjson", ".jsonl"].iter().any(|end| name.ends_with(end));
    if map.is_none() && !own {
        bail!("give --map MAP.toml: only .ndjson files of the product's own format need none");
    }
    if !(1..=MAX_BATCH).contains(&args.batch) {
        bail!("give --batch a number from 1 to {MAX_BATCH}");
    }
    let path = args.rejects.clone().unwrap_or_else(|| default_path(&args.file));
    let rejects = (!args.dry_run || args.rejects.is_some()).then(|| path.clone());
    let replay = args.replay.then_some(path);
    let input = Input { file: args.file, map, lines: args.lines, replay };
    Ok(Options { input, dry_run: args.dry_run, rejects, batch: args.batch })
}

fn read_map(path: &Path) -> anyhow::Result<Map> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    Map::parse(&text).map_err(|faults| anyhow::anyhow!("{name}:\n{faults}"))
}

/// A progress bar on a terminal, plain lines elsewhere.
struct Display {
    bar: Option<ProgressBar>,
    clock: Clock,
    started_at: i64,
    shown_at: i64,
}

impl Display {
    fn new(clock: Clock) -> Self {
        let template = "{bar:30} {percent:>3}%  {msg}, {eta} left";
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(template);
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let now = clock.now();
        Self { bar, clock, started_at: now, shown_at: now }
    }

    fn show(&mut self, progress: Progress) {
        let now = self.clock.now();
        if self.bar.is_none() && now - self.shown_at < LINE_EVERY_US {
            return;
        }
        self.shown_at = now;
        let text = describe(progress, now - self.started_at);
        match &self.bar {
            Some(bar) => {
                // The file of the lines is done, and the rows begin.
                if progress.bytes < bar.position() {
                    bar.reset();
                }
                bar.set_length(progress.total_bytes);
                bar.set_position(progress.bytes);
                bar.set_message(text);
            }
            None => {
                let left = time_left(progress, now - self.started_at);
                let percent = progress.bytes * 100 / progress.total_bytes.max(1);
                eprintln!("{percent}%  {text}  {left}");
            }
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn describe(progress: Progress, elapsed_us: i64) -> String {
    if progress.indexing {
        return "reading the lines".to_owned();
    }
    let elapsed_us = elapsed_us.max(1).unsigned_abs();
    let rate = u128::from(progress.rows) * 1_000_000 / u128::from(elapsed_us);
    format!("{} rows, {rate}/s, {} rejected", progress.rows, progress.rejected)
}

fn time_left(progress: Progress, elapsed_us: i64) -> String {
    let left = u128::from(progress.total_bytes.saturating_sub(progress.bytes));
    let us = u128::from(elapsed_us.unsigned_abs()) * left / u128::from(progress.bytes.max(1));
    format!("about {} s left", us / 1_000_000)
}
