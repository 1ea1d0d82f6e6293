//! Purposes of calls, and the roles that may have them.

use http::HeaderMap;

use super::caller::Caller;
use crate::{
    error::Error,
    pb::{Purpose, Role},
};

/// The metadata that states the purpose of a call.
pub const PURPOSE: &str = "throughline-purpose";

/// All purposes.
pub const PURPOSES: [Purpose; 6] = [
    Purpose::Service,
    Purpose::Sales,
    Purpose::Quality,
    Purpose::Fraud,
    Purpose::Legal,
    Purpose::Privacy,
];

/// The word for a purpose, such as `service`; empty if unspecified.
pub fn word(purpose: Purpose) -> String {
    match purpose {
        Purpose::Unspecified => String::new(),
        told => told.as_str_name().trim_start_matches("PURPOSE_").to_lowercase(),
    }
}

/// Parses the word for a purpose.
pub fn of_word(text: &str) -> Option<Purpose> {
    PURPOSES.into_iter().find(|purpose| word(*purpose) == text)
}

/// Whether a role may have a purpose, as the contract documents it.
fn suits(purpose: Purpose, role: Role) -> bool {
    use Role::{Agent, PrivacyOfficer, Reader, Recorder, Supervisor};
    match purpose {
        Purpose::Unspecified => false,
        Purpose::Service | Purpose::Sales => matches!(role, Recorder | Reader | Agent | Supervisor),
        Purpose::Quality | Purpose::Fraud => matches!(role, Reader | Supervisor),
        Purpose::Legal => matches!(role, Supervisor | PrivacyOfficer),
        Purpose::Privacy => role == PrivacyOfficer,
    }
}

/// Whether one of the roles may have a purpose.
pub fn suits_any(purpose: Purpose, roles: &[Role]) -> bool {
    roles.iter().any(|role| suits(purpose, *role))
}

/// The purpose of a call on customer data.
pub fn of_call(headers: &HeaderMap, caller: &Caller) -> Result<Purpose, Error> {
    let mut given = headers.get_all(PURPOSE).iter();
    let Some(value) = given.next() else {
        let missing = || Error::invalid(PURPOSE, format!("is missing; {}", known()));
        return caller.purpose.ok_or_else(missing);
    };
    if given.next().is_some() {
        return Err(Error::invalid(PURPOSE, "must be given once"));
    }
    let purpose = value.to_str().ok().and_then(of_word);
    let purpose = purpose.ok_or_else(|| Error::invalid(PURPOSE, known()))?;
    if suits_any(purpose, &caller.roles) { Ok(purpose) } else { Err(Error::PurposeNotPermitted) }
}

fn known() -> String {
    format!("must be one of {}", PURPOSES.map(word).join(", "))
}
