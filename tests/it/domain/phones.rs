//! Phone numbers, against the vectors of libphonenumber.

use throughline::{
    domain::identifier::{Fault, normalise},
    model::IdentifierKind::Phone,
};

use super::{BUILT_IN, vectors};

fn key(raw: &str, region: Option<&str>) -> Result<String, Fault> {
    normalise(Phone, "", raw, region, BUILT_IN).map(|identifier| identifier.value)
}

/// Numbers that libphonenumber considers possible and we refuse, with the reason.
const STRICTER: [(&str, &[&str]); 9] = [
    (
        "a remark is not part of a number: it may as well be a second one",
        &["My number is tel:03-331-6005;phone-context=+64"],
    ),
    (
        "letters are no digits: no vanity rule",
        &[
            "0800 DDA 005",
            "0900 DDA 6005",
            "0900 332 6005a",
            "0900 332 600a5",
            "0900 332 600A5",
            "0900 a332 600A5",
            "+1 650 GOO OGLE",
            "(0xx) 1187654321",
            "011xx5481429712",
        ],
    ),
    (
        "without an area code it is the number of another in every town",
        &[
            "tel:253-0000;phone-context=www.google.com",
            "tel:253-0000;isub=12345;phone-context=www.google.com",
            "tel:2530000;isub=12345;phone-context=1234.com",
            "253-0000",
            "7031 3000",
            "1 3000",
            "81234",
        ],
    ),
    ("short and in no range known: an emergency or service number", &["812345"]),
    ("stands where a number was wanted: blocked", &["123-456-7890", "0123456"]),
    (
        "signs that nobody writes in one number",
        &["0~01-650-253-0000", "++1 (650) 253-0000", "03 3316005 ~ 123456789"],
    ),
    (
        "an extension that nothing names may be a second number",
        &[
            "(800) 901-3355 ; 7246433",
            "(800) 901-3355;7246433",
            "(800) 901-3355 , 7246433",
            "+1 (645) 123 1234-910#",
            "+12679000000;123456789012345#",
            "+1123-456-7890 666666#",
            "+11234567890-6#",
        ],
    ),
    (
        "two extensions, or a name of one that is met nowhere",
        &[
            "(212)123-1234 x508/x1234",
            "(212)123-1234 x508/ x1234",
            "(212)123-1234 x508\\x1234",
            "03 3316005 xtensio:12345678901234567890",
            "03 3316005 xtensión, 12345678901234567890#",
            "tel:033316005;phone-context=+64;{this isn't part of phone-context anymore!}",
        ],
    ),
    (
        "a value holds no control characters, tabs included",
        &["03 3316005 extension\t12345678901234567890"],
    ),
];

/// A number that libphonenumber refuses and we accept: it allows 15 digits after a pause, we allow
/// 20 as for other extensions.
const LAXER: &str = "+12679000000,,1234567890123456#";

#[test]
fn every_vector_is_read_as_libphonenumber_does_or_the_difference_has_a_reason() {
    let Some(rows) = vectors::rows("phone_vectors/parse_vectors.csv") else { return };
    assert_eq!(rows.len(), 175);
    for row in &rows {
        let [input, region, result, e164, extension, possible, _] = &row[..] else {
            panic!("a row of {} columns", row.len());
        };
        let region = Some(region.as_str()).filter(|region| !matches!(*region, "ZZ" | "UN001"));
        let ours = key(input, region);
        if STRICTER.iter().any(|(_, inputs)| inputs.contains(&input.as_str())) {
            assert_eq!((result.as_str(), possible.as_str()), ("OK", "True"), "{input}");
            assert!(ours.is_err(), "{input}: {ours:?}");
        } else if input == LAXER {
            assert_ne!(result, "OK");
            assert!(ours.is_ok());
        } else if possible == "True" {
            let theirs = match extension.is_empty() {
                true => e164.clone(),
                false => format!("{e164};ext={extension}"),
            };
            assert_eq!(ours, Ok(theirs), "{input} {region:?}");
        } else {
            assert!(ours.is_err(), "{input} {region:?}: {ours:?}");
        }
    }
    let unused = STRICTER.iter().flat_map(|(_, inputs)| inputs.iter());
    let unused: Vec<_> = unused.filter(|input| !rows.iter().any(|row| row[0] == **input)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_example_of_every_region_has_one_key_however_it_is_written() {
    let Some(rows) = vectors::rows("phone_vectors/example_numbers_by_region.csv") else { return };
    assert!(rows.len() > 900);
    for row in &rows {
        let [region, kind, e164, international, national, rfc3966, _] = &row[..] else {
            panic!("a row of {} columns", row.len());
        };
        let region = Some(region.as_str()).filter(|region| region.len() == 2 && *region != "ZZ");
        for written in [e164, international, rfc3966] {
            assert_eq!(key(written, None), Ok(e164.clone()), "{region:?} {kind} {written}");
        }
        if region.is_some() && !national.contains(char::is_alphabetic) {
            assert_eq!(key(national, region), Ok(e164.clone()), "{region:?} {kind} {national}");
        }
    }
}

#[test]
fn pairs_have_the_same_key_where_they_are_the_same_number() {
    let Some(rows) = vectors::rows("phone_vectors/number_match_pairs.csv") else { return };
    for row in &rows {
        let [a, b, expected] = &row[..] else { panic!("a row of {} columns", row.len()) };
        // The table writes Cyrillic letters as escapes.
        let b = b.replace("\\u0434\\u043E\\u0431", "доб");
        let (Ok(first), Ok(second)) = (key(a, None), key(&b, None)) else { continue };
        assert_eq!(first == second, expected == "EXACT_MATCH", "{a} {b}");
    }
}

#[test]
fn one_number_has_one_key() {
    for raw in [
        "+31612345678",
        "+31(0)612345678",
        "06 1234 5678",
        "06-12345678",
        "0031 6 12345678",
        "tel:+31-6-1234-5678",
        "TEL:+31612345678",
        "Tel: 06 12345678",
        " 06 12345678 ",
        "06\u{a0}1234\u{a0}5678",
        "٠٦١٢٣٤٥٦٧٨",
        "０６１２３４５６７８",
        "＋３１６１２３４５６７８",
        "\u{200e}+31612345678\u{feff}",
        "06\u{200b}12345678",
        "06\u{2011}12345678",
        "(06) 12345678",
        "06.12.34.56.78",
    ] {
        let found = normalise(Phone, "", raw, Some("NL"), BUILT_IN).expect(raw);
        assert_eq!((found.value.as_str(), found.raw.as_str()), ("+31612345678", raw));
        assert!(!found.mixed_script && found.namespace.is_empty());
    }
}

#[test]
fn an_extension_is_kept_apart() {
    for raw in [
        "+31201234567;ext=12",
        "tel:+31-20-1234567;ext=12",
        "020 1234567 ext 12",
        "020 1234567 ext. 12",
        "020 1234567 toestel 12",
        "020 1234567 x12",
        "020 1234567 tst. 12",
        "020 1234567 #12",
        "020 1234567,,12#",
    ] {
        assert_eq!(key(raw, Some("NL")).as_deref(), Ok("+31201234567;ext=12"), "{raw}");
    }
    for raw in ["+31201234567;ext=", "+31201234567;ext=a", "+31201234567;ext=1;ext=2", "020 ext 12"]
    {
        assert!(key(raw, Some("NL")).is_err(), "{raw}");
    }
}

#[test]
fn a_range_that_is_not_known_yet_is_accepted() {
    // 0690 is not assigned in the Netherlands so far.
    assert_eq!(key("0690123456", Some("NL")).as_deref(), Ok("+31690123456"));
}

#[test]
fn the_region_is_needed_for_a_national_number_and_checked() {
    let field = |result: Result<String, Fault>| match result {
        Err(Fault::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(key("0612345678", None)), "phone_region");
    assert_eq!(key("+31612345678", None).as_deref(), Ok("+31612345678"));
    for region in ["XX", "NLD", "", "31", "N"] {
        assert_eq!(field(key("+31612345678", Some(region))), "phone_region", "{region}");
    }
    assert_eq!(field(key("hello", None)), "value");
}
