//! Finds misspelt words: a letter added, missing or wrong, or two letters swapped.
//!
//! Two words that differ by one such error become equal when at most one letter is removed from
//! each. So each word of the dictionary is indexed under every text that results from removing a
//! letter, and a query is looked up under the same texts (the symmetric delete of W. Garbe's
//! SymSpell). A long word is indexed by its two ends, so that one error in each end is found, and
//! every word by its consonants too, since vowels are often written differently for the same sound.

use std::collections::BTreeSet;

/// Words of this many letters may contain two errors.
const LONG: usize = 9;
/// How many letters each end of a long word has.
const END: usize = 7;
/// A shorter word is similar to everything.
const SHORTEST: usize = 3;
/// Words with fewer letters may not differ in two vowels.
const SHORTEST_HEARD: usize = 4;

/// The texts that a word of the dictionary is indexed under; empty for a word with other characters
/// than letters.
pub fn index_keys(word: &str) -> BTreeSet<String> {
    if !is_spelt(word) {
        return BTreeSet::new();
    }
    let mut keys = if word.len() < LONG { shortened(word, "") } else { ends(word) };
    keys.extend(heard_key(word));
    keys
}

/// The texts under which a word is looked up.
pub fn query_keys(word: &str) -> BTreeSet<String> {
    if !is_spelt(word) {
        return BTreeSet::new();
    }
    let mut keys = BTreeSet::new();
    if word.len() <= LONG {
        keys.append(&mut shortened(word, ""));
    }
    if word.len() + 2 >= LONG {
        keys.append(&mut ends(word));
    }
    keys.extend(heard_key(word));
    keys
}

/// How many errors, 1 or 2, separate a word from what was typed; None if it is equal or too
/// different.
pub fn misspelling(typed: &str, word: &str) -> Option<usize> {
    if typed == word || typed.len().abs_diff(word.len()) > 2 || !is_spelt(typed) || !is_spelt(word)
    {
        return None;
    }
    let slips = strsim::osa_distance(typed, word);
    let shorter = typed.len().min(word.len());
    let two = typed.len().max(word.len()) >= LONG
        || (shorter >= SHORTEST_HEARD && heard(typed) == heard(word));
    (slips == 1 || slips == 2 && two).then_some(slips)
}

/// The words of the dictionary that are similar to what was typed, the most similar first, at most
/// `count`.
pub fn nearest(typed: &str, mut words: Vec<String>, count: usize) -> Vec<String> {
    words.retain(|word| misspelling(typed, word).is_some());
    // People seldom mistype the first letter.
    words.sort_by_cached_key(|word| {
        let other_first = word.as_bytes().first() != typed.as_bytes().first();
        (misspelling(typed, word), other_first, word.len().abs_diff(typed.len()), word.clone())
    });
    words.dedup();
    words.truncate(count);
    words
}

/// Whether a folded word consists of enough letters and nothing else.
fn is_spelt(word: &str) -> bool {
    word.len() >= SHORTEST && word.bytes().all(|b| b.is_ascii_lowercase())
}

/// A word, and the word without each of its letters in turn.
fn shortened(word: &str, mark: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::from([format!("{mark}{word}")]);
    keys.extend((0..word.len()).map(|at| format!("{mark}{}{}", &word[..at], &word[at + 1..])));
    keys
}

fn ends(word: &str) -> BTreeSet<String> {
    let mut keys = shortened(&word[..END.min(word.len())], "<");
    keys.append(&mut shortened(&word[word.len().saturating_sub(END)..], ">"));
    keys
}

fn heard_key(word: &str) -> Option<String> {
    let heard = heard(word);
    (heard.len() > 1 && word.len() >= SHORTEST_HEARD).then(|| format!("~{heard}"))
}

/// The consonants of a word, doubled ones once; "ij" and "y" count as one vowel.
fn heard(word: &str) -> String {
    let mut heard = String::new();
    let mut last = ' ';
    for letter in word.replace("ij", "y").chars() {
        if letter != last && !matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y') {
            heard.push(letter);
        }
        last = letter;
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        let cases = [
            ("jansen", "jansen", None),
            ("jansne", "jansen", Some(1)),
            ("jnsen", "jansen", Some(1)),
            ("janssen", "jansen", Some(1)),
            ("jamsen", "jansen", Some(1)),
            ("jna", "jan", Some(1)),
            ("jan", "jo", None),
            ("ja", "jan", None),
            ("jemsen", "jansen", None),
            // Two wrong vowels.
            ("mayer", "meier", Some(2)),
            ("dyk", "dijk", None),
            ("vandyk", "vandijk", Some(2)),
            ("hofman", "hoffmann", Some(2)),
            // Two errors in a long word.
            ("schoenmkaerr", "schoenmaker", Some(2)),
            ("shoonmaker", "schoenmaker", Some(2)),
            ("shoonmakr", "schoenmaker", None),
            ("w4923227", "w4923228", None),
        ];
        for (typed, word, slips) in cases {
            assert_eq!(misspelling(typed, word), slips, "{typed} {word}");
            assert_eq!(misspelling(word, typed), slips, "{word} {typed}");
        }
    }

    #[test]
    fn the_nearest_comes_first() {
        let words = ["ina", "jan", "anna", "jona", "jna", "jan"].map(str::to_owned).to_vec();
        assert_eq!(nearest("jna", words.clone(), 9), ["jan", "jona", "ina"]);
        assert_eq!(nearest("jna", words, 1), ["jan"]);
    }

    #[test]
    fn what_is_no_word_has_no_keys() {
        for word in ["", "jo", "12", "4you", "w4923227"] {
            assert!(index_keys(word).is_empty() && query_keys(word).is_empty(), "{word}");
        }
    }
}
