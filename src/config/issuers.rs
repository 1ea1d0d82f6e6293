//! The issuers of tokens, in the file of callers.
//!
//! ```toml
//! [[issuer]]
//! name = "company"
//! # The claims that a token must have.
//! issuer = "https://login.example.com/realms/company"
//! audience = "throughline"
//! # Its public keys, as a JWK set: a URL, or a file (as seen from the file of callers).
//! keys = "https://login.example.com/realms/company/protocol/openid-connect/certs"
//! # A PEM file with the authority of the URL's certificate; without it those that browsers trust.
//! keys_authority = "company.pem"
//! # How a token may be signed; without it by RS256 or ES256.
//! algorithms = ["ES256"]
//! # The claim that names the person who acts, where each of its tokens has one.
//! actor_claim = "preferred_username"
//! ```

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use http::Uri;
use toml::{Table, Value};

use super::{
    callers::{Reader, is_name, listed},
    credentials::is_claim,
};
use crate::api::caller::{Algorithm, Issuer, KeySource};

const KEYS: [&str; 7] =
    ["name", "issuer", "audience", "keys", "keys_authority", "algorithms", "actor_claim"];

/// Reads the issuers of the tables; file names are relative to `folder`.
pub fn read(reader: &mut Reader<'_>, folder: &Path, tables: &[Table]) -> Vec<Issuer> {
    let mut found: Vec<Issuer> = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let place = reader.place("issuer", index, table);
        let Some(issuer) = issuer(reader, &place, folder, table) else { continue };
        if found.iter().any(|other| other.name == issuer.name) {
            reader.fail(&place, "name: another issuer has it");
        }
        if found.iter().any(|other| other.issuer == issuer.issuer) {
            reader.fail(&place, "issuer: it is there twice");
        }
        found.push(issuer);
    }
    found
}

fn issuer(reader: &mut Reader<'_>, place: &str, folder: &Path, table: &Table) -> Option<Issuer> {
    reader.keys(place, table, &KEYS);
    let name = table.get("name").and_then(Value::as_str).filter(|name| is_name(name));
    if name.is_none() {
        reader.fail(place, "name: must be 1 to 64 letters, digits, '.', '_' and '-'");
    }
    let mut claim = |key: &str, what: &str| {
        let text = table.get(key).and_then(Value::as_str).filter(|text| is_claim(text));
        if text.is_none() {
            reader.fail(place, format!("{key}: must be {what}"));
        }
        text.map(str::to_owned)
    };
    let issuer = claim("issuer", "what its tokens have as iss, such as https://login.example.com");
    let audience = claim("audience", "what its tokens for this server have in aud");
    let is_person = !table.contains_key("actor_claim")
        || claim("actor_claim", "the claim that names a person, such as preferred_username")
            .is_some();
    let keys = keys(reader, place, folder, table);
    let algorithms = table.get("algorithms").map_or_else(
        || Some(vec![Algorithm::Rs256, Algorithm::Es256]),
        |value| {
            let named = |value: &Value| value.as_str().and_then(Algorithm::from_name);
            let all: Option<Vec<_>> = listed(value).iter().map(named).collect();
            all.filter(|all| !all.is_empty())
        },
    );
    if algorithms.is_none() {
        let known = Algorithm::ALL.map(Algorithm::name).join(", ");
        let advice = format!(
            "algorithms: must be some of {known}; a secret that both sides have (HS256) or none is \
             no proof of who signed"
        );
        reader.fail(place, advice);
    }
    let actor_claim = table.get("actor_claim").and_then(Value::as_str).map(str::to_owned);
    Some(Issuer {
        name: name?.to_owned(),
        issuer: issuer?,
        audience: audience?,
        keys: keys?,
        algorithms: algorithms?,
        actor_claim: actor_claim.filter(|_| is_person),
    })
}

fn keys(reader: &mut Reader<'_>, place: &str, folder: &Path, table: &Table) -> Option<KeySource> {
    let authority = table
        .get("keys_authority")
        .map(|value| value.as_str().filter(|path| !path.is_empty()).map(|path| folder.join(path)));
    if authority == Some(None) {
        reader.fail(place, "keys_authority: must be a PEM file");
    }
    let authority = authority.flatten();
    let text = table.get("keys").and_then(Value::as_str).filter(|text| !text.is_empty());
    let source = text.and_then(|text| source(text, folder, authority.clone()));
    match &source {
        None => {
            let advice = "keys: must be a file with a JWK set, or its URL by https:// (by http:// \
                only on this machine) without a user or a password";
            reader.fail(place, advice);
        }
        Some(KeySource::File(_)) if authority.is_some() => {
            reader.fail(place, "keys_authority: is only for keys from a URL");
        }
        Some(_) => {}
    }
    source
}

fn source(text: &str, folder: &Path, authority: Option<PathBuf>) -> Option<KeySource> {
    if !text.contains("://") {
        return Some(KeySource::File(folder.join(text)));
    }
    let uri: Uri = text.parse().ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    let is_safe = match uri.scheme_str()? {
        "https" => true,
        "http" => is_this_machine(host) && authority.is_none(),
        _ => false,
    };
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let url = text.to_owned();
    (is_safe && !has_user).then_some(KeySource::Url { url, authority })
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
