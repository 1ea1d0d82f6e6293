//! People who are the same in each run, with realistically skewed names: the n-th name of a list
//! has one n-th as many people as the first (Zipf's law), and one in five families has a rare name.

use std::{collections::BTreeMap, fs, path::Path};

use throughline::pb::{self, IdentifierKind};

use crate::load::scatter;

/// The lists of names, if present: a line has a locale, `first` or `last`, and a name.
const NAMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/names/faker_names.csv");
/// The percentage of people of each locale.
const LOCALES: [(&str, u64); 7] = [
    ("nl_NL", 50),
    ("de_DE", 15),
    ("no_NO", 10),
    ("da_DK", 8),
    ("sv_SE", 7),
    ("fr_FR", 5),
    ("es_ES", 5),
];
/// The first names of each locale, whether the lists are present or not.
const GIVEN: [&str; 6] = ["Jan", "Anna", "Johannes", "Maria", "Pieter", "Åse"];
const FAMILY: [&str; 6] = ["Jansen", "de Vries", "van der Berg", "Bakker", "van Dijk", "Bjørnæs"];
const RARE_FAMILIES: u64 = 150_000;
const SYLLABLES: [&str; 40] = [
    "ba", "be", "bo", "da", "de", "do", "fa", "ga", "ha", "ka", "ke", "ko", "la", "le", "lo", "ma",
    "me", "mo", "na", "ne", "no", "pa", "pe", "ra", "re", "ro", "sa", "sta", "sten", "stra", "tel",
    "ten", "ver", "vel", "zand", "berg", "dijk", "man", "sen", "kamp",
];
const LOCALITIES: [&str; 12] = [
    "Amsterdam",
    "Utrecht",
    "Den Haag",
    "Rotterdam",
    "Eindhoven",
    "Groningen",
    "Oslo",
    "Bergen",
    "København",
    "Berlin",
    "Stockholm",
    "Capelle aan den IJssel",
];
const DOMAINS: [&str; 4] = ["gmail.com", "hotmail.com", "outlook.com", "ziggo.nl"];

/// A population.
pub struct People {
    /// The given and family names of each locale.
    names: Vec<(Vec<String>, Vec<String>)>,
}

/// A person.
pub struct Person {
    pub given_name: String,
    pub family_name: String,
    pub locality: &'static str,
    pub postcode: String,
    pub house_number: u64,
    pub email: String,
    /// The national number without its zero.
    pub phone: u64,
    pub order_number: Option<String>,
}

impl People {
    pub fn read() -> Self {
        let text = fs::read_to_string(Path::new(NAMES)).unwrap_or_else(|_| {
            eprintln!("the lists of names are not here: names are made of syllables");
            String::new()
        });
        let mut lists: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for line in text.lines() {
            let mut fields = line.splitn(3, ',');
            if let (Some(locale), Some(kind), Some(name)) =
                (fields.next(), fields.next(), fields.next())
            {
                lists.entry((locale, kind)).or_default().push(name.trim_matches('"').to_owned());
            }
        }
        let names = LOCALES.map(|(locale, _)| {
            let list = |kind, first: [&str; 6]| {
                let mut list = first.map(str::to_owned).to_vec();
                let more = lists.get(&(locale, kind)).cloned().unwrap_or_else(|| {
                    (0..500).map(|n| rare(n + locale.len() as u64 * 7919)).collect()
                });
                let mut more: Vec<_> = more.into_iter().enumerate().collect();
                more.sort_by_key(|(at, _)| scatter(*at as u64));
                list.extend(more.into_iter().map(|(_, name)| name));
                list
            };
            (list("first", GIVEN), list("last", FAMILY))
        });
        Self { names: names.into() }
    }

    /// The n-th person, from 0.
    pub fn person(&self, n: u64) -> Person {
        let dice = |what: u64| scatter(n.wrapping_mul(64).wrapping_add(what));
        let mut of_hundred = dice(0) % 100;
        let mut locale = 0;
        while of_hundred >= LOCALES[locale].1 {
            of_hundred -= LOCALES[locale].1;
            locale += 1;
        }
        let (given, family) = &self.names[locale];
        let mut given_name = pick(given, dice(1)).clone();
        if dice(2) % 100 < 15 {
            given_name = format!("{given_name} {}", pick(given, dice(3)));
        }
        let family_name = match dice(4) % 100 < 20 {
            true => rare(dice(5) % RARE_FAMILIES),
            false => pick(family, dice(6)).clone(),
        };
        let ascii = |name: &str| -> String {
            name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
        };
        let local = format!("x{}.{}{}", ascii(&given_name), ascii(&family_name), n % 1000);
        let domain = match dice(7) % 100 < 70 {
            true => (*pick::<&str>(&DOMAINS, dice(8))).to_owned(),
            false => format!("{}.example", rare(dice(9) % 20_000).to_lowercase()),
        };
        let letter = |what| char::from(b'A' + u8::try_from(dice(what) % 26).unwrap_or(0));
        Person {
            email: format!("{local}@{domain}"),
            given_name,
            family_name,
            locality: pick::<&str>(&LOCALITIES, dice(10)),
            postcode: format!("{} {}{}", 1000 + dice(11) % 9000, letter(12), letter(13)),
            house_number: 1 + dice(14) % 200,
            phone: 610_000_000 + n.wrapping_mul(48_271) % 80_000_000,
            order_number: n.is_multiple_of(4).then(|| format!("W{}", 10_000_000 + n)),
        }
    }
}

impl Person {
    pub fn profile(&self) -> pb::Profile {
        pb::Profile {
            given_name: self.given_name.clone(),
            family_name: self.family_name.clone(),
            address: Some(pb::PostalAddress {
                lines: vec![format!("Kerkstraat {}", self.house_number)],
                postcode: self.postcode.clone(),
                locality: self.locality.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    pub fn identifiers(&self) -> Vec<pb::Identifier> {
        let identifier = |kind: IdentifierKind, value| pb::Identifier {
            kind: kind.into(),
            value,
            ..Default::default()
        };
        vec![
            identifier(IdentifierKind::Email, self.email.clone()),
            identifier(IdentifierKind::Phone, format!("+31{}", self.phone)),
        ]
    }
}

/// The name whose rank Zipf's law assigns to a random number.
fn pick<T>(names: &[T], dice: u64) -> &T {
    let share = (dice >> 11) as f64 / (1_u64 << 53) as f64;
    let rank = ((names.len() as f64 + 1.0).ln() * share).exp() as usize;
    &names[rank.saturating_sub(1).min(names.len() - 1)]
}

/// A name of two to four syllables.
fn rare(n: u64) -> String {
    let mut dice = scatter(n ^ 0x5eed);
    let mut name = String::new();
    for _ in 0..2 + dice % 3 {
        dice = scatter(dice);
        name.push_str(SYLLABLES[(dice % 40) as usize]);
    }
    name[..1].to_uppercase() + &name[1..]
}
