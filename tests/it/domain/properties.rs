//! Properties of every input.

use proptest::{collection::vec, prelude::*, sample::select};
use throughline::{
    domain::{
        address, fold,
        identifier::normalise,
        language::language_tag,
        money,
        name::fold_name,
        order::order_key,
        redact::{Redaction, redact},
        text,
        words::{index_words, query_words},
    },
    model::IdentifierKind,
};

use super::BUILT_IN;

/// Texts in which the rules have something to find: fragments of secrets, numbers and punctuation.
fn pieces() -> impl Strategy<Value = String> {
    const PIECES: [&str; 44] = [
        "4111111111111111",
        "4111",
        "1111",
        "378282246310005",
        "6759649826438453",
        "111222333",
        "010170",
        "1234",
        "17054026641",
        "12",
        "3",
        "cvv",
        "cvc2",
        "bsn",
        "cpr",
        "password",
        "wachtwoord",
        "passord",
        "ww",
        "is",
        "er",
        "not",
        "order",
        "card",
        "visa",
        ":",
        "=",
        ">",
        "\"",
        "'",
        "-",
        ".",
        " ",
        " ",
        " ",
        "\n",
        "\u{200b}",
        "\u{a0}",
        "４",
        "ø",
        "[card number removed]",
        "[password removed]",
        "removed]",
        "x9!",
    ];
    vec(select(&PIECES[..]), 0..24).prop_map(|pieces| pieces.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), pieces(), "[ -~]{0,60}", "\\PC{0,40}"]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\+?[0-9 ()./-]{3,22}",
        "\\+(31|45|47|49|1|52|54|39|64)[0-9]{4,13}(;ext=[0-9]{1,4})?",
        "0[0-9]{5,12}( x[0-9]{1,3})?",
        "[a-zA-ZÀ-ÿа-я0-9._+-]{1,20}@[a-zA-Zà-ÿа-я0-9-]{1,12}\\.(com|NL|рф)",
        "[ -~]{1,40}",
        "\\PC{1,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn normalising_twice_changes_nothing(
        kind in select(&IdentifierKind::ALL[..]),
        raw in value(),
        region in select(&["NL", "NO", "DK", "US", "DE", "MX", "AR", "IT", "BR"][..]),
    ) {
        let namespace = match kind {
            IdentifierKind::Phone | IdentifierKind::Email => "",
            _ => "shop",
        };
        if let Ok(first) = normalise(kind, namespace, &raw, Some(region), BUILT_IN) {
            let again = normalise(kind, namespace, &first.value, Some(region), BUILT_IN);
            prop_assert_eq!(again.as_ref().map(|i| &i.value), Ok(&first.value));
            prop_assert_eq!(again.map(|i| i.mixed_script), Ok(first.mixed_script));
            prop_assert!(!first.value.is_empty() && first.value.len() <= 256);
            prop_assert_eq!(first.raw, raw);
            prop_assert!(text::one_line(&first.value).is_ok());
            prop_assert!(!text::is_blank(&first.value));
        }
    }

    #[test]
    fn redacting_twice_changes_nothing(text in any_text()) {
        let (once, kinds) = redact(&text);
        prop_assert_eq!(kinds.is_empty(), once == text);
        // A card number within a password is removed with it.
        let replaced = kinds.iter().any(|kind| once.contains(kind.replacement()));
        prop_assert!(kinds.is_empty() || replaced);
        let (twice, more) = redact(&once);
        prop_assert_eq!(&twice, &once);
        prop_assert!(more.is_empty());
    }

    #[test]
    fn a_card_number_never_stays(
        before in "[a-z ,.:]{0,20}",
        body in vec(0_u32..10, 14),
        separator in select(&["", " ", "-"][..]),
        after in "[ ,.!?]?",
    ) {
        let mut digits = vec![4];
        digits.extend(body);
        let sum: u32 = digits.iter().rev().enumerate().map(|(at, digit)| match at % 2 {
            0 => digit * 2 / 10 + digit * 2 % 10,
            _ => *digit,
        }).sum();
        digits.push((10 - sum % 10) % 10);
        let groups: Vec<String> = digits.chunks(4)
            .map(|group| group.iter().map(u32::to_string).collect()).collect();
        let card = groups.join(separator);
        let text = format!("{before}: {card}{after}");
        let (redacted, kinds) = redact(&text);
        prop_assert!(!redacted.contains(&card), "{}", redacted);
        prop_assert!(kinds.contains(&Redaction::CardNumber));
    }

    #[test]
    fn words_are_small_letters_and_digits(text in any_text()) {
        let plain = |word: &str| {
            !word.is_empty() && word.len() <= 40
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let index = index_words([text.as_str()]);
        let kept: Vec<&str> = index.split(' ').filter(|word| !word.is_empty()).collect();
        prop_assert!(kept.iter().all(|word| plain(word)));
        prop_assert!(kept.is_sorted() && kept.windows(2).all(|pair| pair[0] != pair[1]));
        if let Ok(query) = query_words(&text) {
            prop_assert_eq!(query.is_empty(), kept.is_empty());
            prop_assert!(query.iter().flatten().all(|word| plain(word)));
            // A text is found by itself.
            prop_assert!(query.iter().all(|any| any.iter().any(|w| kept.contains(&w.as_str()))));
        }
        prop_assert!(fold_name(&text).iter().all(|word| plain(word)));
        prop_assert!(fold::tokens(&text).all(|token| text.contains(token)));
    }

    #[test]
    fn a_text_that_passes_holds_nothing_that_cannot_be_stored(text in any::<String>()) {
        let refused = text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c));
        prop_assert_eq!(text::check(&text, usize::MAX).is_err(), refused);
        let shown = text::display_safe(&text);
        prop_assert!(shown.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')));
        prop_assert!(!text::has_bidi_control(&shown));
        prop_assert_eq!(text::display_safe(&shown), shown.clone());
    }

    #[test]
    fn keys_are_keys_of_themselves(text in any_text()) {
        let postcode = address::postcode_key(&text);
        prop_assert_eq!(address::postcode_key(&postcode), postcode.clone());
        let house = address::house_number_key(&text);
        prop_assert_eq!(address::house_number_key(&house), house.clone());
        let _ = address::house_number_of(std::slice::from_ref(&text));
        if let Some(key) = order_key(&text) {
            prop_assert_eq!(order_key(&key), Some(key.clone()));
        }
        if let Ok(tag) = language_tag(&text) {
            prop_assert_eq!(language_tag(&tag), Ok(tag.clone()));
        }
    }

    #[test]
    fn an_amount_reads_as_it_was_written(
        minor in -money::MAX_MINOR_UNITS..=money::MAX_MINOR_UNITS,
        digits in 0_u32..5,
    ) {
        let unit = 10_i64.pow(digits);
        let sign = if minor < 0 { "-" } else { "" };
        let (whole, rest) = (minor.abs() / unit, minor.abs() % unit);
        let text = match digits {
            0 => format!("{sign}{whole}"),
            digits => format!("{sign}{whole}.{rest:0width$}", width = digits as usize),
        };
        let style = money::AmountStyle::default();
        prop_assert_eq!(money::parse_amount(&text, digits, style), Ok(minor));
    }

    #[test]
    fn no_amount_panics(text in any_text(), digits in 0_u32..5) {
        for group in [None, Some(','), Some(' '), Some('\'')] {
            let style = money::AmountStyle { decimal: '.', group };
            let _ = money::parse_amount(&text, digits, style);
        }
    }
}
