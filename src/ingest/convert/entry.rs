//! The entries of a row.

use std::collections::BTreeMap;

use deunicode::deunicode_char;

use super::{
    Converter,
    fields::{Faults, timestamp},
};
use crate::{
    ingest::{
        map::{Attributes, Entry, List},
        row::Row,
        units::Unit,
        words::{CHANNELS, KINDS},
    },
    pb,
};

impl Converter {
    pub(super) fn entry(&self, entry: &Entry, unit: &Unit, faults: &mut Faults) -> pb::Entry {
        let head = unit.head();
        let channel = faults.word("entry.channel", &entry.channel, head, &CHANNELS);
        let kind = faults.word("entry.kind", &entry.kind, head, &KINDS);
        let occurred_at = faults.time("entry.occurred_at", &entry.occurred_at, head, &self.map);
        if occurred_at.is_none() && faults.0.is_empty() {
            let name = entry.occurred_at.value.name();
            faults.add("entry.occurred_at", format!("{name} is empty"));
        }
        let source = entry.source.as_ref().or(self.map.source.as_ref());
        let source_ref = faults.key("entry.source_ref", Some(&entry.source_ref), head);
        if source_ref.is_empty() {
            let name = entry.source_ref.name();
            faults.add("entry.source_ref", format!("{name} is empty, or a column in it"));
        }
        pb::Entry {
            occurred_at: occurred_at.map(timestamp),
            channel: channel.unwrap_or(pb::Channel::Unspecified).into(),
            source: faults.word_text("entry.source", source, head),
            source_ref,
            agent: faults.text("entry.agent", entry.agent.as_ref(), head),
            language: faults.word_text("entry.language", entry.language.as_ref(), head),
            order_numbers: read_list(entry.order_numbers.as_ref(), head, faults),
            attributes: self.attributes(&entry.attributes, head, faults),
            content: kind
                .zip(occurred_at)
                .map(|(kind, at)| self.content(kind, entry, unit, at, faults)),
            ..pb::Entry::default()
        }
    }

    fn attributes(
        &self,
        attributes: &Attributes,
        row: &Row,
        faults: &mut Faults,
    ) -> BTreeMap<String, String> {
        let mut filled = BTreeMap::new();
        match attributes {
            Attributes::Columns(columns) => {
                for column in columns {
                    let text = row.get(column).into_owned();
                    add_attribute(&mut filled, attribute_key(column), text);
                }
            }
            Attributes::Named(named) => {
                for (name, value) in named {
                    let text = faults.text("entry.attributes", Some(value), row);
                    add_attribute(&mut filled, name.clone(), text);
                }
            }
            Attributes::Rest => {
                for (column, text) in row.rest(&self.used) {
                    add_attribute(&mut filled, attribute_key(column), text.into_owned());
                }
            }
        }
        filled
    }
}

/// Adds an attribute. Two columns whose keys would be equal keep separate values.
fn add_attribute(to: &mut BTreeMap<String, String>, mut key: String, text: String) {
    if text.is_empty() {
        return;
    }
    while to.contains_key(&key) {
        key.push_str("_2");
    }
    to.insert(key, text);
}

/// The name of a column as the key of an attribute: `Submitted via` is `Submitted_via`.
fn attribute_key(column: &str) -> String {
    let mut key = String::with_capacity(column.len());
    let ascii = column.chars().filter_map(deunicode_char);
    for char in ascii.flat_map(str::chars) {
        match char {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => key.push(char),
            _ if key.ends_with('_') => {}
            _ => key.push('_'),
        }
    }
    if !key.starts_with(|char: char| char.is_ascii_alphabetic()) {
        key.insert_str(0, "column_");
    }
    key.truncate(60);
    let end = key.trim_end_matches('_').len();
    key.truncate(end);
    key
}

fn read_list(list: Option<&List>, row: &Row, faults: &mut Faults) -> Vec<String> {
    let Some(list) = list else { return Vec::new() };
    match list.value.column() {
        Some(column) => faults.take("entry.order_numbers", row.list(column, list.separator)),
        None => {
            let text = faults.key("entry.order_numbers", Some(&list.value), row);
            Some(text).filter(|text| !text.is_empty()).into_iter().collect()
        }
    }
}
