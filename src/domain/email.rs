//! E-mail addresses.

use email_address::{EmailAddress, Options};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;

use super::{
    identifier::{Fault, value_fault},
    text::is_invisible,
};

/// RFC 5321, section 4.5.3.1, without the angle brackets around a path.
const MAX_ADDRESS_BYTES: usize = 254;
const MAX_LOCAL_BYTES: usize = 64;

const NOT_AN_ADDRESS: Fault = value_fault("must be an e-mail address: name@domain");

/// Letters of other scripts that look like a Latin one: those of Unicode's confusables (UTS 39)
/// among the lower case letters of Cyrillic and Greek.
const LOOK_ALIKES: &str = "асԁеһіјӏорԛѕԝхуѵүαγιονρυχ";

/// A deliverable address.
pub(super) struct Address {
    /// Lower case, with the domain in ASCII (punycode).
    pub key: String,
    /// Whether it may imitate another address.
    pub mixed_script: bool,
}

/// Normalises an address. Stricter than RFC 5322: the address of a customer must be deliverable, so
/// quoted local parts, comments, display names, IP addresses and domains without a dot are refused.
/// The local part is folded to lower case, as all major providers do.
pub(super) fn normalise(text: &str) -> Result<Address, Fault> {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return Err(NOT_AN_ADDRESS);
    };
    if local.len() > MAX_LOCAL_BYTES {
        return Err(value_fault("must have at most 64 bytes before the '@'"));
    }
    let local: String = local.to_lowercase().nfc().collect();
    check_bare(&local, domain)?;
    let (domain, unicode) = ascii_domain(domain)?;

    let key = format!("{local}@{domain}");
    if key.len() > MAX_ADDRESS_BYTES || local.len() > MAX_LOCAL_BYTES {
        return Err(value_fault("must be at most 254 bytes, 64 of them before the '@'"));
    }
    let options = Options::default().without_display_text().without_domain_literal();
    EmailAddress::parse_with_options(&key, options).map_err(|_| NOT_AN_ADDRESS)?;
    let mixed_script = may_deceive(&local) || unicode.split('.').any(may_deceive);
    Ok(Address { key, mixed_script })
}

fn check_bare(local: &str, domain: &str) -> Result<(), Fault> {
    let odd = |c: char| c.is_whitespace() || is_invisible(c) || matches!(c, '"' | '\\' | '(' | ')');
    if local.contains('<') || domain.contains('>') {
        return Err(value_fault("must be the bare e-mail address without a name"));
    }
    if local.contains(odd) || domain.contains(odd) {
        return Err(value_fault("must be one bare e-mail address without spaces and quotes"));
    }
    if domain.starts_with('[') {
        return Err(value_fault("must have a domain, not an IP address"));
    }
    if local.is_empty() || domain.is_empty() {
        return Err(NOT_AN_ADDRESS);
    }
    Ok(())
}

/// The key of a domain.
pub(super) fn domain(text: &str) -> Result<String, Fault> {
    ascii_domain(text).map(|(ascii, _)| ascii)
}

/// The domain in ASCII and in Unicode, by UTS 46 with the characters and lengths that DNS allows.
fn ascii_domain(domain: &str) -> Result<(String, String), Fault> {
    let fault = value_fault("must have a domain that can exist");
    let names = Uts46::new();
    let ascii = names
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify)
        .map_err(|_| fault)?;
    let Some((_, top)) = ascii.rsplit_once('.') else {
        return Err(value_fault("must have a domain with a dot"));
    };
    // No top-level domain is a single letter or a number; a number would be the end of an IP
    // address.
    if top.len() < 2 || top.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault);
    }
    let (unicode, _) = names.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    let unicode = unicode.into_owned();
    Ok((ascii.into_owned(), unicode))
}

/// Whether a part of an address mixes Latin with Cyrillic or Greek letters, or consists of such
/// letters that all look like Latin ones.
fn may_deceive(part: &str) -> bool {
    let is_latin = |c: char| {
        c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
    };
    let is_other = |c: char| {
        matches!(c, '\u{370}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{1f00}'..='\u{1fff}'
            | '\u{2de0}'..='\u{2dff}' | '\u{a640}'..='\u{a69f}')
    };
    if part.is_ascii() || !part.contains(is_other) {
        return false;
    }
    part.contains(is_latin)
        || part.chars().filter(|c| is_other(*c)).all(|c| LOOK_ALIKES.contains(c))
}
