//! Variables in the strings of a config: `"${PORT:-8080}"`. `Config::read` expands each file after it is parsed, so that a
//! value never becomes syntax, and lets [`Expansions`] say afterwards what a wrong string was made from.

use std::ffi::OsString;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::BYTES_MAX;
use super::diagnostic::{Code, Diagnostic, Sink, Span, quoted, shortened};

mod faults;
mod reference;
mod secret;

use reference::{Otherwise, Piece, Reference, pieces};
pub(super) use secret::is_secret;

pub(super) use reference::escaped;

/// The value of a variable by its name, if it is set.
pub type Variables<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Expands the strings of files, and remembers what it did.
pub(super) struct Expander<'a> {
    variables: &'a Variables<'a>,
    sink: &'a Sink,
    /// How many more bytes values may add.
    left: usize,
    expansions: Expansions,
}

/// Which strings were expanded, and from what.
#[derive(Debug, Default)]
pub(super) struct Expansions {
    done: Vec<Expansion>,
    /// Strings that could not be expanded.
    failed: Vec<Span>,
}

#[derive(Debug)]
struct Expansion {
    span: Span,
    /// For people: `` `${PORT}` is "80x" ``; `None` where that is nobody's business.
    note: Option<String>,
}

/// One string that is being expanded.
struct Text<'t> {
    /// What it is before.
    value: &'t str,
    /// How it is written in the file, in quotes.
    raw: &'t str,
    span: Span,
    is_secret: bool,
}

/// The text of a file and its offset.
#[derive(Clone, Copy)]
struct File<'t> {
    text: &'t str,
    base: usize,
}

// === impl Expander ===

impl<'a> Expander<'a> {
    /// With the variables that there are.
    pub(super) fn new(variables: &'a Variables<'a>, sink: &'a Sink) -> Self {
        let left = usize::try_from(BYTES_MAX).unwrap_or(usize::MAX);
        Self { variables, sink, left, expansions: Expansions::default() }
    }

    /// Expands every string of a file's table, which was made from `text` at the offset `base`.
    pub(super) fn expand(&mut self, table: &mut DeTable<'_>, text: &str, base: usize) {
        self.table(table, File { text, base }, false);
    }

    /// What was done.
    pub(super) fn finish(mut self) -> Expansions {
        self.expansions.done.sort_by_key(|expansion| expansion.span.start);
        self.expansions.failed.sort_by_key(|span| span.start);
        self.expansions
    }

    fn table(&mut self, table: &mut DeTable<'_>, file: File<'_>, in_secret: bool) {
        for (key, value) in table.iter_mut() {
            self.value(value, file, in_secret || is_secret(key.get_ref()));
        }
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'_>>, file: File<'_>, is_secret: bool) {
        let span = value.span();
        match value.get_mut() {
            DeValue::Table(table) => self.table(table, file, is_secret),
            DeValue::Array(array) => {
                array.iter_mut().for_each(|item| self.value(item, file, is_secret));
            }
            DeValue::String(string) if string.contains('$') => {
                let local = span.start - file.base..span.end - file.base;
                let raw = file.text.get(local).unwrap_or_default();
                let expanded = self.string(&Text { value: string, raw, span, is_secret });
                *string = expanded.map_or_else(|| string.clone(), DeString::Owned);
            }
            _ => {}
        }
    }

    /// What the string becomes; `None` where that was reported as impossible.
    fn string(&mut self, text: &Text<'_>) -> Option<String> {
        let mut out = String::new();
        let (mut notes, mut secret, mut failed) = (Vec::new(), text.is_secret, false);
        for (range, piece) in pieces(text.value) {
            let reference = match piece {
                Ok(Piece::Text(piece)) => {
                    out.push_str(piece);
                    continue;
                }
                Ok(Piece::Variable(reference)) => Ok(reference),
                Err(fault) => Err(fault.diagnostic(&text.value[range.clone()])),
            };
            match reference.and_then(|it| self.look_up(&it).map(|value| (it, value))) {
                Ok((reference, value)) => {
                    secret |= is_secret(reference.name);
                    notes.push(format!(
                        "{} is \"{}\"",
                        quoted(reference.written),
                        shortened(&value)
                    ));
                    out.push_str(&value);
                }
                Err(problem) => {
                    failed = true;
                    self.sink.report(problem.at(text.place(range)));
                }
            }
        }
        let span = text.span.clone();
        if failed {
            self.expansions.failed.push(span);
            return None;
        }
        if !notes.is_empty() {
            let note = (!secret).then(|| notes.join(", "));
            self.expansions.done.push(Expansion { span, note });
        }
        Some(out)
    }

    fn look_up(&mut self, reference: &Reference<'_>) -> Result<String, Diagnostic> {
        let value = (self.variables)(reference.name).map(OsString::into_string);
        let value = value.transpose().map_err(|_| faults::not_text(reference.name))?;
        let value = match (value, &reference.otherwise) {
            (Some(value), Otherwise::Fail) => value,
            (Some(value), _) if !value.is_empty() => value,
            (_, Otherwise::Default(default)) => (*default).to_owned(),
            (None, Otherwise::Fail) => return Err(faults::unset(reference.name)),
            (_, Otherwise::Explain(why)) => return Err(faults::explained(reference.name, why)),
        };
        self.left = self.left.checked_sub(value.len()).ok_or_else(faults::too_large)?;
        Ok(value)
    }
}

// === impl Text ===

impl Text<'_> {
    /// Where the bytes `part` of the string are in the file, as far as the quotes and escapes allow to say.
    fn place(&self, part: std::ops::Range<usize>) -> Span {
        let verbatim = self.raw.find(self.value).map(|at| at + part.start);
        let at = verbatim.or_else(|| self.raw.find(&self.value[part.clone()]));
        match at {
            Some(at) => self.span.start + at..self.span.start + at + part.len(),
            None => self.span.clone(),
        }
    }
}

// === impl Expansions ===

impl Expansions {
    /// Whether there is a string of which nobody knows what it would be.
    pub(super) fn are_partial(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Drops what was said about strings that could not be expanded, and explains what was said about those that were.
    pub(super) fn explain(&self, diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.retain(|diagnostic| {
            let span = diagnostic.span.as_ref();
            diagnostic.code.is_of_expansion() || !span.is_some_and(|span| self.has_failed(span))
        });
        for diagnostic in diagnostics {
            if let Some(span) = diagnostic.span.clone() {
                self.explain_one(diagnostic, &span);
            }
        }
    }

    fn has_failed(&self, span: &Span) -> bool {
        let before = self.failed.partition_point(|failed| failed.start <= span.start);
        before.checked_sub(1).is_some_and(|last| is_in(span, &self.failed[last]))
    }

    fn explain_one(&self, diagnostic: &mut Diagnostic, span: &Span) {
        let first = self.done.partition_point(|expansion| expansion.span.end <= span.start);
        let inside = self.done[first..].iter().take_while(|it| it.span.start < span.end);
        let mut notes = Vec::new();
        for expansion in inside.take(NOTES_MAX) {
            match &expansion.note {
                Some(note) => notes.push(note.as_str()),
                None if is_in(span, &expansion.span) => return faults::hide(diagnostic),
                None => {}
            }
        }
        if notes.is_empty() {
            return;
        }
        if diagnostic.code == Code::WrongType {
            diagnostic.help = Some("a variable stands for a string, and for nothing else".into());
        }
        diagnostic.note = Some(notes.join(", ").into());
    }
}

fn is_in(span: &Span, other: &Span) -> bool {
    other.start <= span.start && span.end <= other.end
}

/// A mistake in a whole table is not about each of its strings.
const NOTES_MAX: usize = 3;

#[cfg(test)]
mod tests;
