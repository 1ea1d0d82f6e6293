//! Validates calls about case passes.

use std::fmt::Write as _;

use super::{case::Call, identity::Need};
use crate::{
    api::caller::Actor,
    domain::case_pass::Code,
    error::Error,
    model::{Channel, Micros, RequestContext},
    pb,
    store::NewPass,
};

/// In minutes: a day, and 7 days.
const DEFAULT_VALID: i32 = 24 * 60;
const MAX_VALID: i32 = 7 * 24 * 60;
const MINUTE: Micros = 60_000_000;

/// IssueCasePass.
pub fn pass_to_issue(
    mut request: pb::IssueCasePassRequest,
    actor: &Actor,
) -> Result<(NewPass, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (request.reason.clone(), Need::May);
    let mut call = Call::new("IssueCasePass", &request, &id, why, request.channel, actor);
    let case_id = call.checker.uuid("case_id", &request.case_id);
    let minutes = match request.valid_for_minutes {
        0 => DEFAULT_VALID,
        minutes => minutes,
    };
    if !(1..=MAX_VALID).contains(&minutes) {
        call.checker.fail("valid_for_minutes", "must be between 0 and 10080");
    }
    let (channel, context) = call.complete()?;
    let valid_for = Micros::from(minutes) * MINUTE;
    Ok((NewPass { case_id, channel, valid_for, draw: Code::new }, context))
}

/// RedeemCasePass. The stored hash of the call is keyed with `key` of the store, so that it reveals
/// nothing of the code, and is of the normalised code, so that a retry may write it differently.
pub fn pass_to_redeem(
    mut request: pb::RedeemCasePassRequest,
    key: &[u8],
    actor: &Actor,
) -> Result<(Code, Channel, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let code = Code::read(&std::mem::take(&mut request.code));
    for byte in code.iter().flat_map(|code| code.hash(key)) {
        let _ = write!(request.code, "{byte:02x}");
    }
    let why = (String::new(), Need::May);
    let mut call = Call::new("RedeemCasePass", &request, &id, why, request.channel, actor);
    if let Err(rule) = &code {
        call.checker.fail("code", *rule);
    }
    match call.checker.finish((code, call.channel))? {
        (Ok(code), Some(channel)) => Ok((code, channel, call.context)),
        // A missing value has left a violation.
        _ => Err(Error::invalid("code", "is required")),
    }
}
