//! Everything that can go wrong with a call, once. `api::status` says how it looks on the wire.

use std::fmt;

pub use crate::model::{InvalidReason, Violation};

/// Why a call was refused. No text in it holds a value that came from outside.
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
    #[error("identifier: at most {} customers may claim one", crate::model::MAX_CLAIMS)]
    TooManyClaims,
    /// `field` says that an identifier is verified, or takes that from one.
    #[error("{field}: this caller may not verify this kind")]
    MayNotVerify { field: String },
    /// `field` is a channel that the caller does not work on.
    #[error("{field}: this caller does not work on this channel")]
    ChannelMayNot { field: String },
    #[error("the caller is not known")]
    UnknownCaller,
    #[error("no role of this caller may make this call")]
    RoleMayNot,
    #[error("no role of this caller may call for this purpose")]
    PurposeMayNot,
    #[error("nobody of this name may act through this caller")]
    ActorMayNot,
    #[error("this origin's pages may not call")]
    OriginMayNot,
    #[error("merge not found")]
    MergeNotFound,
    #[error("the two are one customer already")]
    AlreadyMerged,
    #[error("the merge has been taken back already")]
    AlreadyUnmerged,
    #[error("different verified accounts: a second person must approve the merge")]
    NeedsApproval,
    #[error("the two are marked never to be merged")]
    KeptApart,
    /// The merges that go first.
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
    #[error("no hand-over waits for an answer")]
    NotHandedOver,
    #[error("the case is full")]
    CaseFull,
    #[error("promise not found")]
    PromiseNotFound,
    #[error("the promise is settled")]
    PromiseSettled,
    #[error("the purchase has as many returns and changes as it may")]
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
    CustomerHeld,
    #[error("this restriction holds already")]
    AlreadyRestricted,
    #[error("there is no such restriction")]
    NotRestricted,
    #[error("page_token: does not belong to this call; start again without it")]
    BadPageToken,
    #[error("resume_token: does not belong to this call; start again without it")]
    BadResumeToken,
    #[error("the server has as many watches as it may")]
    TooManyWatches,
    #[error("the stream was not read in time; watch again with its last resume_token")]
    SlowReader,
    #[error("the server is stopping; watch again with the last resume_token")]
    Stopping,
    #[error("the server is busy")]
    Overloaded,
    #[error("the server has as many connections as it may")]
    TooManyConnections,
    #[error("this caller has as many connections as it may")]
    TooManyConnectionsOfCaller,
    #[error("this caller has as many calls under way as it may")]
    TooManyCallsOfCaller,
    #[error("this caller has as many watches as it may")]
    TooManyWatchesOfCaller,
    #[error("{0} has as many bytes of requests and answers under way as it may")]
    TooManyBytes(Exhausted),
    #[error("this connection has as many calls of health or reflection under way as it may")]
    TooManyCallsOfConnection,
    #[error("the message did not come in time")]
    SlowSender,
    #[error("the deadline of the call has passed")]
    DeadlinePassed,
    /// By a clock that is known to be off the call breaks a rule about time.
    #[error("the server's clock is off, and by it a time of the call breaks a rule")]
    ClockSkew,
    /// The database does not answer; the text is for the log alone.
    #[error("the store does not answer")]
    Unavailable(String),
    /// A transaction lost against another one and can be run again. Stays within the store.
    #[error("a concurrent write came first")]
    LostRace,
    /// A stored row that cannot be read.
    #[error("a stored row cannot be read: {table}.{column}")]
    Inconsistent { table: &'static str, column: &'static str },
    /// The database says that its own files are damaged; the text is for the log alone.
    #[error("the database is damaged")]
    Damaged(String),
    /// A fault of ours of which the log has a line with this id.
    #[error("internal error")]
    Panicked(uuid::Uuid),
    /// A fault of ours; the text is for the log alone.
    #[error("internal error")]
    Internal(String),
}

/// Who holds as much as may be held.
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
    /// A call that breaks one rule.
    pub fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, rule)])
    }

    /// A call that breaks nothing but rules about time: refused for good, unless the clock that
    /// says so is known to be off.
    pub fn untimely(violations: Vec<Violation>) -> Self {
        let by_skew = |violation: &Violation| violation.reason == InvalidReason::ClockSkew;
        if violations.iter().all(by_skew) { Self::ClockSkew } else { Self::Invalid(violations) }
    }

    /// What the log may say of it: of an outage more than the caller hears.
    pub fn cause(&self) -> String {
        match self {
            Self::Unavailable(cause) | Self::Damaged(cause) | Self::Internal(cause) => {
                cause.clone()
            }
            other => other.to_string(),
        }
    }

    /// The same error of a call that is part `prefix` of a larger one.
    pub fn within(mut self, prefix: &str) -> Self {
        let put = |field: &mut String| field.insert_str(0, prefix);
        match &mut self {
            Self::Invalid(violations) => violations.iter_mut().for_each(|v| put(&mut v.field)),
            Self::ReplyNotFound { field }
            | Self::PurchaseNotFound { field }
            | Self::OrderNumberTaken { field }
            | Self::ChannelMayNot { field }
            | Self::MayNotVerify { field } => put(field),
            _ => {}
        }
        self
    }
}

fn join(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
