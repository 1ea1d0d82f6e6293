//! Pairs that must be found, and pairs that must not.

use throughline::domain::matching::Attributes;

use super::population::Town;

type Change = fn(&mut Attributes, &mut Town);

#[test]
fn one_person_is_found_in_spite_of_a_fault_in_any_one_field() {
    let changes: [(&str, Change); 14] = [
        ("a typo in the given name", |it, _| it.given_name.insert(2, 'x')),
        ("a typo in the family name", |it, _| it.family_name.insert(3, 'x')),
        ("names exchanged", |it, _| std::mem::swap(&mut it.given_name, &mut it.family_name)),
        ("capitals", |it, _| it.family_name = it.family_name.to_uppercase()),
        ("an initial", |it, _| it.given_name.truncate(1)),
        ("another family name", |it, _| it.family_name = "Zonneveld".to_owned()),
        ("a double family name", |it, _| it.family_name += "-Zonneveld"),
        ("a wrong digit in the date", |it, _| it.birth_date.replace_range(3..4, "7")),
        ("no birth date", |it, _| it.birth_date.clear()),
        ("another house", |it, town| {
            let other = town.stranger();
            it.address_lines = other.address_lines;
            it.house_number = other.house_number;
            it.postcode = other.postcode;
        }),
        ("another number", |it, town| it.phones = vec![town.phone()]),
        ("a number of the country", |it, _| it.phones[0] = it.phones[0].replace("+31", "0")),
        ("another mailbox", |it, _| it.emails = vec!["zonnebloem77@example.org".to_owned()]),
        ("one text for the name", |it, _| {
            it.name = format!("{}, {}", it.family_name, it.given_name);
        }),
    ];
    let mut town = Town::new(1, 1_500);
    let mut pairs = Vec::new();
    for (what, change) in changes {
        let one = town.stranger();
        let mut other = one.clone();
        change(&mut other, &mut town);
        pairs.push((what, town.add(one, other)));
    }
    let found = town.found();
    for (what, pair) in &pairs {
        assert!(found.contains(pair), "{what}: {:?}", town.people[pair.1]);
    }
    let unexpected = found.iter().filter(|pair| !pairs.iter().any(|(_, it)| it == *pair));
    assert_eq!(unexpected.count(), 0);
}

#[test]
fn writings_of_one_name_are_found() {
    let mut town = Town::new(2, 1_500);
    let mut pairs = Vec::new();
    for (one, other) in [
        (("Åse", "Bjørnæs"), ("Ase", "Bjornaes")),
        (("Søren", "Møller"), ("Soeren", "Moeller")),
        (("Elisabeth", "van der Berg"), ("Liesbeth", "Berg")),
        (("Robert", "Vandenberg"), ("Bob", "van den Berg")),
        (("Anne Marie", "O'Brien"), ("Annemarie", "OBrien")),
    ] {
        let mut person = town.stranger();
        (person.given_name, person.family_name) = (one.0.to_owned(), one.1.to_owned());
        person.phones.clear();
        person.emails.clear();
        let mut again = person.clone();
        (again.given_name, again.family_name) = (other.0.to_owned(), other.1.to_owned());
        pairs.push((other, town.add(person, again)));
    }
    let found = town.found();
    for (name, pair) in pairs {
        assert!(found.contains(&pair), "{name:?}");
    }
}

#[test]
fn people_of_one_household_are_not_merged() {
    let mut town = Town::new(3, 1_500);
    for _ in 0..40 {
        let mut parent = town.stranger();
        parent.birth_date.replace_range(..4, "1951");
        let relative = |town: &mut Town, given_name: &str| {
            let mut birth_date = town.birth_date();
            birth_date.replace_range(..4, "1978");
            Attributes { given_name: given_name.to_owned(), birth_date, ..parent.clone() }
        };
        // The same name, and all that a house shares.
        let namesake = relative(&mut town, &parent.given_name);
        let partner = relative(&mut town, "Theodora");
        let twin = relative(&mut town, "Valentijn");
        let other_twin = Attributes { given_name: "Machteld".to_owned(), ..twin.clone() };
        town.people.extend([parent, namesake, partner, twin, other_twin]);
    }
    assert_eq!(town.found(), []);
}

#[test]
fn a_mailbox_of_500_people_merges_nobody() {
    let mut town = Town::new(4, 2_000);
    let phone = town.phone();
    for person in town.people.iter_mut().take(500) {
        person.emails = vec!["inkoop@example.com".to_owned()];
        person.phones = vec![phone.clone()];
        // Nothing else is known of some.
        person.birth_date.clear();
    }
    assert_eq!(town.found(), []);
}

#[test]
fn colleagues_are_not_merged() {
    let mut town = Town::new(5, 1_500);
    for company in 0..20 {
        let office = town.stranger();
        for _ in 0..15 {
            let person = town.stranger();
            town.people.push(Attributes {
                given_name: person.given_name,
                family_name: person.family_name,
                birth_date: String::new(),
                organisation: format!("Company {company} B.V."),
                emails: vec![format!("info@company{company}.example")],
                ..office.clone()
            });
        }
    }
    let found = town.found();
    // Of 2,100 pairs of colleagues some have one name, and cannot be distinguished.
    let names = |place: usize| {
        let person = &town.people[place];
        (person.given_name.clone(), person.family_name.clone())
    };
    let apart = found.iter().filter(|(one, other)| names(*one) != names(*other));
    assert_eq!(apart.count(), 0);
}

#[test]
fn a_name_and_a_town_are_not_enough() {
    let mut town = Town::new(6, 4_000);
    for person in &mut town.people {
        *person = Attributes {
            given_name: person.given_name.clone(),
            family_name: person.family_name.clone(),
            locality: person.locality.clone(),
            ..Attributes::default()
        };
    }
    assert_eq!(town.found(), []);
}
