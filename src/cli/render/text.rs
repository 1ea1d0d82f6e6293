//! Texts and amounts for a terminal.

use unicode_width::UnicodeWidthChar as _;
use unicode_width::UnicodeWidthStr as _;

use crate::{
    domain::{money::minor_unit_digits, text::display_safe},
    pb,
};

/// A text in one line, with control and invisible characters made visible.
pub fn safe(text: &str) -> String {
    display_safe(text).replace(['\n', '\t'], " ")
}

/// Wraps a text into lines of at most `width` columns. Consecutive empty lines become one.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.trim().lines() {
        let before = lines.len();
        let mut line = String::new();
        for word in paragraph.split_whitespace().flat_map(|word| pieces(&safe(word), width)) {
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        let blank = line.is_empty() && lines.len() == before;
        if !line.is_empty() || (blank && lines.last().is_some_and(|last| !last.is_empty())) {
            lines.push(line);
        }
    }
    lines
}

/// Splits a word into pieces of at most `width` columns.
fn pieces(word: &str, width: usize) -> Vec<String> {
    if word.width() <= width {
        return vec![word.to_owned()];
    }
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for character in word.chars() {
        let columns = character.width().unwrap_or(0);
        if used + columns > width && used > 0 {
            pieces.push(String::new());
            used = 0;
        }
        used += columns;
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
    }
    pieces
}

/// The text padded with spaces to a width.
pub fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// The number of columns of a text.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// An amount such as "EUR 19.99". No separators between thousands: half of Europe reads them as the
/// decimal point.
pub fn money(money: &pb::Money) -> String {
    amount(&money.currency_code, money.minor_units.into())
}

/// An amount in the smallest unit of a currency.
pub fn amount(currency: &str, minor_units: i128) -> String {
    let digits = minor_unit_digits(currency).unwrap_or(0);
    let sign = if minor_units < 0 { "-" } else { "" };
    let units = minor_units.unsigned_abs();
    let one = 10_u128.pow(digits);
    let currency = safe(currency);
    if digits == 0 {
        return format!("{currency} {sign}{units}");
    }
    let width = usize::try_from(digits).unwrap_or(0);
    format!("{currency} {sign}{}.{:0width$}", units / one, units % one)
}

/// The name of a channel.
pub fn channel(channel: pb::Channel) -> String {
    // Entries of the server itself have no channel.
    if channel == pb::Channel::Unspecified {
        return String::new();
    }
    channel.as_str_name().trim_start_matches("CHANNEL_").to_lowercase()
}
