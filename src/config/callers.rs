//! The file of callers: who may call with which token, and what they have the right to verify.
//!
//! ```toml
//! [[caller]]
//! name = "webshop"
//! # What it is for: recorder, reader, agent, supervisor or privacy_officer, or several of them.
//! roles = ["recorder", "reader"]
//! # A token is random: `openssl rand -hex 32 > token`. The caller keeps it, and sends it as
//! # `authorization: Bearer TOKEN`; here stands its hash: `tr -d '\n' < token | sha256sum`.
//! # Two of them, in brackets, while a new one takes the place of an old one.
//! token_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! expires = 2027-12-31T00:00:00Z
//! verifies = ["account", "email", "profile"]
//! # What its calls are for where they do not say so (`throughline-purpose`).
//! purpose = "service"
//! # Who acts through it (`throughline-actor`): "any" (also nobody), "named", or some by name.
//! actors = "any"
//! # The channels that it works on; it records on no others. Without it: all.
//! channels = ["web", "chat"]
//! # What it sees of what was said on others: "shown", or "masked" (that something happened).
//! other_channels = "shown"
//! # What it sees by an identifier that nobody has verified: "open_cases" (that they are open, and
//! # what they are about), "nothing", or "everything".
//! unverified = "open_cases"
//! ```
//!
//! Beside a token or in its place a caller may have tokens of an issuer, and a certificate: see
//! `issuers` and `credentials`.

use std::{collections::BTreeSet, path::Path};

use jiff::Timestamp;
use toml::{Table, Value};

use super::{Problem, Problems, credentials, issuers, parse, scope};
use crate::{
    api::{
        caller::{Actors, Caller, Callers, LOCAL, Registered, Role},
        purpose::{self, PURPOSES},
    },
    model::{IdentifierKind, Micros},
};

const KEYS: [&str; 10] = [
    "name",
    "roles",
    "token_sha256",
    "expires",
    "verifies",
    "purpose",
    "actors",
    "channels",
    "other_channels",
    "unverified",
];
const MAX_NAME_CHARS: usize = 64;
/// The value of `verifies` that is not a kind of identifier.
const PROFILE: &str = "profile";

/// Reads the callers of a file, or returns everything that is wrong with it. No problem shows a
/// token's hash.
pub fn read(name: &str, text: &str) -> Result<Callers, Problems> {
    let mut reader = Reader { file: name, problems: Vec::new() };
    let [callers, issuers] = reader.tables(text);
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    let issuers = issuers::read(&mut reader, folder, &issuers);
    let mut found: Vec<Registered> = Vec::new();
    let mut names = BTreeSet::new();
    let mut hashes = BTreeSet::new();
    for (index, table) in callers.iter().enumerate() {
        let place = reader.place("caller", index, table);
        let caller = reader.caller(&place, table);
        let Some(registered) = caller else { continue };
        if !names.insert(registered.caller.name.clone()) {
            reader.fail(&place, "name: another caller has it");
        }
        if !registered.tokens_sha256.iter().all(|hash| hashes.insert(*hash)) {
            reader.fail(&place, "token_sha256: it is there twice; each needs its own token");
        }
        credentials::check(&mut reader, &place, &registered, &found, &issuers);
        found.push(registered);
    }
    if reader.problems.is_empty() {
        Ok(Callers::with_issuers(found, issuers))
    } else {
        Err(Problems(reader.problems))
    }
}

/// Reads the file and collects its problems.
pub(super) struct Reader<'a> {
    file: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    pub fn fail(&mut self, place: &str, advice: impl Into<String>) {
        let place = format!("{}: {place}", self.file);
        self.problems.push(Problem { place, advice: advice.into() });
    }

    /// The name of a table in messages: `caller 2 (webshop)`.
    pub fn place(&self, kind: &str, index: usize, table: &Table) -> String {
        match table.get("name") {
            Some(Value::String(name)) => format!("{kind} {} ({name:.64})", index + 1),
            _ => format!("{kind} {}", index + 1),
        }
    }

    /// Reports the keys of a table that do not exist.
    pub fn keys(&mut self, place: &str, table: &Table, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            let advice = format!("there is no such key; here may be {}", known.join(", "));
            self.fail(&format!("{place}: {key}"), advice);
        }
    }

    /// The tables called `caller` and `issuer`.
    fn tables(&mut self, text: &str) -> [Vec<Table>; 2] {
        let mut tables = [Vec::new(), Vec::new()];
        let Some(file) = parse(self.file, text, &mut self.problems) else { return tables };
        for (key, value) in file {
            let Some(kind) = ["caller", "issuer"].iter().position(|kind| *kind == key) else {
                let advice =
                    "there is no such key; the file has only tables [[caller]] and [[issuer]]";
                self.fail(&key, advice);
                continue;
            };
            let all = match value {
                Value::Array(values) => values
                    .into_iter()
                    .map(|value| match value {
                        Value::Table(table) => Some(table),
                        _ => None,
                    })
                    .collect(),
                _ => None,
            };
            match all {
                Some(all) => tables[kind] = all,
                None => self.fail(&key, format!("must be tables: [[{key}]]")),
            }
        }
        tables
    }

    fn caller(&mut self, place: &str, table: &Table) -> Option<Registered> {
        self.keys(place, table, &[&KEYS[..], &credentials::KEYS].concat());
        let name = table.get("name").and_then(Value::as_str).filter(|name| is_name(name));
        if name.is_none() {
            let advice = "name: must be 1 to 64 letters, digits, '.', '_' and '-', and not \
                `local`, which stands for callers without a token";
            self.fail(place, advice);
        }
        let roles = table.get("roles").and_then(read_roles);
        if roles.is_none() {
            self.fail(
                place,
                "roles: must be some of recorder, reader, agent, supervisor, \
                              privacy_officer",
            );
        }
        let tokens_sha256 = credentials::hashes(table, "token_sha256");
        if tokens_sha256.is_none() {
            let advice = "token_sha256: must be the SHA-256 of the token as 64 hexadecimal \
                          digits, such as `printf %s TOKEN | sha256sum` gives, or two of them in \
                          brackets";
            self.fail(place, advice);
        }
        let jwt = credentials::jwt(self, place, table);
        let certificate = credentials::certificate(self, place, table);
        if !["token_sha256"].iter().chain(&credentials::KEYS).any(|key| table.contains_key(*key)) {
            let advice = "is known by nothing; give it token_sha256, jwt or certificate";
            self.fail(place, advice);
        }
        let expires = table.get("expires").map(read_time);
        if expires == Some(None) {
            self.fail(place, "expires: must be a time such as 2027-12-31T00:00:00Z");
        }
        let purpose = table.get("purpose").map(|value| value.as_str().and_then(purpose::of_word));
        let suits =
            |purpose| roles.as_ref().is_some_and(|roles| purpose::suits_any(purpose, roles));
        if let Some(purpose) = purpose
            && !purpose.is_some_and(suits)
        {
            let known = PURPOSES.map(purpose::word).join(", ");
            self.fail(place, format!("purpose: must be one of {known}, that suits its roles"));
        }
        let purpose = purpose.flatten();
        let actors = table.get("actors").map_or(Some(Actors::Any), read_actors);
        if actors.is_none() {
            let advice = "actors: must be \"any\", \"named\", or the names in brackets of those \
                          who may act through it";
            self.fail(place, advice);
        }
        let scope = scope::read(self, place, table);
        let (verifies, verifies_profile) = self.rights(place, table.get("verifies"));
        let (name, roles) = (name?.to_owned().into(), roles?);
        let (actors, scope) = (actors?, scope?);
        let caller = Caller { name, roles, verifies, verifies_profile, purpose, actors, scope };
        let (tokens_sha256, expires_at) = (tokens_sha256?, expires.flatten());
        Some(Registered { caller, tokens_sha256, jwt, certificate, expires_at })
    }

    fn rights(&mut self, place: &str, value: Option<&Value>) -> (Vec<IdentifierKind>, bool) {
        let mut kinds = Vec::new();
        let mut profile = false;
        let Some(words) = value.map(listed) else { return (kinds, profile) };
        let mut all_known = true;
        for word in words {
            match word.as_str() {
                Some(PROFILE) => profile = true,
                word => match word.and_then(IdentifierKind::from_code) {
                    Some(kind) => kinds.push(kind),
                    None => all_known = false,
                },
            }
        }
        if !all_known {
            let known = IdentifierKind::ALL.map(IdentifierKind::code).join(", ");
            self.fail(place, format!("verifies: must be some of {known}, {PROFILE}"));
        }
        (kinds, profile)
    }
}

pub(super) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=MAX_NAME_CHARS).contains(&name.len()) && name.chars().all(allowed) && name != LOCAL
}

/// One role or several, by name.
fn read_roles(value: &Value) -> Option<Vec<Role>> {
    let role = |value: &Value| {
        let name = value
            .as_str()
            .filter(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))?;
        let role = Role::from_str_name(&format!("ROLE_{}", name.to_uppercase()))?;
        (role != Role::Unspecified).then_some(role)
    };
    let roles: Option<Vec<_>> = listed(value).iter().map(role).collect();
    roles.filter(|roles| !roles.is_empty())
}

/// The persons who may act through a caller.
fn read_actors(value: &Value) -> Option<Actors> {
    match value {
        Value::String(word) if word == "any" => Some(Actors::Any),
        Value::String(word) if word == "named" => Some(Actors::Named),
        Value::Array(names) if !names.is_empty() => {
            let name = |name: &Value| name.as_str().map(ToOwned::to_owned);
            names.iter().map(name).collect::<Option<_>>().map(Actors::These)
        }
        _ => None,
    }
}

/// The values of a list, or the single value itself.
pub(super) fn listed(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

/// A point in time, as a TOML date-time or as a text.
fn read_time(value: &Value) -> Option<Micros> {
    let text = match value {
        Value::Datetime(time) => time.to_string(),
        other => other.as_str()?.to_owned(),
    };
    text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
}
