//! Mistakes against TOML itself, thinned out: one slip makes the parser stumble again and again. `Config::read` calls it.

use std::collections::HashSet;

use toml::de::Error;

use super::diagnostic::{Code, Diagnostic, Severity, Sink, Span};
use super::sources::Sources;

/// What is wrong with one file.
pub(super) struct Broken {
    /// The offset of that file.
    pub(super) base: usize,
    /// As the parser found them.
    pub(super) errors: Vec<Error>,
}

/// Reports the errors, after it has taken from `sink` what may only be a consequence of them.
pub(super) fn report(files: &[Broken], sink: &Sink, sources: &Sources) {
    let line = |span: &Span| {
        let place = sources.place(span);
        (span.start - place.span.start, place.start.0)
    };
    let causes: Vec<Vec<Diagnostic>> = files.iter().map(causes).collect();
    let spans = files.iter().flat_map(|file| file.errors.iter().filter_map(|it| file.span(it)));
    let broken: HashSet<_> = spans.map(|span| line(&span)).collect();
    // The tree is a guess where the syntax is broken: nothing in those lines is certain, nor that anything is absent.
    sink.retain(|diagnostic| {
        let on_broken_line =
            diagnostic.span.as_ref().is_some_and(|span| broken.contains(&line(span)));
        let certain = !on_broken_line && !diagnostic.code.claims_absence();
        certain && diagnostic.severity() == Severity::Error
    });
    let mut last_line = None;
    for diagnostic in causes.into_iter().flatten() {
        let this_line = diagnostic.span.as_ref().map(line);
        if this_line.is_none() || this_line != last_line {
            sink.report(diagnostic);
        }
        last_line = this_line;
    }
}

impl Broken {
    /// Where an error is, as all of the config counts.
    fn span(&self, error: &Error) -> Option<Span> {
        error.span().map(|span| span.start + self.base..span.end + self.base)
    }

    fn diagnostic(&self, error: &Error) -> Diagnostic {
        let (what, expected) = error.message().split_once(", ").unwrap_or((error.message(), ""));
        let problem = Diagnostic::new(Code::Syntax, format!("not TOML: {what}")).label(expected);
        match self.span(error) {
            Some(span) => problem.at(span),
            None => problem,
        }
    }
}

/// The errors, up to a bracket that is never closed: everything after it is read as a part of the list. The parser notices
/// that at the end of the file; people look for it where the list should have ended.
fn causes(file: &Broken) -> Vec<Diagnostic> {
    let errors = &file.errors;
    let diagnostic = |error: &Error| file.diagnostic(error);
    let unclosed = errors.iter().find(|error| error.message().starts_with("unclosed"));
    let Some(unclosed) = unclosed else { return errors.iter().map(diagnostic).collect() };
    let inside = |error: &Error| INSIDE.iter().any(|part| error.message().contains(part));
    let first = errors.iter().position(inside).unwrap_or(errors.len());
    let mut causes: Vec<Diagnostic> = errors[..first].iter().map(diagnostic).collect();
    let place = errors.get(first).or(Some(unclosed)).and_then(|error| file.span(error));
    causes.push(Diagnostic { span: place, ..diagnostic(unclosed) });
    causes
}

/// How the parser complains about what stands in a list and was meant to stand after it.
const INSIDE: [&str; 4] =
    ["between array elements", "in array", "between key-value pairs", "in inline table"];
