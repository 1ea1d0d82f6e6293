//! Normalised postal codes and house numbers, so that different spellings match.

use super::digit;

/// A postal code without spaces, dashes and case: "1234 AB" and "1234ab" have the same key. Empty
/// if nothing is left.
pub fn postcode_key(text: &str) -> String {
    let signs = text.chars().map(digit::to_ascii).flat_map(char::to_uppercase);
    signs.filter(|c| c.is_alphanumeric()).collect()
}

/// A house number with its addition, without spaces and case: "12 B", "12-b" and "12b" have the
/// same key. A dash between two digits stays, since 12-1 is not 121. Empty if nothing is left.
pub fn house_number_key(text: &str) -> String {
    let mut key = String::new();
    let mut apart = false;
    for c in text.chars().map(digit::to_ascii).flat_map(char::to_uppercase) {
        if !c.is_alphanumeric() {
            apart = true;
            continue;
        }
        if apart && c.is_ascii_digit() && key.ends_with(|last: char| last.is_ascii_digit()) {
            key.push('-');
        }
        apart = false;
        key.push(c);
    }
    key
}

/// The key of the house number in the lines of an address: the last number with its addition in the
/// first line that has one. Text after a comma (a floor, a door) counts only if no number comes
/// before it.
pub fn house_number_of(lines: &[String]) -> Option<String> {
    lines.iter().flat_map(|line| line.split(',')).find_map(house_number_in)
}

/// The number in a part of a line. A number begins with a digit; its addition is attached to it or
/// is a word of up to four letters after it.
fn house_number_in(part: &str) -> Option<String> {
    let words: Vec<&str> = part.split_whitespace().collect();
    let begins = |word: &&str| word.starts_with(|c| digit::value(c).is_some());
    let at = words.iter().rposition(begins)?;
    let is_addition = |word: &&&str| {
        let letters = word.trim_matches(|c: char| !c.is_alphanumeric());
        (1..=4).contains(&letters.chars().count()) && !letters.contains(char::is_whitespace)
    };
    // In "14 Oak Lane" what follows is the street: an addition ends the part.
    let addition = words.get(at + 1).filter(|_| at + 2 == words.len() && at > 0);
    let key = match addition.filter(is_addition) {
        Some(addition) => house_number_key(&format!("{} {addition}", words[at])),
        None => house_number_key(words[at]),
    };
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postcode_is_compared_without_spaces_dashes_and_case() {
        let cases = [
            ("1234 AB", "1234AB"),
            (" 1234ab", "1234AB"),
            ("0150", "0150"),
            ("DK-2100", "DK2100"),
            ("sw1a 1aa", "SW1A1AA"),
            ("12345‑6789", "123456789"),
            ("１２３４ ＡＢ", "1234AB"),
            (" - ", ""),
        ];
        for (text, key) in cases {
            assert_eq!(postcode_key(text), key, "{text}");
            assert_eq!(postcode_key(key), key);
        }
    }

    #[test]
    fn a_house_number_keeps_its_parts_apart() {
        let cases = [
            ("12 B", "12B"),
            ("12-b", "12B"),
            ("12b", "12B"),
            ("12 bis", "12BIS"),
            ("12-1", "12-1"),
            ("12 / 1", "12-1"),
            ("121", "121"),
            ("5 H0201", "5H0201"),
            ("", ""),
        ];
        for (text, key) in cases {
            assert_eq!(house_number_key(text), key, "{text}");
            assert_eq!(house_number_key(key), key);
        }
    }

    #[test]
    fn the_house_number_is_the_last_number_of_the_first_line_with_one() {
        let cases: [(&[&str], Option<&str>); 14] = [
            (&["Kerkstraat 12"], Some("12")),
            (&["Kerkstraat 12 B"], Some("12B")),
            (&["Kerkstraat 12b"], Some("12B")),
            (&["2e Kerkstraat 14-3"], Some("14-3")),
            (&["Straat van 1940 7"], Some("7")),
            (&["Plein 1944 12 bis"], Some("12BIS")),
            (&["T.a.v. mw. Jansen", "Kerkstraat 3"], Some("3")),
            (&["Nørregade 12, 2. th"], Some("12")),
            (&["Flat, 14 Oak Lane"], Some("14")),
            (&["123 Main Street"], Some("123")),
            (&["Storgata 5 H0201"], Some("5")),
            (&["Kerkstraat"], None),
            (&[], None),
            (&["", "7"], Some("7")),
        ];
        for (lines, key) in cases {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            assert_eq!(house_number_of(&lines).as_deref(), key, "{lines:?}");
        }
    }
}
