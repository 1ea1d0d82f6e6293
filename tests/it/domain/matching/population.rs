//! The invented population of a town: the background of the cases.

use throughline::domain::matching::{
    Attributes, Frequencies, Model, Person, SUGGESTION_THRESHOLD, find_pairs,
};

use crate::random::Random;

const GIVEN: &str = "Anna|Bram|Carla|Daan|Emma|Finn|Greet|Hugo|Iris|Jan|Karin|Luuk|Maria|Niels|\
    Olga|Peter|Quinten|Roos|Sanne|Thomas|Ursula|Vera|Wouter|Xander|Yvonne|Zara|Robert|Elisabeth|\
    Johanna|Willem|Cornelis|Hendrik|Sophie|Lars|Ingrid|Astrid|Bjorn|Freek|Gijs|Marloes";

const STEMS: &str = "Ven|Bos|Ber|Dijk|Haar|Kool|Lind|Maas|Nij|Oost|Pol|Rood|Smid|Tuin|Veld|Wit|\
    Zand|Broek|Claes|Driess";

const ENDS: &str = "man|sen|stra|huis|kamp|ma|inga|hoven|dal|meijer|berg|ink|aard|horst|weg";

pub struct Town {
    random: Random,
    pub people: Vec<Attributes>,
}

impl Town {
    /// People who each live alone.
    pub fn new(seed: u64, size: usize) -> Self {
        let mut town = Self { random: Random::new(seed), people: Vec::new() };
        for _ in 0..size {
            let person = town.stranger();
            town.people.push(person);
        }
        town
    }

    pub fn stranger(&mut self) -> Attributes {
        let given_name = self.word(GIVEN);
        let family_name = self.word(STEMS) + &self.word(ENDS);
        let email = format!(
            "{}.{}{}@example.com",
            given_name.to_lowercase(),
            family_name.to_lowercase(),
            self.random.below(10_000)
        );
        Attributes {
            birth_date: self.birth_date(),
            house_number: (1 + self.random.below(150)).to_string(),
            address_lines: vec![self.word(STEMS) + &self.word(ENDS) + "straat"],
            postcode: format!("{} AB", 1000 + self.random.below(400)),
            locality: self.word("Utrecht|Utrecht|Zeist|Houten|Bunnik|Maarn"),
            phones: vec![self.phone()],
            emails: vec![email],
            given_name,
            family_name,
            ..Attributes::default()
        }
    }

    pub fn birth_date(&mut self) -> String {
        let (year, month) = (1940 + self.random.below(65), 1 + self.random.below(12));
        format!("{year}-{month:02}-{:02}", 13 + self.random.below(15))
    }

    pub fn phone(&mut self) -> String {
        format!("+316{}", 10_000_000 + self.random.below(89_999_999))
    }

    fn word(&mut self, words: &str) -> String {
        let words: Vec<&str> = words.split('|').collect();
        self.random.pick(&words).to_owned()
    }

    /// Adds two records, and returns their indexes.
    pub fn add(&mut self, one: Attributes, other: Attributes) -> (usize, usize) {
        self.people.extend([one, other]);
        (self.people.len() - 2, self.people.len() - 1)
    }

    /// The pairs found, the lower index first, with weights learnt from the town itself.
    pub fn found(&self) -> Vec<(usize, usize)> {
        let people: Vec<Person> = self.people.iter().map(Person::new).collect();
        let frequencies = Frequencies::of(&people);
        let model = Model::learn(&people, &frequencies);
        let found = find_pairs(&people, &model, &frequencies, SUGGESTION_THRESHOLD, |_| {});
        let places = |place: u32| usize::try_from(place).unwrap();
        found.pairs.iter().map(|pair| (places(pair.one), places(pair.other))).collect()
    }
}
