//! The similarity of two texts by their letters.

use strsim::{jaro_winkler, osa_distance};

use crate::domain::matching::{Agreement, date};

/// The similarity of two folded texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    Different,
    Similar,
    Near,
    Same,
}

/// Names with at least this Jaro-Winkler similarity are similar.
const ALIKE: f64 = 0.9;

/// The similarity of two folded texts, neither of them empty. Spaces are ignored.
pub fn likeness(one: &str, other: &str) -> Likeness {
    if one == other {
        return Likeness::Same;
    }
    if one.contains(' ') || other.contains(' ') {
        let (one, other) = (one.replace(' ', ""), other.replace(' ', ""));
        return if one == other { Likeness::Same } else { unequal(&one, &other) };
    }
    unequal(one, other)
}

fn unequal(one: &str, other: &str) -> Likeness {
    let shorter = one.len().min(other.len());
    if shorter == 0 {
        return Likeness::Different;
    }
    let apart = one.len().abs_diff(other.len());
    let edits = if apart <= 2 { osa_distance(one, other) } else { apart };
    match (edits, shorter) {
        (0..=1, 4..) | (2, 8..) => return Likeness::Near,
        (1, 3) | (2, 5..) => return Likeness::Similar,
        _ => {}
    }
    // Truncated, as by a field that is too narrow.
    let is_cut = shorter >= 4 && (one.starts_with(other) || other.starts_with(one));
    if is_cut || (shorter >= 4 && jaro_winkler(one, other) >= ALIKE) {
        Likeness::Similar
    } else {
        Likeness::Different
    }
}

/// The agreement of two birth dates. None if one is unknown.
pub(super) fn dates(one: &str, other: &str) -> Option<Agreement> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    if one == other {
        return Some(Agreement::Exact);
    }
    let (Some(parts), Some(others)) = (date::split(one), date::split(other)) else {
        // Only the year of one is known, or a digit was lost.
        return Some(match osa_distance(one, other) {
            1 if one.len().min(other.len()) >= 7 => Agreement::Near,
            _ if one.len().min(other.len()) == 4 && one[..4] == other[..4] => Agreement::Similar,
            _ => Agreement::Different,
        });
    };
    let (year, month, day) = parts;
    if year == others.0 && month == others.2 && day == others.1 {
        return Some(Agreement::Transposed);
    }
    if osa_distance(one, other) == 1 {
        return Some(Agreement::Near);
    }
    let equal = usize::from(year == others.0)
        + usize::from(month == others.1)
        + usize::from(day == others.2);
    // A parent and a child with the same name must not look like one person with a typing error.
    let is_one_generation = number(year).abs_diff(number(others.0)) < 15;
    let is_like = equal == 2
        || (is_one_generation && osa_distance(one, other) == 2)
        || days_apart(parts, others) <= 31;
    Some(if is_like { Agreement::Similar } else { Agreement::Different })
}

/// The distance of two dates in days, as if every month had 31.
fn days_apart(one: (&str, &str, &str), other: (&str, &str, &str)) -> u32 {
    let days = |(year, month, day): (&str, &str, &str)| {
        (number(year) * 12 + number(month)) * 31 + number(day)
    };
    days(one).abs_diff(days(other))
}

fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}
