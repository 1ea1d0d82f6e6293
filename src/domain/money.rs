//! Currencies and amounts, without floating point.

/// The greatest absolute amount in minor units.
pub const MAX_MINOR_UNITS: i64 = 1_000_000_000_000_000;

/// The currencies of ISO 4217, list one (with its amendments to 2025) and those withdrawn since
/// 2020, by the number of digits of their minor unit. Funds codes and metals (XAU, XDR) are
/// excluded.
const NO_DIGITS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const TWO_DIGITS: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND \
    BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP \
    DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR \
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
    MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR \
    SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD \
    USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ZWL";
const THREE_DIGITS: &str = "BHD IQD JOD KWD LYD OMR TND";
const FOUR_DIGITS: &str = "CLF UYW";

/// The number of digits of the minor unit of a currency: 2 for EUR, 0 for JPY. None for an unknown
/// currency.
pub fn minor_unit_digits(currency_code: &str) -> Option<u32> {
    if currency_code.len() != 3 || !currency_code.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let has = |codes: &str| codes.split(' ').any(|code| code == currency_code);
    [(TWO_DIGITS, 2), (NO_DIGITS, 0), (THREE_DIGITS, 3), (FOUR_DIGITS, 4)]
        .into_iter()
        .find_map(|(codes, digits)| has(codes).then_some(digits))
}

/// The notation of amounts in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountStyle {
    /// The decimal separator.
    pub decimal: char,
    /// The separator of groups of three digits; ' ' and '\'' include their typographic variants.
    /// None: no groups.
    pub group: Option<char>,
}

impl Default for AmountStyle {
    fn default() -> Self {
        Self { decimal: '.', group: None }
    }
}

/// Parses a decimal text into minor units of `digits` digits: "1,234.5" is 123450 with two digits.
/// It is exact: more decimals than the currency has are refused unless they are zeros, and so is a
/// misplaced group separator, because a rejected row is better than 1,5 read as fifteen.
pub fn parse_amount(text: &str, digits: u32, style: AmountStyle) -> Result<i64, &'static str> {
    const RULE: &str = "must be an amount, written as the separators given say";
    let text = text.trim();
    let negative = text.starts_with(['-', '\u{2212}']);
    let unsigned = text.trim_start_matches('\u{2212}');
    let unsigned = match unsigned.len() == text.len() {
        true => unsigned.strip_prefix(['-', '+']).unwrap_or(unsigned),
        false => unsigned,
    };
    let (whole, fraction) = unsigned.split_once(style.decimal).unwrap_or((unsigned, ""));
    let whole = ungroup(whole, style.group).ok_or(RULE)?;
    if whole.is_empty() && fraction.is_empty() {
        return Err(RULE);
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RULE);
    }
    let kept = fraction.len().min(digits as usize);
    let (kept, rest) = fraction.split_at(kept);
    if rest.bytes().any(|b| b != b'0') {
        return Err("has more decimals than the currency");
    }
    let mut amount: i64 = 0;
    let zeros = std::iter::repeat_n(b'0', digits as usize - kept.len());
    for digit in whole.bytes().chain(kept.bytes()).chain(zeros) {
        amount = amount * 10 + i64::from(digit - b'0');
        if amount > MAX_MINOR_UNITS {
            return Err("must be between -10^15 and 10^15 minor units");
        }
    }
    Ok(if negative { -amount } else { amount })
}

/// The digits of the integer part; None if it contains anything else or a group of the wrong size.
fn ungroup(whole: &str, group: Option<char>) -> Option<String> {
    let is_group = |c: char| match group {
        Some(' ') => matches!(c, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}'),
        Some('\'') => matches!(c, '\'' | '\u{2019}'),
        other => Some(c) == other,
    };
    let groups: Vec<&str> = whole.split(is_group).collect();
    let digits = |part: &&str| part.bytes().all(|b| b.is_ascii_digit());
    let (first, rest) = groups.split_first()?;
    let sized = rest.is_empty()
        || (matches!(first.len(), 1..=3) && rest.iter().all(|part| part.len() == 3));
    (groups.iter().all(digits) && sized).then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_unit_is_that_of_iso_4217() {
        let cases = [
            ("EUR", Some(2)),
            ("NOK", Some(2)),
            ("DKK", Some(2)),
            ("JPY", Some(0)),
            ("ISK", Some(0)),
            ("KWD", Some(3)),
            ("CLF", Some(4)),
            ("EURO", None),
            ("eur", None),
            ("XXX", None),
            ("XAU", None),
            ("E R", None),
            ("", None),
        ];
        for (code, digits) in cases {
            assert_eq!(minor_unit_digits(code), digits, "{code}");
        }
    }

    #[test]
    fn no_currency_is_listed_twice() {
        let lists = [NO_DIGITS, TWO_DIGITS, THREE_DIGITS, FOUR_DIGITS];
        let mut codes: Vec<&str> = lists.iter().flat_map(|list| list.split(' ')).collect();
        let listed = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), listed);
        assert!(codes.iter().all(|code| code.len() == 3));
    }

    #[test]
    fn an_amount_is_exact() {
        let plain = AmountStyle::default();
        let english = AmountStyle { decimal: '.', group: Some(',') };
        let dutch = AmountStyle { decimal: ',', group: Some('.') };
        let norwegian = AmountStyle { decimal: ',', group: Some(' ') };
        let swiss = AmountStyle { decimal: '.', group: Some('\'') };
        let cases = [
            ("1234.5", 2, plain, 123_450),
            ("-3", 2, plain, -300),
            ("\u{2212}3.07", 2, plain, -307),
            ("+3", 2, plain, 300),
            (" 0.10 ", 2, plain, 10),
            (".5", 2, plain, 50),
            ("5.", 2, plain, 500),
            ("19.990000", 2, plain, 1999),
            ("1999", 0, plain, 1999),
            ("1999.00", 0, plain, 1999),
            ("1.5", 3, plain, 1500),
            ("1,234.50", 2, english, 123_450),
            ("1,234,567", 2, english, 123_456_700),
            ("1.234,50", 2, dutch, 123_450),
            ("12\u{a0}345,00", 2, norwegian, 1_234_500),
            ("12 345,00", 2, norwegian, 1_234_500),
            ("1\u{2019}000.05", 2, swiss, 100_005),
            ("10000000000000", 2, plain, 1_000_000_000_000_000),
        ];
        for (text, digits, style, amount) in cases {
            assert_eq!(parse_amount(text, digits, style), Ok(amount), "{text}");
        }
    }

    #[test]
    fn an_amount_that_cannot_be_read_for_sure_is_refused() {
        let plain = AmountStyle::default();
        let english = AmountStyle { decimal: '.', group: Some(',') };
        let cases = [
            ("", plain),
            ("-", plain),
            (".", plain),
            ("--3", plain),
            ("\u{2212}-3", plain),
            ("-+3", plain),
            ("1,234", plain),
            ("1,5", english),
            (",500", english),
            ("1234,500", english),
            ("1,234,56", english),
            ("1.2.3", plain),
            ("1.999", plain),
            ("1.00000000000000000001", plain),
            ("1e3", plain),
            ("NaN", plain),
            ("EUR 3", plain),
            ("٣", plain),
            ("10000000000000.01", plain),
            ("99999999999999999999999", plain),
        ];
        for (text, style) in cases {
            assert!(parse_amount(text, 2, style).is_err(), "{text}");
        }
    }
}
