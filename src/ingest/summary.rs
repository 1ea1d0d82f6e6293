//! The result of an import.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::PathBuf,
};

use serde::Serialize;
use uuid::Uuid;

use super::rejects::Reject;
use crate::model::{Channel, EntryKind};

/// The most different reasons that are counted separately, and the most rejects that are shown.
const MAX_REASONS: usize = 50;
const MAX_EXAMPLES: usize = 5;

/// What an import did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Nothing was written.
    pub dry_run: bool,
    /// The file was read to its end.
    pub complete: bool,
    pub rows: u64,
    /// Rows that the map leaves out.
    pub rows_left_out: u64,
    /// Customers that were created. Unknown in a dry run.
    pub customers_created: Option<u64>,
    /// Customers that already existed. Unknown in a dry run.
    pub customers_known: Option<u64>,
    /// Distinct customers of the file, as far as their strongest identifiers tell.
    pub customers: u64,
    /// Entries recorded by this run.
    pub entries: u64,
    pub entries_by: Vec<EntryCount>,
    /// Entries that were already recorded.
    pub duplicates: u64,
    /// Invalid identifiers that were left out, as the map says.
    pub identifiers_left_out: u64,
    /// Calls with identifiers that belong to different customers: the strongest one decided, and
    /// nothing was linked.
    pub conflicts: u64,
    /// Orders that were kept as an attribute, as the map says.
    pub unknown_orders: u64,
    pub rejected: u64,
    pub rejected_by: BTreeMap<String, u64>,
    pub rejects_file: Option<PathBuf>,
    /// Columns of the map that no row of an NDJSON file had.
    pub columns_never_found: Vec<String>,
    #[serde(skip)]
    examples: Vec<String>,
    #[serde(skip)]
    counts: BTreeMap<(EntryKind, Option<Channel>), u64>,
    /// Parts of the ids of the customers met, 8 bytes each.
    #[serde(skip)]
    met: HashSet<u64>,
}

/// The number of entries of a kind and channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EntryCount {
    pub kind: &'static str,
    pub channel: &'static str,
    pub count: u64,
}

impl Summary {
    pub fn new(dry_run: bool) -> Self {
        Self { dry_run, ..Self::default() }
    }

    /// Counts a customer of the store.
    pub fn meet(&mut self, id: Uuid, created: bool) {
        // The lower half is random.
        self.met.insert(id.as_u64_pair().1);
        *self.customers_created.get_or_insert(0) += u64::from(created);
    }

    /// Counts a customer of a dry run, by a hash of its identifier.
    pub fn see(&mut self, hash: u64) {
        self.met.insert(hash);
    }

    pub fn add_entry(&mut self, kind: EntryKind, channel: Option<Channel>) {
        *self.counts.entry((kind, channel)).or_default() += 1;
        self.entries += 1;
    }

    pub fn add_reject(&mut self, reject: &Reject) {
        self.rejected += 1;
        let text = match reject.field.as_str() {
            field if field.is_empty() || reject.reason.starts_with(field) => reject.reason.clone(),
            field => format!("{field}: {}", reject.reason),
        };
        if self.examples.len() < MAX_EXAMPLES {
            let Reject { file, line, byte_offset, .. } = reject;
            self.examples.push(format!("{file}, line {line} (byte {byte_offset}): {text}"));
        }
        let mut reason = without_places(&text);
        if self.rejected_by.len() >= MAX_REASONS && !self.rejected_by.contains_key(&reason) {
            reason = "other reasons".to_owned();
        }
        *self.rejected_by.entry(reason).or_default() += 1;
    }

    /// Computes the totals at the end.
    pub fn finish(&mut self) {
        self.customers = self.met.len() as u64;
        if !self.dry_run {
            let created = *self.customers_created.get_or_insert(0);
            self.customers_known = Some(self.customers.saturating_sub(created));
        }
        let counts = self.counts.iter();
        let counts = counts.map(|((kind, channel), count)| EntryCount {
            kind: kind.code(),
            channel: channel.map_or("", Channel::code),
            count: *count,
        });
        self.entries_by = counts.collect();
    }
}

/// A reason without numbers of items and bytes, so that rows at different positions share it.
fn without_places(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        plain.push(char);
        if char == '[' || plain.ends_with("byte offset ") || plain.ends_with("column ") {
            while chars.next_if(char::is_ascii_digit).is_some() {}
        }
    }
    plain
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![("rows".to_owned(), self.rows)];
        lines.push(("  left out by the map".to_owned(), self.rows_left_out));
        lines.push(("customers".to_owned(), self.customers));
        for (name, count) in
            [("  created", self.customers_created), ("  known", self.customers_known)]
        {
            lines.extend(count.map(|count| (name.to_owned(), count)));
        }
        let entries = if self.dry_run { "entries to record" } else { "entries recorded" };
        lines.push((entries.to_owned(), self.entries));
        for EntryCount { kind, channel, count } in &self.entries_by {
            lines.push((format!("  {kind} by {channel}"), *count));
        }
        let already = match self.dry_run {
            true => "entries that are twice in the file",
            false => "entries that were there already",
        };
        lines.push((already.to_owned(), self.duplicates));
        lines.push(("identifiers left out".to_owned(), self.identifiers_left_out));
        lines.push(("identifiers of several customers".to_owned(), self.conflicts));
        lines.push(("unknown orders kept as attributes".to_owned(), self.unknown_orders));
        lines.push(("rejected".to_owned(), self.rejected));
        let rare = ["  left out", "identifiers ", "unknown "];
        lines.retain(|(name, count)| *count > 0 || !rare.iter().any(|it| name.starts_with(it)));
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, count) in lines {
            writeln!(out, "{name:width$}  {:>12}", grouped(count))?;
        }
        for (reason, count) in &self.rejected_by {
            writeln!(out, "  {:>12}  {reason}", grouped(*count))?;
        }
        if !self.examples.is_empty() {
            writeln!(out, "such as")?;
        }
        for example in &self.examples {
            writeln!(out, "  {example}")?;
        }
        if let Some(path) = &self.rejects_file {
            writeln!(out, "what was rejected is in {}", path.display())?;
        }
        if !self.columns_never_found.is_empty() {
            let names = self.columns_never_found.join(", ");
            writeln!(out, "columns of the map that no row has: {names}")?;
        }
        Ok(())
    }
}

/// 1234567 as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
