//! Requests to refresh keys: calls have presented tokens with keys that are not known here.

use std::{
    collections::BTreeSet,
    mem::take,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Notify;

use super::jwt::KeySource;

/// The sources whose keys were unknown.
#[derive(Default)]
pub struct KeyRefreshRequests {
    sources: Mutex<BTreeSet<KeySource>>,
    changed: Notify,
}

impl KeyRefreshRequests {
    pub fn ask(&self, source: &KeySource) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if !sources.contains(source) {
            sources.insert(source.clone());
            self.changed.notify_one();
        }
    }

    /// Waits until there are any since the last time.
    pub async fn wait(&self) -> BTreeSet<KeySource> {
        self.changed.notified().await;
        take(&mut *self.sources.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
