//! Converts units of rows to calls, as the map says.

mod content;
mod customer;
mod entry;
mod fields;

use std::{collections::HashSet, sync::Arc};

use self::fields::Faults;
use crate::{
    api::validate::Rules,
    error::Violation,
    ingest::{
        map::{Condition, Map, OneOrMore, Orders},
        row::Row,
        units::Unit,
    },
    pb,
};

/// A call of the API.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Customer(Box<pb::IdentifyCustomerRequest>),
    Entry(Box<EntryCommand>),
}

/// An entry to record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryCommand {
    pub request: pb::RecordEntryRequest,
    /// If the customer does not have an order, record the entry without it rather than reject it.
    pub unknown_orders: bool,
}

/// The result of converting a unit.
#[derive(Clone, Debug, Default)]
pub struct Converted {
    pub commands: Vec<Command>,
    /// A list of violations for each entry or customer that cannot be made.
    pub faults: Vec<Vec<Violation>>,
    /// Invalid identifiers that were left out.
    pub skipped_identifiers: u64,
}

/// Converts units to calls by a map.
#[derive(Clone, Debug)]
pub struct Converter {
    map: Arc<Map>,
    /// The columns that `attributes = "rest"` leaves out.
    used: HashSet<String>,
    /// The rules for identifiers.
    rules: Rules,
}

impl Converter {
    pub fn new(map: Arc<Map>, rules: Rules) -> Self {
        let columns = map.columns().rows;
        // A path such as `customer.email` uses the whole field `customer`.
        let first = |name: &String| name.split('.').next().unwrap_or_default().to_owned();
        let used = columns.iter().map(first).chain(columns.iter().cloned()).collect();
        Self { map, used, rules }
    }

    /// The calls of a unit. Empty if the map leaves it out.
    pub fn convert(&self, unit: &Unit) -> Converted {
        let mut converted = Converted::default();
        let head = unit.head();
        if !holds(&self.map.only, head) {
            return converted;
        }
        let entries: Vec<_> =
            self.map.entries.iter().filter(|entry| holds(&entry.only, head)).collect();
        let alone = self.map.entries.is_empty() || self.map.customer.always;
        if entries.is_empty() && !alone {
            return converted;
        }
        let mut faults = Faults::default();
        let customer = self.customer(head, &mut converted.skipped_identifiers, &mut faults);
        if !faults.0.is_empty() {
            converted.faults.push(faults.0);
            return converted;
        }
        for entry in entries {
            let mut faults = Faults::default();
            let made = self.entry(entry, unit, &mut faults);
            if !faults.0.is_empty() {
                converted.faults.push(faults.0);
                continue;
            }
            let request = pb::RecordEntryRequest {
                identifiers: customer.identifiers.clone(),
                profile: customer.profile.clone(),
                entry: Some(made),
                ..pb::RecordEntryRequest::default()
            };
            let unknown_orders = entry.unknown_orders == Orders::Attribute;
            let command = EntryCommand { request, unknown_orders };
            converted.commands.push(Command::Entry(Box::new(command)));
        }
        if alone {
            converted.commands.push(Command::Customer(Box::new(customer)));
        }
        converted
    }
}

/// Whether a row meets all conditions.
fn holds(conditions: &[Condition], row: &Row) -> bool {
    conditions.iter().all(|condition| {
        let text = row.get(&condition.column);
        let is = |list: &OneOrMore| list.0.iter().any(|word| *word == text);
        let wrong = condition.not.as_ref().is_some_and(is)
            || (condition.not_empty && text.is_empty())
            || (condition.empty && !text.is_empty());
        condition.is.as_ref().is_none_or(is) && !wrong
    })
}
