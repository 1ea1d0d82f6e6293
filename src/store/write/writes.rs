//! The input of a write transaction, its snapshot, and the rows that it writes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::orders::{OrderOf, OrderWrites};
use crate::{
    error::Error,
    model::{
        BodyHash, Candidate, Case, CaseChoice, Claim, Conflict, IdempotencyKey, Identifier, Micros,
        NewEntry, OrderHistory, Origin, ProbableCase, Profile, StoredProfile, Target, Verification,
        Violation,
    },
    store::sql::json::to_json,
};

/// A customer record, from its row. A transaction that changes it holds the lock of the row.
#[derive(Clone, Debug)]
pub struct CustomerRecord {
    pub revision: i64,
    pub created_at: Micros,
    /// The stored JSON.
    pub profile: String,
    /// The canonical record of the person.
    pub person_id: Uuid,
    /// How many records the person has; 0 for a record that is not the canonical one.
    pub records: i64,
    /// Grows with each change of the record's identity.
    pub identity_revision: i64,
    /// How many unresolved cases were opened with the record.
    pub open_cases: i64,
    /// Whether processing is restricted.
    pub restricted: bool,
    /// Whether it is under legal hold.
    pub on_hold: bool,
}

impl CustomerRecord {
    /// A new record.
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

    /// The id and the record of a row.
    pub fn from_row(row: CustomerRow) -> (Uuid, Self) {
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
        let record = Self {
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
        (id, record)
    }

    /// Whether the person has other records too.
    pub fn is_merged(&self) -> bool {
        self.records != 1
    }
}

/// The columns of a customer's row, as all statements select them.
pub type CustomerRow = (Uuid, i64, Micros, String, Uuid, i64, i64, i64, bool, bool);

/// An item to write: an entry, or only a customer.
#[derive(Clone, Debug)]
pub struct WriteItem {
    pub target: Target,
    /// Fills empty fields of the customer's profile.
    pub profile: Profile,
    pub origin: Origin,
    pub entry: Option<NamedEntry>,
    /// When the data of the item was current; None: now. Data from before an erasure does not
    /// create the customer again.
    pub as_of: Option<Micros>,
}

/// An entry with its idempotency keys.
#[derive(Clone, Debug)]
pub struct NamedEntry {
    pub entry: NewEntry,
    pub case: CaseChoice,
    pub names: Vec<IdempotencyKey>,
    pub body: BodyHash,
    pub time_violations: Vec<Violation>,
}

/// The result of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub resolved: Option<ResolvedCustomer>,
    pub conflicts: Vec<Conflict>,
    /// The candidates, if `whom` is unknown.
    pub candidates: Vec<Candidate>,
    /// None for an item without an entry.
    pub entry: Option<EntryOutcome>,
}

/// The customer of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolvedCustomer {
    pub record_id: Uuid,
    /// The canonical record of the person.
    pub person_id: Uuid,
    pub created: bool,
}

/// The result of recording an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryOutcome {
    pub entry_id: Uuid,
    pub revision: i64,
    pub recorded_at: Micros,
    pub already_recorded: bool,
    pub case_id: Option<Uuid>,
    pub probable_cases: Vec<ProbableCase>,
}

/// What a batch has read. It is updated with what the batch writes, so that later items see earlier
/// ones.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The claims of each identifier key.
    pub claims: HashMap<String, Vec<Claim>>,
    /// The customers, all of them locked.
    pub customers: HashMap<Uuid, CustomerRecord>,
    /// The records of each merged person.
    pub records: HashMap<Uuid, Vec<Uuid>>,
    /// Known refused claims, by record and key.
    pub refused: HashMap<(Uuid, String), bool>,
    /// The accounts, customer numbers and external ids of persons, as far as needed.
    pub strong: HashMap<Uuid, BTreeSet<String>>,
    /// The person of each record of an earlier write.
    pub persons: HashMap<Uuid, Uuid>,
    pub identifier_counts: HashMap<Uuid, usize>,
    pub idempotency_keys: HashMap<(String, String), IdempotencyRow>,
    /// Which names of the batch were erased.
    pub erased: Erased,
    /// Erased records that are named by id.
    pub erased_customers: BTreeSet<Uuid>,
    pub purchases: HashSet<(Uuid, String)>,
    /// The order histories that the batch may extend.
    pub orders: HashMap<OrderOf, OrderHistory>,
    pub entries: HashSet<(Uuid, Uuid)>,
    /// The cases that items name, with their records.
    pub cases: HashSet<(Uuid, Uuid)>,
    /// The last changed open cases of each record.
    pub open_cases: HashMap<Uuid, Vec<Case>>,
}

/// An earlier write, by its idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRow {
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
    /// Existing customers, with their last revision.
    pub touched: BTreeMap<Uuid, i64>,
    /// New and changed profiles.
    pub profiles: BTreeMap<Uuid, StoredProfile>,
    /// By key and slot, so that two servers that add the same ones never deadlock.
    pub claims: BTreeMap<(String, i64), ClaimRow>,
    /// Claims that become verified, by key and record.
    pub verified: BTreeSet<(String, Uuid)>,
    /// Claims that were seen again, by key and record.
    pub seen: BTreeSet<(String, Uuid)>,
    /// Refused claims by record and key, and whether the caller had the right to verify.
    pub refused: BTreeMap<(Uuid, String), bool>,
    /// Records whose identity has changed, with the revision of the change.
    pub changed: BTreeMap<Uuid, i64>,
    pub idempotency_keys: Vec<((String, String), IdempotencyRow)>,
    pub entries: Vec<EntryRow>,
    pub orders: OrderWrites,
}

/// A row of `identifiers` without its key and slot.
#[derive(Clone, Debug)]
pub struct ClaimRow {
    pub customer_id: Uuid,
    pub claim_id: Uuid,
    pub identifier: Identifier,
    pub verification: Verification,
    pub source: String,
}

/// A row of `entries` with its related rows.
#[derive(Clone, Debug)]
pub struct EntryRow {
    pub customer_id: Uuid,
    /// The revision of the record with this entry.
    pub revision: i64,
    pub entry: NewEntry,
    pub payload: Vec<u8>,
}

/// Encodes a profile.
pub fn write_profile(profile: &StoredProfile) -> Result<String, Error> {
    to_json(profile)
}

/// Decodes a profile.
pub fn read_profile(json: &str) -> Result<StoredProfile, Error> {
    serde_json::from_str(json)
        .map_err(|_| Error::Inconsistent { table: "customers", column: "profile" })
}

/// Which names of a batch were erased.
#[derive(Clone, Debug, Default)]
pub struct Erased {
    /// Idempotency keys, by scope and name.
    pub names: BTreeSet<(String, String)>,
    /// Keys of identifiers, with the time of the erasure.
    pub identifiers: HashMap<String, Micros>,
}

/// The customers that an item may concern.
pub struct Candidates {
    pub records: BTreeSet<Uuid>,
    /// Whether the item may add identifiers that the customer does not have.
    pub links: bool,
    /// Whether its identifiers may be of several people, who have to be compared.
    pub compared: bool,
}

impl Candidates {
    /// The records of the people whom the item may concern.
    pub fn all_records(&self, snapshot: &Snapshot) -> BTreeSet<Uuid> {
        let person_of = |id: &Uuid| snapshot.customers.get(id).map(|it| it.person_id);
        let persons: BTreeSet<Uuid> = self.records.iter().filter_map(person_of).collect();
        let others = persons.iter().filter_map(|person| snapshot.records.get(person)).flatten();
        self.records.iter().chain(others).copied().collect()
    }
}
