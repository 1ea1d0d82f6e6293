//! How often customers were asked for what they had told.

use super::Channel;

/// How much was told on a channel, and how much of what was known was asked again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaskCount {
    pub channel: Option<Channel>,
    pub told: i64,
    pub asked_again: i64,
}
