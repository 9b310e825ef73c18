//! What a stream can show, and whether anybody reads it; asked by everything that prints.

use std::env;
use std::io::{self, IsTerminal};

/// Colours are for people who look: never in a file or a pipe, and not against <https://no-color.org>.
pub(crate) fn wants_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether somebody still reads what was printed.
pub(crate) fn has_reader(printed: io::Result<()>) -> io::Result<bool> {
    match printed {
        Ok(()) => Ok(true),
        // `| head` has seen enough, which is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}
