//! Client certificates. The TLS handshake has verified that a configured authority has signed them.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::api::connection::ConnectionHandle;

/// The peer of a connection, as the listener identified it.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    pub certificate: Option<Arc<Certificate>>,
    pub connection: ConnectionHandle,
}

/// The parts of a certificate that identify callers.
#[derive(Debug)]
pub struct Certificate {
    names: Vec<Name>,
    sha256: [u8; 32],
}

/// A name of a certificate's subjectAltName (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// In lower case.
    Dns(String),
    Uri(String),
}

/// A rule that a caller's certificate must satisfy completely.
#[derive(Clone, Debug, Default)]
pub struct CertificateRule {
    pub name: Option<Name>,
    /// The SHA-256 of its DER: two while it is being replaced.
    pub sha256: Vec<[u8; 32]>,
}

impl Certificate {
    /// Parses a certificate. An unreadable one has no names.
    pub fn of(der: &[u8]) -> Self {
        let mut names = Vec::new();
        let certificate = CertificateDer::from(der);
        if let Ok(read) = EndEntityCert::try_from(&certificate) {
            names.extend(read.valid_dns_names().map(|name| Name::Dns(name.to_ascii_lowercase())));
            names.extend(read.valid_uri_names().map(|name| Name::Uri(name.to_owned())));
        }
        Self { names, sha256: Sha256::digest(der).into() }
    }
}

impl Name {
    /// Parses a DNS name or a URI. None if it is neither, or a pattern.
    pub fn read(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_graphic() && c != '*';
        if !(1..=253).contains(&text.len()) || !text.chars().all(is_plain) {
            return None;
        }
        if text.contains(':') {
            return Some(Self::Uri(text.to_owned()));
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        text.chars().all(is_part).then(|| Self::Dns(text.to_ascii_lowercase()))
    }
}

impl CertificateRule {
    pub fn fits(&self, shown: &Certificate) -> bool {
        self.name.as_ref().is_none_or(|name| shown.names.contains(name))
            && (self.sha256.is_empty() || self.sha256.contains(&shown.sha256))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    #[test]
    fn a_rule_fits_the_certificate_that_is_all_of_it() {
        let mut params = CertificateParams::new(["Till.example.com".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::URI("spiffe://shop/till".try_into().unwrap()));
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let shown = Certificate::of(der.der());
        let rule = |name: Option<&str>, sha256: &[[u8; 32]]| {
            let name = name.map(|name| Name::read(name).unwrap());
            CertificateRule { name, sha256: sha256.to_vec() }.fits(&shown)
        };
        let (ours, other) = (shown.sha256, [7; 32]);
        assert!(rule(Some("till.EXAMPLE.com"), &[]));
        assert!(rule(Some("spiffe://shop/till"), &[]));
        assert!(rule(None, &[other, ours]));
        assert!(rule(Some("spiffe://shop/till"), &[ours]));
        assert!(!rule(Some("till.example.com"), &[other]));
        assert!(!rule(Some("spiffe://shop/Till"), &[]));
        assert!(!rule(Some("example.com"), &[ours]));
        assert_eq!(Name::read("*.example.com"), None);
        assert_eq!(Name::read(""), None);
        assert!(Certificate::of(b"none").names.is_empty());
    }
}
