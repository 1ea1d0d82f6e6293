//! Language tags.

/// The longest tag; RFC 5646, section 4.4.1, requires at least 35 characters.
const MAX_BYTES: usize = 35;

/// A BCP 47 tag in its usual case ("nb-no" gives "nb-NO"), or the rule that it violates. It must be
/// well-formed: a primary language of 2 or 3 letters and subtags of 1 to 8 letters and digits, the
/// last one longer than one character. Whether the language exists is not checked. An underscore,
/// as operating systems write it, is taken as a dash.
pub fn language_tag(text: &str) -> Result<String, &'static str> {
    const RULE: &str = "must be a BCP 47 language tag, such as \"nl\" or \"nb-NO\"";
    if text.len() > MAX_BYTES || !text.is_ascii() {
        return Err(RULE);
    }
    let lower = text.to_ascii_lowercase();
    let subtags: Vec<&str> = lower.split(['-', '_']).collect();
    let (primary, rest) = subtags.split_first().ok_or(RULE)?;
    let well_formed =
        |tag: &&str| matches!(tag.len(), 1..=8) && tag.bytes().all(|b| b.is_ascii_alphanumeric());
    if !matches!(primary.len(), 2 | 3)
        || !primary.bytes().all(|b| b.is_ascii_lowercase())
        || !rest.iter().all(well_formed)
        || rest.last().is_some_and(|last| last.len() == 1)
    {
        return Err(RULE);
    }
    let mut tag = (*primary).to_owned();
    let mut extension = false;
    for subtag in rest {
        extension |= subtag.len() == 1;
        tag.push('-');
        match subtag.len() {
            // The case of RFC 5646, section 2.1.1: regions in capitals, scripts capitalised.
            2 if !extension => tag.push_str(&subtag.to_ascii_uppercase()),
            4 if !extension => {
                tag.push_str(&subtag[..1].to_ascii_uppercase());
                tag.push_str(&subtag[1..]);
            }
            _ => tag.push_str(subtag),
        }
    }
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_gets_its_usual_case() {
        let cases = [
            ("nl", "nl"),
            ("NB-no", "nb-NO"),
            ("en_US", "en-US"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("de-CH-1996", "de-CH-1996"),
            ("sl-rozaj-biske", "sl-rozaj-biske"),
            ("en-u-ca-gregory", "en-u-ca-gregory"),
            ("nds", "nds"),
        ];
        for (text, tag) in cases {
            assert_eq!(language_tag(text).as_deref(), Ok(tag));
            assert_eq!(language_tag(tag).as_deref(), Ok(tag));
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let long = "en-".to_owned() + &"abcdefgh-".repeat(5) + "x1";
        for text in [
            "",
            "x",
            "xx-invalid!!",
            "dutch",
            "nl-",
            "-nl",
            "n1",
            "nl--NL",
            "nl-x",
            "nederlands",
            "åå",
            "nl NL",
            &long,
        ] {
            assert!(language_tag(text).is_err(), "{text}");
        }
    }
}
