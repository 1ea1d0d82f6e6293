//! Loyalty cards.

use super::{
    digit,
    identifier::{Fault, value_fault},
};

/// The number in capitals without spaces and dashes. A number of 13 digits is an EAN, like the bar
/// code on most cards, and its check digit must be right; for other forms there is no rule.
pub(super) fn normalise(text: &str) -> Result<String, Fault> {
    let number: String = text
        .chars()
        .map(digit::to_ascii)
        .filter(|c| !c.is_whitespace() && !digit::is_dash(*c))
        .flat_map(char::to_uppercase)
        .collect();
    if !number.chars().all(char::is_alphanumeric) || number.is_empty() {
        return Err(value_fault("must be letters, digits, spaces and dashes"));
    }
    if number.len() == 13 && number.bytes().all(|b| b.is_ascii_digit()) && !is_ean(&number) {
        return Err(value_fault("must have a right check digit"));
    }
    Ok(number)
}

/// GS1 General Specifications, section 7.9: the digits count 1 and 3 by turns from the last one,
/// and the sum is a multiple of ten.
fn is_ean(number: &str) -> bool {
    let weighted = number.bytes().rev().zip([1, 3].into_iter().cycle());
    weighted.map(|(digit, weight)| u32::from(digit - b'0') * weight).sum::<u32>() % 10 == 0
}
