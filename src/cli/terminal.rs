//! The capabilities of the terminal.

use std::io::{self, IsTerminal as _};

use jiff::tz::TimeZone;

use super::render::TerminalStyle;

/// Columns of an output that is not a terminal, and the widest that text is wrapped to.
const WIDTH: usize = 100;

/// Whether the environment allows colours (<https://no-color.org>).
pub fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The style of the standard output.
pub fn style(full: bool) -> TerminalStyle {
    let width = terminal_size::terminal_size_of(io::stdout())
        .map_or(WIDTH, |(terminal_size::Width(columns), _)| usize::from(columns));
    TerminalStyle {
        width: width.min(WIDTH),
        colour: io::stdout().is_terminal() && colour_wanted(),
        zone: TimeZone::system(),
        full,
    }
}
