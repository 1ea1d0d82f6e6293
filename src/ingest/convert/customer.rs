//! The customer of a row.

use super::{Converter, fields::Faults};
use crate::{
    domain::identifier::normalise,
    ingest::{
        map::{Identifier, Invalid},
        row::Row,
        words::IDENTIFIERS,
    },
    model::IdentifierKind,
    pb,
};

impl Converter {
    pub(super) fn customer(
        &self,
        row: &Row,
        skipped: &mut u64,
        faults: &mut Faults,
    ) -> pb::IdentifyCustomerRequest {
        let mut identifiers: Vec<pb::Identifier> = Vec::new();
        for fallback in [false, true] {
            if fallback && !identifiers.is_empty() {
                break;
            }
            for identifier in &self.map.customer.identifiers {
                if identifier.fallback != fallback {
                    continue;
                }
                let Some(found) = self.identifier(identifier, row, faults) else { continue };
                if identifier.invalid == Invalid::Skip && !self.is_good(&found) {
                    *skipped += 1;
                } else if !identifiers.contains(&found) {
                    identifiers.push(found);
                }
            }
        }
        if identifiers.is_empty() && faults.0.is_empty() {
            faults.add("identifiers", "the row has none that the map knows");
        }
        let profile = self.profile(row, faults);
        let profile = (profile != pb::Profile::default()).then_some(profile);
        pb::IdentifyCustomerRequest { identifiers, profile, source: String::new() }
    }

    fn identifier(
        &self,
        identifier: &Identifier,
        row: &Row,
        faults: &mut Faults,
    ) -> Option<pb::Identifier> {
        let value = faults.key("identifiers.value", Some(&identifier.value), row);
        if value.is_empty() {
            return None;
        }
        let kind = faults.word("identifiers.kind", &identifier.kind, row, &IDENTIFIERS)?;
        let namespace =
            faults.word_text("identifiers.namespace", identifier.namespace.as_ref(), row);
        let is_phone = kind == pb::IdentifierKind::Phone;
        let region = identifier.region.as_ref().filter(|_| is_phone);
        let phone_region = faults.word_text("identifiers.phone_region", region, row);
        let kind = kind.into();
        Some(pb::Identifier { kind, namespace, value, phone_region, verified: false })
    }

    /// Whether the value is a valid identifier.
    fn is_good(&self, identifier: &pb::Identifier) -> bool {
        let word = IDENTIFIERS.iter().find(|(_, kind)| *kind == identifier.kind());
        let Some(kind) = word.and_then(|(word, _)| IdentifierKind::from_code(word)) else {
            return false;
        };
        let region = Some(identifier.phone_region.as_str()).filter(|region| !region.is_empty());
        let region = region.or(self.rules.phone_region.as_deref());
        let blocked = Some(&self.rules.blocked);
        normalise(kind, &identifier.namespace, &identifier.value, region, blocked).is_ok()
    }

    fn profile(&self, row: &Row, faults: &mut Faults) -> pb::Profile {
        let profile = &self.map.customer.profile;
        let address = &profile.address;
        let mut text = |field: &str, value: Option<&_>| faults.text(field, value, row);
        let lines: Vec<String> =
            address.lines.iter().map(|line| text("profile.address.lines", Some(line))).collect();
        let mut to = pb::PostalAddress {
            lines: lines.into_iter().filter(|line| !line.is_empty()).collect(),
            house_number: text("profile.address.house_number", address.house_number.as_ref()),
            postcode: text("profile.address.postcode", address.postcode.as_ref()),
            locality: text("profile.address.locality", address.locality.as_ref()),
            region: text("profile.address.region", address.region.as_ref()),
            country_code: String::new(),
        };
        let mut filled = pb::Profile {
            given_name: text("profile.given_name", profile.given_name.as_ref()),
            family_name: text("profile.family_name", profile.family_name.as_ref()),
            organisation: text("profile.organisation", profile.organisation.as_ref()),
            ..pb::Profile::default()
        };
        // A country alone is not an address.
        if to != pb::PostalAddress::default() {
            let country = address.country_code.as_ref();
            to.country_code = faults.word_text("profile.address.country_code", country, row);
            filled.address = Some(to);
        }
        filled.language = faults.word_text("profile.language", profile.language.as_ref(), row);
        let birth_date = profile.birth_date.as_ref();
        filled.birth_date = faults.day("profile.birth_date", birth_date, row, &self.map);
        filled
    }
}
