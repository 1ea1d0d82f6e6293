//! Normalises serial numbers and tracking numbers.

use unicode_normalization::UnicodeNormalization as _;

/// The key of a serial number: "sn 12-34x" and "SN1234X" have the same one. Upper case letters and
/// digits only, in Unicode compatibility form (NFKC), so that full-width characters match. None if
/// nothing is left.
pub fn serial_key(text: &str) -> Option<String> {
    let plain: String = text.nfkc().flat_map(char::to_uppercase).collect();
    let key: String = plain.nfkc().filter(|c| c.is_alphanumeric()).collect();
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writings_of_one_number_have_one_key() {
        let cases = [
            ("SN1234X", Some("SN1234X")),
            (" sn 12-34x ", Some("SN1234X")),
            ("sn\u{2013}12.34/X", Some("SN1234X")),
            ("\u{feff}SN\u{200b}1234X", Some("SN1234X")),
            ("ＳＮ１２３４Ｘ", Some("SN1234X")),
            ("cafe\u{301}1", Some("CAFÉ1")),
            ("straße", Some("STRASSE")),
            ("000", Some("000")),
            ("--", None),
            ("", None),
        ];
        for (text, key) in cases {
            assert_eq!(serial_key(text).as_deref(), key, "{text:?}");
            if let Some(key) = key {
                assert_eq!(serial_key(key).as_deref(), Some(key));
            }
        }
    }
}
