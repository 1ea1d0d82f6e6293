//! What the terminal can show.

use std::io::{self, IsTerminal as _};

use jiff::tz::TimeZone;

use super::render::Look;

/// Columns of an output that is no terminal, and the most that text is spread over.
const WIDTH: usize = 100;

/// Whether the environment leaves colours on (<https://no-color.org>).
pub fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// How the standard output is best written to.
pub fn look(full: bool) -> Look {
    let width = terminal_size::terminal_size_of(io::stdout())
        .map_or(WIDTH, |(terminal_size::Width(columns), _)| usize::from(columns));
    Look {
        width: width.min(WIDTH),
        colour: io::stdout().is_terminal() && colour_wanted(),
        zone: TimeZone::system(),
        full,
    }
}
