//! The acting user of a call.

use http::HeaderMap;

use super::{Actors, Caller};
use crate::{domain::text, error::Error};

/// The metadata that names the acting user.
pub const ACTOR: &str = "throughline-actor";
const MAX_ACTOR_CHARS: usize = 100;

/// The name of the actor: the acting user if one is named, otherwise the client application. An
/// error if the caller must name a user, or may not name this one.
pub fn acting(caller: &Caller, person: Option<String>) -> Result<String, Error> {
    match &caller.actors {
        Actors::These(people) if person.as_ref().is_some_and(|name| !people.contains(name)) => {
            return Err(Error::ActorNotPermitted);
        }
        Actors::Named | Actors::These(_) if person.is_none() => {
            return Err(Error::invalid(ACTOR, "is missing: this caller names who acts"));
        }
        _ => {}
    }
    Ok(person.unwrap_or_else(|| caller.name.clone().into_owned()))
}

/// The acting user that the metadata name, if any.
pub fn named(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut given = headers.get_all(ACTOR).iter();
    let Some(value) = given.next().filter(|value| !value.is_empty()) else { return Ok(None) };
    if given.next().is_some() {
        return Err(Error::invalid(ACTOR, "must be given once"));
    }
    let name = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Error::invalid(ACTOR, "must be UTF-8"))?
        .trim();
    check(name).map_err(|rule| Error::invalid(ACTOR, rule))?;
    Ok(Some(name.to_owned()))
}

/// Whether a name is valid for a user; the error says what is wrong with it.
pub fn check(name: &str) -> Result<(), String> {
    text::one_line(name)?;
    if text::is_blank(name) {
        return Err("is empty".to_owned());
    }
    if name.chars().count() > MAX_ACTOR_CHARS {
        return Err(format!("is longer than {MAX_ACTOR_CHARS} characters"));
    }
    Ok(())
}
