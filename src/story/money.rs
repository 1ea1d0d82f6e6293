//! Amounts of money.

/// How many digits the smaller unit of a currency has.
pub fn minor_unit_digits(code: &str) -> Option<u32> {
    Some(if code == "JPY" { 0 } else { 2 })
}
