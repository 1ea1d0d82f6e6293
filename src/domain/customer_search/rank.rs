//! Ranks matches. The distance of a match is the sum over its parts: a word that matches by its
//! beginning weighs more than several unmatched words of the customer, and a misspelt word weighs
//! more than one that matches by its beginning.

use super::{
    index::{name_words, phone_digits},
    spelling::misspelling,
};
use crate::{
    domain::name,
    model::{Match, MatchQuality, MatchedBy, Profile},
};

/// What each part of a match adds to its distance.
const BEGUN: u32 = 4;
const ONE_SLIP: u32 = 8;
const TWO_SLIPS: u32 = 12;
const OF_ADDRESS: u32 = 1;
const MOST_UNASKED: u32 = 3;
const NATIONAL_NUMBER: u32 = 2;
const PHONE_END: u32 = 10;
const EMAIL_BEGINNING: u32 = 10;
const EMAIL_PART: u32 = 12;
const EMAIL_DOMAIN: u32 = 14;

/// A number of this many digits is complete except for its country code, not just the end of a
/// number.
const NATIONAL_DIGITS: usize = 9;

/// How a profile matches words: each is a different word of the name or, with `places`, a word of
/// the locality or the street. None if a word has no match.
pub fn explain(words: &[String], profile: &Profile, places: bool) -> Option<Match> {
    let names = name_words(profile);
    let of_places = if places { place_words(profile) } else { Vec::new() };
    // The best match of each subset of the words with the names seen so far: few words have few
    // subsets.
    let mut best: Vec<Option<Cost>> = vec![None; 1 << words.len()];
    best[0] = Some(Cost::NOTHING);
    for name in &names {
        let costs: Vec<Option<Cost>> =
            words.iter().map(|word| word_cost(word, name, true)).collect();
        if costs.iter().all(Option::is_none) {
            continue;
        }
        for subset in (0..best.len()).rev() {
            let Some(so_far) = best[subset] else { continue };
            for (at, cost) in costs.iter().enumerate() {
                let with = subset | 1 << at;
                if let (true, Some(cost)) = (with != subset, cost) {
                    let sum = so_far.and(*cost);
                    best[with] = Some(best[with].map_or(sum, |other| other.min(sum)));
                }
            }
        }
    }
    let of_place: Vec<Option<Cost>> = words
        .iter()
        .map(|word| of_places.iter().filter_map(|it| place_cost(word, it)).min())
        .collect();
    let all = best.iter().enumerate().filter_map(|(subset, cost)| {
        let mut sum = (*cost)?;
        for (at, place) in of_place.iter().enumerate() {
            if subset & 1 << at == 0 {
                sum = sum.and((*place)?);
            }
        }
        let named = subset.count_ones();
        let unasked = u32::try_from(names.len()).unwrap_or(u32::MAX).saturating_sub(named);
        Some((Cost { distance: sum.distance + unasked.min(MOST_UNASKED), ..sum }, named))
    });
    let (cost, named) = all.min()?;
    let mut found = Match { distance: cost.distance, quality: cost.quality, by: [].into() };
    if named > 0 {
        found.by.insert(MatchedBy::Name);
    }
    if (named as usize) < words.len() {
        found.by.insert(MatchedBy::Address);
    }
    Some(found)
}

/// The cost of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    distance: u32,
    quality: MatchQuality,
}

impl Cost {
    const NOTHING: Self = Self { distance: 0, quality: MatchQuality::Exact };

    fn and(self, other: Self) -> Self {
        Self { distance: self.distance + other.distance, quality: self.quality.max(other.quality) }
    }
}

fn word_cost(typed: &str, word: &str, spelling: bool) -> Option<Cost> {
    let (distance, quality) = if typed == word {
        (0, MatchQuality::Exact)
    } else if word.starts_with(typed) {
        (BEGUN, MatchQuality::Partial)
    } else {
        match misspelling(typed, word).filter(|_| spelling)? {
            1 => (ONE_SLIP, MatchQuality::Misspelt),
            _ => (TWO_SLIPS, MatchQuality::Misspelt),
        }
    };
    Some(Cost { distance, quality })
}

fn place_cost(typed: &str, word: &str) -> Option<Cost> {
    let cost = word_cost(typed, word, false)?;
    Some(Cost { distance: cost.distance + OF_ADDRESS, ..cost })
}

fn place_words(profile: &Profile) -> Vec<String> {
    let address = &profile.address;
    let texts = [&address.locality, &address.region].into_iter().chain(&address.lines);
    texts.flat_map(|text| name::fold_name(text)).collect()
}

/// How an e-mail address, given by its key, matches a part of one.
pub fn email_match(part: &str, key: &str) -> Match {
    let address = key.strip_prefix("email:/").unwrap_or(key);
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let distance = if address.starts_with(part) {
        EMAIL_BEGINNING
    } else if domain.contains(part.trim_start_matches('@')) {
        EMAIL_DOMAIN
    } else {
        EMAIL_PART
    };
    let (quality, distance) = match address == part {
        true => (MatchQuality::Exact, 0),
        false => (MatchQuality::Partial, distance),
    };
    Match::new(MatchedBy::Email, quality, distance)
}

/// How a phone number, given by its key, matches last digits.
pub fn phone_match(digits: &str, key: &str) -> Match {
    let all = phone_digits(key.strip_prefix("phone:/").unwrap_or(key));
    let (quality, distance) = if all == digits {
        (MatchQuality::Exact, 0)
    } else if digits.len() >= NATIONAL_DIGITS {
        (MatchQuality::Partial, NATIONAL_NUMBER)
    } else {
        (MatchQuality::Partial, PHONE_END)
    };
    Match::new(MatchedBy::Phone, quality, distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(typed: &str, given: &str, family: &str) -> Option<u32> {
        let profile = Profile {
            given_name: given.to_owned(),
            family_name: family.to_owned(),
            ..Profile::default()
        };
        explain(&name::fold_name(typed), &profile, false).map(|found| found.distance)
    }

    #[test]
    fn the_whole_name_is_nearest() {
        let cases = [
            ("jan jansen", Some(0)),
            ("jansen jan", Some(0)),
            ("jan", Some(1)),
            ("jansen j", Some(4)),
            ("jansne", Some(9)),
            ("jna jansne", Some(16)),
            ("jan jan", Some(1)),
            ("jan janse jansen", None),
            ("piet jansen", None),
        ];
        for (typed, wanted) in cases {
            assert_eq!(distance(typed, "Jan", "Jansen"), wanted, "{typed}");
        }
        // "jan" is the whole word although "ja" could be its beginning too.
        assert_eq!(distance("ja jan", "Jan", "Janneke"), Some(4));
        assert_eq!(distance("jan", "Jan Piet Klaas Henk", "de Vries"), Some(3));
    }

    #[test]
    fn a_word_may_be_of_the_address() {
        let mut profile = Profile { family_name: "Jansen".to_owned(), ..Profile::default() };
        profile.address.locality = "Den Haag".to_owned();
        let words = |text| name::fold_name(text);
        let found = explain(&words("jansen den ha"), &profile, true).unwrap();
        assert_eq!((found.distance, found.quality), (6, MatchQuality::Partial));
        assert_eq!(found.by, [MatchedBy::Name, MatchedBy::Address].into());
        assert_eq!(explain(&words("jansen haag"), &profile, false), None);
    }
}
