//! How much a caller sees of what is kept, and where it works.

use crate::model::Channel;

/// The scope of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The channels that it works on: it records nothing on others. None: all of them.
    pub channels: Option<Vec<Channel>>,
    /// Whether it does not see what was said on other channels: that something happened there, and
    /// when, it sees.
    pub masks_others: bool,
    /// What it sees of a customer whom nothing names but an identifier that nobody has verified.
    pub unverified: Unverified,
}

/// What an identifier shows that nobody has verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// As much as any other.
    Everything,
    /// That a case is open, and what it is about; nothing older, and no id.
    OpenCases,
    /// As much as one that nobody has.
    Nothing,
}

impl Unverified {
    /// Each with its word.
    pub const ALL: [(&str, Self); 3] = [
        ("everything", Self::Everything),
        ("open_cases", Self::OpenCases),
        ("nothing", Self::Nothing),
    ];
}

impl Scope {
    /// Everything, everywhere.
    pub const ALL: Self =
        Self { channels: None, masks_others: false, unverified: Unverified::Everything };

    /// Whether it works on a channel.
    pub fn works_on(&self, channel: Channel) -> bool {
        self.channels.as_ref().is_none_or(|channels| channels.contains(&channel))
    }

    /// Whether it does not see what was said on a channel. What the server itself tells has none.
    pub fn masks(&self, channel: Option<Channel>) -> bool {
        self.masks_others && channel.is_some_and(|channel| !self.works_on(channel))
    }
}
