//! What a caller is known by beside a token of ours.
//!
//! ```toml
//! [[caller]]
//! name = "desk"
//! roles = "agent"
//! # Tokens of an issuer of the same file, by their subject, their client, or both.
//! jwt = { issuer = "company", subject = "6f1a2b", client = "desk-app" }
//! # A DNS or URI name of the certificate that its connections show, the SHA-256 of the certificate
//! # (two in brackets, while a new one takes the place of an old one), or both.
//! certificate = "desk.example.com"
//! certificate_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! ```

use toml::Table;

use super::callers::{Reader, listed};
use crate::api::caller::{CertificateRule, Issuer, JwtRule, Name, Registered};

/// The keys of a caller that are read here.
pub const KEYS: [&str; 3] = ["jwt", "certificate", "certificate_sha256"];

/// The longest value of a claim that is compared, in characters.
const MAX_CLAIM_CHARS: usize = 255;

/// One hash, two, or an empty list if the key is missing. None if the value is malformed.
pub fn hashes(table: &Table, key: &str) -> Option<Vec<[u8; 32]>> {
    let Some(value) = table.get(key) else { return Some(Vec::new()) };
    let hashes: Option<Vec<_>> =
        listed(value).iter().map(|value| value.as_str().and_then(read_hash)).collect();
    hashes.filter(|hashes| (1..=2).contains(&hashes.len()))
}

fn read_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(hash)
}

/// The JWT rule of a caller, if it has one.
pub fn jwt(reader: &mut Reader<'_>, place: &str, table: &Table) -> Option<JwtRule> {
    let value = table.get("jwt")?;
    let place = format!("{place}: jwt");
    let Some(table) = value.as_table() else {
        reader.fail(&place, "must be such as { issuer = \"company\", subject = \"6f1a2b\" }");
        return None;
    };
    reader.keys(&place, table, &["issuer", "subject", "client"]);
    let mut text = |key: &str| {
        let value = table.get(key)?;
        let text = value.as_str().filter(|text| is_claim(text)).map(str::to_owned);
        if text.is_none() {
            let rule = format!("{key}: must be a text of 1 to {MAX_CLAIM_CHARS} characters");
            reader.fail(&place, rule);
        }
        text
    };
    let (issuer, subject, client) = (text("issuer"), text("subject"), text("client"));
    if !table.contains_key("issuer") {
        reader.fail(&place, "issuer: must be the name of an [[issuer]] of this file");
    }
    if !table.contains_key("subject") && !table.contains_key("client") {
        let advice = "must have a subject (the claim sub), a client (azp or client_id), or both: \
                      otherwise every token of the issuer would be this caller's";
        reader.fail(&place, advice);
    }
    Some(JwtRule { issuer: issuer?, subject, client })
}

/// Whether a text can be compared with a claim.
pub fn is_claim(text: &str) -> bool {
    (1..=MAX_CLAIM_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// The certificate rule of a caller, if it has one.
pub fn certificate(reader: &mut Reader<'_>, place: &str, table: &Table) -> Option<CertificateRule> {
    if !table.contains_key("certificate") && !table.contains_key("certificate_sha256") {
        return None;
    }
    let name = table.get("certificate").map(|value| value.as_str().and_then(Name::read));
    if name == Some(None) {
        let advice = "certificate: must be a DNS or URI name of its subjectAltName, such as \
                      desk.example.com or spiffe://example.com/desk, and no pattern";
        reader.fail(place, advice);
    }
    let sha256 = hashes(table, "certificate_sha256");
    if sha256.is_none() {
        let advice = "certificate_sha256: must be the SHA-256 of the certificate as 64 hexadecimal \
                      digits, such as `openssl x509 -in FILE -outform der | sha256sum` gives, or \
                      two of them in brackets";
        reader.fail(place, advice);
    }
    Some(CertificateRule { name: name.flatten(), sha256: sha256? })
}

/// Reports a caller that cannot be distinguished from an earlier one, or that names an unknown
/// issuer.
pub fn check(
    reader: &mut Reader<'_>,
    place: &str,
    caller: &Registered,
    before: &[Registered],
    issuers: &[Issuer],
) {
    if let Some(rule) = &caller.jwt {
        if !issuers.iter().any(|issuer| issuer.name == rule.issuer) {
            reader.fail(place, "jwt: issuer: there is no [[issuer]] of this name in the file");
        }
        if before.iter().any(|other| other.jwt.as_ref() == Some(rule)) {
            reader.fail(place, "jwt: another caller has the same; each needs its own");
        }
    }
    let is_alone = |it: &Registered| it.tokens_sha256.is_empty() && it.jwt.is_none();
    let certificates =
        before.iter().filter(|it| is_alone(it)).filter_map(|it| it.certificate.as_ref());
    if let Some(rule) = caller.certificate.as_ref().filter(|_| is_alone(caller))
        && certificates.into_iter().any(|other| is_shared(rule, other))
    {
        reader.fail(place, "certificate: another caller has the same; each needs its own");
    }
}

/// Whether two rules accept the same certificate by name or by hash.
fn is_shared(one: &CertificateRule, other: &CertificateRule) -> bool {
    let by_name = one.name.is_some() && one.name == other.name;
    let by_hash = one.sha256.iter().any(|hash| other.sha256.contains(hash));
    match (one.sha256.is_empty(), other.sha256.is_empty()) {
        // Certificates of the same name are distinguished by their hashes.
        (false, false) => by_hash,
        _ => by_name,
    }
}
