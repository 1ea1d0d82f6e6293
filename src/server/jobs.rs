//! The server's background work: it keeps suggestions up to date, compares its clock, breaks
//! overdue promises, finishes erasures, seals the audit log, applies the retention rules, and logs
//! refused calls.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{Settings, refusals};
use crate::store::Store;

/// The background jobs of a server. They end with it.
pub(super) struct Jobs(Vec<JoinHandle<()>>);

impl Jobs {
    /// Starts the jobs that the settings ask for.
    pub(super) fn start(store: &Store, settings: &Settings) -> Self {
        let mut jobs = Self(Vec::new());
        jobs.add(refusals::summarise(Arc::clone(store.metrics())));
        if let Some(rules) = settings.matching.clone() {
            jobs.add(store.clone().keep_matched(rules));
        }
        if settings.promise_clock {
            jobs.add(store.clone().keep_promises_timed());
        }
        if settings.check_clock {
            jobs.add(store.clone().keep_clock_checked());
        }
        if settings.finish_erasures {
            jobs.add(store.clone().keep_erasures_finished());
        }
        if let Some(audit) = settings.audit.clone() {
            jobs.add(store.clone().keep_audit_sealed(audit.seals));
        }
        if !settings.retention.is_empty() {
            jobs.add(store.clone().keep_retention(settings.retention.clone()));
        }
        jobs
    }

    /// Starts another job.
    pub(super) fn add(&mut self, job: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(job));
    }

    /// Stops all of them. A transaction that is under way continues in its own task, and closing
    /// the store waits for it.
    pub(super) fn end(&self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.end();
    }
}
