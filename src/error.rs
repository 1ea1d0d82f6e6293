//! Everything that can go wrong with a call. `api::status` maps it to gRPC.

use std::fmt;

pub use crate::model::{InvalidReason, Violation};

/// Why a call was refused. No text in it contains a value from outside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Every rule that the call breaks.
    #[error("{}", join(.0))]
    Invalid(Vec<Violation>),
    #[error("customer not found")]
    CustomerNotFound,
    #[error("the customer was erased")]
    CustomerErased,
    #[error("entry not found")]
    EntryNotFound,
    /// `field` refers to an entry that the customer does not have.
    #[error("{field}: entry not found")]
    ReplyNotFound { field: String },
    #[error("{field}: purchase not found")]
    PurchaseNotFound { field: String },
    #[error("{field}: another purchase has this number")]
    OrderNumberTaken { field: String },
    #[error("identifiers: a customer has at most {}", crate::model::MAX_IDENTIFIERS)]
    TooManyIdentifiers,
    #[error("etag: the customer has changed since")]
    StaleEtag,
    #[error("identifier: another customer has it verified")]
    IdentifierConflict,
    #[error("identifier: several customers have it; name the customer by id")]
    IdentifierAmbiguous,
    #[error("identifier: the customer does not have it")]
    IdentifierNotFound,
    #[error("identifier: at most {} customers may claim the same one", crate::model::MAX_CLAIMS)]
    TooManyClaims,
    /// `field` verifies an identifier, or revokes a verification.
    #[error("{field}: this caller may not verify this kind")]
    VerificationNotPermitted { field: String },
    /// `field` is a channel that the caller does not work on.
    #[error("{field}: this caller does not work on this channel")]
    ChannelNotPermitted { field: String },
    #[error("the caller is unknown")]
    UnknownCaller,
    #[error("none of this caller's roles may make this call")]
    RoleNotPermitted,
    #[error("none of this caller's roles may call for this purpose")]
    PurposeNotPermitted,
    #[error("this person may not act through this caller")]
    ActorNotPermitted,
    #[error("pages of this origin may not call")]
    OriginNotPermitted,
    #[error("merge not found")]
    MergeNotFound,
    #[error("the two are already one customer")]
    AlreadyMerged,
    #[error("the merge has already been undone")]
    AlreadyUnmerged,
    #[error("different verified accounts: a second person must approve the merge")]
    NeedsApproval,
    #[error("the two are excluded from being merged")]
    MergeExcluded,
    /// The merges that must be undone first.
    #[error("later merges depend on this one")]
    MergeInUse(Vec<uuid::Uuid>),
    #[error("a customer has at most {} records", crate::model::MAX_RECORDS)]
    TooManyRecords,
    #[error("suggestion not found")]
    SuggestionNotFound,
    #[error("case not found")]
    CaseNotFound,
    #[error("the case is resolved")]
    CaseResolved,
    #[error("the case is not resolved")]
    CaseNotResolved,
    #[error("key: the case does not have this fact")]
    FactUnknown,
    #[error("no handover waits for an answer")]
    NotHandedOver,
    #[error("the case is full")]
    CaseFull,
    #[error("promise not found")]
    PromiseNotFound,
    #[error("the promise is settled")]
    PromiseSettled,
    #[error("the purchase has reached its limit of returns and changes")]
    PurchaseFull,
    #[error("case pass not found")]
    CasePassNotFound,
    #[error("the case pass is locked")]
    CasePassLocked,
    #[error("no code for a case pass is free")]
    NoCasePassLeft,
    #[error("quote not found")]
    QuoteNotFound,
    #[error("the quote is withdrawn")]
    QuoteWithdrawn,
    #[error("a customer record has at most 100 valid quotes")]
    TooManyQuotes,
    #[error("the customer is restricted")]
    CustomerRestricted,
    #[error("the customer is under legal hold")]
    CustomerOnHold,
    #[error("this restriction already exists")]
    AlreadyRestricted,
    #[error("there is no such restriction")]
    NotRestricted,
    #[error("page_token: does not belong to this call; start again without it")]
    BadPageToken,
    #[error("resume_token: does not belong to this call; start again without it")]
    BadResumeToken,
    #[error("the server has reached its limit of watches")]
    TooManyWatches,
    #[error("the stream was not read in time; watch again with its last resume_token")]
    SlowReader,
    #[error("the server is stopping; watch again with the last resume_token")]
    Stopping,
    #[error("the server is busy")]
    Overloaded,
    #[error("the server has reached its limit of connections")]
    TooManyConnections,
    #[error("this caller has reached its limit of connections")]
    TooManyConnectionsOfCaller,
    #[error("this caller has reached its limit of calls under way")]
    TooManyCallsOfCaller,
    #[error("this caller has reached its limit of watches")]
    TooManyWatchesOfCaller,
    #[error("{0} has reached its limit of bytes of requests and responses under way")]
    TooManyBytes(Exhausted),
    #[error("this connection has reached its limit of health and reflection calls under way")]
    TooManyCallsOfConnection,
    #[error("the message did not arrive in time")]
    SlowSender,
    #[error("the deadline of the call has passed")]
    DeadlinePassed,
    /// A rule about time is broken, but the clock that says so is known to be off.
    #[error("the server's clock is off, and by that clock a time of the call breaks a rule")]
    ClockSkew,
    /// The database does not answer; the text is for the log only.
    #[error("the store does not answer")]
    Unavailable(String),
    /// A transaction conflicted with another one and can be run again. Does not leave the store.
    #[error("a concurrent write came first")]
    Conflict,
    /// A stored row that cannot be read.
    #[error("a stored row cannot be read: {table}.{column}")]
    Inconsistent { table: &'static str, column: &'static str },
    /// The database says that its own files are damaged; the text is for the log only.
    #[error("the database is damaged")]
    Damaged(String),
    /// An internal error that the log describes under this id.
    #[error("internal error")]
    Panicked(uuid::Uuid),
    /// An internal error; the text is for the log only.
    #[error("internal error")]
    Internal(String),
}

/// Whose quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    All,
    OfCaller,
    OfConnection,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::All => "the server",
            Self::OfCaller => "this caller",
            Self::OfConnection => "this connection",
        })
    }
}

impl Error {
    /// A call that violates one rule.
    pub fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, rule)])
    }

    /// A call that breaks only rules about time. Permanent, unless the clock is known to be off.
    pub fn untimely(violations: Vec<Violation>) -> Self {
        let by_skew = |violation: &Violation| violation.reason == InvalidReason::ClockSkew;
        if violations.iter().all(by_skew) { Self::ClockSkew } else { Self::Invalid(violations) }
    }

    /// The text for the log. It has details of an outage that the caller does not get.
    pub fn cause(&self) -> String {
        match self {
            Self::Unavailable(cause) | Self::Damaged(cause) | Self::Internal(cause) => {
                cause.clone()
            }
            other => other.to_string(),
        }
    }

    /// Prefixes the fields of the error with `prefix`, for a call that is part of a larger one.
    pub fn within(mut self, prefix: &str) -> Self {
        let put = |field: &mut String| field.insert_str(0, prefix);
        match &mut self {
            Self::Invalid(violations) => violations.iter_mut().for_each(|v| put(&mut v.field)),
            Self::ReplyNotFound { field }
            | Self::PurchaseNotFound { field }
            | Self::OrderNumberTaken { field }
            | Self::ChannelNotPermitted { field }
            | Self::VerificationNotPermitted { field } => put(field),
            _ => {}
        }
        self
    }
}

fn join(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
