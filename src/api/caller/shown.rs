//! What a call shows of who makes it: a token in its headers, a certificate of its connection.

use std::sync::Arc;

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};

use super::{
    certificate::{Certificate, Peer},
    check::Check,
    jwt,
};

/// Whatever is shown, and not yet looked at.
#[derive(Clone)]
pub struct Shown {
    pub token: Option<Token>,
    pub certificate: Option<Arc<Certificate>>,
}

#[derive(Clone)]
pub enum Token {
    /// One that we have given out: its SHA-256.
    Ours([u8; 32]),
    /// Of an issuer.
    Jwt(Arc<str>),
}

impl Shown {
    pub fn of(headers: &HeaderMap, peer: &Peer) -> Result<Self, Check> {
        Ok(Self { token: token(headers)?, certificate: peer.certificate.clone() })
    }
}

fn token(headers: &HeaderMap) -> Result<Option<Token>, Check> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    // RFC 9110, section 11.1: the scheme in any case, then one space or more.
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
