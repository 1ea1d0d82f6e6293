//! `throughline retention`: removes what is older than the rules keep, or shows it.

use std::{
    io::{self, IsTerminal as _, Write as _, stderr},
    time::Duration,
};

use clap::Args;
use indicatif::ProgressBar;
use jiff::Timestamp;

use super::{connect, failure::Failure, render};
use crate::{
    config::Config,
    model::{Channel, RetentionRules},
    store::{RemovalReport, Sweep, SweepProgress},
};

/// Removes what the retention rules no longer keep, of all customers at once
///
/// A server does this continuously, a few entries a second. It is safe to interrupt the command, to
/// run it again, and to run it while the database is served.
#[derive(Args, Debug)]
pub struct RetentionArgs {
    /// Show what would be removed, without removing it
    #[arg(long)]
    dry_run: bool,
}

/// Goes through all customers, and reports what was removed.
pub async fn run(args: &RetentionArgs, config: &Config) -> Result<(), Failure> {
    let rules = config.retention()?;
    if rules.is_empty() {
        let advice = "there are no retention rules: set retention_file";
        return Err(Failure::Usage(advice.to_owned()));
    }
    connect::refuse_missing_file(&config.database)?;
    let store = super::open(config).await?;
    let bar = stderr().is_terminal().then(ProgressBar::new_spinner);
    bar.iter().for_each(|bar| bar.enable_steady_tick(Duration::from_millis(100)));
    let how = if args.dry_run { Sweep::DryRun } else { Sweep::AtOnce };
    let verb = if args.dry_run { "found" } else { "removed" };
    let shown = bar.clone();
    let show = move |swept: SweepProgress| {
        let SweepProgress { records, entries } = swept;
        let text = format!("{records} records checked, {entries} entries {verb}");
        shown.iter().for_each(|bar| bar.set_message(text.clone()));
    };
    let removed = store.sweep(&rules, how, show).await;
    bar.iter().for_each(ProgressBar::finish_and_clear);
    store.close().await;
    let removed =
        removed.map_err(|error| Failure::Failed(format!("stopped: {error}. Run it again")))?;
    Ok(write!(io::stdout(), "{}", table(&rules, &removed, args.dry_run))?)
}

/// By rule and channel: the number of entries, and when the oldest happened.
pub fn table(rules: &RetentionRules, removed: &[RemovalReport], dry_run: bool) -> String {
    let total: u64 = removed.iter().map(|it| it.entries).sum();
    let word = if dry_run { "would go" } else { "went" };
    let mut rows =
        vec![["rule", "kinds", "kept", "channel", "entries", "oldest"].map(String::from)];
    for one in removed {
        let Some(rule) = rules.0.get(one.rule) else { continue };
        let kinds: Vec<&str> = rule.kinds.iter().map(|kind| kind.code()).collect();
        let oldest =
            Timestamp::from_microsecond(one.oldest).map(|it| it.strftime("%F").to_string());
        rows.push([
            (one.rule + 1).to_string(),
            kinds.join(", "),
            format!("{} days", rule.keep_days),
            one.channel.map_or("-", Channel::code).to_owned(),
            render::thousands(one.entries as f64),
            oldest.unwrap_or_default(),
        ]);
    }
    let mut text = String::new();
    if rows.len() > 1 {
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                let width = *width;
                // Numbers are right-aligned.
                if column == 4 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            text += cells.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text.push('\n');
    }
    text + &format!("{} entries {word}.\n", render::thousands(total as f64))
}
