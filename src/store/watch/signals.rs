//! Notifications within this process after a commit.

use std::sync::Arc;

use tokio::sync::Notify;

use super::Hub;

/// The notifications of writers.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Notified when a write has queued work for matching.
    pub queued: Arc<Notify>,
    /// Notified when a promise was made, which may be the next one due.
    pub due: Arc<Notify>,
    /// Notified when a customer was erased, for the second step.
    pub erased: Arc<Notify>,
    /// Notified of changed records.
    pub live: Arc<Hub>,
}
