//! The columns that a map reads.

use super::{Attributes, Condition, Day, Entry, Line, Map, Message, Money, Value, Word};

/// The columns that a map reads, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Of the rows.
    pub rows: Vec<String>,
    /// Of the rows of `[lines]`.
    pub lines: Vec<String>,
    /// Of the elements of JSON arrays.
    pub elements: Vec<String>,
}

impl Map {
    pub fn columns(&self) -> Columns {
        let mut columns = Columns::default();
        let rows = &mut columns.rows;
        add_conditions(rows, &self.only);
        add_word(rows, self.source.as_ref());
        add_word(rows, self.money.currency.as_ref());
        self.add_customer(rows);
        if let Some(lines) = &self.lines {
            rows.extend(lines.group_by.iter().chain(lines.row_key.as_ref()).cloned());
            if lines.row_key.is_none() {
                rows.extend(lines.key.clone());
            }
            columns.lines.extend(lines.key.clone());
        }
        for entry in &self.entries {
            entry.add_to(&mut columns.rows);
            if let Some(line) = &entry.line {
                line.add_to(&mut columns);
            }
            if let Some(message) = &entry.message {
                message.add_to(&mut columns);
            }
        }
        // Without a join the lines are rows of the imported file.
        if self.lines.as_ref().is_some_and(|lines| lines.file.is_none()) {
            let lines = std::mem::take(&mut columns.lines);
            columns.rows.extend(lines);
        }
        for list in [&mut columns.rows, &mut columns.lines, &mut columns.elements] {
            list.sort();
            list.dedup();
        }
        columns
    }

    fn add_customer(&self, to: &mut Vec<String>) {
        for identifier in &self.customer.identifiers {
            add_word(to, Some(&identifier.kind));
            add(to, Some(&identifier.value));
            add_word(to, identifier.namespace.as_ref());
            add_word(to, identifier.region.as_ref());
        }
        let profile = &self.customer.profile;
        let address = &profile.address;
        for value in [&profile.given_name, &profile.family_name, &profile.organisation] {
            add(to, value.as_ref());
        }
        add_day(to, profile.birth_date.as_ref());
        add_word(to, profile.language.as_ref());
        address.lines.iter().for_each(|line| add(to, Some(line)));
        for value in [&address.house_number, &address.postcode, &address.locality, &address.region]
        {
            add(to, value.as_ref());
        }
        add_word(to, address.country_code.as_ref());
    }
}

impl Entry {
    fn add_to(&self, to: &mut Vec<String>) {
        add_conditions(to, &self.only);
        for word in [&self.source, &self.language, &self.direction, &self.metric, &self.scale_max] {
            add_word(to, word.as_ref());
        }
        for word in [&self.kind, &self.channel] {
            add_word(to, Some(word));
        }
        for value in [
            &self.agent,
            &self.subject,
            &self.sentiment,
            &self.text,
            &self.order_number,
            &self.tracking_number,
            &self.reason,
            &self.score,
        ] {
            add(to, value.as_ref());
        }
        add(to, Some(&self.source_ref));
        add_day(to, Some(&self.occurred_at));
        add_day(to, self.ended_at.as_ref());
        add_money(to, self.total.as_ref());
        add_money(to, self.refund.as_ref());
        add(to, self.order_numbers.as_ref().map(|list| &list.value));
        to.extend(self.duration.iter().map(|duration| duration.column.clone()));
        to.extend(self.line.iter().filter_map(|line| line.array.clone()));
        to.extend(self.message.iter().filter_map(|message| message.array.clone()));
        match &self.attributes {
            Attributes::Columns(columns) => to.extend(columns.iter().cloned()),
            Attributes::Named(named) => named.values().for_each(|value| add(to, Some(value))),
            Attributes::Rest => {}
        }
    }
}

impl Line {
    fn add_to(&self, columns: &mut Columns) {
        let to = if self.array.is_some() { &mut columns.elements } else { &mut columns.lines };
        add_conditions(to, &self.only);
        for value in [&self.sku, &self.name, &self.quantity, &self.serial_number] {
            add(to, value.as_ref());
        }
        add_money(to, self.unit_price.as_ref());
        add_day(to, self.warranty_end.as_ref());
    }
}

impl Message {
    fn add_to(&self, columns: &mut Columns) {
        let to = if self.array.is_some() { &mut columns.elements } else { &mut columns.lines };
        add_conditions(to, &self.only);
        add_word(to, Some(&self.author));
        add(to, Some(&self.text));
        add_day(to, self.sent_at.as_ref());
    }
}

fn add(to: &mut Vec<String>, value: Option<&Value>) {
    let columns = value.map(Value::columns).unwrap_or_default();
    to.extend(columns.into_iter().map(str::to_owned));
}

fn add_word(to: &mut Vec<String>, word: Option<&Word>) {
    add(to, word.map(|word| &word.0));
}

fn add_day(to: &mut Vec<String>, day: Option<&Day>) {
    add(to, day.map(|day| &day.value));
}

fn add_money(to: &mut Vec<String>, money: Option<&Money>) {
    add(to, money.map(|money| &money.value));
    add_word(to, money.and_then(|money| money.currency.as_ref()));
}

fn add_conditions(to: &mut Vec<String>, conditions: &[Condition]) {
    to.extend(conditions.iter().map(|condition| condition.column.clone()));
}
