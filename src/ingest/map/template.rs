//! Texts composed of several columns: `{first} {last}[, {title}]`.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::ingest::row::Row;

/// A text with column references. `[...]` is left out if a column in it is empty; `{{`, `}}`, `[[`
/// and `]]` are the literal characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(String),
    /// `{@line}`: the number of the row's first line in the file, from 1.
    Line,
    /// `{@file}`: the name of the file, without its folder.
    File,
    /// `{@hash}`: 24 hexadecimal digits of the SHA-256 of the row as it is in the file.
    Hash,
    Optional(Vec<Part>),
}

impl Template {
    /// Parses a template; fails with what is wrong with it.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut chars = source.chars().peekable();
        let parts = parse_parts(&mut chars, false)?;
        let template = Self { source: source.to_owned(), parts };
        if template.parts.iter().all(|part| matches!(part, Part::Text(_))) {
            return Err(format!("\"{source}\" names no column in braces, such as {{order_id}}"));
        }
        Ok(template)
    }

    /// The columns that it reads.
    pub fn columns(&self) -> Vec<&str> {
        let mut found = Vec::new();
        collect_columns(&self.parts, &mut found);
        found
    }

    /// The text of a row; empty if all its columns are.
    pub fn text(&self, row: &Row) -> String {
        let mut filled = Filled::default();
        write_parts(&self.parts, row, &mut filled);
        if filled.some { filled.text.trim().to_owned() } else { String::new() }
    }

    /// The text of a row, if no column outside of `[...]` is empty.
    pub fn key(&self, row: &Row) -> Option<String> {
        let mut filled = Filled::default();
        write_parts(&self.parts, row, &mut filled);
        (filled.some && !filled.gap).then_some(filled.text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.source)
    }
}

#[derive(Default)]
struct Filled {
    text: String,
    /// Whether a column had a text.
    some: bool,
    /// Whether a column had none.
    gap: bool,
}

fn write_parts(parts: &[Part], row: &Row, filled: &mut Filled) {
    for part in parts {
        match part {
            Part::Text(text) => filled.text.push_str(text),
            Part::Column(column) => filled.put(&row.get(column)),
            Part::Line => filled.put(&row.line.to_string()),
            Part::File => filled.put(row.file()),
            Part::Hash => filled.put(&hash(&row.raw)),
            Part::Optional(inner) => {
                let mut option = Filled::default();
                write_parts(inner, row, &mut option);
                if option.some && !option.gap {
                    filled.put(&option.text);
                }
            }
        }
    }
}

impl Filled {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.some |= !text.is_empty();
        self.gap |= text.is_empty();
    }
}

fn hash(raw: &str) -> String {
    let digest = Sha256::digest(raw.as_bytes());
    digest[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn collect_columns<'a>(parts: &'a [Part], found: &mut Vec<&'a str>) {
    for part in parts {
        match part {
            Part::Column(column) => found.push(column),
            Part::Optional(inner) => collect_columns(inner, found),
            _ => {}
        }
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn parse_parts(chars: &mut Chars<'_>, within: bool) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    while let Some(char) = chars.next() {
        match char {
            '{' | '}' | '[' | ']' if chars.peek() == Some(&char) => {
                text.push(char);
                chars.next();
            }
            '{' => {
                flush(&mut text, &mut parts);
                parts.push(parse_column(chars)?);
            }
            '[' if within => return Err("\"[\" within \"[...]\"".to_owned()),
            '[' => {
                flush(&mut text, &mut parts);
                parts.push(Part::Optional(parse_parts(chars, true)?));
            }
            ']' if within => {
                flush(&mut text, &mut parts);
                return Ok(parts);
            }
            '}' | ']' => return Err(format!("\"{char}\" closes nothing: write \"{char}{char}\"")),
            _ => text.push(char),
        }
    }
    if within {
        return Err("\"[\" is never closed: write \"[[\" for the character".to_owned());
    }
    flush(&mut text, &mut parts);
    Ok(parts)
}

fn flush(text: &mut String, parts: &mut Vec<Part>) {
    if !text.is_empty() {
        parts.push(Part::Text(std::mem::take(text)));
    }
}

fn parse_column(chars: &mut Chars<'_>) -> Result<Part, String> {
    let mut name = String::new();
    for char in chars.by_ref() {
        if char == '}' {
            return match name.as_str() {
                "" => Err("\"{}\" names no column".to_owned()),
                "@line" => Ok(Part::Line),
                "@file" => Ok(Part::File),
                "@hash" => Ok(Part::Hash),
                _ if name.starts_with('@') => {
                    Err(format!("\"{{{name}}}\" is not known: use @line, @file or @hash"))
                }
                _ => Ok(Part::Column(name)),
            };
        }
        name.push(char);
    }
    Err("\"{\" is never closed: write \"{{\" for the character".to_owned())
}
