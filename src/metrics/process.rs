//! Metrics of the process, named like those of Prometheus' own client libraries. They are read from
//! /proc on request.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::seconds;
use crate::{clock::Clock, model::Micros};

/// The clock tick of /proc: 1/100 s on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// The unit of memory in /proc/self/status, in bytes.
const KIBIBYTE: u64 = 1024;

/// The process, with its start time.
#[derive(Debug)]
struct Process {
    clock: Clock,
    started_at: Micros,
}

pub(super) fn register(registry: &mut Registry, clock: Clock) {
    registry.register_collector(Box::new(Process { clock, started_at: clock.now() }));
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name: &str, help: &str, value: Option<f64>| -> fmt::Result {
            let Some(value) = value else { return Ok(()) };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        let started_at = seconds(self.started_at);
        let start = "When the server started, in seconds since 1970";
        gauge("process_start_time_seconds", start, Some(started_at))?;
        let now = Some(seconds(self.clock.now()));
        gauge("throughline_clock_timestamp_seconds", "The clock of the server", now)?;
        gauge("process_resident_memory_bytes", "Memory in use", resident_bytes())?;
        gauge("process_open_fds", "Open file descriptors", open_files())?;
        gauge("process_max_fds", "File descriptors that may be open", max_files())?;
        let Some(used) = cpu_seconds() else { return Ok(()) };
        let counter = ConstCounter::new(used);
        let help = "CPU time of all threads";
        let encoder =
            encoder.encode_descriptor("process_cpu_seconds", help, None, counter.metric_type())?;
        counter.encode(encoder)
    }
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(whole(kibibytes * KIBIBYTE))
}

fn open_files() -> Option<f64> {
    // The directory itself is open while it is read.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u64::try_from(open).ok().map(whole)
}

fn max_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok().map(whole)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program name in parentheses may contain any character.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map_while(|field| field.parse::<u64>().ok());
    let (user, system) = (times.next()?, times.next()?);
    Some(whole(user + system) / TICKS_PER_SECOND)
}

#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn whole(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    #[test]
    fn proc_is_read() {
        assert!(super::resident_bytes().unwrap() > 1e6);
        assert!(super::open_files().unwrap() > 2.0);
        assert!(super::max_files().unwrap() >= super::open_files().unwrap());
        assert!(super::cpu_seconds().unwrap() >= 0.0);
    }
}
