//! E-mail addresses, against the vectors of isemail.

use throughline::{
    domain::identifier::{Fault, normalise},
    model::IdentifierKind::Email,
};

use super::{BUILT_IN, vectors};

fn key(raw: &str) -> Result<String, Fault> {
    normalise(Email, "", raw, None, BUILT_IN).map(|identifier| identifier.value)
}

/// Addresses that isemail accepts and we refuse, with the reason and isemail's ids. A customer's
/// address must be deliverable, today, from any system.
const STRICTER: [(&str, &[u16]); 9] = [
    ("no top-level domain takes mail: a domain has a dot", &[5, 166]),
    ("no top-level domain is one letter or a number", &[13, 23, 24, 37]),
    ("longer than SMTP allows", &[26, 28, 39, 40, 41, 59, 60]),
    ("a quoted local part", &[42, 43, 45, 46, 48, 54, 55, 56]),
    (
        "a control character, a line end included",
        &[58, 88, 89, 115, 116, 124, 125, 126, 134, 138, 139, 140, 144, 148, 149, 153],
    ),
    (
        "an address literal instead of a domain",
        &[
            61, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83,
            84, 112, 117, 120, 121, 159,
        ],
    ),
    ("a space or a comment within", &[85, 86, 87, 90, 92, 93, 95, 96, 97, 98, 165]),
    ("a sign that no host name has", &[161]),
    ("stands where an address was wanted: blocked", &[167]),
];

#[test]
fn every_vector_is_judged_as_isemail_does_or_the_difference_has_a_reason() {
    let Some(rows) = vectors::rows("email_address_vectors/isemail_tests.csv") else { return };
    assert_eq!(rows.len(), 164);
    for row in &rows {
        let id: u16 = row[0].parse().expect("an id");
        // The table has symbols for control characters.
        let address: String = row[1].chars().map(control).collect();
        let ours = key(&address);
        let is_error = row[2] == "ISEMAIL_ERR";
        if STRICTER.iter().any(|(_, ids)| ids.contains(&id)) {
            assert!(!is_error && ours.is_err(), "{id} {address:?}: {ours:?}");
        } else {
            assert_eq!(ours.is_err(), is_error, "{id} {address:?}: {ours:?}");
        }
        if let Ok(key) = ours {
            assert_eq!(key, address.trim().to_lowercase());
        }
    }
    let mut listed = STRICTER.iter().flat_map(|(_, ids)| ids.iter());
    assert!(listed.all(|id| rows.iter().any(|row| row[0] == id.to_string())));
}

fn control(c: char) -> char {
    match c {
        '\u{2400}'..='\u{241f}' => char::from_u32(u32::from(c) - 0x2400).unwrap_or(c),
        c => c,
    }
}

#[test]
fn one_mailbox_has_one_key() {
    let cases: [(&str, &[&str]); 4] = [
        (
            "anna@example.com",
            &["Anna@Example.COM", " anna@example.com ", "anna@\u{200b}example.com"],
        ),
        (
            "anna@xn--bcher-kva.example",
            &[
                "anna@bücher.example",
                "anna@BÜCHER.example",
                "anna@bu\u{308}cher.example",
                "anna@xn--bcher-kva.example",
                "anna@XN--BCHER-KVA.example",
            ],
        ),
        ("josé@example.com", &["jose\u{301}@example.com", "JOSÉ@example.com"]),
        ("anna@example.com", &["anna@example。com", "anna@ｅxample.com"]),
    ];
    for (expected, writings) in cases {
        for raw in writings {
            assert_eq!(key(raw).as_deref(), Ok(expected), "{raw}");
        }
    }
    // Plus tags and dots depend on the provider: folding them would join strangers elsewhere.
    assert_ne!(key("anna+x@example.com"), key("anna@example.com"));
    assert_ne!(key("an.na@example.com"), key("anna@example.com"));
}

#[test]
fn an_address_made_to_look_like_another_is_flagged_and_has_its_own_key() {
    let flagged =
        |raw: &str| normalise(Email, "", raw, None, BUILT_IN).map(|found| found.mixed_script);
    for raw in [
        "аnna@example.com",
        "anna@exаmple.com",
        "anna@xn--exmple-4nf.com",
        "αnna@example.com",
        "anжa@example.com",
        "аѕс@example.com",
    ] {
        assert_eq!(flagged(raw), Ok(true), "{raw}");
        assert_ne!(key(raw).as_deref(), Ok("anna@example.com"));
    }
    for raw in ["anna@example.com", "josé@bücher.example", "иван@пример.рф", "иван@example.com"]
    {
        assert_eq!(flagged(raw), Ok(false), "{raw}");
    }
}

#[test]
fn lengths_count_in_bytes_as_they_are_kept() {
    let local = |bytes: usize| format!("{}@example.com", "a".repeat(bytes));
    assert!(key(&local(64)).is_ok());
    assert!(key(&local(65)).is_err());
    // 64 characters of two bytes.
    assert!(key(&local(64).replace('a', "é")).is_err());
    let label = "b".repeat(61);
    let domain = |last: usize| format!("a@{label}.{label}.{label}.{}.com", "c".repeat(last));
    assert_eq!(domain(62).len(), 254);
    assert!(key(&domain(62)).is_ok());
    assert!(key(&domain(63)).is_err());
}
