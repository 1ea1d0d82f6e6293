//! Numbers and money as files have them.

use serde::Deserialize;

/// How a file writes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Before the part of a unit.
    pub decimal: char,
    /// Between groups of three digits; a space stands for every kind of space, `'` for both kinds
    /// of apostrophe.
    pub thousands: Option<char>,
}

/// What an amount of money counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// `19.99` is 19.99 EUR.
    #[default]
    Major,
    /// `1999` is 19.99 EUR.
    Minor,
}

/// How many digits the smallest unit of a currency takes: from ISO 4217, where it is not 2.
pub fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// An amount in the smallest unit of its currency: `"€ 1.234,50"` is 123450. Fails with the reason.
pub fn read_money(text: &str, currency: &str, marks: Marks, unit: Unit) -> Result<i64, String> {
    let (negative, digits) = strip_money(text, currency);
    if digits.starts_with(['-', '\u{2212}']) {
        return Err("has two signs".to_owned());
    }
    let scale = if unit == Unit::Major { minor_digits(currency) } else { 0 };
    let amount = read_scaled(digits, marks, scale)?;
    Ok(if negative { -amount } else { amount })
}

/// A number times 10^`digits`, as a whole number. Fails with the reason.
pub fn read_scaled(text: &str, marks: Marks, digits: u32) -> Result<i64, String> {
    let (negative, text) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = text.split_once(marks.decimal).unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    let kept = digits as usize;
    if !part.bytes().all(|byte| byte.is_ascii_digit()) || (whole.is_empty() && part.is_empty()) {
        return Err(not_a_number(marks));
    }
    if part.len() > kept {
        return Err(match kept {
            0 => "is not a whole number".to_owned(),
            _ => format!("has more than {kept} decimals"),
        });
    }
    let mut number: i64 = 0;
    let part = part.bytes().chain(std::iter::repeat_n(b'0', kept - part.len()));
    for digit in group_digits(whole, marks)?.bytes().chain(part) {
        let next = number.checked_mul(10).and_then(|n| n.checked_add(i64::from(digit - b'0')));
        number = next.ok_or("is too large")?;
    }
    Ok(if negative { -number } else { number })
}

/// A number with or without decimals. Fails with the reason.
pub fn read_float(text: &str, marks: Marks) -> Result<f64, String> {
    let whole = text.split(marks.decimal).next().unwrap_or_default();
    let part = text.strip_prefix(whole).unwrap_or_default();
    let sign = if whole.starts_with('-') { "-" } else { "" };
    let digits = group_digits(whole.trim_start_matches(['-', '+']), marks)?;
    let plain = format!("{sign}{digits}{}", part.replacen(marks.decimal, ".", 1));
    let known = plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
    match plain.parse() {
        Ok(number) if known => Ok(number),
        _ => Err(not_a_number(marks)),
    }
}

/// The digits of a whole number without the marks between its groups. The marks must stand where
/// they belong: `1.23` read with the marks of `1.234,50` is not 123.
fn group_digits(whole: &str, marks: Marks) -> Result<String, String> {
    if whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(whole.to_owned());
    }
    let fault = || not_a_number(marks);
    let mark = marks.thousands.ok_or_else(fault)?;
    let is_mark = |char: char| match mark {
        ' ' => char.is_whitespace(),
        '\'' => char == '\'' || char == '\u{2019}',
        _ => char == mark,
    };
    let groups: Vec<&str> = whole.split(is_mark).collect();
    let (last, rest) = groups.split_last().ok_or_else(fault)?;
    let (first, middle) = rest.split_first().ok_or_else(fault)?;
    // India groups by two above the thousands.
    let lengths = last.len() == 3
        && (1..=3).contains(&first.len())
        && middle.iter().all(|group| group.len() == 3 || group.len() == 2);
    let digits = groups.concat();
    if lengths && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err(fault())
    }
}

fn not_a_number(marks: Marks) -> String {
    let thousands = marks.thousands.map_or("none".to_owned(), |mark| format!("\"{mark}\""));
    format!(
        "is not a number with the decimal mark \"{}\" and the thousands mark {thousands}",
        marks.decimal
    )
}

/// Takes the sign and what names the currency off an amount: `(12,50)`, `12,50-`, `kr. 12`, `12,-`.
fn strip_money<'a>(text: &'a str, currency: &str) -> (bool, &'a str) {
    const SIGNS: [&str; 17] = [
        "kr.", "kr", "Kr.", "Kr", "Rs.", "Rs", "US$", "R$", "$", "€", "£", "¥", "₹", "₽", "₩",
        "zł", "CHF",
    ];
    let mut text = text.trim();
    let mut negative = false;
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        (negative, text) = (true, inner.trim());
    }
    loop {
        let before = text;
        for sign in SIGNS.into_iter().chain([currency]).filter(|sign| !sign.is_empty()) {
            text = text.strip_prefix(sign).unwrap_or(text).trim_start();
            text = text.strip_suffix(sign).unwrap_or(text).trim_end();
        }
        for dash in [",-", ".-", ",--", ".--"] {
            text = text.strip_suffix(dash).unwrap_or(text);
        }
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
