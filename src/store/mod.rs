//! All SQL.
use crate::{
    clock::Clock,
    error::Error,
    model::{Customer, Identifier, Match, Profile, Record, Recorded},
};

/// The customer that a set of identifiers names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    pub customer: Customer,
    pub created: bool,
    pub matches: Vec<Match>,
}

/// The database.
#[derive(Clone, Debug)]
pub struct Store {}

impl Store {
    /// Opens the database of a URL (`sqlite:FILE`, `postgres://...`) and brings its tables up to date.
    pub async fn open(url: &str, clock: Clock) -> Result<Self, Error> {
        let _ = (url, clock);
        todo!()
    }

    /// Records entries, all or none; one answer for each. Coalesced with concurrent calls.
    pub async fn record(&self, records: Vec<Record>) -> Result<Vec<Recorded>, Error> {
        let _ = records;
        todo!()
    }

    /// Records entries in one transaction, each by itself: one that is refused leaves the others.
    /// For imports: up to some 1,000 in a call.
    pub async fn record_each(
        &self,
        records: Vec<Record>,
    ) -> Result<Vec<Result<Recorded, Error>>, Error> {
        let _ = records;
        todo!()
    }

    /// The customer that the identifiers name, made if new.
    pub async fn identify(
        &self,
        identifiers: Vec<Identifier>,
        profile: Profile,
    ) -> Result<Identified, Error> {
        let _ = (identifiers, profile);
        todo!()
    }

    /// The same for many, in one transaction. For imports: up to some 1,000 in a call.
    pub async fn identify_each(
        &self,
        customers: Vec<(Vec<Identifier>, Profile)>,
    ) -> Result<Vec<Result<Identified, Error>>, Error> {
        let _ = customers;
        todo!()
    }
}
