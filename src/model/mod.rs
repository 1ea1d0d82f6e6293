//! Plain types without input or output. They import nothing of this crate.

mod audit;
mod briefing;
mod calendar;
mod case;
mod customer;
mod entry;
mod erasure;
mod identifier;
mod merge;
mod page;
mod promise;
mod purchase;
mod quote;
mod reask;
mod restriction;
mod retention;
mod search;
mod violation;
mod watch;

pub use audit::{AuditEntry, Seal, StoredAuditEntry};
pub use briefing::{
    BriefedCustomer, Briefing, BriefingInput, Complaint, Confidence, Contacts, EntrySummary,
    KnownFact, Mood, Preferences, Score,
};
pub use calendar::{Due, OpeningHours};
pub use case::{
    Case, CaseChange, CaseState, CaseUpdate, CaseWrite, EventMeta, Fact, FactValue, Handover,
    HandoverState, Offer, Opening, Reask,
};
pub use customer::{
    Address, Consent, Customer, FieldOrigin, Profile, ProfileField, ProfileSource, StoredProfile,
};
pub use entry::{
    BodyHash, CaseChoice, CaseClue, Channel, EntryKind, IdempotencyKey, NewEntry, ProbableCase,
    RecordEntry, RecordedEntry, Target,
};
pub use erasure::Erasure;
pub use identifier::{
    Candidate, Claim, Conflict, Identifier, IdentifierKind, Origin, StoredIdentifier, Verification,
};
pub use merge::{
    EndedLink, IdentityChange, Merge, MergeConflict, MergeRule, NewLink, NewMerge, RequestContext,
};
pub use page::{EntryFilter, Order, Position};
pub use promise::{
    Amount, NewPromise, Promise, PromiseChange, PromiseState, PromiseTerms, PromisedTo,
};
pub use purchase::{
    OrderEntry, OrderEvent, OrderHistory, OrderLine, OrderStatus, PurchaseDetails, PurchaseNumber,
    PurchaseState, PurchasedLine, ReturnedLine, StatusChange,
};
pub use quote::{ComparedQuote, NewQuote, Quote, QuoteChange, Terms};
pub use reask::ReaskCount;
pub use restriction::{Restriction, RestrictionAction, RestrictionKind};
pub use retention::{RetentionKind, RetentionRule, RetentionRules};
pub use search::{Clue, CustomerQuery, FoundCustomer, Match, MatchQuality, MatchedBy, Reading};
pub use violation::{InvalidReason, Violation};
pub use watch::{ResumePoint, WatchStart};

/// A point in time: microseconds since 1970 UTC.
pub type Micros = i64;

/// How many identifiers one customer may have.
pub const MAX_IDENTIFIERS: usize = 200;

/// How many customers may claim one identifier.
pub const MAX_CLAIMS: usize = 50;

/// How many records one customer may be.
pub const MAX_RECORDS: usize = 100;

/// How many records the resume point of a watch may cover: the current records of a customer and
/// some former ones.
pub const MAX_WATCHED: usize = 150;

/// How many entries one batch may hold.
pub const MAX_BATCH: usize = 500;

/// How many entries or customers one page may hold.
pub const MAX_PAGE: usize = 200;
