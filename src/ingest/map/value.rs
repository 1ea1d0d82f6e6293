//! The source of a text: a column, several columns, or the map itself.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;

use super::{template::Template, text_or_table::TextOrTable};
use crate::ingest::row::Row;

/// A text of a row. In the map: `"column"`, `"{a} and {b}"`, or a table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "TextOrTable<ValueTable>")]
pub struct Value {
    from: From,
    /// The replacement for each text of the row; keys in lower case match every case.
    table: Option<BTreeMap<String, String>>,
    /// The value if the row has no text, or one that the table does not have.
    default: Option<String>,
}

/// Like [`Value`], but a plain text in the map is the value itself: `channel = "phone"`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "TextOrTable<ValueTable>")]
pub struct Word(pub Value);

#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    Column(String),
    Template(Template),
    Fixed(String),
}

/// The long form of a value.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueTable {
    pub column: Option<String>,
    pub template: Option<String>,
    pub value: Option<String>,
    pub table: Option<BTreeMap<String, String>>,
    pub default: Option<String>,
}

impl Value {
    /// The text itself, if it comes from the map only.
    pub fn fixed(&self) -> Option<&str> {
        match &self.from {
            From::Fixed(text) => Some(text),
            _ => None,
        }
    }

    /// Every text that the map itself can yield: these can be checked before the first row.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let table = self.table.iter().flat_map(BTreeMap::values).map(String::as_str);
        self.fixed().into_iter().chain(table).chain(self.default.as_deref())
    }

    /// Whether every text comes from the map.
    pub fn is_closed(&self) -> bool {
        self.fixed().is_some() || self.table.is_some()
    }

    /// The columns that it reads.
    pub fn columns(&self) -> Vec<&str> {
        match &self.from {
            From::Column(column) => vec![column],
            From::Template(template) => template.columns(),
            From::Fixed(_) => Vec::new(),
        }
    }

    /// The only column that it reads.
    pub fn column(&self) -> Option<&str> {
        match &self.from {
            From::Column(column) => Some(column),
            _ => None,
        }
    }

    /// The text of a row; empty if there is none. Fails with the reason.
    pub fn text<'a>(&'a self, row: &'a Row) -> Result<Cow<'a, str>, String> {
        let text = match &self.from {
            From::Column(column) => row.get(column),
            From::Template(template) => template.text(row).into(),
            From::Fixed(text) => text.as_str().into(),
        };
        self.translate(text)
    }

    /// The text of a row as a key: empty if any part of it is, since "4711-" and "-" would identify
    /// unrelated things.
    pub fn key<'a>(&'a self, row: &'a Row) -> Result<Cow<'a, str>, String> {
        match &self.from {
            From::Template(template) => {
                self.translate(template.key(row).unwrap_or_default().into())
            }
            _ => self.text(row),
        }
    }

    /// How a reason names it.
    pub fn name(&self) -> String {
        match &self.from {
            From::Column(column) => format!("column \"{column}\""),
            From::Template(template) => format!("\"{template}\""),
            From::Fixed(_) => "the value in the map".to_owned(),
        }
    }

    fn translate<'a>(&'a self, text: Cow<'a, str>) -> Result<Cow<'a, str>, String> {
        let default = self.default.as_deref().map(Cow::Borrowed);
        let Some(table) = &self.table else {
            return Ok(if text.is_empty() { default.unwrap_or(text) } else { text });
        };
        let found = table.get(text.as_ref()).or_else(|| table.get(&text.to_lowercase()));
        match found.map(|to| Cow::Borrowed(to.as_str())).or(default) {
            Some(to) => Ok(to),
            None if text.is_empty() => Ok(text),
            None => Err(format!("{} holds a word that the table does not have", self.name())),
        }
    }
}

impl TryFrom<TextOrTable<ValueTable>> for Value {
    type Error = String;

    fn try_from(given: TextOrTable<ValueTable>) -> Result<Self, String> {
        let from = match given {
            TextOrTable::Text(text) if text.contains('{') => {
                From::Template(Template::parse(&text)?)
            }
            TextOrTable::Text(text) if text.is_empty() => {
                return Err("a column has a name".to_owned());
            }
            TextOrTable::Text(text) => From::Column(text),
            TextOrTable::Table(table) => return table.build(),
        };
        Ok(Self { from, table: None, default: None })
    }
}

impl TryFrom<TextOrTable<ValueTable>> for Word {
    type Error = String;

    fn try_from(given: TextOrTable<ValueTable>) -> Result<Self, String> {
        match given {
            TextOrTable::Text(text) => {
                Ok(Self(Value { from: From::Fixed(text), table: None, default: None }))
            }
            TextOrTable::Table(table) => table.build().map(Self),
        }
    }
}

impl ValueTable {
    /// The value, or what is wrong with it.
    pub fn build(self) -> Result<Value, String> {
        let from = match (self.column, self.template, self.value) {
            (Some(column), None, None) => From::Column(column),
            (None, Some(template), None) => From::Template(Template::parse(&template)?),
            (None, None, Some(value)) => From::Fixed(value),
            _ => return Err("give exactly one of `column`, `template` and `value`".to_owned()),
        };
        Ok(Value { from, table: self.table, default: self.default })
    }
}
