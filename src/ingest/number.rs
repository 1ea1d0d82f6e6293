//! Numbers and amounts of files.

use serde::Deserialize;

use crate::domain::money::{AmountStyle, minor_unit_digits, parse_amount};

/// The unit of an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// `19.99` is 19.99 EUR.
    #[default]
    Major,
    /// `1999` is 19.99 EUR.
    Minor,
}

/// An amount in the smallest unit of its currency: `"€ 1.234,50"` is 123450. Fails with the reason.
pub fn read_money(
    text: &str,
    currency: &str,
    style: AmountStyle,
    unit: Unit,
) -> Result<i64, String> {
    let digits = minor_unit_digits(currency).ok_or("has a currency that ISO 4217 does not have")?;
    let (negative, text) = strip_money(text, currency);
    if negative && text.starts_with(['-', '\u{2212}', '+']) {
        return Err("has two signs".to_owned());
    }
    let digits = if unit == Unit::Major { digits } else { 0 };
    let amount = parse_amount(text, digits, style)?;
    Ok(if negative { -amount } else { amount })
}

/// A number times 10^`digits`, which must be an integer. Fails with the reason.
pub fn read_scaled(text: &str, style: AmountStyle, digits: u32) -> Result<i64, String> {
    parse_amount(text, digits, style).map_err(|_| match digits {
        0 => "is not a whole number".to_owned(),
        _ => format!("is not a number with at most {digits} decimals"),
    })
}

/// A number with or without decimals. Fails with the reason.
pub fn read_float(text: &str, style: AmountStyle) -> Result<f64, String> {
    let plain = match style.decimal {
        '.' => text.to_owned(),
        decimal if text.contains('.') => return Err(not_a_number(decimal)),
        decimal => text.replacen(decimal, ".", 1),
    };
    // Rust would also read "NaN", "inf" and "1e9".
    let known = plain.bytes().all(|byte| byte.is_ascii_digit() || b".-+".contains(&byte));
    plain.parse().ok().filter(|_| known).ok_or_else(|| not_a_number(style.decimal))
}

fn not_a_number(decimal: char) -> String {
    format!("is not a number with the decimal mark \"{decimal}\"")
}

/// Strips the sign and the currency from an amount: `(12,50)`, `12,50-`, `kr. 12`, `12,-`.
fn strip_money<'a>(text: &'a str, currency: &str) -> (bool, &'a str) {
    const SIGNS: [&str; 17] = [
        "kr.", "kr", "Kr.", "Kr", "Rs.", "Rs", "US$", "R$", "$", "€", "£", "¥", "₹", "₽", "₩",
        "zł", "CHF",
    ];
    const NO_CENTS: [&str; 4] = [",--", ".--", ",-", ".-"];
    let mut text = text.trim();
    let mut negative = false;
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        (negative, text) = (true, inner.trim());
    }
    loop {
        let before = text;
        for sign in SIGNS.into_iter().chain([currency]) {
            text = text.strip_prefix(sign).unwrap_or(text).trim_start();
            text = text.strip_suffix(sign).unwrap_or(text).trim_end();
        }
        text = NO_CENTS.iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
        for minus in ['-', '\u{2212}'] {
            let bare = text.strip_prefix(minus).or_else(|| text.strip_suffix(minus));
            if let Some(bare) = bare.filter(|_| !negative) {
                (negative, text) = (true, bare.trim());
            }
        }
        if text == before {
            return (negative, text);
        }
    }
}
