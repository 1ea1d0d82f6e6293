//! Why two customers may be one person, in plain words.

use super::{Ink, TerminalStyle, text::wrap};
use crate::pb::{self, MatchAgreement as Agreement, MatchField as Field};

/// A reason with less weight is not shown, in bits.
const LEAST_BITS: f64 = 0.5;

/// A suggestion: its probability, the two customers, and the reasons.
pub fn suggestion(suggestion: &pb::MergeSuggestion, style: &TerminalStyle) -> String {
    let head = format!("{:>7}  {}", percent(suggestion.probability), suggestion.customer_id);
    let indent = " ".repeat(9);
    let mut text = format!("{}\n", style.paint(Ink::Strong, &head));
    text += &format!("{indent}{}\n", style.paint(Ink::Strong, &suggestion.other_customer_id));
    for line in wrap(&reasons(&suggestion.reasons), style.width.saturating_sub(indent.len())) {
        text += &format!("{indent}{}\n", style.paint(Ink::Faint, &line));
    }
    text
}

/// The evidence for and against it.
fn reasons(reasons: &[pb::MatchReason]) -> String {
    let told = |sign: f64| {
        let side = reasons.iter().filter(move |reason| reason.weight_bits * sign >= LEAST_BITS);
        side.map(reason).collect::<Vec<_>>().join(", ")
    };
    let (mut text, against) = (told(1.0), told(-1.0));
    if text.is_empty() {
        text = "nothing speaks for it but what was said of an identifier".to_owned();
    }
    if !against.is_empty() {
        text += &format!("; against it: {against}");
    }
    text
}

/// One reason, such as "same birth date (1 in 12,000)".
pub fn reason(reason: &pb::MatchReason) -> String {
    let field = match reason.field() {
        Field::GivenName => "given name",
        Field::FamilyName => "family name",
        Field::Organisation => "organisation",
        Field::BirthDate => "birth date",
        Field::Street => "street",
        Field::HouseNumber => "house number",
        Field::Locality => "town",
        Field::Region => "region",
        Field::Postcode => "postcode",
        Field::Phone => "phone number",
        Field::Email => "e-mail address",
        Field::Social => "social name",
        Field::LoyaltyCard => "loyalty card",
        Field::Account => "account",
        Field::SharedContact => return "a household or a mailbox may explain it".to_owned(),
        Field::Unspecified => "something this version does not know",
    };
    match reason.agreement() {
        Agreement::Exact => format!("same {field}{}", rarity(reason.value_share)),
        Agreement::Close => format!("{field} with a typing error"),
        Agreement::Nickname => format!("{field} by a short form"),
        Agreement::Transposed => format!("{field} with parts exchanged"),
        Agreement::Partial => format!("part of the {field}"),
        Agreement::Initial => format!("initial of the {field}"),
        Agreement::Similar => format!("similar {field}"),
        Agreement::Different => format!("another {field}"),
        Agreement::Unspecified => field.to_owned(),
    }
}

/// How many customers share a value, such as " (1 in 12,000)".
fn rarity(share: f64) -> String {
    if share <= 0.0 || share > 0.5 {
        return String::new();
    }
    let one_in = 1.0 / share;
    // The estimate is not more precise than two digits.
    let unit = 10_f64.powf(one_in.log10().floor() - 1.0).max(1.0);
    format!(" (1 in {})", thousands((one_in / unit).round() * unit))
}

/// An integer with commas between thousands.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A percentage. Never 100 %: nothing is certain.
fn percent(probability: f64) -> String {
    let percent = (probability * 10_000.0).floor() / 100.0;
    format!("{:.2} %", percent.min(99.99))
}
