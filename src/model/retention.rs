//! How long what happened is kept.

use super::{Channel, EntryKind, Micros};

const DAY: Micros = 86_400_000_000;

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// Entries of a kind that is not the story of something that is kept as a whole.
    Entry(EntryKind),
    /// Cases that are resolved, each with its changes, facts and hand-overs.
    Case,
    /// Promises that are kept or withdrawn, each with its changes.
    Promise,
    /// Quotes that have ended, each with its changes.
    Quote,
}

impl Keeping {
    pub const ALL: [Self; 10] = [
        Self::Entry(EntryKind::Interaction),
        Self::Entry(EntryKind::Purchase),
        Self::Entry(EntryKind::Return),
        Self::Entry(EntryKind::OrderChange),
        Self::Entry(EntryKind::Feedback),
        Self::Entry(EntryKind::Note),
        Self::Entry(EntryKind::IdentityChange),
        Self::Case,
        Self::Promise,
        Self::Quote,
    ];

    /// What an entry of a kind is kept as.
    pub fn of(kind: EntryKind) -> Self {
        match kind {
            EntryKind::CaseChange | EntryKind::Fact | EntryKind::HandOver => Self::Case,
            EntryKind::PromiseChange => Self::Promise,
            EntryKind::Quote => Self::Quote,
            kind => Self::Entry(kind),
        }
    }

    /// The name in the file of rules.
    pub fn code(self) -> &'static str {
        match self {
            Self::Entry(kind) => kind.code(),
            Self::Case => "case",
            Self::Promise => "promise",
            Self::Quote => "quote",
        }
    }

    /// What is called so.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }

    /// Whether it is kept as a whole, whatever the channels of its changes.
    pub fn is_whole(self) -> bool {
        !matches!(self, Self::Entry(_))
    }
}

/// How long some of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRule {
    pub kinds: Vec<Keeping>,
    /// None: all, and what has no channel.
    pub channels: Vec<Channel>,
    pub keep_days: i64,
}

impl RetentionRule {
    pub fn keep(&self) -> Micros {
        self.keep_days.saturating_mul(DAY)
    }

    fn covers(&self, kind: Keeping, channel: Option<Channel>) -> bool {
        let of_channel = self.channels.is_empty()
            || kind.is_whole()
            || channel.is_some_and(|channel| self.channels.contains(&channel));
        self.kinds.contains(&kind) && of_channel
    }
}

/// The rules in their order: the first that covers something counts. What none covers stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionRules(pub Vec<RetentionRule>);

impl RetentionRules {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rule that counts, by its number from 0.
    pub fn rule_of(
        &self,
        kind: Keeping,
        channel: Option<Channel>,
    ) -> Option<(usize, &RetentionRule)> {
        self.0.iter().enumerate().find(|(_, rule)| rule.covers(kind, channel))
    }

    /// What is not so old stays by every rule.
    pub fn shortest(&self) -> Option<Micros> {
        self.0.iter().map(RetentionRule::keep).min()
    }
}
