//! SearchCustomers: finds and ranks customers for the readings of a query.
//!
//! A clue finds the ids of customer records in index ranges of bounded length. The records are then
//! read, and each is checked against the whole reading, which drops outdated and partial matches.
//! So surplus rows in the search tables do no harm.

mod dialect;
mod fill;
mod names;
mod packed;
mod rows;
pub mod search;
mod sweep;
mod values;

use std::collections::{BTreeMap, HashMap};

use crate::{
    error::Error,
    model::{Clue, CustomerQuery, FoundCustomer, Position},
    store::{Store, sql::db::Db},
};
use search::Search;

pub(in crate::store) use rows::{add_parts, change_names, remove_names, remove_parts};
pub(in crate::store) use sweep::Unused;

/// All statements of the search by name, for the test that prepares them.
pub fn statements(db: &Db) -> Vec<(&'static str, String)> {
    let packed = names::statements().into_iter().chain(values::statements());
    let mut all: Vec<_> = packed.map(|(name, text)| (name, text.on(db).to_owned())).collect();
    all.extend(rows::STATEMENTS.map(|(name, text)| (name, text.to_owned())));
    all.extend(fill::STATEMENTS.map(|(name, text)| (name, text.to_owned())));
    all.extend(sweep::STATEMENTS.map(|(name, text)| (name, text.to_owned())));
    all.extend(sweep::TWINS.map(|(name, twin)| (name, twin.on(db.kind()).to_owned())));
    all.extend(rows::TWINS.map(|(name, twin)| (name, twin.on(db.kind()).to_owned())));
    all.extend(dialect::STATEMENTS.map(|(name, twin)| (name, twin.on(db.kind()).to_owned())));
    all
}

impl Store {
    /// The customers that a query finds, the best match first and among equal ones the oldest
    /// record, after `after` and at most `limit`.
    pub async fn search_customers(
        &self,
        query: &CustomerQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<FoundCustomer>, Error> {
        let mut search = Search { store: self, records: HashMap::new(), found: BTreeMap::new() };
        for reading in &query.readings {
            match &reading.clue {
                Clue::Name { places } => search.by_name(reading, *places).await?,
                clue => {
                    let candidates = self.find_by_value(clue).await?;
                    search.weigh(reading, candidates).await?;
                }
            }
        }
        search.page(after, limit).await
    }
}
