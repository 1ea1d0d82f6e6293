//! `throughline evaluate`: how good the suggestions are on a file where the truth is known.

mod columns;
mod dataset;
mod report;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use super::{failure::Failure, terminal};
use crate::{
    clock::Clock,
    domain::matching::{Frequencies, Model, SUGGESTION_THRESHOLD, find_pairs},
};
use dataset::{Dataset, Reading};
use report::Report;

/// Matches the records of a CSV file and compares the result with the truth
///
/// Columns are recognised by common headers. The weights are learnt from the file itself, as those
/// of a database are from its customers, unless --model or --built-in is given.
#[derive(Args, Debug)]
pub struct EvaluateArgs {
    /// CSV files with a header
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The column that has the same value for all records of one person
    #[arg(long, value_name = "COLUMN", required_unless_present = "links")]
    truth: Option<String>,
    /// Ignore so many characters at the end of that column
    #[arg(long, value_name = "N", default_value_t = 0, requires = "truth")]
    truth_drop: usize,
    /// A CSV file with the pairs of ids of one person, one for each FILE
    #[arg(long, value_name = "FILE", conflicts_with = "truth")]
    links: Vec<PathBuf>,
    /// The column with the ids [default: the first]
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// The field of a column with an uncommon header, such as "klant=name"
    #[arg(long = "column", value_name = "HEADER=FIELD", value_parser = header_and_field)]
    columns: Vec<(String, String)>,
    /// A column to ignore
    #[arg(long = "ignore", value_name = "HEADER")]
    ignored: Vec<String>,
    /// A file with weights, as --save-model writes it
    #[arg(long, value_name = "FILE", conflicts_with = "built_in")]
    model: Option<PathBuf>,
    /// Use the built-in weights instead of learning
    #[arg(long)]
    built_in: bool,
    /// Write the weights to a file
    #[arg(long, value_name = "FILE")]
    save_model: Option<PathBuf>,
    /// The minimum probability of a match
    #[arg(long, value_name = "P", default_value_t = SUGGESTION_THRESHOLD)]
    threshold: f64,
    /// Print so many false and so many missed pairs, with the reasons
    #[arg(long, value_name = "N", default_value_t = 0)]
    wrong: usize,
    /// Print one file per line, as JSON
    #[arg(long)]
    json: bool,
}

fn header_and_field(text: &str) -> Result<(String, String), String> {
    let pair = text.rsplit_once('=').filter(|(header, _)| !header.is_empty());
    let (header, field) = pair.ok_or("write HEADER=FIELD, such as \"klant=name\"")?;
    Ok((header.to_owned(), field.to_owned()))
}

pub fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    if !args.links.is_empty() && args.links.len() != args.files.len() {
        return Err(Failure::Usage("--links: give it once for each FILE".to_owned()));
    }
    if !(0.0..=1.0).contains(&args.threshold) {
        return Err(Failure::Usage("--threshold: give a number from 0 to 1".to_owned()));
    }
    let model = args.model.as_deref().map(read_model).transpose()?;
    let out = &mut io::stdout().lock();
    let mut reports = Vec::new();
    for (at, file) in args.files.iter().enumerate() {
        let report = evaluate(args, file, args.links.get(at), model.clone())?;
        if args.json {
            writeln!(out, "{}", report.json())?;
        }
        reports.push(report);
    }
    if !args.json {
        write!(out, "{}", report::table(&reports, &terminal::style(false)))?;
        for report in &reports {
            write!(out, "{}", report.wrong)?;
        }
    }
    Ok(())
}

fn evaluate(
    args: &EvaluateArgs,
    file: &Path,
    links: Option<&PathBuf>,
    model: Option<Model>,
) -> Result<Report, Failure> {
    let reading = Reading {
        truth: args.truth.as_deref(),
        truth_drop: args.truth_drop,
        links: links.map(PathBuf::as_path),
        id: args.id.as_deref(),
        given: &args.columns,
        ignored: &args.ignored,
    };
    let dataset = Dataset::read(file, &reading)?;
    let started_at = Clock::System.now();
    let frequencies = Frequencies::of(&dataset.people);
    let model = match model {
        Some(model) => model,
        None if args.built_in => Model::default(),
        None => Model::learn(&dataset.people, &frequencies),
    };
    let found = find_pairs(&dataset.people, &model, &frequencies, args.threshold, |_| {});
    let elapsed_us = Clock::System.now() - started_at;
    if let Some(path) = &args.save_model {
        let text = serde_json::to_string_pretty(&model).context("the weights have no JSON form")?;
        let name = || format!("cannot write {}", path.display());
        fs::write(path, text + "\n").with_context(name)?;
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut report = Report::of(name, &dataset, &found, elapsed_us);
    if args.wrong > 0 {
        let score = |one: u32, other: u32| {
            let (one, other) = (&dataset.people[one as usize], &dataset.people[other as usize]);
            model.score(one, other, &frequencies)
        };
        report.explain(&dataset, &found, args.wrong, score, &terminal::style(false));
    }
    Ok(report)
}

/// Reads a model from a file.
pub fn read_model(path: &Path) -> anyhow::Result<Model> {
    let name = || format!("{} holds no weights; --save-model writes such a file", path.display());
    let text = fs::read_to_string(path).with_context(name)?;
    serde_json::from_str(&text).with_context(name)
}
