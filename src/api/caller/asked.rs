//! Keys that calls came with and that are not known here: the issuer may have new ones.

use std::{
    collections::BTreeSet,
    mem::take,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Notify;

use super::jwt::KeySource;

/// Sources whose keys calls have asked for in vain.
#[derive(Default)]
pub struct Asked {
    sources: Mutex<BTreeSet<KeySource>>,
    changed: Notify,
}

impl Asked {
    pub fn ask(&self, source: &KeySource) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if !sources.contains(source) {
            sources.insert(source.clone());
            self.changed.notify_one();
        }
    }

    /// Ends when some were asked for since it ended last.
    pub async fn wait(&self) -> BTreeSet<KeySource> {
        self.changed.notified().await;
        take(&mut *self.sources.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
