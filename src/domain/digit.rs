//! Digits of any script.

/// The zeros of scripts whose digits occur in practice; nine more digits follow each. Taken from
/// the decimal numbers (category Nd) of the Unicode Character Database.
const ZEROS: [char; 24] = [
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{ff10}',
];

/// The value of a decimal digit of any script, 0 to 9. Superscripts and fractions have none.
pub(super) fn value(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let code = u32::from(c);
    if code < u32::from(ZEROS[0]) {
        return None;
    }
    ZEROS.iter().find_map(|&zero| {
        let value = code.checked_sub(u32::from(zero))?;
        u8::try_from(value).ok().filter(|value| *value < 10)
    })
}

/// The ASCII equivalent of a full-width character or a digit of another script; other characters as
/// they are.
pub(super) fn to_ascii(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' => ' ',
        _ => value(c).map_or(c, |value| char::from(b'0' + value)),
    }
}

/// Whether a character is a hyphen, a dash or a minus.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}
