//! Tokens of external issuers: signed JWTs (RFC 7519) of an OIDC provider. A token identifies a
//! caller and never grants rights. It is verified with every call.

use std::path::PathBuf;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value};

use super::{
    check::Check,
    keys::{Algorithm, KeySet},
};
use crate::model::Micros;

/// The longest token, in bytes.
const MAX_BYTES: usize = 8 << 10;
/// How far the issuer's clock may be ahead.
const LEEWAY: Micros = 60_000_000;

/// An issuer of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its name in the file of callers.
    pub name: String,
    /// The claim `iss` of its tokens.
    pub issuer: String,
    /// The expected value of the claim `aud`.
    pub audience: String,
    pub keys: KeySource,
    pub algorithms: Vec<Algorithm>,
    /// The claim that names the acting user, if its tokens have one.
    pub actor_claim: Option<String>,
}

/// The source of an issuer's keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeySource {
    File(PathBuf),
    /// `authority` is a PEM file with the authority of the URL's certificate; None: the public
    /// authorities.
    Url {
        url: String,
        authority: Option<PathBuf>,
    },
}

/// The rule that the tokens of a caller must satisfy. At least one of subject and client is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JwtRule {
    /// The name of the issuer.
    pub issuer: String,
    /// The claim `sub`.
    pub subject: Option<String>,
    /// The claim `azp` or `client_id`.
    pub client: Option<String>,
}

/// A parsed token that is not yet verified.
pub struct Jwt<'a> {
    /// The signed part: header and claims as received.
    signed: &'a [u8],
    signature: Vec<u8>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// The claims of a verified token.
pub struct Verified {
    issuer: String,
    subject: Option<String>,
    clients: Vec<String>,
    /// The acting user, if the issuer's tokens name one.
    pub actor: Option<String>,
    pub expires_at: Micros,
}

/// Whether a token has the form of a JWT. Tokens of this server have no dots.
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

    /// The issuer that the token claims.
    pub fn issuer<'b>(&self, issuers: &'b [Issuer]) -> Result<&'b Issuer, Check> {
        let iss = text(&self.claims, "iss")?.ok_or(Check::Issuer)?;
        issuers.iter().find(|issuer| issuer.issuer == iss).ok_or(Check::Issuer)
    }

    /// Verifies signature, audience and times.
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

    /// Keys that the token itself contains or refers to are ignored: `jwk`, `jku`, `x5c`, `x5u`.
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
    /// Whether the token belongs to a caller.
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

/// A text member, if present.
fn text<'a>(members: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Check> {
    members.get(key).map(|value| value.as_str().ok_or(Check::Form)).transpose()
}

/// A time in seconds, which may have a fraction, if present.
fn time(claims: &Map<String, Value>, key: &str) -> Result<Option<Micros>, Check> {
    // A value that is too large becomes the last possible time.
    let micros = |value: &Value| Some((value.as_f64()? * 1e6) as Micros);
    claims.get(key).map(|value| micros(value).ok_or(Check::Form)).transpose()
}
