//! Checksums and ranges that distinguish card and identity numbers from other numbers.

use std::ops::RangeInclusive;

/// A range of issuer numbers, compared by as many leading digits as the bounds have, with the
/// lengths of its card numbers.
struct Issuer {
    prefixes: RangeInclusive<u32>,
    lengths: RangeInclusive<usize>,
}

const fn issuer(first: u32, last: u32, shortest: usize, longest: usize) -> Issuer {
    Issuer { prefixes: first..=last, lengths: shortest..=longest }
}

/// The issuer numbers (ISO/IEC 7812) that the card schemes publish.
const ISSUERS: [Issuer; 20] = [
    // Visa.
    issuer(4, 4, 13, 19),
    // Mastercard.
    issuer(51, 55, 16, 16),
    issuer(2221, 2720, 16, 16),
    // American Express.
    issuer(34, 34, 15, 15),
    issuer(37, 37, 15, 15),
    // Diners Club.
    issuer(300, 305, 14, 19),
    issuer(36, 36, 14, 19),
    issuer(38, 39, 14, 19),
    // Discover.
    issuer(6011, 6011, 16, 19),
    issuer(644, 649, 16, 19),
    issuer(65, 65, 16, 19),
    // JCB.
    issuer(3528, 3589, 16, 19),
    // UnionPay.
    issuer(62, 62, 16, 19),
    // Dankort.
    issuer(5019, 5019, 16, 16),
    // Maestro.
    issuer(5018, 5018, 13, 19),
    issuer(5020, 5020, 13, 19),
    issuer(5038, 5038, 13, 19),
    issuer(56, 58, 13, 19),
    issuer(6304, 6304, 13, 19),
    issuer(67, 67, 13, 19),
];

/// Whether digits (0 to 9 each) are a payment card number: an issuer's prefix, a length that the
/// issuer uses, and the Luhn check digit (ISO/IEC 7812-1, annex B).
pub(super) fn is_card(digits: &[u8]) -> bool {
    let begins = |issuer: &Issuer| {
        let length = issuer.prefixes.start().ilog10() as usize + 1;
        let prefix = digits.iter().take(length).fold(0, |sum, digit| sum * 10 + u32::from(*digit));
        issuer.lengths.contains(&digits.len()) && issuer.prefixes.contains(&prefix)
    };
    ISSUERS.iter().any(begins) && is_luhn(digits)
}

/// The Luhn checksum: from the right, every second digit is doubled, minus nine if above nine; the
/// sum is a multiple of ten.
fn is_luhn(digits: &[u8]) -> bool {
    let counted = digits.iter().rev().enumerate().map(|(at, digit)| match at % 2 {
        0 => u32::from(*digit),
        _ => u32::from(*digit) * 2 - if *digit > 4 { 9 } else { 0 },
    });
    counted.sum::<u32>() % 10 == 0
}

/// The eleven test of the Dutch burgerservicenummer (Logisch Ontwerp BSN, Rijksdienst voor
/// Identiteitsgegevens): the digits times 9, 8, ... 2 and -1 add up to a multiple of eleven. A
/// number of eight digits has lost its leading zero.
pub(super) fn is_bsn(digits: &[u8]) -> bool {
    if !matches!(digits.len(), 8 | 9) || digits.iter().all(|digit| *digit == 0) {
        return false;
    }
    let weights = [-1, 2, 3, 4, 5, 6, 7, 8, 9];
    let sum: i32 = digits.iter().rev().zip(weights).map(|(d, weight)| i32::from(*d) * weight).sum();
    sum % 11 == 0
}

/// Ten digits that begin with a date, like a Danish CPR number. Its check digit is not tested:
/// since 2007 the CPR office has issued numbers without a valid one.
pub(super) fn is_cpr(digits: &[u8]) -> bool {
    digits.len() == 10 && is_day_and_month(pair(digits, 0), pair(digits, 2))
}

/// A Norwegian fødselsnummer or D-number: a date and two check digits (Skatteetaten; the weights
/// are those of the regulation to folkeregisterloven). A D-number has 40 added to the day, and
/// synthetic numbers have 40, 65 or 80 added to the month.
pub(super) fn is_fodselsnummer(digits: &[u8]) -> bool {
    let sum = |weights: &[u8]| -> u32 {
        digits.iter().zip(weights).map(|(d, weight)| u32::from(*d) * u32::from(*weight)).sum()
    };
    if digits.len() != 11 {
        return false;
    }
    let (day, month) = (pair(digits, 0), pair(digits, 2));
    let day = if day > 40 { day - 40 } else { day };
    let month = match month {
        81.. => month - 80,
        66.. => month - 65,
        41.. => month - 40,
        _ => month,
    };
    is_day_and_month(day, month)
        && sum(&[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && sum(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

fn pair(digits: &[u8], at: usize) -> u8 {
    digits[at] * 10 + digits[at + 1]
}

fn is_day_and_month(day: u8, month: u8) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}
