//! The parameters of the model: how often each agreement occurs in records of one person, and in
//! those of strangers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Agreement, Field};

/// The minimum probability of a suggestion.
///
/// A wrong merge costs more than a missed one: it shows one customer the history of another. At
/// 0.9, the pair at the very margin is wrong one time in ten, and far fewer of all suggestions are,
/// since most are well above. A higher threshold would miss two records of one name at one address
/// of which nothing else is known: they might be parent and child, but hardly ever are.
pub const SUGGESTION_THRESHOLD: f64 = 0.9;

/// The version of the file format.
const VERSION: u32 = 1;

const FIELDS: usize = Field::COMPARED.len();
const LEVELS: usize = Agreement::ALL.len();

/// A probability per field and agreement; 0 if impossible.
pub(super) type Table = [[f64; LEVELS]; FIELDS];

/// The parameters of the model. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ModelFile", into = "ModelFile")]
pub struct Model {
    /// Pairs of one person per record.
    pub(super) matches_per_record: f64,
    /// Pairs of different people of one household per record.
    pub(super) housemates_per_record: f64,
    /// The probability that two records of one person have the same address.
    pub(super) same_address: f64,
    /// How often two people of one household share a thing.
    pub(super) household: Sharing,
    /// The rate of an agreement among records of one person that both have the field.
    pub(super) same: Table,
    /// The rate among records of strangers. For equal values it follows from their frequencies
    /// instead.
    pub(super) stranger: Table,
}

/// The probabilities that two related people share a thing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sharing {
    pub family_name: f64,
    pub address: f64,
    pub phone: f64,
    pub email: f64,
}

/// Rates differ by country and industry; these are conservative.
const HOUSEHOLD: Sharing = Sharing { family_name: 0.65, address: 0.9, phone: 0.5, email: 0.2 };

/// Why a file is not a valid model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelFault {
    #[error("the model has version {0}: this program reads version {VERSION}")]
    Version(u32),
    #[error("{0} must be {1}")]
    Value(String, &'static str),
}

type Rates = BTreeMap<Agreement, f64>;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    version: u32,
    matches_per_record: f64,
    housemates_per_record: f64,
    same_address: f64,
    household: Sharing,
    same: BTreeMap<Field, Rates>,
    stranger: BTreeMap<Field, Rates>,
}

/// The prior rates of a field: in records of one person, and of strangers.
struct Belief {
    field: Field,
    same: &'static [(Agreement, f64)],
    stranger: &'static [(Agreement, f64)],
}

use Agreement::{Different, Exact, Initial, Near, Nickname, Part, Similar, Transposed};

/// Estimates from experience with data entry errors; not fitted to any file.
const BELIEFS: [Belief; FIELDS] = [
    Belief {
        field: Field::GivenName,
        same: &[
            (Exact, 0.78),
            (Nickname, 0.05),
            (Initial, 0.97),
            (Part, 0.03),
            (Transposed, 0.01),
            (Near, 0.08),
            (Similar, 0.03),
            (Different, 0.02),
        ],
        stranger: &[
            (Exact, 0.005),
            (Nickname, 0.002),
            (Initial, 0.08),
            (Part, 0.002),
            (Transposed, 1e-3),
            (Near, 0.004),
            (Similar, 0.02),
            (Different, 0.96),
        ],
    },
    Belief {
        field: Field::FamilyName,
        same: &[
            (Exact, 0.82),
            (Initial, 0.97),
            (Part, 0.02),
            (Transposed, 0.01),
            (Near, 0.08),
            (Similar, 0.03),
            (Different, 0.04),
        ],
        stranger: &[
            (Exact, 0.002),
            (Initial, 0.08),
            (Part, 0.001),
            (Transposed, 1e-3),
            (Near, 0.003),
            (Similar, 0.015),
            (Different, 0.97),
        ],
    },
    Belief {
        field: Field::Organisation,
        same: &[(Exact, 0.5), (Near, 0.1), (Similar, 0.1), (Different, 0.3)],
        stranger: &[(Exact, 1e-3), (Near, 1e-3), (Similar, 0.01), (Different, 0.98)],
    },
    Belief {
        field: Field::BirthDate,
        same: &[
            (Exact, 0.88),
            (Transposed, 0.02),
            (Near, 0.05),
            (Similar, 0.03),
            (Different, 0.02),
        ],
        stranger: &[
            (Exact, 5e-5),
            (Transposed, 1e-4),
            (Near, 0.002),
            (Similar, 0.02),
            (Different, 0.99),
        ],
    },
    Belief {
        field: Field::Street,
        same: &[(Exact, 0.77), (Near, 0.1), (Similar, 0.08), (Different, 0.05)],
        stranger: &[(Exact, 1e-3), (Near, 0.003), (Similar, 0.02), (Different, 0.97)],
    },
    Belief {
        field: Field::HouseNumber,
        same: &[(Exact, 0.88), (Near, 0.06), (Different, 0.06)],
        stranger: &[(Exact, 0.02), (Near, 0.1), (Different, 0.88)],
    },
    Belief {
        field: Field::Postcode,
        same: &[(Exact, 0.88), (Near, 0.07), (Similar, 0.02), (Different, 0.03)],
        stranger: &[(Exact, 2e-3), (Near, 0.01), (Similar, 0.03), (Different, 0.96)],
    },
    Belief {
        field: Field::Locality,
        same: &[(Exact, 0.86), (Near, 0.07), (Similar, 0.03), (Different, 0.04)],
        stranger: &[(Exact, 0.02), (Near, 0.005), (Similar, 0.02), (Different, 0.96)],
    },
    Belief {
        field: Field::Region,
        same: &[(Exact, 0.94), (Near, 0.02), (Different, 0.04)],
        stranger: &[(Exact, 0.2), (Near, 0.02), (Different, 0.78)],
    },
    Belief {
        field: Field::Phone,
        same: &[(Exact, 0.6), (Near, 0.05), (Different, 0.35)],
        stranger: &[(Exact, 1e-6), (Near, 1e-4), (Different, 1.0)],
    },
    Belief {
        field: Field::Email,
        same: &[(Exact, 0.6), (Near, 0.08), (Similar, 0.05), (Different, 0.27)],
        stranger: &[(Exact, 1e-6), (Near, 1e-4), (Similar, 1e-3), (Different, 1.0)],
    },
    Belief {
        field: Field::Social,
        same: &[(Exact, 0.7), (Different, 0.3)],
        stranger: &[(Exact, 1e-7), (Different, 1.0)],
    },
    Belief {
        field: Field::Account,
        same: &[(Exact, 0.5), (Different, 0.5)],
        stranger: &[(Exact, 1e-7), (Different, 1.0)],
    },
    Belief {
        field: Field::CustomerNumber,
        same: &[(Exact, 0.5), (Different, 0.5)],
        stranger: &[(Exact, 1e-7), (Different, 1.0)],
    },
    Belief {
        field: Field::LoyaltyCard,
        same: &[(Exact, 0.6), (Different, 0.4)],
        stranger: &[(Exact, 1e-7), (Different, 1.0)],
    },
    Belief {
        field: Field::External,
        same: &[(Exact, 0.5), (Different, 0.5)],
        stranger: &[(Exact, 1e-7), (Different, 1.0)],
    },
];

impl Default for Model {
    fn default() -> Self {
        let mut model = Self {
            matches_per_record: 0.2,
            housemates_per_record: 0.5,
            same_address: 0.8,
            household: HOUSEHOLD,
            same: [[0.0; LEVELS]; FIELDS],
            stranger: [[0.0; LEVELS]; FIELDS],
        };
        for belief in &BELIEFS {
            for (agreement, rate) in belief.same {
                model.same[belief.field.index()][agreement.index()] = *rate;
            }
            for (agreement, rate) in belief.stranger {
                model.stranger[belief.field.index()][agreement.index()] = *rate;
            }
        }
        model
    }
}

impl From<Model> for ModelFile {
    fn from(model: Model) -> Self {
        let rates = |row: &[f64; LEVELS]| -> Rates {
            let all = Agreement::ALL.iter().map(|agreement| (*agreement, row[agreement.index()]));
            all.filter(|(_, rate)| *rate > 0.0).collect()
        };
        let table = |table: &Table| {
            let all = Field::COMPARED.iter();
            all.map(|field| (*field, rates(&table[field.index()]))).collect()
        };
        Self {
            version: VERSION,
            matches_per_record: model.matches_per_record,
            housemates_per_record: model.housemates_per_record,
            same_address: model.same_address,
            household: model.household,
            same: table(&model.same),
            stranger: table(&model.stranger),
        }
    }
}

/// Fields and agreements that a file omits keep the built-in values.
impl TryFrom<ModelFile> for Model {
    type Error = ModelFault;

    fn try_from(file: ModelFile) -> Result<Self, ModelFault> {
        if file.version != VERSION {
            return Err(ModelFault::Version(file.version));
        }
        let mut model = Self {
            matches_per_record: file.matches_per_record,
            housemates_per_record: file.housemates_per_record,
            same_address: file.same_address,
            household: file.household,
            ..Self::default()
        };
        let is_rate = |rate: f64| rate > 0.0 && rate <= 1.0;
        for (name, rate) in [
            ("matches_per_record", file.matches_per_record),
            ("housemates_per_record", file.housemates_per_record),
        ] {
            if !(rate > 0.0 && rate <= 1_000.0) {
                return Err(ModelFault::Value(name.to_owned(), "more than 0 and at most 1000"));
            }
        }
        let Sharing { family_name, address, phone, email } = file.household;
        for (name, rate) in [
            ("same_address", file.same_address),
            ("household.family_name", family_name),
            ("household.address", address),
            ("household.phone", phone),
            ("household.email", email),
        ] {
            if !is_rate(rate) {
                return Err(ModelFault::Value(name.to_owned(), "above 0, at most 1"));
            }
        }
        for (name, from, to) in [
            ("same", &file.same, &mut model.same),
            ("stranger", &file.stranger, &mut model.stranger),
        ] {
            for (field, rates) in from {
                for (agreement, rate) in rates {
                    let place = to.get_mut(field.index());
                    let known = place.filter(|row| row[agreement.index()] > 0.0);
                    let name = || format!("{name}.{}.{}", field.code(), agreement.code());
                    let Some(row) = known else {
                        return Err(ModelFault::Value(name(), "left out: it is never met"));
                    };
                    if !is_rate(*rate) {
                        return Err(ModelFault::Value(name(), "above 0, at most 1"));
                    }
                    row[agreement.index()] = *rate;
                }
            }
        }
        Ok(model)
    }
}
