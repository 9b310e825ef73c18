//! Mistakes against TOML itself, thinned out: one slip makes the parser stumble again and again. `Config::parse` calls it.

use toml::de::Error;

use super::diagnostic::{Code, Diagnostic, Severity, Sink, Span};
use super::report::Source;

/// Reports the errors, after it has taken from `sink` what may only be a consequence of them.
pub(super) fn report(errors: &[Error], sink: &Sink, source: &Source) {
    let line = |span: &Span| source.position(span.start).0;
    let broken: Vec<usize> =
        errors.iter().filter_map(Error::span).map(|span| line(&span)).collect();
    // The tree is a guess where the syntax is broken: nothing in those lines is certain, nor that anything is absent.
    sink.retain(|diagnostic| {
        let on_broken_line =
            diagnostic.span.as_ref().is_some_and(|span| broken.contains(&line(span)));
        let certain = !on_broken_line && !diagnostic.code.claims_absence();
        certain && diagnostic.severity() == Severity::Error
    });
    let mut last_line = 0;
    for diagnostic in causes(errors) {
        let this_line = diagnostic.span.as_ref().map_or(0, line);
        if this_line == 0 || this_line != last_line {
            sink.report(diagnostic);
        }
        last_line = this_line;
    }
}

/// The errors, up to a bracket that is never closed: everything after it is read as a part of the list. The parser notices
/// that at the end of the file; people look for it where the list should have ended.
fn causes(errors: &[Error]) -> Vec<Diagnostic> {
    let unclosed = errors.iter().find(|error| error.message().starts_with("unclosed"));
    let Some(unclosed) = unclosed else { return errors.iter().map(diagnostic).collect() };
    let inside = |error: &Error| INSIDE.iter().any(|part| error.message().contains(part));
    let first = errors.iter().position(inside).unwrap_or(errors.len());
    let mut causes: Vec<Diagnostic> = errors[..first].iter().map(diagnostic).collect();
    let place = errors.get(first).or(Some(unclosed)).and_then(Error::span);
    causes.push(Diagnostic { span: place, ..diagnostic(unclosed) });
    causes
}

fn diagnostic(error: &Error) -> Diagnostic {
    let (what, expected) = error.message().split_once(", ").unwrap_or((error.message(), ""));
    let problem = Diagnostic::new(Code::Syntax, format!("not TOML: {what}")).label(expected);
    match error.span() {
        Some(span) => problem.at(span),
        None => problem,
    }
}

/// How the parser complains about what stands in a list and was meant to stand after it.
const INSIDE: [&str; 4] =
    ["between array elements", "in array", "between key-value pairs", "in inline table"];
