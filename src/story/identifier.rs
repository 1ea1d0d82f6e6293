//! How a value from outside becomes an identifier.

use unicode_normalization::UnicodeNormalization as _;

use super::{
    blocked::{self, Blocked},
    card, email, phone, text,
};
use crate::model::{Identifier, IdentifierKind};

/// The longest value, as it comes in and as it is kept.
pub const MAX_VALUE_BYTES: usize = 256;

const MAX_NAMESPACE_BYTES: usize = 64;

/// Why a value is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The field of `throughline.v1.Identifier` that breaks a rule, and the rule.
    Field { field: &'static str, rule: &'static str },
    /// The value is one that many people have.
    Blocked,
}

pub(super) const fn value_fault(rule: &'static str) -> Fault {
    Fault::Field { field: "value", rule }
}

/// The identifier that a value stands for; `region` is the country (ISO 3166-1, two capitals) of a
/// phone number without a country code. Values that many people have are faults unless `blocked`
/// is nothing. Normalising the value of the result again changes nothing.
pub fn normalise(
    kind: IdentifierKind,
    namespace: &str,
    raw: &str,
    region: Option<&str>,
    blocked: Option<&Blocked>,
) -> Result<Identifier, Fault> {
    check_namespace(kind, namespace)?;
    let text = check_value(raw)?;
    let written = blocked::is_blocked(kind, &text);
    let Key { value, mixed_script, filler } = match key(kind, text, region) {
        Ok(key) => key,
        Err(_) if written && blocked.is_some() => return Err(Fault::Blocked),
        Err(fault) => return Err(fault),
    };
    if value.len() > MAX_VALUE_BYTES {
        return Err(value_fault("must be at most 256 bytes"));
    }
    // What is blocked may have been written in another way.
    let known = written || filler || blocked::is_blocked(kind, &value);
    if blocked.is_some_and(|blocked| blocked.holds(kind, &value, known)) {
        return Err(Fault::Blocked);
    }
    Ok(Identifier {
        kind,
        namespace: namespace.to_owned(),
        value,
        raw: raw.to_owned(),
        mixed_script,
        verified: false,
    })
}

/// A value as it is compared.
struct Key {
    value: String,
    mixed_script: bool,
    /// Whether it stands where a telephone number was wanted.
    filler: bool,
}

fn key(kind: IdentifierKind, text: String, region: Option<&str>) -> Result<Key, Fault> {
    let mut mixed_script = false;
    let mut filler = false;
    let value = match kind {
        IdentifierKind::Phone => {
            let number = phone::normalise(&text, region)?;
            filler = number.filler;
            number.key
        }
        IdentifierKind::Email => {
            let address = email::normalise(&text)?;
            mixed_script = address.mixed_script;
            address.key
        }
        IdentifierKind::Social => platform_id(text)?,
        IdentifierKind::LoyaltyCard => card::normalise(&not_an_order(text)?)?,
        // A login that differs from another's in case only is refused by every shop worth its
        // name, and people write theirs as they please.
        IdentifierKind::Account => not_an_order(text)?.to_lowercase().nfc().collect(),
        // Read out over the phone and printed in capitals.
        IdentifierKind::CustomerNumber => not_an_order(text)?.to_uppercase().nfc().collect(),
        // Made by machines, and case may count: Salesforce ids and Base64 differ by it.
        IdentifierKind::External | IdentifierKind::Cookie => text,
    };
    Ok(Key { value, mixed_script, filler })
}

fn check_namespace(kind: IdentifierKind, namespace: &str) -> Result<(), Fault> {
    let fault = |rule| Err(Fault::Field { field: "namespace", rule });
    let sign = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    match kind {
        IdentifierKind::Phone | IdentifierKind::Email if !namespace.is_empty() => {
            return fault("must be empty for a phone number or an e-mail address");
        }
        IdentifierKind::Social if namespace.is_empty() => {
            return fault("is required: the platform");
        }
        IdentifierKind::External if namespace.is_empty() => {
            return fault("is required: the system");
        }
        _ => {}
    }
    if namespace.len() > MAX_NAMESPACE_BYTES || !namespace.bytes().all(sign) {
        return fault("must be at most 64 lower case letters, digits, '.', '_' and '-'");
    }
    Ok(())
}

/// The value without what nobody sees: spaces at the ends and zero-width characters, which come
/// with what is copied from a web page.
fn check_value(raw: &str) -> Result<String, Fault> {
    if raw.len() > MAX_VALUE_BYTES {
        return Err(value_fault("must be at most 256 bytes"));
    }
    if text::is_blank(raw) {
        return Err(value_fault("is required"));
    }
    if raw.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(value_fault("must not hold control characters"));
    }
    let seen: String = raw.nfc().filter(|c| !text::is_invisible(*c)).collect();
    // Letters and marks that an invisible character kept apart come together.
    let seen: String = seen.trim().nfc().collect();
    text::check(&seen, usize::MAX).map_err(value_fault)?;
    Ok(seen)
}

/// The id that a platform gives a person. A handle is not one: its owner may change it, and then
/// somebody else may take it.
fn platform_id(text: String) -> Result<String, Fault> {
    if text.starts_with('@') || text.contains("://") || text.contains(char::is_whitespace) {
        return Err(value_fault("must be the stable id of the platform, not a handle or a link"));
    }
    Ok(text)
}

/// A number that begins with '#' is that of an order.
fn not_an_order(text: String) -> Result<String, Fault> {
    if text.starts_with('#') {
        return Err(value_fault("must not be an order number"));
    }
    Ok(text)
}
