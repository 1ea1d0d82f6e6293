//! The credentials that a call presents: a token in its headers, a certificate of its connection.

use std::sync::Arc;

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};

use super::{
    certificate::{Certificate, Peer},
    check::Check,
    jwt,
};

/// Presented credentials, not yet verified.
#[derive(Clone)]
pub struct PresentedCredentials {
    pub token: Option<Token>,
    pub certificate: Option<Arc<Certificate>>,
}

#[derive(Clone)]
pub enum Token {
    /// The SHA-256 of a token that this server issued.
    Ours([u8; 32]),
    /// A token of an issuer.
    Jwt(Arc<str>),
}

impl PresentedCredentials {
    pub fn of(headers: &HeaderMap, peer: &Peer) -> Result<Self, Check> {
        Ok(Self { token: token(headers)?, certificate: peer.certificate.clone() })
    }
}

fn token(headers: &HeaderMap) -> Result<Option<Token>, Check> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    // RFC 9110, section 11.1: the scheme is case-insensitive, followed by one or more spaces.
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|_| given.next().is_none())
        .ok_or(Check::Header)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Check::Header);
    }
    let token = token.trim_start_matches(' ');
    Ok(Some(match jwt::is_jwt(token) {
        true => Token::Jwt(token.into()),
        false => Token::Ours(Sha256::digest(token).into()),
    }))
}
