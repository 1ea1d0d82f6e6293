//! Normalises telephone numbers with libphonenumber.

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberFormat, Region,
    get_national_significant_number_owned as national_digits,
};
use unicode_normalization::UnicodeNormalization as _;

use super::{
    blocked, digit,
    identifier::{Fault, value_fault},
    text::is_invisible,
};

/// Labels of extensions, longer ones before those that are their suffix.
const EXTENSION_LABELS: &str = "extension|extensión|extensie|toestel|extn|ext|xtn|xt|lokal|\
    int|tst|доб|,,|x|#";

/// The longest extension of RFC 3966 numbers in libphonenumber.
const MAX_EXTENSION_DIGITS: usize = 20;

/// E.164 numbers have at most 15 digits.
const MAX_DIGITS: usize = 15;

/// A shorter national number counts as a short code unless it is known to be in use.
const MIN_UNKNOWN_DIGITS: usize = 7;

const NOT_A_NUMBER: Fault = value_fault("must be one telephone number");

/// A telephone number.
pub(super) struct Number {
    pub key: String,
    /// Whether it looks made up to fill a required field.
    pub filler: bool,
}

/// The key of a number: E.164, with `;ext=` and the extension if there is one.
///
/// A number must be *possible* (of a length in use in its country), but need not be *valid* (in a
/// range known to be assigned): ranges are assigned before the library is updated, and a caller
/// with a number of a new range is a customer all the same. A number that is possible only within a
/// town, or a short number that is not valid (112, 116117), identifies nobody and is refused.
pub(super) fn normalise(raw: &str, region: Option<&str>) -> Result<Number, Fault> {
    let region = region.map(region_of).transpose()?;
    let text: String = raw
        .chars()
        .filter(|c| !is_invisible(*c))
        .flat_map(|c| digit::to_ascii(c).to_lowercase())
        .nfc()
        .collect();
    match read(text.trim(), region) {
        Err(_) if is_counting(&text) => Err(Fault::Blocked),
        Err(fault) => Err(fault),
        Ok((number, key)) => {
            // A counting number is made up unless it is a number in use.
            let counts = is_counting(&text) && !PHONE_NUMBER_UTIL.is_valid_number(&number);
            Ok(Number { key, filler: counts || blocked::is_same(&national_digits(&number)) })
        }
    }
}

fn is_counting(text: &str) -> bool {
    blocked::is_counting(&blocked::digits_of(text))
}

/// The number and its key.
fn read(text: &str, region: Option<Region>) -> Result<(PhoneNumber, String), Fault> {
    let parts = Parts::of(text)?;
    check_signs(parts.number)?;

    let number = parts.parse(region)?;
    check_number(&number)?;
    let e164 = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned();
    if e164.len() > MAX_DIGITS + 1 {
        return Err(value_fault("must have at most 15 digits"));
    }
    // A key that parses as a different number would never be found again.
    if PHONE_NUMBER_UTIL.parse(&e164, None).as_ref() != Ok(&number) {
        return Err(NOT_A_NUMBER);
    }
    let key = match parts.extension {
        Some(extension) => format!("{e164};ext={extension}"),
        None => e164,
    };
    Ok((number, key))
}

/// The parts of a text with a number.
struct Parts<'a> {
    number: &'a str,
    extension: Option<&'a str>,
    /// The start of a local number (RFC 3966).
    context: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Splits a `tel:` URI or free text; the text is lower case.
    fn of(text: &'a str) -> Result<Self, Fault> {
        let text = text.strip_prefix("tel:").unwrap_or(text).trim();
        let mut fields = text.split(';');
        let number = fields.next().unwrap_or(text).trim();
        let mut parts = match split_extension(number) {
            Some((number, extension)) => Self { number, extension: Some(extension), context: None },
            None => Self { number, extension: None, context: None },
        };
        for field in fields {
            match field.split_once('=') {
                Some(("ext", digits)) if parts.extension.is_none() => {
                    parts.extension = Some(digits);
                }
                Some(("phone-context", context)) => parts.context = Some(context),
                Some((name, _)) if name != "ext" => {}
                // A second number, or an unlabelled extension.
                _ => return Err(NOT_A_NUMBER),
            }
        }
        let is_extension = |text: &str| {
            (1..=MAX_EXTENSION_DIGITS).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_digit())
        };
        match parts.extension {
            Some(extension) if !is_extension(extension) => {
                Err(value_fault("must have an extension of 1 to 20 digits"))
            }
            _ => Ok(parts),
        }
    }

    fn parse(&self, region: Option<Region>) -> Result<PhoneNumber, Fault> {
        let parsed = match self.context {
            Some(context) => {
                let text = format!("{};phone-context={context}", self.number);
                PHONE_NUMBER_UTIL.parse(text, region)
            }
            None => PHONE_NUMBER_UTIL.parse(self.number, region),
        };
        parsed.map_err(|error| match error {
            ParseError::InvalidCountryCode if region.is_none() && !self.number.contains('+') => {
                Fault::Field {
                    field: "phone_region",
                    rule: "is required for a number without a country code",
                }
            }
            ParseError::InvalidCountryCode => value_fault("must have a country code in use"),
            ParseError::TooLongNsn => value_fault("must have at most 15 digits"),
            _ => NOT_A_NUMBER,
        })
    }
}

/// Splits the extension from the number, if a label separates two groups of digits.
fn split_extension(text: &str) -> Option<(&str, &str)> {
    let end = text.strip_suffix('#').unwrap_or(text).trim_end();
    let before = end.trim_end_matches(|c: char| c.is_ascii_digit());
    let extension = &end[before.len()..];
    if extension.is_empty() {
        return None;
    }
    let labelled = before.trim_end_matches([' ', '.', ':', '=', ',']);
    // Two commas are a dialling pause, which is a label of its own.
    let labelled = if before.ends_with(",,") { before } else { labelled };
    let number = EXTENSION_LABELS.split('|').find_map(|label| labelled.strip_suffix(label))?;
    let number = number.trim_end_matches([' ', '.', ',', '-']);
    (!number.is_empty()).then_some((number, extension))
}

/// A number consists of digits, one plus sign and separators. Letters that stand for digits
/// ("0800-FLOWERS") are refused: treating them as digits would also turn a remark after a number
/// into digits.
fn check_signs(number: &str) -> Result<(), Fault> {
    if number.chars().any(char::is_alphabetic) {
        return Err(value_fault("must not hold letters but those of an extension"));
    }
    let is_sign = |c: char| {
        c.is_ascii_digit()
            || digit::is_dash(c)
            || matches!(c, '+' | ' ' | '.' | '/' | '(' | ')' | '[' | ']')
    };
    let plus_signs = number.chars().filter(|c| *c == '+').count();
    if plus_signs > 1 || !number.chars().all(is_sign) {
        return Err(NOT_A_NUMBER);
    }
    Ok(())
}

fn check_number(number: &PhoneNumber) -> Result<(), Fault> {
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(number) {
        Ok(NumberLengthType::IsPossible) => {}
        Ok(NumberLengthType::IsPossibleLocalOnly) => {
            return Err(value_fault("must have its area code"));
        }
        Err(_) => return Err(value_fault("must have as many digits as its country's numbers")),
    }
    if national_digits(number).len() < MIN_UNKNOWN_DIGITS
        && !PHONE_NUMBER_UTIL.is_valid_number(number)
    {
        return Err(value_fault("must not be an emergency or short number"));
    }
    Ok(())
}

fn region_of(code: &str) -> Result<Region, Fault> {
    let region = Region::from_code(code).ok();
    let known = |region: &Region| PHONE_NUMBER_UTIL.get_country_code_for_region(*region).is_some();
    region.filter(|region| code.len() == 2 && known(region)).ok_or(Fault::Field {
        field: "phone_region",
        rule: "must be a country as two capital letters (ISO 3166-1)",
    })
}
