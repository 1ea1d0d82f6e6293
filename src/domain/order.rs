//! Order numbers.

use unicode_normalization::UnicodeNormalization as _;

use super::text::is_invisible;

/// The key of an order number: "#w123 " and "W123" have the same one. None if nothing is left.
pub fn order_key(text: &str) -> Option<String> {
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let number = seen.trim_start_matches(|c: char| c == '#' || c.is_whitespace()).trim_end();
    let key: String = number.to_uppercase().nfc().collect();
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writings_of_one_number_have_one_key() {
        let cases = [
            ("#w123 ", Some("W123")),
            ("W123", Some("W123")),
            ("  ##  w123", Some("W123")),
            ("\u{feff}#W123", Some("W123")),
            ("a-1 b", Some("A-1 B")),
            ("cafe\u{301}1", Some("CAFÉ1")),
            ("#", None),
            (" # ", None),
            ("", None),
            ("\u{200b}", None),
        ];
        for (text, key) in cases {
            assert_eq!(order_key(text).as_deref(), key, "{text:?}");
            if let Some(key) = key {
                assert_eq!(order_key(key).as_deref(), Some(key));
            }
        }
    }
}
