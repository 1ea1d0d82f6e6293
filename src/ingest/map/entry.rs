//! The part of the map about entries.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Condition, Day, Money, Named, TextOrTable, Value, ValueTable, Word};

/// An entry that a row yields. The kind decides which fields it may have.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// interaction, purchase, return, feedback or note.
    pub kind: Word,
    pub channel: Word,
    pub occurred_at: Day,
    /// If absent, the `source` of the map.
    pub source: Option<Word>,
    /// Its permanent name in the source.
    pub source_ref: Value,
    /// The rows that yield it: those that meet all conditions.
    #[serde(default)]
    pub only: Vec<Condition>,
    pub agent: Option<Value>,
    pub language: Option<Word>,
    /// The orders that it is about.
    pub order_numbers: Option<List>,
    /// What happens if the customer has no such order.
    #[serde(default)]
    pub unknown_orders: Orders,
    #[serde(default)]
    pub attributes: Attributes,

    // An interaction.
    pub direction: Option<Word>,
    pub subject: Option<Value>,
    pub ended_at: Option<Day>,
    pub duration: Option<Duration>,
    pub sentiment: Option<Value>,
    pub message: Option<Message>,
    // An interaction, a feedback or a note.
    pub text: Option<Value>,
    // A purchase.
    pub order_number: Option<Value>,
    pub total: Option<Money>,
    pub tracking_number: Option<Value>,
    // A purchase or a return.
    pub line: Option<Line>,
    // A return.
    pub refund: Option<Money>,
    pub reason: Option<Value>,
    // A feedback.
    pub metric: Option<Word>,
    pub score: Option<Value>,
    pub scale_max: Option<Word>,
}

/// What happens to an entry about an order that its customer does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orders {
    /// It is rejected.
    #[default]
    Reject,
    /// It is recorded, with the number in the attribute `unknown_orders`.
    Attribute,
}

/// A line of an order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The column that holds the lines as a JSON array. If absent, the rows of `[lines]`, or the
    /// row.
    pub array: Option<String>,
    #[serde(default)]
    pub only: Vec<Condition>,
    pub sku: Option<Value>,
    pub name: Option<Value>,
    /// If absent, 1.
    pub quantity: Option<Value>,
    pub unit_price: Option<Money>,
    pub serial_number: Option<Value>,
    pub warranty_end: Option<Day>,
}

/// An utterance of a conversation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The column that holds the messages as a JSON array. If absent, the rows of `[lines]`, or the
    /// row.
    pub array: Option<String>,
    #[serde(default)]
    pub only: Vec<Condition>,
    /// customer, agent or bot.
    pub author: Word,
    pub text: Value,
    pub sent_at: Option<Day>,
}

/// How long an interaction took.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duration {
    pub column: String,
    pub unit: DurationUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum DurationUnit {
    #[serde(rename = "milliseconds")]
    Milliseconds,
    #[serde(rename = "seconds")]
    Seconds,
    #[serde(rename = "minutes")]
    Minutes,
    #[serde(rename = "hours")]
    Hours,
    #[serde(rename = "hh:mm:ss")]
    HoursMinutesSeconds,
    #[serde(rename = "mm:ss")]
    MinutesSeconds,
    #[serde(rename = "hh:mm")]
    HoursMinutes,
}

/// Several texts of one column.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "TextOrTable<ListTable>")]
pub struct List {
    pub value: Value,
    /// If absent, the column holds one text or a JSON array.
    pub separator: Option<char>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListTable {
    column: Option<String>,
    template: Option<String>,
    separator: Option<char>,
}

impl TryFrom<TextOrTable<ListTable>> for List {
    type Error = String;

    fn try_from(given: TextOrTable<ListTable>) -> Result<Self, String> {
        match given {
            TextOrTable::Text(text) => {
                Ok(Self { value: TextOrTable::Text(text).try_into()?, separator: None })
            }
            TextOrTable::Table(ListTable { column, template, separator }) => {
                let value = ValueTable { column, template, ..ValueTable::default() }.build()?;
                if value.column().is_none() && separator.is_some() {
                    return Err("`separator` goes with `column`".to_owned());
                }
                Ok(Self { value, separator })
            }
        }
    }
}

/// The attributes. An empty value is left out.
#[derive(Clone, Debug)]
pub enum Attributes {
    /// These columns, under their own names.
    Columns(Vec<String>),
    /// These values, under the names of the map.
    Named(Named),
    /// Every column that the map does not use.
    Rest,
}

impl Default for Attributes {
    fn default() -> Self {
        Self::Columns(Vec::new())
    }
}

struct AttributesVisitor;

impl<'de> Visitor<'de> for AttributesVisitor {
    type Value = Attributes;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"rest\", a list of columns, or a table of names and columns")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "rest" => Ok(Attributes::Rest),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut columns = Vec::new();
        while let Some(column) = list.next_element()? {
            columns.push(column);
        }
        Ok(Attributes::Columns(columns))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Named::deserialize(MapAccessDeserializer::new(map)).map(Attributes::Named)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttributesVisitor)
    }
}
