//! Placeholder values that many people share. Taken as an identifier, such a value would join all
//! of them into one customer.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    digit, email,
    identifier::{Fault, normalise},
};
use crate::model::IdentifierKind;

/// What systems and people enter into a required field, in lower case.
const WORDS: &str = "-|--|---|-1|.|..|?|??|???|x|xx|xxx|n/a|na|n.a.|#n/a|nan|null|(null)|\
    <null>|nil|none|undefined|void|empty|(empty)|true|false|not set|(not set)|unset|\
    not available|not applicable|unknown|unavailable|anonymous|anon|private|withheld|\
    restricted|blocked|no caller id|guest|user|customer|default|dummy|test|tester|testing|\
    admin|administrator|root|system|[object object]|tbd|onbekend|anoniem|privé|prive|geen|\
    nvt|n.v.t.|gast|klant|ukjent|ukendt|anonym|ingen|gjest|gæst|kunde|skjult|hemmelig|\
    hidden|unbekannt|privat|asdf";

/// The local parts of mailboxes that are unattended or not personal, without '.', '-' and '_'.
const MAILBOXES: &str = "noreply|noreplies|donotreply|dontreply|noanswer|noresponse|\
    mailerdaemon|nobody|noone|none|null|undefined|unknown|anonymous|anonymized|noemail|\
    nomail|noname|geenemail|geenmail|geenantwoord|ikkesvar|svarikke|ingenemail";

/// Complete placeholder addresses.
const ADDRESSES: &str = "a@a|a@a.com|x@x|x@x.com|test@test|test@test.com|test@test.nl|\
    user@test.com|email@email.com";

/// The words anonymous, restricted, unknown, unavailable and blocked typed on a telephone keypad,
/// which carriers send for a hidden number.
const HIDDEN_NUMBERS: [&str; 5] = ["266696687", "7378742833", "8656696", "86282452253", "2562533"];

/// The configured additions to the built-in placeholder values, and exceptions from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    more: Listed,
    allowed: Listed,
}

/// Values, each with the kinds of identifiers that it can be, and mail domains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listed {
    values: BTreeMap<String, BTreeSet<IdentifierKind>>,
    domains: BTreeSet<String>,
}

impl Blocked {
    /// Only the built-in values.
    pub const BUILT_IN: Self = Self { more: Listed::NONE, allowed: Listed::NONE };

    /// Blocks a value as every kind of identifier that it can be, in any notation, or every address
    /// of a mail domain: "@shop.nl". The error says what is wrong with it.
    pub fn block(&mut self, value: &str, region: Option<&str>) -> Result<(), &'static str> {
        self.more.add(value, region)
    }

    /// Exempts a value or a domain from the built-in ones.
    pub fn allow(&mut self, value: &str, region: Option<&str>) -> Result<(), &'static str> {
        self.allowed.add(value, region)
    }

    /// Whether a normalised value identifies nobody; `known` says whether it is built in.
    pub(super) fn holds(&self, kind: IdentifierKind, value: &str, known: bool) -> bool {
        self.more.has(kind, value) || (known && !self.allowed.has(kind, value))
    }
}

impl Listed {
    const NONE: Self = Self { values: BTreeMap::new(), domains: BTreeSet::new() };

    fn add(&mut self, text: &str, region: Option<&str>) -> Result<(), &'static str> {
        let text = text.trim();
        if let Some(domain) = text.strip_prefix('@') {
            let domain =
                email::domain(domain).map_err(|_| "must be a mail domain after the '@'")?;
            self.domains.insert(domain);
            return Ok(());
        }
        let mut kinds = 0;
        for kind in IdentifierKind::ALL {
            // The namespace does not affect the value, and some kinds require one.
            let namespace = match kind {
                IdentifierKind::External | IdentifierKind::Social => "any",
                _ => "",
            };
            match normalise(kind, namespace, text, region, None) {
                Ok(found) => {
                    kinds += 1;
                    self.values.entry(found.value).or_default().insert(kind);
                }
                Err(Fault::Field { field: "phone_region", .. }) if text.starts_with('0') => {
                    return Err("may be a phone number: write the country code, or set \
                                phone_region");
                }
                Err(_) => {}
            }
        }
        if kinds == 0 { Err("is nothing that could be an identifier") } else { Ok(()) }
    }

    fn has(&self, kind: IdentifierKind, value: &str) -> bool {
        if self.values.get(value).is_some_and(|kinds| kinds.contains(&kind)) {
            return true;
        }
        let domain = value.rsplit_once('@').filter(|_| kind == IdentifierKind::Email);
        domain.is_some_and(|(_, domain)| self.domains.contains(domain))
    }
}

/// Whether a value is a placeholder. Counting phone numbers are judged by `phone`, since 01
/// 234567890 is a valid number in some places.
pub(super) fn is_blocked(kind: IdentifierKind, text: &str) -> bool {
    let lower = text.to_lowercase();
    if is_listed(WORDS, &lower) || is_zero(&lower) {
        return true;
    }
    match kind {
        IdentifierKind::Email => is_nobodys_address(&lower),
        IdentifierKind::Phone => {
            let digits = digits_of(&lower);
            HIDDEN_NUMBERS.contains(&digits.as_str()) || is_same(&digits)
        }
        IdentifierKind::LoyaltyCard => {
            let digits = digits_of(&lower);
            lower.chars().all(|c| digit::value(c).is_some() || digit::is_dash(c) || c == ' ')
                && (is_same(&digits) || is_counting(&digits))
        }
        // Systems that number their customers may use 123456 or 7777.
        IdentifierKind::CustomerNumber
        | IdentifierKind::Account
        | IdentifierKind::External
        | IdentifierKind::Social
        | IdentifierKind::Cookie => false,
    }
}

fn is_listed(list: &str, text: &str) -> bool {
    list.split('|').any(|listed| listed == text)
}

/// Only zeros and dashes: "0", "000-000", the nil UUID.
fn is_zero(lower: &str) -> bool {
    let zero = |c| digit::value(c) == Some(0) || digit::is_dash(c);
    lower.chars().all(zero) && lower.chars().any(|c| digit::value(c).is_some())
}

pub(super) fn digits_of(text: &str) -> String {
    text.chars().filter_map(digit::value).map(|value| char::from(b'0' + value)).collect()
}

/// Four or more equal digits.
pub(super) fn is_same(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    bytes.len() >= 4 && bytes.iter().all(|b| *b == bytes[0])
}

/// Six or more digits that count up from 0 or 1.
pub(super) fn is_counting(digits: &str) -> bool {
    digits.len() >= 6
        && ["12345678901234567890", "01234567890123456789"]
            .iter()
            .any(|all| all.starts_with(digits))
}

fn is_nobodys_address(lower: &str) -> bool {
    if is_listed(ADDRESSES, lower) {
        return true;
    }
    let Some((local, domain)) = lower.rsplit_once('@') else {
        return false;
    };
    let mailbox: String = local
        .chars()
        .take_while(|c| *c != '+')
        .filter(|c| !matches!(c, '.' | '-' | '_') && !digit::is_dash(*c))
        .collect();
    // RFC 2606 reserves the domain for addresses that must not work.
    is_listed(MAILBOXES, &mailbox) || domain == "invalid" || domain.ends_with(".invalid")
}
