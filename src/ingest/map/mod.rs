//! The map from columns of a file to fields. A TOML file, described in `docs/import.md`.

mod columns;
mod entry;
mod template;
mod text_or_table;
mod value;
mod verify;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use self::{
    columns::Columns,
    entry::{Attributes, Duration, DurationUnit, Entry, Line, List, Message, Orders},
    template::Template,
    text_or_table::{OneOrMore, TextOrTable},
    value::{Value, ValueTable, Word},
};
use crate::{
    domain::money::AmountStyle,
    ingest::{
        csv::Separator,
        date::{Formats, Zone},
        encoding::Encoding,
        number::Unit,
    },
};

/// A map.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// The format of the file.
    #[serde(default)]
    pub file: FileFormat,
    /// The system that the entries come from.
    pub source: Option<Word>,
    /// The default for every date.
    #[serde(default)]
    pub time: TimeDefaults,
    /// The default for every number and amount.
    #[serde(default)]
    pub money: MoneyDefaults,
    /// The rows to import: those that meet all conditions.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// Where the lines of an order or the messages of a conversation are, if not in its row.
    pub lines: Option<Lines>,
    /// The customer of a row.
    pub customer: Customer,
    /// The entries of a row. If empty, the file only describes customers.
    #[serde(default, rename = "entry")]
    pub entries: Vec<Entry>,
}

/// The format of a file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileFormat {
    /// If absent, by the extension of the name.
    pub format: Option<Format>,
    /// If absent, a comma.
    pub separator: Option<Separator>,
    /// If absent, `"`; if empty, cells are never quoted.
    pub quote: Option<String>,
    pub escape: Option<char>,
    pub encoding: Encoding,
    /// If absent, there is a header unless `columns` names the columns.
    pub header: Option<bool>,
    pub columns: Vec<String>,
    /// Lines before the header or the first row.
    pub skip_lines: u64,
    /// Texts that mean no value, such as `NULL`.
    pub empty: Vec<String>,
    /// Rows may have fewer cells than there are columns.
    pub ragged: bool,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Csv,
    Ndjson,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeDefaults {
    pub format: Option<Formats>,
    pub zone: Option<Zone>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MoneyDefaults {
    pub currency: Option<Word>,
    pub decimal: Option<char>,
    pub thousands: Option<char>,
    pub unit: Option<Unit>,
}

impl MoneyDefaults {
    /// The notation of numbers.
    pub fn style(&self) -> AmountStyle {
        AmountStyle { decimal: self.decimal.unwrap_or('.'), group: self.thousands }
    }
}

/// A condition on a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub column: String,
    pub is: Option<OneOrMore>,
    pub not: Option<OneOrMore>,
    #[serde(default)]
    pub not_empty: bool,
    #[serde(default)]
    pub empty: bool,
}

/// Rows that belong to a row: the lines of an order, the messages of a conversation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// Consecutive rows with an equal or no text in this column are one.
    pub group_by: Option<String>,
    /// The name of the file with the lines, next to the imported file.
    pub file: Option<String>,
    /// The column that both files have; with `row_key`, the column of the lines only.
    pub key: Option<String>,
    /// The column of the rows that `key` of the lines refers to.
    pub row_key: Option<String>,
    /// The format of the file with the lines. If absent, that of the imported file.
    pub format: Option<FileFormat>,
}

/// The customer of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// A row creates or updates its customer even if none of the entries applies to it.
    #[serde(default)]
    pub always: bool,
    #[serde(rename = "identifier")]
    pub identifiers: Vec<Identifier>,
    #[serde(default)]
    pub profile: Profile,
}

/// An identifier of the customer; left out if the row has none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    pub kind: Word,
    pub value: Value,
    pub namespace: Option<Word>,
    /// The country of phone numbers without a country code.
    pub region: Option<Word>,
    /// What happens if the value is not a valid identifier.
    #[serde(default)]
    pub invalid: Invalid,
    /// Used only if the row has no other identifier.
    #[serde(default)]
    pub fallback: bool,
}

/// What happens to a row with a bad value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invalid {
    /// The row is rejected.
    #[default]
    Reject,
    /// The value is left out.
    Skip,
}

/// The profile of the customer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    pub given_name: Option<Value>,
    pub family_name: Option<Value>,
    pub organisation: Option<Value>,
    pub birth_date: Option<Day>,
    pub language: Option<Word>,
    pub address: Address,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    pub lines: Vec<Value>,
    pub house_number: Option<Value>,
    pub postcode: Option<Value>,
    pub locality: Option<Value>,
    pub region: Option<Value>,
    pub country_code: Option<Word>,
}

/// A point in time of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "TextOrTable<DayTable>")]
pub struct Day {
    pub value: Value,
    pub format: Option<Formats>,
    pub zone: Option<Zone>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DayTable {
    column: Option<String>,
    template: Option<String>,
    format: Option<Formats>,
    zone: Option<Zone>,
}

impl TryFrom<TextOrTable<DayTable>> for Day {
    type Error = String;

    fn try_from(given: TextOrTable<DayTable>) -> Result<Self, String> {
        match given {
            TextOrTable::Text(text) => {
                Ok(Self { value: TextOrTable::Text(text).try_into()?, format: None, zone: None })
            }
            TextOrTable::Table(DayTable { column, template, format, zone }) => {
                let value = ValueTable { column, template, ..ValueTable::default() }.build()?;
                Ok(Self { value, format, zone })
            }
        }
    }
}

/// An amount of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "TextOrTable<MoneyTable>")]
pub struct Money {
    pub value: Value,
    pub currency: Option<Word>,
    pub decimal: Option<char>,
    pub thousands: Option<char>,
    pub unit: Option<Unit>,
    /// Swaps the sign of amounts.
    pub negate: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoneyTable {
    column: Option<String>,
    template: Option<String>,
    currency: Option<Word>,
    decimal: Option<char>,
    thousands: Option<char>,
    unit: Option<Unit>,
    #[serde(default)]
    negate: bool,
}

impl TryFrom<TextOrTable<MoneyTable>> for Money {
    type Error = String;

    fn try_from(given: TextOrTable<MoneyTable>) -> Result<Self, String> {
        let table = match given {
            TextOrTable::Table(table) => table,
            TextOrTable::Text(text) => {
                let value = TextOrTable::Text(text).try_into()?;
                let (currency, decimal, thousands, unit) = (None, None, None, None);
                return Ok(Self { value, currency, decimal, thousands, unit, negate: false });
            }
        };
        let MoneyTable { column, template, currency, decimal, thousands, unit, negate } = table;
        let value = ValueTable { column, template, ..ValueTable::default() }.build()?;
        Ok(Self { value, currency, decimal, thousands, unit, negate })
    }
}

/// Named values: the attributes.
pub type Named = BTreeMap<String, Value>;

impl Map {
    /// Reads a map and checks it; the error names the key and says what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let map: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        map.verify()?;
        Ok(map)
    }
}
