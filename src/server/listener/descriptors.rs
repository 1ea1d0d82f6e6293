//! File descriptors of the process: each connection takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::api::connection::ConnectionLimits;

/// What the process opens besides callers' connections: databases, certificates, ledgers, and
/// connections that were just displaced.
const OTHERS: u64 = 512;

/// Raises the process's soft limit as far as the connections need. If its hard limit is too low,
/// allows fewer connections, and logs that: a server without descriptors could not even turn
/// callers away.
pub fn fit_descriptors(wanted: ConnectionLimits, database_connections: u32) -> ConnectionLimits {
    let others = others(database_connections);
    let limit = getrlimit(Resource::Nofile);
    let needed = needed_descriptors(wanted, database_connections);
    let available = limit.maximum.unwrap_or(u64::MAX);
    if limit.current.is_some_and(|current| current < needed) {
        let current = Some(needed.min(available));
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current, ..limit }) {
            tracing::warn!(%error, "the limit of open files could not be raised");
        }
    }
    let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let fitting = fitting(wanted, open_files.saturating_sub(others));
    if fitting != wanted {
        tracing::warn!(
            open_files,
            needed,
            max_connections = fitting.authenticated,
            "the limit of open files allows fewer connections than max_connections: raise it \
             (LimitNOFILE, ulimit -n)"
        );
    }
    fitting
}

/// The most descriptors that a server takes.
pub fn needed_descriptors(wanted: ConnectionLimits, database_connections: u32) -> u64 {
    wanted.total() as u64 + others(database_connections)
}

fn others(database_connections: u32) -> u64 {
    OTHERS + 2 * u64::from(database_connections)
}

/// The limits, scaled down to a number of descriptors.
fn fitting(wanted: ConnectionLimits, descriptors: u64) -> ConnectionLimits {
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    if wanted.total() <= descriptors {
        return wanted;
    }
    // Keep at least one.
    let unauthenticated = wanted.unauthenticated.min(descriptors / 10).max(1);
    let authenticated = descriptors.saturating_sub(unauthenticated).max(1);
    let per_caller = wanted.per_caller.min(authenticated);
    ConnectionLimits { authenticated, per_caller, unauthenticated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_the_descriptors_that_there_are() {
        let wanted = ConnectionLimits { authenticated: 800, per_caller: 400, unauthenticated: 100 };
        assert_eq!(fitting(wanted, 900), wanted);
        let fewer = fitting(wanted, 200);
        assert_eq!(fewer.total(), 200);
        assert_eq!((fewer.unauthenticated, fewer.per_caller), (20, 180));
        let least = fitting(wanted, 0);
        assert_eq!((least.authenticated, least.unauthenticated), (1, 1));
    }
}
