//! Whom history is keyed to.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{KeptIdentifier, Micros};

/// A customer with what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    pub id: Uuid,
    /// Grows with each write.
    pub revision: i64,
    pub created_at: Micros,
    pub profile: Profile,
    /// The oldest first.
    pub identifiers: Vec<KeptIdentifier>,
}

/// What is known of a customer beside the history. An empty text is an unknown one.
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
}

/// A postal address. An empty text is an unknown one.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileField {
    GivenName,
    FamilyName,
    Organisation,
    BirthDate,
    Language,
    Address,
}

impl Profile {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes over what `other` knows and this profile does not. An address counts as one value: a
    /// mix of two addresses is the address of nobody.
    pub fn fill_from(&mut self, other: &Profile) {
        let fill = |mine: &mut String, theirs: &String| {
            if mine.is_empty() {
                mine.clone_from(theirs);
            }
        };
        fill(&mut self.given_name, &other.given_name);
        fill(&mut self.family_name, &other.family_name);
        fill(&mut self.organisation, &other.organisation);
        fill(&mut self.birth_date, &other.birth_date);
        fill(&mut self.language, &other.language);
        if self.address.is_empty() {
            self.address.clone_from(&other.address);
        }
    }

    /// Takes over the fields named, empty ones too.
    pub fn set_from(&mut self, other: &Profile, fields: &[ProfileField]) {
        for field in fields {
            match field {
                ProfileField::GivenName => self.given_name.clone_from(&other.given_name),
                ProfileField::FamilyName => self.family_name.clone_from(&other.family_name),
                ProfileField::Organisation => self.organisation.clone_from(&other.organisation),
                ProfileField::BirthDate => self.birth_date.clone_from(&other.birth_date),
                ProfileField::Language => self.language.clone_from(&other.language),
                ProfileField::Address => self.address.clone_from(&other.address),
            }
        }
    }
}
