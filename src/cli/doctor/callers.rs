//! The callers, and the sources of their keys.

use std::{fs, path::Path};

use super::{
    finding::Finding,
    words::{count, span},
};
use crate::{
    api::caller::{Actors, Callers, KeySet, KeySource, Registered, Role},
    config::Config,
    model::Micros,
};

const SUBJECT: &str = "callers";
const DAY: Micros = 86_400_000_000;
/// A second token is meant for the days of a rotation.
const ROTATION: Micros = 14 * DAY;
/// What expires sooner is to be renewed.
const RENEW: Micros = 30 * DAY;
/// Roles whose calls should be attributable to a person.
const OF_PEOPLE: [Role; 2] = [Role::Supervisor, Role::PrivacyOfficer];

pub fn check(config: &Config, now: Micros) -> Vec<Finding> {
    let Some(path) = &config.callers_file else { return Vec::new() };
    let callers = match config.callers() {
        Ok(callers) => callers,
        Err(problems) => {
            let problems = problems.0.into_iter();
            return problems.map(|it| Finding::failure(SUBJECT, it.place, it.advice)).collect();
        }
    };
    let changed_at = changed_at(path);
    let mut findings: Vec<Finding> =
        callers.registered().iter().flat_map(|it| of_caller(it, changed_at, now)).collect();
    if findings.is_empty() {
        let number = count(callers.registered().len(), "caller");
        findings.push(Finding::ok(SUBJECT, format!("{number} in {}", path.display())));
    }
    findings.extend(keys(&callers));
    findings
}

/// When a file was last modified.
fn changed_at(path: &Path) -> Option<Micros> {
    let changed = fs::metadata(path).and_then(|file| file.modified()).ok()?;
    let since = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
    Micros::try_from(since.as_micros()).ok()
}

fn of_caller(caller: &Registered, changed_at: Option<Micros>, now: Micros) -> Vec<Finding> {
    let name = &caller.caller.name;
    let mut findings = Vec::new();
    if caller.caller.purpose.is_none() {
        findings.push(Finding::note(
            SUBJECT,
            format!("{name} has no purpose: a call of its that says none is refused"),
            "Set its `purpose` in the file of callers, or have it send throughline-purpose",
        ));
    }
    let mut warn = |text: String, advice: String| {
        findings.push(Finding::warning(SUBJECT, text, advice));
    };
    if let Some(end) = caller.expires_at {
        let advice = format!("`throughline caller revoke {name}`, or set another `expires`");
        if end <= now {
            warn(format!("{name} has expired {} ago", span(now - end)), advice);
        } else if end - now < RENEW {
            warn(format!("{name} expires in {}", span(end - now)), advice);
        }
    }
    let age = changed_at.map_or(0, |at| now - at);
    if caller.tokens_sha256.len() > 1 && age > ROTATION {
        warn(
            format!("{name} has had two tokens for {} at least", span(age)),
            format!("When it uses the new one: `throughline caller retire {name}`"),
        );
    }
    let of_people: Vec<&str> = caller
        .caller
        .roles
        .iter()
        .filter(|role| OF_PEOPLE.contains(role))
        .map(|role| role.as_str_name())
        .collect();
    // The tokens of an issuer may name the person.
    if !of_people.is_empty() && caller.caller.actors == Actors::Any && caller.jwt.is_none() {
        let roles = of_people.join(" and ").replace("ROLE_", "").to_lowercase();
        warn(
            format!("{name} is {roles}, and its calls need not say who acts"),
            "Set `actors = \"named\"`, so that the audit log has a name".to_owned(),
        );
    }
    findings
}

/// The key files of issuers.
fn keys(callers: &Callers) -> Vec<Finding> {
    const SUBJECT: &str = "issuer keys";
    let check = |source: KeySource| match source {
        KeySource::Url { url, .. } => {
            let text = format!("{url} was not fetched");
            Finding::note(SUBJECT, text, "`throughline serve --check` fetches it")
        }
        KeySource::File(path) => {
            let read = fs::read(&path).map_err(|error| format!("cannot be read: {error}"));
            match read.and_then(|json| KeySet::read(&json)) {
                Ok(_) => Finding::ok(SUBJECT, path.display().to_string()),
                Err(why) => {
                    let text = format!("{} {why}", path.display());
                    Finding::failure(SUBJECT, text, "Put the issuer's JWK set there")
                }
            }
        }
    };
    callers.key_sources().into_iter().map(check).collect()
}
