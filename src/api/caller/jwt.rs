//! Callers' tokens that somebody else issues: signed JWTs (RFC 7519) of an OIDC provider. A token
//! says who calls, and never what they may do. Each is verified anew with every call.

use std::path::PathBuf;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value};

use super::{
    check::Check,
    keys::{Algorithm, KeySet},
};
use crate::model::Micros;

/// The longest token that is read, in bytes.
const MAX_BYTES: usize = 8 << 10;
/// How far the issuer's clock may be ahead of ours.
const LEEWAY: Micros = 60_000_000;

/// Whose tokens are known, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What the file of callers calls it.
    pub name: String,
    /// What it calls itself: the claim `iss`.
    pub issuer: String,
    /// What it calls us: one of the claim `aud`.
    pub audience: String,
    pub keys: KeySource,
    pub algorithms: Vec<Algorithm>,
    /// The claim that names the person who acts, where its tokens have one.
    pub actor_claim: Option<String>,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeySource {
    File(PathBuf),
    /// `authority` is a PEM file with the authority of the certificate of the URL; none: those that
    /// browsers trust.
    Url {
        url: String,
        authority: Option<PathBuf>,
    },
}

/// Whose tokens a caller's are. At least one of the two is named; all that is named must fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JwtRule {
    /// The name of the issuer.
    pub issuer: String,
    /// The claim `sub`.
    pub subject: Option<String>,
    /// The claim `azp` or `client_id`.
    pub client: Option<String>,
}

/// A token that has been read, and not yet verified.
pub struct Jwt<'a> {
    /// What is signed: header and claims as they came.
    signed: &'a [u8],
    signature: Vec<u8>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// What a verified token says.
pub struct Verified {
    issuer: String,
    subject: Option<String>,
    clients: Vec<String>,
    /// The person who acts, where the issuer's tokens name one.
    pub actor: Option<String>,
    pub expires_at: Micros,
}

/// Whether a token has the form of a JWT. Ours have no dots.
pub fn is_jwt(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'a> Jwt<'a> {
    pub fn read(token: &'a str) -> Result<Self, Check> {
        if token.len() > MAX_BYTES {
            return Err(Check::Size);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Check::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(Check::Form)?;
        let decode = |part: &str| BASE64URL.decode(part).map_err(|_| Check::Form);
        let object = |part| serde_json::from_slice(&decode(part)?).map_err(|_| Check::Form);
        Ok(Self {
            signed: signed.as_bytes(),
            signature: decode(signature)?,
            header: object(header)?,
            claims: object(claims)?,
        })
    }

    /// Which of the issuers says that it is its own.
    pub fn issuer<'b>(&self, issuers: &'b [Issuer]) -> Result<&'b Issuer, Check> {
        let iss = text(&self.claims, "iss")?.ok_or(Check::Issuer)?;
        issuers.iter().find(|issuer| issuer.issuer == iss).ok_or(Check::Issuer)
    }

    /// Whether the issuer has signed it, for us and for now.
    pub fn verify(&self, issuer: &Issuer, keys: &KeySet, now: Micros) -> Result<Verified, Check> {
        self.verify_signature(issuer, keys)?;
        let claims = &self.claims;
        let is_ours = |audience: &Value| audience.as_str() == Some(&issuer.audience);
        let is_for_us = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(is_ours),
            one => one.is_some_and(is_ours),
        };
        if !is_for_us {
            return Err(Check::Audience);
        }
        let expires_at = time(claims, "exp")?.filter(|at| now < *at).ok_or(Check::Expired)?;
        let is_later = |at: Micros| at > now.saturating_add(LEEWAY);
        if time(claims, "nbf")?.is_some_and(is_later) {
            return Err(Check::NotYetValid);
        }
        if time(claims, "iat")?.is_some_and(is_later) {
            return Err(Check::Issued);
        }
        let owned = |key| Ok(text(claims, key)?.map(str::to_owned));
        let actor = match &issuer.actor_claim {
            None => None,
            Some(claim) => Some(owned(claim)?.ok_or(Check::Actor)?),
        };
        Ok(Verified {
            issuer: issuer.name.clone(),
            subject: owned("sub")?,
            clients: [owned("azp")?, owned("client_id")?].into_iter().flatten().collect(),
            actor,
            expires_at,
        })
    }

    /// No key that the token itself brings or names is looked at: `jwk`, `jku`, `x5c`, `x5u`.
    fn verify_signature(&self, issuer: &Issuer, keys: &KeySet) -> Result<(), Check> {
        if let Some(kind) = text(&self.header, "typ")? {
            let kind = kind.to_ascii_lowercase();
            if !["jwt", "at+jwt", "application/at+jwt"].contains(&kind.as_str()) {
                return Err(Check::Type);
            }
        }
        if self.header.contains_key("crit") {
            return Err(Check::Critical);
        }
        let algorithm = text(&self.header, "alg")?.and_then(Algorithm::from_name);
        let algorithm = algorithm
            .filter(|algorithm| issuer.algorithms.contains(algorithm))
            .ok_or(Check::Algorithm)?;
        let mut keys = keys.named(text(&self.header, "kid")?);
        if keys.is_empty() {
            return Err(Check::KeyId);
        }
        keys.retain(|key| key.is_for(algorithm));
        if keys.is_empty() {
            return Err(Check::Key);
        }
        let is_signed = keys.iter().any(|it| it.verifies(algorithm, self.signed, &self.signature));
        if is_signed { Ok(()) } else { Err(Check::Signature) }
    }
}

impl Verified {
    /// Whether the token is one of a caller's.
    pub fn fits(&self, rule: &JwtRule) -> bool {
        let is_client = |client: &String| {
            !self.clients.is_empty() && self.clients.iter().all(|shown| shown == client)
        };
        self.issuer == rule.issuer
            && (rule.subject.is_some() || rule.client.is_some())
            && (rule.subject.is_none() || rule.subject == self.subject)
            && rule.client.as_ref().is_none_or(is_client)
    }
}

/// A member that is a text, where it is there.
fn text<'a>(members: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Check> {
    members.get(key).map(|value| value.as_str().ok_or(Check::Form)).transpose()
}

/// A time in seconds, which may have a fraction, where it is there.
fn time(claims: &Map<String, Value>, key: &str) -> Result<Option<Micros>, Check> {
    // What is too large becomes the last time there is.
    let micros = |value: &Value| Some((value.as_f64()? * 1e6) as Micros);
    claims.get(key).map(|value| micros(value).ok_or(Check::Form)).transpose()
}
