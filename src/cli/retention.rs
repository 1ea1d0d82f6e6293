//! `throughline retention`: what is older than the rules keep goes, or would go.

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
    store::{Gone, Sweep, Swept},
};

/// Removes what is older than the rules of retention keep, of everybody, at once
///
/// A server does the same by itself, a few entries a second. It is safe to end it and to run it
/// again, and servers may run meanwhile.
#[derive(Args, Debug)]
pub struct RetentionArgs {
    /// Show what would go, and leave it
    #[arg(long)]
    dry_run: bool,
}

/// Goes through all customers, and tells what went.
pub async fn run(args: &RetentionArgs, config: &Config) -> Result<(), Failure> {
    let rules = config.retention()?;
    if rules.is_empty() {
        let advice = "there are no rules: retention_file names none, and all is kept";
        return Err(Failure::Usage(advice.to_owned()));
    }
    connect::refuse_missing_file(&config.database)?;
    let store = super::open(config).await?;
    let bar = stderr().is_terminal().then(ProgressBar::new_spinner);
    bar.iter().for_each(|bar| bar.enable_steady_tick(Duration::from_millis(100)));
    let how = if args.dry_run { Sweep::DryRun } else { Sweep::AtOnce };
    let verb = if args.dry_run { "found" } else { "removed" };
    let shown = bar.clone();
    let show = move |swept: Swept| {
        let Swept { records, entries } = swept;
        let text = format!("{records} records looked at, {entries} entries {verb}");
        shown.iter().for_each(|bar| bar.set_message(text.clone()));
    };
    let gone = store.sweep(&rules, how, show).await;
    bar.iter().for_each(ProgressBar::finish_and_clear);
    store.close().await;
    let gone = gone.map_err(|error| Failure::Failed(format!("stopped: {error}. Run it again")))?;
    Ok(write!(io::stdout(), "{}", table(&rules, &gone, args.dry_run))?)
}

/// By rule and channel: how many entries, and when the oldest happened.
pub fn table(rules: &RetentionRules, gone: &[Gone], dry_run: bool) -> String {
    let total: u64 = gone.iter().map(|it| it.entries).sum();
    let word = if dry_run { "would go" } else { "went" };
    let mut rows =
        vec![["rule", "kinds", "kept", "channel", "entries", "oldest"].map(String::from)];
    for one in gone {
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
                // Numbers to the right.
                if column == 4 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            text += cells.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text.push('\n');
    }
    text + &format!("{} entries {word}.\n", render::thousands(total as f64))
}
