//! A row of a file as named values.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value as Json;

use super::csv::Cells;

/// What the rows of a file have in common.
#[derive(Debug)]
pub struct Shape {
    /// The name of the file, without its folder.
    pub file: String,
    /// The names of the columns; of an NDJSON file, those that the map uses.
    pub columns: Vec<String>,
    index: HashMap<String, usize>,
    /// Which columns have occurred in a row.
    found: Vec<AtomicBool>,
    /// Texts that mean no value, such as `NULL`.
    empty: Vec<String>,
}

impl Shape {
    pub fn new(file: String, columns: Vec<String>, empty: Vec<String>) -> Self {
        let index = columns.iter().cloned().enumerate().map(|(at, name)| (name, at)).collect();
        let found = columns.iter().map(|_| AtomicBool::new(false)).collect();
        Self { file, columns, index, found, empty }
    }

    /// The columns of the map that no row of an NDJSON file had.
    pub fn never_found(&self) -> Vec<String> {
        let found = self.found.iter().map(|found| found.load(Ordering::Relaxed));
        let all = self.columns.iter().zip(found);
        all.filter(|(_, found)| !found).map(|(name, _)| name.clone()).collect()
    }

    fn clean<'a>(&self, text: &'a str) -> &'a str {
        let text = text.trim();
        if self.empty.iter().any(|empty| empty == text) { "" } else { text }
    }
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The number of its first line, from 1.
    pub line: u64,
    /// The offset in the file, in bytes.
    pub offset: u64,
    /// The row as it is in the file.
    pub raw: String,
    shape: Arc<Shape>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Cells(Cells),
    Json(Json),
}

impl Row {
    pub fn of_cells(line: u64, offset: u64, raw: String, shape: Arc<Shape>, cells: Cells) -> Self {
        Self { line, offset, raw, shape, content: Content::Cells(cells) }
    }

    pub fn of_json(line: u64, offset: u64, raw: String, shape: Arc<Shape>, json: Json) -> Self {
        Self { line, offset, raw, shape, content: Content::Json(json) }
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.shape.file
    }

    /// The text of a column without surrounding spaces; empty if there is none.
    pub fn get(&self, column: &str) -> Cow<'_, str> {
        match &self.content {
            Content::Cells(cells) => match self.shape.index.get(column) {
                Some(at) => self.shape.clean(cells.get(*at)).into(),
                None => "".into(),
            },
            Content::Json(json) => match self.json(json, column) {
                None => "".into(),
                Some(Json::String(text)) => self.shape.clean(text).into(),
                Some(other) => self.shape.clean(&other.to_string()).to_owned().into(),
            },
        }
    }

    /// The texts of a column that holds a list: a JSON array, or a text with separators.
    pub fn list(&self, column: &str, separator: Option<char>) -> Result<Vec<String>, String> {
        let array = match &self.content {
            Content::Json(json) => match self.json(json, column) {
                Some(Json::Array(items)) => Some(items.clone()),
                _ => None,
            },
            Content::Cells(_) => None,
        };
        let text = self.get(column);
        let array = match array {
            Some(array) => Some(array),
            None if separator.is_none() && text.starts_with('[') => Some(parse_array(&text)?),
            None => None,
        };
        let texts: Vec<String> = match (array, separator) {
            (Some(array), _) => array.iter().map(plain_text).collect(),
            (None, Some(separator)) => text.split(separator).map(str::to_owned).collect(),
            (None, None) => vec![text.into_owned()],
        };
        let clean = texts.iter().map(|text| self.shape.clean(text)).filter(|text| !text.is_empty());
        Ok(clean.map(str::to_owned).collect())
    }

    /// The elements of a column that holds a JSON array, each as a row of its own.
    pub fn rows(&self, column: &str) -> Result<Vec<Row>, String> {
        let items = match &self.content {
            Content::Json(json) => match self.json(json, column) {
                None => return Ok(Vec::new()),
                Some(Json::Array(items)) => items.clone(),
                Some(_) => return Err(format!("\"{column}\" is not a JSON array")),
            },
            Content::Cells(_) => match self.get(column) {
                text if text.is_empty() => return Ok(Vec::new()),
                text => parse_array(&text)?,
            },
        };
        let row = |json| {
            Self::of_json(self.line, self.offset, String::new(), Arc::clone(&self.shape), json)
        };
        Ok(items.into_iter().map(row).collect())
    }

    /// The columns outside of `used` that have a text.
    pub fn rest(&self, used: &HashSet<String>) -> Vec<(&str, Cow<'_, str>)> {
        let names: Vec<&str> = match &self.content {
            Content::Cells(_) => self.shape.columns.iter().map(String::as_str).collect(),
            Content::Json(Json::Object(fields)) => fields.keys().map(String::as_str).collect(),
            Content::Json(_) => Vec::new(),
        };
        let rest = names.into_iter().filter(|name| !used.contains(*name));
        rest.map(|name| (name, self.get(name))).filter(|(_, text)| !text.is_empty()).collect()
    }

    /// Whether the number cannot be represented exactly in JSON, such as a long id.
    pub fn rounded_number(&self, column: &str) -> bool {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let Content::Json(json) = &self.content else { return false };
        match find(json, column) {
            Some(Json::Number(number)) => {
                number.is_f64() && number.as_f64().is_none_or(|value| value.abs() >= EXACT)
            }
            _ => false,
        }
    }

    fn json<'a>(&self, json: &'a Json, column: &str) -> Option<&'a Json> {
        let value = find(json, column)?;
        if let Some(at) = self.shape.index.get(column) {
            self.shape.found[*at].store(true, Ordering::Relaxed);
        }
        (!value.is_null()).then_some(value)
    }
}

/// The value of a field, or of a path such as `customer.email` or `items.0.sku`.
fn find<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    if let Some(value) = json.get(path) {
        return Some(value);
    }
    path.split('.').try_fold(json, |here, part| match here {
        Json::Object(fields) => fields.get(part),
        Json::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

fn parse_array(text: &str) -> Result<Vec<Json>, String> {
    match serde_json::from_str(text) {
        Ok(Json::Array(items)) => Ok(items),
        _ => Err("is not a JSON array".to_owned()),
    }
}

fn plain_text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}
