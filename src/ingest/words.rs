//! The words of maps for the values of the contract's enums.

use crate::pb::{self, feedback::Metric, message::Author};

pub const CHANNELS: [(&str, pb::Channel); 9] = [
    ("phone", pb::Channel::Phone),
    ("web", pb::Channel::Web),
    ("email", pb::Channel::Email),
    ("chat", pb::Channel::Chat),
    ("messaging", pb::Channel::Messaging),
    ("social", pb::Channel::Social),
    ("store", pb::Channel::Store),
    ("app", pb::Channel::App),
    ("letter", pb::Channel::Letter),
];

pub const KINDS: [(&str, pb::EntryKind); 5] = [
    ("interaction", pb::EntryKind::Interaction),
    ("purchase", pb::EntryKind::Purchase),
    ("return", pb::EntryKind::Return),
    ("feedback", pb::EntryKind::Feedback),
    ("note", pb::EntryKind::Note),
];

pub const DIRECTIONS: [(&str, pb::Direction); 2] =
    [("inbound", pb::Direction::Inbound), ("outbound", pb::Direction::Outbound)];

pub const AUTHORS: [(&str, Author); 3] =
    [("customer", Author::Customer), ("agent", Author::Agent), ("bot", Author::Bot)];

pub const METRICS: [(&str, Metric); 4] = [
    ("csat", Metric::Csat),
    ("nps", Metric::Nps),
    ("ces", Metric::Ces),
    ("star_rating", Metric::StarRating),
];

pub const IDENTIFIERS: [(&str, pb::IdentifierKind); 8] = [
    ("customer_number", pb::IdentifierKind::CustomerNumber),
    ("account", pb::IdentifierKind::Account),
    ("loyalty_card", pb::IdentifierKind::LoyaltyCard),
    ("external", pb::IdentifierKind::External),
    ("email", pb::IdentifierKind::Email),
    ("social", pb::IdentifierKind::Social),
    ("phone", pb::IdentifierKind::Phone),
    ("cookie", pb::IdentifierKind::Cookie),
];

/// The value of a word, in any case.
pub fn find<T: Copy>(words: &[(&str, T)], word: &str) -> Option<T> {
    words.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, value)| *value)
}

/// All words, for a message.
pub fn list<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
