use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Micros;

/// An audit log entry: a call on customer data. It is stored as JSON beside its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When the call was answered.
    #[serde(skip)]
    pub at: Micros,
    /// The client application; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub caller: String,
    /// The acting user, or the client application if no user is named.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// The purpose of the call, as a word; empty if none was stated.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
    /// The name of the call, such as `GetBriefing`.
    pub call: String,
    /// The class of data of the call, as a word.
    pub data: String,
    /// The gRPC status code of the answer; 0 is OK.
    pub code: i32,
    /// The customers that the call concerned, sorted by id, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<Uuid>,
    /// The case that the call named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<Uuid>,
}

/// A stored audit entry with its id: the first half names the log, the second is its number in the
/// log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAuditEntry {
    pub id: Uuid,
    pub access: AuditEntry,
}

/// A seal of the audit log: proves all rows up to a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The number of the seal, from 1.
    pub number: i64,
    pub log: i64,
    /// How many rows of the log it covers.
    pub sealed: i64,
    /// The hash chain over those rows.
    pub hash: [u8; 32],
    pub sealed_at: Micros,
    /// The hash of this seal and all before it.
    pub chain: [u8; 32],
}
