//! Whether this machine provides what the settings may need.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::{finding::Finding, words::bytes};
use crate::{cli::serve, config::Config, server::listener::needed_descriptors};

/// Checks the file descriptors that this process may open; a server that is started in the same way
/// has the same limit.
pub fn check_descriptors(config: &Config) -> Vec<Finding> {
    const SUBJECT: &str = "descriptors";
    // The server raises its own limit up to this.
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let connections = serve::connection_limits(config);
    let wanted = needed_descriptors(connections, config.database_connections);
    let text = format!(
        "max_connections {} needs about {wanted} descriptors; the limit here is {limit}",
        config.max_connections
    );
    let advice = "The server accepts fewer connections. Raise it: LimitNOFILE in a systemd unit, \
                  `ulimit -n` in a shell; or lower max_connections";
    vec![if wanted > limit {
        Finding::warning(SUBJECT, text, advice)
    } else {
        Finding::ok(SUBJECT, text)
    }]
}

/// Compares the memory that the settings may need with that of this machine or control group.
pub fn check_memory(config: &Config) -> Vec<Finding> {
    const SUBJECT: &str = "memory";
    let Some(limit) = memory() else { return Vec::new() };
    let most = most_memory(config);
    let text = format!("the settings may come to some {}; there is {}", bytes(most), bytes(limit));
    let advice = "Lower max_calls or database_connections: see docs/sizing.md";
    vec![if most > limit {
        Finding::warning(SUBJECT, text, advice)
    } else {
        Finding::ok(SUBJECT, text)
    }]
}

/// The page cache of a connection to SQLite, in bytes.
const CACHE_BYTES: u64 = 32 << 20;
/// The largest message, in bytes: each call under way may hold one.
const MESSAGE_BYTES: u64 = 4 << 20;
/// The memory of an idle server, in bytes.
const REST_BYTES: u64 = 64 << 20;

fn most_memory(config: &Config) -> u64 {
    let connections = u64::from(config.database_connections) + 1;
    let caches = match config.database.starts_with("sqlite:") {
        // Plus those of the audit log.
        true => (connections + 3) * CACHE_BYTES,
        false => 0,
    };
    REST_BYTES + caches + u64::from(config.max_calls) * MESSAGE_BYTES
}

/// The memory of the machine, or of the control group of this process, in bytes.
fn memory() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok()?;
    let kib = machine.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = kib.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024;
    let group = fs::read_to_string("/proc/self/cgroup").ok();
    let group =
        group.as_deref().and_then(|text| text.lines().find_map(|it| it.strip_prefix("0::")));
    let group = group.and_then(|group| {
        fs::read_to_string(format!("/sys/fs/cgroup{group}/memory.max")).ok()?.trim().parse().ok()
    });
    Some(group.unwrap_or(u64::MAX).min(machine))
}
