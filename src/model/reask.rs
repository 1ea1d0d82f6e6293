//! The re-ask rate.

use super::Channel;

/// How many facts were told on a channel, and how many re-asks there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaskCount {
    pub channel: Option<Channel>,
    pub told: i64,
    pub asked_again: i64,
}
