//! The syntax of variables in strings: `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, and `$$` for a dollar sign.

use std::ops::Range;

/// A stretch of a string.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'t> {
    /// Stands for itself.
    Text(&'t str),
    /// Stands for the value of a variable.
    Variable(Reference<'t>),
}

/// A variable, as it is written.
#[derive(Debug, PartialEq)]
pub(super) struct Reference<'t> {
    /// All of it, from the dollar sign to the brace.
    pub(super) written: &'t str,
    pub(super) name: &'t str,
    pub(super) otherwise: Otherwise<'t>,
}

/// What to do where a variable is not set, or empty in the last two cases.
#[derive(Debug, PartialEq)]
pub(super) enum Otherwise<'t> {
    Fail,
    Default(&'t str),
    Explain(&'t str),
}

/// What is wrong with a `${`.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    Unclosed,
    /// There is another `${` before the brace.
    Nested,
    BadName,
    /// What follows the name is neither `:-` nor `:?`.
    BadOperator,
}

/// Takes `text` apart. Each piece comes with the bytes of `text` that it is made from; the first fault ends it.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (Range<usize>, Result<Piece<'_>, Fault>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let (length, piece) = first_piece(rest);
        let range = at..at + length;
        at = if piece.is_ok() { range.end } else { text.len() };
        Some((range, piece))
    })
}

/// The same text as it has to be written so that [`pieces`] reads it as it is.
pub(in super::super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        out.push(char);
        if char == '$' && matches!(chars.peek(), Some('$' | '{')) {
            out.push('$');
        }
    }
    out
}

/// The piece that `rest` starts with, and its length.
fn first_piece(rest: &str) -> (usize, Result<Piece<'_>, Fault>) {
    if rest.starts_with("$$") {
        return (2, Ok(Piece::Text("$")));
    }
    let Some(inside) = rest.strip_prefix("${") else {
        let dollar = rest.char_indices().skip(1).find(|(_, char)| *char == '$');
        let end = dollar.map_or(rest.len(), |(at, _)| at);
        return (end, Ok(Piece::Text(&rest[..end])));
    };
    let Some(end) = inside.find('}') else { return (rest.len(), Err(Fault::Unclosed)) };
    let length = "${".len() + end + "}".len();
    (length, reference(&rest[..length], &inside[..end]).map(Piece::Variable))
}

fn reference<'t>(written: &'t str, inside: &'t str) -> Result<Reference<'t>, Fault> {
    if inside.contains("${") {
        return Err(Fault::Nested);
    }
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let end = inside.bytes().position(|byte| !is_good(byte)).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    if name.is_empty() || name.starts_with(|char: char| char.is_ascii_digit()) {
        return Err(Fault::BadName);
    }
    let otherwise = match rest.get(..2) {
        None if rest.is_empty() => Otherwise::Fail,
        Some(":-") => Otherwise::Default(&rest[2..]),
        Some(":?") => Otherwise::Explain(&rest[2..]),
        _ if rest.starts_with([':', '-', '?', '+', '=']) => return Err(Fault::BadOperator),
        _ => return Err(Fault::BadName),
    };
    Ok(Reference { written, name, otherwise })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Result<Piece<'_>, Fault>> {
        pieces(text).map(|(_, piece)| piece).collect()
    }

    fn one<'t>(written: &'t str, name: &'t str, otherwise: Otherwise<'t>) {
        assert_eq!(read(written), [Ok(Piece::Variable(Reference { written, name, otherwise }))]);
    }

    #[test]
    fn a_variable_may_have_a_default_or_a_message() {
        one("${A_1}", "A_1", Otherwise::Fail);
        one("${a:-}", "a", Otherwise::Default(""));
        one("${_:-x:-$y {}", "_", Otherwise::Default("x:-$y {"));
        one("${A:?say it}", "A", Otherwise::Explain("say it"));
    }

    #[test]
    fn a_dollar_sign_alone_is_itself() {
        let text = |texts: &[&'static str]| -> Vec<Result<Piece<'static>, Fault>> {
            texts.iter().map(|text| Ok(Piece::Text(text))).collect()
        };
        assert_eq!(read("^/a$"), text(&["^/a", "$"]));
        assert_eq!(read("$A$"), text(&["$A", "$"]));
        assert_eq!(read("$${A}"), text(&["$", "{A}"]));
        assert_eq!(read("$$$$"), text(&["$", "$"]));
        assert_eq!(read(""), []);
    }

    #[test]
    fn what_is_no_variable_says_why() {
        for (text, fault) in [
            ("${A", Fault::Unclosed),
            ("${", Fault::Unclosed),
            ("${}", Fault::BadName),
            ("${1A}", Fault::BadName),
            ("${A B}", Fault::BadName),
            ("${Ä}", Fault::BadName),
            ("${A-x}", Fault::BadOperator),
            ("${A:+x}", Fault::BadOperator),
            ("${A:}", Fault::BadOperator),
            ("${A:ä}", Fault::BadOperator),
            ("${A:-${B}}", Fault::Nested),
        ] {
            assert_eq!(read(text), [Err(fault)], "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_read_as_it_was(text in "([$]|[{]|[}]|a|:-|é){0,12}") {
            let read: Result<String, Fault> = pieces(&escaped(&text))
                .map(|(_, piece)| match piece? {
                    Piece::Text(text) => Ok(text.to_owned()),
                    Piece::Variable(reference) => Ok(format!("variable {}", reference.name)),
                })
                .collect();
            prop_assert_eq!(read, Ok(text));
        }

        #[test]
        fn pieces_are_a_whole(text in "([$]|[{]|[}]|a|:-|é){0,12}") {
            let mut end = 0;
            for (range, piece) in pieces(&text) {
                prop_assert_eq!(range.start, end);
                end = if piece.is_ok() { range.end } else { text.len() };
            }
            prop_assert_eq!(end, text.len());
        }
    }
}
