//! What a fault has shown, as rows of one table.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::check::Verdict;

/// What came of one fault on one database.
#[derive(Debug, Default)]
pub struct Outcome {
    pub fault: String,
    pub database: &'static str,
    /// How often the fault was there.
    pub tried: usize,
    pub acknowledged: usize,
    pub lost: usize,
    pub doubled: usize,
    /// The longest time from the end of the cause to the next acknowledgement.
    pub recovery: Option<Duration>,
    pub codes: BTreeMap<String, usize>,
    /// What else is to be told.
    pub note: String,
    /// Why it failed.
    pub problems: Vec<String>,
}

impl Outcome {
    pub fn new(fault: impl Into<String>, database: &'static str) -> Self {
        Self { fault: fault.into(), database, ..Default::default() }
    }

    /// Says why nothing was tried.
    pub fn skip(&mut self, reason: &str) {
        self.note = format!("skipped: {reason}");
    }

    /// Takes over what a check has found.
    pub fn take(&mut self, verdict: Verdict) {
        self.acknowledged += verdict.acknowledged;
        self.lost += verdict.lost;
        self.doubled += verdict.doubled;
        self.problems.extend(verdict.problems);
    }

    /// Takes over the answers of a load.
    pub fn count(&mut self, codes: &BTreeMap<String, usize>) {
        for (code, count) in codes.iter().filter(|(code, _)| *code != "OK") {
            *self.codes.entry(code.clone()).or_default() += count;
        }
    }

    /// Takes note of how long it took until something was acknowledged again.
    pub fn recovered(&mut self, after: Result<Duration, String>) {
        match after {
            Ok(time) => self.recovery = self.recovery.max(Some(time)),
            Err(problem) => self.problems.push(problem),
        }
    }

    /// A control has to find what is wrong: without that it fails.
    pub fn must_fail(mut self, found: impl Fn(&Self) -> bool) -> Self {
        let is_found = found(&self);
        self.problems.clear();
        if !is_found {
            self.problems.push("the control found nothing wrong".to_owned());
        }
        self
    }
}

pub const HEADER: &str = "fault                                    database    tried  acknowledged  \
                          lost  doubled  recovery  answers";

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, database, tried, acknowledged, lost, doubled, .. } = self;
        let recovery =
            self.recovery.map_or("-".to_owned(), |it| format!("{:.1} s", it.as_secs_f64()));
        let mut codes: Vec<_> =
            self.codes.iter().map(|(it, count)| format!("{it} {count}")).collect();
        codes.extend((!self.note.is_empty()).then(|| self.note.clone()));
        let codes = codes.join(", ");
        write!(
            out,
            "{fault:<40} {database:<10} {tried:>6} {acknowledged:>13} {lost:>5} {doubled:>8} \
             {recovery:>9}  {codes}"
        )?;
        for problem in &self.problems {
            write!(out, "\n    FAILED: {problem}")?;
        }
        Ok(())
    }
}
