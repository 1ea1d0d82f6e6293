//! The fields that are compared, and the levels of agreement.

use serde::{Deserialize, Serialize};

/// A field that two records can agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    GivenName,
    FamilyName,
    Organisation,
    BirthDate,
    Street,
    HouseNumber,
    Postcode,
    Locality,
    Region,
    Phone,
    Email,
    Social,
    Account,
    CustomerNumber,
    LoyaltyCard,
    External,
    /// Not a field of a record: being of one household or behind one mailbox would explain the
    /// shared values as well.
    SharedContact,
}

impl Field {
    /// All fields that are compared.
    pub const COMPARED: [Self; 16] = [
        Self::GivenName,
        Self::FamilyName,
        Self::Organisation,
        Self::BirthDate,
        Self::Street,
        Self::HouseNumber,
        Self::Postcode,
        Self::Locality,
        Self::Region,
        Self::Phone,
        Self::Email,
        Self::Social,
        Self::Account,
        Self::CustomerNumber,
        Self::LoyaltyCard,
        Self::External,
    ];

    /// The name in files and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::GivenName => "given_name",
            Self::FamilyName => "family_name",
            Self::Organisation => "organisation",
            Self::BirthDate => "birth_date",
            Self::Street => "street",
            Self::HouseNumber => "house_number",
            Self::Postcode => "postcode",
            Self::Locality => "locality",
            Self::Region => "region",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Social => "social",
            Self::Account => "account",
            Self::CustomerNumber => "customer_number",
            Self::LoyaltyCard => "loyalty_card",
            Self::External => "external",
            Self::SharedContact => "shared_contact",
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// The agreement of two values of a field, from the closest to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Equal except for case, accents, spaces and punctuation.
    Exact,
    /// A given name and a well-known short form of it.
    Nickname,
    /// An initial and a name that begins with it.
    Initial,
    /// One of several names, or one name of a double one.
    Part,
    /// Given and family name, or day and month, swapped.
    Transposed,
    /// A typing error apart.
    Near,
    /// Similar in sound, in the beginning or in most letters.
    Similar,
    Different,
}

impl Agreement {
    pub const ALL: [Self; 8] = [
        Self::Exact,
        Self::Nickname,
        Self::Initial,
        Self::Part,
        Self::Transposed,
        Self::Near,
        Self::Similar,
        Self::Different,
    ];

    /// The name in files and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Nickname => "nickname",
            Self::Initial => "initial",
            Self::Part => "part",
            Self::Transposed => "transposed",
            Self::Near => "near",
            Self::Similar => "similar",
            Self::Different => "different",
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}
