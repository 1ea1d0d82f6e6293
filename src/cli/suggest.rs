//! `throughline suggest`: who among all customers may be one person.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _, stderr},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{connect, evaluate, failure::Failure, json, render, terminal};
use crate::{
    api::suggestions::reason,
    clock::Clock,
    config::Config,
    pb,
    store::{Step, Suggested, TopSuggestion},
};

/// Compares all customers, learns the weights from them and stores merge suggestions
///
/// A server updates suggestions as customers arrive. This command is for a first run over existing
/// customers, and to learn the weights again. It may run while the database is served; the server
/// then uses the new weights. It is safe to run it again.
#[derive(Args, Debug)]
pub struct SuggestArgs {
    /// A file with weights, as --save-model writes it, instead of learning them
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Write the weights to a file
    #[arg(long, value_name = "FILE")]
    save_model: Option<PathBuf>,
    /// Print the result on one line, as JSON
    #[arg(long)]
    json: bool,
}

/// Compares all customers, and reports the result.
pub async fn run(args: SuggestArgs, config: &Config) -> Result<(), Failure> {
    let model = args.model.as_deref().map(evaluate::read_model).transpose()?;
    connect::refuse_missing_file(&config.database)?;
    let store = super::open(config).await?;
    let started_at = Clock::System.now();
    let bar = Bar::new();
    let shown = bar.clone();
    let run = store.suggest_all(model, &config.auto_merge, move |step| shown.show(step)).await;
    bar.clear();
    store.close().await;
    let run = run.map_err(|error| Failure::Failed(format!("stopped: {error}. Run it again")))?;
    let Some(run) = run else {
        return Err(Failure::Failed(
            "another process is comparing all customers; run it again when that is done".to_owned(),
        ));
    };
    if let Some(path) = &args.save_model {
        let text =
            serde_json::to_string_pretty(&run.model).context("the weights have no JSON form")?;
        let name = || format!("cannot write {}", path.display());
        fs::write(path, text + "\n").with_context(name)?;
    }
    let seconds = (Clock::System.now() - started_at) as f64 / 1e6;
    let text = if args.json { as_json(&run, seconds)? } else { as_text(&run, seconds) };
    Ok(write!(io::stdout(), "{text}")?)
}

fn as_text(run: &Suggested, seconds: f64) -> String {
    let style = terminal::style(false);
    let rows = [
        ("customers", run.customers as f64),
        ("pairs compared", run.compared as f64),
        ("suggestions", run.suggestions as f64),
        ("seconds", seconds),
    ];
    let rows = rows.map(|(name, value)| (name, render::thousands(value)));
    let width = rows.iter().map(|(_, value)| value.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in rows {
        text += &format!("{}  {value:>width$}\n", render::pad(name, 14));
    }
    if !run.top.is_empty() {
        text += "\nThe likeliest:\n";
    }
    for one in &run.top {
        text += &render::suggestion(&message(one), &style);
    }
    if run.suggestions > run.top.len() {
        text += "\n`throughline suggestions` lists them all.\n";
    }
    text
}

fn as_json(run: &Suggested, seconds: f64) -> anyhow::Result<String> {
    let mut top = Vec::with_capacity(run.top.len());
    for one in &run.top {
        let text = json::to_json("MergeSuggestion", &message(one))?;
        top.push(serde_json::from_str::<serde_json::Value>(&text)?);
    }
    let json = serde_json::json!({
        "customers": run.customers,
        "pairsCompared": run.compared,
        "suggestions": run.suggestions,
        "seconds": seconds,
        "likeliest": top,
    });
    Ok(format!("{json}\n"))
}

fn message(one: &TopSuggestion) -> pb::MergeSuggestion {
    pb::MergeSuggestion {
        customer_id: one.one_id.to_string(),
        other_customer_id: one.other_id.to_string(),
        probability: one.probability,
        reasons: one.reasons.iter().map(reason).collect(),
        found_at: None,
    }
}

/// A progress bar on a terminal, nothing elsewhere.
#[derive(Clone)]
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new() -> Self {
        let template = "{bar:30} {percent:>3}%  {msg}";
        Self(stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(template);
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }))
    }

    fn show(&self, step: Step) {
        let Some(bar) = &self.0 else { return };
        let (done, of, text) = match step {
            Step::Reading(read) => (0, 1, format!("{read} customers read")),
            Step::Learning => (0, 1, "learning the weights".to_owned()),
            Step::Comparing(now) => {
                (now.done, now.people, format!("compared, {} pairs found", now.found))
            }
            Step::Writing(done, of) => (done, of, "written".to_owned()),
        };
        bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        bar.set_message(text);
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
