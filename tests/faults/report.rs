//! The results of faults, as rows of a table of 80 columns.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::{Value, json};

use crate::{
    check::Verdict,
    world::{Kind, World},
};

/// The result of one fault on one database.
#[derive(Debug, Default)]
pub struct Outcome {
    pub fault: String,
    pub database: &'static str,
    /// How often the fault occurred.
    pub tried: usize,
    pub acknowledged: usize,
    pub lost: usize,
    pub doubled: usize,
    /// The longest time from the end of the cause to the next acknowledgement.
    pub recovery: Option<Duration>,
    /// The number of answers other than OK, by kind.
    pub codes: BTreeMap<String, usize>,
    /// A remark.
    pub note: String,
    /// What the machine lacks, if nothing was tried.
    pub skipped: Option<String>,
    /// Why it failed.
    pub problems: Vec<String>,
}

impl Outcome {
    pub fn new(fault: impl Into<String>, database: &'static str) -> Self {
        Self { fault: fault.into(), database, ..Default::default() }
    }

    /// A world for the fault, or none, which is reported.
    pub async fn world(&mut self, kind: Kind) -> Option<World> {
        World::new(kind).await.map_err(|reason| self.skip(reason)).ok()
    }

    /// Says why nothing was tried: a few words for the row, and what follows a colon for the
    /// details.
    pub fn skip(&mut self, reason: String) {
        self.skipped = reason.split(": ").next().map(str::to_owned);
        self.note = reason;
    }

    /// Adds the result of a check.
    pub fn take(&mut self, verdict: Verdict) {
        self.acknowledged += verdict.acknowledged;
        self.lost += verdict.lost;
        self.doubled += verdict.doubled;
        self.problems.extend(verdict.problems);
    }

    /// Adds the answers of a load.
    pub fn count(&mut self, codes: &BTreeMap<String, usize>) {
        for (code, count) in codes.iter().filter(|(code, _)| *code != "OK") {
            *self.codes.entry(code.clone()).or_default() += count;
        }
    }

    /// Adds the time until something was acknowledged again.
    pub fn recovered(&mut self, after: Duration) {
        self.recovery = self.recovery.max(Some(after));
    }

    /// A control must find what is wrong: otherwise it fails.
    pub fn must_fail(mut self, found: impl Fn(&Self) -> bool) -> Self {
        let is_found = self.skipped.is_some() || found(&self);
        self.problems.clear();
        if !is_found {
            self.problems.push("the control found nothing wrong".to_owned());
        }
        self
    }

    /// Fails if the fault never occurred.
    pub fn must_have_tried(&mut self) {
        if self.tried == 0 && self.skipped.is_none() && self.problems.is_empty() {
            self.problems.push("nothing was tried".to_owned());
        }
    }

    /// What the row has no room for, one line each.
    pub fn details(&self) -> Vec<String> {
        let codes = self.codes.iter().map(|(code, count)| format!("{code} {count}"));
        let note = (!self.note.is_empty()).then(|| self.note.clone());
        codes.chain(note).collect()
    }

    /// The whole result, for programs.
    pub fn json(&self) -> Value {
        json!({
            "fault": self.fault,
            "database": self.database,
            "tried": self.tried,
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "doubled": self.doubled,
            "recovery_seconds": self.recovery.map(|it| it.as_secs_f64()),
            "answers": self.codes,
            "note": self.note,
            "skipped": self.skipped,
            "problems": self.problems,
        })
    }
}

pub const HEADER: &str =
    "fault                            database   tried     acked  lost  doubled  back";

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, database, tried, acknowledged, lost, doubled, .. } = self;
        write!(out, "{fault:<32} {database:<10} ")?;
        if let Some(reason) = &self.skipped {
            write!(out, "skipped: {reason}")?;
        } else {
            let back =
                self.recovery.map_or("-".to_owned(), |it| format!("{:.1}", it.as_secs_f64()));
            write!(out, "{tried:>5} {acknowledged:>9} {lost:>5} {doubled:>8} {back:>5}")?;
        }
        self.problems.iter().try_for_each(|problem| write!(out, "\n    FAILED: {problem}"))
    }
}
