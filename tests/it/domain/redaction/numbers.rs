//! Numbers as people write them: cards and national ids with valid check digits, and others.

use crate::random::Random;

/// This many random digits, the first not zero.
pub fn digits(random: &mut Random, count: usize) -> String {
    let first = 1 + random.below(9);
    let rest = (1..count).map(|_| random.below(10).to_string());
    std::iter::once(first.to_string()).chain(rest).collect()
}

/// A number of two digits from 1 on.
fn two(random: &mut Random, last: usize) -> String {
    format!("{:02}", 1 + random.below(last))
}

/// A card number with a valid check digit (Luhn), and the grouping of its digits on the card.
pub fn card(random: &mut Random) -> (String, &'static [usize]) {
    const FOURS: &[usize] = &[4, 4, 4, 4];
    let (prefix, length, groups) = match random.below(8) {
        0..=2 => ("4".to_owned(), 16, FOURS),
        3 | 4 => (format!("5{}", 1 + random.below(5)), 16, FOURS),
        5 => ((2221 + random.below(500)).to_string(), 16, FOURS),
        6 => ("5019".to_owned(), 16, FOURS),
        _ => (random.pick(&["34", "37"]).to_owned(), 15, &[4, 6, 5][..]),
    };
    let rest = length - 1 - prefix.len();
    let body = format!("{prefix}{}", digits(random, rest));
    let check = (0..10).find(|check| luhn(&format!("{body}{check}"))).unwrap();
    (format!("{body}{check}"), groups)
}

fn luhn(number: &str) -> bool {
    let digits = number.bytes().rev().map(|byte| u32::from(byte - b'0'));
    let counted = digits.enumerate().map(|(at, digit)| match at % 2 == 1 {
        true => digit * 2 / 10 + digit * 2 % 10,
        false => digit,
    });
    counted.sum::<u32>() % 10 == 0
}

/// A card number as people type it: grouped or not, in digits of several scripts.
pub fn written_card(random: &mut Random) -> String {
    let (number, groups) = card(random);
    let separator =
        random.pick(&["", "", " ", " ", " ", "-", ".", "\u{a0}", "\u{202f}", " - ", "  ", "–"]);
    let written = grouped(&number, groups, separator);
    in_script(random, written)
}

/// A number in groups of digits.
pub fn grouped(number: &str, groups: &[usize], separator: &str) -> String {
    let mut parts = Vec::new();
    let mut rest = number;
    for group in groups {
        let (part, behind) = rest.split_at(*group);
        parts.push(part);
        rest = behind;
    }
    parts.join(separator)
}

/// One in ten is in full-width or Arabic-Indic digits.
pub fn in_script(random: &mut Random, number: String) -> String {
    let zero = match random.below(20) {
        0 => 0xff10,
        1 => 0x660,
        _ => return number,
    };
    let other = |c: char| match c.to_digit(10) {
        Some(digit) => char::from_u32(zero + digit).unwrap(),
        None => c,
    };
    number.chars().map(other).collect()
}

/// A Dutch BSN.
pub fn bsn(random: &mut Random) -> String {
    loop {
        let number = digits(random, 9);
        let sum: i32 = number
            .bytes()
            .zip([9, 8, 7, 6, 5, 4, 3, 2, -1])
            .map(|(byte, weight)| i32::from(byte - b'0') * weight)
            .sum();
        if sum % 11 == 0 {
            let grouped = [&number[..3], &number[3..6], &number[6..]].join(" ");
            let dotted = format!("{}.{}.{}", &number[..4], &number[4..6], &number[6..]);
            return random.pick(&[number.clone(), number, grouped, dotted]);
        }
    }
}

fn date(random: &mut Random) -> String {
    format!("{}{}{:02}", two(random, 28), two(random, 12), random.below(100))
}

/// A Danish CPR number.
pub fn cpr(random: &mut Random, separator: &str) -> String {
    format!("{}{separator}{:04}", date(random), random.below(10_000))
}

/// A Norwegian fødselsnummer.
pub fn fodselsnummer(random: &mut Random) -> String {
    loop {
        let number = format!("{}{:03}", date(random), random.below(1000));
        let Some(number) = with_check(&number, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) else { continue };
        let Some(number) = with_check(&number, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) else { continue };
        return match random.one_in(3) {
            true => format!("{} {}", &number[..6], &number[6..]),
            false => number,
        };
    }
}

fn with_check(number: &str, weights: &[u32]) -> Option<String> {
    let sum: u32 =
        number.bytes().zip(weights).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum();
    let check = (11 - sum % 11) % 11;
    (check < 10).then(|| format!("{number}{check}"))
}

/// A typical password.
pub fn password(random: &mut Random) -> String {
    let word = random.pick(&["Sommer", "zomer", "Welkom", "hunter", "Fodbold", "geheim", "Oslo"]);
    let end = random.pick(&["2026!", "01", "123", "#7", "_x9", "2024", "$$"]);
    match random.below(4) {
        0 => format!("{}{}{}", word.to_lowercase(), random.below(1000), end),
        1 => format!("{end}{word}"),
        _ => format!("{word}{end}"),
    }
}

/// A harmless number.
pub fn harmless(random: &mut Random) -> String {
    let n = |random: &mut Random, count| digits(random, count);
    match random.below(17) {
        0 => format!("06-{}", n(random, 8)),
        1 => format!("+31 6 {} {}", n(random, 4), n(random, 4)),
        2 => format!("+47 {} {} {}", n(random, 3), n(random, 2), n(random, 3)),
        3 => format!("+45{}", n(random, 8)),
        4 => format!("0031{}", n(random, 9)),
        5 => format!("+44 20 {} {}", n(random, 4), n(random, 4)),
        6 => format!("#W{}", n(random, 7)),
        7 => format!("S-{}", n(random, 5)),
        8 => format!("3S{}{}", random.pick(&["ABCD", "TPLK"]), n(random, 9)),
        9 => format!("SN {}-{}-{}", n(random, 4), n(random, 4), n(random, 3)),
        10 => format!("{}.{},{}", n(random, 1), n(random, 3), n(random, 2)),
        11 => format!("{} kr", n(random, 4)),
        12 => format!("{}-{}-{}", 2020 + random.below(7), two(random, 12), two(random, 28)),
        13 => format!("{}:{:02}", 10 + random.below(14), random.below(60)),
        14 => format!("{} {} {}", n(random, 3), n(random, 3), n(random, 3)),
        15 => n(random, 10),
        _ => n(random, 8),
    }
}
