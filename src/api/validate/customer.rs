//! Validates identifiers and profiles.

use std::collections::BTreeSet;

use super::{Checker, Rules, entry::channel, identity::Need};
use crate::{
    api::{body, caller::Actor},
    domain::language,
    error::Error,
    model::{Address, Consent, Identifier, MAX_IDENTIFIERS, Origin, Profile, ProfileField},
    pb,
    store::ProfileChange,
};

const NAME_CHARS: usize = 200;
const ADDRESS_LINES: usize = 6;
const MAX_CONSENTS: usize = 20;

/// IdentifyCustomer.
pub fn identify(
    request: pb::IdentifyCustomerRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<(Vec<Identifier>, Profile, Origin), Error> {
    let mut checker = Checker::default();
    let identifiers = checker.identifiers(&request.identifiers, rules, actor)?;
    let profile = checker.profile(request.profile.unwrap_or_default(), rules);
    checker.source("source", &request.source);
    let origin = actor.origin(request.source);
    checker.finish((identifiers, profile, origin))
}

/// UpdateCustomer.
pub fn profile_change(
    mut request: pb::UpdateCustomerRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<ProfileChange, Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash(&request);
    let mut context = checker.context(&request_id, body, String::new(), Need::May, actor);
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    let profile = checker.profile(request.profile.unwrap_or_default(), rules);
    let mut fields = Vec::new();
    for path in request.update_mask.unwrap_or_default().paths {
        match profile_field(&path) {
            Some(field) => fields.push(field),
            None => checker.fail("update_mask", "names a field that a profile does not have"),
        }
    }
    if fields.is_empty() && checker.is_clean() {
        checker.fail("update_mask", "must name at least one field");
    }
    let expected_etag = checker.etag("etag", request.etag);
    context.time_violations = checker.take_time_violations();
    checker.finish(ProfileChange {
        customer_id,
        profile,
        fields,
        origin: actor.origin(String::new()),
        expected_etag,
        context,
    })
}

fn profile_field(path: &str) -> Option<ProfileField> {
    Some(match path {
        "given_name" => ProfileField::GivenName,
        "family_name" => ProfileField::FamilyName,
        "organisation" => ProfileField::Organisation,
        "birth_date" => ProfileField::BirthDate,
        "language" => ProfileField::Language,
        "address" => ProfileField::Address,
        "preferred_channel" => ProfileField::PreferredChannel,
        "consents" => ProfileField::Consents,
        _ => return None,
    })
}

impl Checker {
    /// The identifiers of a customer: at least one.
    pub fn identifiers(
        &mut self,
        values: &[pb::Identifier],
        rules: &Rules,
        actor: &Actor,
    ) -> Result<Vec<Identifier>, Error> {
        if values.len() > MAX_IDENTIFIERS {
            return Err(Error::TooManyIdentifiers);
        }
        if values.is_empty() {
            self.fail("identifiers", "at least one is required");
        }
        let identifiers = values.iter().enumerate().filter_map(|(index, value)| {
            self.claim(&format!("identifiers[{index}]"), value, rules, actor)
        });
        Ok(identifiers.collect())
    }

    /// The expected etag; None for no check. An etag is a revision, or two numbers separated by a
    /// dot.
    pub fn etag(&mut self, field: &str, etag: String) -> Option<String> {
        let is_number = |text: &str| {
            (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let parts = etag.split_once('.').unwrap_or((etag.as_str(), "0"));
        let is_ours = etag.is_empty() || (is_number(parts.0) && is_number(parts.1));
        if !is_ours {
            self.fail(field, "is not one that this server gave");
        }
        Some(etag).filter(|etag| !etag.is_empty())
    }

    /// A profile.
    pub fn profile(&mut self, mut profile: pb::Profile, rules: &Rules) -> Profile {
        self.line("profile.given_name", &mut profile.given_name, NAME_CHARS);
        self.line("profile.family_name", &mut profile.family_name, NAME_CHARS);
        self.line("profile.organisation", &mut profile.organisation, NAME_CHARS);
        if let Some(date) = self.date("profile.birth_date", &profile.birth_date) {
            let today = jiff::Timestamp::from_microsecond(rules.clock.now())
                .map(|now| now.to_zoned(jiff::tz::TimeZone::UTC).date());
            if today.is_ok_and(|today| date > today) {
                self.fail_by_clock("profile.birth_date", "is in the future", rules);
            }
        }
        let language = self.language("profile.language", &profile.language);
        let address = self.address(profile.address.unwrap_or_default());
        let preferred_channel = channel(profile.preferred_channel);
        if preferred_channel.is_none() && profile.preferred_channel != 0 {
            self.unknown_enum("profile.preferred_channel");
        }
        let consents = self.consents(profile.consents);
        Profile {
            given_name: profile.given_name,
            family_name: profile.family_name,
            organisation: profile.organisation,
            birth_date: profile.birth_date,
            language,
            address,
            preferred_channel,
            consents,
        }
    }

    fn consents(&mut self, consents: Vec<pb::Consent>) -> Vec<Consent> {
        self.count("profile.consents", consents.len(), MAX_CONSENTS);
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let mut purposes = BTreeSet::new();
        for (index, pb::Consent { purpose, .. }) in consents.iter().enumerate() {
            let field = format!("profile.consents[{index}].purpose");
            if !(1..=64).contains(&purpose.len()) || !purpose.chars().all(allowed) {
                let rule = "must be 1 to 64 of: lower case letters, digits, '.', '_' and '-'";
                self.fail(field, rule);
            } else if !purposes.insert(purpose.as_str()) {
                self.fail(field, "is listed twice");
            }
        }
        let consent = |pb::Consent { purpose, granted }| Consent { purpose, granted };
        consents.into_iter().map(consent).collect()
    }

    fn address(&mut self, mut address: pb::PostalAddress) -> Address {
        self.count("profile.address.lines", address.lines.len(), ADDRESS_LINES);
        for (index, line) in address.lines.iter_mut().enumerate() {
            self.line(&format!("profile.address.lines[{index}]"), line, NAME_CHARS);
        }
        self.line("profile.address.house_number", &mut address.house_number, 20);
        self.line("profile.address.postcode", &mut address.postcode, 20);
        self.line("profile.address.locality", &mut address.locality, NAME_CHARS);
        self.line("profile.address.region", &mut address.region, NAME_CHARS);
        self.country("profile.address.country_code", &address.country_code);
        Address {
            lines: address.lines,
            house_number: address.house_number,
            postcode: address.postcode,
            locality: address.locality,
            region: address.region,
            country_code: address.country_code,
        }
    }

    /// A language tag, or empty.
    pub fn language(&mut self, field: &str, value: &str) -> String {
        if value.is_empty() {
            return String::new();
        }
        language::language_tag(value).unwrap_or_else(|rule| {
            self.fail(field, rule);
            String::new()
        })
    }
}
