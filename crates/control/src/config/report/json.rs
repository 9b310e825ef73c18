//! A report for programs: what `evenkeel check --json` prints. Its shape is in docs/config-tools.md, and keys are only added.

use serde::Serialize;

use super::super::diagnostic::{Diagnostic, Severity, Span};
use super::Report;

/// A report as it is serialized.
#[derive(Debug, Serialize)]
pub struct Verdict<'a> {
    file: &'a str,
    ok: bool,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    code: String,
    severity: &'static str,
    message: &'a str,
    label: Option<&'a str>,
    note: Option<&'a str>,
    help: Option<&'a str>,
    #[serde(flatten)]
    place: Location<'a>,
    related: Vec<Related<'a>>,
}

#[derive(Debug, Serialize)]
struct Related<'a> {
    message: &'a str,
    #[serde(flatten)]
    place: Location<'a>,
}

/// Lines and columns start at 1, columns count characters, and the end is behind the last one. They are `null` for what is
/// about a file as a whole.
#[derive(Debug, Serialize)]
struct Location<'a> {
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
}

impl Report {
    /// The same for programs; `ok` says whether the config may be used.
    pub fn verdict(&self, ok: bool) -> Verdict<'_> {
        Verdict {
            file: &self.source().name,
            ok,
            errors: self.errors(),
            warnings: self.warnings(),
            diagnostics: self.diagnostics.iter().map(|diagnostic| self.entry(diagnostic)).collect(),
        }
    }

    fn entry<'a>(&'a self, diagnostic: &'a Diagnostic) -> Entry<'a> {
        let related = diagnostic.related.as_deref();
        Entry {
            code: diagnostic.code.to_string(),
            severity: match diagnostic.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            message: &diagnostic.message,
            label: Some(&*diagnostic.label).filter(|label| !label.is_empty()),
            note: diagnostic.note.as_deref(),
            help: diagnostic.help.as_deref(),
            place: self.location(diagnostic.span.as_ref()),
            related: related
                .map(|(span, message)| Related { message, place: self.location(Some(span)) })
                .into_iter()
                .collect(),
        }
    }

    fn location(&self, span: Option<&Span>) -> Location<'_> {
        let Some(span) = span else {
            let file = &self.source().name;
            return Location { file, line: None, column: None, end_line: None, end_column: None };
        };
        let place = self.sources.place(span);
        let ((line, column), (end_line, end_column)) = (place.start, place.end);
        Location {
            file: &place.source.name,
            line: Some(line),
            column: Some(column),
            end_line: Some(end_line),
            end_column: Some(end_column),
        }
    }
}
