//! The audit log in columns, and the result of verifying it.

use super::{Ink, TerminalStyle, safe, short_day, text::pad, thousands};
use crate::{
    api::purpose,
    pb::{AuditEntry, Purpose},
    store::Verified,
};

/// A row for each entry of the audit log.
pub fn audit_entries(entries: &[AuditEntry], style: &TerminalStyle) -> String {
    let rows: Vec<[String; 5]> = entries.iter().map(|access| row(access, style)).collect();
    let heads = ["when", "who", "for", "call", "answer"].map(str::to_owned);
    let mut widths = heads.clone().map(|head| head.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; 5]| {
        let cells: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| pad(cell, width)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut text = String::new();
    if !rows.is_empty() {
        text += &format!("{}\n", style.paint(Ink::Faint, &line(&heads)));
    }
    for (row, access) in rows.iter().zip(entries) {
        let line = line(row);
        let line = if access.code == 0 { line } else { style.paint(Ink::Warning, &line) };
        text += &format!("{line}\n");
    }
    text
}

fn row(access: &AuditEntry, style: &TerminalStyle) -> [String; 5] {
    let when = style.moment(access.at.as_ref());
    let when = when
        .map_or_else(String::new, |(day, time)| format!("{} {time}", short_day(&day.to_string())));
    let who = match (access.caller.as_str(), access.actor.as_str()) {
        ("", _) => "unknown".to_owned(),
        (caller, actor) if caller == actor => safe(caller),
        (caller, actor) => format!("{} by {}", safe(actor), safe(caller)),
    };
    let purpose = match access.purpose() {
        Purpose::Unspecified => "-".to_owned(),
        told => purpose::word(told),
    };
    let others = match access.customer_count {
        0 | 1 => String::new(),
        count => format!(" (and {} others)", thousands(f64::from(count - 1))),
    };
    let code = tonic::Code::from(access.code);
    let answer = if code == tonic::Code::Ok { "yes".to_owned() } else { format!("{code:?}") };
    [when, who, purpose, safe(&access.call) + &others, answer]
}

/// The result of a verification.
pub fn verified(found: &Verified, style: &TerminalStyle) -> String {
    let mut text = format!(
        "{} audit entries in {} logs, {} seals, {} of them compared with those outside.\n",
        thousands(found.audit_entries as f64),
        found.logs,
        thousands(found.seals as f64),
        thousands(found.outside as f64),
    );
    if found.unsealed > 0 {
        let unsealed = thousands(found.unsealed as f64);
        text += &format!(
            "{unsealed} audit entries came after the last seal, and are not sealed yet.\n"
        );
    }
    text += &format!(
        "{} entries, {} seals of them; {} entries were removed by retention or erasures.\n",
        thousands(found.entries as f64),
        thousands(found.entry_seals as f64),
        thousands(found.removed_entries as f64),
    );
    if found.unsealed_entries > 0 {
        let unsealed = thousands(found.unsealed_entries as f64);
        text += &format!("{unsealed} entries came after the last seal, and are not sealed yet.\n");
    }
    for state in &found.put_back {
        text += &format!("{state}\n");
    }
    if found.problems.is_empty() {
        text += &format!("{}\n", style.paint(Ink::Good, "All is as it was sealed."));
    }
    for problem in &found.problems {
        text += &format!("{}\n", style.paint(Ink::Warning, problem));
    }
    if found.more_problems > 0 {
        text += &format!("and {} more\n", thousands(found.more_problems as f64));
    }
    text
}
