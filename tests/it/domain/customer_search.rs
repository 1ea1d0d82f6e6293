//! Every typing error is found: the query and the intended word have a common key.

use proptest::prelude::*;
use throughline::{
    domain::customer_search::{MAX_NAME_WORDS, index_keys, misspelling, query_keys, read_text},
    model::{Clue, Reading},
};

fn has_common_key(typed: &str, word: &str) -> bool {
    !query_keys(typed).is_disjoint(&index_keys(word))
}

/// A word with a typing error: an extra, missing or wrong letter, or two swapped.
fn slip(word: &str, at: usize, letter: char, what: u8) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = at % letters.len();
    match what % 4 {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, letter),
        2 => letters[at] = letter,
        _ if at > 0 => letters.swap(at - 1, at),
        _ => letters.push(letter),
    }
    String::from_iter(letters)
}

proptest! {
    #[test]
    fn one_slip_is_found(
        word in "[a-z]{3,20}",
        at in 0_usize..20,
        letter in proptest::char::range('a', 'z'),
        what in 0_u8..4,
    ) {
        let typed = slip(&word, at, letter, what);
        prop_assume!(typed != word && typed.len() >= 3);
        prop_assert_eq!(misspelling(&typed, &word), Some(1));
        prop_assert!(has_common_key(&typed, &word), "{} {}", typed, word);
    }

    #[test]
    fn a_slip_in_each_end_of_a_long_word_is_found(
        word in "[a-z]{14,20}",
        at in 1_usize..6,
        letter in proptest::char::range('a', 'z'),
        what in (0_u8..4, 0_u8..4),
    ) {
        let typed = slip(&word, at, letter, what.0);
        let typed = slip(&typed, typed.len() - at, letter, what.1);
        prop_assume!(typed.len().abs_diff(word.len()) <= 2 && typed != word);
        prop_assert!(misspelling(&typed, &word).is_some());
        prop_assert!(has_common_key(&typed, &word), "{} {}", typed, word);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}", region in proptest::bool::ANY) {
        let readings = read_text(&text, region.then_some("NL")).unwrap_or_default();
        prop_assert!(readings.len() <= 32);
        prop_assert!(readings.iter().all(|it| it.words.len() <= MAX_NAME_WORDS));
    }

    #[test]
    fn digits_are_read_whatever_stands_between_them(
        digits in "[1-9][0-9]{5,9}",
        signs in proptest::collection::vec("[ ./()-]{0,2}", 10),
    ) {
        let pieces = digits.chars().zip(&signs).map(|(digit, sign)| format!("{digit}{sign}"));
        let text: String = pieces.collect();
        prop_assume!(text.split_whitespace().count() <= 12);
        let wanted = Reading { clue: Clue::PhoneEnd(digits), words: Vec::new() };
        prop_assert!(read_text(&text, None).unwrap().contains(&wanted), "{}", text);
    }
}

/// Eight pieces of four readings each are the most readings that are followed.
#[test]
fn digits_that_are_all_spelt_apart_are_a_phone_number() {
    let digits = Clue::PhoneEnd("10000000".to_owned());
    let wanted = Reading { clue: digits, words: Vec::new() };
    assert!(read_text("1 0 0 0 0 0 0 0", None).unwrap().contains(&wanted));
}
