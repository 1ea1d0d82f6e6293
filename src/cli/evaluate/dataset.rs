//! A file of records, and which of them are of the same person.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use anyhow::{Context as _, bail};

use super::columns::{Columns, find, list};
use crate::{
    cli::failure::Failure,
    domain::matching::{Attributes, Person, is_month_first},
    ingest::{map::FileFormat, rows::Rows},
};

/// The options for reading a file.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The column that is equal in the records of one person.
    pub truth: Option<&'a str>,
    /// The number of characters at its end that are ignored.
    pub truth_drop: usize,
    /// A file of pairs of ids, instead of `truth`.
    pub links: Option<&'a Path>,
    pub id: Option<&'a str>,
    pub given: &'a [(String, String)],
    pub ignored: &'a [String],
}

/// The records of a file.
#[derive(Debug)]
pub struct Dataset {
    pub people: Vec<Person>,
    pub rows: Vec<String>,
    pub truth: Truth,
    /// The columns and their recognised meanings.
    pub columns: String,
}

/// Which records are of the same person, by their index in the file.
#[derive(Debug)]
pub enum Truth {
    /// The number of each record's person.
    Persons(Vec<u32>),
    /// The pairs, the lower index first.
    Links(HashSet<(u32, u32)>),
}

impl Truth {
    pub fn is_same(&self, one: u32, other: u32) -> bool {
        match self {
            Self::Persons(persons) => persons[one as usize] == persons[other as usize],
            Self::Links(links) => links.contains(&(one.min(other), one.max(other))),
        }
    }

    /// All true pairs, the lower index first.
    pub fn pairs(&self) -> Vec<(u32, u32)> {
        let mut pairs: Vec<(u32, u32)> = match self {
            Self::Links(links) => links.iter().copied().collect(),
            Self::Persons(persons) => {
                let mut of_person: HashMap<u32, Vec<u32>> = HashMap::new();
                for (place, person) in (0..).zip(persons) {
                    of_person.entry(*person).or_default().push(place);
                }
                let groups = of_person.values();
                let pairs_of = |group: &Vec<u32>| -> Vec<(u32, u32)> {
                    let from = |(at, one): (usize, &u32)| {
                        group[at + 1..].iter().map(|other| (*one, *other)).collect::<Vec<_>>()
                    };
                    group.iter().enumerate().flat_map(from).collect()
                };
                groups.flat_map(pairs_of).collect()
            }
        };
        pairs.sort_unstable();
        pairs
    }
}

impl Dataset {
    pub fn read(path: &Path, reading: &Reading<'_>) -> Result<Self, Failure> {
        let mut rows = Rows::open(path, &FileFormat::default(), &[])?;
        if rows.is_json() {
            return Err(Failure::Usage(format!("{}: give a CSV file", path.display())));
        }
        let header = rows.shape().columns.clone();
        let column = |name: &str| {
            find(&header, name).cloned().ok_or_else(|| {
                let name_of_file = path.display();
                let have = list(&header);
                Failure::Usage(format!("{name_of_file} has no column \"{name}\", but {have}"))
            })
        };
        let truth = reading.truth.map(column).transpose()?;
        let id = match reading.id {
            Some(id) => column(id)?,
            None => header.first().cloned().unwrap_or_default(),
        };
        let mut ignored = reading.ignored.to_vec();
        ignored.extend(truth.clone());
        if reading.links.is_some() {
            ignored.push(id.clone());
        }
        let columns = Columns::of(&header, reading.given, &ignored)?;

        let (mut people, mut texts, mut names) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(row) = rows.next_row().context("the file cannot be read on")? {
            let row = row.map_err(|broken| {
                let (file, line, reason) = (path.display(), broken.number, broken.reason);
                Failure::Failed(format!("{file}: line {line} {reason}"))
            })?;
            people.push(columns.attributes(&row));
            names.push(row.get(truth.as_ref().unwrap_or(&id)).into_owned());
            texts.push(row.raw);
        }
        let truth = match reading.links {
            Some(links) => Truth::Links(read_links(links, &names)?),
            None => Truth::Persons(persons(&names, reading.truth_drop)),
        };
        let month_first = is_month_first(people.iter().map(|it| it.birth_date.as_str()));
        let person = |mut attributes: Attributes| {
            attributes.month_first = month_first;
            Person::new(&attributes)
        };
        let people = people.into_iter().map(person).collect();
        Ok(Self { people, rows: texts, truth, columns: columns.described() })
    }
}

/// Numbers the persons. A record without a name is a person of its own.
fn persons(names: &[String], drop: usize) -> Vec<u32> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut all = Vec::with_capacity(names.len());
    for (name, place) in names.iter().zip(0..) {
        let kept = name.chars().count().saturating_sub(drop);
        let end = name.char_indices().nth(kept).map_or(name.len(), |(at, _)| at);
        let person = &name[..end];
        all.push(match person.is_empty() {
            true => place,
            false => *numbers.entry(person).or_insert(place),
        });
    }
    all
}

fn read_links(path: &Path, ids: &[String]) -> anyhow::Result<HashSet<(u32, u32)>> {
    let places: HashMap<&str, u32> = ids.iter().map(String::as_str).zip(0..).collect();
    let mut rows = Rows::open(path, &FileFormat::default(), &[])?;
    let columns = rows.shape().columns.clone();
    let [one, other, ..] = columns.as_slice() else {
        bail!("{}: give a file with two columns of ids", path.display())
    };
    let mut links = HashSet::new();
    while let Some(row) = rows.next_row()? {
        let Ok(row) = row else { bail!("{}: a line cannot be read", path.display()) };
        let place = |column: &str| {
            let id = row.get(column);
            places.get(&*id).copied().with_context(|| {
                let (file, line) = (path.display(), row.line);
                format!("{file}: line {line}: no record has this id; name its column with --id")
            })
        };
        let (one, other) = (place(one)?, place(other)?);
        if one != other {
            links.insert((one.min(other), one.max(other)));
        }
    }
    Ok(links)
}
