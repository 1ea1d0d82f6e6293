//! Maps errors to gRPC statuses: the only place that knows codes, reasons and details.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use super::outage_log;
use crate::{
    error::{Error, InvalidReason, Violation},
    pb::ErrorReason,
};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "throughline";
/// The retry delay after a temporary failure.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// The retry delay while the clock is off: it is compared with that of the database every ten
/// seconds.
const RETRY_BY_CLOCK: Duration = Duration::from_secs(10);
/// The size limit of the violations in an error: it is sent in the headers of the response, of
/// which common clients accept 8 KiB in all.
const MAX_VIOLATION_BYTES: usize = 2500;
/// How many violations the message contains as well.
const MAX_IN_MESSAGE: usize = 5;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        described(&error, HashMap::new())
    }
}

/// The status that ends a stream, with the token to resume it.
pub fn ended(error: &Error, resume_token: &str) -> Status {
    described(error, HashMap::from([("resume_token".to_owned(), resume_token.to_owned())]))
}

fn described(error: &Error, mut metadata: HashMap<String, String>) -> Status {
    let (code, reason) = classify(error);
    match error {
        Error::Unavailable(cause) => outage_log::note(cause),
        Error::Damaged(cause) => tracing::error!(%cause, "the database is damaged"),
        Error::Internal(cause) => tracing::error!(%cause, "internal error"),
        Error::Inconsistent { .. } | Error::Conflict => tracing::error!(%error, "store"),
        _ => {}
    }
    let mut details = ErrorDetails::new();
    if let Error::Invalid(violations) = error {
        details.set_bad_request(named(violations));
    }
    if let Error::PurchaseNotFound { field }
    | Error::ReplyNotFound { field }
    | Error::OrderNumberTaken { field }
    | Error::ChannelNotPermitted { field }
    | Error::VerificationNotPermitted { field } = error
    {
        details.add_bad_request_violation(field.clone(), error.to_string());
    }
    if matches!(error, Error::BadPageToken) {
        details.add_bad_request_violation("page_token", "does not belong to this call");
    }
    if matches!(error, Error::BadResumeToken) {
        details.add_bad_request_violation("resume_token", "does not belong to this call");
    }
    if matches!(
        error,
        Error::Unavailable(_)
            | Error::Overloaded
            | Error::TooManyCallsOfCaller
            | Error::TooManyConnections
            | Error::TooManyConnectionsOfCaller
            | Error::TooManyWatches
            | Error::TooManyWatchesOfCaller
            | Error::TooManyBytes(_)
            | Error::TooManyCallsOfConnection
            | Error::SlowSender
            | Error::Stopping
    ) {
        details.set_retry_info(Some(RETRY_AFTER));
    }
    if matches!(error, Error::ClockSkew) {
        details.set_retry_info(Some(RETRY_BY_CLOCK));
    }
    let message = match error {
        Error::Invalid(violations) if violations.len() > MAX_IN_MESSAGE => {
            format!("{} fields break a rule", violations.len())
        }
        other => other.to_string(),
    };
    if let Error::Panicked(incident) = error {
        metadata.insert("incident".to_owned(), incident.to_string());
    }
    if let Error::MergeInUse(merges) = error {
        let ids: Vec<String> = merges.iter().map(ToString::to_string).collect();
        metadata.insert("merge_ids".to_owned(), ids.join(","));
    }
    with_reason(code, message, reason, details, metadata)
}
/// A status with a reason.
pub fn refused(code: Code, message: impl Into<String>, reason: ErrorReason) -> Status {
    with_reason(code, message.into(), reason, ErrorDetails::new(), HashMap::new())
}

fn with_reason(
    code: Code,
    message: String,
    reason: ErrorReason,
    mut details: ErrorDetails,
    metadata: HashMap<String, String>,
) -> Status {
    let reason = reason.as_str_name().trim_start_matches("ERROR_REASON_");
    details.set_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(code, message, details)
}

/// The first violations, as many as fit, but at least one.
fn named(violations: &[Violation]) -> Vec<FieldViolation> {
    let mut room = MAX_VIOLATION_BYTES;
    let mut named = Vec::new();
    for violation in violations {
        let bytes = violation.field.len() + violation.rule.len() + 8;
        if bytes > room && !named.is_empty() {
            break;
        }
        room = room.saturating_sub(bytes);
        named.push(FieldViolation::new(violation.field.clone(), violation.rule.clone()));
    }
    named
}

fn classify(error: &Error) -> (Code, ErrorReason) {
    match error {
        Error::Invalid(violations) => (Code::InvalidArgument, invalid_reason(violations)),
        Error::CustomerNotFound => (Code::NotFound, ErrorReason::CustomerNotFound),
        Error::CustomerErased => (Code::FailedPrecondition, ErrorReason::CustomerErased),
        Error::EntryNotFound | Error::ReplyNotFound { .. } => {
            (Code::NotFound, ErrorReason::EntryNotFound)
        }
        Error::PurchaseNotFound { .. } => (Code::NotFound, ErrorReason::PurchaseNotFound),
        Error::OrderNumberTaken { .. } => (Code::AlreadyExists, ErrorReason::OrderNumberTaken),
        Error::TooManyIdentifiers => (Code::ResourceExhausted, ErrorReason::TooManyIdentifiers),
        Error::StaleEtag => (Code::Aborted, ErrorReason::StaleEtag),
        Error::IdentifierConflict => (Code::AlreadyExists, ErrorReason::IdentifierConflict),
        Error::IdentifierAmbiguous => (Code::FailedPrecondition, ErrorReason::IdentifierAmbiguous),
        Error::IdentifierNotFound => (Code::NotFound, ErrorReason::IdentifierNotFound),
        Error::TooManyClaims => (Code::ResourceExhausted, ErrorReason::TooManyClaims),
        Error::VerificationNotPermitted { .. } => {
            (Code::PermissionDenied, ErrorReason::VerificationNotPermitted)
        }
        Error::ChannelNotPermitted { .. } => {
            (Code::PermissionDenied, ErrorReason::ChannelNotPermitted)
        }
        Error::UnknownCaller => (Code::Unauthenticated, ErrorReason::UnknownCaller),
        Error::RoleNotPermitted => (Code::PermissionDenied, ErrorReason::RoleNotPermitted),
        Error::PurposeNotPermitted => (Code::PermissionDenied, ErrorReason::PurposeNotPermitted),
        Error::ActorNotPermitted => (Code::PermissionDenied, ErrorReason::ActorNotPermitted),
        Error::OriginNotPermitted => (Code::PermissionDenied, ErrorReason::OriginNotPermitted),
        Error::MergeNotFound => (Code::NotFound, ErrorReason::MergeNotFound),
        Error::AlreadyMerged => (Code::AlreadyExists, ErrorReason::AlreadyMerged),
        Error::AlreadyUnmerged => (Code::FailedPrecondition, ErrorReason::AlreadyUnmerged),
        Error::NeedsApproval => (Code::FailedPrecondition, ErrorReason::NeedsApproval),
        Error::MergeExcluded => (Code::FailedPrecondition, ErrorReason::MergeExcluded),
        Error::MergeInUse(_) => (Code::FailedPrecondition, ErrorReason::MergeInUse),
        Error::TooManyRecords => (Code::ResourceExhausted, ErrorReason::TooManyRecords),
        Error::SuggestionNotFound => (Code::NotFound, ErrorReason::SuggestionNotFound),
        Error::CaseNotFound => (Code::NotFound, ErrorReason::CaseNotFound),
        Error::CaseResolved => (Code::FailedPrecondition, ErrorReason::CaseResolved),
        Error::CaseNotResolved => (Code::FailedPrecondition, ErrorReason::CaseNotResolved),
        Error::FactUnknown => (Code::FailedPrecondition, ErrorReason::FactUnknown),
        Error::NotHandedOver => (Code::FailedPrecondition, ErrorReason::NotHandedOver),
        Error::CaseFull => (Code::ResourceExhausted, ErrorReason::CaseFull),
        Error::PromiseNotFound => (Code::NotFound, ErrorReason::PromiseNotFound),
        Error::PromiseSettled => (Code::FailedPrecondition, ErrorReason::PromiseSettled),
        Error::PurchaseFull => (Code::ResourceExhausted, ErrorReason::PurchaseFull),
        Error::CasePassNotFound => (Code::NotFound, ErrorReason::CasePassNotFound),
        Error::CasePassLocked => (Code::FailedPrecondition, ErrorReason::CasePassLocked),
        Error::NoCasePassLeft => (Code::ResourceExhausted, ErrorReason::NoCasePassLeft),
        Error::QuoteNotFound => (Code::NotFound, ErrorReason::QuoteNotFound),
        Error::QuoteWithdrawn => (Code::FailedPrecondition, ErrorReason::QuoteWithdrawn),
        Error::TooManyQuotes => (Code::ResourceExhausted, ErrorReason::TooManyQuotes),
        Error::CustomerRestricted => (Code::FailedPrecondition, ErrorReason::CustomerRestricted),
        Error::CustomerOnHold => (Code::FailedPrecondition, ErrorReason::CustomerOnHold),
        Error::AlreadyRestricted => (Code::FailedPrecondition, ErrorReason::AlreadyRestricted),
        Error::NotRestricted => (Code::FailedPrecondition, ErrorReason::NotRestricted),
        Error::BadPageToken => (Code::InvalidArgument, ErrorReason::BadPageToken),
        Error::BadResumeToken => (Code::InvalidArgument, ErrorReason::BadResumeToken),
        Error::TooManyWatches => (Code::ResourceExhausted, ErrorReason::TooManyWatches),
        Error::SlowReader => (Code::Aborted, ErrorReason::SlowReader),
        Error::Stopping => (Code::Unavailable, ErrorReason::ServerStopping),
        Error::Overloaded => (Code::ResourceExhausted, ErrorReason::Overloaded),
        Error::TooManyCallsOfCaller => (Code::ResourceExhausted, ErrorReason::TooManyCallsOfCaller),
        Error::TooManyConnections => (Code::ResourceExhausted, ErrorReason::TooManyConnections),
        Error::TooManyConnectionsOfCaller => {
            (Code::ResourceExhausted, ErrorReason::TooManyConnectionsOfCaller)
        }
        Error::TooManyWatchesOfCaller => {
            (Code::ResourceExhausted, ErrorReason::TooManyWatchesOfCaller)
        }
        Error::TooManyBytes(_) => (Code::ResourceExhausted, ErrorReason::TooManyBytes),
        Error::TooManyCallsOfConnection => {
            (Code::ResourceExhausted, ErrorReason::TooManyCallsOfConnection)
        }
        Error::SlowSender => (Code::Unavailable, ErrorReason::SlowSender),
        Error::DeadlinePassed => (Code::DeadlineExceeded, ErrorReason::DeadlinePassed),
        Error::ClockSkew => (Code::Unavailable, ErrorReason::ClockSkew),
        Error::Unavailable(_) => (Code::Unavailable, ErrorReason::StoreUnavailable),
        Error::Inconsistent { .. } | Error::Damaged(_) => (Code::DataLoss, ErrorReason::DataLoss),
        Error::Conflict | Error::Panicked(_) | Error::Internal(_) => {
            (Code::Internal, ErrorReason::Internal)
        }
    }
}

/// The reason of a call that violates rules: a specific one if there is one.
fn invalid_reason(violations: &[Violation]) -> ErrorReason {
    let special = violations.iter().map(|violation| violation.reason);
    match special.into_iter().find(|reason| *reason != InvalidReason::Field) {
        None | Some(InvalidReason::Field | InvalidReason::ClockSkew) => ErrorReason::InvalidField,
        Some(InvalidReason::UnknownEnum) => ErrorReason::UnknownEnum,
        Some(InvalidReason::BlockedIdentifier) => ErrorReason::BlockedIdentifier,
        Some(InvalidReason::RequestIdReused) => ErrorReason::RequestIdReused,
        Some(InvalidReason::SourceRefReused) => ErrorReason::SourceRefReused,
    }
}
