//! The line of a source around a mistake, made fit for a terminal, and the carets under the mistake.

use super::super::diagnostic::Span;
use super::super::expand::is_secret;

/// A line and the carets under it. A mistake over several lines is shown at its first.
pub(super) struct Excerpt {
    /// The line, or the part of a long one around the mistake.
    pub(super) line: String,
    /// What stands before the carets: tabs where the line has tabs.
    pub(super) indent: String,
    /// At least one.
    pub(super) carets: String,
}

impl Excerpt {
    /// The line of `text` in which `span` starts. A span beyond the text means its end.
    pub(super) fn new(text: &str, span: &Span) -> Self {
        let start = text.floor_char_boundary(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let hidden = hide_secrets(line);
        let from = text[line_start..start].chars().count();
        let end = text.floor_char_boundary(span.end).min(line_start + line.len()).max(start);
        let width = text[start..end].chars().count().max(1);
        Self::cut(&hidden, from, width)
    }

    /// Shows `line` from a little before column `from` if it is too long for a terminal.
    fn cut(line: &str, from: usize, width: usize) -> Self {
        let long = line.chars().count() > LINE_CHARS_MAX;
        let skip = if long { from.saturating_sub(LINE_CHARS_BEFORE) } else { 0 };
        let shown: String = line.chars().skip(skip).take(LINE_CHARS_MAX).map(printable).collect();
        let cut_before = if skip > 0 { "…" } else { "" };
        let cut_after = if line.chars().nth(skip + LINE_CHARS_MAX).is_some() { "…" } else { "" };
        let indent =
            cut_before.chars().chain(shown.chars()).take(from - skip + cut_before.chars().count());
        Self {
            indent: indent.map(|char| if char == '\t' { '\t' } else { ' ' }).collect(),
            carets: "^".repeat(width.min(LINE_CHARS_MAX - (from - skip).min(LINE_CHARS_MAX - 1))),
            line: format!("{cut_before}{shown}{cut_after}"),
        }
    }
}

/// The line with stars in the place of what may be secrets: whatever is in quotes behind a key that is called like one. It keeps
/// its width. A report is shown on screens, in logs and by the admin API.
fn hide_secrets(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    // The name before the latest `=`, and the quote that we are in.
    let (mut word, mut secret, mut quote) = (String::new(), false, None);
    for char in line.chars() {
        let is_in_quotes = quote.is_some();
        match char {
            '"' | '\'' if quote == Some(char) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(char),
            '=' if !is_in_quotes => {
                // Our own `key` is what a balancer goes by.
                secret = is_secret(&word) && word.trim() != "key";
                word.clear();
            }
            ',' | '{' | '}' | '[' if !is_in_quotes => word.clear(),
            _ if !is_in_quotes => word.push(char),
            _ => {}
        }
        let hide = secret && is_in_quotes && quote.is_some();
        shown.push(if hide { '*' } else { char });
    }
    shown
}

/// A control character could move the cursor or colour the terminal of whoever reads the report.
fn printable(char: char) -> char {
    if char.is_control() && char != '\t' { char::REPLACEMENT_CHARACTER } else { char }
}

/// A line of about a screen's width.
const LINE_CHARS_MAX: usize = 120;

/// How much of a long line is shown before the mistake.
const LINE_CHARS_BEFORE: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_starred_and_keeps_its_width() {
        let table = [
            ("token = \"abc\"", "token = \"***\""),
            ("admin = { bind = \"x\", token = 'a\"b' }", "admin = { bind = \"x\", token = '***' }"),
            ("keys = [\"one\", \"two\"] # token", "keys = [\"***\", \"***\"] # token"),
            ("key = \"client\", api-key = \"a\"", "key = \"client\", api-key = \"*\""),
            ("bind = \"token\"", "bind = \"token\""),
            ("keep_alive = \"5s\"", "keep_alive = \"5s\""),
        ];
        for (line, expected) in table {
            assert_eq!(hide_secrets(line), expected);
        }
    }
}
