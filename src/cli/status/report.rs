//! Renders a status.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::{Readiness, Status};
use crate::{
    cli::{
        doctor::words::{bytes, span},
        render::{Ink, TerminalStyle, pad, safe, wrap},
    },
    model::Micros,
};

/// The width of the labels, in columns.
const LABEL: usize = 15;

pub fn render(status: &Status, now: Micros, style: &TerminalStyle) -> String {
    let (ink, word, cause) = match &status.readiness {
        Readiness::Ready => (Ink::Good, "takes calls", None),
        Readiness::NotReady(cause) => (Ink::Bad, "does not take calls", Some(cause)),
        Readiness::Unreachable(cause) => (Ink::Bad, "is not reached", Some(cause)),
    };
    let mut text = format!("{} {}\n", safe(&status.place), style.paint(ink, word));
    let mut line = |label: &str, value: &str| {
        let mut label = style.paint(Ink::Faint, &pad(&format!("  {label}"), LABEL));
        for part in wrap(value, style.width.saturating_sub(LABEL).max(20)) {
            text.push_str(&format!("{label}{part}\n"));
            label = " ".repeat(LABEL);
        }
    };
    if let Some(cause) = cause {
        line("cause", cause);
    }
    if let Some(metrics) = &status.metrics {
        let database = metrics.database.as_ref().map(|it| format!(" on {it}")).unwrap_or_default();
        let ago = |at: Micros| format!("{} ago", span(now - at));
        let count = |count: Option<u64>| count.map(|it| it.to_string());
        let started = |at| format!("{}, {}", moment(at, style), ago(at));
        let lines = [
            ("version", metrics.version.as_ref().map(|it| format!("{it}{database}"))),
            ("started", metrics.started_at.map(started)),
            ("connections", count(metrics.connections)),
            ("calls", count(metrics.calls)),
            ("watches", count(metrics.watches)),
            ("last seal", metrics.sealed_at.map(ago)),
            ("memory", metrics.resident_bytes.map(bytes)),
        ];
        for (label, value) in lines {
            line(label, &value.unwrap_or_default());
        }
    }
    for (serves, word) in [(true, "take calls"), (false, "do not take calls")] {
        let services = status.services.iter().filter(|(_, it)| *it == serves);
        // By the last part of their names.
        let names: Vec<&str> = services.filter_map(|(name, _)| name.rsplit('.').next()).collect();
        if !names.is_empty() {
            line("services", &format!("{} {word}", names.join(", ")));
        }
    }
    text
}

fn moment(at: Micros, style: &TerminalStyle) -> String {
    let Ok(at) = Timestamp::from_microsecond(at) else { return String::new() };
    at.to_zoned(style.zone.clone()).strftime("%-d %B %Y %H:%M").to_string()
}

pub fn as_json(status: &Status) -> Value {
    let (word, cause) = match &status.readiness {
        Readiness::Ready => ("ready", None),
        Readiness::NotReady(cause) => ("not_ready", Some(safe(cause))),
        Readiness::Unreachable(cause) => ("unreachable", Some(safe(cause))),
    };
    let metrics = status.metrics.clone().unwrap_or_default();
    let time = |at: Option<Micros>| {
        at.and_then(|at| Timestamp::from_microsecond(at).ok()).map(|at| at.to_string())
    };
    let services: serde_json::Map<String, Value> = status
        .services
        .iter()
        .map(|(name, serves)| ((*name).to_owned(), (*serves).into()))
        .collect();
    json!({
        "server": status.place,
        "readiness": word,
        "cause": cause,
        "version": metrics.version,
        "database": metrics.database,
        "started_at": time(metrics.started_at),
        "connections": metrics.connections,
        "calls": metrics.calls,
        "watches": metrics.watches,
        "last_sealed_at": time(metrics.sealed_at),
        "resident_bytes": metrics.resident_bytes,
        "services": services,
    })
}
