//! Properties of the model that hold for any data.

use throughline::{
    domain::matching::{
        Agreement, Attributes, Field, Frequencies, MAX_BLOCK, Model, Person, SUGGESTION_THRESHOLD,
        block_keys, find_pairs,
    },
    model::IdentifierKind,
};

use super::population::Town;

fn people(town: &Town) -> Vec<Person> {
    town.people.iter().map(Person::new).collect()
}

#[test]
fn a_score_is_the_sum_of_its_reasons_and_the_same_from_both_sides() {
    let mut town = Town::new(11, 300);
    for at in 0..60 {
        let mut again = town.people[at].clone();
        again.family_name.insert(2, 'e');
        again.house_number += "B";
        town.people.push(again);
    }
    let people = people(&town);
    let frequencies = Frequencies::of(&people);
    let model = Model::learn(&people, &frequencies);
    let nothing = Person::new(&Attributes::default());
    let start = model.score(&nothing, &nothing, &frequencies).weight_bits;
    for (one, other) in (0..60).flat_map(|at| [(at, 300 + at), (at, at + 1)]) {
        let score = model.score(&people[one], &people[other], &frequencies);
        let back = model.score(&people[other], &people[one], &frequencies);
        assert!((score.weight_bits - back.weight_bits).abs() < 1e-9, "{score:?} {back:?}");
        let sum: f64 = score.reasons.iter().map(|reason| reason.weight_bits).sum();
        assert!((start + sum - score.weight_bits).abs() < 0.1, "{start} {score:?}");
        assert!((0.0..=1.0).contains(&score.probability));
    }
}

#[test]
fn the_counts_of_a_pair_are_enough_to_score_it() {
    let town = Town::new(12, 500);
    let people = people(&town);
    let all = Frequencies::of(&people);
    let (one, other) = (&people[3], &people[4]);
    let counts = [one, other].into_iter().flat_map(Frequencies::terms).map(|term| {
        let having = people.iter().filter(|person| Frequencies::terms(person).contains(&term));
        (term, u32::try_from(having.count()).unwrap())
    });
    let few = Frequencies::new(500, counts);
    let model = Model::default();
    assert_eq!(model.score(one, other, &all), model.score(one, other, &few));

    let mut changed = all.clone();
    changed.add(one);
    changed.remove(one);
    assert_eq!(model.score(one, other, &all), model.score(one, other, &changed));
}

#[test]
fn odd_data_teaches_nothing_odd() {
    let same = Attributes {
        name: "Anna Bos".to_owned(),
        emails: vec!["a.bos@example.com".to_owned()],
        ..Attributes::default()
    };
    let town = Town::new(13, 200);
    let odd: [Vec<Attributes>; 6] = [
        vec![],
        vec![same.clone()],
        vec![Attributes::default(); 300],
        vec![same.clone(); 300],
        vec![Attributes { birth_date: "1900-01-01".to_owned(), ..Attributes::default() }; 300],
        [town.people, vec![same; 100]].concat(),
    ];
    for attributes in odd {
        let people: Vec<Person> = attributes.iter().map(Person::new).collect();
        let frequencies = Frequencies::of(&people);
        let model = Model::learn(&people, &frequencies);
        // A model outside of its bounds would be refused.
        let json = serde_json::to_string(&model).unwrap();
        serde_json::from_str::<Model>(&json).unwrap();
        let found = find_pairs(&people, &model, &frequencies, 0.0, |_| {});
        assert!(found.pairs.iter().all(|pair| pair.probability.is_finite()));
    }
}

#[test]
fn a_model_from_a_file_is_checked() {
    let good = serde_json::to_string(&Model::default()).unwrap();
    assert_eq!(serde_json::from_str::<Model>(&good).unwrap(), Model::default());
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        serde_json::from_str::<Model>(&good.replacen(from, to, 1)).unwrap_err().to_string()
    };
    let version = refused("\"version\":1", "\"version\":2");
    assert!(version.contains("version 2"), "{version}");
    let rate = refused("\"exact\":0.78", "\"exact\":1.5");
    assert!(rate.contains("same.given_name.exact"), "{rate}");
}

#[test]
fn an_equal_card_is_found_by_and_weighs_much() {
    let of = |kind, value: &str| Attributes {
        identifiers: vec![(kind, "shop".to_owned(), value.to_owned())],
        ..Attributes::default()
    };
    let card = IdentifierKind::LoyaltyCard;
    let (one, other) = (Person::new(&of(card, "123")), Person::new(&of(card, "123")));
    assert!(block_keys(&one).iter().any(|key| block_keys(&other).contains(key)));
    let frequencies = Frequencies::new(100_000, []);
    let reason = |one: &Person, other: &Person, field: Field| {
        let score = Model::default().score(one, other, &frequencies);
        let found = score.reasons.iter().find(|reason| reason.field == field).copied();
        found.expect("a reason")
    };
    let equal = reason(&one, &other, Field::LoyaltyCard);
    assert!(equal.agreement == Agreement::Exact && equal.weight_bits > 15.0, "{equal:?}");
    let account = IdentifierKind::Account;
    let (one, other) = (Person::new(&of(account, "a")), Person::new(&of(account, "b")));
    let differs = reason(&one, &other, Field::Account);
    assert!((-3.0..0.0).contains(&differs.weight_bits), "{differs:?}");
}

#[test]
fn what_too_many_share_is_no_reason_to_compare() {
    let compared = |size: usize| {
        let person = Town::new(14, 1).people.remove(0);
        let people = vec![Person::new(&person); size];
        let frequencies = Frequencies::of(&people);
        let model = Model::default();
        find_pairs(&people, &model, &frequencies, SUGGESTION_THRESHOLD, |_| {}).compared
    };
    assert_eq!(compared(MAX_BLOCK), (MAX_BLOCK * (MAX_BLOCK - 1) / 2) as u64);
    assert_eq!(compared(MAX_BLOCK + 1), 0);
    let keys = block_keys(&people(&Town::new(14, 1))[0]).len();
    assert!(keys <= 26, "{keys}");
}
