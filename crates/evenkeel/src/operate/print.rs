//! Shows what an order came to. Called by the commands when they are done.

use std::io::{self, Write as _};

use evenkeel_control::conductor::Applied;

use crate::admin_client::Said;
use crate::failure::Failure;
use crate::terminal::{has_reader, wants_colour};
use crate::tone::{Palette, Tone};

/// Prints what changed, or the JSON of the API as it came.
pub(super) fn print(said: &Said<Applied>, json: bool) -> Result<(), Failure> {
    if json {
        return print_text(&said.json);
    }
    match said.meaning.changes.as_slice() {
        [] => print_text("nothing changed: it was so already"),
        changes => print_changes(changes),
    }
}

/// Prints lines that begin with `+`, `-` or `~`, each in its colour.
pub(super) fn print_changes(changes: &[String]) -> Result<(), Failure> {
    let palette = Palette::new(wants_colour(&io::stdout()));
    let lines: Vec<String> =
        changes.iter().map(|line| palette.paint(tone(line), line.trim_end())).collect();
    print_text(&lines.join("\n"))
}

/// Prints a text on lines of its own.
pub(crate) fn print_text(text: &str) -> Result<(), Failure> {
    has_reader(writeln!(io::stdout(), "{}", text.trim_end()))?;
    Ok(())
}

/// Says something beside what the command is asked for, where it is no part of its output.
pub(super) fn print_aside(text: &str) {
    // A closed stderr has no reader.
    let _ = writeln!(io::stderr(), "{}", text.trim_end());
}

/// What came is good, what went is bad, and what is different now wants to be looked at.
fn tone(line: &str) -> Tone {
    match line.trim_start().chars().next() {
        Some('+') => Tone::Good,
        Some('-') => Tone::Bad,
        Some('~') => Tone::Warning,
        _ => Tone::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_colour_of_their_sign() {
        let line = |line| tone(line);
        assert_eq!([line("+ a"), line("- a"), line("~ a")], [Tone::Good, Tone::Bad, Tone::Warning]);
        assert_eq!([line("  + a"), line("a"), line("")], [Tone::Good, Tone::Plain, Tone::Plain]);
    }
}
