//! What comes from outside becomes a command of the model, or the list of every rule it breaks.

use crate::{
    clock::Clock,
    error::Error,
    model::{Identifier, Profile, Record},
    pb,
};

/// What validation needs to know beside the message.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The country of phone numbers without a country code, such as "NL"; none: they are refused.
    pub phone_region: Option<String>,
    pub clock: Clock,
}

/// An entry to record.
pub fn record(request: pb::RecordEntryRequest, rules: &Rules) -> Result<Record, Error> {
    let _ = (request, rules);
    todo!()
}

/// A customer to find or make.
pub fn identify(
    request: pb::IdentifyCustomerRequest,
    rules: &Rules,
) -> Result<(Vec<Identifier>, Profile), Error> {
    let _ = (request, rules);
    todo!()
}
