//! A unit of rows becomes the calls that the map makes of it.

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
    /// Record it without the orders that the customer does not have, rather than not at all.
    pub unknown_orders: bool,
}

/// What becomes of a unit.
#[derive(Clone, Debug, Default)]
pub struct Converted {
    pub commands: Vec<Command>,
    /// One list for each entry, or for the customer, that cannot be made.
    pub faults: Vec<Vec<Violation>>,
    /// Identifiers that named nobody and were left out.
    pub skipped_identifiers: u64,
}

/// Makes calls of units, by a map.
#[derive(Clone, Debug)]
pub struct Converter {
    map: Arc<Map>,
    /// The columns that `attributes = "rest"` leaves out.
    used: HashSet<String>,
    /// What an identifier must be to name somebody.
    rules: Rules,
}

impl Converter {
    pub fn new(map: Arc<Map>, rules: Rules) -> Self {
        let columns = map.columns().rows;
        // A path such as `customer.email` uses up the field that it goes through.
        let first = |name: &String| name.split('.').next().unwrap_or_default().to_owned();
        let used = columns.iter().map(first).chain(columns.iter().cloned()).collect();
        Self { map, used, rules }
    }

    /// The calls of a unit. Nothing at all where the map leaves it out.
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

/// Whether all conditions hold of a row.
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
