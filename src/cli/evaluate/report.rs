//! The report of an evaluation.

use std::fmt::Write as _;

use serde_json::json;

use super::dataset::Dataset;
use crate::{
    cli::render::{Ink, TerminalStyle, pad, safe},
    domain::matching::{Pair, Pairs, Score},
};

/// The pairs found in a file, compared with the truth.
#[derive(Debug)]
pub struct Report {
    file: String,
    rows: usize,
    columns: String,
    true_pairs: usize,
    compared: u64,
    found: usize,
    right: usize,
    seconds: f64,
    /// The wrong pairs, rendered.
    pub wrong: String,
}

impl Report {
    pub fn of(file: String, dataset: &Dataset, found: &Pairs, elapsed_us: i64) -> Self {
        let right = found.pairs.iter().filter(|pair| is_right(dataset, pair)).count();
        Self {
            file,
            rows: dataset.people.len(),
            columns: dataset.columns.clone(),
            true_pairs: dataset.truth.pairs().len(),
            compared: found.compared,
            found: found.pairs.len(),
            right,
            seconds: elapsed_us as f64 / 1e6,
            wrong: String::new(),
        }
    }

    /// None if nothing was found.
    fn precision(&self) -> Option<f64> {
        ratio(self.right, self.found)
    }

    /// None if there is nothing to find.
    fn recall(&self) -> Option<f64> {
        ratio(self.right, self.true_pairs)
    }

    /// The harmonic mean of precision and recall.
    fn f1(&self) -> Option<f64> {
        ratio(2 * self.right, self.found + self.true_pairs)
    }

    pub fn json(&self) -> serde_json::Value {
        json!({
            "file": self.file,
            "rows": self.rows,
            "columns": self.columns,
            "true_pairs": self.true_pairs,
            "compared": self.compared,
            "found": self.found,
            "right": self.right,
            "precision": self.precision(),
            "recall": self.recall(),
            "f1": self.f1(),
            "seconds": self.seconds,
        })
    }

    /// Adds some false pairs, the most probable first, and some that were missed.
    pub fn explain(
        &mut self,
        dataset: &Dataset,
        found: &Pairs,
        limit: usize,
        score: impl Fn(u32, u32) -> Score,
        style: &TerminalStyle,
    ) {
        let heading = |text: &str| style.paint(Ink::Strong, &format!("\n{text}, {}\n", self.file));
        let false_pairs: Vec<&Pair> =
            found.pairs.iter().filter(|pair| !is_right(dataset, pair)).take(limit).collect();
        let mut text = String::new();
        if !false_pairs.is_empty() {
            text += &heading("Found, but of two people");
        }
        for pair in false_pairs {
            text += &render_pair(dataset, pair.one, pair.other, &score(pair.one, pair.other));
        }
        let known: std::collections::HashSet<(u32, u32)> =
            found.pairs.iter().map(|pair| (pair.one, pair.other)).collect();
        let missed = dataset.truth.pairs().into_iter().filter(|pair| !known.contains(pair));
        let missed: Vec<_> = missed.take(limit).collect();
        if !missed.is_empty() {
            text += &heading("One person's, but missed");
        }
        for (one, other) in missed {
            text += &render_pair(dataset, one, other, &score(one, other));
        }
        self.wrong = text;
    }
}

fn is_right(dataset: &Dataset, pair: &Pair) -> bool {
    dataset.truth.is_same(pair.one, pair.other)
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn render_pair(dataset: &Dataset, one: u32, other: u32, score: &Score) -> String {
    let mut text = format!("\n{}\n{}\n", row(dataset, one), row(dataset, other));
    let probability = score.probability;
    let _ = writeln!(text, "  probability {probability:.4}, {:+.1} bits", score.weight_bits);
    for reason in &score.reasons {
        let (field, agreement) = (reason.field.code(), reason.agreement.code());
        let bits = reason.weight_bits;
        let _ = writeln!(
            text,
            "  {} {} {bits:+6.1} bits, of strangers {:.4}%",
            pad(field, 16),
            pad(agreement, 10),
            reason.chance * 100.0
        );
    }
    text
}

fn row(dataset: &Dataset, index: u32) -> String {
    safe(&dataset.rows[index as usize])
}

/// An aligned table, one line per file.
pub fn table(reports: &[Report], style: &TerminalStyle) -> String {
    let head =
        ["file", "rows", "true pairs", "compared", "found", "precision", "recall", "F1", "s"];
    let share = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let mut lines: Vec<Vec<String>> = vec![head.iter().map(ToString::to_string).collect()];
    lines.extend(reports.iter().map(|report| {
        vec![
            safe(&report.file),
            report.rows.to_string(),
            report.true_pairs.to_string(),
            report.compared.to_string(),
            report.found.to_string(),
            share(report.precision()),
            share(report.recall()),
            share(report.f1()),
            format!("{:.1}", report.seconds),
        ]
    }));
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
            0 => pad(cell, *width),
            _ => format!("{cell:>width$}"),
        });
        let cells = cells.collect::<Vec<_>>().join("  ");
        text += &if number == 0 { style.paint(Ink::Strong, &cells) } else { cells };
        text.push('\n');
    }
    text
}
