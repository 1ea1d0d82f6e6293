use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Micros;

/// A call on what is kept of customers, for those who ask who looked. It is stored as JSON, with
/// its time beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// When it was answered.
    #[serde(skip)]
    pub at: Micros,
    /// The application that called; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub caller: String,
    /// The person who acted through it, or the caller again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// What it was for, as a word; empty where nothing was said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
    /// The name of the call, such as `GetBriefing`.
    pub call: String,
    /// The class of data that the call is about, as a word.
    pub data: String,
    /// The gRPC code of the answer; 0: it was answered.
    pub code: i32,
    /// Whom the call was about, or its answer told of; in the order of the ids, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<Uuid>,
    /// The case that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<Uuid>,
}

/// An access that is kept, with its id: of its two halves the first names the log that holds it,
/// the second counts the rows of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAccess {
    pub id: Uuid,
    pub access: Access,
}

/// The seal of a log: all that was written up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Counts the seals of a database, from 1.
    pub number: i64,
    pub log: i64,
    /// How many rows of the log it holds.
    pub sealed: i64,
    /// Of those rows, one upon the other.
    pub hash: [u8; 32],
    pub sealed_at: Micros,
    /// Of this seal and all before it.
    pub chain: [u8; 32],
}
