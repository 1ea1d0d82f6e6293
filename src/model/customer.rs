//! Customers and their profiles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Channel, Merge, Micros, Origin, StoredIdentifier};

/// A person: one customer record, or several that were merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The canonical id.
    pub id: Uuid,
    /// Grows with each write; the sum for merged records.
    pub revision: i64,
    /// The revision of the canonical record, which grows whenever the set of records changes.
    pub root_revision: i64,
    pub created_at: Micros,
    pub profile: Profile,
    /// The source of each value of the profile.
    pub sources: Vec<ProfileSource>,
    /// The oldest first.
    pub identifiers: Vec<StoredIdentifier>,
    /// The canonical record, then the others, the oldest first.
    pub records: Vec<Uuid>,
    /// The merges in force, the oldest first.
    pub merges: Vec<Merge>,
}

impl Customer {
    /// Identifies this state of the customer. As long as the revision of the canonical record is
    /// unchanged, the set of records is too, and the sum grows with each write.
    pub fn etag(&self) -> String {
        if self.records.len() == 1 {
            self.revision.to_string()
        } else {
            format!("{}.{}", self.root_revision, self.revision)
        }
    }
}

/// The source of a value of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileSource {
    pub field: ProfileField,
    /// The record that holds it.
    pub customer_id: Uuid,
    pub given: FieldOrigin,
}

/// When and by whom a value of a profile was set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldOrigin {
    pub at: Micros,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
    /// The source system, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// When it was chosen for the whole person, by a change after a merge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen_at: Option<Micros>,
}

/// The stored profile of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredProfile {
    #[serde(flatten)]
    pub profile: Profile,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<ProfileField, FieldOrigin>,
}

impl StoredProfile {
    /// When and by whom a value was set. For records that predate this information, the creation
    /// time of the record.
    pub fn given(&self, field: ProfileField, created_at: Micros) -> FieldOrigin {
        let unknown = || FieldOrigin { at: created_at, ..FieldOrigin::default() };
        self.given.get(&field).cloned().unwrap_or_else(unknown)
    }

    /// Takes over values of `new` that this profile lacks, and verifications of values that agree.
    pub fn fill_from(&mut self, new: &Profile, origin: &Origin, now: Micros, created_at: Micros) {
        for field in ProfileField::ALL {
            if new.lacks(field) {
                continue;
            }
            if self.profile.lacks(field) {
                self.set(new, field, origin, now, None);
            } else if origin.verifies_profile && self.profile.agrees(new, field) {
                let given = FieldOrigin { verified: true, ..self.given(field, created_at) };
                self.given.insert(field, given);
            }
        }
    }

    /// Sets a field; an empty value clears it. A deliberately cleared field is remembered, so that
    /// the value of no other record takes its place.
    pub fn set(
        &mut self,
        new: &Profile,
        field: ProfileField,
        origin: &Origin,
        now: Micros,
        chosen_at: Option<Micros>,
    ) {
        self.profile.take(new, field);
        if self.profile.lacks(field) && chosen_at.is_none() {
            self.given.remove(&field);
            return;
        }
        let verified = origin.verifies_profile;
        let given = FieldOrigin { at: now, verified, source: origin.source.clone(), chosen_at };
        self.given.insert(field, given);
    }
}

/// The profile of a customer. An empty text means unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub given_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub organisation: String,
    /// YYYY-MM-DD.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub birth_date: String,
    /// A BCP 47 tag.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    #[serde(skip_serializing_if = "Address::is_empty")]
    pub address: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_channel: Option<Channel>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<Consent>,
}

/// A consent that the customer gave or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// A code.
    pub purpose: String,
    pub granted: bool,
}

/// A postal address. An empty text means unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub house_number: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postcode: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub locality: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Two capital letters (ISO 3166-1).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country_code: String,
}

impl Address {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A field of a profile that can be changed by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileField {
    GivenName,
    FamilyName,
    Organisation,
    BirthDate,
    Language,
    Address,
    PreferredChannel,
    Consents,
}

impl ProfileField {
    pub const ALL: [Self; 8] = [
        Self::GivenName,
        Self::FamilyName,
        Self::Organisation,
        Self::BirthDate,
        Self::Language,
        Self::Address,
        Self::PreferredChannel,
        Self::Consents,
    ];

    /// The name in the contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::GivenName => "given_name",
            Self::FamilyName => "family_name",
            Self::Organisation => "organisation",
            Self::BirthDate => "birth_date",
            Self::Language => "language",
            Self::Address => "address",
            Self::PreferredChannel => "preferred_channel",
            Self::Consents => "consents",
        }
    }
}

impl Profile {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a field is unknown.
    pub fn lacks(&self, field: ProfileField) -> bool {
        match field {
            ProfileField::GivenName => self.given_name.is_empty(),
            ProfileField::FamilyName => self.family_name.is_empty(),
            ProfileField::Organisation => self.organisation.is_empty(),
            ProfileField::BirthDate => self.birth_date.is_empty(),
            ProfileField::Language => self.language.is_empty(),
            ProfileField::Address => self.address.is_empty(),
            ProfileField::PreferredChannel => self.preferred_channel.is_none(),
            ProfileField::Consents => self.consents.is_empty(),
        }
    }

    /// Whether both have the same value of a field.
    pub fn agrees(&self, other: &Profile, field: ProfileField) -> bool {
        match field {
            ProfileField::GivenName => self.given_name == other.given_name,
            ProfileField::FamilyName => self.family_name == other.family_name,
            ProfileField::Organisation => self.organisation == other.organisation,
            ProfileField::BirthDate => self.birth_date == other.birth_date,
            ProfileField::Language => self.language == other.language,
            ProfileField::Address => self.address == other.address,
            ProfileField::PreferredChannel => self.preferred_channel == other.preferred_channel,
            ProfileField::Consents => self.consents == other.consents,
        }
    }

    /// Takes over a field, even if it is empty. An address is one value: a mix of two addresses is
    /// the address of nobody.
    pub fn take(&mut self, other: &Profile, field: ProfileField) {
        match field {
            ProfileField::GivenName => self.given_name.clone_from(&other.given_name),
            ProfileField::FamilyName => self.family_name.clone_from(&other.family_name),
            ProfileField::Organisation => self.organisation.clone_from(&other.organisation),
            ProfileField::BirthDate => self.birth_date.clone_from(&other.birth_date),
            ProfileField::Language => self.language.clone_from(&other.language),
            ProfileField::Address => self.address.clone_from(&other.address),
            ProfileField::PreferredChannel => self.preferred_channel = other.preferred_channel,
            ProfileField::Consents => self.consents.clone_from(&other.consents),
        }
    }
}
