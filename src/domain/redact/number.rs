//! Finds secrets that consist of digits.

use super::{Redaction, Secret, behind_card, checksum};
use crate::domain::{digit, text::is_invisible};

/// How far before a number, in bytes, a word may stand that labels it.
const CONTEXT_BYTES: usize = 48;

const CARD_WORDS: &str = "card|cardnumber|cards|kaart|kaartnummer|kort|kortnummer|visa|\
    mastercard|maestro|amex|dankort";
/// Words that label the number after them as something else.
const OTHER_NUMBER_WORDS: &str = "order|ordernumber|ordernummer|ordre|ordrenummer|\
    bestelling|bestelnummer|bestilling|bestillingsnummer|tracking|trackingnumber|track|\
    sporing|sporingsnummer|zending|pakket|parcel|shipment|imei|serial|serienummer|ean|\
    invoice|factuur";
const CODE_WORDS: &str = "cvv|cvv2|cvc|cvc2|csc|cvn|security code|securitycode|\
    veiligheidscode|beveiligingscode|controlecode|controlegetal|sikkerhetskode|\
    sikkerhetskoden|sikkerhedskode|sikkerhedskoden|kontrolcifre";
/// Words for the place of the code on a card; they imply that the text is about a card.
const BACK_WORDS: &str = "back|achterop|achterkant|baksiden|bagsiden";
const DIGIT_WORDS: &str = "digits|numbers|cijfers|sifre|sifrene|cifre|cifrene|tal|tallene";
const PIN_WORDS: &str = "pin|pincode|pin code|pinkode|pinkoden|pin-kode";
const BSN_WORDS: &str = "bsn|bsnnummer|burgerservicenummer|burger service nummer|sofinummer|\
    sofi|sofi nummer";
const CPR_WORDS: &str = "cpr|cprnr|cprnummer|personnummer|cpr-nummer|personnr";
/// What may stand between a label and its number.
const FILLERS: &str = "is|was|are|zijn|er|var|på|code|kode|koden|kortet|kort|number|\
    nummer|nr|no|id|of|the|my|mijn|min|on|op|de|van|card|kaart";

/// The separator between two groups of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    Space,
    Dash,
    Dot,
    /// Several spaces, or a dash with spaces around it.
    Wide,
}

impl Separator {
    fn of(c: char) -> Option<Self> {
        match digit::to_ascii(c) {
            ' ' => Some(Self::Space),
            '.' => Some(Self::Dot),
            c if digit::is_dash(c) => Some(Self::Dash),
            _ => None,
        }
    }

    /// Extends it by one more character; None if that ends the run.
    fn and(self, c: char) -> Option<Self> {
        match (self, Self::of(c)?) {
            (Self::Space | Self::Wide, Self::Space) | (Self::Space, Self::Dash) => Some(Self::Wide),
            _ => None,
        }
    }

    /// Whether a number may begin or end at it.
    fn is_gap(self) -> bool {
        matches!(self, Self::Space | Self::Wide)
    }
}

/// A group of digits without a separator.
#[derive(Debug)]
struct Group {
    /// In bytes of the text.
    start: usize,
    end: usize,
    /// The index of its first digit within the run.
    first: usize,
    /// The separator before it within the run.
    separator: Option<Separator>,
}

/// Groups of digits with single separators between them.
#[derive(Debug, Default)]
struct Run {
    digits: Vec<u8>,
    groups: Vec<Group>,
    /// The characters right before and right after it.
    before: Option<char>,
    after: Option<char>,
}

impl Run {
    fn digits(&self, from: usize, to: usize) -> &[u8] {
        let end = self.groups.get(to + 1).map_or(self.digits.len(), |group| group.first);
        &self.digits[self.groups[from].first..end]
    }

    fn group_len(&self, at: usize) -> usize {
        self.digits(at, at).len()
    }

    /// The only separator between the groups; None if there are several or none.
    fn inner_separator(&self, from: usize, to: usize) -> Option<Separator> {
        let first = self.groups.get(from + 1)?.separator;
        let same = self.groups[from + 1..=to].iter().all(|group| group.separator == first);
        first.filter(|_| same && to > from)
    }

    /// Whether nothing is attached to the front of a group, so that a number can begin there.
    fn is_free_before(&self, at: usize) -> bool {
        match at {
            0 => !self.before.is_some_and(glues),
            _ => self.groups[at].separator.is_some_and(Separator::is_gap),
        }
    }

    /// Whether nothing is attached to the end of a group, so that a number can end there.
    fn is_free_behind(&self, at: usize) -> bool {
        match self.groups.get(at + 1) {
            None => !self.after.is_some_and(glues),
            Some(next) => next.separator.is_some_and(Separator::is_gap),
        }
    }

    /// Whether the groups stand alone and are not part of a longer number or word.
    fn stands_alone(&self, from: usize, to: usize) -> bool {
        self.is_free_before(from) && self.is_free_behind(to)
    }
}

fn glues(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '#' | '+' | '@')
}

/// The secrets among the numbers of a text, in order.
pub(super) fn find(text: &str) -> Vec<Secret> {
    let mut secrets = Vec::new();
    if text.bytes().any(|b| b.is_ascii_digit() || !b.is_ascii()) {
        let mut context_start = 0;
        each_run(text, |run| {
            find_in_run(text, run, &mut context_start, &mut secrets);
        });
        // A code after a card is found before secrets that precede it in its run.
        secrets.sort_unstable_by_key(|secret| (secret.range.start, secret.range.end));
    }
    secrets
}

fn each_run(text: &str, mut found: impl FnMut(&Run)) {
    let mut run = Run::default();
    let mut separator = None;
    let mut previous = None;
    for (at, c) in text.char_indices() {
        if let Some(value) = digit::value(c) {
            if run.groups.is_empty() {
                run.before = previous;
            }
            if run.groups.is_empty() || separator.is_some() {
                let first = run.digits.len();
                run.groups.push(Group { start: at, end: at, first, separator: separator.take() });
            }
            run.digits.push(value);
            if let Some(group) = run.groups.last_mut() {
                group.end = at + c.len_utf8();
            }
        } else if is_invisible(c) {
            continue;
        } else if !run.groups.is_empty() {
            run.after = run.after.or(Some(c));
            let next = match separator {
                None => Separator::of(c),
                Some(before) => Separator::and(before, c),
            };
            match next {
                Some(next) => separator = Some(next),
                None => {
                    found(&std::mem::take(&mut run));
                    separator = None;
                }
            }
        }
        if digit::value(c).is_some() {
            run.after = None;
        }
        previous = Some(c);
    }
    if !run.groups.is_empty() {
        found(&run);
    }
}

/// Tests each group of a run as the start of a secret. `context_start` is where the text that may
/// label a number begins: after the previous number.
fn find_in_run(text: &str, run: &Run, context_start: &mut usize, secrets: &mut Vec<Secret>) {
    if run.digits.len() < 3 {
        return;
    }
    let mut from = 0;
    while from < run.groups.len() {
        let context = || Context::before(text, *context_start, run.groups[from].start);
        let to = match secret_at(run, from, context) {
            Some((kind, to)) => {
                let range = run.groups[from].start..run.groups[to].end;
                let end = range.end;
                secrets.push(Secret { range, kind });
                if kind == Redaction::CardNumber {
                    secrets.extend(behind_card::find(text, end, run.digits(from, to).len()));
                }
                to
            }
            None => from,
        };
        *context_start = run.groups[to].end;
        from = to + 1;
    }
}

fn secret_at(run: &Run, from: usize, context: impl Fn() -> Context) -> Option<(Redaction, usize)> {
    // No secret has more than 19 digits.
    let last = run.groups.len().min(from + 19);
    let ends = || (from..last).rev().map(|to| (to, run.digits(from, to)));
    let card = ends().find(|(to, digits)| {
        (13..=19).contains(&digits.len())
            && checksum::is_card(digits)
            && !ends_in_date(run, from, *to)
            && is_written_as_card(run, from, *to, &context)
    });
    if let Some((to, _)) = card {
        return Some((Redaction::CardNumber, to));
    }
    let id = ends().find(|(to, digits)| {
        run.stands_alone(from, *to) && is_national_id(run, from, *to, digits, &context)
    });
    if let Some((to, _)) = id {
        return Some((Redaction::NationalId, to));
    }
    let length = run.group_len(from);
    let is_code = run.stands_alone(from, from)
        && ((matches!(length, 3 | 4) && context().names(CODE_WORDS))
            || (matches!(length, 3 | 4)
                && context().names(BACK_WORDS)
                && context().holds(DIGIT_WORDS))
            || (length == 4 && context().names(PIN_WORDS)));
    is_code.then_some((Redaction::SecurityCode, from))
}

/// Whether the last group is the month of a date such as 3/27: one in ten of these gives a longer
/// number with a valid check digit.
fn ends_in_date(run: &Run, from: usize, to: usize) -> bool {
    let is_last = to > from && to + 1 == run.groups.len();
    is_last && run.after == Some('/') && run.group_len(to) <= 2
}

/// One number in ten has a valid check digit by chance, so its notation must fit as well: in groups
/// as on a card, or in one piece that is not labelled as something else. Lengths that order numbers
/// and bar codes also have require a word that says that it is a card.
fn is_written_as_card(run: &Run, from: usize, to: usize, context: &impl Fn() -> Context) -> bool {
    if from == to {
        let context = context();
        // "Visa4111..." is a card, "W4111..." is not.
        let begins = run.is_free_before(from) || context.ends_with(CARD_WORDS);
        if !begins || !run.is_free_behind(to) {
            return false;
        }
        let is_called_card = context.holds(CARD_WORDS);
        return is_called_card
            || (matches!(run.group_len(from), 15 | 16) && !context.names(OTHER_NUMBER_WORDS));
    }
    let Some(separator) = run.inner_separator(from, to) else {
        return false;
    };
    let in_fours = run.group_len(from) == 4
        && (from + 1..=to).all(|at| matches!(run.group_len(at), 3..=7) || at == to);
    let is_whole_run = from == 0 && to + 1 == run.groups.len() && separator != Separator::Dot;
    run.stands_alone(from, to) && (in_fours || is_whole_run)
}

fn is_national_id(
    run: &Run,
    from: usize,
    to: usize,
    digits: &[u8],
    context: &impl Fn() -> Context,
) -> bool {
    let separator = run.inner_separator(from, to);
    // A date and the rest, in one or two pieces.
    let in_two = to == from + 1 && run.group_len(from) == 6;
    match digits.len() {
        8 | 9 => checksum::is_bsn(digits) && context().holds(BSN_WORDS),
        10 => {
            checksum::is_cpr(digits)
                && (in_two && separator == Some(Separator::Dash)
                    || (in_two || from == to) && context().holds(CPR_WORDS))
        }
        11 => {
            (in_two && separator != Some(Separator::Dot) || from == to)
                && checksum::is_fodselsnummer(digits)
        }
        _ => false,
    }
}

/// The text right before a number, in lower case.
struct Context(String);

impl Context {
    fn before(text: &str, start: usize, end: usize) -> Self {
        let start = text.floor_char_boundary(start.max(end.saturating_sub(CONTEXT_BYTES)));
        let tail = &text[start..end];
        // The replacement text of another secret is not context.
        let tail = tail.rsplit_once("removed]").map_or(tail, |(_, tail)| tail);
        Self(tail.to_lowercase())
    }

    /// Whether one of the words occurs in it. A compound such as "creditcard" counts.
    fn holds(&self, words: &str) -> bool {
        words.split('|').any(|word| {
            self.0
                .match_indices(word)
                .any(|(at, _)| !self.0[at + word.len()..].starts_with(char::is_alphabetic))
        })
    }

    fn ends_with(&self, words: &str) -> bool {
        words.split('|').any(|word| self.0.ends_with(word))
    }

    /// Whether one of the words occurs in it, followed only by fillers.
    fn names(&self, words: &str) -> bool {
        let is_filler = |text: &str| {
            text.split(|c: char| !c.is_alphanumeric())
                .all(|w| w.is_empty() || FILLERS.split('|').any(|filler| filler == w))
        };
        words.split('|').any(|word| {
            self.0.match_indices(word).any(|(at, _)| {
                let (before, after) = (&self.0[..at], &self.0[at + word.len()..]);
                !before.ends_with(char::is_alphanumeric)
                    && !after.starts_with(char::is_alphanumeric)
                    && is_filler(after)
            })
        })
    }
}
