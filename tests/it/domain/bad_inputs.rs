//! The bad inputs that concern the value of an identifier or a text, by their number in the list.

use throughline::{
    domain::{
        identifier::{Fault, normalise},
        redact::redact,
        text,
    },
    model::IdentifierKind::{self, *},
};

use super::BUILT_IN;

const BLOCKED: &str = "blocked";

/// What is said of a value: the field that is wrong, or that the value is blocked.
fn fault(kind: IdentifierKind, namespace: &str, raw: &str, region: Option<&str>) -> &'static str {
    match normalise(kind, namespace, raw, region, BUILT_IN) {
        Ok(found) => panic!("{kind:?} {raw:?} is accepted as {:?}", found.value),
        Err(Fault::Blocked) => BLOCKED,
        Err(Fault::Field { field, rule }) => {
            assert!(rule.starts_with("is ") || rule.starts_with("must "), "{rule}");
            field
        }
    }
}

#[test]
fn phones_35_to_45() {
    let cases = [
        (35, "", "value"),
        (35, "+", "value"),
        (35, "anonymous", BLOCKED),
        (35, "Unknown", BLOCKED),
        (35, "0000000000", BLOCKED),
        (35, "+31 000 000 000", "value"),
        (35, "123456", BLOCKED),
        (35, "1234567890", BLOCKED),
        (35, "99999999", BLOCKED),
        (35, "+266696687", BLOCKED),
        (36, "0800-FLOWERS", "value"),
        (39, "+3161234567890123", "value"),
        (39, "+4930123456789012345", "value"),
        (43, "112", "value"),
        (43, "+31112", "value"),
        (43, "911", "value"),
        (43, "116117", "value"),
        (44, "0612345678 / 0201234567", "value"),
        (44, "0612345678, 0201234567", "value"),
        (44, "0612345678;0201234567", "value"),
        (44, "+31612345678+31201234567", "value"),
        (44, "0612345678 of 0201234567", "value"),
        (44, "+31612345678 (thuis) +31201234567", "value"),
    ];
    for (number, raw, expected) in cases {
        assert_eq!(fault(Phone, "", raw, Some("NL")), expected, "{number}: {raw}");
    }
    assert_eq!(fault(Phone, "", "0612345678", None), "phone_region", "38");
    assert_eq!(fault(Phone, "mobile", "+31612345678", None), "namespace");
}

#[test]
fn emails_47_to_54() {
    let long_local = format!("{}@example.com", "a".repeat(65));
    let long = format!("a@{}.com", "b.".repeat(125));
    let cases = [
        (47, "a@", "value"),
        (47, "@b", "value"),
        (47, "a b@c.nl", "value"),
        (47, "a@b@c.nl", "value"),
        (47, "a@b", "value"),
        (48, &long_local, "value"),
        (48, &long, "value"),
        (49, "anna@example.com\r\nBcc: x@example.com", "value"),
        (49, "anna@example.com\n", "value"),
        (50, "noreply@shop.nl", BLOCKED),
        (50, "No-Reply@shop.nl", BLOCKED),
        (50, "do_not_reply+1@shop.nl", BLOCKED),
        (50, "test@test", BLOCKED),
        (50, "x@unknown.invalid", BLOCKED),
        (54, "Bob <bob@example.com>", "value"),
        (54, "<bob@example.com>", "value"),
        (54, "mailto:bob@example.com", "value"),
        (54, "bob@example.com, eve@example.com", "value"),
    ];
    for (number, raw, expected) in cases {
        assert_eq!(fault(Email, "", raw, None), expected, "{number}: {raw:?}");
    }
    assert_eq!(fault(Email, "work", "bob@example.com", None), "namespace");
}

#[test]
fn others_55_to_60() {
    let ten_kib = "x".repeat(10 * 1024);
    let cases = [
        (55, Social, "facebook", "@anna", "value"),
        (55, Social, "facebook", "Anna de Vries", "value"),
        (55, Social, "facebook", "https://facebook.com/anna", "value"),
        (56, Social, "", "10158000000000000", "namespace"),
        (56, External, "", "0031x", "namespace"),
        (57, LoyaltyCard, "", "8712345678902", "value"),
        (57, LoyaltyCard, "", "8 712345 678902", "value"),
        (57, LoyaltyCard, "", "0000000000000", BLOCKED),
        (57, LoyaltyCard, "", "123456789", BLOCKED),
        (57, LoyaltyCard, "", "card_1", "value"),
        (58, CustomerNumber, "", "#W4923227", "value"),
        (58, Account, "", "#W4923227", "value"),
        (60, Account, "", ten_kib.as_str(), "value"),
        (60, Account, "", "\u{200b}\u{feff} ", "value"),
        (60, Account, "", "a\0b", "value"),
        (60, Account, "", "a\u{85}b", "value"),
        (35, Account, "", "N/A", BLOCKED),
        (35, Account, "", "anonymous", BLOCKED),
        (35, External, "crm", "null", BLOCKED),
        (35, Cookie, "", "00000000-0000-0000-0000-000000000000", BLOCKED),
        (35, CustomerNumber, "", "0", BLOCKED),
        (35, CustomerNumber, "", "-1", BLOCKED),
    ];
    for (number, kind, namespace, raw, expected) in cases {
        assert_eq!(fault(kind, namespace, raw, None), expected, "{number}: {raw:.40}");
    }
    let long = "n".repeat(65);
    for namespace in ["Shop", "shop nl", "shop/nl", "shøp", "a:b", &long] {
        assert_eq!(fault(Account, namespace, "anna", None), "namespace", "{namespace}");
    }
}

#[test]
fn what_is_no_bad_input_is_normalised() {
    let cases = [
        (Social, "facebook", " 10158000000000000 ", "10158000000000000"),
        (Social, "bluesky", "did:plc:ABCdef", "did:plc:ABCdef"),
        (LoyaltyCard, "", "8 712345-678906", "8712345678906"),
        (LoyaltyCard, "bonus", "ab 12-34", "AB1234"),
        (Account, "", "Yusuf_Rossi_9620", "yusuf_rossi_9620"),
        (Account, "", "Jose\u{301}", "josé"),
        (CustomerNumber, "", " k-00123", "K-00123"),
        (CustomerNumber, "", "123456", "123456"),
        (External, "salesforce", "0035g00000AbCdE", "0035g00000AbCdE"),
        (External, "crm", "7777", "7777"),
        (Cookie, "", "GA1.2.3\u{200b}", "GA1.2.3"),
    ];
    for (kind, namespace, raw, value) in cases {
        let found = normalise(kind, namespace, raw, None, BUILT_IN).expect(raw);
        assert_eq!(found.value, value);
        assert_eq!(
            (found.kind, found.namespace.as_str(), found.raw.as_str()),
            (kind, namespace, raw)
        );
    }
}

#[test]
fn texts_76_to_82() {
    assert!(text::check("a\0b", 100).is_err(), "76");
    assert!(text::check(&"x".repeat(256 * 1024 + 1), 256 * 1024).is_err(), "77");
    assert!(text::check(&format!("e{}", "\u{301}".repeat(1_000_000)), usize::MAX).is_err(), "79");
    assert!(text::is_blank("\u{200b}\u{200d}\u{feff}"), "80");
    let turned = "exe.\u{202e}gpj";
    assert!(text::check(turned, 100).is_ok() && text::has_bidi_control(turned), "81");
    assert!(!text::has_bidi_control(&text::display_safe(turned)), "81");
    let secrets = "Card 4111 1111 1111 1111 cvv 123, bsn 111222333, cpr 010170-1234, \
        fnr 17054026641, wachtwoord: Welkom01";
    let (stored, kinds) = redact(secrets);
    assert_eq!(kinds.len(), 4, "82");
    for secret in ["1111", "123", "111222333", "010170", "17054026641", "Welkom01"] {
        assert!(!stored.contains(secret), "82: {stored}");
    }
}
