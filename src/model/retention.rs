//! Retention rules: how long entries are kept.

use super::{Channel, EntryKind, Micros};

const DAY: Micros = 86_400_000_000;

/// The subject of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionKind {
    /// Entries of a kind that does not belong to an aggregate.
    Entry(EntryKind),
    /// Resolved cases, each with its changes, facts and handovers.
    Case,
    /// Kept or withdrawn promises, each with its changes.
    Promise,
    /// Ended quotes, each with its changes.
    Quote,
}

impl RetentionKind {
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

    /// The retention kind of an entry.
    pub fn of(kind: EntryKind) -> Self {
        match kind {
            EntryKind::CaseChange | EntryKind::Fact | EntryKind::Handover => Self::Case,
            EntryKind::PromiseChange => Self::Promise,
            EntryKind::Quote => Self::Quote,
            kind => Self::Entry(kind),
        }
    }

    /// The name in the rules file.
    pub fn code(self) -> &'static str {
        match self {
            Self::Entry(kind) => kind.code(),
            Self::Case => "case",
            Self::Promise => "promise",
            Self::Quote => "quote",
        }
    }

    /// The kind with that name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }

    /// Whether it is kept as a whole, whatever the channels of its entries.
    pub fn is_whole(self) -> bool {
        !matches!(self, Self::Entry(_))
    }
}

/// A retention rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRule {
    pub kinds: Vec<RetentionKind>,
    /// Empty: all channels, and entries without a channel.
    pub channels: Vec<Channel>,
    pub keep_days: i64,
}

impl RetentionRule {
    pub fn keep(&self) -> Micros {
        self.keep_days.saturating_mul(DAY)
    }

    fn covers(&self, kind: RetentionKind, channel: Option<Channel>) -> bool {
        let of_channel = self.channels.is_empty()
            || kind.is_whole()
            || channel.is_some_and(|channel| self.channels.contains(&channel));
        self.kinds.contains(&kind) && of_channel
    }
}

/// The rules in their order: the first that matches applies. What no rule matches is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionRules(pub Vec<RetentionRule>);

impl RetentionRules {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rule that applies, with its index.
    pub fn rule_of(
        &self,
        kind: RetentionKind,
        channel: Option<Channel>,
    ) -> Option<(usize, &RetentionRule)> {
        self.0.iter().enumerate().find(|(_, rule)| rule.covers(kind, channel))
    }

    /// The shortest period of all rules: nothing newer is removed.
    pub fn shortest(&self) -> Option<Micros> {
        self.0.iter().map(RetentionRule::keep).min()
    }
}
