//! Measures calls: their method and how they end.

use std::sync::Arc;

use http::HeaderMap;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{access::Call, concurrency::LimitReached};
use crate::{
    metrics::{CallUnderWay, Metrics, OTHER},
    pb::ErrorReason,
};

/// The prefix of reasons in the contract.
const REASON: &str = "ERROR_REASON_";
/// Calls outside of the contract.
const COMMON: [&str; 3] = [
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

/// Starts to measure a call.
pub fn begin(metrics: &Arc<Metrics>, path: &str, contract: Option<&'static Call>) -> CallUnderWay {
    let common = || COMMON.into_iter().find(|method| path.strip_prefix('/') == Some(method));
    let method = contract.map(|call| call.method.as_str()).or_else(common);
    CallUnderWay::begin(metrics, method.unwrap_or(OTHER))
}

/// Ends it with the headers of its response, and returns the code.
pub fn end(call: CallUnderWay, answer: &HeaderMap) -> Code {
    match Status::from_header_map(answer) {
        None => {
            call.end(name(Code::Ok), None);
            Code::Ok
        }
        Some(status) => {
            call.end(name(status.code()), reason(&status));
            status.code()
        }
    }
}

/// Counts a call that was refused before it began.
pub fn shed(metrics: &Arc<Metrics>, contract: &'static Call, full: LimitReached) {
    let reason = match full {
        LimitReached::Shared => ErrorReason::Overloaded,
        LimitReached::OfCaller => ErrorReason::TooManyCallsOfCaller,
    };
    let reason = reason.as_str_name().trim_start_matches(REASON);
    let code = name(Code::ResourceExhausted);
    CallUnderWay::begin(metrics, &contract.method).end(code, Some(reason));
}

fn reason(status: &Status) -> Option<&'static str> {
    let reason = status.get_details_error_info()?.reason;
    let reason = ErrorReason::from_str_name(&format!("{REASON}{reason}"))?;
    Some(reason.as_str_name().trim_start_matches(REASON))
}

/// A code in OpenTelemetry's notation.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
