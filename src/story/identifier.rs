//! How a value from outside becomes an identifier.

use crate::model::{Identifier, IdentifierKind};

/// Why a value is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The field of `throughline.v1.Identifier` that breaks a rule, and the rule.
    Field { field: &'static str, rule: &'static str },
    /// The value is one that many people have.
    Blocked,
}

/// The identifier that a value stands for; `region` is the country (ISO 3166-1, two capitals) of a
/// phone number without a country code.
pub fn normalise(
    kind: IdentifierKind,
    namespace: &str,
    raw: &str,
    region: Option<&str>,
) -> Result<Identifier, Fault> {
    let _ = (kind, namespace, raw, region);
    Err(Fault::Blocked)
}
