//! Records as they are compared, with their claims.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::statements::{CLAIMS, REFUSED_OF};
use crate::{
    domain::matching::Person,
    error::Error,
    model::{Identifier, Micros, Profile, Verification},
    store::{
        identity::claims::read_verification,
        sql::{bulk::Column, db::Db, dialect::READ_CUSTOMERS},
        write::writes::{CustomerRecord, CustomerRow, read_profile},
    },
};

/// A record to be compared.
#[derive(Debug)]
pub struct MatchPerson {
    pub person: Person,
    /// The canonical record of the person.
    pub person_id: Uuid,
    pub created_at: Micros,
    /// The keys of its identifiers.
    pub claims: Vec<(String, Verification)>,
    /// The keys of identifiers that were refused to it because somebody else has them; whether the
    /// caller had the right to verify.
    pub refused: Vec<(String, bool)>,
}

impl MatchPerson {
    /// Whether the record has an identifier, or was refused it.
    pub fn names(&self, key: &str) -> bool {
        self.claims.iter().any(|(own, _)| own == key)
            || self.refused.iter().any(|(own, _)| own == key)
    }
}

/// Reads records, in three statements however many there are.
pub async fn load(db: &Db, ids: &[Uuid]) -> Result<BTreeMap<Uuid, MatchPerson>, Error> {
    let rows: Vec<CustomerRow> = db.list(READ_CUSTOMERS, vec![Column::Ids(ids.to_vec())]).await?;
    let claims: Vec<(Uuid, String, String)> =
        db.list(CLAIMS, vec![Column::Ids(ids.to_vec())]).await?;
    let refused: Vec<(Uuid, String, bool)> =
        db.list(REFUSED_OF, vec![Column::Ids(ids.to_vec())]).await?;
    let mut claims_of: BTreeMap<Uuid, Vec<(String, Verification)>> = BTreeMap::new();
    for (id, key, verification) in claims {
        claims_of.entry(id).or_default().push((key, read_verification(&verification)?));
    }
    let mut refused_of: BTreeMap<Uuid, Vec<(String, bool)>> = BTreeMap::new();
    for (id, key, verified) in refused {
        refused_of.entry(id).or_default().push((key, verified));
    }

    let mut known = BTreeMap::new();
    for row in rows {
        let (id, current) = CustomerRecord::from_row(row);
        let claims = claims_of.remove(&id).unwrap_or_default();
        let refused = refused_of.remove(&id).unwrap_or_default();
        let keys = claims.iter().map(|(key, _)| key).chain(refused.iter().map(|(key, _)| key));
        let person = person(&read_profile(&current.profile)?.profile, keys)?;
        let (person_id, created_at) = (current.person_id, current.created_at);
        known.insert(id, MatchPerson { person, person_id, created_at, claims, refused });
    }
    Ok(known)
}

/// The person of a profile and identifier keys.
pub fn person<'a>(
    profile: &Profile,
    keys: impl Iterator<Item = &'a String>,
) -> Result<Person, Error> {
    let mut identifiers = Vec::new();
    for key in keys {
        let unreadable = Error::Inconsistent { table: "identifiers", column: "key" };
        let (kind, namespace, value) = Identifier::parts_of(key).ok_or(unreadable)?;
        identifiers.push(Identifier {
            kind,
            namespace: namespace.to_owned(),
            value: value.to_owned(),
            raw: String::new(),
            mixed_script: false,
            verified: false,
        });
    }
    Ok(Person::of_customer(profile, &identifiers))
}
