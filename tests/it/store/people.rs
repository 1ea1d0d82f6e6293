//! Invented people for the tests of suggestions.

use throughline::{
    clock::Clock,
    model::{Address, Identifier, IdentifierKind, NewMerge, Origin, Profile, RequestContext},
    store::{Store, Suggestion, Suggestions},
};
use uuid::Uuid;

use crate::random::Random;

pub fn identifier(kind: IdentifierKind, value: &str) -> Identifier {
    Identifier {
        kind,
        namespace: String::new(),
        value: value.to_owned(),
        raw: value.to_owned(),
        mixed_script: false,
        verified: false,
    }
}

pub fn verified(kind: IdentifierKind, value: &str) -> Identifier {
    Identifier { verified: true, ..identifier(kind, value) }
}

/// A person with nearly complete data.
pub fn profile(given: &str, family: &str, birth_date: &str) -> Profile {
    Profile {
        given_name: given.to_owned(),
        family_name: family.to_owned(),
        birth_date: birth_date.to_owned(),
        address: Address {
            lines: vec!["Kastanjelaan 12".to_owned()],
            house_number: "12".to_owned(),
            postcode: "3512 AB".to_owned(),
            locality: "Utrecht".to_owned(),
            ..Address::default()
        },
        ..Profile::default()
    }
}

/// Creates a customer with a profile and identifiers.
pub async fn add(store: &Store, profile: Profile, identifiers: Vec<Identifier>) -> Uuid {
    let found = store.identify(identifiers, profile, Origin::default()).await.unwrap();
    assert!(found.created, "a customer of that name is there already");
    found.customer.unwrap().id
}

/// A request of its own.
pub fn context() -> RequestContext {
    RequestContext {
        request_id: Clock::System.new_id(),
        body: [7; 16],
        actor: "anna".to_owned(),
        reason: "looked at it".to_owned(),
        time_violations: Vec::new(),
    }
}

pub fn merging(into_id: Uuid, from_id: Uuid) -> NewMerge {
    NewMerge {
        into_id,
        from_id,
        evidence: vec!["spoke to her".to_owned()],
        choices: Vec::new(),
        into_etag: None,
        from_etag: None,
    }
}

/// All suggestions that are listed.
pub async fn suggestions(store: &Store) -> Vec<Suggestion> {
    let Suggestions { suggestions, next } =
        store.list_suggestions(None, 0.0, None, 200).await.unwrap();
    assert_eq!(next, None, "more than a page");
    suggestions
}

/// The pairs of all suggestions that are listed.
pub async fn pairs(store: &Store) -> Vec<(Uuid, Uuid)> {
    suggestions(store).await.into_iter().map(|it| (it.one_id, it.other_id)).collect()
}

/// The two ids in the order of a suggestion.
pub fn pair(one: Uuid, other: Uuid) -> (Uuid, Uuid) {
    (one.min(other), one.max(other))
}

const GIVEN: [&str; 12] = [
    "Anna", "Bram", "Clara", "Daan", "Emma", "Finn", "Greta", "Hugo", "Iris", "Joris", "Klaas",
    "Lotte",
];
const FAMILY: [&str; 12] = [
    "Bakker", "Visser", "Smit", "Meijer", "Mulder", "de Groot", "Bos", "Vos", "Peters", "Hendriks",
    "Dekker", "Brouwer",
];

/// People of whom some have two slightly different records.
pub fn population(random: &mut Random, people: usize) -> Vec<(Profile, Vec<Identifier>)> {
    let mut all = Vec::new();
    for number in 0..people {
        let (given, family) = (random.pick(&GIVEN), random.pick(&FAMILY));
        let birth_date = format!(
            "{}-{:02}-{:02}",
            1940 + random.below(60),
            1 + random.below(12),
            1 + random.below(28)
        );
        let mut profile = profile(given, family, &birth_date);
        let house = 1 + random.below(90);
        profile.address.lines = vec![format!("{}straat {house}", random.pick(&FAMILY))];
        profile.address.house_number = house.to_string();
        profile.address.postcode = format!("{} AB", 1000 + random.below(400));
        let phone = format!("+3161{:07}", random.below(9_000_000));
        let email = format!("{given}.{number}@example.org").to_lowercase();
        let first = vec![
            identifier(IdentifierKind::Account, &format!("a{number}")),
            identifier(IdentifierKind::Email, &email),
        ];
        all.push((profile.clone(), first));
        if random.below(3) == 0 {
            let mut other = profile.clone();
            match random.below(3) {
                0 => other.given_name.truncate(3),
                1 => other.address = Address::default(),
                _ => other.birth_date = String::new(),
            }
            all.push((other, vec![identifier(IdentifierKind::Phone, &phone)]));
        }
        if random.below(8) == 0 {
            // Somebody of the same household.
            let mut other = profile.clone();
            other.given_name = random.pick(&GIVEN).to_owned();
            other.birth_date = format!("{}-05-17", 1940 + random.below(60));
            all.push((other, vec![identifier(IdentifierKind::Account, &format!("h{number}"))]));
        }
    }
    random.shuffle(&mut all);
    all
}
