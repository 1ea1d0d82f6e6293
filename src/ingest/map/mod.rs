//! The map: which column of a file goes to which field. A TOML file; `docs/import.md` explains it.

mod columns;
mod entry;
mod given;
mod template;
mod value;
mod verify;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use self::{
    columns::Columns,
    entry::{Attributes, Duration, DurationUnit, Entry, Line, List, Message, Orders},
    given::{Given, OneOrMore},
    template::Template,
    value::{Value, ValueTable, Word},
};
use crate::{
    ingest::{
        csv::Separator,
        date::{Formats, Zone},
        encoding::Encoding,
        number::Unit,
    },
    story::money::AmountStyle,
};

/// A map.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// What the file looks like.
    #[serde(default)]
    pub file: FileFormat,
    /// The system that the entries come from.
    pub source: Option<Word>,
    /// What holds for every date that says nothing else.
    #[serde(default)]
    pub time: TimeDefaults,
    /// What holds for every number and amount that says nothing else.
    #[serde(default)]
    pub money: MoneyDefaults,
    /// Which rows count: all conditions must hold.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// Where the lines of an order or the messages of a conversation stand, if not in its row.
    pub lines: Option<Lines>,
    /// Whom a row is about.
    pub customer: Customer,
    /// What a row says has happened. None: the file only tells who the customers are.
    #[serde(default, rename = "entry")]
    pub entries: Vec<Entry>,
}

/// What a file looks like.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileFormat {
    /// None: by the end of the name.
    pub format: Option<Format>,
    /// None: a comma.
    pub separator: Option<Separator>,
    /// None: `"`; empty: cells are never quoted.
    pub quote: Option<String>,
    pub escape: Option<char>,
    pub encoding: Encoding,
    /// None: there is one unless `columns` names the columns.
    pub header: Option<bool>,
    pub columns: Vec<String>,
    /// Lines before the header or the first row.
    pub skip_lines: u64,
    /// Texts that stand for nothing, such as `NULL`.
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
    /// How numbers are written.
    pub fn style(&self) -> AmountStyle {
        AmountStyle { decimal: self.decimal.unwrap_or('.'), group: self.thousands }
    }
}

/// Something that must hold of a row.
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
    /// Rows that follow each other and have the same text in this column, or none, are one.
    pub group_by: Option<String>,
    /// The name of the file that has the lines, beside the file that is imported.
    pub file: Option<String>,
    /// The column that both files have; with `row_key` that of the lines alone.
    pub key: Option<String>,
    /// The column of the rows that `key` of the lines refers to.
    pub row_key: Option<String>,
    /// What the file of the lines looks like. None: like the other.
    pub format: Option<FileFormat>,
}

/// Whom a row is about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// A row makes or fills its customer even where none of the entries applies to it.
    #[serde(default)]
    pub always: bool,
    #[serde(rename = "identifier")]
    pub identifiers: Vec<Identifier>,
    #[serde(default)]
    pub profile: Profile,
}

/// A value that names the customer; left out where the row has none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    pub kind: Word,
    pub value: Value,
    pub namespace: Option<Word>,
    /// The country of phone numbers without a country code.
    pub region: Option<Word>,
    /// What a value does that cannot name anybody.
    #[serde(default)]
    pub invalid: Invalid,
    /// Used only where the row has no other identifier.
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

/// What is known of the customer.
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
#[serde(try_from = "Given<DayTable>")]
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

impl TryFrom<Given<DayTable>> for Day {
    type Error = String;

    fn try_from(given: Given<DayTable>) -> Result<Self, String> {
        match given {
            Given::Text(text) => {
                Ok(Self { value: Given::Text(text).try_into()?, format: None, zone: None })
            }
            Given::Table(DayTable { column, template, format, zone }) => {
                let value = ValueTable { column, template, ..ValueTable::default() }.build()?;
                Ok(Self { value, format, zone })
            }
        }
    }
}

/// An amount of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Given<MoneyTable>")]
pub struct Money {
    pub value: Value,
    pub currency: Option<Word>,
    pub decimal: Option<char>,
    pub thousands: Option<char>,
    pub unit: Option<Unit>,
    /// A negative amount of the file is a positive one here, and the other way round.
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

impl TryFrom<Given<MoneyTable>> for Money {
    type Error = String;

    fn try_from(given: Given<MoneyTable>) -> Result<Self, String> {
        let table = match given {
            Given::Table(table) => table,
            Given::Text(text) => {
                let value = Given::Text(text).try_into()?;
                let (currency, decimal, thousands, unit) = (None, None, None, None);
                return Ok(Self { value, currency, decimal, thousands, unit, negate: false });
            }
        };
        let MoneyTable { column, template, currency, decimal, thousands, unit, negate } = table;
        let value = ValueTable { column, template, ..ValueTable::default() }.build()?;
        Ok(Self { value, currency, decimal, thousands, unit, negate })
    }
}

/// Named values: what goes to the attributes.
pub type Named = BTreeMap<String, Value>;

impl Map {
    /// Reads a map and checks it; the error says what to do and names the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let map: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        map.verify()?;
        Ok(map)
    }
}
