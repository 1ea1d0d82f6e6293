//! Decides which suggestions are listed: one for each two people, and none for people who are
//! merged, excluded from merging, or dismissed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::{
    pairs::{PairOf, Row, suggestions_of},
    statements::DISMISSALS_OF,
};
use crate::{
    error::Error,
    store::sql::{
        bulk::Column,
        db::Db,
        dialect::{EXCLUSIONS_OF, PERSONS_BY_ID, RECORDS_BY_PERSON},
    },
};

/// The suggestions of some people with everybody else, as pairs of people.
#[derive(Debug)]
pub struct Standing {
    rows: Vec<Row>,
    /// The canonical record of each relevant record.
    person_of: HashMap<Uuid, Uuid>,
    /// The likeliest row of each two people who may be listed.
    best: BTreeMap<PairOf, Row>,
}

impl Standing {
    /// Reads everything that determines the suggestions of the persons of these records.
    pub async fn read(db: &Db, records: impl Iterator<Item = Uuid>) -> Result<Self, Error> {
        let mut person_of = HashMap::new();
        let asked: BTreeSet<Uuid> = records.collect();
        add_persons(db, &mut person_of, asked).await?;
        let persons: BTreeSet<Uuid> = person_of.values().copied().collect();
        let columns = vec![Column::Ids(persons.iter().copied().collect())];
        let more: Vec<(Uuid, Uuid)> = db.list(RECORDS_BY_PERSON, columns).await?;
        person_of.extend(more.into_iter().map(|(person, record)| (record, person)));
        person_of.extend(persons.iter().map(|person| (*person, *person)));

        let own: Vec<Uuid> = person_of.keys().copied().collect();
        let rows = suggestions_of(db, own.clone()).await?;
        let mut apart: Vec<PairOf> = Vec::new();
        if !rows.is_empty() {
            apart = db.list(EXCLUSIONS_OF, vec![Column::Ids(own.clone())]).await?;
            let dismissed: Vec<PairOf> = db.list(DISMISSALS_OF, vec![Column::Ids(own)]).await?;
            apart.extend(dismissed);
        }
        let ends = rows.iter().map(|row| row.pair).chain(apart.iter().copied());
        let unknown = ends.flat_map(|(one, other)| [one, other]);
        let unknown = unknown.filter(|id| !person_of.contains_key(id)).collect();
        add_persons(db, &mut person_of, unknown).await?;

        let mut standing = Self { rows, person_of, best: BTreeMap::new() };
        let apart: BTreeSet<PairOf> =
            apart.into_iter().filter_map(|pair| standing.people(pair)).collect();
        for row in &standing.rows {
            let Some(people) = standing.people(row.pair) else { continue };
            if people.0 == people.1 || apart.contains(&people) {
                continue;
            }
            let best = standing.best.entry(people).or_insert(*row);
            if (row.rank, row.id) > (best.rank, best.id) {
                *best = *row;
            }
        }
        Ok(standing)
    }

    /// The two people of a pair of records, the smaller canonical id first.
    pub fn people(&self, (one, other): PairOf) -> Option<PairOf> {
        let (one, other) = (*self.person_of.get(&one)?, *self.person_of.get(&other)?);
        Some((one.min(other), one.max(other)))
    }

    /// All records of the two people of a pair, as far as they were read.
    pub fn records_of(&self, pair: PairOf) -> Vec<Uuid> {
        let Some((one, other)) = self.people(pair) else { return Vec::new() };
        let of_both = self.person_of.iter().filter(|(_, it)| **it == one || **it == other);
        of_both.map(|(record, _)| *record).collect()
    }

    /// Whether a row is the one listed for its two people.
    pub fn shows(&self, id: Uuid, pair: PairOf) -> bool {
        let best = self.people(pair).and_then(|people| self.best.get(&people));
        best.is_some_and(|best| best.id == id)
    }

    /// The listed suggestions, with the two people of each.
    pub fn visible(&self) -> impl Iterator<Item = (PairOf, &Row)> {
        self.best.iter().map(|(people, row)| (*people, row))
    }

    /// All suggestions between two people that may be listed.
    pub fn between(&self, people: PairOf) -> Vec<PairOf> {
        if !self.best.contains_key(&people) {
            return Vec::new();
        }
        let pairs = self.rows.iter().map(|row| row.pair);
        pairs.filter(|pair| self.people(*pair) == Some(people)).collect()
    }

    /// The rows whose listed flag is wrong.
    pub fn changes(&self) -> Vec<(PairOf, bool)> {
        let rows = self.rows.iter().map(|row| (row, self.shows(row.id, row.pair)));
        rows.filter(|(row, shown)| row.listed != *shown).map(|(row, is)| (row.pair, is)).collect()
    }
}

async fn add_persons(
    db: &Db,
    person_of: &mut HashMap<Uuid, Uuid>,
    ids: BTreeSet<Uuid>,
) -> Result<(), Error> {
    let ids = Column::Ids(ids.into_iter().collect());
    let rows: Vec<(Uuid, Uuid)> = db.list(PERSONS_BY_ID, vec![ids]).await?;
    person_of.extend(rows);
    Ok(())
}
