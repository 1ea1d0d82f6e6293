//! The likeness of two texts by their letters.

use strsim::{jaro_winkler, osa_distance};

use crate::story::matching::{Agreement, date};

/// How alike two folded texts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    Different,
    Similar,
    Near,
    Same,
}

/// Jaro-Winkler similarity from here on is that of names that are alike.
const ALIKE: f64 = 0.9;

/// The likeness of two folded texts, neither of them empty. Spaces do not count.
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
    // Cut short, as by a field that is too narrow.
    let is_cut = shorter >= 4 && (one.starts_with(other) || other.starts_with(one));
    if is_cut || (shorter >= 4 && jaro_winkler(one, other) >= ALIKE) {
        Likeness::Similar
    } else {
        Likeness::Different
    }
}

/// How far two birth dates agree. None where one is unknown.
pub(super) fn dates(one: &str, other: &str) -> Option<Agreement> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    if one == other {
        return Some(Agreement::Exact);
    }
    let (Some(parts), Some(others)) = (date::split(one), date::split(other)) else {
        // Of one only the year is known, or a digit was lost.
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
    // A parent and a child of one name are not to look like one person who was mistyped.
    let is_one_generation = number(year).abs_diff(number(others.0)) < 15;
    let is_like = equal == 2
        || (is_one_generation && osa_distance(one, other) == 2)
        || days_apart(parts, others) <= 31;
    Some(if is_like { Agreement::Similar } else { Agreement::Different })
}

/// How far two dates are apart, as if every month had 31 days.
fn days_apart(one: (&str, &str, &str), other: (&str, &str, &str)) -> u32 {
    let days = |(year, month, day): (&str, &str, &str)| {
        (number(year) * 12 + number(month)) * 31 + number(day)
    };
    days(one).abs_diff(days(other))
}

fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}
