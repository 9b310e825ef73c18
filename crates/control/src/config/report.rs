//! Everything that is wrong with one config, and how it is shown: each mistake with its line and a caret under it.

use std::fmt;

use super::diagnostic::{Diagnostic, Severity, Span};
use super::sources::{Source, Sources};

mod excerpt;
mod json;

use excerpt::Excerpt;

pub use json::Verdict;

/// Everything that is wrong with one config: its errors, and then what is odd, each in the order of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    sources: Sources,
    /// At most [`SHOWN_MAX`].
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

/// Puts a colour around a word, or does not.
#[derive(Clone, Copy)]
struct Paint {
    colour: bool,
}

// === impl Report ===

impl Report {
    pub(super) fn new(sources: Sources, mut diagnostics: Vec<Diagnostic>) -> Self {
        // What keeps it from being used is to be seen first, however much is odd beside.
        diagnostics.sort_by_key(|diagnostic| {
            let is_warning = diagnostic.severity() == Severity::Warning;
            (is_warning, diagnostic.span.as_ref().map(|span| span.start))
        });
        let errors = count(&diagnostics, Severity::Error);
        let warnings = diagnostics.len() - errors;
        if diagnostics.len() > SHOWN_MAX && errors > 0 {
            diagnostics.retain(|diagnostic| diagnostic.severity() == Severity::Error);
        }
        diagnostics.truncate(SHOWN_MAX);
        Self { sources, diagnostics, errors, warnings }
    }

    /// What it is about: the file or line that was asked for, without what that includes.
    pub fn source(&self) -> &Source {
        self.sources.main()
    }

    /// All that it is about.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// What is wrong: errors first, each in the order of the files; what is about the whole of it comes first. Of very many, the first errors.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// As people read it, several lines for each mistake and one that counts them; in colour if asked.
    pub fn render(&self, colour: bool) -> String {
        let paint = Paint { colour };
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text.push_str(&self.render_one(diagnostic, paint));
            text.push('\n');
        }
        text.push_str(&self.summary());
        text
    }

    fn render_one(&self, diagnostic: &Diagnostic, paint: Paint) -> String {
        let severity = diagnostic.severity();
        let head = paint.severity(severity, &format!("{severity}[{}]", diagnostic.code));
        let mut text = format!("{head}: {}\n", paint.strong(&diagnostic.message));
        if let Some(span) = &diagnostic.span {
            text.push_str(&self.render_place(diagnostic, span, paint));
        }
        if let Some((span, what)) = diagnostic.related.as_deref() {
            let place = self.sources.place(span);
            let (name, (line, column)) = (&place.source.name, place.start);
            text.push_str(&format!("   {} {what}: {name}:{line}:{column}\n", paint.frame("=")));
        }
        if let Some(note) = &diagnostic.note {
            text.push_str(&format!("   {} note: {note}\n", paint.frame("=")));
        }
        if let Some(help) = &diagnostic.help {
            text.push_str(&format!("   {} help: {help}\n", paint.frame("=")));
        }
        text
    }

    fn render_place(&self, diagnostic: &Diagnostic, span: &Span, paint: Paint) -> String {
        let place = self.sources.place(span);
        let (name, (line, column)) = (&place.source.name, place.start);
        let excerpt = Excerpt::new(&place.source.text, &place.span);
        let carets = format!("{} {}", excerpt.carets, diagnostic.label);
        let bar = paint.frame("│");
        format!(
            "   {} {name}:{line}:{column}\n{} {bar} {}\n   {bar} {}{}\n",
            paint.frame("┌─"),
            paint.frame(&format!("{line:>2}")),
            excerpt.line,
            excerpt.indent,
            paint.severity(diagnostic.severity(), carets.trim_end()),
        )
    }

    fn summary(&self) -> String {
        let counted = |count: usize, noun: &str| match count {
            0 => None,
            1 => Some(format!("1 {noun}")),
            _ => Some(format!("{count} {noun}s")),
        };
        let counts = [counted(self.errors(), "error"), counted(self.warnings(), "warning")];
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        let counts = counts.join(", ");
        match self.diagnostics.len() {
            0 => String::new(),
            shown if shown < self.errors + self.warnings => {
                let are = if shown == 1 { "is" } else { "are" };
                format!("{counts}, of which {shown} {are} shown.\n")
            }
            _ => format!("{counts}.\n"),
        }
    }
}

fn count(diagnostics: &[Diagnostic], severity: Severity) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.severity() == severity).count()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

// === impl Paint ===

impl Paint {
    fn severity(self, severity: Severity, text: &str) -> String {
        match severity {
            Severity::Error => self.ansi("1;31", text),
            Severity::Warning => self.ansi("1;33", text),
        }
    }

    fn strong(self, text: &str) -> String {
        self.ansi("1", text)
    }

    fn frame(self, text: &str) -> String {
        self.ansi("34", text)
    }

    fn ansi(self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// More is not read by anybody, and a large file can have a mistake in every line.
const SHOWN_MAX: usize = 1000;

#[cfg(test)]
mod tests;
