//! Redacts secrets from texts.

mod behind_card;
mod checksum;
mod number;
mod password;

use std::{borrow::Cow, cmp::Reverse, ops::Range};

/// The kind of a redacted secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redaction {
    /// The number of a payment card.
    CardNumber,
    /// The security code of a card, or its PIN.
    SecurityCode,
    /// A Dutch BSN, a Danish CPR number or a Norwegian fødselsnummer.
    NationalId,
    /// A password.
    Password,
}

impl Redaction {
    const ALL: [Self; 4] = [Self::CardNumber, Self::SecurityCode, Self::NationalId, Self::Password];

    /// The text that replaces it.
    pub fn replacement(self) -> &'static str {
        match self {
            Self::CardNumber => "[card number removed]",
            Self::SecurityCode => "[security code removed]",
            Self::NationalId => "[national id removed]",
            Self::Password => "[password removed]",
        }
    }
}

/// The maximum number of passes over a text. The second pass finds what the first has uncovered,
/// and a third usually nothing; the limit keeps hostile texts from running on.
const MAX_ROUNDS: usize = 8;

/// A part of a text to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Secret {
    /// In bytes.
    range: Range<usize>,
    kind: Redaction,
}

/// Removes secrets from a text and returns the kinds removed, each once. It is idempotent. A text
/// without digits and without the word password costs one look at each byte.
pub fn redact(text: &str) -> (Cow<'_, str>, Vec<Redaction>) {
    let mut redacted = Cow::Borrowed(text);
    let mut kinds = Vec::new();
    // A removed secret may have hidden another one behind it.
    for _ in 0..MAX_ROUNDS {
        let Some(next) = redact_once(&redacted, &mut kinds) else {
            break;
        };
        redacted = Cow::Owned(next);
    }
    kinds.sort_unstable();
    kinds.dedup();
    (redacted, kinds)
}

/// One pass over a text; None if nothing was found.
fn redact_once(text: &str, kinds: &mut Vec<Redaction>) -> Option<String> {
    let mut secrets = number::find(text);
    password::find(text, &mut secrets);
    if secrets.is_empty() {
        return None;
    }
    secrets.sort_by_key(|secret| (secret.range.start, Reverse((secret.range.end, secret.kind))));
    let mut out = String::with_capacity(text.len() + 16);
    let mut done = 0;
    for Secret { range, kind } in secrets {
        kinds.push(kind);
        if range.start >= done {
            out.push_str(&text[done..range.start]);
            out.push_str(kind.replacement());
        }
        // A card number within a password, or overlapping one: both are removed.
        done = done.max(range.end);
    }
    out.push_str(&text[done..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{Redaction::*, *};

    fn check(text: &str, expected: &str, kinds: &[Redaction]) {
        let (redacted, found) = redact(text);
        assert_eq!(redacted, expected, "{text}");
        assert_eq!(found, kinds, "{text}");
        assert_eq!(redact(expected), (Cow::Borrowed(expected), Vec::new()));
    }

    #[test]
    fn card_numbers_go() {
        let card = "[card number removed]";
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111.1111.1111.1111",
            "4111\u{a0}1111\u{a0}1111\u{a0}1111",
            "4111\u{200b}1111\u{200b}1111\u{200b}1111",
            "４１１１ １１１１ １１１１ １１１１",
            "378282246310005",
            "3782 822463 10005",
            "5555555555554444",
            "2223003122003222",
            "6011111111111117",
            "3530111333300000",
            "3056 930902 5904",
            "5019717010103742",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            "4111 - 1111 - 1111 - 1111",
            "4111  1111  1111  1111",
        ] {
            check(text, card, &[CardNumber]);
            check(
                &format!("Betaald met {text}, toch?"),
                &format!("Betaald met {card}, toch?"),
                &[CardNumber],
            );
        }
        check(
            "3 items, 4111 1111 1111 1111 12/27",
            "3 items, [card number removed] 12/27",
            &[CardNumber],
        );
        check("visa 4222222222222", "visa [card number removed]", &[CardNumber]);
        check("Visa4111111111111111", "Visa[card number removed]", &[CardNumber]);
        check("betaald:visa4111111111111111.", "betaald:visa[card number removed].", &[CardNumber]);
        check("maestro 6759649826438453", "maestro [card number removed]", &[CardNumber]);
    }

    #[test]
    fn numbers_that_are_no_cards_stay() {
        for text in [
            "4111111111111112",
            "order #4111111111111111",
            "order 4111111111111111",
            "tracking number: 4111111111111111",
            "W4111111111111111",
            "+4111111111111111",
            "EAN 4006381333931",
            "4222222222222",
            "IMEI 490154203237518",
            "NL91 ABNA 0417 1643 00",
            "1234567890123456",
            "06 12345678, 020 1234567",
            "2024-01-02 12:30:45",
            "893474201938",
            "41111111111111111111",
            "bestelnummer 123456782",
            "100.000.000.000.000",
        ] {
            check(text, text, &[]);
        }
    }

    #[test]
    fn security_codes_go_where_a_word_names_them() {
        for (text, expected) in [
            ("CVV 123", "CVV [security code removed]"),
            ("cvc: 123.", "cvc: [security code removed]."),
            ("cvv2=1234", "cvv2=[security code removed]"),
            ("the security code is 123", "the security code is [security code removed]"),
            ("Sikkerhetskoden er 987!", "Sikkerhetskoden er [security code removed]!"),
            (
                "beveiligingscode op de kaart: 987",
                "beveiligingscode op de kaart: [security code removed]",
            ),
            ("pincode: 1234", "pincode: [security code removed]"),
            (
                "the 3 digits on the back are 123",
                "the 3 digits on the back are [security code removed]",
            ),
            ("De drie cijfers achterop: 123", "De drie cijfers achterop: [security code removed]"),
        ] {
            check(text, expected, &[SecurityCode]);
        }
        for text in [
            "123",
            "cvv 12345",
            "cvv 123-4567",
            "security code sent, 3 days, 123",
            "pin 123",
            "cvvs",
        ] {
            check(text, text, &[]);
        }
    }

    #[test]
    fn a_security_code_behind_a_card_number_goes() {
        let (card, code) = ("[card number removed]", "[security code removed]");
        for (text, expected) in [
            ("4111111111111111 12/27 123", format!("{card} 12/27 {code}")),
            ("4111 1111 1111 1111, 123", format!("{card}, {code}")),
            ("4111111111111111 exp 05-2028, 123.", format!("{card} exp 05-2028, {code}.")),
            ("4111111111111111 / 0927 / 123", format!("{card} / 0927 / {code}")),
            ("378282246310005 1234", format!("{card} {code}")),
            ("4111111111111111 12/27 123 ok", format!("{card} 12/27 {code} ok")),
            ("4111 1111 1111 1111 3/27 123", format!("{card} 3/27 {code}")),
            ("4111111111111111 123\r\nGroet, Anna", format!("{card} {code}\r\nGroet, Anna")),
            ("4111111111111111 123 \nGroet", format!("{card} {code} \nGroet")),
            ("4111111111111111 123 12/27", format!("{card} {code} 12/27")),
            ("378282246310005 1227, thanks", format!("{card} {code}, thanks")),
        ] {
            check(text, &expected, &[CardNumber, SecurityCode]);
        }
        for rest in [
            " 240 euro",
            ", € 250",
            ": 250,-",
            ", 250 €",
            ", 250€",
            " 12/27 1234",
            " 12/27",
            ", 123.45",
            ", order 123",
            " 123 456",
            " 12/27 3",
        ] {
            check(&format!("4111111111111111{rest}"), &format!("{card}{rest}"), &[CardNumber]);
        }
    }

    #[test]
    fn national_numbers_go() {
        let id = "[national id removed]";
        for (text, expected) in [
            ("bsn 111222333", format!("bsn {id}")),
            ("Mijn BSN is 1112.22.333.", format!("Mijn BSN is {id}.")),
            ("burgerservicenummer: 111 222 333", format!("burgerservicenummer: {id}")),
            ("sofinummer 10000008", format!("sofinummer {id}")),
            ("010170-1234", id.to_owned()),
            ("cpr-nr. 0101701234", format!("cpr-nr. {id}")),
            ("CPR 010170 1234", format!("CPR {id}")),
            ("17054026641", id.to_owned()),
            ("fnr 170540 26641,", format!("fnr {id},")),
        ] {
            check(text, &expected, &[NationalId]);
        }
        for text in [
            "111222333",
            "order 111222333",
            "bsn 111222334",
            "320170-1234",
            "011370-1234",
            "20-010170-1234",
            "010170-12345",
            "A010170-1234",
            "0101701234",
            "17054026642",
            "+4717054026641",
            "telefoon 010-1234567",
        ] {
            check(text, text, &[]);
        }
    }

    #[test]
    fn passwords_go() {
        let gone = "[password removed]";
        for (text, expected) in [
            ("password: hunter2", format!("password: {gone}")),
            ("Password=hunter2;", format!("Password={gone}")),
            ("wachtwoord is welkom", format!("wachtwoord is {gone}")),
            (
                "Mijn wachtwoord voor de site is Welkom01 hoor",
                format!("Mijn wachtwoord voor de site is {gone} hoor"),
            ),
            ("passordet er sommer", format!("passordet er {gone}")),
            ("adgangskoden var x9", format!("adgangskoden var {gone}")),
            ("kodeord : \"to ord\" ok", format!("kodeord : {gone} ok")),
            ("{\"password\":\"a b\"}", format!("{{\"password\":{gone}}}")),
            ("<password>abc</password>", format!("<password>{gone}</password>")),
            ("ww: geheim", format!("ww: {gone}")),
            ("pw: geheim", format!("pw: {gone}")),
            ("I use the password hunter2! a lot", format!("I use the password {gone} a lot")),
            ("password: 4111x", format!("password: {gone}")),
        ] {
            check(text, &expected, &[Password]);
        }
        check(
            "password: 4111 1111 1111 1111 ok",
            "password: [password removed] ok",
            &[CardNumber, Password],
        );
        for text in [
            "my password is wrong",
            "I forgot my password.",
            "wachtwoord is vergeten",
            "Wachtwoord: niet ontvangen",
            "passordet er ikke riktig",
            "password reset: https://example.com/1",
            "passwordless: yes",
            "www: example",
            "password twice, then 3 times",
            "password 2-step verification",
            "wachtwoord www.shop.example/reset?id=1",
            "password https://example.com/1",
            "password: ****",
            "What is my password?",
            "password:",
        ] {
            check(text, text, &[]);
        }
    }

    #[test]
    fn what_a_removal_uncovers_goes_too() {
        check(
            "password: order 4111111111111111",
            "password: [password removed] [card number removed]",
            &[CardNumber, Password],
        );
    }

    #[test]
    fn a_text_without_secrets_is_not_copied() {
        let text = "Mijn televisie van 55 inch (bestelling #W4923227) is kapot sinds 3 mei 2024.";
        assert!(matches!(redact(text), (Cow::Borrowed(_), kinds) if kinds.is_empty()));
        assert_eq!(Redaction::ALL.map(|kind| redact(kind.replacement()).1.len()), [0; 4]);
    }
}
