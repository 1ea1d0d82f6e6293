//! The scope of a caller: what it may see, and the channels that it works on.

use crate::model::Channel;

/// The scope of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The channels that it works on: it cannot record on others. None: all.
    pub channels: Option<Vec<Channel>>,
    /// Whether the content of other channels is masked. It still sees that something happened
    /// there, and when.
    pub masks_others: bool,
    /// What an unverified identifier discloses to it.
    pub unverified: Unverified,
}

/// What an unverified identifier discloses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// As much as a verified one.
    Everything,
    /// That cases are open, and their subjects; no other history and no ids.
    OpenCases,
    /// As much as an unknown one.
    Nothing,
}

impl Unverified {
    /// Each with its name in the configuration.
    pub const ALL: [(&str, Self); 3] = [
        ("everything", Self::Everything),
        ("open_cases", Self::OpenCases),
        ("nothing", Self::Nothing),
    ];
}

impl Scope {
    /// No restrictions.
    pub const ALL: Self =
        Self { channels: None, masks_others: false, unverified: Unverified::Everything };

    /// Whether it works on a channel.
    pub fn works_on(&self, channel: Channel) -> bool {
        self.channels.as_ref().is_none_or(|channels| channels.contains(&channel))
    }

    /// Whether the content of a channel is masked. Entries of the server itself have no channel.
    pub fn masks(&self, channel: Option<Channel>) -> bool {
        self.masks_others && channel.is_some_and(|channel| !self.works_on(channel))
    }
}
