//! What a transaction is asked for, what it finds, and the rows it writes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::{
    erasure::Erased,
    purchase::{OrderOf, OrderWrites},
};
use crate::{
    error::Error,
    model::{
        BodyHash, Candidate, Case, CaseChoice, Claim, Conflict, Identifier, KeptProfile, Micros,
        NewEntry, OrderPart, Origin, ProbableCase, Profile, Proof, Target, Violation, WriteName,
    },
};

/// A customer record whose row is locked.
#[derive(Clone, Debug)]
pub struct Held {
    pub revision: i64,
    pub created_at: Micros,
    /// As it is stored: JSON.
    pub profile: String,
    /// The canonical record of the person.
    pub person_id: Uuid,
    /// How many records the person is; 0 of a record that is not the canonical one.
    pub records: i64,
    /// Grows with each change of what names the record.
    pub identity_revision: i64,
    /// How many of the cases that were opened with the record are not resolved.
    pub open_cases: i64,
    /// Whether nobody may read or change it.
    pub restricted: bool,
    /// Whether nothing of it may be taken away.
    pub on_hold: bool,
}

impl Held {
    /// A record that is not there yet.
    pub fn new(id: Uuid, now: Micros) -> Self {
        Self {
            revision: 0,
            created_at: now,
            profile: "{}".to_owned(),
            person_id: id,
            records: 1,
            identity_revision: 0,
            open_cases: 0,
            restricted: false,
            on_hold: false,
        }
    }

    /// Whether the person is other records too.
    pub fn is_merged(&self) -> bool {
        self.records != 1
    }
}

/// The columns of a customer's row, as every statement that reads one has them.
pub type CustomerRow = (Uuid, i64, Micros, String, Uuid, i64, i64, i64, bool, bool);

/// A customer out of its row.
pub fn held(row: CustomerRow) -> (Uuid, Held) {
    let (
        id,
        revision,
        created_at,
        profile,
        person_id,
        records,
        identity_revision,
        open_cases,
        restricted,
        on_hold,
    ) = row;
    let held = Held {
        revision,
        created_at,
        profile,
        person_id,
        records,
        identity_revision,
        open_cases,
        restricted,
        on_hold,
    };
    (id, held)
}

/// One thing to write: an entry, or the customer alone.
#[derive(Clone, Debug)]
pub struct Item {
    pub target: Target,
    /// Fills what is empty of the customer's profile.
    pub profile: Profile,
    pub origin: Origin,
    pub entry: Option<NamedEntry>,
    /// When what the item says was so; nothing where that is now. What was so before a customer was
    /// erased does not make the customer anew.
    pub as_of: Option<Micros>,
}

/// An entry with what makes a retry of it harmless.
#[derive(Clone, Debug)]
pub struct NamedEntry {
    pub entry: NewEntry,
    pub case: CaseChoice,
    pub names: Vec<WriteName>,
    pub body: BodyHash,
    pub time_violations: Vec<Violation>,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    pub whom: Option<Whom>,
    pub conflicts: Vec<Conflict>,
    /// Whom it may be about, where `whom` is not known.
    pub candidates: Vec<Candidate>,
    /// Nothing for an item without an entry.
    pub entry: Option<EntryDone>,
}

/// The record that an item is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whom {
    pub record_id: Uuid,
    /// The canonical record of the person.
    pub person_id: Uuid,
    pub created: bool,
}

/// Where an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryDone {
    pub entry_id: Uuid,
    pub revision: i64,
    pub recorded_at: Micros,
    pub already_recorded: bool,
    pub case_id: Option<Uuid>,
    pub probable_cases: Vec<ProbableCase>,
}

/// What is there, as far as the batch is concerned. Grows with what the batch writes, so that a
/// later item sees an earlier one.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The claims of each identifier key.
    pub claims: HashMap<String, Vec<Claim>>,
    /// The customers, all of them locked.
    pub customers: HashMap<Uuid, Held>,
    /// The records of each person that has several.
    pub records: HashMap<Uuid, Vec<Uuid>>,
    /// What was said before of identifiers that others have, by record and key.
    pub refused: HashMap<(Uuid, String), bool>,
    /// The accounts, customer numbers and external ids of people, as far as they matter.
    pub strong: HashMap<Uuid, BTreeSet<String>>,
    /// The person of each record that an earlier write was about.
    pub persons: HashMap<Uuid, Uuid>,
    pub identifier_counts: HashMap<Uuid, usize>,
    pub ledger: HashMap<(String, String), LedgerRow>,
    /// What is named and was erased.
    pub erased: Erased,
    /// Records that are named by id and were erased.
    pub erased_customers: BTreeSet<Uuid>,
    pub purchases: HashSet<(Uuid, String)>,
    /// What records tell of orders, as far as the batch may add to it.
    pub orders: HashMap<OrderOf, OrderPart>,
    pub entries: HashSet<(Uuid, Uuid)>,
    /// The cases that items name, with the record of each.
    pub cases: HashSet<(Uuid, Uuid)>,
    /// The open cases of each record that changed last.
    pub open_cases: HashMap<Uuid, Vec<Case>>,
}

/// An earlier write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    pub body: Vec<u8>,
    pub customer_id: Uuid,
    pub entry_id: Option<Uuid>,
    pub revision: i64,
    pub recorded_at: Micros,
    pub customer_created: bool,
}

/// The rows to write.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    /// New customers with their last revision.
    pub created: BTreeMap<Uuid, i64>,
    /// Customers that were there, with their last revision.
    pub touched: BTreeMap<Uuid, i64>,
    /// The profiles that are new or other than before.
    pub profiles: BTreeMap<Uuid, KeptProfile>,
    /// By key and slot, so that two servers that add the same ones never wait for each other.
    pub claims: BTreeMap<(String, i64), ClaimRow>,
    /// Claims that are verified since, by key and record.
    pub verified: BTreeSet<(String, Uuid)>,
    /// Claims that were seen again, by key and record.
    pub seen: BTreeSet<(String, Uuid)>,
    /// What was said of identifiers that others have: by record and key, and whether verified.
    pub refused: BTreeMap<(Uuid, String), bool>,
    /// Records whose identity has changed, with the revision of the change.
    pub changed: BTreeMap<Uuid, i64>,
    pub ledger: Vec<((String, String), LedgerRow)>,
    pub entries: Vec<EntryRow>,
    pub orders: OrderWrites,
}

/// A row of `identifiers`, less its key and slot.
#[derive(Clone, Debug)]
pub struct ClaimRow {
    pub customer_id: Uuid,
    pub claim_id: Uuid,
    pub identifier: Identifier,
    pub proof: Proof,
    pub source: String,
}

/// A row of `entries` with what hangs on it.
#[derive(Clone, Debug)]
pub struct EntryRow {
    pub customer_id: Uuid,
    /// The record's revision that the entry is.
    pub revision: i64,
    pub entry: NewEntry,
    pub payload: Vec<u8>,
}

/// A profile as it is stored.
pub fn write_profile(profile: &KeptProfile) -> String {
    // Texts and lists of texts: there is nothing in it that JSON cannot hold.
    serde_json::to_string(profile).unwrap_or_else(|_| "{}".to_owned())
}

/// A stored profile.
pub fn read_profile(json: &str) -> Result<KeptProfile, Error> {
    serde_json::from_str(json)
        .map_err(|_| Error::Inconsistent { table: "customers", column: "profile" })
}
