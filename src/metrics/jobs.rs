//! The background jobs of a server.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{Labels, seconds};
use crate::model::Micros;

/// A background job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Compares customers for merge suggestions.
    Matching,
    /// Breaks overdue promises.
    Promises,
    /// Finishes erasures.
    Erasures,
    /// Seals the audit log.
    Sealing,
    /// Removes what the retention rules no longer keep.
    Retention,
}

impl Job {
    const ALL: [Self; 5] =
        [Self::Matching, Self::Promises, Self::Erasures, Self::Sealing, Self::Retention];

    fn labels(self) -> Labels<1> {
        let name = match self {
            Self::Matching => "matching",
            Self::Promises => "promises",
            Self::Erasures => "erasures",
            Self::Sealing => "sealing",
            Self::Retention => "retention",
        };
        [("job_name", name)]
    }
}

/// The last success and the failures of each job.
#[derive(Debug)]
pub struct JobMetrics {
    last_success: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    failures: Family<Labels<1>, Counter>,
}

impl JobMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { last_success: Family::default(), failures: Family::default() };
        for job in Job::ALL {
            // Creates the series, so that the first failure shows as a change.
            drop(metrics.failures.get_or_create(&job.labels()));
        }
        registry.register(
            "throughline_job_last_success_timestamp_seconds",
            "When a job last did its work, in seconds since 1970",
            metrics.last_success.clone(),
        );
        registry.register(
            "throughline_job_failures",
            "How often a job could not do its work",
            metrics.failures.clone(),
        );
        metrics
    }

    /// Records a run of a job.
    pub fn note(&self, job: Job, succeeded: bool, now: Micros) {
        if succeeded {
            self.last_success.get_or_create(&job.labels()).set(seconds(now));
        } else {
            self.failures.get_or_create(&job.labels()).inc();
        }
    }
}
