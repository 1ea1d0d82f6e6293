//! Logs refused calls, for lack of capacity or of authentication: one line a second for all of
//! them.

use std::sync::Arc;

use crate::{metrics::Metrics, pb::ErrorReason, summary};

const REASONS: [ErrorReason; 7] = [
    ErrorReason::Overloaded,
    ErrorReason::TooManyCallsOfCaller,
    ErrorReason::TooManyConnections,
    ErrorReason::TooManyConnectionsOfCaller,
    ErrorReason::TooManyWatches,
    ErrorReason::TooManyWatchesOfCaller,
    ErrorReason::UnknownCaller,
];

/// Logs their number by reason. Never ends.
pub(super) async fn summarise(metrics: Arc<Metrics>) {
    let reasons = REASONS.map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_"));
    let totals = || reasons.map(|reason| metrics.calls.refused(reason));
    summary::of_growth(totals, |grown| {
        let counts = reasons.iter().zip(grown).filter(|(_, count)| *count > 0);
        let counts: Vec<_> = counts.map(|(reason, count)| format!("{reason} {count}")).collect();
        tracing::warn!(reasons = counts.join(", "), "calls were refused");
    })
    .await;
}
