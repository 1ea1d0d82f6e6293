//! Customers that a search found, one per line, with what matches.

use super::{
    Ink, TerminalStyle, name,
    text::{columns, pad, safe},
};
use crate::pb::{self, IdentifierKind, MatchQuality, MatchedField};

/// The widest column: an id fits.
const MAX_COLUMNS: usize = 36;

/// The table of a response: the best match first.
pub fn found(answer: &pb::SearchCustomersResponse, style: &TerminalStyle) -> String {
    let heads = ["name", "matches", "where", "e-mail", "phone", "customer"].map(str::to_owned);
    let mut rows = vec![heads];
    for (customer, why) in answer.customers.iter().zip(&answer.matches) {
        rows.push([
            name(customer),
            matches(why),
            place(customer),
            identifier(customer, IdentifierKind::Email),
            identifier(customer, IdentifierKind::Phone),
            safe(&customer.id),
        ]);
    }
    for row in &mut rows {
        for cell in row {
            *cell = cut(cell);
        }
    }
    // A column without any values is left out.
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|at| match rows[1..].iter().all(|row| row[at].is_empty()) {
            true => 0,
            false => rows.iter().map(|row| columns(&row[at])).max().unwrap_or(0),
        })
        .collect();
    let lines = rows.iter().enumerate().map(|(number, row)| {
        let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let line: Vec<String> = cells.map(|(cell, width)| pad(cell, *width)).collect();
        let line = line.join("  ");
        let ink = if number == 0 { style.paint(Ink::Faint, line.trim_end()) } else { line };
        format!("{}\n", ink.trim_end())
    });
    lines.collect()
}

/// What matches and how, such as "name, postcode" or "name (misspelt)".
fn matches(why: &pb::CustomerMatch) -> String {
    let fields = why.fields().map(|field| match field {
        MatchedField::Name => "name",
        MatchedField::Address => "address",
        MatchedField::Email => "e-mail",
        MatchedField::Phone => "phone",
        MatchedField::OrderNumber => "order",
        MatchedField::Postcode => "postcode",
        MatchedField::Identifier => "number",
        MatchedField::Unspecified => "?",
    });
    let fields = fields.collect::<Vec<_>>().join(", ");
    match why.quality() {
        MatchQuality::Partial => format!("{fields} (part)"),
        MatchQuality::Misspelt => format!("{fields} (misspelt)"),
        MatchQuality::Exact | MatchQuality::Unspecified => fields,
    }
}

fn place(customer: &pb::Customer) -> String {
    let address = customer.profile.as_ref().and_then(|profile| profile.address.as_ref());
    let Some(address) = address else { return String::new() };
    let parts = [safe(&address.postcode), safe(&address.locality)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The oldest identifier of a kind.
fn identifier(customer: &pb::Customer, kind: IdentifierKind) -> String {
    let first = customer.identifiers.iter().find(|it| it.kind() == kind);
    first.map(|it| safe(&it.value)).unwrap_or_default()
}

/// A text shortened to fit, with an ellipsis at its end.
fn cut(text: &str) -> String {
    if columns(text) <= MAX_COLUMNS {
        return text.to_owned();
    }
    let mut cut = String::new();
    for character in text.chars() {
        if columns(&cut) + 2 > MAX_COLUMNS {
            break;
        }
        cut.push(character);
    }
    cut + "…"
}
