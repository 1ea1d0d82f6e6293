//! What others in this process are told once a write is committed.

use std::sync::Arc;

use tokio::sync::Notify;

use super::live::Hub;

/// The ends that a writer has.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Told when a write has left work for whoever compares customers.
    pub queued: Arc<Notify>,
    /// Told when a promise was made, which may be the next one due.
    pub due: Arc<Notify>,
    /// Told when a customer was erased, which is to be finished.
    pub erased: Arc<Notify>,
    /// Told which records have changed.
    pub live: Arc<Hub>,
}
